/**
 * A DMARC failure report (RFC 6591, RFC 9991): one message that said it is from us and failed. Most are ARF with the
 * type auth-failure; some systems send the same as a few lines of prose.
 */
import { readHeaders } from './header.ts';
import { decodedText, partsOf, readEmbedded, type Part } from './mime.ts';

export interface FailureReport {
  kind: 'dmarc-failure';
  feedbackType: 'auth-failure';
  reportedDomain: string | null;
  sourceIp: string | null;
  /** RFC 6591 3.1: adsp, bodyhash, dkim-signature, spf, dmarc … */
  authFailure: string;
  /** What became of the message: delivered, spam, policy, reject … */
  deliveryResult: string;
  /** RFC 9991: which identifiers are not aligned. */
  alignment: string;
  dkimDomain: string;
  dkimSelector: string;
  originalMailFrom: string | null;
  /** The author that the failed message names: the domain alone, since the rest may be a person. */
  headerFrom: string;
  arrivedAt: number | null;
  incidents: number;
  problems: string[];
}

const domainOf = (value: string) =>
  /@([a-z0-9][a-z0-9.-]{0,251})/i.exec(value)?.[1]?.toLowerCase().replace(/\.$/, '') ?? '';
const word = (value: string) => value.trim().slice(0, 100).toLowerCase();
const isAddress = (value: string) => /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:.]*:[0-9a-f:.]*)$/i.test(value);

export function readFailureReport(mime: Part, subject: string): FailureReport | undefined {
  const parts = [...partsOf(mime)];
  const part = parts.find((one) => one.type === 'message/feedback-report');
  if (part !== undefined) return fromFields(part, parts);
  // RFC 6522 2: with no machine's part it is no report by the book; what it says is the same.
  if (
    !/\bdmarc\b.{0,40}\b(?:forensic|failure)\b|\b(?:forensic|failure) report\b.{0,40}\bdmarc\b/i.test(subject)
  )
    return undefined;
  const prose = parts.find((one) => one.type === 'text/plain' && one.children.length === 0);
  return prose === undefined ? undefined : fromProse(decodedText(prose));
}

function fromFields(part: Part, parts: Part[]): FailureReport | undefined {
  const fields = readHeaders(decodedText(part).replace(/^\s+/, ''));
  if (!/^\s*auth-?failure\b/i.test(fields.raw('feedback-type'))) return undefined;
  const copy = parts.find((one) =>
    /^(?:message\/rfc822|text\/rfc822-headers|message\/global)/.test(one.type),
  );
  const from = copy === undefined ? '' : domainOf(readEmbedded(copy).headers.raw('from'));
  const arrived = Date.parse(fields.raw('arrival-date') || fields.raw('received-date'));
  // "203.0.113.9", "[203.0.113.9]" or "203.0.113.9:587".
  const ip = /[0-9a-f:.]{2,45}/i.exec(fields.raw('source-ip').replace(/^\s*\[?(?:ipv6:)?/i, ''))?.[0] ?? '';
  return {
    kind: 'dmarc-failure',
    feedbackType: 'auth-failure',
    reportedDomain: word(fields.raw('reported-domain')).replace(/\.$/, '') || null,
    sourceIp: isAddress(ip) ? ip.toLowerCase() : null,
    authFailure: word(fields.raw('auth-failure')),
    deliveryResult: word(fields.raw('delivery-result')),
    alignment: word(fields.raw('identity-alignment')),
    dkimDomain: word(fields.raw('dkim-domain')),
    dkimSelector: word(fields.raw('dkim-selector')),
    originalMailFrom: addressIn(fields.raw('original-mail-from')),
    headerFrom: from,
    arrivedAt: Number.isFinite(arrived) ? arrived : null,
    incidents: Math.min(Math.max(1, Number.parseInt(fields.raw('incidents'), 10) || 1), 1_000_000),
    problems: [],
  };
}

const addressIn = (value: string) => /[^\s<>]+@[^\s<>]+/.exec(value)?.[0]?.slice(0, 254) ?? null;

/** "Sender Domain: …", "Sender IP Address: …" and their kin. */
function fromProse(text: string): FailureReport | undefined {
  const head = text.slice(0, 8192);
  const told = (label: RegExp) =>
    new RegExp(`^[ \\t]*(?:${label.source})[ \\t]*:[ \\t]*(\\S[^\\n]*)`, 'im').exec(head)?.[1] ?? '';
  if (!/dmarc/i.test(head)) return undefined;
  const domain = word(told(/sender domain|reported[- ]domain|domain|from domain/)).replace(/^<|>$/g, '');
  const ip = told(/sender ip(?: address)?|source[- ]ip|ip address|client ip/).trim();
  if (domain === '' && ip === '') return undefined;
  const arrived = Date.parse(told(/received date|arrival[- ]date|date/));
  const failed = ['spf', 'dkim'].filter((one) => /^(?:no|fail)/i.test(told(new RegExp(`${one} alignment`))));
  return {
    kind: 'dmarc-failure',
    feedbackType: 'auth-failure',
    reportedDomain: domain || null,
    sourceIp: isAddress(ip) ? ip : null,
    authFailure: 'dmarc',
    deliveryResult: word(told(/dmarc results?|delivery[- ]result/)),
    alignment: failed.join(','),
    dkimDomain: '',
    dkimSelector: '',
    originalMailFrom: null,
    headerFrom: domain,
    arrivedAt: Number.isFinite(arrived) ? arrived : null,
    incidents: 1,
    problems: ['it has no part for machines: read from its prose'],
  };
}
