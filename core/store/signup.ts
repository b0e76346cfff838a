/** Filled-in forms that wait for their confirmation. Unconfirmed ones are forgotten after a month. */
import { sql } from 'kysely';
import { engineOf } from './batch.ts';
import type { Db, NewRow, Row } from './tables.ts';

/** Two requests for one address at once must not both be the first: PostgreSQL would let them, SQLite has one writer. */
export async function lockSignups(tx: Db): Promise<void> {
  if (engineOf(tx) === 'postgres') await sql`lock table signup in share row exclusive mode`.execute(tx);
}

export const addSignup = async (db: Db, row: NewRow<'signup'>): Promise<number> =>
  (await db.insertInto('signup').values(row).returning('id').executeTakeFirstOrThrow()).id;

export const signupById = (db: Db, id: number): Promise<Row<'signup'> | undefined> =>
  db.selectFrom('signup').selectAll().where('id', '=', id).executeTakeFirst();

/** When confirmations were mailed to an address since a time. Index: signup_email. */
export const confirmationsMailed = async (db: Db, email: string, since: number): Promise<number[]> =>
  (
    await db
      .selectFrom('signup')
      .select('mailed_at')
      .where('email', '=', email)
      .where('mailed_at', '>', since)
      .execute()
  ).map((row) => Number(row.mailed_at));

/** True for the one who confirms first: a second press does nothing again. */
export async function confirmSignup(db: Db, id: number, now: number): Promise<boolean> {
  const row = await db
    .updateTable('signup')
    .set({ confirmed_at: now })
    .where('id', '=', id)
    .where('confirmed_at', 'is', null)
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
}

/** Forgets those that were not confirmed; of the confirmed ones the ledger has what counts. Index: signup_asked. */
export async function forgetSignups(db: Db, before: number): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('signup')
    .where('asked_at', '<', before)
    .where('confirmed_at', 'is', null)
    .executeTakeFirst();
  return Number(numDeletedRows);
}
