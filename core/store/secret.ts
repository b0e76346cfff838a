/** Sealed secrets by purpose. What they are sealed with is not in the database. */
import type { Db, Row } from './tables.ts';

/** Oldest first; retired ones still open what they once signed, so they are included. */
export const secretsFor = (db: Db, purpose: string): Promise<Row<'secret'>[]> =>
  db.selectFrom('secret').selectAll().where('purpose', '=', purpose).orderBy('id').execute();

export async function addSecret(db: Db, purpose: string, sealed: Uint8Array, now: number): Promise<void> {
  await db.insertInto('secret').values({ purpose, sealed, created_at: now, retired_at: null }).execute();
}

/** Adds the first one of a purpose; when another node was quicker, nothing. */
export async function addFirstSecret(
  db: Db,
  purpose: string,
  sealed: Uint8Array,
  now: number,
): Promise<void> {
  const made = await db
    .insertInto('lease')
    .values({ name: `first ${purpose}`, holder: '', until: now })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .returning('name')
    .executeTakeFirst();
  if (made !== undefined) await addSecret(db, purpose, sealed, now);
}
