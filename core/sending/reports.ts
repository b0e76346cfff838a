/** Receivers' reports added up for people: by domain and day, by source with our own names, and what of it means something. */
import { isIPv6 } from 'node:net';
import { sources } from '../store/identity.ts';
import {
  complaintTotals,
  dayTotals,
  failureTotals,
  sourceTotals,
  tlsTotals,
  unprovedComplaints,
  unprovedReports,
  type TotalsAsked,
} from '../store/report-total.ts';
import { reportsShown } from '../store/report.ts';
import type { Db } from '../store/tables.ts';
import { tlsResults } from '../store/tls-result.ts';
import { findingsIn } from './report-finding.ts';

/** One address in one form: reporters write IPv6 in more than one. */
export function sameForm(ip: string): string {
  const bare = ip.trim().toLowerCase();
  if (!isIPv6(bare)) return bare;
  const host = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host);
  if (mapped === null) return host;
  const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)];
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** Says the name of our own source at an address; null: it is not ours. */
export async function namesOfSources(db: Db): Promise<(ip: string) => string | null> {
  const names = new Map((await sources(db)).map((source) => [sameForm(source.ip), source.name]));
  return (ip) => names.get(sameForm(ip)) ?? null;
}

/** Days times domains. */
const DAYS = 10_000;

/** Everything that the room and the command show of that time. */
export async function reportsIn(db: Db, asked: TotalsAsked) {
  const [days, lines, tls, failures, complaints, list, named, own, unproved, unprovedArf] = await Promise.all(
    [
      // All of them: shares are of a whole.
      dayTotals(db, { ...asked, limit: DAYS }),
      sourceTotals(db, asked),
      tlsTotals(db, asked),
      failureTotals(db, asked),
      complaintTotals(db, asked),
      reportsShown(db, asked),
      namesOfSources(db),
      // Of recipients' domains; the domain that was asked for is ours.
      tlsResults(db, { ...asked, domain: undefined }),
      unprovedReports(db, asked),
      unprovedComplaints(db, asked),
    ],
  );
  const known = lines.map((line) => ({ ...line, source_name: named(line.source_ip) }));
  return {
    days: days.slice(0, asked.limit),
    sources: known,
    tls,
    failures: failures.map((line) => ({ ...line, source_name: named(line.source_ip) })),
    complaints,
    own_tls: own,
    reports: list,
    findings: findingsIn(days, known, tls),
    unproved_reports: unproved,
    unproved_complaints: unprovedArf,
  };
}
