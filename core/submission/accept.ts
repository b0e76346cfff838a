/**
 * The one door through which submitted mail comes in, by SMTP and by HTTP: whoever may send as the From address, has room
 * in the day and no brake on gets the message into the queue. What resolves is on disk, synced.
 */
import { randomBytes } from 'node:crypto';
import { explain } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import type { Credential } from '../store/credential.ts';
import { sendingDomainByName } from '../store/identity.ts';
import { RawSpool, type KeptRaw } from '../store/raw-message.ts';
import { idempotentAnswer } from '../store/submission.ts';
import type { Db } from '../store/tables.ts';
import {
  sameAnswer,
  senderOf,
  takeGroup,
  type Accepted,
  type Handed,
  type Outcome,
  type Request,
  type Terms,
} from './group.ts';
import { pressureOf } from './pressure.ts';

export type { Accepted, Handed, Recipient, Terms } from './group.ts';

export const newPublicId = (): string => `msg_${randomBytes(15).toString('base64url')}`;

/** Takes all of them or none. Requests that wait together, of whatever credential and door, share one set of statements. */
export async function accept(
  rt: Runtime,
  { credential, idempotency }: Terms,
  handed: readonly Handed[],
): Promise<Accepted[]> {
  const leave = pressureOf(rt).enter();
  const spools: RawSpool[] = [];
  try {
    const kept: KeptRaw[] = [];
    for (const { message } of handed) {
      const spool = new RawSpool(rt.config.data_dir);
      spools.push(spool);
      await spool.write(message.bytes);
      kept.push(await spool.keep());
    }
    const accepted = await groupOf(rt).take({ credentialId: credential.id, idempotency, handed, kept });
    rt.wake.ring('queue');
    if (accepted.some((one) => one.held)) rt.wake.ring('order');
    return accepted;
  } catch (error) {
    // Of two requests with one key that come at once, the other one's was kept (by another node).
    if (idempotency === undefined || !/unique/i.test(explain(error))) throw error;
    const known = await answered(rt.store.read, credential.id, idempotency);
    if (known === undefined) throw error;
    return known;
  } finally {
    leave();
    for (const spool of spools) await spool.drop();
  }
}

/** What the first request with this key was answered; a Problem when it asked for something else. */
export async function answered(
  db: Db,
  credentialId: number,
  { key, bodyHash }: { key: string; bodyHash: string },
): Promise<Accepted[] | undefined> {
  const row = await idempotentAnswer(db, credentialId, key);
  return row === undefined ? undefined : sameAnswer(row, bodyHash);
}

/** Whether From is ours and the credential's. Throws what the program is told. */
export async function checkFrom(
  db: Db,
  credential: Credential,
  from: { address: string; domain: string },
): Promise<number> {
  const domain = await sendingDomainByName(db, from.domain);
  return senderOf(new Map(domain === undefined ? [] : [[domain.name, domain.id]]), credential, from);
}

interface Waiting {
  request: Request;
  resolve: (accepted: Accepted[]) => void;
  reject: (error: unknown) => void;
}

/** Messages in one group: some tens of milliseconds of the one writer. */
const GROUP = 300;

/** Requests wait here while the group before them is written. */
class Group {
  readonly #rt: Runtime;
  readonly #waiting: Waiting[] = [];
  #isRunning = false;

  constructor(rt: Runtime) {
    this.#rt = rt;
  }

  take(request: Request): Promise<Accepted[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    // Whoever speaks in this turn of the event loop is heard before the first group begins.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#write(this.#next());
    this.#isRunning = false;
  }

  #next(): Waiting[] {
    const group: Waiting[] = [];
    let messages = 0;
    while (this.#waiting.length > 0 && (group.length === 0 || messages < GROUP)) {
      const one = this.#waiting.shift() as Waiting;
      messages += one.request.handed.length;
      group.push(one);
    }
    return group;
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    const { store, clock } = this.#rt;
    try {
      const outcomes = await store.write((tx) =>
        takeGroup(
          this.#rt,
          tx,
          group.map((one) => one.request),
          clock.now(),
        ),
      );
      group.forEach((one, at) => {
        const outcome = outcomes[at] as Outcome;
        if ('refused' in outcome) one.reject(outcome.refused);
        else one.resolve(outcome.accepted);
      });
    } catch (error) {
      if (group.length === 1) return group[0]?.reject(error);
      // One of them cannot be written: each for itself, so that the others are.
      for (const one of group) await this.#write([one]);
    }
  }
}

const groups = new WeakMap<Runtime['store'], Group>();

/** One for all doors of a process. */
function groupOf(rt: Runtime): Group {
  const known = groups.get(rt.store) ?? new Group(rt);
  groups.set(rt.store, known);
  return known;
}
