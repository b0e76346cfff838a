/**
 * What an admin sees of the queue: what waits for which destination and why, and one delivery's whole life. Nothing here
 * changes anything; `queue.ts` does.
 */
import { sql } from 'kysely';
import { providerById } from '../../config/providers.ts';
import { Problem } from '../errors.ts';
import { sourcesInPools } from './pool.ts';
import { FREQUENCY } from './pressure.ts';
import { openOrders, type QueueOrder } from './queue-order.ts';
import { etaOf, paces, type Paces } from './queue-pace.ts';
import type { Db, DeliveryState, Lane, OriginKind, Row } from './tables.ts';
import { activeThrottles } from './throttle.ts';

/** Why mail waits. Each is a sentence in the interface, in French and in English. */
export type WaitReason =
  | 'moving' // nothing holds it: it is being sent
  | 'not-due' // its time has not come
  | 'frequency' // its person had as much as they may get for now
  | 'deferred' // the receiver said later
  | 'throttled' // we go slower there, by a rule
  | 'warm-up' // today's room of our new addresses is used there
  | 'held' // a person holds it
  | 'paused'; // its campaign is paused, or all sources that may send it

export interface Waiting {
  reason: WaitReason;
  /** Until when, where that is known. */
  until: number | null;
}

/** What waits for one recipient domain. */
export interface Destination {
  domain_id: number;
  name: string;
  site: string | null;
  provider: string | null;
  /** Not tried yet; of these and the deferred ones `due` are due. */
  waiting: number;
  active: number;
  deferred: number;
  held: boolean;
  /** Held one by one or with their campaign. */
  held_back: number;
  oldest_at: number | null;
  next_at: number | null;
  reason: WaitReason;
  until: number | null;
  last_reply: string | null;
  last_code: number | null;
  last_mx: string | null;
  /** Messages a minute now, and when it is done at that pace. */
  per_minute: number;
  eta_at: number | null;
}

export interface QueueTotals {
  queued: number;
  active: number;
  deferred: number;
  held: number;
}

interface Count {
  domain_id: number;
  state: DeliveryState;
  n: number;
  oldest_at: number;
  next_at: number;
}

// Each state has its own partial index (delivery_waiting, delivery_active, delivery_held), so finished rows cost nothing.
async function unfinished(db: Db, domainIds?: readonly number[]): Promise<Count[]> {
  const states: DeliveryState[][] = [['queued', 'deferred'], ['active'], ['held']];
  const counted = await Promise.all(
    states.map((some) => {
      let query = db
        .selectFrom('delivery')
        .select(({ fn }) => [
          'domain_id',
          'state',
          fn.countAll<number>().as('n'),
          fn.min('queued_at').as('oldest_at'),
          fn.min('due_at').as('next_at'),
        ])
        // Written out, not as parameters: only so does SQLite see that a partial index serves.
        .where(sql<boolean>`state in (${sql.join(some.map((state) => sql.lit(state)))})`)
        .groupBy(['domain_id', 'state']);
      if (domainIds !== undefined) query = query.where('domain_id', 'in', domainIds);
      return query.execute();
    }),
  );
  return counted.flat().map((row) => ({ ...row, n: Number(row.n) }));
}

/** How much is unfinished, by state. */
export async function queueTotals(db: Db): Promise<QueueTotals> {
  const totals: QueueTotals = { queued: 0, active: 0, deferred: 0, held: 0 };
  for (const { state, n } of await unfinished(db)) totals[state as keyof QueueTotals] += n;
  return totals;
}

