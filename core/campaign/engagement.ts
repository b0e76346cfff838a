/**
 * Who of an audience goes first while addresses warm up: people who wrote to us, then those who clicked, then those who
 * opened. Providers judge a new address by how its first mail is received. Expressed as time taken off `due_at`, since
 * the queue is emptied oldest first: no sort of its own, and nobody is passed over.
 */
import { sql, type RawBuilder } from 'kysely';
import type { Db } from '../store/tables.ts';

const DAY = 24 * 60 * 60_000;
const REPLIED_WITHIN_MS = 365 * DAY;
const ACTED_WITHIN_MS = 90 * DAY;

/** What each rank is worth. Seconds: other mail that waits is hardly passed by. */
const RANK_MS = 1000;

/** Milliseconds that a contact goes ahead. Machine opens and clicks are events of another kind and count for nothing. */
export function headStart(now: number): RawBuilder<number> {
  const acted = (kind: string) => sql`exists (select 1 from event where event.contact_id = contact.id
    and event.kind = ${sql.lit(kind)} and event.at > ${sql.lit(now - ACTED_WITHIN_MS)})`;
  return sql<number>`(case when contact.last_human_reply_at > ${sql.lit(now - REPLIED_WITHIN_MS)} then ${sql.lit(3 * RANK_MS)}
    when ${acted('clicked')} then ${sql.lit(2 * RANK_MS)} when ${acted('opened')} then ${sql.lit(RANK_MS)} else 0 end)`;
}

/** Whether any address of ours warms up. */
export async function somethingWarms(db: Db): Promise<boolean> {
  const row = await db
    .selectFrom('warmup')
    .select('source_id')
    .where('state', '!=', 'warm')
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
