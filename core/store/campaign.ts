/**
 * Campaigns as rows, and what became of each recipient. Who may change the state of a campaign stands in
 * `core/campaign/states.ts`; here are only the questions.
 */
import { sql, type RawBuilder } from 'kysely';
import type { CampaignState, Db, DeliveryState, NewRow, Row, RowPatch } from './tables.ts';

export type Campaign = Row<'campaign'>;

export const campaignById = (db: Db, id: number): Promise<Campaign | undefined> =>
  db.selectFrom('campaign').selectAll().where('id', '=', id).executeTakeFirst();

export const addCampaign = async (db: Db, row: NewRow<'campaign'>): Promise<Campaign> =>
  db.insertInto('campaign').values(row).returningAll().executeTakeFirstOrThrow();

/** Changes a campaign while it is in one of the given states; undefined when it is not. */
export const changeCampaign = (
  db: Db,
  id: number,
  states: readonly CampaignState[],
  patch: RowPatch<'campaign'>,
  now: number,
): Promise<Campaign | undefined> =>
  db
    .updateTable('campaign')
    .set({ ...patch, updated_at: now })
    .where('id', '=', id)
    .where('state', 'in', states)
    .returningAll()
    .executeTakeFirst();

/** Forgets a draft; false when it is no draft any more. */
export async function removeDraft(db: Db, id: number): Promise<boolean> {
  const row = await db
    .deleteFrom('campaign')
    .where('id', '=', id)
    .where('state', '=', 'draft')
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
}

/** Those whose deliveries must stay where they are: paused, or cancelled and not swept yet. A few rows. */
export const stoppedCampaigns = (db: Db): Promise<Pick<Campaign, 'id' | 'cancelled_at'>[]> =>
  db
    .selectFrom('campaign')
    .select(['id', 'cancelled_at'])
    .where('finished_at', 'is', null)
    .where(({ or, eb }) => or([eb('paused', '=', 1), eb('cancelled_at', 'is not', null)]))
    .execute();

/** Those with something to do at `now`: to be examined or begun, fanned out, watched to their end, or swept. */
export const campaignsAtWork = (db: Db, now: number, examineBeforeMs = 0): Promise<Campaign[]> =>
  db
    .selectFrom('campaign')
    .selectAll()
    .where(({ or, and, eb }) =>
      or([
        eb('state', 'in', ['queueing', 'sending']),
        and([eb('state', '=', 'scheduled'), eb('scheduled_at', '<=', now + examineBeforeMs)]),
        and([eb('state', '=', 'blocked'), eb('scheduled_at', '>', now)]),
        and([eb('state', '=', 'cancelled'), eb('finished_at', 'is', null)]),
      ]),
    )
    .orderBy('id')
    .execute();

/** The campaigns whose audience names a segment, drafts and running ones: such a segment must stay. */
export async function campaignsUsingSegment(db: Db, segmentId: number): Promise<Campaign[]> {
  const rows = await db
    .selectFrom('campaign')
    .selectAll()
    .where('state', 'not in', ['sent', 'cancelled'])
    .execute();
  return rows.filter((row) => {
    const audience = JSON.parse(row.audience) as { segments?: number[]; excludeSegments?: number[] };
    return [...(audience.segments ?? []), ...(audience.excludeSegments ?? [])].includes(segmentId);
  });
}

// ── counts ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** How many recipients are in each state; those of `delivered` that bounced later apart, too. */
export interface CampaignCounts extends Record<DeliveryState, number> {
  total: number;
  delivered_then_bounced: number;
}

const noCounts = (): CampaignCounts => ({
  total: 0,
  queued: 0,
  active: 0,
  deferred: 0,
  held: 0,
  delivered: 0,
  delivered_then_bounced: 0,
  bounced: 0,
  expired: 0,
  cancelled: 0,
  suppressed: 0,
});

/**
 * Counts of several campaigns at once, live and retired, as of one moment. Indexes: delivery_state, which answers without
 * the rows, and delivery_bounced_after.
 */
