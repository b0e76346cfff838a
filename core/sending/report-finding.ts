/**
 * What in the reports means something, said in plain words: mail in our name from where it should not come, our own mail
 * that fails, sessions with us that could not be encrypted. Pure; nothing is ever done about it without a person.
 */
import type { DayTotal, SourceTotal, TlsTotal } from '../store/report-total.ts';

/** A line of a DMARC table with the name of our own source, when the address is one. */
export type KnownSource = SourceTotal & { source_name: string | null };

export type Finding =
  | {
      kind: 'stranger' | 'own-fails' | 'own-dkim' | 'own-spf';
      domain: string;
      ip: string;
      source: string | null;
      messages: number;
      share: number;
      refused: number;
      result: string;
    }
  | {
      kind: 'tls';
      domain: string;
      result: string;
      messages: number;
      share: number;
      reporters: string;
      detail: string;
    };

/** Under this a stranger is noise: every domain of some age is forged a few times a day. */
const MIN_MESSAGES = 10;
const MIN_SHARE = 0.005;
/** One of two that fails is harmless until the other does too: said when it is a habit. */
const HABIT = 0.05;
const MOST = 20;

const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);

function sourceFinding(source: KnownSource, ofDomain: number): Finding | undefined {
  const about = {
    domain: source.domain,
    ip: source.source_ip,
    source: source.source_name,
    refused: source.quarantined + source.rejected,
    result: source.dkim_result,
  };
  if (source.source_name === null) {
    // Passes in our name from elsewhere: a forwarder, or a service that we gave a key. Neither is a fault.
    const part = share(source.neither, ofDomain);
    if (source.neither < MIN_MESSAGES || part < MIN_SHARE) return undefined;
    return { kind: 'stranger', ...about, messages: source.neither, share: part };
  }
  if (source.neither > 0)
    return {
      kind: 'own-fails',
      ...about,
      messages: source.neither,
      share: share(source.neither, source.messages),
    };
  const noDkim = share(source.spf_only, source.messages);
  if (noDkim >= HABIT) return { kind: 'own-dkim', ...about, messages: source.spf_only, share: noDkim };
  const noSpf = share(source.dkim_only, source.messages);
  if (noSpf >= HABIT) return { kind: 'own-spf', ...about, messages: source.dkim_only, share: noSpf };
  return undefined;
}

const rank = { 'own-fails': 0, tls: 1, stranger: 2, 'own-dkim': 3, 'own-spf': 4 } as const;

export function findingsIn(
  days: readonly DayTotal[],
  sources: readonly KnownSource[],
  tls: readonly TlsTotal[],
): Finding[] {
  const mail = new Map<string, number>();
  for (const one of days) mail.set(one.domain, (mail.get(one.domain) ?? 0) + one.messages);
  const sessions = new Map<string, number>();
  for (const one of tls) sessions.set(one.domain, (sessions.get(one.domain) ?? 0) + one.sessions);
  const found = [
    ...sources.map((one) => sourceFinding(one, mail.get(one.domain) ?? 0)),
    ...tls
      .filter((one) => one.result !== 'success' && one.sessions > 0)
      .map((one): Finding => ({
        kind: 'tls',
        domain: one.domain,
        result: one.result,
        messages: one.sessions,
        share: share(one.sessions, sessions.get(one.domain) ?? 0),
        reporters: one.reporters,
        detail: one.detail,
      })),
  ].filter((one) => one !== undefined);
  return found.toSorted((a, b) => rank[a.kind] - rank[b.kind] || b.messages - a.messages).slice(0, MOST);
}

export function percent(part: number): string {
  const value = part * 100;
  return value > 0 && value < 0.1
    ? '<0.1 %'
    : `${value >= 10 ? Math.round(value) : Math.round(value * 10) / 10} %`;
}

const counted = (count: number, one: string) => `${count} ${one}${count === 1 ? '' : 's'}`;

/** For the terminal; the interface has its own words in its own languages. */
export function findingWords(finding: Finding): string {
  const part = percent(finding.share);
  if (finding.kind === 'tls')
    return `${part} of the encrypted sessions that others tried with ${finding.domain} failed: ${finding.result} (${counted(finding.messages, 'session')}, told by ${finding.reporters.replaceAll('\n', ', ')})`;
  const mail = counted(finding.messages, 'message');
  const refused = finding.refused === 0 ? '' : `; ${finding.refused} refused or put into spam`;
  switch (finding.kind) {
    case 'stranger':
      return `${part} of the mail that says it is from ${finding.domain} came from ${finding.ip}, which is not yours, and failed SPF and DKIM (${mail}${refused})`;
    case 'own-fails':
      return `${part} of your own mail from ${finding.ip} (${finding.source}) failed both SPF and DKIM for ${finding.domain} (${mail}${refused})`;
    case 'own-dkim':
      return `${part} of your own mail from ${finding.ip} (${finding.source}) failed DKIM for ${finding.domain} and passed by SPF alone, which a forward breaks (${mail})`;
    case 'own-spf':
      return `${part} of your own mail from ${finding.ip} (${finding.source}) failed SPF for ${finding.domain} and passed by DKIM alone (${mail})`;
    default:
      return finding satisfies never;
  }
}
