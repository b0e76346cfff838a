/**
 * What a forecast is made of and measured by: an audience and the queue by provider, the forecast as it was kept, and
 * what really came of the campaign.
 */
import { sql, type RawBuilder } from 'kysely';
import { OTHER_PROVIDER } from './answer-slot.ts';
import { fromJson, toJson } from './json.ts';
import type { Db } from './tables.ts';

export interface ProviderShare {
  provider: string;
  recipients: number;
  /** Of its largest site. */
  longest: number;
}

/** Bulk mail of others that waits for each provider. Index: delivery_waiting. */
export async function waitingByProvider(db: Db): Promise<Map<string, number>> {
  const { rows } = await sql<{
    provider: string;
    n: number;
  }>`select coalesce(nullif(domain.provider, ''), ${OTHER_PROVIDER}) as provider, count(*) as n
    from domain join delivery on delivery.domain_id = domain.id
    where delivery.lane = 'bulk' and delivery.state in ('queued', 'deferred') group by 1`.execute(db);
  return new Map(rows.map((row) => [row.provider, Number(row.n)]));
}

export async function keepForecast(tx: Db, campaignId: number, body: unknown, now: number): Promise<void> {
  const values = { made_at: now, body: toJson(body) };
  await tx
    .insertInto('campaign_forecast')
    .values({ campaign_id: campaignId, ...values })
    .onConflict((conflict) => conflict.column('campaign_id').doUpdateSet(values))
    .execute();
}

export async function keptForecast<T>(db: Db, campaignId: number): Promise<T | null> {
  const row = await db
    .selectFrom('campaign_forecast')
    .select('body')
    .where('campaign_id', '=', campaignId)
    .executeTakeFirst();
  return row === undefined ? null : fromJson<T | null>(row.body, null);
}

export interface ProviderTruth {
  provider: string;
  recipients: number;
  /** Taken or refused for good: over. */
  ended: number;
  waiting: number;
  deferred: number;
  /** When the last one ended. */
  last_at: number | null;
}

/** What came of a campaign so far, by provider. Index: delivery_state. */
export async function campaignTruth(db: Db, campaignId: number): Promise<ProviderTruth[]> {
  const { rows } =
    await sql<ProviderTruth>`select coalesce(nullif(domain.provider, ''), ${OTHER_PROVIDER}) as provider, count(*) as recipients,
      sum(case when delivery.state in ('delivered', 'bounced', 'expired') then 1 else 0 end) as ended,
      sum(case when delivery.state in ('queued', 'active', 'deferred', 'held') then 1 else 0 end) as waiting,
      sum(case when delivery.state = 'deferred' then 1 else 0 end) as deferred, max(delivery.finished_at) as last_at
    from any_delivery as delivery join domain on domain.id = delivery.domain_id
    where delivery.origin_kind = 'campaign' and delivery.origin_id = ${campaignId} and delivery.attempt > 0
      or delivery.origin_kind = 'campaign' and delivery.origin_id = ${campaignId} and delivery.state in ('queued', 'held')
    group by 1 order by 2 desc`.execute(db);
  return rows.map((row) => ({
    provider: row.provider,
    recipients: Number(row.recipients),
    ended: Number(row.ended),
    waiting: Number(row.waiting),
    deferred: Number(row.deferred),
    last_at: row.last_at === null ? null : Number(row.last_at),
  }));
}

/** How many of a campaign had ended by and by: `points` steps between two moments. */
export async function endedOverTime(
  db: Db,
  campaignId: number,
  from: number,
  to: number,
  points: number,
): Promise<{ at: number; sent: number }[]> {
  const width = Math.max(1, Math.ceil((to - from) / points));
  const { rows } = await sql<{
    place: number;
    n: number;
  }>`select (finished_at - ${from}) / ${sql.lit(width)} as place, count(*) as n
    from any_delivery where origin_kind = 'campaign' and origin_id = ${campaignId} and attempt > 0
    and finished_at between ${from} and ${to} group by 1`.execute(db);
  const at = new Map(rows.map((row) => [Number(row.place), Number(row.n)]));
  const curve = [{ at: from, sent: 0 }];
  let sent = 0;
  for (let place = 0; from + place * width < to; place++) {
    sent += at.get(place) ?? 0;
    curve.push({ at: Math.min(to, from + (place + 1) * width), sent });
  }
  return curve;
}

export interface SampledContact {
  id: number;
  email: string;
  first_name: string;
  last_name: string;
  language: string;
  fields: string;
  provider: string;
}

/** People of an audience, evenly from all of it: every so many-th by id, `size` of them at most. */
export async function sampleOf(
  db: Db,
  condition: RawBuilder<boolean>,
  total: number,
  size: number,
): Promise<SampledContact[]> {
  const every = Math.max(1, Math.ceil(total / size));
  const { rows } = await sql<SampledContact>`select * from (
      select contact.id, contact.email, contact.first_name, contact.last_name, contact.language, contact.fields,
        coalesce(nullif(domain.provider, ''), ${OTHER_PROVIDER}) as provider, row_number() over (order by contact.id) as place
      from contact left join domain on domain.name = contact.email_domain where ${condition}) as people
    where (place - 1) % ${sql.lit(every)} = 0 order by id`.execute(db);
  return rows;
}
