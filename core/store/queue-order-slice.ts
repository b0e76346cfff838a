/**
 * The slices of an order over the queue (queue-order.ts): finding, on a reader, which deliveries are next, and moving
 * them in one short transaction. Found by an index where one leads there, else by walking the table in the order of its
 * ids, so that no step depends on how long the queue is.
 */
import { sql } from 'kysely';
import { engineOf, rowsFrom } from './batch.ts';
import { addEvents } from './event.ts';
import { transitions, type Settled } from './queue.ts';
import { countMoved, heldBy, meantBy, statesOf, type QueueOrder } from './queue-order.ts';
import type { Db, DeliveryState } from './tables.ts';

export interface Found {
  ids: number[];
  /** Meant, and on the way now: to be looked at again when their attempt is over. */
  busy: number[];
  /** Where the walk goes on; null at its end. */
  cursor: number | null;
}

/** Rows passed over in one step of a walk: some ten milliseconds of a reader. */
const SPAN = 20_000;

/** Whether its deliveries leave the index that finds them as they are moved. */
const isIndexed = ({ kind, by_kind }: QueueOrder): boolean =>
  (by_kind === 'campaign' || by_kind === 'credential' || by_kind === 'destination') &&
  (kind === 'hold' || kind === 'cancel' || kind === 'purge');

/** The next deliveries of an order, after `cursor`. */
export async function nextMeant(db: Db, order: QueueOrder, cursor: number, limit: number): Promise<Found> {
  return isIndexed(order) ? byIndex(db, order, limit) : byWalk(db, order, cursor);
}

/** A hold takes also what comes later. */
const upTo = (order: QueueOrder) => (order.kind === 'hold' ? sql`` : sql`and id <= ${order.upto_id}`);

const written = (states: readonly DeliveryState[]) => sql.join(states.map((state) => sql.lit(state)));

async function byIndex(db: Db, order: QueueOrder, limit: number): Promise<Found> {
  // One question per partial index: delivery_waiting and delivery_held; delivery_state serves a campaign.
  const groups: DeliveryState[][] = [['queued', 'deferred'], ['held']];
  const wanted = groups.filter((group) => statesOf[order.kind].includes(group[0] as DeliveryState));
  for (const states of wanted) {
    const { rows } = await sql<{ id: number }>`select id from delivery
      where ${meantBy(order)} and state in (${written(states)}) ${upTo(order)} limit ${limit}`.execute(db);
    if (rows.length > 0) return { ids: rows.map((row) => row.id), busy: [], cursor: 0 };
  }
  const { rows: busy } = await sql<{ id: number }>`select id from delivery
    where state = 'active' and ${meantBy(order)} ${upTo(order)}`.execute(db);
  return { ids: [], busy: busy.map((row) => row.id), cursor: null };
}

async function byWalk(db: Db, order: QueueOrder, cursor: number): Promise<Found> {
  const { rows: span } = await sql<{ last: number | null }>`select max(id) as last from
    (select id from delivery where id > ${cursor} ${upTo(order)} order by id limit ${SPAN}) as span`.execute(
    db,
  );
  const last = span[0]?.last ?? null;
  if (last === null) return { ids: [], busy: [], cursor: null };
  // An index on the condition would lead through all of its rows at every step: the walk is by id alone.
  const table = engineOf(db) === 'sqlite' ? sql`delivery not indexed` : sql`delivery`;
  const { rows } = await sql<{ id: number; state: DeliveryState }>`select id, state from ${table}
    where id > ${cursor} and id <= ${last} and ${meantBy(order)} and ${unmoved(order)}
      and state in (${written([...new Set([...statesOf[order.kind], 'active' as const])])})`.execute(db);
  const waits = rows.filter((row) => statesOf[order.kind].includes(row.state));
  const busy = rows.filter((row) => !statesOf[order.kind].includes(row.state));
  return { ids: waits.map((row) => row.id), busy: busy.map((row) => row.id), cursor: Number(last) };
}

/** What a walk need not touch, since it is as the order wants it. */
function unmoved(order: QueueOrder) {
  if (order.kind === 'reroute') return sql<boolean>`pool <> ${order.to_pool}`;
  if (order.kind === 'retry') return sql<boolean>`due_at > ${order.made_at}`;
  return sql<boolean>`1 = 1`;
}

/** Of these, which are still on the way. The rest have come back or ended, and are to be moved if they wait. */
export async function stillActive(db: Db, ids: readonly number[]): Promise<Set<number>> {
  if (ids.length === 0) return new Set();
  const { rows } = await sql<{ id: number }>`select id from delivery where state = 'active'
    and id in (select id from ${rowsFrom(
      db,
      ids.map((id) => ({ id })),
      { id: 'int' },
    )} as r)`.execute(db);
  return new Set(rows.map((row) => row.id));
}