/** What is unfinished by state and by the provider of its destination (empty: none that we know), and since when. */
export async function queueByProvider(
  db: Db,
): Promise<{ state: DeliveryState; provider: string; n: number; oldest_at: number }[]> {
  const states = [`'queued', 'deferred'`, `'active'`, `'held'`];
  const counted = await Promise.all(
    states.map((some) =>
      db
        .selectFrom('delivery')
        .innerJoin('domain', 'domain.id', 'delivery.domain_id')
        .select(({ fn }) => [
          'delivery.state',
          'domain.provider',
          fn.countAll<number>().as('n'),
          fn.min('delivery.queued_at').as('oldest_at'),
        ])
        .where(sql<boolean>`delivery.state in (${sql.raw(some)})`)
        .groupBy(['delivery.state', 'domain.provider'])
        .execute(),
    ),
  );
  return counted.flat().map((row) => ({ ...row, provider: row.provider ?? '', n: Number(row.n) }));
}

export interface DestinationQuestion {
  /** Part of the domain's name. */
  search?: string | undefined;
  limit?: number | undefined;
  /** One destination alone. */
  domainId?: number | undefined;
}

/**
 * What waits, by destination, the longest queue first, with the reason.
 *
 *     const [worst] = await queueByDestination(store.read, clock.now(), { limit: 1 });
 */
export async function queueByDestination(
  db: Db,
  now: number,
  { search, limit = 100, domainId }: DestinationQuestion = {},
): Promise<Destination[]> {
  const counts = Map.groupBy(
    await unfinished(db, domainId === undefined ? undefined : [domainId]),
    (row) => row.domain_id,
  );
  // A hold shows also while nothing waits behind it.
  const domains = new Map(
    (await domainsNamed(db, [...counts.keys()], domainId)).map((row) => [row.id, row] as const),
  );
  const busiest = [...domains.values()]
    .filter((row) => search === undefined || row.name.includes(search.toLowerCase()))
    .map((row) => ({ row, n: (counts.get(row.id) ?? []).reduce((sum, one) => sum + one.n, 0) }))
    .sort((a, b) => b.n - a.n || a.row.name.localeCompare(b.row.name))
    .slice(0, limit);
  const [around, pace] = await Promise.all([surroundings(db, now), paces(db, now)]);
  return Promise.all(
    busiest.map(({ row }) => destination(db, row, counts.get(row.id) ?? [], around, pace, now)),
  );
}

async function domainsNamed(db: Db, ids: number[], only: number | undefined): Promise<Row<'domain'>[]> {
  if (only !== undefined) return db.selectFrom('domain').selectAll().where('id', '=', only).execute();
  const held = await db.selectFrom('domain').selectAll().where('held', '=', 1).execute();
  const rest: Row<'domain'>[] = [];
  for (let at = 0; at < ids.length; at += 5000) {
    rest.push(
      ...(await db
        .selectFrom('domain')
        .selectAll()
        .where('id', 'in', ids.slice(at, at + 5000))
        .where('held', '=', 0)
        .execute()),
    );
  }
  return [...held, ...rest];
}

async function destination(
  db: Db,
  domain: Row<'domain'>,
  counts: Count[],
  around: Surroundings,
  pace: Paces,
  now: number,
): Promise<Destination> {
  const of = (state: DeliveryState) => counts.find((row) => row.state === state);
  const waits = [of('queued'), of('deferred')].filter((row) => row !== undefined);
  const next = waits.length === 0 ? null : Math.min(...waits.map((row) => row.next_at));
  const { head, refused } =
    next === null ? { head: undefined, refused: undefined } : await ends(db, domain.id);
  const isAllHeld = next === null && of('active') === undefined && of('held') !== undefined;
  const { reason, until } = isAllHeld
    ? ({ reason: 'held', until: null } as const)
    : why(domain, head, around, now, next);
  const waiting = waits.reduce((sum, row) => sum + row.n, 0);
  const perMinute = pace.ofDomain(domain.id);
  const isStopped = reason === 'held' || reason === 'paused';
  return {
    domain_id: domain.id,
    name: domain.name,
    site: domain.site,
    provider: domain.provider,
    waiting: of('queued')?.n ?? 0,
    active: of('active')?.n ?? 0,
    deferred: of('deferred')?.n ?? 0,
    held: domain.held === 1,
    held_back: of('held')?.n ?? 0,
    oldest_at: counts.length === 0 ? null : Math.min(...counts.map((row) => row.oldest_at)),
    next_at: next,
    reason,
    until,
    last_reply: refused?.last_reply ?? null,
    last_code: refused?.last_code ?? null,
    last_mx: refused?.last_mx ?? null,
    per_minute: perMinute,
    eta_at: etaOf({ waiting, nextAt: next, perMinute, isStopped }, now),
  };
}

