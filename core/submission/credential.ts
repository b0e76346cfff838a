/**
 * What a program logs in with. Its secret is 256 random bits, made here, shown once and kept as a SHA-256: nobody can
 * guess it, so no slow hash is needed, and a login costs nothing that a stranger could use up.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Problem } from '../errors.ts';
import { explainAddressFault, checkAddress } from '../mail/address.ts';
import { asciiDomain } from '../mail/domain.ts';
import type { Runtime } from '../runtime.ts';
import {
  addCredential,
  changeCredential,
  credentialById,
  credentialByUsername,
  touchCredential,
  type Credential,
} from '../store/credential.ts';
import { addEvents } from '../store/event.ts';
import { sendingDomains } from '../store/identity.ts';
import { fromJson, toJson } from '../store/json.ts';
import { addOrder, openOrders, releaseOrder } from '../store/queue-order.ts';
import type { Db } from '../store/tables.ts';

/** So many a day and an hour until somebody says otherwise: enough for a small shop, little for a thief. */
export const DEFAULT_LIMITS = { daily_cap: 10_000, new_recipients_per_hour: 100, bounce_percent: 10 };

/** An API key hands in mail, or tells events, or both. */
export const scopes = ['mail', 'events'] as const;
export type Scope = (typeof scopes)[number];

export interface NewCredential {
  name: string;
  kind: Credential['kind'];
  brandId?: number | null;
  senders: readonly string[];
  /** What an API key may do; mail when absent. */
  scopes?: readonly Scope[] | undefined;
  limits?: Partial<typeof DEFAULT_LIMITS>;
  userId?: number | null;
}

export interface Issued {
  credential: Credential;
  /** The SMTP password, or the whole API key. Nobody can read it again. */
  secret: string;
}

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');
const KEY = /^parley_([a-z0-9]{14})_([A-Za-z0-9_-]{43})$/;

/** A new credential, within somebody's transaction. */
export async function issueCredential(tx: Db, wanted: NewCredential, now: number): Promise<Issued> {
  const name = wanted.name.trim();
  if (name === '')
    throw new Problem('invalid', 'give it a name', { fields: { name: 'say what program it is for' } });
  const may: readonly Scope[] = wanted.kind === 'smtp' ? ['mail'] : (wanted.scopes ?? ['mail']);
  if (may.length === 0)
    throw new Problem('invalid', 'say what the key is for', { fields: { scopes: 'choose at least one' } });
  // A key that tells events only can stand in no From, whatever becomes of it.
  const senders = may.includes('mail') ? await checkSenders(tx, wanted.senders) : [];
  const random = randomBytes(32).toString('base64url');
  const username = `${wanted.kind === 'smtp' ? 'sm' : 'ak'}${randomBytes(6).toString('hex')}`;
  const credential = await addCredential(tx, {
    name: name.slice(0, 100),
    kind: wanted.kind,
    username,
    secret_hash: hashOf(random),
    brand_id: wanted.brandId ?? null,
    senders: toJson(senders),
    scopes: toJson([...new Set(may)]),
    ...DEFAULT_LIMITS,
    ...wanted.limits,
    state: 'active',
    reason: '',
    changed_at: now,
    created_by: wanted.userId ?? null,
    created_at: now,
    last_used_at: null,
  });
  await tell(tx, 'credential_made', credential, { by: wanted.userId ?? null }, now);
  return { credential, secret: wanted.kind === 'smtp' ? random : `parley_${username}_${random}` };
}

/** Addresses and @domains of our own, in the form that is compared. */
export async function checkSenders(db: Db, senders: readonly string[]): Promise<string[]> {
  const ours = new Set((await sendingDomains(db)).map((domain) => domain.name));
  const fault = (words: string) =>
    new Problem('invalid', `senders: ${words}`, { fields: { senders: words } });
  const checked = senders.map((sender) => {
    const text = sender.trim();
    if (text.startsWith('@')) {
      const domain = asciiDomain(text.slice(1));
      if (domain === undefined) throw fault(`${text} is no domain`);
      if (!ours.has(domain)) throw fault(`${domain} is not one of the sending domains`);
      return `@${domain}`;
    }
    const reading = checkAddress(text);
    if (reading.kind === 'invalid') throw fault(`${text} ${explainAddressFault(reading.fault)}`);
    if (!ours.has(reading.address.domain))
      throw fault(`${reading.address.domain} is not one of the sending domains`);
    return reading.address.key;
  });
  if (checked.length === 0) throw fault('name at least one address or @domain');
  return [...new Set(checked)];
}

