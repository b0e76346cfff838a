/** What reports come to when they are added up: by domain, day and source; by failure; complaints by provider. */
import { sql } from 'kysely';
import { engineOf } from './batch.ts';
import type { Db } from './tables.ts';

export interface TotalsAsked {
  /** Days, both included. */
  from: number;
  to: number;
  domain?: string | undefined;
  /** Also those whose sender nothing proves. */
  unproved: boolean;
  limit: number;
}

export interface DayTotal {
  day: number;
  domain: string;
  reports: number;
  messages: number;
  /** Passed by DKIM or by SPF: what DMARC asks. */
  passed: number;
  refused: number;
}

export interface SourceTotal {
  domain: string;
  source_ip: string;
  messages: number;
  reporters: string;
  both: number;
  dkim_only: number;
  spf_only: number;
  neither: number;
  none: number;
  quarantined: number;
  rejected: number;
  /** One signature's domain and result, as a hint to who it is. */
  dkim_domain: string;
  dkim_result: string;
  spf_domain: string;
  last_day: number;
}

export interface TlsTotal {
  domain: string;
  policy: string;
  result: string;
  sessions: number;
  reporters: string;
  mx: string;
  detail: string;
  last_day: number;
}

export interface FailureTotal {
  domain: string;
  source_ip: string;
  header_from: string;
  delivery_result: string;
  alignment: string;
  messages: number;
  reporters: string;
  last_day: number;
}

export interface ComplaintTotal {
  day: number;
  provider: string | null;
  campaign_id: number | null;
  campaign: string | null;
  complaints: number;
}

const lines = (table: 'report_source' | 'report_tls' | 'report_failure', asked: TotalsAsked) => sql`
  ${sql.table(table)} as line join report on report.id = line.report_id
  where line.day >= ${asked.from} and line.day <= ${asked.to}
    ${asked.domain === undefined ? sql`` : sql`and (line.domain = ${asked.domain} or line.domain like ${`%.${likeable(asked.domain)}`} escape '\\')`}
    ${asked.unproved ? sql`` : sql`and report.proved_by <> ''`}`;

/** Its hosts for bounces and replies are below it. */
const likeable = (domain: string) => domain.replace(/[\\%_]/g, '\\$&');
const dkim = sql`line.dkim = 'pass'`;
const spf = sql`line.spf = 'pass'`;
const added = (when: ReturnType<typeof sql>) => sql`sum(case when ${when} then line.messages else 0 end)`;
/** Names side by side, a line each; their own commas are left out, since SQLite joins by one. */
const names = (column: ReturnType<typeof sql>, db: Db) =>
  isPostgres(db)
    ? sql`string_agg(distinct replace(${column}, ',', ''), chr(10))`
    : sql`replace(group_concat(distinct replace(${column}, ',', '')), ',', char(10))`;
const isPostgres = (db: Db) => engineOf(db) === 'postgres';

async function rowsOf<T extends object>(db: Db, query: ReturnType<typeof sql>): Promise<T[]> {
  const { rows } = await sql<T>`${query}`.execute(db);
  return rows;
}

/** Sums come as text from PostgreSQL. */
const numbers = <T extends object>(rows: T[], columns: readonly (keyof T)[]): T[] =>
  rows.map((row) => ({
    ...row,
    ...Object.fromEntries(columns.map((column) => [column, Number(row[column])])),
  }));

/** The newest day first. */
export async function dayTotals(db: Db, asked: TotalsAsked): Promise<DayTotal[]> {
  const rows = await rowsOf<DayTotal>(
    db,
    sql`select line.day, line.domain, count(distinct line.report_id) as reports, sum(line.messages) as messages,
      ${added(sql`${dkim} or ${spf}`)} as passed,
      ${added(sql`line.disposition in ('quarantine', 'reject')`)} as refused
      from ${lines('report_source', asked)}
      group by line.day, line.domain order by line.day desc, messages desc, line.domain limit ${asked.limit}`,
  );
  return numbers(rows, ['day', 'reports', 'messages', 'passed', 'refused']);
}

