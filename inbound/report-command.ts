/** `parley reports`: what receivers say about our mail, added up; the reports themselves, and one of them whole. */
import { InvalidArgumentError, type Command } from 'commander';
import { Problem } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import { findingWords, percent } from '../core/sending/report-finding.ts';
import { reportsIn } from '../core/sending/reports.ts';
import { fromJson } from '../core/store/json.ts';
import {
  REPORT_DAY_MS,
  reportDay,
  reportsShown,
  reportWhole,
  type ReportWhole,
} from '../core/store/report.ts';

export interface Deps {
  withRuntime<T>(work: (runtime: Runtime) => Promise<T>): Promise<T>;
}

interface Asked {
  days: number;
  limit: number;
  domain?: string;
  all?: boolean;
  json?: boolean;
}

const dateOf = (day: number) => new Date(day * REPORT_DAY_MS).toISOString().slice(0, 10);
const joined = (names: string) => names.replaceAll('\n', ', ');

function whole(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError('must be a whole number from 1');
  return number;
}

export function reportCommands(program: Command, deps: Deps): void {
  const reports = program
    .command('reports')
    .description('what receivers report about our mail: DMARC, TLS and complaints, added up')
    .option('--days <number>', 'how many days back', whole, 7)
    .option('--limit <number>', 'how many lines a table', whole, 30)
    .option('--domain <name>', 'only this domain of ours')
    .option('--all', 'count reports too whose sender nothing proves')
    .option('--json', 'print JSON')
    .action((asked: Asked) =>
      deps.withRuntime(async ({ store, clock }) => {
        const found = await reportsIn(store.read, {
          ...span(asked, clock.now()),
          unproved: asked.all === true,
        });
        console.log(asked.json ? JSON.stringify(found) : overview(found, asked));
      }),
    );

  reports
    .command('list')
    .description('the reports themselves, the newest first')
    .action((_: unknown, command: Command) =>
      deps.withRuntime(async ({ store, clock }) => {
        const asked = command.optsWithGlobals<Asked>();
        const rows = await reportsShown(store.read, span(asked, clock.now()));
        if (asked.json) return console.log(JSON.stringify(rows));
        if (rows.length === 0) return console.log('no reports in that time');
        console.log(
          columns(
            ['number', 'day', 'kind', 'domain', 'by', 'sender', 'messages', 'copies', 'report id'],
            rows.map((row) => [
              String(row.id),
              dateOf(row.day),
              row.kind,
              row.domain,
              row.organisation,
              row.proved_by === '' ? `${row.from_domain} (not proved)` : row.proved_by,
              String(row.messages),
              String(row.copies + 1),
              row.report_id.slice(0, 60),
            ]),
          ),
        );
      }),
    );

  reports
    .command('show')
    .description('one report, line by line')
    .argument('<number>', 'its number, as `parley reports list` prints it', whole)
    .action((id: number, _: unknown, command: Command) =>
      deps.withRuntime(async ({ store }) => {
        const { json, limit } = command.optsWithGlobals<Asked>();
        const found = await reportWhole(store.read, id, limit);
        if (found === undefined) throw new Problem('not-found', `there is no report ${id}`);
        console.log(json ? JSON.stringify(found) : oneReport(found));
      }),
    );
}

function span({ days, domain, limit }: Asked, now: number) {
  const to = reportDay(now);
  return { from: to - days + 1, to, domain: domain?.toLowerCase(), limit };
}

