/**
 * Opens and clicks in the store: who may be counted now, whose link it is, the hits that wait for their verdict, and what a
 * campaign's report says of them.
 */
import { sql, type RawBuilder } from 'kysely';
import { jsonText, rowsFrom } from './batch.ts';
import { fromJson } from './json.ts';
import type { Db, Row } from './tables.ts';

export type TrackingMode = Row<'contact'>['tracking'];

/** What somebody agrees to at this moment: their setting, unless they took their consent back since. Index: consent_contact. */
export const trackingNow: RawBuilder<TrackingMode> = sql`case when contact.tracking = 'none' then 'none'
  when (select state from consent where consent.contact_id = contact.id and consent.purpose = 'tracking'
    order by consent.at desc, consent.id desc limit 1) = 'withdrawn' then 'none' else contact.tracking end`;

/** The delivery that a link stands in, and what its person agrees to now. */
export interface LinkOwner {
  id: number;
  origin_kind: Row<'delivery'>['origin_kind'];
  origin_id: number;
  contact_id: number | null;
  template_version_id: number | null;
  fill: string | null;
  /** When the receiver took it, as far as we know. */
  accepted_at: number | null;
  tracking: TrackingMode;
}

export async function linkOwners(db: Db, deliveryIds: readonly number[]): Promise<Map<number, LinkOwner>> {
  if (deliveryIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('any_delivery as delivery')
    .leftJoin('contact', 'contact.id', 'delivery.contact_id')
    .select([
      'delivery.id',
      'delivery.origin_kind',
      'delivery.origin_id',
      'delivery.contact_id',
      'delivery.template_version_id',
      'delivery.fill',
      sql<number | null>`coalesce(delivery.finished_at, delivery.last_attempt_at)`.as('accepted_at'),
      sql<TrackingMode>`case when contact.id is null then 'none' else ${trackingNow} end`.as('tracking'),
    ])
    .where('delivery.id', 'in', [...new Set(deliveryIds)])
    .execute();
  return new Map(rows.map((row) => [row.id, row]));
}

/** A hit as it waits. */
export interface KeptHit<Facts> {
  delivery_id: number;
  at: number;
  link: number;
  facts: Facts;
}

export async function keepHits<Facts>(db: Db, hits: readonly KeptHit<Facts>[]): Promise<void> {
  if (hits.length === 0) return;
  await sql`insert into tracking_hit (delivery_id, at, link, facts) select delivery_id, at, link, facts
    from ${rowsFrom(db, hits as unknown as Record<string, unknown>[], {
      delivery_id: 'int',
      at: 'int',
      link: 'int',
      facts: 'json',
    })} as r where true order by ordinal`.execute(db);
}

/** Whether some hit's time is over. Index: tracking_hit_due. */
export const hitsWait = async (db: Db): Promise<boolean> =>
  (await db.selectFrom('tracking_hit').select('id').where('judged', '=', 0).limit(1).executeTakeFirst()) !==
  undefined;

/** Marks what is older than `upTo`, at most so many, as judged and answers their ids: of two nodes only one gets each. */
export async function takeDueHits(db: Db, upTo: number, limit: number): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`update tracking_hit set judged = 1 where judged = 0 and id in
    (select id from tracking_hit where judged = 0 and at <= ${upTo} order by at, id limit ${limit}) returning id`.execute(
    db,
  );
  return rows.map((row) => row.id);
}

export interface HitRow<Facts> extends KeptHit<Facts> {
  id: number;
}

/** All hits on the messages that these belong to, in the order of time. */
export async function hitsBeside<Facts>(db: Db, ids: readonly number[]): Promise<HitRow<Facts>[]> {
  if (ids.length === 0) return [];
  const { rows } = await sql<Row<'tracking_hit'>>`select * from tracking_hit where delivery_id in
    (select delivery_id from tracking_hit where id in (${sql.join([...ids])})) order by at, id`.execute(db);
  return rows.map((row) => ({ ...row, facts: fromJson(row.facts, {} as Facts) }));
}

