/**
 * A campaign that stopped at one provider while it goes on elsewhere: why, with the receiver's own words, and what a
 * person decided then. One stop of a campaign at a provider is open at a time; the newest row says what holds.
 */
import { sql, type RawBuilder } from 'kysely';
import { jsonText } from './batch.ts';
import { fromJson, toJson } from './json.ts';
import { hardClasses, placeColumn } from './place.ts';
import { cancelHeldFor, holdFor, releaseHeldFor } from './queue-sweep.ts';
import type { Db, Row } from './tables.ts';

export type StopReason = Row<'campaign_stop'>['reason'];

export interface CampaignStop extends Omit<Row<'campaign_stop'>, 'replies'> {
  replies: string[];
}

export interface NewStop {
  campaignId: number;
  provider: string;
  reason: StopReason;
  attempts: number;
  hard: number;
  complaints: number;
  replies: readonly string[];
  pacePerHour: number;
  by: number | null;
}

const read = (row: Row<'campaign_stop'>): CampaignStop => ({
  ...row,
  replies: fromJson<string[]>(row.replies, []),
});

/** Stops it there; null when it is stopped there already. */
export async function stopCampaignAt(db: Db, stop: NewStop, now: number): Promise<CampaignStop | null> {
  const row = await db
    .insertInto('campaign_stop')
    .values({
      campaign_id: stop.campaignId,
      provider: stop.provider,
      reason: stop.reason,
      state: 'stopped',
      attempts: stop.attempts,
      hard: stop.hard,
      complaints: stop.complaints,
      replies: toJson(stop.replies.map((reply) => reply.slice(0, 500))),
      pace_per_hour: Math.round(stop.pacePerHour),
      at: now,
      stopped_by: stop.by,
      released_at: null,
      released_by: null,
      rate_per_hour: null,
    })
    // Written out, not as a parameter: only so does SQLite see that the partial index serves.
    .onConflict((conflict) =>
      conflict
        .columns(['campaign_id', 'provider'])
        .where(sql<boolean>`state = 'stopped'`)
        .doNothing(),
    )
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? null : read(row);
}

/** Goes on there, at a rate (null: as before), or never; undefined when it was not stopped. */
export async function releaseStop(
  db: Db,
  id: number,
  outcome: { state: 'slower' | 'released' | 'cancelled'; ratePerHour: number | null; by: number | null },
  now: number,
): Promise<CampaignStop | undefined> {
  const row = await db
    .updateTable('campaign_stop')
    .set({
      state: outcome.state,
      rate_per_hour: outcome.ratePerHour,
      released_at: now,
      released_by: outcome.by,
    })
    .where('id', '=', id)
    .where('state', '=', 'stopped')
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? undefined : read(row);
}

export async function stopById(db: Db, id: number): Promise<CampaignStop | undefined> {
  const row = await db.selectFrom('campaign_stop').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? undefined : read(row);
}

/** Every stop of a campaign, newest first. */
export const stopsOf = async (db: Db, campaignId: number): Promise<CampaignStop[]> =>
  (
    await db
      .selectFrom('campaign_stop')
      .selectAll()
      .where('campaign_id', '=', campaignId)
      .orderBy('id', 'desc')
      .execute()
  ).map(read);

/** What holds for campaigns that are not over: of each campaign and provider the newest row. A few rows, read often. */
export const stopsInForce = async (db: Db): Promise<CampaignStop[]> =>
  (
    await db
      .selectFrom('campaign_stop')
      .selectAll()
      .where('id', 'in', (eb) =>
        eb
          .selectFrom('campaign_stop as newest')
          .innerJoin('campaign', 'campaign.id', 'newest.campaign_id')
          .where('campaign.finished_at', 'is', null)
          .select(({ fn }) => fn.max('newest.id').as('id'))
          .groupBy(['newest.campaign_id', 'newest.provider']),
      )
      .execute()
  ).map(read);

const WAITS = 'stopped at ';
const waitsFor = (provider: string): string => `${WAITS}${provider}`;

/**
 * Moves one slice of what a stop is about: what waits steps aside while it is stopped, comes back when it was released,
 * is taken back when it was cancelled. How many moved; repeat until it answers 0.
 */
export function moveStopped(
  db: Db,
  { campaign_id, provider, state }: Pick<CampaignStop, 'campaign_id' | 'provider' | 'state'>,
  now: number,
): Promise<number> {
  const selection = { campaign: campaign_id, place: provider };
  switch (state) {
    case 'stopped':
      return holdFor(db, selection, waitsFor(provider), now);
    case 'slower':
    case 'released':
      return releaseHeldFor(db, campaign_id, waitsFor(provider), now);
    case 'cancelled':
      return cancelAt(db, selection, provider, now);
    default:
      return state satisfies never;
  }
}

