/**
 * Requests that wait together are judged one by one and written together: what the judgement needs is read once for all of
 * them, and each table gets one statement. A refusal concerns one request; a fault of the store makes each try for itself.
 */
import { createHash } from 'node:crypto';
import { Problem } from '../errors.ts';
import type { Judged as Judgement } from '../gather.ts';
import { checkAddress, explainAddressFault } from '../mail/address.ts';
import type { Prepared } from '../mail/submitted.ts';
import type { Runtime } from '../runtime.ts';
import {
  countSubmitted,
  credentialsByIds,
  firstMailedSince,
  recipientsToday,
  rememberMailed,
  strangersAmong,
  DAY_MS,
  type Credential,
} from '../store/credential.ts';
import { sendingDomainsByName } from '../store/identity.ts';
import { fromJson, toJson } from '../store/json.ts';
import { addRawMessages, type KeptRaw } from '../store/raw-message.ts';
import {
  addSubmissions,
  idempotentAnswers,
  keepAnswers,
  type NewRecipient,
  type NewSubmission,
} from '../store/submission.ts';
import type { Db, NewRow } from '../store/tables.ts';
import { brakeOn, NEW_WINDOW_MS } from './brake.ts';
import { holdCredential, maySendAs } from './credential.ts';
import { warnOwners } from './notice.ts';
import { Overload } from './pressure.ts';

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

/** The row of the credential may be a minute old: what counts is read again in the transaction. */
export interface Terms {
  credential: Credential;
  /** The same key and body are answered the same, whatever happened to the first answer. */
  idempotency?: { key: string; bodyHash: string } | undefined;
}

export interface Request {
  credentialId: number;
  idempotency: Terms['idempotency'];
  handed: readonly Handed[];
  kept: readonly KeptRaw[];
}

/** What became of one request of a group: the others do not hear of its refusal. */
export type Outcome = Judgement<Accepted[]>;

/** What a group needs to know, read once for all of its requests and kept current while they are judged one by one. */
interface Ledger {
  credentials: Map<number, Credential>;
  domains: Map<string, number>;
  answers: Map<string, { body_hash: string; answer: string }>;
  /** Recipients of today, by credential. */
  today: Map<number, number>;
  strangersThisHour: Map<number, number>;
  /** By hash: never mailed by anybody. */
  strangers: Set<string>;
}

type Judged = Omit<Handed, 'recipients'> & { recipients: NewRecipient[] };

export async function takeGroup(
  rt: Runtime,
  tx: Db,
  requests: readonly Request[],
  now: number,
): Promise<Outcome[]> {
  const judged = requests.map(({ handed }) => attempt(() => handed.map((one) => judgedOf(rt, one))));
  const ledger = await ledgerOf(tx, requests, judged, now);
  const writing: Writing = { submissions: [], raws: [], answers: [], counted: new Map(), mailed: new Map() };
  const outcomes: Outcome[] = [];
  for (const [at, request] of requests.entries()) {
    const messages = judged[at] as ReturnType<typeof attempt<Judged[]>>;
    if ('refused' in messages) {
      outcomes.push(messages);
      continue;
    }
    try {
      outcomes.push({ done: await takeOne(rt, tx, request, messages.done, ledger, writing, now) });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      outcomes.push({ refused: error });
    }
  }
  await write(tx, writing, now);
  return outcomes;
}

function attempt<T>(work: () => T): { done: T } | { refused: Problem } {
  try {
    return { done: work() };
  } catch (error) {
    if (error instanceof Problem) return { refused: error };
    throw error;
  }
}

async function ledgerOf(
  tx: Db,
  requests: readonly Request[],
  judged: readonly ReturnType<typeof attempt<Judged[]>>[],
  now: number,
): Promise<Ledger> {
  const ids = [...new Set(requests.map((one) => one.credentialId))];
  const credentials = new Map((await credentialsByIds(tx, ids)).map((row) => [row.id, row]));
  const names = new Set(requests.flatMap((one) => one.handed.map(({ message }) => message.from.domain)));
  const domains = new Map((await sendingDomainsByName(tx, [...names])).map((row) => [row.name, row.id]));
  const asked = requests.flatMap(({ credentialId, idempotency }) =>
    idempotency === undefined ? [] : [{ credentialId, key: idempotency.key }],
  );
  const answers = new Map(
    (await idempotentAnswers(tx, asked)).map((row) => [`${row.credential_id} ${row.key}`, row]),
  );
  const strangersThisHour = new Map<number, number>();
  for (const credential of credentials.values()) {
    // A release begins the hour anew.
    const since = Math.max(now - NEW_WINDOW_MS, credential.changed_at - 1);
    strangersThisHour.set(credential.id, await firstMailedSince(tx, credential.id, since));
  }
  const written = judged.flatMap((one) => ('done' in one ? one.done.flatMap(mailable) : []));
  const byHash = new Map(
    written.map((address) => [
      mailedHash(address),
      { hash: mailedHash(address), address: address.toLowerCase() },
    ]),
  );
  return {
    credentials,
    domains,
    answers,
    today: await recipientsToday(tx, ids, now),
    strangersThisHour,
    strangers: await strangersAmong(tx, [...byHash.values()]),
  };
}

const mailable = (one: Judged): string[] =>
  one.recipients.flatMap((to) => (to.refused === null ? [to.address] : []));

const judgedOf = (rt: Runtime, one: Handed): Judged => ({
  ...one,
  recipients: one.recipients.map((to) => judge(rt, to)),
});

