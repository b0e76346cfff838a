/** What the pressure page, a campaign and a person's page ask: who got how much, what waits for room, what was left out. */
import { sql, type RawBuilder } from 'kysely';
import { jsonText } from './batch.ts';
import type { FrequencyCap } from './pressure.ts';
import type { Db } from './tables.ts';

const DAY_MS = 86_400_000;

export interface Pressed {
  /** Contacts, and how many of them got so many mails: the last one is "that many or more". */
  people: number;
  week: { mails: number; people: number }[];
  month: { mails: number; people: number }[];
  /** Who got nothing for that long. */
  unheard: { days: number; people: number };
  most: { contact_id: number; email: string; week: number; month: number }[];
}

const BARS = 15;
const UNHEARD_DAYS = 45;
const MOST = 10;

/** One walk of mail_got in the order of its key, and one of the contacts: on a reader, kept for a while by who asks. */
export async function pressed(db: Db, now: number): Promise<Pressed> {
  const since = (days: number) => sql`cast(${now - days * DAY_MS} as bigint)`;
  const { rows } = await sql<{ week: number; month: number; late: number; n: number }>`
    select case when week > ${BARS} then ${BARS} else week end as week,
      case when month > ${BARS} then ${BARS} else month end as month, count(*) as n from (
        select contact_id, sum(case when at > ${since(7)} then 1 else 0 end) as week,
          sum(case when at > ${since(30)} then 1 else 0 end) as month
        from mail_got where at > ${since(UNHEARD_DAYS)} group by contact_id) as per group by 1, 2`.execute(
    db,
  );
  const all = await db
    .selectFrom('contact')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .executeTakeFirst();
  const people = Number(all?.n ?? 0);
  const heard = rows.reduce((sum, row) => sum + Number(row.n), 0);
  const histogram = (of: 'week' | 'month') =>
    Array.from({ length: BARS + 1 }, (_, mails) => ({
      mails,
      people: rows.reduce((sum, row) => sum + (Number(row[of]) === mails ? Number(row.n) : 0), 0),
    })).map((bar) => (bar.mails === 0 ? { ...bar, people: bar.people + Math.max(0, people - heard) } : bar));
  const { rows: most } = await sql<
    Pressed['most'][number]
  >`select contact.id as contact_id, contact.email, top.week, top.month
    from (select contact_id, sum(case when at > ${since(7)} then 1 else 0 end) as week, count(*) as month
      from mail_got where at > ${since(30)} group by contact_id order by month desc, week desc, contact_id limit ${MOST}) as top
    join contact on contact.id = top.contact_id order by top.month desc, top.week desc, contact.id`.execute(
    db,
  );
  return {
    people,
    week: histogram('week'),
    month: histogram('month'),
    unheard: { days: UNHEARD_DAYS, people: Math.max(0, people - heard) },
    most: most.map((row) => ({ ...row, week: Number(row.week), month: Number(row.month) })),
  };
}

export interface HeldBack {
  reason: string;
  campaign_id: number | null;
  campaign: string | null;
  count: number;
}

/** What was left out since a time, by campaign and reason, the most first. Index: event_kind. */
export async function leftOutSince(db: Db, since: number, limit: number): Promise<HeldBack[]> {
  const reason = jsonText(db, sql`event.data`, 'reason');
  const { rows } =
    await sql<HeldBack>`select ${reason} as reason, event.campaign_id, max(campaign.name) as campaign, count(*) as count
    from event left join campaign on campaign.id = event.campaign_id
    where event.kind = 'withheld' and event.at > ${since} and ${reason} like 'frequency:%'
    group by 1, 2 order by 4 desc, 2 limit ${limit}`.execute(db);
  return rows.map((row) => ({ ...row, count: Number(row.count) }));
}

export interface CampaignPressure {
  /** Waits for room, and when the first of it comes. */
  put_off: number;
  next_at: number | null;
  /** Ended without being sent, by reason. */
  left_out: { reason: string; count: number }[];
}

/** Index: delivery_state, both tables. */
export async function campaignPressure(db: Db, id: number, now: number): Promise<CampaignPressure> {
  const [{ rows: waiting }, { rows: left }] = await Promise.all([
    sql<{ n: number; next_at: number | null }>`select count(*) as n, min(due_at) as next_at from delivery
      where origin_kind = 'campaign' and origin_id = ${id} and state = 'queued' and due_at > ${now}
        and reason like 'frequency:%'`.execute(db),
    sql<{ reason: string; n: number }>`select reason, count(*) as n from any_delivery
      where origin_kind = 'campaign' and origin_id = ${id} and state = 'suppressed' and reason like 'frequency:%'
      group by reason order by 2 desc`.execute(db),
  ]);
  return {
    put_off: Number(waiting[0]?.n ?? 0),
    next_at: waiting[0]?.next_at ?? null,
    left_out: left.map((row) => ({ reason: row.reason, count: Number(row.n) })),
  };
}