/** Whether an address may stand in From. */
export function maySendAs(credential: Pick<Credential, 'senders'>, address: string): boolean {
  const key = address.toLowerCase();
  const domain = key.slice(key.lastIndexOf('@'));
  return fromJson<string[]>(credential.senders, []).some((sender) => sender === key || sender === domain);
}

const NOBODY = hashOf('nobody');

/** The credential of an SMTP login, or undefined. Nobody is told which half was wrong, by words or by time. */
export async function smtpCredential(
  db: Db,
  username: string,
  password: string,
): Promise<Credential | undefined> {
  const row = await credentialByUsername(db, username.slice(0, 100));
  return isSecret(row, 'smtp', password) ? row : undefined;
}

/** The credential of an API key, or undefined. */
export async function keyCredential(db: Db, key: string): Promise<Credential | undefined> {
  const [, username = '', secret = ''] = KEY.exec(key) ?? [];
  const row = await credentialByUsername(db, username);
  return isSecret(row, 'api', secret) ? row : undefined;
}

function isSecret(row: Credential | undefined, kind: Credential['kind'], secret: string): boolean {
  const same = timingSafeEqual(Buffer.from(hashOf(secret)), Buffer.from(row?.secret_hash ?? NOBODY));
  return same && row !== undefined && row.kind === kind && row.state !== 'revoked';
}

const TOUCH_MS = 60_000;

export async function touched({ store, clock }: Runtime, credential: Credential): Promise<void> {
  const now = clock.now();
  if (now - (credential.last_used_at ?? 0) > TOUCH_MS)
    await store.write((tx) => touchCredential(tx, credential.id, now));
}

export type Hand = { userId: number | null };

/** Keeps back all of its mail, what waits and what comes, with one row. False when it is held already. */
export async function holdCredential(
  tx: Db,
  id: number,
  reason: string,
  { userId }: Hand,
  now: number,
): Promise<boolean> {
  const credential = await need(tx, id);
  if (credential.state !== 'active') return false;
  await changeCredential(tx, id, { state: 'held', reason: reason.slice(0, 200), changed_at: now });
  await addOrder(
    tx,
    { kind: 'hold', by: 'credential', id, name: credential.username, reason, userId },
    0,
    now,
  );
  await tell(tx, 'credential_held', credential, { reason, by: userId }, now);
  return true;
}

/** Its mail goes on, and its limits count from now. */
export async function releaseCredential(tx: Db, id: number, { userId }: Hand, now: number): Promise<void> {
  const credential = await need(tx, id);
  if (credential.state !== 'held') throw new Problem('conflict', 'it is not held');
  await changeCredential(tx, id, { state: 'active', reason: '', changed_at: now });
  await endHold(tx, id, userId, now);
  await tell(tx, 'credential_released', credential, { by: userId }, now);
}

/** It never logs in again. What it left in the queue goes on, or is thrown away when a thief wrote it. */
export async function revokeCredential(
  tx: Db,
  id: number,
  { userId, cancel }: Hand & { cancel: boolean },
  now: number,
): Promise<void> {
  const credential = await need(tx, id);
  if (credential.state === 'revoked') return;
  await changeCredential(tx, id, { state: 'revoked', reason: '', changed_at: now });
  if (cancel) {
    const target = { by: 'credential' as const, id, name: credential.username };
    await addOrder(tx, { kind: 'cancel', ...target, reason: 'the credential was revoked', userId }, 0, now);
    await endHold(tx, id, userId, now);
  }
  await tell(tx, 'credential_revoked', credential, { by: userId, cancel }, now);
}

async function endHold(tx: Db, id: number, userId: number | null, now: number): Promise<void> {
  for (const order of await openOrders(tx)) {
    if (order.kind === 'hold' && order.by_kind === 'credential' && order.target_id === id)
      await releaseOrder(tx, order, userId, now);
  }
}

async function need(tx: Db, id: number): Promise<Credential> {
  const credential = await credentialById(tx, id);
  if (credential === undefined) throw new Problem('not-found', 'there is no such credential');
  return credential;
}

const tell = (tx: Db, kind: string, credential: Credential, data: object, now: number): Promise<void> =>
  addEvents(tx, [{ kind, at: now, data: { credential: credential.id, name: credential.name, ...data } }]);
