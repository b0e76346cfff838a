/**
 * A DMARC aggregate report as data: who says it, about which domain and days, and what mail it saw from where. Reads
 * RFC 9990, RFC 7489 appendix C and the drafts before them, with or without a namespace, and as much as can be read of
 * one that is not good XML. No document type is accepted, so there are no entities to expand.
 */
import { SaxesParser } from 'saxes';

export interface DmarcRow {
  ip: string;
  count: number;
  disposition: string;
  /** Whether it passed and was aligned, as the reporter judged (`policy_evaluated`). */
  dkim: string;
  spf: string;
  headerFrom: string;
  envelopeFrom: string;
  /** What the signature and the return path were, whether aligned or not (`auth_results`). */
  dkimDomain: string;
  dkimSelector: string;
  dkimResult: string;
  spfDomain: string;
  spfResult: string;
  /** Why the reporter did other than the policy says: forwarded, mailing_list, local_policy … */
  reason: string;
}

export interface DmarcReport {
  kind: 'dmarc';
  org: string;
  contact: string;
  reportId: string;
  /** Seconds since 1970; 0 when it does not say. */
  begin: number;
  end: number;
  domain: string;
  policy: Record<string, string>;
  records: number;
  messages: number;
  dkimPass: number;
  spfPass: number;
  sourceIps: string[];
  rows: DmarcRow[];
  /** What is wrong with it, in words; what could be read stands all the same. */
  problems: string[];
}

export const MAX_RECORDS = 100_000;
/** Different rows kept of one report; equal ones are added up first. */
export const MAX_ROWS = 5000;
const MAX_DEPTH = 32;
const MAX_VALUE = 1000;
const MAX_FAULTS = 1000;
/** Less than the cage gives: a report that is too large for a busy machine is read in part rather than not at all. */
const WORK_MS = 1500;

/** Ends the reading: what came before stands. */
class Enough extends Error {}

const POLICY = ['p', 'sp', 'np', 'adkim', 'aspf', 'pct', 'fo', 'testing', 'discovery_method'];
// Nearly every value is plain; a report has a million of them.
const PLAIN = /^[\x21-\x7e]*$/;
const line = (text: string, length: number) =>
  (PLAIN.test(text) ? text : text.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim())
    .slice(0, length)
    .toWellFormed();
const name = (text: string) => line(text, 253).toLowerCase().replace(/\.$/, '');
const word = (text: string) => line(text, 40).toLowerCase();
const whole = (text: string) => {
  const found = Number(/^\s*\+?(\d{1,10})/.exec(text)?.[1] ?? 0);
  return Math.min(found, 1_000_000_000);
};

/** Undefined when it is no aggregate report at all. */
export function readDmarcReport(text: string, withinMs = WORK_MS): DmarcReport | undefined {
  // What stands before is the declaration, which some write wrongly, or a stray line.
  const start = text.search(/<(?:[\w.-]{1,40}:)?(?:feedback|report_metadata)[\s>]/);
  if (start < 0) return undefined;
  const reading = new Reading();
  if (/<!DOCTYPE|<!ENTITY/i.test(text.slice(0, start))) {
    reading.report.problems.push('it declares a document type, which no report needs: not read');
    return reading.report;
  }
  reading.read(text.slice(start), performance.now() + withinMs);
  return reading.done();
}

interface Draft extends DmarcRow {
  reasons: string[];
  dkims: Record<string, string>[];
  spfs: Record<string, string>[];
}

class Reading {
  readonly report: DmarcReport = {
    kind: 'dmarc',
    org: '',
    contact: '',
    reportId: '',
    begin: 0,
    end: 0,
    domain: '',
    policy: {},
    records: 0,
    messages: 0,
    dkimPass: 0,
    spfPass: 0,
    sourceIps: [],
    rows: [],
    problems: [],
  };
  readonly #rows = new Map<string, DmarcRow>();
  readonly #ips = new Set<string>();
  readonly #path: string[] = [];
  #text = '';
  #draft: Draft | undefined;
  #faults = 0;
  #isCut = false;

