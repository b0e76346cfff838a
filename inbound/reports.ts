/**
 * Reports that receivers' machines send about our mail: DMARC aggregates and failures, and TLS reports. What the document
 * says decides; names, types and subjects only tell where to look, since reporters get them wrong in every way there is.
 */
import { readDmarcReport, type DmarcReport } from './dmarc-report.ts';
import { readFailureReport, type FailureReport } from './failure-report.ts';
import type { Headers } from './header.ts';
import { partsOf, type Part } from './mime.ts';
import { isPacked, openReportFile } from './report-file.ts';
import { readTlsReport, type TlsReport } from './tls-report.ts';

export type Report = DmarcReport | TlsReport | FailureReport;

export interface ReportFound {
  kind: Report['kind'];
  /** aggregate, auth-failure, or `unreadable`: a report by its signs that could not be read. */
  detail: string;
  why: string;
  report: Report | null;
}

// RFC 9990 (RFC 7489 7.2.1.1): receiver "!" policy-domain "!" begin "!" end [ "!" unique ] "." extension
const REPORT_FILE =
  /^[^!]{0,255}![^!]{1,255}!\d{6,12}!\d{6,12}(?:![^!.]{1,255})?\.(?:xml|json)?\.?(?:xml|json|gz|zip)$/i;
const DMARC_SUBJECT = /\breport[- ]domain\s*:|\bsubmitter\s*:.*\breport-?id\s*:|^dmarc aggregate report/i;
const ARCHIVE =
  /^application\/(?:x-)?(?:gzip|gunzip|gz|zip|zip-compressed|octet-stream|xml|json|tar|gzip-compressed|tlsrpt\+(?:gzip|json))$|^text\/xml$/;
/** Leaves that are opened to look: a report has one file, some have a note and a logo beside it. */
const MAX_LOOKS = 5;

interface Sign {
  kind: 'dmarc' | 'tlsrpt';
  why: string;
}

export function readReport(headers: Headers, subject: string, mime: Part): ReportFound | undefined {
  const failure = readFailureReport(mime, subject);
  if (failure !== undefined)
    return {
      kind: 'dmarc-failure',
      detail: 'auth-failure',
      why: 'reports a message that failed DMARC',
      report: failure,
    };
  const leaves = [...partsOf(mime)].filter((part) => part.children.length === 0);
  const sign = signOf(headers, subject, mime, leaves);
  // A person who answers with a report attached is a person.
  const isAnswer = headers.has('in-reply-to') && sign === undefined;
  let problem = '';
  for (const part of leaves.filter((leaf) => mayHold(leaf, sign)).slice(0, MAX_LOOKS)) {
    if (isAnswer) break;
    const file = openReportFile(part);
    problem ||= file.problem;
    const report = readTlsReport(file.text) ?? readDmarcReport(file.text);
    if (report === undefined) continue;
    const what = report.kind === 'dmarc' ? 'an aggregate report' : 'a TLS report';
    return { kind: report.kind, detail: 'aggregate', why: sign?.why ?? `holds ${what}`, report };
  }
  if (sign === undefined) return undefined;
  const why = problem === '' ? sign.why : `${sign.why}; ${problem}`;
  return { kind: sign.kind, detail: 'unreadable', why, report: null };
}

/** What the mail says that it is. */
function signOf(headers: Headers, subject: string, mime: Part, leaves: Part[]): Sign | undefined {
  // RFC 8460 5.3 and 6.4
  const typed = leaves.find((part) => /^application\/tlsrpt\+(?:gzip|json)$/.test(part.type));
  if (typed !== undefined) return { kind: 'tlsrpt', why: `a part is ${typed.type}` };
  if (headers.has('tls-report-domain')) return { kind: 'tlsrpt', why: 'TLS-Report-Domain' };
  if (mime.params['report-type']?.toLowerCase() === 'tlsrpt')
    return { kind: 'tlsrpt', why: 'report-type tlsrpt' };
  const named = leaves.find((part) => REPORT_FILE.test(part.fileName));
  if (named !== undefined)
    return {
      kind: /\.json/i.test(named.fileName) ? 'tlsrpt' : 'dmarc',
      why: `a file named ${named.fileName.slice(0, 80)}`,
    };
  if (DMARC_SUBJECT.test(subject) && leaves.some((part) => ARCHIVE.test(part.type) || isPacked(part)))
    return { kind: 'dmarc', why: 'its subject names a report domain' };
  return undefined;
}

function mayHold(part: Part, sign: Sign | undefined): boolean {
  if (/^(?:image|audio|video|font|message)\//.test(part.type)) return false;
  if (ARCHIVE.test(part.type) || /xml|json|zip/.test(part.type)) return true;
  if (/\.(?:xml|json|gz|zip)$/i.test(part.fileName) || isPacked(part)) return true;
  // The document as the text itself, or under a type that says nothing.
  const beginning = part.body.slice(0, 2048);
  return (
    /<(?:[\w.-]{1,40}:)?feedback[\s>]/.test(beginning) ||
    /^\s*\{[^]*"(?:policies|organization-name|report-id)"/.test(beginning) ||
    (sign !== undefined && part.disposition === 'attachment' && part.type !== 'text/html')
  );
}
