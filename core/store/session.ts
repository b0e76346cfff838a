/** Who is signed in. The row knows only the hash of the cookie, so a stolen database signs nobody in. */
import type { Db, NewRow, Row } from './tables.ts';

export interface LiveSession extends Row<'session'> {
  user: Row<'user'>;
}

/** The session with its user; undefined when it ended, or the user was disabled. */
export async function liveSession(db: Db, hash: string, now: number): Promise<LiveSession | undefined> {
  const session = await db
    .selectFrom('session')
    .selectAll()
    .where('id', '=', hash)
    .where('expires_at', '>', now)
    .executeTakeFirst();
  if (session === undefined) return undefined;
  const user = await db
    .selectFrom('user')
    .selectAll()
    .where('id', '=', session.user_id)
    .where('disabled_at', 'is', null)
    .executeTakeFirst();
  return user === undefined ? undefined : { ...session, user };
}

export async function addSession(db: Db, row: NewRow<'session'>): Promise<void> {
  await db.insertInto('session').values(row).execute();
}

/** Somebody is still there: the session lives on. */
export async function touchSession(db: Db, hash: string, now: number, expiresAt: number): Promise<void> {
  await db
    .updateTable('session')
    .set({ last_seen_at: now, expires_at: expiresAt })
    .where('id', '=', hash)
    .execute();
}

export async function endSession(db: Db, hash: string): Promise<void> {
  await db.deleteFrom('session').where('id', '=', hash).execute();
}

/** Ends all sessions of somebody: a new password, role or a disabled account leaves nobody signed in. */
export async function endSessionsOf(db: Db, userId: number): Promise<void> {
  await db.deleteFrom('session').where('user_id', '=', userId).execute();
}

export async function forgetOldSessions(db: Db, now: number): Promise<void> {
  await db.deleteFrom('session').where('expires_at', '<=', now).execute();
}
