/**
 * The one door through which submitted mail comes in, by SMTP and by HTTP: whoever may send as the From address, has room
 * in the day and no brake on gets the message into the queue. What resolves is on disk, synced.
 */
import { randomBytes } from 'node:crypto';
import { explain } from '../errors.ts';
import { Gather } from '../gather.ts';
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
    const known = await answered(rt.store.glance, credential.id, idempotency);
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

/** Messages in one group: some tens of milliseconds of the one writer. */
const GROUP = 300;

const groups = new WeakMap<Runtime['store'], Gather<Request, Accepted[]>>();

/** One for all doors of a process. */
function groupOf(rt: Runtime): Gather<Request, Accepted[]> {
  const known =
    groups.get(rt.store) ??
    new Gather<Request, Accepted[]>({
      store: rt.store,
      most: GROUP,
      weight: (request) => request.handed.length,
      write: (tx, requests) => takeGroup(rt, tx, requests, rt.clock.now()),
    });
  groups.set(rt.store, known);
  return known;
}