/** Does to these deliveries what the order says, unless they went elsewhere meanwhile. Answers how many it moved. */
export async function moveMeant(
  tx: Db,
  order: QueueOrder,
  ids: readonly number[],
  now: number,
): Promise<number> {
  if (ids.length === 0) return 0;
  const these = sql`id in (select id from ${rowsFrom(
    tx,
    ids.map((id) => ({ id })),
    { id: 'int' },
  )} as r)
    and state in (${written(statesOf[order.kind])}) and ${unmoved(order)}`;
  const moved = await change(tx, order, these, now);
  if (moved > 0) await countMoved(tx, order.id, moved);
  return moved;
}

async function change(
  tx: Db,
  order: QueueOrder,
  these: ReturnType<typeof sql>,
  now: number,
): Promise<number> {
  switch (order.kind) {
    case 'hold':
      return rowsOf(sql`update delivery set state = 'held', reason = ${heldBy(order.id)} where ${these}`, tx);
    case 'reroute':
      return rowsOf(sql`update delivery set pool = ${order.to_pool} where ${these}`, tx);
    case 'retry':
      return rowsOf(sql`update delivery set due_at = ${order.made_at} where ${these}`, tx);
    case 'cancel':
    case 'purge':
      return cancel(tx, order, these, now);
    case 'drain':
      return 0;
    default:
      return order.kind satisfies never;
  }
}

async function rowsOf(statement: ReturnType<typeof sql>, tx: Db): Promise<number> {
  const { numAffectedRows } = await statement.execute(tx);
  return Number(numAffectedRows ?? 0);
}

/** The reason that a person reads on a delivery which an order took back. */
export const cancelledBy = (order: Pick<QueueOrder, 'id' | 'kind' | 'reason'>): string =>
  `${order.kind === 'purge' ? 'purged' : 'cancelled'} by order ${order.id}${order.reason === '' ? '' : `: ${order.reason}`}`;

async function cancel(
  tx: Db,
  order: QueueOrder,
  these: ReturnType<typeof sql>,
  now: number,
): Promise<number> {
  for (const state of statesOf[order.kind])
    if (!transitions[state].includes('cancelled')) throw new Error(`no way from ${state} to cancelled`);
  const reason = cancelledBy(order);
  const { rows } =
    await sql<Settled>`update delivery set state = 'cancelled', reason = ${reason}, finished_at = ${now}
    where ${these} returning id, address, contact_id, origin_kind, origin_id, lane, state`.execute(tx);
  await addEvents(
    tx,
    rows.map((row) => ({
      kind: 'cancelled',
      at: now,
      contact_id: row.contact_id,
      campaign_id: row.origin_kind === 'campaign' ? row.origin_id : null,
      delivery_id: row.id,
      data: { reason },
    })),
  );
  return rows.length;
}

/**
 * Those that were claimed and never dialled for step aside like the others: the attempt did not happen. False when the
 * order was released meanwhile; nobody would fetch them back then.
 */
export async function keepBack(
  tx: Db,
  owner: string,
  ids: readonly number[],
  orderId: number,
): Promise<boolean> {
  const open = tx
    .selectFrom('queue_order')
    .select('id')
    .where('id', '=', orderId)
    .where('released_at', 'is', null);
  // PostgreSQL: a release comes wholly before this or after it.
  const order = await (engineOf(tx) === 'postgres' ? open.forShare() : open).executeTakeFirst();
  if (order === undefined) return false;
  await rowsOf(
    sql`update delivery set state = 'held', reason = ${heldBy(orderId)}, attempt = attempt - 1, lease_owner = null,
      lease_until = null where state = 'active' and id in (${sql.join([...ids])}) and lease_owner = ${owner}`,
    tx,
  );
  return true;
}

/** A slice of what stepped aside for a hold that is over comes back. Index: delivery_held_reason. */
export async function releaseHeldBy(tx: Db, orderId: number, now: number, limit: number): Promise<number> {
  return rowsOf(
    sql`update delivery set state = 'queued', reason = '', due_at = ${now} where id in
      (select id from delivery where state = 'held' and reason = ${heldBy(orderId)} limit ${limit})`,
    tx,
  );
}

/** Whether other nodes have finished all that they took before a time. Index: delivery_active. */
export async function othersDone(db: Db, node: string, before: number): Promise<boolean> {
  const row = await db
    .selectFrom('delivery')
    .select('id')
    .where(sql<boolean>`state = 'active'`)
    .where('lease_owner', '!=', node)
    .where('last_attempt_at', '<=', before)
    .limit(1)
    .executeTakeFirst();
  return row === undefined;
}