/** How much of a campaign waits at each provider where it stopped. Index: delivery_held. */
export async function waitingAtStops(db: Db, campaignId: number): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('delivery')
    .select(({ fn }) => ['reason', fn.countAll<number>().as('n')])
    .where('origin_kind', '=', 'campaign')
    .where('origin_id', '=', campaignId)
    .where(sql<boolean>`state = 'held'`)
    .groupBy('reason')
    .execute();
  return new Map(
    rows.flatMap(({ reason, n }) =>
      reason?.startsWith(WAITS) === true ? [[reason.slice(WAITS.length), Number(n)] as const] : [],
    ),
  );
}

/** First aside, then away: each step has an index of its own. */
async function cancelAt(
  db: Db,
  selection: { campaign: number; place: string },
  provider: string,
  now: number,
): Promise<number> {
  const aside = await holdFor(db, selection, waitsFor(provider), now);
  if (aside > 0) return aside;
  return cancelHeldFor(
    db,
    selection.campaign,
    waitsFor(provider),
    `cancelled at ${provider} by a person`,
    now,
  );
}

/** A release begins a new count: what was before it was answered for by whoever let it go on. */
const sinceRelease = (
  campaign: RawBuilder<unknown>,
) => sql`coalesce((select max(released_at) from campaign_stop
  where campaign_stop.campaign_id = ${campaign} and campaign_stop.provider = ${placeColumn}), 0)`;

/** What was counted of a campaign by provider, for a process that starts in the midst of it. Index: delivery_state. */
export async function countsAtProviders(
  db: Db,
  campaignId: number,
): Promise<{ provider: string; attempts: number; hard: number; firstAt: number }[]> {
  const { rows } = await sql<{ provider: string; attempts: number; hard: number; first_at: number }>`
    select ${placeColumn} as provider, count(*) as attempts, min(delivery.finished_at) as first_at,
      sum(case when delivery.state = 'bounced' and delivery.class in ${hardClasses} then 1 else 0 end) as hard
    from any_delivery as delivery join domain on domain.id = delivery.domain_id
    where delivery.origin_kind = 'campaign' and delivery.origin_id = ${campaignId}
      and delivery.state in ('delivered', 'bounced')
      and delivery.finished_at > ${sinceRelease(sql`delivery.origin_id`)}
    group by 1`.execute(db);
  return rows.map((row) => ({
    provider: row.provider,
    attempts: Number(row.attempts),
    hard: Number(row.hard),
    firstAt: Number(row.first_at),
  }));
}

export interface Reported {
  campaignId: number;
  provider: string;
  complaints: number;
  /** Hard bounces that came back after the 250. */
  hard: number;
  /** Who reported, or the words of the bounce: one of them. */
  words: string;
}

/** What came back of campaigns by mail: complaints and late bounces, since the last release. Index: event_campaign. */
export async function reportedOf(db: Db, campaignIds: readonly number[]): Promise<Reported[]> {
  if (campaignIds.length === 0) return [];
  const data = (key: string) => jsonText(db, sql`event.data`, key);
  const { rows } = await sql<
    Record<keyof Reported, unknown>
  >`select event.campaign_id as ${sql.ref('campaignId')},
      ${placeColumn} as provider,
      sum(case when event.kind = 'complained' then 1 else 0 end) as complaints,
      sum(case when event.kind = 'bounced' then 1 else 0 end) as hard,
      max(coalesce(${data('reporter')}, ${data('words')}, '')) as words
    from event join any_delivery as delivery on delivery.id = event.delivery_id join domain on domain.id = delivery.domain_id
    where event.campaign_id in (${sql.join([...campaignIds])}) and event.kind in ('complained', 'bounced')
      and ((event.kind = 'complained' and coalesce(${data('type')}, '') <> 'not-spam')
        or (event.inbound_id is not null and ${data('class')} in ${hardClasses}))
      and event.at > ${sinceRelease(sql`event.campaign_id`)}
    group by 1, 2`.execute(db);
  return rows.map((row) => ({
    campaignId: Number(row.campaignId),
    provider: String(row.provider),
    complaints: Number(row.complaints),
    hard: Number(row.hard),
    words: String(row.words ?? ''),
  }));
}
