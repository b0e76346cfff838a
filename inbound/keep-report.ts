/**
 * What becomes of a report that could be read: it is kept as data, once, if it is about a domain of ours and its sender
 * has not sent too many today. Nothing else ever follows from a report: anybody can send one.
 */
import { organisationalDomain } from '../core/mail/domain.ts';
import { sendingDomains } from '../core/store/identity.ts';
import {
  addReport,
  forgetReports,
  reportDay,
  reportsSince,
  REPORT_DAY_MS,
  type NewReport,
} from '../core/store/report.ts';
import type { Db } from '../core/store/tables.ts';
import { isFromProved, type Authentication } from './authenticate.ts';
import type { Rule } from './classify.ts';
import type { Report } from './reports.ts';

/** A year and a little: last year's season is still there to compare with. */
const KEPT_MS = 400 * REPORT_DAY_MS;
/**
 * A day, of one domain that is proved; and of all senders together that are not, since they can take any name. Google
 * sends one a day for each of our domains; failure reports come one by one.
 */
const MOST = {
  proved: { reports: 1000, lines: 50_000 },
  unproved: { reports: 200, lines: 10_000 },
} as const;

export interface ReportMail {
  report: Report;
  inboundId: number;
  fromAddress: string;
  messageId: string;
  authentication: Authentication;
}

/** In the transaction that settles the message. Says what it did, for "why". */
export async function keepReport(tx: Db, mail: ReportMail, now: number): Promise<Rule> {
  const ours = (await sendingDomains(tx)).flatMap((one) => [one.name, one.bounce_host, one.reply_host]);
  const report = reportRow(mail, (domain) => isOurs(domain, ours), now);
  if (report === undefined)
    return { id: 'report-foreign', why: 'it is about a domain that is not ours: not added to the tables' };
  const isProved = report.proved_by !== '';
  const most = isProved ? MOST.proved : MOST.unproved;
  const since = now - REPORT_DAY_MS;
  const sofar = await reportsSince(tx, since, isProved ? { provedBy: report.proved_by } : 'unproved');
  const lines = report.sources.length + report.tls.length + report.failures.length;
  if (sofar.reports >= most.reports || sofar.lines + lines > most.lines)
    return { id: 'report-limit', why: 'its sender sent too many reports today: not added to the tables' };
  await forgetReports(tx, now - KEPT_MS);
  const { state, id } = await addReport(tx, report, now);
  if (state === 'duplicate') return { id: 'report-duplicate', why: `the same as report ${id}: counted once` };
  const proof = isProved ? `its sender ${report.proved_by} is proved` : 'nothing proves its sender';
  return { id: 'report-kept', why: `kept as report ${id}; ${proof}` };
}

/** A domain of ours, below one, or the organisation's above one: its policy covers ours. */
export function isOurs(domain: string, ours: readonly string[]): boolean {
  return ours.some(
    (one) =>
      one === domain ||
      domain.endsWith(`.${one}`) ||
      (one.endsWith(`.${domain}`) && organisationalDomain(one) === domain),
  );
}

function reportRow(mail: ReportMail, isOur: (domain: string) => boolean, now: number): NewReport | undefined {
  const { report, fromAddress, authentication } = mail;
  const fromDomain = fromAddress.slice(fromAddress.lastIndexOf('@') + 1).toLowerCase();
  const common = {
    kind: report.kind,
    from_domain: fromDomain,
    proved_by: isFromProved(authentication, fromAddress) ? fromDomain : '',
    inbound_id: mail.inboundId,
    problems: report.problems,
    sources: [],
    tls: [],
    failures: [],
    policy: {},
  };
  switch (report.kind) {
    case 'dmarc': {
      if (!isOur(report.domain)) return undefined;
      const begins = report.begin * 1000;
      const ends = report.end * 1000;
      return {
        ...common,
        ...middle(begins, ends, now),
        domain: report.domain,
        organisation: report.org || fromDomain,
        report_id: report.reportId || `${report.domain} ${report.begin} ${report.end}`,
        contact: report.contact,
        messages: report.messages,
        policy: report.policy,
        sources: report.rows.map((row) => ({
          domain: report.domain,
          source_ip: row.ip,
          messages: row.count,
          disposition: row.disposition,
          dkim: row.dkim,
          spf: row.spf,
          header_from: row.headerFrom,
          envelope_from: row.envelopeFrom,
          dkim_domain: row.dkimDomain,
          dkim_selector: row.dkimSelector,
          dkim_result: row.dkimResult,
          spf_domain: row.spfDomain,
          spf_result: row.spfResult,
          reason: row.reason,
        })),
      };
    }
    case 'tlsrpt': {
      const rows = report.rows.filter((row) => isOur(row.domain));
      const domain = report.policyDomains.find(isOur);
      if (domain === undefined) return undefined;
      return {
        ...common,
        ...middle(Date.parse(report.begin), Date.parse(report.end), now),
        domain,
        organisation: report.org || fromDomain,
        report_id: report.reportId || `${domain} ${report.begin} ${report.end}`,
        contact: report.contact,
        messages: rows.reduce((sum, row) => sum + row.sessions, 0),
        tls: rows.map(({ sendingIp, receivingIp, ...row }) => ({
          ...row,
          sending_ip: sendingIp,
          receiving_ip: receivingIp,
        })),
      };
    }
    case 'dmarc-failure': {
      const domain = report.reportedDomain ?? report.headerFrom;
      if (!isOur(domain)) return undefined;
      const at = report.arrivedAt ?? now;
      return {
        ...common,
        ...middle(at, at, now),
        domain,
        organisation: fromDomain,
        // It has no id of its own; its mail has.
        report_id: mail.messageId || `inbound ${mail.inboundId}`,
        contact: fromAddress,
        messages: report.incidents,
        failures: [
          {
            domain,
            source_ip: report.sourceIp ?? '',
            messages: report.incidents,
            failure: report.authFailure,
            alignment: report.alignment,
            delivery_result: report.deliveryResult,
            header_from: report.headerFrom,
            dkim_domain: report.dkimDomain,
            dkim_selector: report.dkimSelector,
          },
        ],
      };
    }
    default:
      return report satisfies never;
  }
}

/** Reporters count days in their own zones: the middle names the day that was meant. A time that cannot be is today. */
function middle(begins: number, ends: number, now: number) {
  const isTime = (at: number) => Number.isFinite(at) && at > 0 && at < now + 2 * REPORT_DAY_MS;
  const begins_at = isTime(begins) ? begins : now;
  const ends_at = isTime(ends) && ends >= begins_at ? ends : begins_at;
  return { begins_at, ends_at, day: reportDay((begins_at + ends_at) / 2) };
}
