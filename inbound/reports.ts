/**
 * Reports that receivers' machines send about our mail: DMARC aggregates and TLS-RPT. Recognised here, kept out of the
 * inbox; what they say is read by the reports work.
 */
import type { Headers } from './header.ts';
import { decodedBytes, partsOf, type Part } from './mime.ts';

export type ReportKind = 'dmarc' | 'tlsrpt';

export interface ReportSigns {
  kind: ReportKind;
  why: string;
  /** Where the report is: the part's path. */
  part: string;
}

// RFC 9990 (RFC 7489 7.2.1.1): receiver "!" policy-domain "!" begin "!" end [ "!" unique ] "." extension
const DMARC_FILE =
  /^[^!]{1,255}![^!]{1,255}!\d{6,12}!\d{6,12}(?:![^!.]{1,255})?\.(?:xml|xml\.gz|gz|zip|xml\.zip)$/i;
const DMARC_SUBJECT = /\breport[- ]domain\s*:|\bsubmitter\s*:.*\breport-?id\s*:|^dmarc aggregate report/i;

export function readReportSigns(headers: Headers, subject: string, mime: Part): ReportSigns | undefined {
  for (const part of partsOf(mime)) {
    // RFC 8460 5.3 and 6.4
    if (/^application\/tlsrpt\+(?:gzip|json)$/.test(part.type))
      return { kind: 'tlsrpt', why: `a part is ${part.type}`, part: part.path };
  }
  if (headers.has('tls-report-domain')) return { kind: 'tlsrpt', why: 'TLS-Report-Domain', part: '' };
  if (mime.params['report-type']?.toLowerCase() === 'tlsrpt')
    return { kind: 'tlsrpt', why: 'report-type tlsrpt', part: '' };
  for (const part of partsOf(mime)) {
    if (part.children.length > 0) continue;
    const isArchive =
      /^application\/(?:x-)?(?:gzip|zip|zip-compressed|octet-stream|xml|tar|gzip-compressed)$|^text\/xml$/.test(
        part.type,
      );
    if (DMARC_FILE.test(part.fileName))
      return { kind: 'dmarc', why: `a file named ${part.fileName.slice(0, 80)}`, part: part.path };
    if (isArchive && DMARC_SUBJECT.test(subject))
      return { kind: 'dmarc', why: 'its subject names a report domain', part: part.path };
    if (/xml/.test(part.type) || /\.xml$/i.test(part.fileName)) {
      const beginning = decodedBytes(part, 4096).subarray(0, 4096).toString('latin1');
      if (/<feedback[\s>]/.test(beginning) && /<report_metadata|<policy_published/.test(beginning))
        return { kind: 'dmarc', why: 'the XML of an aggregate report', part: part.path };
    }
    if (/json/.test(part.type) || /\.json(?:\.gz)?$/i.test(part.fileName)) {
      const beginning = decodedBytes(part, 4096).subarray(0, 4096).toString('latin1');
      if (/"policies"/.test(beginning) && /"organization-name"|"report-id"/.test(beginning))
        return { kind: 'tlsrpt', why: 'the JSON of a TLS report', part: part.path };
    }
  }
  return undefined;
}