export async function campaignCounts(db: Db, ids: readonly number[]): Promise<Map<number, CampaignCounts>> {
  const counts = new Map(ids.map((id) => [id, noCounts()]));
  if (ids.length === 0) return counts;
  const which = sql`origin_kind = 'campaign' and origin_id in (${sql.join([...ids])})`;
  const { rows } = await sql<{ origin_id: number; state: DeliveryState; n: number; bounced_after: number }>`
    select origin_id, state, sum(n) as n, sum(bounced_after) as bounced_after from (
      select origin_id, state, count(*) as n, 0 as bounced_after from delivery where ${which} group by origin_id, state
      union all select origin_id, state, count(*), 0 from delivery_retired where ${which} group by origin_id, state
      union all select origin_id, state, 0, count(*) from delivery
        where ${which} and bounced_after_at is not null group by origin_id, state
      union all select origin_id, state, 0, count(*) from delivery_retired
        where ${which} and bounced_after_at is not null group by origin_id, state) as counted
    group by origin_id, state`.execute(db);
  for (const row of rows) {
    const one = counts.get(row.origin_id) as CampaignCounts;
    one[row.state] += Number(row.n);
    one.total += Number(row.n);
    if (row.state === 'delivered') one.delivered_then_bounced += Number(row.bounced_after);
  }
  return counts;
}

