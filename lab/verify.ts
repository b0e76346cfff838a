/**
 * Whether a provider believes the sender. Every message is looked at: a DKIM signature of the From domain, its body
 * hash, a key in the lab's DNS, one-click unsubscribe under the signature. A seeded share is verified whole, DKIM
 * and SPF, by mailauth: a stranger to Parley's own signer.
 */
import { createHash } from 'node:crypto';
import { dkimVerify, spf } from 'mailauth';
import { getDomain } from 'tldts';
import { addressIn, domainOf, field, type Head } from './headers.ts';
import type { Zone } from './zone.ts';

export interface Verdict {
  /** `plausible`: signed, aligned, key found and body hash right, but not in the share that is verified whole. */
  dkim: 'pass' | 'plausible' | 'fail' | 'none';
  spf: 'pass' | 'fail' | 'none' | 'unasked';
  /** What a strict provider would object to, in a few words each. */
  problems: string[];
}

export interface Letter {
  raw: Buffer;
  head: Head;
  returnPath: string;
  clientIp: string;
  ehlo: string;
}

export async function verify(letter: Letter, zone: Zone, whole: boolean): Promise<Verdict> {
  const verdict = lookAt(letter, zone);
  if (!whole || verdict.dkim === 'none') return verdict;
  const resolver = zoneResolver(zone);
  const [dkim, sender] = await Promise.all([
    dkimVerify(letter.raw, { resolver, minBitLength: 1024 }),
    spf({
      resolver,
      ip: letter.clientIp,
      helo: letter.ehlo,
      sender: letter.returnPath === '' ? `postmaster@${letter.ehlo}` : letter.returnPath,
      mta: 'mx.lab.test',
    }),
  ]);
  const from = domainOf(addressIn(field(letter.head, 'from')));
  const aligned = dkim.results.filter((one) => sameOrganisation(one.signingDomain ?? '', from));
  const passes = aligned.some((one) => one.status.result === 'pass');
  const broken = aligned.filter((one) => one.status.result !== 'pass' && one.status.result !== 'neutral');
  if (!passes) verdict.problems.push(`dkim: ${aligned[0]?.status.comment ?? 'no signature verifies'}`);
  else if (broken.length > 0) verdict.problems.push(`dkim: one of ${aligned.length} signatures is broken`);
  const result = sender.status.result;
  return {
    ...verdict,
    dkim: passes && verdict.dkim !== 'fail' ? 'pass' : 'fail',
    spf: result === 'pass' ? 'pass' : result === 'none' || result === 'neutral' ? 'none' : 'fail',
  };
}

/** What can be seen without a public-key operation. */
function lookAt({ raw, head }: Letter, zone: Zone): Verdict {
  const problems: string[] = [];
  const from = domainOf(addressIn(field(head, 'from')));
  const signatures = head.fields
    .filter(([name]) => name === 'dkim-signature')
    .map(([, value]) => tags(value));
  const own = signatures.filter((one) => sameOrganisation(one['d'] ?? '', from));
  if (head.fields.filter(([name]) => name === 'from').length !== 1) problems.push('not exactly one From');
  if (own.length === 0) {
    problems.push(signatures.length === 0 ? 'no DKIM signature' : `no DKIM signature of ${from}`);
    return { dkim: 'none', spf: 'unasked', problems };
  }
  const before = problems.length;
  for (const signature of own) {
    const signed = (signature['h'] ?? '').toLowerCase().split(':');
    if (!signed.includes('from')) problems.push('From is not signed');
    for (const name of ['list-unsubscribe', 'list-unsubscribe-post']) {
      // RFC 8058 4: both fields must be covered by the signature
      if (field(head, name) !== undefined && !signed.includes(name)) problems.push(`${name} is not signed`);
    }
    if (signature['bh'] !== bodyHash(raw.subarray(head.bodyAt), signature))
      problems.push('body hash differs');
    const key = `${signature['s'] ?? ''}._domainkey.${signature['d'] ?? ''}`;
    const found = zone
      .ask(key, 'TXT')
      .answers.some((one) => one.type === 'TXT' && /(^|;)\s*p=[^;]/.test(one.data));
    if (!found) problems.push(`no key at ${key}`);
  }
  const isBulk = field(head, 'list-unsubscribe') !== undefined || field(head, 'precedence') === 'bulk';
  if (isBulk && field(head, 'list-unsubscribe-post') === undefined)
    problems.push('bulk without one-click unsubscribe');
  const refused = problems.slice(before).some((one) => !one.startsWith('bulk'));
  return { dkim: refused ? 'fail' : 'plausible', spf: 'unasked', problems };
}

// RFC 6376 3.2
function tags(value: string): Record<string, string> {
  return Object.fromEntries(
    value.split(';').map((one) => {
      const equals = one.indexOf('=');
      return [one.slice(0, Math.max(0, equals)).trim(), one.slice(equals + 1).replace(/\s+/g, '')];
    }),
  );
}

// RFC 6376 3.4.3 and 3.4.4
function bodyHash(body: Buffer, signature: Record<string, string>): string {
  let text = body.toString('latin1');
  if ((signature['c'] ?? '').split('/')[1] === 'relaxed')
    text = text.replace(/[ \t]+/g, ' ').replace(/ (?=\r\n|$)/g, '');
  let end = text.length;
  while (text.startsWith('\r\n', end - 2) && end >= 2) end -= 2;
  text = text.slice(0, end);
  const relaxedAndEmpty = text === '' && (signature['c'] ?? '').endsWith('/relaxed');
  return createHash('sha256')
    .update(relaxedAndEmpty ? '' : `${text}\r\n`, 'latin1')
    .digest('base64');
}

const organisations = new Map<string, string>();
function organisation(domain: string): string {
  const known = organisations.get(domain);
  if (known !== undefined) return known;
  const found = getDomain(domain) ?? domain;
  organisations.set(domain, found);
  return found;
}

// RFC 7489 3.1.1: relaxed alignment
const sameOrganisation = (a: string, b: string): boolean =>
  a !== '' && organisation(a.toLowerCase()) === organisation(b.toLowerCase());

/** mailauth asks in the manner of node:dns. */
function zoneResolver(zone: Zone): (name: string, type: string) => Promise<never> {
  return async (name, type) => {
    const fault = zone.faultOf(name);
    const { rcode, answers } = zone.ask(name, type);
    const hits = answers.filter((one) => one.type === type);
    if (fault !== undefined || rcode === 'SERVFAIL') throw failure('ESERVFAIL');
    if (rcode === 'NXDOMAIN') throw failure('ENOTFOUND');
    if (hits.length === 0) throw failure('ENODATA');
    return hits.map((one) => {
      if (one.type === 'TXT') return one.data.match(/[^]{1,255}/g) ?? [''];
      if (one.type === 'MX') return { priority: one.data.preference, exchange: one.data.exchange };
      return one.data;
    }) as never;
  };
}

const failure = (code: string): Error => Object.assign(new Error(`query ${code}`), { code });