  read(source: string, until: number): void {
    // A bare "&" in an organisation's name is the commonest fault, and a strict parser loses everything behind it. An
    // entity that XML does not know of itself becomes its own letters: none is ever looked up.
    let strays = 0;
    let text: string;
    try {
      text = source.replace(STRAY_AMPERSAND, () => {
        if (++strays > MAX_FAULTS) this.#stop('too many faults in its XML: not read');
        return '&amp;';
      });
    } catch {
      return;
    }
    this.#faults += strays;
    const parser = new SaxesParser();
    parser.on('doctype', () =>
      this.#stop('it declares a document type, which no report needs: read up to there'),
    );
    parser.on('error', () => {
      if (++this.#faults > MAX_FAULTS) this.#stop('too many faults in its XML: read up to there');
    });
    parser.on('opentag', (tag) => this.#open(tag.name));
    parser.on('closetag', (tag) => this.#close(tag.name));
    parser.on('text', (words) => this.#add(words));
    parser.on('cdata', (words) => this.#add(words));
    try {
      // In slices, so that a limit ends the work and not only the collecting.
      for (let at = 0; at < text.length; at += 65_536) {
        parser.write(text.slice(at, at + 65_536));
        if (performance.now() > until)
          this.#stop('too large to be read whole in the time there is: read up to there');
      }
      parser.close();
    } catch (error) {
      if (!(error instanceof Enough)) this.#faults++;
    }
  }

  done(): DmarcReport {
    const { report } = this;
    report.rows = [...this.#rows.values()];
    report.sourceIps = [...this.#ips];
    if (this.#faults > 0) report.problems.push('its XML is not well formed: read as far as it goes');
    if (this.#isCut)
      report.problems.push(`more than ${MAX_ROWS} different rows: the rest is in the totals only`);
    if (report.end > 0 && report.begin > report.end) report.problems.push('it ends before it begins');
    if (report.domain === '') report.problems.push('it does not say which domain it is about');
    if (report.reportId === '') report.problems.push('it has no report id');
    return report;
  }

  #stop(problem: string): never {
    this.report.problems.push(problem);
    throw new Enough();
  }

  #add(words: string): void {
    if (this.#text.length < MAX_VALUE) this.#text += words.slice(0, MAX_VALUE);
  }

  // Names alone: reporters put no namespace, a wrong one, or the right one with a prefix.
  #open(tag: string): void {
    const local = localName(tag);
    if (this.#path.length >= MAX_DEPTH) this.#stop('its elements are nested too deeply: read up to there');
    this.#path.push(local);
    this.#text = '';
    if (local === 'record') this.#draft = emptyDraft();
    else if (local === 'dkim' && this.#parent() === 'auth_results') this.#draft?.dkims.push({});
    else if (local === 'spf' && this.#parent() === 'auth_results') this.#draft?.spfs.push({});
  }

  #close(tag: string): void {
    const local = localName(tag);
    const parent = this.#parent();
    this.#path.pop();
    const text = this.#text;
    this.#text = '';
    if (this.#draft === undefined) this.#about(local, parent, text);
    else if (local === 'record') this.#keep();
    else this.#inRecord(this.#draft, local, parent, text);
  }

  #parent(): string {
    return this.#path.at(-2) ?? '';
  }

  #about(local: string, parent: string, text: string): void {
    const { report } = this;
    if (parent === 'policy_published') {
      if (local === 'domain') report.domain ||= name(text);
      else if (POLICY.includes(local)) report.policy[local] ??= word(text);
    } else if (local === 'org_name') report.org ||= line(text, 200);
    else if (local === 'email') report.contact ||= line(text, 254);
    else if (local === 'report_id') report.reportId ||= line(text, 255).replace(/^<(.*)>$/, '$1');
    else if (local === 'begin') report.begin ||= seconds(text);
    else if (local === 'end') report.end ||= seconds(text);
    else if (local === 'error' && parent === 'report_metadata' && report.problems.length < 10)
      report.problems.push(`the reporter says: ${line(text, 300)}`);
  }

  #inRecord(draft: Draft, local: string, parent: string, text: string): void {
    switch (parent) {
      case 'row':
        if (local === 'source_ip') draft.ip = address(text);
        else if (local === 'count') draft.count = whole(text);
        return;
      case 'policy_evaluated':
        if (local === 'disposition' || local === 'dkim' || local === 'spf') draft[local] = word(text);
        return;
      case 'reason':
        if (local === 'type' && draft.reasons.length < 5) draft.reasons.push(word(text));
        return;
      case 'identifiers':
      case 'identities':
        if (local === 'header_from') draft.headerFrom = name(text);
        else if (local === 'envelope_from') draft.envelopeFrom = name(text);
        return;
      case 'dkim':
      case 'spf': {
        const last = (parent === 'dkim' ? draft.dkims : draft.spfs).at(-1);
        if (last !== undefined && /^(?:domain|selector|result)$/.test(local)) last[local] = name(text);
        return;
      }
      default:
    }
  }

  #keep(): void {
    const draft = this.#draft!;
    this.#draft = undefined;
    const { report } = this;
    if (report.records >= MAX_RECORDS) this.#stop(`more than ${MAX_RECORDS} records: read up to there`);
    report.records++;
    report.messages += draft.count;
    if (draft.dkim === 'pass') report.dkimPass += draft.count;
    if (draft.spf === 'pass') report.spfPass += draft.count;
    if (draft.ip !== '' && this.#ips.size < MAX_ROWS) this.#ips.add(draft.ip);
    const row = rowOf(draft);
    const key = keyOf(row);
    const known = this.#rows.get(key);
    if (known !== undefined) known.count += row.count;
    else if (this.#rows.size < MAX_ROWS) this.#rows.set(key, row);
    else this.#isCut = true;
  }
}

/** No value holds a line end. */
const keyOf = (row: DmarcRow) =>
  [
    row.ip,
    row.disposition,
    row.dkim,
    row.spf,
    row.headerFrom,
    row.envelopeFrom,
    row.dkimDomain,
    row.dkimSelector,
    row.dkimResult,
    row.spfDomain,
    row.spfResult,
    row.reason,
  ].join('\n');
const STRAY_AMPERSAND = /&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-f]{1,6});)/gi;
const localName = (tag: string) => tag.slice(tag.lastIndexOf(':') + 1).toLowerCase();

/** Written as a number; one or two reporters write a date. */
function seconds(text: string): number {
  const number = /^\s*(\d{1,12})(?:\.\d+)?\s*$/.exec(text)?.[1];
  if (number !== undefined) return Number(number);
  const at = Date.parse(text.trim());
  return Number.isFinite(at) && at > 0 ? Math.floor(at / 1000) : 0;
}

/** An address, or nothing: what is shown in a table and looked up among ours. */
function address(text: string): string {
  const found = text
    .trim()
    .toLowerCase()
    .replace(/^\[(?:ipv6:)?|\]$/g, '');
  return /^[0-9a-f.:]{2,45}$/.test(found) ? found : '';
}

const emptyDraft = (): Draft => ({
  ip: '',
  count: 0,
  disposition: '',
  dkim: '',
  spf: '',
  headerFrom: '',
  envelopeFrom: '',
  dkimDomain: '',
  dkimSelector: '',
  dkimResult: '',
  spfDomain: '',
  spfResult: '',
  reason: '',
  reasons: [],
  dkims: [],
  spfs: [],
});

/** Of several signatures the one that explains the verdict: the one that passed, best under the author's own domain. */
function rowOf({ reasons, dkims, spfs, ...row }: Draft): DmarcRow {
  const rank = (one: Record<string, string>) =>
    (one['result'] === 'pass' ? 0 : 2) + (one['domain'] === row.headerFrom ? 0 : 1);
  const dkim = dkims.toSorted((a, b) => rank(a) - rank(b))[0] ?? {};
  const spf = spfs.toSorted((a, b) => rank(a) - rank(b))[0] ?? {};
  return {
    ...row,
    dkimDomain: dkim['domain'] ?? '',
    dkimSelector: dkim['selector'] ?? '',
    dkimResult: dkim['result'] ?? '',
    spfDomain: spf['domain'] ?? '',
    spfResult: spf['result'] ?? '',
    reason: reasons.join(' '),
  };
}