/** Whether anything of a campaign is still to be done. One look into the index per state. */
export async function hasUnfinished(db: Db, id: number): Promise<boolean> {
  const row = await db
    .selectFrom('delivery')
    .select('id')
    .where('origin_kind', '=', 'campaign')
    .where('origin_id', '=', id)
    .where('state', 'in', ['queued', 'active', 'deferred', 'held'])
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** How many people something happened to, by campaign and kind. Index: event_campaign. */
export async function campaignEvents(
  db: Db,
  ids: readonly number[],
  kinds: readonly string[],
): Promise<Map<number, Record<string, number>>> {
  const counts = new Map(
    ids.map((id) => [id, Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<string, number>]),
  );
  if (ids.length === 0 || kinds.length === 0) return counts;
  const rows = await db
    .selectFrom('event')
    .select(['campaign_id', 'kind', sql<number>`count(distinct coalesce(contact_id, -id))`.as('n')])
    .where('campaign_id', 'in', ids)
    .where('kind', 'in', kinds)
    .groupBy(['campaign_id', 'kind'])
    .execute();
  for (const row of rows) (counts.get(row.campaign_id as number) ?? {})[row.kind] = Number(row.n);
  return counts;
}

export interface CampaignLine extends Campaign {
  counts: CampaignCounts;
  replied: number;
  unsubscribed: number;
  complained: number;
}

/** Adds to campaigns what a list shows of them. */
export async function withCounts(db: Db, campaigns: readonly Campaign[]): Promise<CampaignLine[]> {
  const ids = campaigns.map((one) => one.id);
  const [counts, events] = await Promise.all([
    campaignCounts(db, ids),
    campaignEvents(db, ids, ['replied', 'unsubscribed', 'complained']),
  ]);
  return campaigns.map((one) => ({
    ...one,
    counts: counts.get(one.id) ?? noCounts(),
    replied: events.get(one.id)?.['replied'] ?? 0,
    unsubscribed: events.get(one.id)?.['unsubscribed'] ?? 0,
    complained: events.get(one.id)?.['complained'] ?? 0,
  }));
}

/** Newest first. */
export async function campaignPage(
  db: Db,
  { state, beforeId, limit = 50 }: { state?: CampaignState; beforeId?: number; limit?: number },
): Promise<{ rows: CampaignLine[]; next: number | null }> {
  let query = db
    .selectFrom('campaign')
    .selectAll()
    .orderBy('id', 'desc')
    .limit(limit + 1);
  if (state !== undefined) query = query.where('state', '=', state);
  if (beforeId !== undefined) query = query.where('id', '<', beforeId);
  const found = await query.execute();
  const rows = await withCounts(db, found.slice(0, limit));
  return { rows, next: found.length > limit ? (rows.at(-1)?.id ?? null) : null };
}

export async function searchCampaigns(db: Db, search: string, limit = 20): Promise<Campaign[]> {
  const part = `%${search
    .trim()
    .toLowerCase()
    .replace(/[\\%_]/g, '\\$&')}%`;
  return db
    .selectFrom('campaign')
    .selectAll()
    .where(sql<boolean>`(lower(name) like ${part} escape '\\' or lower(subject) like ${part} escape '\\')`)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
}

// ── the ledger ────────────────────────────────────────────────────────────────────────────────────────────────────

/** Every recipient is in exactly one line. */
export const ledgerLines = [
  'delivered',
  'delivered-then-bounced',
  'bounced',
  'expired',
  'cancelled',
  'suppressed',
  'waiting',
] as const;
export type LedgerLine = (typeof ledgerLines)[number];

/** The line of one delivery. */
export function ledgerLineOf({
  state,
  bounced_after_at,
}: Pick<Row<'delivery'>, 'state' | 'bounced_after_at'>): LedgerLine {
  switch (state) {
    case 'delivered':
      return bounced_after_at === null ? 'delivered' : 'delivered-then-bounced';
    case 'bounced':
    case 'expired':
    case 'cancelled':
    case 'suppressed':
      return state;
    case 'queued':
    case 'active':
    case 'deferred':
    case 'held':
      return 'waiting';
    default:
      return state satisfies never;
  }
}

const isOnLine: Record<LedgerLine, RawBuilder<boolean>> = {
  delivered: sql<boolean>`state = 'delivered' and bounced_after_at is null`,
  'delivered-then-bounced': sql<boolean>`state = 'delivered' and bounced_after_at is not null`,
  bounced: sql<boolean>`state = 'bounced'`,
  expired: sql<boolean>`state = 'expired'`,
  cancelled: sql<boolean>`state = 'cancelled'`,
  suppressed: sql<boolean>`state = 'suppressed'`,
  waiting: sql<boolean>`state in ('queued', 'active', 'deferred', 'held')`,
};

export interface LedgerQuestion {
  line?: LedgerLine | undefined;
  /** Part of an address. */
  search?: string | undefined;
  afterId?: number | undefined;
  limit?: number | undefined;
}

export interface LedgerEntry extends Pick<
  Row<'delivery'>,
  | 'contact_id'
  | 'address'
  | 'state'
  | 'attempt'
  | 'last_code'
  | 'last_reply'
  | 'reason'
  | 'finished_at'
  | 'bounced_after_at'
> {
  delivery_id: number;
  line: LedgerLine;
}

/** Every recipient of a campaign with what became of them, in the order they were queued. */
export async function campaignLedger(
  db: Db,
  campaignId: number,
  { line, search, afterId, limit = 100 }: LedgerQuestion = {},
): Promise<{ rows: LedgerEntry[]; next: number | null }> {
  let query = db
    .selectFrom('any_delivery')
    .select([
      'id as delivery_id',
      'contact_id',
      'address',
      'state',
      'attempt',
      'last_code',
      'last_reply',
      'reason',
      'finished_at',
      'bounced_after_at',
    ])
    .where('origin_kind', '=', 'campaign')
    .where('origin_id', '=', campaignId)
    .orderBy('id')
    .limit(limit + 1);
  if (line !== undefined) query = query.where(isOnLine[line]);
  if (search !== undefined && search.trim() !== '') {
    const part = `%${search
      .trim()
      .toLowerCase()
      .replace(/[\\%_]/g, '\\$&')}%`;
    query = query.where(sql<boolean>`address like ${part} escape '\\'`);
  }
  if (afterId !== undefined) query = query.where('id', '>', afterId);
  const found = await query.execute();
  const rows = found.slice(0, limit).map((row) => ({ ...row, line: ledgerLineOf(row) }));
  return { rows, next: found.length > limit ? (rows.at(-1)?.delivery_id ?? null) : null };
}
