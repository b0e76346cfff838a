/**
 * Orders over the queue: hold, cancel, purge, re-route, try again, drain, for a campaign, a credential, a destination, a site,
 * a provider, a source or a pool. An order is one row, so it holds at once however many deliveries it means: mta/stops.ts keeps the open
 * ones in memory and asks them at claim and before RCPT. The deliveries follow a slice at a time (mta/sweep.ts), by
 * queue-order-slice.ts.
 */
import { sql, type RawBuilder } from 'kysely';
import { Problem } from '../errors.ts';
import type { Db, DeliveryState, QueueOrderBy, QueueOrderKind, Row } from './tables.ts';

export type QueueOrder = Row<'queue_order'>;

/** What an order is about. A source means what was last tried from it; a drain or hold of one, the source itself. */
export interface OrderTarget {
  by: QueueOrderBy;
  /** Of a campaign, destination or source. */
  id: number | null;
  /** Its name. */
  name: string;
}

export interface NewOrder extends OrderTarget {
  kind: QueueOrderKind;
  toPool?: string | undefined;
  reason?: string | undefined;
  userId?: number | null | undefined;
}

/** The condition that a delivery is meant. Names no state. */
export function meantBy({
  by_kind,
  target_id,
  target,
}: Pick<QueueOrder, 'by_kind' | 'target_id' | 'target'>) {
  switch (by_kind) {
    case 'campaign':
      return sql<boolean>`origin_kind = 'campaign' and origin_id = ${target_id}`;
    case 'credential':
      return sql<boolean>`origin_kind = 'submission' and origin_id = ${target_id}`;
    case 'destination':
      return sql<boolean>`domain_id = ${target_id}`;
    case 'site':
      return sql<boolean>`domain_id in (select id from domain where site = ${target})`;
    case 'provider':
      return sql<boolean>`domain_id in (select id from domain where provider = ${target})`;
    case 'source':
      return sql<boolean>`source_id = ${target_id}`;
    case 'pool':
      return sql<boolean>`pool = ${target}`;
    default:
      return by_kind satisfies never;
  }
}

/** Which states an order may change. Written out in SQL, so that a partial index serves. */
export const statesOf: Record<QueueOrderKind, readonly DeliveryState[]> = {
  hold: ['queued', 'deferred'],
  cancel: ['queued', 'deferred', 'held'],
  purge: ['queued', 'deferred', 'held'],
  reroute: ['queued', 'deferred', 'held', 'active'],
  retry: ['queued', 'deferred'],
  drain: [],
};

/**
 * A hold of a destination, a site, a provider or a source stops whole rows of the routing, and nothing passes over its
 * deliveries: they stay where they are. Those of a campaign, a credential or a pool are mixed with others that may leave, and step aside.
 */
export const stepsAside = ({ kind, by_kind }: Pick<QueueOrder, 'kind' | 'by_kind'>): boolean =>
  kind === 'hold' && (by_kind === 'campaign' || by_kind === 'credential' || by_kind === 'pool');

/** What a held delivery says of the order that keeps it; by it a release finds it again. */
export const heldBy = (id: number): string => `held by order ${id}`;

const inStates = (states: readonly DeliveryState[]): RawBuilder<boolean> =>
  sql<boolean>`state in (${sql.join(states.map((state) => sql.lit(state)))})`;

/** How many deliveries an order would mean now: the dry run before a purge. */
export async function countMeant(db: Db, kind: QueueOrderKind, target: OrderTarget): Promise<number> {
  const states = statesOf[kind];
  if (states.length === 0) return 0;
  const meant = meantBy({ by_kind: target.by, target_id: target.id, target: target.name });
  const { rows } = await sql<{ n: number }>`select count(*) as n from delivery
    where ${meant} and ${inStates(states)}`.execute(db);
  return Number(rows[0]?.n ?? 0);
}

