/** What each check says of what was found: verdicts by tables, nothing dialled. */
import { expect, test } from 'vitest';
import { generateDkimKey } from '../mail/dkim-key.ts';
import { audienceChecks, type AudienceSaid } from './preflight-audience.ts';
import { linkChecks, sampleChecks, type Rendered } from './preflight-content.ts';
import { alignment, dnsChecks, keyFinding, readDmarc, type DnsFacts } from './preflight-dns.ts';
import { reachVerdict, type ReachFacts } from './preflight-reach.ts';
import { senderChecks, type SenderFacts } from './preflight-sender.ts';

/** Ids that are not ok, with their level. */
const wrong = (checks: readonly { id: string; level: string }[]) =>
  checks.filter((one) => one.level !== 'ok').map((one) => `${one.level} ${one.id}`);

// ── DNS ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const SOURCE = {
  name: 'one',
  ip: '192.0.2.1',
  ehlo: 'mail.a.example',
  ptr: ['mail.a.example'],
  confirmed: ['mail.a.example'],
  ehloLeadsHere: true,
  unknown: false,
};
const DNS: DnsFacts = {
  domain: 'a.example',
  bounceHost: 'bounces.a.example',
  records: [],
  keys: [{ name: 's._domainkey.a.example', bits: 2048, verifies: 'yes' }],
  spf: [{ ip: '192.0.2.1', result: 'pass', comment: '' }],
  dmarc: 'v=DMARC1; p=none',
  sources: [SOURCE],
  listed: [],
};

test.each<[string, Partial<DnsFacts>, string[]]>([
  ['all right', {}, []],
  [
    'an SPF that leaves an address out',
    { spf: [{ ip: '192.0.2.1', result: 'softfail', comment: '' }] },
    ['block spf.source'],
  ],
  [
    'an SPF with more than ten look-ups',
    { spf: [{ ip: '192.0.2.1', result: 'permerror', comment: 'Too many DNS requests' }] },
    ['block spf.broken'],
  ],
  [
    'an SPF that cannot be looked up',
    { spf: [{ ip: '192.0.2.1', result: 'temperror', comment: '' }] },
    ['block spf.silent'],
  ],
  [
    'a key that does not verify',
    { keys: [{ name: 'k', bits: 2048, verifies: 'no' }] },
    ['block dkim.verify', 'block dmarc.aligned'],
  ],
  ['a short key', { keys: [{ name: 'k', bits: 1024, verifies: 'yes' }] }, ['block dkim.short']],
  ['a DMARC that is not valid', { dmarc: 'v=DMARC1; p=nothing' }, ['block dmarc.invalid']],
  ['no reverse DNS', { sources: [{ ...SOURCE, ptr: [], confirmed: [] }] }, ['block source.ptr']],
  [
    'a reverse name that leads elsewhere',
    { sources: [{ ...SOURCE, confirmed: [] }] },
    ['block source.fcrdns'],
  ],
  [
    'an EHLO name that leads elsewhere',
    { sources: [{ ...SOURCE, ehloLeadsHere: false }] },
    ['block source.ehlo'],
  ],
  [
    'a DNS that is silent about an address',
    { sources: [{ ...SOURCE, unknown: true }] },
    ['block source.silent'],
  ],
  ['no sending address', { sources: [], spf: [] }, ['warn source.none']],
  [
    'an address on a block list',
    { listed: [{ zone: 'bl.example', what: '192.0.2.1' }] },
    ['warn dns.listed'],
  ],
])('DNS: %s', (_name, more, found) => {
  expect(wrong(dnsChecks({ ...DNS, ...more }))).toEqual(found);
});

test('name servers that answer nothing in time block', () => {
  expect(wrong(dnsChecks(undefined))).toEqual(['block dns.silent']);
});

