/**
 * Pulls the mail of connected mailboxes into the same path that port 25 fills: each message is kept with the place behind
 * it in one transaction, and only then marked or moved over there. A line that breaks is taken up again where it was.
 */
import { explain } from '../core/errors.ts';
import { openImapSecret, sealImapSecret } from '../core/imap-account.ts';
import type { Runtime } from '../core/runtime.ts';
import {
  changeImapAccount,
  imapAccounts,
  isKept,
  passedUid,
  type ImapAccount,
} from '../core/store/imap-account.ts';
import { addInbound } from '../core/store/inbound.ts';
import { mailboxById } from '../core/store/identity.ts';
import { addRawMessage, RawSpool } from '../core/store/raw-message.ts';
import { accessToken, connectImap, ImapFault, type ImapSession } from './imap-client.ts';
import { pulledEnvelope } from './imap-recipient.ts';
import type { RecipientVerdict } from './recipient.ts';

export interface PullerOptions {
  rt: Runtime;
  judge: (address: string) => Promise<RecipientVerdict>;
  /** Tests speak to a scripted session. */
  connect?: typeof connectImap;
  /** Real time: between looks when the server says nothing of new mail by itself. */
  lookEveryMs?: number;
}

const LOOK_EVERY_MS = 5 * 60_000;
const FIRST_PAUSE_MS = 5000;
const LONGEST_PAUSE_MS = 15 * 60_000;
/** Marked or moved together. */
const AFTER_AT_ONCE = 50;

export class ImapPuller {
  readonly #options: PullerOptions;
  readonly #pulls = new Map<number, { key: string; ended: AbortController; done: Promise<void> }>();
  #off: (() => void) | undefined;
  #adjusting: Promise<void> = Promise.resolve();