type End = Pick<
  Row<'delivery'>,
  | 'state'
  | 'origin_kind'
  | 'origin_id'
  | 'pool'
  | 'due_at'
  | 'last_reply'
  | 'last_code'
  | 'last_mx'
  | 'last_attempt_at'
  | 'reason'
> & { campaign_paused: number | null };

/**
 * Both ends of what waits for a domain: its next message, and the newest refusal near either end. A scan for the newest
 * of all would read the whole queue; index delivery_waiting gives the ends for nothing.
 */
async function ends(db: Db, domainId: number): Promise<{ head: End | undefined; refused: End | undefined }> {
  const near = (lane: Lane, order: 'asc' | 'desc') =>
    db
      .selectFrom('delivery')
      .leftJoin('campaign', (join) =>
        join.onRef('campaign.id', '=', 'delivery.origin_id').on('delivery.origin_kind', '=', 'campaign'),
      )
      .select([
        'delivery.state',
        'origin_kind',
        'origin_id',
        'delivery.pool',
        'due_at',
        'last_reply',
        'last_code',
        'last_mx',
        'last_attempt_at',
        'reason',
        sql<number | null>`case when campaign.paused = 1 or campaign.state = 'paused' then 1 else 0 end`.as(
          'campaign_paused',
        ),
      ])
      .where('domain_id', '=', domainId)
      .where('lane', '=', lane)
      .where(sql<boolean>`delivery.state in ('queued', 'deferred')`)
      .orderBy('due_at', order)
      .limit(20)
      .execute() as Promise<End[]>;
  const found = await Promise.all([
    near('transactional', 'asc'),
    near('bulk', 'asc'),
    near('transactional', 'desc'),
    near('bulk', 'desc'),
  ]);
  const head = found
    .slice(0, 2)
    .flatMap((rows) => rows.slice(0, 1))
    .sort((a, b) => a.due_at - b.due_at)[0];
  const refused = found
    .flat()
    .filter((row) => row.last_reply !== null && row.last_reply !== '')
    .sort((a, b) => (b.last_attempt_at ?? 0) - (a.last_attempt_at ?? 0))[0];
  return { head, refused };
}

/** What may keep something waiting, beside its own time. */
interface Surroundings {
  throttles: ThrottledPlace[];
  /** Holds in force. */
  holds: QueueOrder[];
  /** Whether all sources that may send for a pool are stopped. */
  isStopped(pool: string): boolean;
}

async function surroundings(db: Db, now: number): Promise<Surroundings> {
  const [throttles, orders, all] = await Promise.all([
    activeThrottles(db, now),
    openOrders(db),
    sourcesInPools(db),
  ]);
  const open = orders.filter((order) => order.released_at === null);
  const stopped = (row: Row<'source'>) =>
    row.paused === 1 ||
    open.some(
      (one) =>
        one.by_kind === 'source' && one.target_id === row.id && (one.kind === 'hold' || one.kind === 'drain'),
    );
  return {
    throttles,
    holds: open.filter((order) => order.kind === 'hold'),
    isStopped(pool) {
      // A pool without sources of its own uses all of them.
      const own = all.filter((row) => row.pools.some((one) => one.pool === pool));
      const usable = own.length > 0 ? own : all;
      return usable.length > 0 && usable.every(stopped);
    },
  };
}

