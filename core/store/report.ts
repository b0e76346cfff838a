/**
 * Reports of receivers as they are kept: one row a report, and its lines. The same report (an organisation and its id)
 * counts once; a copy whose sender is proved takes the place of one whose sender is not, since anybody may send first.
 */
import { toJson } from './json.ts';
import type { Db, NewRow, Row } from './tables.ts';

export const REPORT_DAY_MS = 86_400_000;
export const reportDay = (at: number): number => Math.floor(at / REPORT_DAY_MS);

type Line<T extends 'report_source' | 'report_tls' | 'report_failure'> = Omit<
  NewRow<T>,
  'id' | 'report_id' | 'day'
>;

export interface NewReport extends Omit<
  NewRow<'report'>,
  'id' | 'policy' | 'problems' | 'copies' | 'created_at' | 'lines'
> {
  policy: Record<string, string>;
  problems: string[];
  sources: Line<'report_source'>[];
  tls: Line<'report_tls'>[];
  failures: Line<'report_failure'>[];
}

export type KeptAs = { state: 'kept' | 'replaced' | 'duplicate'; id: number };

/** Keeps a report once. */
export async function addReport(db: Db, report: NewReport, now: number): Promise<KeptAs> {
  const { sources, tls, failures, policy, problems, ...fields } = report;
  const same = await db
    .selectFrom('report')
    .select(['id', 'proved_by'])
    .where('kind', '=', report.kind)
    .where('organisation', '=', report.organisation)
    .where('report_id', '=', report.report_id)
    .execute();
  // Proved by another name, it is another report: who sends under a foreign organisation's name takes no one's place.
  const first =
    same.find((one) => one.proved_by === report.proved_by) ?? (report.proved_by === '' ? same[0] : undefined);
  if (first !== undefined) {
    await db
      .updateTable('report')
      .set(({ eb }) => ({ copies: eb('copies', '+', 1) }))
      .where('id', '=', first.id)
      .execute();
    return { state: 'duplicate', id: first.id };
  }
  const unproved = same.find((one) => one.proved_by === '');
  if (unproved !== undefined) await removeReports(db, [unproved.id]);
  const { id } = await db
    .insertInto('report')
    .values({
      ...fields,
      policy: toJson(policy),
      problems: toJson(problems),
      lines: sources.length + tls.length + failures.length,
      copies: 0,
      created_at: now,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  const link = { report_id: id, day: report.day };
  await addLines(
    db,
    'report_source',
    sources.map((line) => ({ ...link, ...line })),
  );
  await addLines(
    db,
    'report_tls',
    tls.map((line) => ({ ...link, ...line })),
  );
  await addLines(
    db,
    'report_failure',
    failures.map((line) => ({ ...link, ...line })),
  );
  return { state: unproved === undefined ? 'kept' : 'replaced', id };
}

async function addLines<T extends 'report_source' | 'report_tls' | 'report_failure'>(
  db: Db,
  table: T,
  lines: NewRow<T>[],
): Promise<void> {
  // Bound values have a limit in a statement.
  for (let at = 0; at < lines.length; at += 500)
    await db
      .insertInto(table)
      .values(lines.slice(at, at + 500) as never)
      .execute();
}

async function removeReports(db: Db, ids: number[]): Promise<void> {
  for (const table of ['report_source', 'report_tls', 'report_failure'] as const)
    await db.deleteFrom(table).where('report_id', 'in', ids).execute();
  await db.deleteFrom('report').where('id', 'in', ids).execute();
}

/** How many reports and lines came since then: from one domain, or, for what is not proved, from everybody. */
export async function reportsSince(
  db: Db,
  since: number,
  from: { provedBy: string } | 'unproved',
): Promise<{ reports: number; lines: number }> {
  const found = await db
    .selectFrom('report')
    .select(({ fn }) => [fn.countAll().as('reports'), fn.sum('lines').as('lines')])
    .where('created_at', '>', since)
    .where('proved_by', '=', from === 'unproved' ? '' : from.provedBy)
    .executeTakeFirstOrThrow();
  return { reports: Number(found.reports), lines: Number(found.lines ?? 0) };
}

/** Those that are older than anybody looks back, a few at a time. */
export async function forgetReports(db: Db, before: number): Promise<void> {
  const old = await db
    .selectFrom('report')
    .select('id')
    .where('created_at', '<', before)
    .orderBy('created_at')
    .limit(200)
    .execute();
  if (old.length > 0)
    await removeReports(
      db,
      old.map((one) => one.id),
    );
}

export interface ReportsAsked {
  /** Days as `reportDay` counts them, both included. */
  from: number;
  to: number;
  domain?: string | undefined;
  kind?: Row<'report'>['kind'] | undefined;
  limit: number;
}

/** The newest first. */
export const reportsShown = (db: Db, asked: ReportsAsked): Promise<Row<'report'>[]> =>
  db
    .selectFrom('report')
    .selectAll()
    .where('day', '>=', asked.from)
    .where('day', '<=', asked.to)
    .$if(asked.domain !== undefined, (query) =>
      query.where(({ or, eb }) =>
        // Its hosts for bounces and replies are below it.
        or([eb('domain', '=', asked.domain as string), eb('domain', 'like', `%.${asked.domain}`)]),
      ),
    )
    .$if(asked.kind !== undefined, (query) => query.where('kind', '=', asked.kind as 'dmarc'))
    .orderBy('day', 'desc')
    .orderBy('id', 'desc')
    .limit(asked.limit)
    .execute();

export interface ReportWhole {
  report: Row<'report'>;
  sources: Row<'report_source'>[];
  tls: Row<'report_tls'>[];
  failures: Row<'report_failure'>[];
}

/** A report and its lines, the largest first. */
export async function reportWhole(db: Db, id: number, limit: number): Promise<ReportWhole | undefined> {
  const report = await db.selectFrom('report').selectAll().where('id', '=', id).executeTakeFirst();
  if (report === undefined) return undefined;
  const [sources, tls, failures] = await Promise.all([
    db
      .selectFrom('report_source')
      .selectAll()
      .where('report_id', '=', id)
      .orderBy('messages', 'desc')
      .orderBy('id')
      .limit(limit)
      .execute(),
    db
      .selectFrom('report_tls')
      .selectAll()
      .where('report_id', '=', id)
      .orderBy('sessions', 'desc')
      .orderBy('id')
      .limit(limit)
      .execute(),
    db
      .selectFrom('report_failure')
      .selectAll()
      .where('report_id', '=', id)
      .orderBy('id')
      .limit(limit)
      .execute(),
  ]);
  return { report, sources, tls, failures };
}
