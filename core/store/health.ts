/** What the health of an audience asks of everybody: how many came by month, and how many share a name. */
import { sql } from 'kysely';
import { engineOf } from './batch.ts';
import type { Db } from './tables.ts';

/** Contacts by the month (UTC) of their arrival, from the first that is asked for on. */
export async function arrivalsByMonth(db: Db, from: number): Promise<{ month: string; added: number }[]> {
  const month =
    engineOf(db) === 'sqlite'
      ? sql<string>`strftime('%Y-%m', created_at / 1000, 'unixepoch')`
      : sql<string>`to_char(to_timestamp(created_at / 1000) at time zone 'UTC', 'YYYY-MM')`;
  const { rows } = await sql<{ month: string; added: number }>`select ${month} as month, count(*) as added
    from contact where created_at >= ${from} group by 1 order by 1`.execute(db);
  return rows.map((row) => ({ month: row.month, added: Number(row.added) }));
}

/** Contacts who share first and last name with another one: perhaps the same person twice. */
export async function sharingName(db: Db): Promise<{ people: number; names: number }> {
  const { rows } = await sql<{
    people: number | null;
    names: number;
  }>`select sum(n) as people, count(*) as names
    from (select count(*) as n from contact where first_name <> '' and last_name <> ''
      group by lower(first_name), lower(last_name) having count(*) > 1) as shared`.execute(db);
  return { people: Number(rows[0]?.people ?? 0), names: Number(rows[0]?.names ?? 0) };
}