export const dropHits = (db: Db, before: number): Promise<unknown> =>
  db.deleteFrom('tracking_hit').where('judged', '=', 1).where('at', '<', before).execute();

/** The one date that hygiene keeps; it only moves forward. */
export async function keepOpenDays(db: Db, contactIds: readonly number[], day: number): Promise<void> {
  if (contactIds.length === 0) return;
  await db
    .updateTable('contact')
    .set({ last_open_day: day })
    .where('id', 'in', [...new Set(contactIds)])
    .where((where) => where.or([where('last_open_day', 'is', null), where('last_open_day', '<', day)]))
    .execute();
}

// ── what the report says ──────────────────────────────────────────────────────────────────────────────────────────

export interface TrackingCounts {
  /** Delivered messages, those whose reader may be counted, and those of whom only the last day is kept. */
  delivered: number;
  full: number;
  hygiene: number;
}

/** From the campaign's own rows: what was frozen says what left. Index: delivery_origin. */
export async function trackingCounts(db: Db, campaignId: number): Promise<TrackingCounts> {
  const mode = jsonText(db, sql.ref('fill'), 'track');
  const { rows } = await sql<{ mode: string | null; n: number }>`select ${mode} as mode, count(*) as n
    from any_delivery where origin_kind = 'campaign' and origin_id = ${campaignId} and state = 'delivered'
    group by 1`.execute(db);
  const of = (name: string | null) => Number(rows.find((row) => row.mode === name)?.n ?? 0);
  return { delivered: of(null) + of('full') + of('hygiene'), full: of('full'), hygiene: of('hygiene') };
}

export interface TrackedKind {
  kind: 'opened' | 'opened_machine' | 'clicked' | 'clicked_machine';
  /** Hits, and the messages they were on. */
  hits: number;
  people: number;
}

/** Index: event_campaign. */
export async function trackedKinds(db: Db, campaignId: number): Promise<TrackedKind[]> {
  const rows = await db
    .selectFrom('event')
    .select([
      'kind',
      ({ fn }) => fn.countAll<number>().as('hits'),
      sql<number>`count(distinct delivery_id)`.as('people'),
    ])
    .where('campaign_id', '=', campaignId)
    .where('kind', 'in', ['opened', 'opened_machine', 'clicked', 'clicked_machine'])
    .groupBy('kind')
    .execute();
  return rows.map((row) => ({
    kind: row.kind as TrackedKind['kind'],
    hits: Number(row.hits),
    people: Number(row.people),
  }));
}

export interface LinkCount {
  link: number;
  kind: 'clicked' | 'clicked_machine';
  hits: number;
  people: number;
}

export async function linkCounts(db: Db, campaignId: number): Promise<LinkCount[]> {
  const link = jsonText(db, sql.ref('data'), 'link');
  const { rows } = await sql<LinkCount>`select ${link} as link, kind, count(*) as hits,
      count(distinct delivery_id) as people
    from event where campaign_id = ${campaignId} and kind in ('clicked', 'clicked_machine') group by 1, 2`.execute(
    db,
  );
  return rows.map((row) => ({
    link: Number(row.link),
    kind: row.kind,
    hits: Number(row.hits),
    people: Number(row.people),
  }));
}

/** Why machines were taken for machines. */
export async function machineReasons(
  db: Db,
  campaignId: number,
): Promise<{ reason: string; hits: number }[]> {
  const reason = jsonText(db, sql.ref('data'), 'reason');
  const { rows } = await sql<{
    reason: string;
    hits: number;
  }>`select ${reason} as reason, count(*) as hits from event
    where campaign_id = ${campaignId} and kind in ('opened_machine', 'clicked_machine') group by 1 order by 2 desc`.execute(
    db,
  );
  return rows.map((row) => ({ reason: row.reason, hits: Number(row.hits) }));
}
