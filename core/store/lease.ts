/** What only one node may do at a time, it does under a lease that it renews; one that died lets go by itself. */
import { sql } from 'kysely';
import type { Db } from './tables.ts';

/** Takes or renews it; false when somebody else holds it. On SQLite there is one node, so it is always got. */
export async function holdLease(
  db: Db,
  { name, holder, forMs }: { name: string; holder: string; forMs: number },
  now: number,
): Promise<boolean> {
  const { rows } = await sql<{ holder: string }>`insert into lease (name, holder, until)
    values (${name}, ${holder}, ${now + forMs})
    on conflict (name) do update set holder = excluded.holder, until = excluded.until
      where lease.holder = excluded.holder or lease.until < ${now}
    returning holder`.execute(db);
  return rows.length > 0;
}

export const leaveLease = async (db: Db, name: string, holder: string): Promise<void> => {
  await db.deleteFrom('lease').where('name', '=', name).where('holder', '=', holder).execute();
};