/** Those that failed most first, then the largest. */
export async function sourceTotals(db: Db, asked: TotalsAsked): Promise<SourceTotal[]> {
  const rows = await rowsOf<SourceTotal>(
    db,
    sql`select line.domain, line.source_ip, sum(line.messages) as messages, ${names(sql`report.organisation`, db)} as reporters,
      ${added(sql`${dkim} and ${spf}`)} as "both", ${added(sql`${dkim} and not ${spf}`)} as dkim_only,
      ${added(sql`${spf} and not ${dkim}`)} as spf_only, ${added(sql`not ${dkim} and not ${spf}`)} as neither,
      ${added(sql`line.disposition not in ('quarantine', 'reject')`)} as none,
      ${added(sql`line.disposition = 'quarantine'`)} as quarantined, ${added(sql`line.disposition = 'reject'`)} as rejected,
      max(line.dkim_domain) as dkim_domain, max(line.dkim_result) as dkim_result, max(line.spf_domain) as spf_domain,
      max(line.day) as last_day
      from ${lines('report_source', asked)}
      group by line.domain, line.source_ip order by neither desc, messages desc, line.source_ip limit ${asked.limit}`,
  );
  return numbers(rows, [
    'messages',
    'both',
    'dkim_only',
    'spf_only',
    'neither',
    'none',
    'quarantined',
    'rejected',
    'last_day',
  ]);
}

/** Failures first. */
export async function tlsTotals(db: Db, asked: TotalsAsked): Promise<TlsTotal[]> {
  const rows = await rowsOf<TlsTotal>(
    db,
    sql`select line.domain, line.policy, line.result, sum(line.sessions) as sessions,
      ${names(sql`report.organisation`, db)} as reporters, max(line.mx) as mx, max(line.detail) as detail, max(line.day) as last_day
      from ${lines('report_tls', asked)}
      group by line.domain, line.policy, line.result
      order by case when line.result = 'success' then 1 else 0 end, sessions desc, line.domain limit ${asked.limit}`,
  );
  return numbers(rows, ['sessions', 'last_day']);
}

export async function failureTotals(db: Db, asked: TotalsAsked): Promise<FailureTotal[]> {
  const rows = await rowsOf<FailureTotal>(
    db,
    sql`select line.domain, line.source_ip, line.header_from, line.delivery_result, line.alignment,
      sum(line.messages) as messages, ${names(sql`report.organisation`, db)} as reporters, max(line.day) as last_day
      from ${lines('report_failure', asked)}
      group by line.domain, line.source_ip, line.header_from, line.delivery_result, line.alignment
      order by messages desc, line.source_ip limit ${asked.limit}`,
  );
  return numbers(rows, ['messages', 'last_day']);
}

/** Those with a token of ours, which is what makes them count; "not spam" takes one back and is left out. */
export async function complaintTotals(
  db: Db,
  asked: Pick<TotalsAsked, 'from' | 'to' | 'limit'>,
): Promise<ComplaintTotal[]> {
  const day = sql`cast(event.at / 86400000 as bigint)`;
  const type = isPostgres(db) ? sql`event.data ->> 'type'` : sql`json_extract(event.data, '$.type')`;
  const rows = await rowsOf<ComplaintTotal>(
    db,
    sql`select ${day} as day, domain.provider, event.campaign_id, campaign.name as campaign, count(*) as complaints
      from event
        left join any_delivery on any_delivery.id = event.delivery_id
        left join domain on domain.id = any_delivery.domain_id
        left join campaign on campaign.id = event.campaign_id
      where event.kind = 'complained' and event.at >= ${asked.from * 86_400_000} and event.at < ${(asked.to + 1) * 86_400_000}
        and coalesce(${type}, '') <> 'not-spam'
      group by ${day}, domain.provider, event.campaign_id, campaign.name
      order by day desc, complaints desc limit ${asked.limit}`,
  );
  return numbers(rows, ['day', 'complaints']);
}

/** Complaints by mail with no token of ours: shown, and nothing came of them. */
export async function unprovedComplaints(db: Db, asked: Pick<TotalsAsked, 'from' | 'to'>): Promise<number> {
  const { count } = await db
    .selectFrom('inbound')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('kind', '=', 'complaint')
    .where('trust', '!=', 'verified')
    .where('received_at', '>=', asked.from * 86_400_000)
    .where('received_at', '<', (asked.to + 1) * 86_400_000)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Whose sender is not proved, in that time. */
export async function unprovedReports(db: Db, asked: Pick<TotalsAsked, 'from' | 'to'>): Promise<number> {
  const { count } = await db
    .selectFrom('report')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('proved_by', '=', '')
    .where('day', '>=', asked.from)
    .where('day', '<=', asked.to)
    .executeTakeFirstOrThrow();
  return Number(count);
}