type ThrottledPlace = Awaited<ReturnType<typeof activeThrottles>>[number];

/** The strictest reason first. */
function why(
  domain: Pick<Row<'domain'>, 'site' | 'provider' | 'held'>,
  head: Pick<End, 'state' | 'campaign_paused' | 'due_at' | 'pool' | 'reason'> | undefined,
  { throttles, holds, isStopped }: Surroundings,
  now: number,
  next: number | null,
): Waiting {
  const isHeld = holds.some(
    (one) =>
      (one.by_kind === 'site' && one.target === domain.site) ||
      (one.by_kind === 'provider' && one.target === domain.provider),
  );
  if (domain.held === 1 || isHeld) return { reason: 'held', until: null };
  if (head === undefined || next === null) return { reason: 'moving', until: null };
  if (head.campaign_paused === 1 || isStopped(head.pool)) return { reason: 'paused', until: null };
  const throttle = throttles.find(
    (one) =>
      one.site === domain.site ||
      // Some providers' limits hold over all of their sites together.
      (one.provider !== null &&
        one.provider === domain.provider &&
        providerById(one.provider).scope === 'provider'),
  );
  if (throttle !== undefined) return { reason: 'throttled', until: throttle.until };
  if (next <= now) return { reason: 'moving', until: null };
  if (head.state === 'deferred') return { reason: 'deferred', until: next };
  return { reason: head.reason?.startsWith(`${FREQUENCY}:`) === true ? 'frequency' : 'not-due', until: next };
}

// ── one delivery ──────────────────────────────────────────────────────────────────────────────────────────────────

export interface AttemptLine extends Row<'attempt'> {
  source_name: string | null;
  /** What was said, where it is kept: of attempts that did not deliver, for a while. */
  transcript: string | null;
}

export interface DeliveryStory {
  delivery: Row<'delivery'>;
  domain: Row<'domain'>;
  /** The campaign's name, or the answered message's subject. */
  origin_name: string | null;
  conversation_id: number | null;
  waiting: Waiting | null;
  attempts: AttemptLine[];
  events: Pick<Row<'event'>, 'id' | 'kind' | 'at' | 'data'>[];
}

const UNFINISHED: readonly DeliveryState[] = ['queued', 'deferred', 'held', 'active'];

/** One delivery from queue to end: where it stands and why, each attempt, each event. Throws `not-found`. */
export async function deliveryStory(db: Db, id: number, now: number): Promise<DeliveryStory> {
  const delivery = await db.selectFrom('any_delivery').selectAll().where('id', '=', id).executeTakeFirst();
  if (delivery === undefined) throw new Problem('not-found', `there is no delivery ${id}`);
  const [domain, origin, attempts, events, around] = await Promise.all([
    db.selectFrom('domain').selectAll().where('id', '=', delivery.domain_id).executeTakeFirstOrThrow(),
    originOf(db, delivery.origin_kind, delivery.origin_id),
    db
      .selectFrom('attempt')
      .leftJoin('source', 'source.id', 'attempt.source_id')
      .leftJoin('attempt_transcript', (join) =>
        join
          .onRef('attempt_transcript.delivery_id', '=', 'attempt.delivery_id')
          .onRef('attempt_transcript.number', '=', 'attempt.number'),
      )
      .selectAll('attempt')
      .select(['source.name as source_name', 'attempt_transcript.lines as transcript'])
      .where('attempt.delivery_id', '=', id)
      .orderBy('attempt.id')
      .execute(),
    db
      .selectFrom('event')
      .select(['id', 'kind', 'at', 'data'])
      .where('delivery_id', '=', id)
      .orderBy('at')
      .orderBy('id')
      .limit(500)
      .execute(),
    surroundings(db, now),
  ]);
  return {
    delivery,
    domain,
    origin_name: origin.name,
    conversation_id: origin.conversation_id,
    waiting: UNFINISHED.includes(delivery.state)
      ? waitingOf(delivery, domain, origin.paused, around, now)
      : null,
    attempts,
    events,
  };
}

