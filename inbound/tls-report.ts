/** A TLS report (RFC 8460) as data: what another mail system's encrypted sessions with us came to, by policy and failure. */

export interface TlsRow {
  domain: string;
  /** tlsa, sts or no-policy-found. */
  policy: string;
  /** `success`, or a name of RFC 8460 4.3. */
  result: string;
  sessions: number;
  mx: string;
  sendingIp: string;
  receivingIp: string;
  detail: string;
}

export interface TlsReport {
  kind: 'tlsrpt';
  org: string;
  contact: string;
  reportId: string;
  /** As it says them, in ISO 8601; empty when it does not. */
  begin: string;
  end: string;
  policies: number;
  policyDomains: string[];
  success: number;
  failure: number;
  resultTypes: string[];
  rows: TlsRow[];
  problems: string[];
}

const MAX_POLICIES = 1000;
const MAX_ROWS = 5000;
/** JSON is parsed whole: less than of XML, which is read as it comes. */
const MAX_CHARACTERS = 8 * 1024 * 1024;
/** RFC 8460 4.4 nests four deep. */
const MAX_DEPTH = 20;

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : isFields(value) ? [value] : []);
const line = (value: unknown, length: number): string =>
  (typeof value === 'string' || typeof value === 'number' ? String(value) : '')
    .slice(0, length * 2)
    .replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .trim()
    .slice(0, length)
    .toWellFormed();
const count = (value: unknown): number => {
  const found = Math.floor(Number(line(value, 20) || 0));
  return Number.isFinite(found) && found > 0 ? Math.min(found, 1_000_000_000) : 0;
};

/** Undefined when it is no TLS report at all. */
export function readTlsReport(text: string): TlsReport | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  const beginning = text.slice(0, 4096);
  const report = empty();
  if (text.length > MAX_CHARACTERS || isDeep(text)) {
    if (!/"(?:policies|organization-name)"/.test(beginning)) return undefined;
    report.problems.push('it is larger or deeper than a report can be: not read');
    return report;
  }
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    if (!/"(?:policies|organization-name)"/.test(text)) return undefined;
    report.problems.push('it is not JSON that can be read');
    return report;
  }
  if (!isFields(fields) || !('policies' in fields || 'organization-name' in fields)) return undefined;
  return fill(report, fields);
}

const empty = (): TlsReport => ({
  kind: 'tlsrpt',
  org: '',
  contact: '',
  reportId: '',
  begin: '',
  end: '',
  policies: 0,
  policyDomains: [],
  success: 0,
  failure: 0,
  resultTypes: [],
  rows: [],
  problems: [],
});

/** Before it is parsed: brackets outside of strings, counted in one pass. */
function isDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === 0x5c) at++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > MAX_DEPTH) return true;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return false;
}

function fill(report: TlsReport, fields: Fields): TlsReport {
  const range = isFields(fields['date-range']) ? fields['date-range'] : {};
  report.org = line(fields['organization-name'], 200);
  report.contact = line(fields['contact-info'], 254);
  report.reportId = line(fields['report-id'], 255);
  report.begin = line(range['start-datetime'], 40);
  report.end = line(range['end-datetime'], 40);
  const policies = list(fields['policies']).filter(isFields);
  if (policies.length > MAX_POLICIES)
    report.problems.push(`more than ${MAX_POLICIES} policies: the first are read`);
  for (const policy of policies.slice(0, MAX_POLICIES)) addPolicy(report, policy);
  report.policyDomains = [...new Set(report.policyDomains)];
  report.resultTypes = [...new Set(report.resultTypes)];
  if (report.reportId === '') report.problems.push('it has no report id');
  if (report.rows.length >= MAX_ROWS) report.problems.push(`more than ${MAX_ROWS} lines: the first are kept`);
  if (Date.parse(report.begin) > Date.parse(report.end)) report.problems.push('it ends before it begins');
  return report;
}

function addPolicy(report: TlsReport, entry: Fields): void {
  const policy = isFields(entry['policy']) ? entry['policy'] : {};
  const summary = isFields(entry['summary']) ? entry['summary'] : {};
  const domain = line(policy['policy-domain'], 253).toLowerCase().replace(/\.$/, '');
  const type = line(policy['policy-type'], 40).toLowerCase();
  const success = count(summary['total-successful-session-count']);
  const failure = count(summary['total-failure-session-count']);
  report.policies++;
  if (domain !== '') report.policyDomains.push(domain);
  report.success += success;
  report.failure += failure;
  const add = (row: Partial<TlsRow> & { result: string; sessions: number }) => {
    if (row.sessions > 0 && report.rows.length < MAX_ROWS)
      report.rows.push({ domain, policy: type, mx: '', sendingIp: '', receivingIp: '', detail: '', ...row });
  };
  add({ result: 'success', sessions: success });
  let explained = 0;
  for (const detail of list(entry['failure-details']).filter(isFields).slice(0, MAX_ROWS)) {
    const result = line(detail['result-type'], 60).toLowerCase() || 'unknown';
    const sessions = count(detail['failed-session-count']);
    explained += sessions;
    report.resultTypes.push(result);
    add({
      result,
      sessions,
      mx: line(detail['receiving-mx-hostname'], 253).toLowerCase(),
      sendingIp: line(detail['sending-mta-ip'], 60),
      receivingIp: line(detail['receiving-ip'], 60),
      detail: line(
        detail['failure-reason-code'] ?? detail['failure-error-code'] ?? detail['additional-information'],
        300,
      ),
    });
  }
  // Counted in the summary and not told why.
  add({ result: 'unknown', sessions: failure - explained });
}