/** Makes an order. It holds from its commit on. A hold or drain that is in force already is answered as it is. */
export async function addOrder(db: Db, order: NewOrder, expected: number, now: number): Promise<QueueOrder> {
  const { kind, by, id, name, toPool, reason = '', userId = null } = order;
  if (kind === 'drain' && by !== 'source') throw new Problem('invalid', 'only a source can be drained');
  if ((kind === 'reroute') !== (toPool !== undefined))
    throw new Problem('invalid', 'say which pool to re-route to');
  if (kind === 'reroute' && by === 'pool' && toPool === name)
    throw new Problem('invalid', `that is in the pool ${name} already`);
  if (kind === 'hold' || kind === 'drain') {
    const open = (await openOrders(db)).find(
      (one) => one.kind === kind && one.by_kind === by && one.target === name && one.released_at === null,
    );
    if (open !== undefined) return open;
  }
  if (kind === 'hold' && by === 'destination') await setHeld(db, id, 1);
  const top = await sql<{ id: number | null }>`select max(id) as id from delivery`.execute(db);
  return db
    .insertInto('queue_order')
    .values({
      kind,
      by_kind: by,
      target_id: id,
      target: name,
      to_pool: toPool ?? null,
      reason: reason.slice(0, 200),
      made_by: userId,
      made_at: now,
      upto_id: Number(top.rows[0]?.id ?? 0),
      expected,
      moved: 0,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

const setHeld = (db: Db, domainId: number | null, held: 0 | 1) =>
  db
    .updateTable('domain')
    .set({ held })
    .where('id', '=', domainId ?? 0)
    .execute();

/** Ends a hold or a drain. What stepped aside for it comes back; false when it was over already. */
export async function releaseOrder(
  db: Db,
  order: QueueOrder,
  userId: number | null,
  now: number,
): Promise<boolean> {
  if (order.kind !== 'hold' && order.kind !== 'drain')
    throw new Problem('invalid', `only a hold or a drain can be released: this is a ${order.kind}`);
  const result = await db
    .updateTable('queue_order')
    .set({ released_at: now, released_by: userId, ...(stepsAside(order) ? {} : { done_at: now }) })
    .where('id', '=', order.id)
    .where('released_at', 'is', null)
    .executeTakeFirst();
  if (order.by_kind === 'destination') await setHeld(db, order.target_id, 0);
  return Number(result.numUpdatedRows) === 1;
}

/** In force or not swept to the end, oldest first. Index: queue_order_open. */
export const openOrders = (db: Db): Promise<QueueOrder[]> =>
  db.selectFrom('queue_order').selectAll().where('done_at', 'is', null).orderBy('id').execute();

export const orderById = (db: Db, id: number): Promise<QueueOrder | undefined> =>
  db.selectFrom('queue_order').selectAll().where('id', '=', id).executeTakeFirst();

export interface OrderLine extends QueueOrder {
  made_by_name: string | null;
}

/** What is in force, and what was done last, newest first. */
export async function orderLines(db: Db, limit = 20): Promise<OrderLine[]> {
  const all = db
    .selectFrom('queue_order')
    .leftJoin('user', 'user.id', 'queue_order.made_by')
    .selectAll('queue_order')
    .select('user.name as made_by_name');
  const [open, done] = await Promise.all([
    all.where('done_at', 'is', null).orderBy('queue_order.id', 'desc').limit(500).execute(),
    all.where('done_at', 'is not', null).orderBy('queue_order.id', 'desc').limit(limit).execute(),
  ]);
  return [...open, ...done];
}

/** The order's own progress, with its slice. */
export const countMoved = (db: Db, id: number, moved: number) =>
  db
    .updateTable('queue_order')
    .set(({ eb }) => ({ moved: eb('moved', '+', moved) }))
    .where('id', '=', id)
    .execute();

/** A hold has all that it means, a drained source is quiet. Said once. */
export const settleOrder = (db: Db, id: number, now: number) =>
  db
    .updateTable('queue_order')
    .set({ settled_at: now })
    .where('id', '=', id)
    .where('settled_at', 'is', null)
    .execute();

/** Nothing is left of it to do. */
export const endOrder = (db: Db, id: number, now: number) =>
  db
    .updateTable('queue_order')
    .set({ done_at: now })
    .where('id', '=', id)
    .where('done_at', 'is', null)
    .execute();
