/**
 * How people come in and stay: the owner's one-time link of a first run, invitations, new passwords, roles. Used by the
 * API and by the `parley user` command alike.
 */
import { Problem } from '../core/errors.ts';
import { checkAddress } from '../core/mail/address.ts';
import type { Runtime } from '../core/runtime.ts';
import { endSessionsOf } from '../core/store/session.ts';
import type { Db, Role, Row } from '../core/store/tables.ts';
import {
  addAudit,
  addLink,
  addUser,
  changeUser,
  isWithoutUsers,
  openLink,
  otherOwners,
  revokeLinks,
  useLink,
  userByEmail,
  userById,
  type LinkPurpose,
} from '../core/store/user.ts';
import { hashOf, newToken } from './http/auth.ts';

const DAY = 24 * 60 * 60 * 1000;
const LIFETIME: Record<LinkPurpose, number> = { owner: 7 * DAY, invitation: 7 * DAY, reset: DAY };

export interface OneTimeLink {
  user_id: number;
  link: string;
  expires_at: number;
}

type Needs = Pick<Runtime, 'store' | 'clock' | 'config'>;

/** Where people reach us: the configured address, or this machine on a laptop. */
export function publicUrl({ http }: Runtime['config'], port = http.port): string {
  if (http.base_url !== '') return http.base_url.replace(/\/+$/, '');
  const host = ['0.0.0.0', '::', ''].includes(http.host) ? '127.0.0.1' : http.host;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The owner's link while there is no user; undefined once there is one. Earlier ones stop working. */
export async function ownerLink({ store, clock, config }: Needs, port?: number): Promise<string | undefined> {
  if (!(await isWithoutUsers(store.read))) return undefined;
  const now = clock.now();
  const token = newToken();
  await store.write(async (tx) => {
    await revokeLinks(tx, 'owner', null, now);
    await keepLink(tx, token, 'owner', null, 'owner', now);
  });
  return `${publicUrl(config, port)}/welcome?token=${token}`;
}

async function keepLink(
  tx: Db,
  token: string,
  purpose: LinkPurpose,
  userId: number | null,
  role: Role | null,
  now: number,
): Promise<number> {
  const expiresAt = now + LIFETIME[purpose];
  await addLink(tx, {
    id: hashOf(token),
    purpose,
    user_id: userId,
    role,
    created_at: now,
    expires_at: expiresAt,
    used_at: null,
  });
  return expiresAt;
}

export interface Invitation {
  email: string;
  name: string;
  role: Role;
  language: 'fr' | 'en';
}

/** A user without a password, and the link by which they set one. `by` null: the command line. */
export async function invite(
  { store, clock, config }: Needs,
  wanted: Invitation,
  by: number | null,
): Promise<OneTimeLink> {
  const email = addressOf(wanted.email);
  const now = clock.now();
  const token = newToken();
  return store.write(async (tx) => {
    if ((await userByEmail(tx, email)) !== undefined)
      throw new Problem('conflict', `${email} is a user already`, { fields: { email: 'is a user already' } });
    const id = await addUser(tx, {
      email,
      name: wanted.name,
      password_hash: null,
      role: wanted.role,
      language: wanted.language,
      theme: 'system',
      created_at: now,
      disabled_at: null,
    });
    await addAudit(
      tx,
      { userId: by, action: 'user invited', subject: `user:${id}`, detail: { role: wanted.role } },
      now,
    );
    const expiresAt = await keepLink(tx, token, 'invitation', id, wanted.role, now);
    return {
      user_id: id,
      link: `${publicUrl(config)}/welcome?token=${token}`,
      expires_at: expiresAt,
    };
  });
}

function addressOf(text: string): string {
  const reading = checkAddress(text.trim());
  if (reading.kind !== 'address')
    throw new Problem('invalid', `${text} is not an address`, { fields: { email: 'is not an address' } });
  return text.trim().toLowerCase();
}

/** A link to set a new password, for a day. Earlier ones stop working. */
export async function resetLink(
  { store, clock, config }: Needs,
  userId: number,
  by: number | null,
): Promise<OneTimeLink> {
  const now = clock.now();
  const token = newToken();
  return store.write(async (tx) => {
    await existingUser(tx, userId);
    await revokeLinks(tx, 'reset', userId, now);
    const expiresAt = await keepLink(tx, token, 'reset', userId, null, now);
    await addAudit(tx, { userId: by, action: 'reset link made', subject: `user:${userId}` }, now);
    return { user_id: userId, link: `${publicUrl(config)}/welcome?token=${token}`, expires_at: expiresAt };
  });
}

const LINK_IS_DEAD = 'this link was used already, is too old, or never was';

/** What a link is for, while it works. */
export async function lookAtLink(
  { store, clock }: Needs,
  token: string,
): Promise<{ link: Row<'one_time_link'>; user: Row<'user'> | undefined }> {
  const link = await openLink(store.read, hashOf(token), clock.now());
  if (link === undefined) throw new Problem('not-found', LINK_IS_DEAD);
  const user = link.user_id === null ? undefined : await userById(store.read, link.user_id);
  return { link, user };
}

export interface Welcome {
  token: string;
  password: string;
  email?: string | undefined;
  name?: string | undefined;
  language?: 'fr' | 'en' | undefined;
}

/**
 * Uses a link up and sets the password, in the transaction handed in: the first owner is made, an invited one comes in,
 * a forgotten password is replaced. All sessions of that user end. Answers the user's id. `hash` is the password's.
 */
export async function useWelcome(tx: Db, given: Welcome, hash: string, now: number): Promise<number> {
  const link = await useLink(tx, hashOf(given.token), now);
  if (link === undefined) throw new Problem('not-found', LINK_IS_DEAD);
  if (link.purpose === 'owner') return makeOwner(tx, given, hash, now);
  const user = link.user_id === null ? undefined : await userById(tx, link.user_id);
  if (user === undefined || user.disabled_at !== null) throw new Problem('not-found', LINK_IS_DEAD);
  await changeUser(tx, user.id, {
    password_hash: hash,
    ...(given.name !== undefined && { name: given.name }),
    ...(given.language !== undefined && { language: given.language }),
  });
  await endSessionsOf(tx, user.id);
  await addAudit(tx, { userId: user.id, action: `${link.purpose} used`, subject: `user:${user.id}` }, now);
  return user.id;
}

async function makeOwner(tx: Db, given: Welcome, hash: string, now: number): Promise<number> {
  if (!(await isWithoutUsers(tx))) throw new Problem('conflict', 'there is an owner already: sign in');
  const fields: Record<string, string> = {};
  if (given.email === undefined) fields['email'] = 'is needed';
  if (given.name === undefined) fields['name'] = 'is needed';
  if (Object.keys(fields).length > 0)
    throw new Problem('invalid', 'the owner needs an address and a name', { fields });
  const id = await addUser(tx, {
    email: addressOf(given.email as string),
    name: given.name as string,
    password_hash: hash,
    role: 'owner',
    language: given.language ?? 'en',
    theme: 'system',
    created_at: now,
    disabled_at: null,
  });
  await addAudit(tx, { userId: id, action: 'owner made', subject: `user:${id}` }, now);
  return id;
}

export interface UserPatch {
  name?: string | undefined;
  role?: Role | undefined;
  disabled?: boolean | undefined;
}

/** A new role or a disabled account takes effect at once: their sessions end. Somebody must stay owner. */
export async function updateUser(
  { store, clock }: Needs,
  id: number,
  patch: UserPatch,
  by: Row<'user'> | null,
): Promise<Row<'user'>> {
  const now = clock.now();
  return store.write(async (tx) => {
    const user = await existingUser(tx, id);
    const touchesOwner = user.role === 'owner' || patch.role === 'owner';
    if (touchesOwner && by !== null && by.role !== 'owner')
      throw new Problem('forbidden', 'only an owner may change owners');
    const staysOwner = (patch.role ?? user.role) === 'owner' && patch.disabled !== true;
    if (user.role === 'owner' && user.disabled_at === null && !staysOwner) {
      if ((await otherOwners(tx, id)) === 0)
        throw new Problem('conflict', 'somebody must stay owner: make another one first');
    }
    const disabledAt =
      patch.disabled === undefined ? user.disabled_at : patch.disabled ? (user.disabled_at ?? now) : null;
    const next = {
      name: patch.name ?? user.name,
      role: patch.role ?? user.role,
      disabled_at: disabledAt,
    };
    await changeUser(tx, id, next);
    if (next.role !== user.role || (disabledAt !== null && user.disabled_at === null))
      await endSessionsOf(tx, id);
    await addAudit(
      tx,
      { userId: by?.id ?? null, action: 'user changed', subject: `user:${id}`, detail: { ...patch } },
      now,
    );
    return { ...user, ...next };
  });
}

async function existingUser(db: Db, id: number): Promise<Row<'user'>> {
  const user = await userById(db, id);
  if (user === undefined) throw new Problem('not-found', 'there is no such user');
  return user;
}