async function takeOne(
  rt: Runtime,
  tx: Db,
  { credentialId, idempotency, kept }: Request,
  messages: readonly Judged[],
  ledger: Ledger,
  writing: Writing,
  now: number,
): Promise<Accepted[]> {
  const key = `${credentialId} ${idempotency?.key ?? ''}`;
  const known = idempotency === undefined ? undefined : ledger.answers.get(key);
  if (idempotency !== undefined && known !== undefined) return sameAnswer(known, idempotency.bodyHash);
  const credential = ledger.credentials.get(credentialId);
  if (credential === undefined || credential.state === 'revoked')
    throw new Problem('unauthenticated', 'the credential was revoked');
  const froms = messages.map(({ message }) => senderOf(ledger.domains, credential, message.from));
  const held = await brake(rt, tx, credential, messages, ledger, writing, now);
  const accepted = messages.map((one) => ({
    id: one.publicId,
    messageId: one.message.messageId,
    recipients: one.recipients.map(({ address, refused }) => ({ address, refused })),
    held,
  }));
  for (const [at, one] of messages.entries()) {
    const raw = kept[at] as KeptRaw;
    writing.raws.push(raw);
    writing.submissions.push(rowsOf(credential, one, raw, froms[at] as number, now));
  }
  if (idempotency !== undefined) {
    const row = {
      credential_id: credentialId,
      key: idempotency.key,
      body_hash: idempotency.bodyHash,
      answer: toJson(accepted),
      created_at: now,
    };
    ledger.answers.set(key, row);
    writing.answers.push(row);
  }
  return accepted;
}

/** What the group leaves behind, by table. */
interface Writing {
  submissions: NewSubmission[];
  raws: KeptRaw[];
  answers: NewRow<'idempotency_key'>[];
  counted: Map<number, { messages: number; recipients: number }>;
  /** Hashes of whom each credential was the first to mail. */
  mailed: Map<number, string[]>;
}

async function write(tx: Db, { submissions, raws, answers, counted, mailed }: Writing, now: number) {
  for (const [id, counts] of counted) await countSubmitted(tx, id, counts, now);
  for (const [id, hashes] of mailed) await rememberMailed(tx, id, hashes, now);
  await addRawMessages(tx, raws, now);
  await addSubmissions(tx, submissions, now);
  await keepAnswers(tx, answers, now);
}

export function sameAnswer(row: { body_hash: string; answer: string }, bodyHash: string): Accepted[] {
  if (row.body_hash !== bodyHash)
    throw new Problem('conflict', 'this Idempotency-Key was used for another request');
  return fromJson<Accepted[]>(row.answer, []);
}

/** Whether From is ours and the credential's. Throws what the program is told. */
export function senderOf(
  domains: ReadonlyMap<string, number>,
  credential: Credential,
  from: { address: string; domain: string },
): number {
  const fault = (words: string) => new Problem('forbidden', `from ${words}`, { fields: { from: words } });
  const id = domains.get(from.domain);
  if (id === undefined) throw fault(`${from.domain} is not one of the sending domains`);
  if (!maySendAs(credential, from.address)) throw fault(`${from.address} is not allowed to this credential`);
  return id;
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

/** True: taken, and kept back. The ledger and what is to be written hold what was used of the limits. */
async function brake(
  rt: Runtime,
  tx: Db,
  credential: Credential,
  messages: readonly Judged[],
  ledger: Ledger,
  { counted, mailed }: Writing,
  now: number,
): Promise<boolean> {
  const { id } = credential;
  const addresses = messages.flatMap(mailable);
  const fresh = [...new Set(addresses.map(mailedHash))].filter((hash) => ledger.strangers.has(hash));
  const today = ledger.today.get(id) ?? 0;
  const strangersThisHour = ledger.strangersThisHour.get(id) ?? 0;
  const verdict = brakeOn(credential, {
    wanted: addresses.length,
    today,
    strangers: fresh.length,
    strangersThisHour,
  });
  if (verdict.kind === 'capped')
    throw new Overload(
      `the credential may mail ${credential.daily_cap} recipients a day`,
      Math.ceil((DAY_MS - (now % DAY_MS)) / 1000),
    );
  ledger.today.set(id, today + addresses.length);
  const sofar = counted.get(id) ?? { messages: 0, recipients: 0 };
  counted.set(id, {
    messages: sofar.messages + messages.length,
    recipients: sofar.recipients + addresses.length,
  });
  if (verdict.kind === 'go') {
    ledger.strangersThisHour.set(id, strangersThisHour + fresh.length);
    for (const hash of fresh) ledger.strangers.delete(hash);
    mailed.set(id, [...(mailed.get(id) ?? []), ...fresh]);
    return false;
  }
  if (await holdCredential(tx, id, verdict.reason, { userId: null }, now))
    await warnOwners(rt, tx, credential, verdict.reason, now);
  // The others of this group find it held.
  if (credential.state === 'active')
    ledger.credentials.set(id, { ...credential, state: 'held', reason: verdict.reason });
  return true;
}

/** By hash: the table need not tell whom we mailed. */
export const mailedHash = (address: string): string =>
  createHash('sha256').update(address.toLowerCase()).digest('hex').slice(0, 32);

function rowsOf(
  credential: Credential,
  one: Judged,
  raw: KeptRaw,
  sendingDomainId: number,
  now: number,
): NewSubmission {
  const { message } = one;
  const tags = [...new Set(one.tags ?? [])];
  return {
    row: {
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
    recipients: one.recipients,
  };
}