function waitingOf(
  delivery: Row<'delivery'>,
  domain: Row<'domain'>,
  paused: boolean,
  around: Surroundings,
  now: number,
): Waiting {
  if (delivery.state === 'active') return { reason: 'moving', until: null };
  if (paused) return { reason: 'paused', until: null };
  if (delivery.state === 'held') return { reason: 'held', until: null };
  const head = {
    state: delivery.state,
    campaign_paused: 0,
    due_at: delivery.due_at,
    pool: delivery.pool,
    reason: delivery.reason,
  };
  return why(domain, head, around, now, delivery.due_at);
}

async function originOf(
  db: Db,
  kind: OriginKind,
  id: number,
): Promise<{ name: string | null; conversation_id: number | null; paused: boolean }> {
  const nothing = { name: null, conversation_id: null, paused: false };
  switch (kind) {
    case 'campaign': {
      const row = await db
        .selectFrom('campaign')
        .select(['name', 'paused', 'state'])
        .where('id', '=', id)
        .executeTakeFirst();
      return row === undefined
        ? nothing
        : { ...nothing, name: row.name, paused: row.paused === 1 || row.state === 'paused' };
    }
    case 'message': {
      const row = await db
        .selectFrom('message')
        .select(['subject', 'conversation_id'])
        .where('id', '=', id)
        .executeTakeFirst();
      return row === undefined
        ? nothing
        : { ...nothing, name: row.subject, conversation_id: row.conversation_id };
    }
    case 'test': {
      const row = await db
        .selectFrom('template_version')
        .select('subject')
        .where('id', '=', id)
        .executeTakeFirst();
      return { ...nothing, name: row?.subject ?? null };
    }
    case 'submission': {
      const row = await db.selectFrom('credential').select('name').where('id', '=', id).executeTakeFirst();
      return { ...nothing, name: row?.name ?? null };
    }
    case 'journey':
      return nothing;
    default:
      return kind satisfies never;
  }
}

/** What waits for one destination, in the order of its turn. `cursor` is `due_at:id` of the last one seen. */
export async function waitingDeliveries(
  db: Db,
  domainId: number,
  { cursor, limit = 100 }: { cursor?: string | null | undefined; limit?: number | undefined } = {},
): Promise<{ rows: Row<'delivery'>[]; next: string | null }> {
  let query = db
    .selectFrom('delivery')
    .selectAll()
    .where('domain_id', '=', domainId)
    .where(sql<boolean>`state in ('queued', 'deferred', 'active', 'held')`)
    .orderBy('due_at')
    .orderBy('id')
    .limit(limit + 1);
  const [due = NaN, id = NaN] = (cursor ?? '').split(':').map(Number);
  if (Number.isFinite(due) && Number.isFinite(id)) {
    query = query.where(sql<boolean>`(due_at, id) > (${due}, ${id})`);
  }
  const rows = await query.execute();
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return { rows: rows.slice(0, limit), next: last === undefined ? null : `${last.due_at}:${last.id}` };
}

/** The latest deliveries to an address: "what happened to the mail to X?". */
export const deliveriesTo = (db: Db, address: string, limit = 20): Promise<Row<'delivery'>[]> =>
  db
    .selectFrom('any_delivery as delivery')
    .innerJoin('contact', 'contact.id', 'delivery.contact_id')
    .selectAll('delivery')
    .where('contact.email', '=', address.toLowerCase())
    .orderBy('delivery.id', 'desc')
    .limit(limit)
    .execute();

/** Holds a destination, or lets go of it: one row, obeyed at the next claim and before the next RCPT. */
export async function holdDestination(db: Db, domainId: number, held: boolean): Promise<void> {
  await db
    .updateTable('domain')
    .set({ held: held ? 1 : 0 })
    .where('id', '=', domainId)
    .execute();
}