test.each<[string, ReturnType<typeof readDmarc>]>([
  ['v=DMARC1; p=reject; adkim=s; aspf=s', { policy: 'reject', adkim: 's', aspf: 's' }],
  ['v=DMARC1;p=none', { policy: 'none', adkim: 'r', aspf: 'r' }],
  ['v=DMARC1; p=monitor', undefined],
  ['v=DMARC1; p=none; adkim=x', undefined],
  ['p=none; v=DMARC1', undefined],
])('the DMARC record %s', (record, read) => {
  expect(readDmarc(record)).toEqual(read);
});

test('alignment: the From domain itself is strict, a domain below the same one only relaxed', () => {
  expect(alignment('a.example', { dkim: 'a.example', spf: undefined })).toEqual({
    relaxed: true,
    strict: true,
  });
  expect(alignment('a.example', { dkim: undefined, spf: 'b.a.example' })).toEqual({
    relaxed: true,
    strict: false,
  });
  expect(alignment('a.example', { dkim: 'other.example', spf: undefined })).toEqual({
    relaxed: false,
    strict: false,
  });
});

test.each(['rsa-sha256', 'ed25519-sha256'] as const)(
  'a %s signature verifies with its own record only',
  async (algorithm) => {
    const [ours, theirs] = await Promise.all([generateDkimKey(algorithm), generateDkimKey(algorithm)]);
    expect(keyFinding('k', ours.privateDer, [ours.record]).verifies).toBe('yes');
    expect(keyFinding('k', ours.privateDer, [theirs.record]).verifies).toBe('no');
    expect(keyFinding('k', ours.privateDer, ['v=DKIM1; p=rubbish']).verifies).toBe('no');
    expect(keyFinding('k', ours.privateDer, []).verifies).toBe('unpublished');
  },
);

// ── reached ───────────────────────────────────────────────────────────────────────────────────────────────────────

const REACH: ReachFacts = {
  baseUrl: 'https://parley.example',
  isLab: false,
  link: { get: 200, post: 200 },
  home: { host: 'mail.a.example', signed: 250, forged: 550 },
};

test.each<[string, Partial<ReachFacts>, string[]]>([
  ['all right', {}, []],
  ['links without https', { baseUrl: 'http://parley.example' }, ['block links']],
  ['links without https in a lab', { baseUrl: '', isLab: true }, ['warn links']],
  ['a link that does not answer', { link: { get: 'ECONNREFUSED', post: undefined } }, ['block links.get']],
  [
    'a certificate that is not valid',
    { link: { get: 'CERT_HAS_EXPIRED', post: undefined } },
    ['block links.get'],
  ],
  [
    'another site at our address',
    { link: { get: 'another page answers', post: undefined } },
    ['block links.get'],
  ],
  ['a one-click POST that is redirected', { link: { get: 200, post: 302 } }, ['block links.post']],
  ['bounces that are refused', { home: { host: 'mx', signed: 550, forged: 550 } }, ['block home']],
  ['a host that takes anything', { home: { host: 'mx', signed: 250, forged: 250 } }, ['block home']],
  [
    'a host that nobody answers at',
    { home: { host: 'mx', signed: 'ECONNREFUSED', forged: 'ECONNREFUSED' } },
    ['block home'],
  ],
])('reached: %s', (_name, more, found) => {
  expect(wrong(reachVerdict({ ...REACH, ...more }))).toEqual(found);
});

// ── sender ────────────────────────────────────────────────────────────────────────────────────────────────────────

const SENDER: SenderFacts = {
  fromLocal: 'camille',
  fromName: 'Camille',
  domain: 'a.example',
  keys: 1,
  hasMailbox: true,
  postalAddress: '12 rue Mercière',
};

test.each<[string, Partial<SenderFacts>, string[]]>([
  ['all right', {}, []],
  ['gmail.com', { domain: 'gmail.com' }, ['block sender.freemail']],
  ['yahoo.co.uk', { domain: 'yahoo.co.uk' }, ['block sender.freemail']],
  ['outlook.fr', { domain: 'outlook.fr' }, ['block sender.freemail']],
  ['a domain that only sounds like one', { domain: 'gmail-tips.example' }, []],
  ['no key', { keys: 0 }, ['block sender.dkim']],
  ['no name', { fromName: '' }, ['warn sender.name']],
  ['no postal address', { postalAddress: ' ' }, ['block brand.address']],
])('sender: %s', (_name, more, found) => {
  expect(wrong(senderChecks({ ...SENDER, ...more }))).toEqual(found);
});

