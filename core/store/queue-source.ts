/** What waits, seen from the sources: what each had tried and must try again, how fast it goes, and what keeps it. */
import { sql } from 'kysely';
import { sourcesInPools } from './pool.ts';
import { openOrders, type QueueOrder } from './queue-order.ts';
import { etaOf, paces } from './queue-pace.ts';
import type { Db, Row } from './tables.ts';
import { activeThrottles } from './throttle.ts';

/** What keeps a source, the strictest first. Each is a sentence in the interface, in French and in English. */
export type SourceReason =
  'paused' | 'held' | 'drained' | 'draining' | 'throttled' | 'deferred' | 'moving' | 'idle';

export interface SourceLine {
  source_id: number;
  name: string;
  pools: string[];
  /** Tried from here, and waiting for the next attempt. */
  waiting: number;
  oldest_at: number | null;
  next_at: number | null;
  last_reply: string | null;
  reason: SourceReason;
  until: number | null;
  /** Messages a minute. */
  per_minute: number;
  eta_at: number | null;
  /** The order that holds or drains it. */
  order_id: number | null;
}

interface Tried {
  source_id: number;
  n: number;
  oldest_at: number;
  next_at: number;
  /** Time and words of the latest, in one so that one pass finds both: the time has thirteen digits until 2286. */
  latest: string | null;
}

/** One line for each source. Reads what waits once. */
export async function queueBySource(db: Db, now: number): Promise<SourceLine[]> {
  const [all, throttles, orders, pace, { rows }] = await Promise.all([
    sourcesInPools(db),
    activeThrottles(db, now),
    openOrders(db),
    paces(db, now),
    sql<Tried>`select source_id, count(*) as n, min(queued_at) as oldest_at, min(due_at) as next_at,
        max(cast(last_attempt_at as text) || ' ' || coalesce(last_reply, '')) as latest
      from delivery where state in ('queued', 'deferred') and source_id is not null group by source_id`.execute(
      db,
    ),
  ]);
  return all.map((source) => {
    const tried = rows.find((row) => row.source_id === source.id);
    const waiting = Number(tried?.n ?? 0);
    const nextAt = tried === undefined ? null : Number(tried.next_at);
    const perMinute = pace.ofSource(source.id);
    const order = orders.find((one) => isAbout(one, source.id));
    const throttle = throttles
      .filter((one) => one.source_id === source.id)
      .toSorted((a, b) => (b.until ?? Infinity) - (a.until ?? Infinity))[0];
    const reason = whyOf(source, order, { throttled: throttle !== undefined, nextAt, perMinute }, now);
    return {
      source_id: source.id,
      name: source.name,
      pools: source.pools.map((one) => one.pool),
      waiting,
      oldest_at: tried === undefined ? null : Number(tried.oldest_at),
      next_at: nextAt,
      last_reply: tried?.latest?.slice(14) || throttle?.reply || null,
      reason,
      until: reason === 'throttled' ? (throttle?.until ?? null) : reason === 'deferred' ? nextAt : null,
      per_minute: perMinute,
      eta_at: etaOf({ waiting, nextAt, perMinute, isStopped: STOPPED.includes(reason) }, now),
      order_id: order?.id ?? null,
    };
  });
}

const STOPPED: readonly SourceReason[] = ['paused', 'held', 'draining', 'drained'];

const isAbout = (order: QueueOrder, sourceId: number): boolean =>
  order.by_kind === 'source' &&
  order.target_id === sourceId &&
  order.released_at === null &&
  (order.kind === 'hold' || order.kind === 'drain');

function whyOf(
  source: Row<'source'>,
  order: QueueOrder | undefined,
  { throttled, nextAt, perMinute }: { throttled: boolean; nextAt: number | null; perMinute: number },
  now: number,
): SourceReason {
  if (source.paused === 1) return 'paused';
  if (order?.kind === 'hold') return 'held';
  if (order?.kind === 'drain') return order.settled_at === null ? 'draining' : 'drained';
  if (throttled) return 'throttled';
  if (perMinute > 0 || (nextAt !== null && nextAt <= now)) return 'moving';
  return nextAt === null ? 'idle' : 'deferred';
}