  constructor(options: PullerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { wake, log } = this.#options.rt;
    const adjust = () => {
      this.#adjusting = this.#adjusting
        .then(() => this.#adjust())
        .catch((error: unknown) => log.error('connected mailboxes not read', { error: explain(error) }));
      return this.#adjusting;
    };
    this.#off = wake.on('settings', () => void adjust());
    await adjust();
  }

  async stop(): Promise<void> {
    this.#off?.();
    await this.#adjusting;
    for (const pull of this.#pulls.values()) pull.ended.abort();
    await Promise.all([...this.#pulls.values()].map((pull) => pull.done));
    this.#pulls.clear();
  }

  /** Begins, ends and begins anew what the settings now say. */
  async #adjust(): Promise<void> {
    const rows = (await imapAccounts(this.#options.rt.store.read)).filter((row) => row.paused === 0);
    const wanted = new Map(rows.map((row) => [row.id, `${row.updated_at}`]));
    for (const [id, pull] of this.#pulls) {
      if (wanted.get(id) === pull.key) continue;
      pull.ended.abort();
      await pull.done;
      this.#pulls.delete(id);
    }
    for (const row of rows) {
      if (this.#pulls.has(row.id)) continue;
      const ended = new AbortController();
      this.#pulls.set(row.id, {
        key: `${row.updated_at}`,
        ended,
        done: this.#pull(row, ended.signal),
      });
    }
  }

  /** One mailbox, until it is told to end: connect, take, wait; after a fault, later again. */
  async #pull(row: ImapAccount, signal: AbortSignal): Promise<void> {
    const { rt } = this.#options;
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      try {
        await this.#session(row, signal, () => (pauseMs = FIRST_PAUSE_MS));
      } catch (error) {
        if (signal.aborted) return;
        const says = error instanceof ImapFault ? `${error.step}: ${error.message}` : explain(error);
        rt.log.warn('connected mailbox not read', { account: row.name, error: says });
        rt.metrics.count('imap_faults_total', { account: row.name });
        await this.#note(row.id, { error: says, error_at: rt.clock.now() });
        // A wrong password is not tried every few seconds: providers lock accounts for that.
        if (error instanceof ImapFault && error.step === 'auth') pauseMs = LONGEST_PAUSE_MS;
        await sleep(pauseMs, signal);
        pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
      }
    }
  }

  async #session(row: ImapAccount, signal: AbortSignal, wentWell: () => void): Promise<void> {
    const { rt, connect = connectImap, lookEveryMs = LOOK_EVERY_MS } = this.#options;
    const session = await connect(row, await this.#credential(row));
    const hangUp = () => void session.close();
    signal.addEventListener('abort', hangUp, { once: true });
    try {
      const cursor = await this.#begin(row, session);
      while (!signal.aborted) {
        await this.#take(row, session, cursor, signal);
        await this.#note(row.id, { checked_at: rt.clock.now(), error: null, error_at: null });
        wentWell();
        await session.wait(lookEveryMs, signal);
      }
    } finally {
      signal.removeEventListener('abort', hangUp);
      await session.close();
    }
  }

  async #credential(row: ImapAccount): Promise<string> {
    const { rt } = this.#options;
    const secret = openImapSecret(rt.secrets, row);
    if (row.auth === 'password') return secret.password ?? '';
    const { token, refreshToken } = await accessToken(row.token_url, secret);
    // Some servers give another refresh token each time, and the old one is dead.
    if (refreshToken !== undefined)
      await this.#note(row.id, {
        sealed: sealImapSecret(rt.secrets, { ...secret, refresh_token: refreshToken }),
      });
    return token;
  }

  /** Where to read on from. The first time that is now: what lay there before is none of ours to touch. */
  async #begin(row: ImapAccount, session: ImapSession): Promise<{ uid: number; uidValidity: string }> {
    const { rt } = this.#options;
    const folder = await session.open(row.folder);
    if (row.uid_validity === folder.uidValidity && row.last_uid !== null)
      return { uid: row.last_uid, uidValidity: folder.uidValidity };
    const isFirst = row.uid_validity === null;
    // Numbered anew: everything that lies there is looked at again, and what is here already is passed over.
    const uid = isFirst ? Math.max(0, folder.uidNext - 1) : 0;
    if (!isFirst) rt.log.warn('a connected folder was numbered anew', { account: row.name });
    Object.assign(row, { uid_validity: folder.uidValidity, last_uid: uid, first_uid: uid + 1 });
    await this.#note(row.id, { uid_validity: folder.uidValidity, last_uid: uid, first_uid: uid + 1 });
    return { uid, uidValidity: folder.uidValidity };
  }

  async #take(
    row: ImapAccount,
    session: ImapSession,
    cursor: { uid: number; uidValidity: string },
    signal: AbortSignal,
  ): Promise<void> {
    const { rt } = this.#options;
    let kept: number[] = [];
    const tidy = async () => {
      if (row.after === 'seen') await session.markSeen(kept);
      if (row.after === 'move') await session.move(kept, row.move_to);
      kept = [];
    };
    for (const { uid, size } of await session.after(cursor.uid)) {
      if (signal.aborted) return;
      const isTooLarge = size > rt.config.inbound.max_size;
      const raw = isTooLarge ? undefined : await session.source(uid);
      if (isTooLarge) rt.log.warn('a message is too large to be pulled', { account: row.name, uid, size });
      const place = { uidValidity: cursor.uidValidity, uid };
      if (raw === undefined)
        await rt.store.write((tx) => passedUid(tx, row.id, { ...place, taken: false }, rt.clock.now()));
      else if (await this.#keep(row, raw, place)) kept.push(uid);
      cursor.uid = uid;
      row.last_uid = uid;
      if (kept.length >= AFTER_AT_ONCE) await tidy();
    }
    await tidy();
  }

  /** The message and the place behind it, or neither. True: safe here, also when it was before. */
  async #keep(row: ImapAccount, raw: Buffer, place: { uidValidity: string; uid: number }): Promise<boolean> {
    const { rt } = this.#options;
    const { mailFrom, candidates } = pulledEnvelope(raw);
    const rcptTo = await this.#recipients(row, candidates);
    const spool = new RawSpool(rt.config.data_dir);
    try {
      await spool.write(raw);
      const { ...kept } = await spool.keep();
      const now = rt.clock.now();
      const isNew = await rt.store.write(async (tx) => {
        const isHere = await isKept(tx, kept.hash);
        await passedUid(tx, row.id, { ...place, taken: !isHere }, now);
        if (isHere) return false;
        await addRawMessage(tx, kept, now);
        await addInbound(
          tx,
          { mailFrom, rcptTo, remoteIp: '', helo: '', tls: '', rawHash: kept.hash, size: kept.size },
          now,
        );
        return true;
      });
      if (isNew) {
        rt.metrics.count('inbound_received');
        rt.wake.ring('inbound');
      }
      return true;
    } finally {
      await spool.drop();
    }
  }

  /** Those that are ours; nobody named: the mailbox that it was pulled for. */
  async #recipients(row: ImapAccount, candidates: readonly string[]): Promise<string[]> {
    const { rt, judge } = this.#options;
    const ours = new Set<string>();
    for (const candidate of candidates) {
      const verdict = await judge(candidate);
      if (verdict.kind === 'accept') ours.add(verdict.address);
    }
    if (ours.size === 0) {
      const mailbox = await mailboxById(rt.store.read, row.mailbox_id);
      if (mailbox !== undefined) ours.add(mailbox.address);
    }
    return [...ours];
  }

  #note(id: number, patch: Parameters<typeof changeImapAccount>[2]): Promise<void> {
    return this.#options.rt.store.write((tx) => changeImapAccount(tx, id, patch));
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
