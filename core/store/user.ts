/** The people who work here, and the links by which they come in: each works once. */
import type { Db, NewRow, Row, RowPatch } from './tables.ts';

export type LinkPurpose = Row<'one_time_link'>['purpose'];

export const users = (db: Db): Promise<Row<'user'>[]> =>
  db.selectFrom('user').selectAll().orderBy('id').execute();

export const userById = (db: Db, id: number): Promise<Row<'user'> | undefined> =>
  db.selectFrom('user').selectAll().where('id', '=', id).executeTakeFirst();

/** `email` in any case: addresses of users are kept lower-case. */
export const userByEmail = (db: Db, email: string): Promise<Row<'user'> | undefined> =>
  db.selectFrom('user').selectAll().where('email', '=', email.trim().toLowerCase()).executeTakeFirst();

/** Who can still sign in as owner. */
export const owners = (db: Db): Promise<Row<'user'>[]> =>
  db
    .selectFrom('user')
    .selectAll()
    .where('role', '=', 'owner')
    .where('disabled_at', 'is', null)
    .orderBy('id')
    .execute();

export async function isWithoutUsers(db: Db): Promise<boolean> {
  return (await db.selectFrom('user').select('id').limit(1).executeTakeFirst()) === undefined;
}

/** How many owners could still sign in, one of them left out of the count. */
export async function otherOwners(db: Db, exceptId: number): Promise<number> {
  const { n } = await db
    .selectFrom('user')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .where('role', '=', 'owner')
    .where('disabled_at', 'is', null)
    .where('id', '!=', exceptId)
    .executeTakeFirstOrThrow();
  return Number(n);
}

export async function addUser(db: Db, row: Omit<NewRow<'user'>, 'id'>): Promise<number> {
  const { id } = await db
    .insertInto('user')
    .values({ ...row, email: row.email.trim().toLowerCase() })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

export async function changeUser(db: Db, id: number, patch: RowPatch<'user'>): Promise<void> {
  if (Object.values(patch).every((value) => value === undefined)) return;
  await db.updateTable('user').set(patch).where('id', '=', id).execute();
}

export async function addLink(db: Db, row: NewRow<'one_time_link'>): Promise<void> {
  await db.insertInto('one_time_link').values(row).execute();
}

/** A link that still works; `hash` is the SHA-256 of its token. */
export const openLink = (db: Db, hash: string, now: number): Promise<Row<'one_time_link'> | undefined> =>
  db
    .selectFrom('one_time_link')
    .selectAll()
    .where('id', '=', hash)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst();

/** Uses a link up. Undefined when it was used, is too old, or never was: of two at once, one gets it. */
export const useLink = (db: Db, hash: string, now: number): Promise<Row<'one_time_link'> | undefined> =>
  db
    .updateTable('one_time_link')
    .set({ used_at: now })
    .where('id', '=', hash)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .returningAll()
    .executeTakeFirst();

/** Earlier links of the kind stop working: only the newest one that was handed out may. */
export async function revokeLinks(
  db: Db,
  purpose: LinkPurpose,
  userId: number | null,
  now: number,
): Promise<void> {
  let query = db
    .updateTable('one_time_link')
    .set({ used_at: now })
    .where('purpose', '=', purpose)
    .where('used_at', 'is', null);
  query = userId === null ? query.where('user_id', 'is', null) : query.where('user_id', '=', userId);
  await query.execute();
}

/** Writes down who did what, for later questions. `subject` as `user:3`. */
export async function addAudit(
  db: Db,
  entry: { userId: number | null; action: string; subject: string; detail?: unknown },
  now: number,
): Promise<void> {
  await db
    .insertInto('audit')
    .values({
      at: now,
      user_id: entry.userId,
      action: entry.action,
      subject: entry.subject,
      detail: JSON.stringify(entry.detail ?? {}),
    })
    .execute();
}