/** How many deliveries wait for their person's room, over all. Index: delivery_waiting. */
export async function waitingForRoom(db: Db, now: number): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*) as n from delivery
    where state in ('queued', 'deferred') and lane = 'bulk' and due_at > ${now} and reason like 'frequency:%'`.execute(
    db,
  );
  return Number(rows[0]?.n ?? 0);
}

// ── before a campaign leaves ──────────────────────────────────────────────────────────────────────────────────────

interface Mailing {
  id: number;
  list_id: number | null;
  brand_id: number;
}
type Window = Pick<FrequencyCap, 'most' | 'list_id' | 'brand_id'>;

/** What a person got after a time and, with it, what other campaigns have queued for them: both within a cap's scope. */
const toward = (campaign: Mailing, cap: Window, since: RawBuilder<unknown>, withQueued: boolean) => {
  const got = sql`(select count(*) from mail_got as g where g.contact_id = contact.id and g.at > ${since}
    ${cap.list_id === null ? sql`` : sql`and g.list_id = ${cap.list_id}`}
    ${cap.brand_id === null ? sql`` : sql`and g.brand_id = ${cap.brand_id}`})`;
  if (!withQueued) return got;
  return sql`(${got} + (select count(*) from delivery as d where d.contact_id = contact.id and d.lane = 'bulk'
    and d.state in ('queued', 'active', 'deferred', 'held') and d.template_version_id is not null
    and not (d.origin_kind = 'campaign' and d.origin_id = ${campaign.id})
    ${cap.list_id === null ? sql`` : sql`and exists (select 1 from template_version as v where v.id = d.template_version_id and v.list_id = ${cap.list_id})`}
    ${cap.brand_id === null ? sql`` : sql`and exists (select 1 from sending_domain as s where s.id = d.sending_domain_id and s.brand_id = ${cap.brand_id})`}))`;
};

/** True for who has no room now under a cap. */
export const isFull = (campaign: Mailing, cap: Window & { days: number }, now: number): RawBuilder<boolean> =>
  sql<boolean>`(${toward(campaign, cap, sql`cast(${now - cap.days * DAY_MS} as bigint)`, true)} >= ${cap.most})`;

/** True for who will have none before the wait is over either. */
export const staysFull = (
  campaign: Mailing,
  cap: Window & { days: number; wait_days: number },
  now: number,
): RawBuilder<boolean> =>
  cap.wait_days >= cap.days
    ? sql<boolean>`1 = 0`
    : sql<boolean>`(${toward(campaign, cap, sql`cast(${now + (cap.wait_days - cap.days) * DAY_MS} as bigint)`, true)} >= ${cap.most})`;

/** True for who asked for less and had theirs. */
export const hadTheirWish = (campaign: Mailing, days: Record<'weekly' | 'monthly', number>, now: number) => {
  const since = (n: number) => sql`cast(${now - n * DAY_MS} as bigint)`;
  const all = { most: 1, list_id: null, brand_id: null };
  return sql<boolean>`(contact.max_frequency <> 'all' and ${toward(
    campaign,
    all,
    sql`case contact.max_frequency when 'weekly' then ${since(days.weekly)} else ${since(days.monthly)} end`,
    true,
  )} >= 1)`;
};

/** How many of some people meet each of these conditions. One walk. */
export async function countWhere(
  db: Db,
  people: RawBuilder<boolean>,
  conditions: readonly RawBuilder<boolean>[],
): Promise<number[]> {
  const sums = conditions.map(
    (condition, at) =>
      sql`coalesce(sum(case when ${condition} then 1 else 0 end), 0) as ${sql.ref(`n${at}`)}`,
  );
  const { rows } = await sql<
    Record<string, number>
  >`select ${sql.join(sums)} from contact where ${people}`.execute(db);
  return conditions.map((_, at) => Number(rows[0]?.[`n${at}`] ?? 0));
}

/** How many asked for less themselves. Index: contact_wish. */
export async function wishCounts(db: Db): Promise<{ weekly: number; monthly: number }> {
  const { rows } = await sql<{
    max_frequency: string;
    n: number;
  }>`select max_frequency, count(*) as n from contact
    where max_frequency <> 'all' group by max_frequency`.execute(db);
  const of = (wish: string) => Number(rows.find((row) => row.max_frequency === wish)?.n ?? 0);
  return { weekly: of('weekly'), monthly: of('monthly') };
}
