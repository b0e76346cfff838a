/** How a campaign goes and what became of it: counts, pace, providers, intents, the receivers' most frequent words. */
import { sql } from 'kysely';
import { Problem } from '../errors.ts';
import {
  campaignById,
  campaignCounts,
  campaignEvents,
  withCounts,
  type CampaignCounts,
  type CampaignLine,
} from '../store/campaign.ts';
import { handedOver } from '../store/smarthost.ts';
import type { Db } from '../store/tables.ts';

export interface ProviderProgress {
  provider: string;
  total: number;
  delivered: number;
  waiting: number;
  bounced: number;
  last_reply: string | null;
  next_at: number | null;
}

export interface CampaignProgress {
  campaign: CampaignLine;
  per_second: number;
  eta_at: number | null;
  providers: ProviderProgress[];
}

const PACE_MS = 10_000;

async function lineOf(db: Db, id: number): Promise<CampaignLine> {
  const campaign = await campaignById(db, id);
  if (campaign === undefined) throw new Problem('not-found', 'there is no such campaign');
  return (await withCounts(db, [campaign]))[0] as CampaignLine;
}

/** Per provider, from the campaign's own rows. Index: delivery_state. */
async function byProvider(db: Db, id: number): Promise<ProviderProgress[]> {
  const { rows } =
    await sql<ProviderProgress>`select coalesce(nullif(domain.provider, ''), 'default') as provider, count(*) as total,
      sum(case when delivery.state = 'delivered' then 1 else 0 end) as delivered,
      sum(case when delivery.state in ('queued', 'active', 'deferred', 'held') then 1 else 0 end) as waiting,
      sum(case when delivery.state = 'bounced' or delivery.bounced_after_at is not null then 1 else 0 end) as bounced,
      max(case when delivery.state = 'deferred' then delivery.last_reply end) as last_reply,
      min(case when delivery.state = 'deferred' then delivery.due_at end) as next_at
    from any_delivery as delivery join domain on domain.id = delivery.domain_id
    where delivery.origin_kind = 'campaign' and delivery.origin_id = ${id}
    group by 1 order by 2 desc`.execute(db);
  return rows.map((row) => ({
    ...row,
    total: Number(row.total),
    delivered: Number(row.delivered),
    waiting: Number(row.waiting),
    bounced: Number(row.bounced),
    next_at: row.next_at === null ? null : Number(row.next_at),
  }));
}

export async function campaignProgress(db: Db, id: number, now: number): Promise<CampaignProgress> {
  const [campaign, providers, pace] = await Promise.all([
    lineOf(db, id),
    byProvider(db, id),
    db
      .selectFrom('event')
      .select(({ fn }) => fn.countAll<number>().as('n'))
      .where('campaign_id', '=', id)
      .where('kind', '=', 'delivered')
      .where('at', '>', now - PACE_MS)
      .executeTakeFirst(),
  ]);
  const perSecond = Number(pace?.n ?? 0) / (PACE_MS / 1000);
  const { counts } = campaign;
  const waiting = counts.queued + counts.active + counts.deferred;
  const paced = perSecond > 0 ? now + (waiting / perSecond) * 1000 : null;
  // What a receiver put off cannot be done before its next attempt.
  const lastDue = Math.max(0, ...providers.map((one) => one.next_at ?? 0));
  const running = campaign.state === 'queueing' || campaign.state === 'sending';
  return {
    campaign,
    per_second: perSecond,
    eta_at: !running || waiting === 0 ? null : paced === null ? lastDue || null : Math.max(paced, lastDue),
    providers,
  };
}

export interface CampaignReport {
  campaign: CampaignLine;
  counts: CampaignCounts;
  replied: number;
  auto_replied: number;
  complained: number;
  unsubscribed: number;
  intents: { intent: string; count: number }[];
  providers: { provider: string; total: number; delivered: number; bounced: number; waiting: number }[];
  reasons: { class: string; reply: string; count: number }[];
  /** Taken by a smarthost: what the recipients' providers said of these is not known here. */
  handed: { via: string; handed: number }[];
}

export async function campaignReport(db: Db, id: number): Promise<CampaignReport> {
  const [campaign, counts, events, intents, providers, reasons, handed] = await Promise.all([
    lineOf(db, id),
    campaignCounts(db, [id]),
    campaignEvents(db, [id], ['replied', 'auto_replied', 'complained', 'unsubscribed']),
    db
      .selectFrom('conversation')
      .select(['intent', ({ fn }) => fn.countAll<number>().as('n')])
      .where('campaign_id', '=', id)
      .where('category', '=', 'human')
      .where('intent', 'is not', null)
      .groupBy('intent')
      .orderBy('n', 'desc')
      .execute(),
    byProvider(db, id),
    db
      .selectFrom('any_delivery')
      .select([
        'class',
        ({ fn }) => fn.max('last_reply').as('reply'),
        ({ fn }) => fn.countAll<number>().as('n'),
      ])
      .where('origin_kind', '=', 'campaign')
      .where('origin_id', '=', id)
      .where('class', 'is not', null)
      .groupBy('class')
      .orderBy('n', 'desc')
      .limit(12)
      .execute(),
    handedOver(db, id),
  ]);
  const happened = events.get(id) ?? {};
  return {
    campaign,
    counts: counts.get(id) as CampaignCounts,
    replied: happened['replied'] ?? 0,
    auto_replied: happened['auto_replied'] ?? 0,
    complained: happened['complained'] ?? 0,
    unsubscribed: happened['unsubscribed'] ?? 0,
    intents: intents.map((row) => ({ intent: row.intent ?? '', count: Number(row.n) })),
    providers: providers.map(({ provider, total, delivered, bounced, waiting }) => ({
      provider,
      total,
      delivered,
      bounced,
      waiting,
    })),
    handed,
    reasons: reasons.map((row) => ({ class: row.class ?? '', reply: row.reply ?? '', count: Number(row.n) })),
  };
}
