/**
 * The one door through which submitted mail comes in, by SMTP and by HTTP: whoever may send as the From address, has room
 * in the day and no brake on gets the message into the queue. What resolves is on disk, synced.
 */
import { createHash, randomBytes } from 'node:crypto';
import { explain, Problem } from '../errors.ts';
import { checkAddress, explainAddressFault } from '../mail/address.ts';
import type { Prepared } from '../mail/submitted.ts';
import type { Runtime } from '../runtime.ts';
import {
  countSubmitted,
  credentialById,
  firstMailedSince,
  recipientsToday,
  rememberMailed,
  strangersAmong,
  DAY_MS,
  type Credential,
} from '../store/credential.ts';
import { sendingDomainByName } from '../store/identity.ts';
import { fromJson, toJson } from '../store/json.ts';
import { addRawMessage, RawSpool, type KeptRaw } from '../store/raw-message.ts';
import { addSubmission, idempotentAnswer, keepAnswer, type NewRecipient } from '../store/submission.ts';
import type { Db } from '../store/tables.ts';
import { brakeOn, NEW_WINDOW_MS } from './brake.ts';
import { holdCredential, maySendAs } from './credential.ts';
import { warnOwners } from './notice.ts';
import { Overload, pressureOf } from './pressure.ts';

export interface Recipient {
  address: string;
}

export interface Handed {
  via: 'smtp' | 'api';
  /** From `newPublicId`. */
  publicId: string;
  envelopeFrom: string;
  recipients: readonly Recipient[];
  message: Prepared;
  tags?: readonly string[];
  metadata?: Readonly<Record<string, string>>;
  /** When it leaves; now when absent. */
  sendAt?: number | undefined;
  /** RFC 8689. */
  requireTls?: boolean;
}

export interface Accepted {
  id: string;
  messageId: string;
  recipients: { address: string; refused: string | null }[];
  /** The credential's brake keeps it back. */
  held: boolean;
}

export const newPublicId = (): string => `msg_${randomBytes(15).toString('base64url')}`;

/** The row of the credential may be a minute old: what counts is read again in the transaction. */
export interface Terms {
  credential: Credential;
  /** The same key and body are answered the same, whatever happened to the first answer. */
  idempotency?: { key: string; bodyHash: string } | undefined;
}

/** Takes all of them or none. */
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
    const now = rt.clock.now();
    const accepted = await rt.store.write((tx) =>
      take(rt, tx, { credential, idempotency }, handed, kept, now),
    );
    rt.wake.ring('queue');
    if (accepted.some((one) => one.held)) rt.wake.ring('order');
    return accepted;
  } catch (error) {
    // Of two requests with one key that come at once, the other one's was kept.
    if (idempotency === undefined || !/unique/i.test(explain(error))) throw error;
    const known = await answered(rt.store.read, credential.id, idempotency);
    if (known === undefined) throw error;
    return known;
  } finally {
    leave();
    for (const spool of spools) await spool.drop();
  }
}

async function take(
  rt: Runtime,
  tx: Db,
  { credential: { id }, idempotency }: Terms,
  handed: readonly Handed[],
  kept: readonly KeptRaw[],
  now: number,
): Promise<Accepted[]> {
  if (idempotency !== undefined) {
    const known = await answered(tx, id, idempotency);
    if (known !== undefined) return known;
  }
  const credential = await credentialById(tx, id);
  if (credential === undefined || credential.state === 'revoked')
    throw new Problem('unauthenticated', 'the credential was revoked');
  const judged = handed.map((one) => ({ ...one, recipients: one.recipients.map((to) => judge(rt, to)) }));
  const held = await brake(rt, tx, credential, judged, now);

  const accepted: Accepted[] = [];
  for (const [at, one] of judged.entries()) {
    await add(tx, credential, one, kept[at] as KeptRaw, now);
    accepted.push({
      id: one.publicId,
      messageId: one.message.messageId,
      recipients: one.recipients.map(({ address, refused }) => ({ address, refused })),
      held,
    });
  }
  if (idempotency !== undefined)
    await keepAnswer(tx, {
      credential_id: id,
      key: idempotency.key,
      body_hash: idempotency.bodyHash,
      answer: toJson(accepted),
      created_at: now,
    });
  return accepted;
}

