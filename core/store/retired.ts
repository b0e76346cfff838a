/**
 * Ended deliveries go to a table of their own, so that the one that claims work on stays as short as what waits. A row
 * goes only when its origin can queue nobody any more: as long as a fan-out may be resumed, the unique key of the live
 * table is what keeps it from mailing somebody twice. Readers of ended mail ask the view `any_delivery`.
 */
import { sql } from 'kysely';
import { engineOf, rowsFrom } from './batch.ts';
import { terminalStates } from './queue.ts';
import type { Db } from './tables.ts';

/** Every column, since a later migration may add them to the two tables in another order. A test compares with the schema. */
export const DELIVERY_COLUMNS = [
  'id',
  'lane',
  'origin_kind',
  'origin_id',
  'recipient_key',
  'contact_id',
  'address',
  'domain_id',
  'sending_domain_id',
  'pool',
  'state',
  'due_at',
  'queued_at',
  'attempt',
  'lease_owner',
  'lease_until',
  'template_version_id',
  'fill',
  'source_id',
  'message_id',
  'last_code',
  'last_enhanced',
  'last_reply',
  'last_mx',
  'last_attempt_at',
  'class',
  'reason',
  'finished_at',
  'bounced_after_at',
  'via',
] as const;

const columns = sql.join(DELIVERY_COLUMNS.map((name) => sql.ref(name)));
const ended = sql<boolean>`state in (${sql.join(terminalStates.map((state) => sql.lit(state)))})`;

/**
 * Whose recipients are all queued, for good. A campaign's are when its fan-out is done or it was cancelled, which nothing
 * undoes; a message's and a test's were queued in one commit. A journey may come back to somebody: its rows stay.
 */
const closed = sql<boolean>`(origin_kind in ('message', 'submission', 'test') or (origin_kind = 'campaign' and not exists
  (select 1 from campaign where campaign.id = delivery.origin_id
    and campaign.fanout_done_at is null and campaign.cancelled_at is null)))`;

export interface RetireFrom {
  finishedAt: number;
  id: number;
}

/**
 * Ended before a time and free to go, oldest first, on a reader; `next` is where to go on. Index: delivery_finished.
 * Looks at `limit` rows, so that a campaign which may not go yet costs no more than its turn.
 */
export async function retirable(
  db: Db,
  before: number,
  from: RetireFrom,
  limit: number,
): Promise<{ ids: number[]; next: RetireFrom | null }> {
  const { rows } = await sql<{ id: number; finished_at: number; free: number }>`select id, finished_at,
      case when ${ended} and ${closed} then 1 else 0 end as free
    from (select id, finished_at, state, origin_kind, origin_id from delivery
      where finished_at is not null and finished_at < ${before} and finished_at >= ${from.finishedAt}
        and (finished_at, id) > (${from.finishedAt}, ${from.id})
      order by finished_at, id limit ${limit}) as delivery
    order by finished_at, id`.execute(db);
  const last = rows.at(-1);
  return {
    ids: rows.filter((row) => row.free === 1).map((row) => row.id),
    next: last === undefined || rows.length < limit ? null : { finishedAt: last.finished_at, id: last.id },
  };
}

/** Moves these to the retired ones, as far as they may go. Answers how many went. */
export async function retire(tx: Db, ids: readonly number[]): Promise<number> {
  if (ids.length === 0) return 0;
  const asked = rowsFrom(
    tx,
    ids.map((id) => ({ id })),
    { id: 'int' },
  );
  // PostgreSQL: locked, so that a bounce which comes late is written before the move or after it, and never in between.
  const lock = engineOf(tx) === 'postgres' ? sql`for update of delivery skip locked` : sql``;
  // Written as a cross join, so that SQLite goes by the ids and not by an index over states.
  const { rows } = await sql<{ id: number }>`select delivery.id from ${asked} as r cross join delivery
    where delivery.id = r.id and ${ended} and ${closed} ${lock}`.execute(tx);
  if (rows.length === 0) return 0;
  const these = sql`id in (select id from ${rowsFrom(tx, rows, { id: 'int' })} as r)`;
  await sql`insert into delivery_retired (${columns}) select ${columns} from delivery where ${these}`.execute(
    tx,
  );
  await sql`delete from delivery where ${these}`.execute(tx);
  return rows.length;
}
