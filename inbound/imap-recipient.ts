/**
 * For whom a pulled message was: over SMTP the envelope says so, in a mailbox only what the hosts on its way wrote down.
 * Fields that a delivering host writes come first, then To and Cc, where a plus-address with our token survives.
 */
import { readAddresses, readHeaders } from './header.ts';

/** Written by the host that delivered, the most telling first. */
const DELIVERED = [
  'delivered-to',
  'x-delivered-to',
  'x-original-to',
  'envelope-to',
  'x-envelope-to',
  'x-forwarded-to',
  'x-rcpt-to',
  'x-gm-original-to',
];
const ADDRESSED = ['to', 'cc', 'resent-to', 'apparently-to'];
const MOST = 50;

export interface PulledEnvelope {
  /** Empty: a report's null sender, or nobody wrote it down. */
  mailFrom: string;
  /** Whom it may have been for, in the order in which that is likely; not yet known to be ours. */
  candidates: string[];
}

export function pulledEnvelope(raw: Buffer): PulledEnvelope {
  const end = raw.indexOf('\r\n\r\n');
  const headers = readHeaders(raw.subarray(0, end < 0 ? undefined : end).toString('latin1'));
  const candidates = new Set<string>();
  for (const name of [...DELIVERED, ...ADDRESSED])
    for (const value of headers.all(name))
      for (const { address } of readAddresses(value)) if (address !== '') candidates.add(address);
  // RFC 5321 4.4: written at final delivery; `<>` is a report's.
  const path = headers.raw('return-path');
  const from = readAddresses(path === '' ? headers.raw('from') : path)[0]?.address ?? '';
  return { mailFrom: from.toLowerCase(), candidates: [...candidates].slice(0, MOST) };
}