// ── content ───────────────────────────────────────────────────────────────────────────────────────────────────────

const RENDERED: Rendered = {
  contact: 'julie@b.example',
  fault: '',
  longestLine: 78,
  bytes: 20_000,
  empty: [],
  unsubscribe: { list: true, post: true, visible: true },
};

test.each<[string, Partial<Rendered>, string[]]>([
  ['all right', {}, []],
  ['a Liquid error', { fault: 'too many loops' }, ['block sample.fault']],
  ['a hole', { empty: ['contact.first_name'] }, ['block sample.empty']],
  ['a long line', { longestLine: 999 }, ['block sample.line']],
  ['a large message', { bytes: 100_001 }, ['block sample.size']],
  ['a missing header', { unsubscribe: { list: true, post: false, visible: true } }, ['block sample.headers']],
  [
    'no link to leave',
    { unsubscribe: { list: true, post: true, visible: false } },
    ['block sample.unsubscribe'],
  ],
])('content: %s for one of two people', (_name, more, found) => {
  expect(wrong(sampleChecks([RENDERED, { ...RENDERED, ...more }]))).toEqual(found);
});

test.each<[string, string[]]>([
  ['<a href="https://evil.example/x">www.bank.example</a>', ['warn content.link-host']],
  ['<a href="https://www.bank.example/x">bank.example</a>', []],
  ['<a href="https://bank.example/x">www.bank.example</a>', []],
  ['<a href="https://shop.example/x">our shop</a>', []],
  ['<a href="{{ unsubscribe_url }}">leave.example</a>', []],
])('a link %s', (html, found) => {
  expect(wrong(linkChecks(html))).toEqual(found);
});

// ── audience ──────────────────────────────────────────────────────────────────────────────────────────────────────

const NOW = 1_800_000_000_000;
const DAY = 86_400_000;
const PEOPLE: AudienceSaid = {
  isChosen: true,
  size: { selected: 1000, suppressed: 0, mailable: 1000 },
  people: 1000,
  withoutBasis: 0,
  noMail: 0,
  roles: 0,
  typos: 0,
  disposable: 0,
  trackedWithoutConsent: 0,
  hasLists: true,
  lastMailed: NOW - 30 * DAY,
  week: { delivered: 10_000, complained: 2 },
};

test.each<[string, Partial<AudienceSaid>, string[]]>([
  ['all right', {}, []],
  ['nothing chosen', { isChosen: false }, ['block audience.none']],
  ['people without a basis', { withoutBasis: 1 }, ['block audience.basis']],
  ['a few dead domains', { noMail: 10 }, ['warn audience.no-mail']],
  ['many dead domains', { noMail: 51 }, ['block audience.no-mail']],
  ['2 % of doubtful addresses', { roles: 10, typos: 5, disposable: 5 }, []],
  ['more than 2 % of them', { roles: 10, typos: 6, disposable: 5 }, ['warn audience.doubtful']],
  ['tracking without consent', { trackedWithoutConsent: 1 }, ['warn audience.tracking']],
  ['a list that was never mailed', { lastMailed: null }, ['warn audience.first']],
  ['a list that slept for a year', { lastMailed: NOW - 366 * DAY }, ['warn audience.idle']],
  ['a spam rate above 0.08 %', { week: { delivered: 10_000, complained: 9 } }, ['warn audience.spam-rate']],
  ['one complaint of few', { week: { delivered: 100, complained: 1 } }, []],
])('audience: %s', (_name, more, found) => {
  expect(wrong(audienceChecks({ ...PEOPLE, ...more }, NOW))).toEqual(found);
});