/** What the first request with this key was answered; a Problem when it asked for something else. */
export async function answered(
  db: Db,
  credentialId: number,
  { key, bodyHash }: { key: string; bodyHash: string },
): Promise<Accepted[] | undefined> {
  const row = await idempotentAnswer(db, credentialId, key);
  if (row === undefined) return undefined;
  if (row.body_hash !== bodyHash)
    throw new Problem('conflict', 'this Idempotency-Key was used for another request');
  return fromJson<Accepted[]>(row.answer, []);
}

/** Whether From is ours and the credential's. Throws what the program is told. */
export async function checkFrom(
  db: Db,
  credential: Credential,
  from: { address: string; domain: string },
): Promise<number> {
  const fault = (words: string) => new Problem('forbidden', `from ${words}`, { fields: { from: words } });
  const domain = await sendingDomainByName(db, from.domain);
  if (domain === undefined) throw fault(`${from.domain} is not one of the sending domains`);
  if (!maySendAs(credential, from.address)) throw fault(`${from.address} is not allowed to this credential`);
  return domain.id;
}

/** Addresses that bounced for good or complained are not mailed; an unsubscribe from marketing stops no receipt. */
function judge({ suppressions }: Runtime, { address }: Recipient): NewRecipient {
  const reading = checkAddress(address);
  if (reading.kind === 'invalid')
    throw new Problem('invalid', `to: ${address} ${explainAddressFault(reading.fault)}`, {
      fields: { to: explainAddressFault(reading.fault) },
    });
  const may = suppressions.mayMail({
    address: reading.address.key,
    lane: 'transactional',
    listId: null,
    brandId: null,
  });
  return {
    address: reading.address.address,
    refused: may.kind === 'may' ? null : `suppressed: ${may.reason}`,
  };
}

async function brake(
  rt: Runtime,
  tx: Db,
  credential: Credential,
  judged: readonly { recipients: NewRecipient[] }[],
  now: number,
): Promise<boolean> {
  const addresses = judged.flatMap((one) => one.recipients.filter((to) => to.refused === null));
  const byHash = new Map(
    addresses.map(({ address }) => [
      mailedHash(address),
      { hash: mailedHash(address), address: address.toLowerCase() },
    ]),
  );
  const strangers = await strangersAmong(tx, [...byHash.values()]);
  const verdict = brakeOn(credential, {
    wanted: addresses.length,
    today: await recipientsToday(tx, credential.id, now),
    strangers: strangers.size,
    // A release begins the hour anew.
    strangersThisHour: await firstMailedSince(
      tx,
      credential.id,
      Math.max(now - NEW_WINDOW_MS, credential.changed_at - 1),
    ),
  });
  if (verdict.kind === 'capped')
    throw new Overload(
      `the credential may mail ${credential.daily_cap} recipients a day`,
      Math.ceil((DAY_MS - (now % DAY_MS)) / 1000),
    );
  await countSubmitted(tx, credential.id, { messages: judged.length, recipients: addresses.length }, now);
  if (verdict.kind === 'go') {
    await rememberMailed(tx, credential.id, [...strangers], now);
    return false;
  }
  if (await holdCredential(tx, credential.id, verdict.reason, { userId: null }, now))
    await warnOwners(rt, tx, credential, verdict.reason, now);
  return true;
}

/** By hash: the table need not tell whom we mailed. */
const mailedHash = (address: string): string =>
  createHash('sha256').update(address.toLowerCase()).digest('hex').slice(0, 32);

async function add(
  tx: Db,
  credential: Credential,
  one: Omit<Handed, 'recipients'> & { recipients: NewRecipient[] },
  raw: KeptRaw,
  now: number,
): Promise<void> {
  const { message } = one;
  const sendingDomainId = await checkFrom(tx, credential, message.from);
  await addRawMessage(tx, raw, now);
  const tags = [...new Set(one.tags ?? [])];
  await addSubmission(
    tx,
    {
      public_id: one.publicId,
      credential_id: credential.id,
      via: one.via,
      sending_domain_id: sendingDomainId,
      envelope_from: one.envelopeFrom,
      from_address: message.from.key,
      subject: message.subject.slice(0, 1000),
      message_id: message.messageId,
      tags: toJson(tags),
      metadata: toJson(one.metadata ?? {}),
      raw_hash: raw.hash,
      size: raw.size,
      smtputf8: message.needsSmtputf8 ? 1 : 0,
      require_tls: one.requireTls === true ? 1 : 0,
      send_at: Math.max(now, one.sendAt ?? now),
      created_at: now,
      cancelled_at: null,
    },
    tags,
    one.recipients,
    now,
  );
}