function columns(head: string[], rows: string[][]): string {
  const all = [head, ...rows];
  const widths = head.map((_, at) => Math.max(...all.map((row) => row[at]!.length)));
  return all
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function overview(found: Awaited<ReturnType<typeof reportsIn>>, asked: Asked): string {
  const out: string[] = [];
  const section = (title: string, head: string[], rows: string[][]) => {
    if (rows.length > 0) out.push('', title, columns(head, rows));
  };
  if (found.findings.length > 0) out.push(...found.findings.map((one) => `- ${findingWords(one)}`));
  section(
    'Mail in our name, by day',
    ['day', 'domain', 'messages', 'passed', 'refused or spam', 'reports'],
    found.days.map((row) => [
      dateOf(row.day),
      row.domain,
      String(row.messages),
      `${row.passed} (${percent(row.passed / Math.max(1, row.messages))})`,
      String(row.refused),
      String(row.reports),
    ]),
  );
  section(
    'By source',
    ['domain', 'address', 'source', 'messages', 'SPF+DKIM', 'DKIM only', 'SPF only', 'neither', 'by'],
    found.sources.map((row) => [
      row.domain,
      row.source_ip,
      row.source_name ?? 'not ours',
      ...[row.messages, row.both, row.dkim_only, row.spf_only, row.neither].map(String),
      joined(row.reporters).slice(0, 60),
    ]),
  );
  section(
    'Single messages that failed',
    ['domain', 'address', 'source', 'messages', 'became', 'by'],
    found.failures.map((row) => [
      row.domain,
      row.source_ip,
      row.source_name ?? 'not ours',
      String(row.messages),
      row.delivery_result,
      joined(row.reporters),
    ]),
  );
  section(
    'Encrypted sessions of others with us',
    ['domain', 'policy', 'result', 'sessions', 'by', 'detail'],
    found.tls.map((row) => [
      row.domain,
      row.policy,
      row.result,
      String(row.sessions),
      joined(row.reporters),
      row.detail.slice(0, 60),
    ]),
  );
  section(
    'Complaints',
    ['day', 'provider', 'campaign', 'complaints'],
    found.complaints.map((row) => [
      dateOf(row.day),
      row.provider ?? 'unknown',
      row.campaign ?? 'none',
      String(row.complaints),
    ]),
  );
  if (out.length === 0) out.push('no reports in that time');
  if (found.unproved_reports > 0 && asked.all !== true)
    out.push(
      '',
      `left out, since nothing proves who sent them: ${found.unproved_reports} (--all counts them)`,
    );
  if (found.unproved_complaints > 0)
    out.push(
      '',
      `complaints with no token of ours, kept, and nobody was suppressed: ${found.unproved_complaints}`,
    );
  return out.join('\n').trimStart();
}

function oneReport({ report, sources, tls, failures }: ReportWhole): string {
  const policy = Object.entries(fromJson<Record<string, string>>(report.policy, {}));
  const out = [
    `${report.kind} about ${report.domain} by ${report.organisation}, report id ${report.report_id}`,
    `  ${new Date(report.begins_at).toISOString()} to ${new Date(report.ends_at).toISOString()}`,
    `  sent by ${report.from_domain}: ${report.proved_by === '' ? 'nothing proves it' : 'proved'}${report.copies > 0 ? `; came ${report.copies + 1} times, counted once` : ''}`,
    ...(policy.length === 0
      ? []
      : [`  policy seen: ${policy.map(([name, value]) => `${name}=${value}`).join(' ')}`]),
    ...fromJson<string[]>(report.problems, []).map((problem) => `  ! ${problem}`),
    '',
  ];
  if (sources.length > 0)
    out.push(
      columns(
        ['address', 'messages', 'disposition', 'DKIM', 'SPF', 'from', 'signed by', 'return path', 'reason'],
        sources.map((row) => [
          row.source_ip,
          String(row.messages),
          row.disposition,
          row.dkim,
          row.spf,
          row.header_from,
          `${row.dkim_domain} ${row.dkim_result}`.trim(),
          `${row.spf_domain} ${row.spf_result}`.trim(),
          row.reason,
        ]),
      ),
    );
  if (tls.length > 0)
    out.push(
      columns(
        ['domain', 'policy', 'result', 'sessions', 'host', 'their address', 'detail'],
        tls.map((row) => [
          row.domain,
          row.policy,
          row.result,
          String(row.sessions),
          row.mx,
          row.sending_ip,
          row.detail,
        ]),
      ),
    );
  if (failures.length > 0)
    out.push(
      columns(
        ['address', 'messages', 'failed', 'not aligned', 'became', 'from'],
        failures.map((row) => [
          row.source_ip,
          String(row.messages),
          row.failure,
          row.alignment,
          row.delivery_result,
          row.header_from,
        ]),
      ),
    );
  return out.join('\n');
}
