/**
 * The fault matrix as data: what is broken at one destination, and what must become of its mail. The test and
 * `parley faults` run these same rows.
 */
import type { Faulty, HostTraits } from './faulty-host.ts';
import type { Step } from './faulty-talk.ts';
import type { Papers } from './faults-town.ts';
import type { LabRecord, Zone } from './zone.ts';

export interface FaultRow {
  name: string;
  faults?: readonly Faulty[];
  traits?: HostTraits | ((papers: Papers) => HostTraits);
  /** What is wrong with the destination's DNS, and how that is mended. */
  dns?: (zone: Zone) => void;
  mend?: (zone: Zone) => void;
  /** The MTA-STS policy that the destination publishes. */
  sts?: 'enforce' | 'testing';
  /** Octets added to the bad destination's letters. */
  heavy?: number;
  /** In place of the usual recipients. */
  to?: readonly string[];
  /** Addresses that lead inside are refused in this row: nothing else can be sent meanwhile. */
  refusesPrivate?: boolean;
  /**
   * waits: refused for now, and delivered once mended · refused: for good · arrives: all the same
   */
  fate: 'waits' | 'refused' | 'arrives';
  /** The classes of the attempts meanwhile. */
  answer?: RegExp;
  /** Sent whole and never answered: it may come twice. */
  mayRepeat?: boolean;
  /** Differs from others by its step alone, so that the short form leaves it out. */
  long?: boolean;
}

const LOST = /^connection-(dropped|failed)$/;
const NONSENSE = /^protocol-error$/;
const NO_TLS = /^tls-(failed|required)$/;

const say = (stage: Step, reply: string | Buffer, more: object = {}): Faulty[] => [
  { stage, does: { say: typeof reply === 'string' ? `${reply}\r\n` : reply, ...more } },
];
const waits = (name: string, faults: readonly Faulty[], answer: RegExp, more: Partial<FaultRow> = {}) =>
  ({ name, faults, fate: 'waits', answer, ...more }) satisfies FaultRow;
const refused = (name: string, faults: readonly Faulty[], answer: RegExp, more: Partial<FaultRow> = {}) =>
  ({ name, faults, fate: 'refused', answer, ...more }) satisfies FaultRow;
const arrives = (name: string, more: Partial<FaultRow> = {}) =>
  ({ name, fate: 'arrives', ...more }) satisfies FaultRow;

// ── the line ──────────────────────────────────────────────────────────────────────────────────────────────────────

const steps = ['connect', 'ehlo', 'mail', 'rcpt', 'data', 'body'] as const;
const isIn = (few: readonly string[], stage: string) => (few.includes(stage) ? {} : { long: true });

const lines: FaultRow[] = [
  ...steps.map((stage) => waits(`drops at ${stage}`, [{ stage, does: 'drop' }], LOST)),
  ...steps.map((stage) =>
    waits(`resets at ${stage}`, [{ stage, does: 'reset' }], LOST, isIn(['body'], stage)),
  ),
  ...steps.map((stage) =>
    waits(`is silent at ${stage}`, [{ stage, does: 'hang' }], LOST, isIn(['connect', 'body'], stage)),
  ),
  waits('drips a byte at a time', [{ stage: 'connect', does: 'drip' }], LOST),
  waits('stops reading in DATA (zero window)', [{ stage: 'data', does: 'deaf' }], LOST, {
    heavy: 1_900_000,
    to: ['b0@bad.test'],
  }),
  arrives('reads in sips of 64 octets', { faults: [{ stage: 'ehlo', does: 'sip' }] }),
  ...(['drop', 'reset', 'hang'] as const).map((does) =>
    waits(
      `takes the message and ${does === 'hang' ? 'is silent' : `${does}s`}`,
      [{ stage: 'dot', does, takesMessage: true }],
      LOST,
      { mayRepeat: true },
    ),
  ),
];

// ── refusals for now ──────────────────────────────────────────────────────────────────────────────────────────────

const BUSY = /^(server-busy|server-fault|rate-limited|unknown-temporary)$/;
const ANY = /./;
const tail = Array.from({ length: 199 }, (_, at) => `450-4.2.0 line ${at}`).join('\r\n');

const refusals: FaultRow[] = [
  ...(['connect', 'ehlo', 'mail', 'rcpt', 'data', 'dot'] as const).map((stage) =>
    waits(
      `says 421 at ${stage} and leaves`,
      say(stage, '421 4.3.2 shutting down', { thenDrop: true }),
      BUSY,
      isIn(['connect', 'rcpt', 'dot'], stage),
    ),
  ),
  arrives('says 421 at STARTTLS and leaves', {
    faults: say('starttls', '421 4.3.2 shutting down', { thenDrop: true }),
    traits: { offersTls: true },
    fate: 'waits',
    answer: /^(server-busy|tls-failed)$/,
  }),
  waits(
    'says 421 at RSET and leaves',
    [
      { stage: 'rcpt', to: /^b0/, does: { say: '450 4.2.1 not now\r\n' } },
      { stage: 'rset', does: { say: '421 4.3.2 shutting down\r\n', thenDrop: true } },
    ],
    ANY,
  ),
  waits('greylists', say('rcpt', '450 4.7.1 greylisted, try again later'), /^greylisted$/),
  waits('greets with 554', say('connect', '554 no SMTP service here', { thenDrop: true }), ANY),
  waits(
    'greets ten with a policy’s 554 5.7.1: a block, asked again each hour',
    say('connect', '554 5.7.1 service refused by policy', { thenDrop: true }),
    /^policy-refused$/,
    { to: Array.from({ length: 10 }, (_, at) => `b${at}@bad.test`) },
  ),
  waits(
    'greets with a policy’s 554 5.7.1',
    say('connect', '554 5.7.1 service refused by policy', { thenDrop: true }),
    /^policy-refused$/,
  ),
  arrives('does not know EHLO and takes HELO', { faults: say('ehlo', '502 5.5.1 not implemented') }),
  waits(
    'refuses EHLO and HELO',
    [...say('ehlo', '502 5.5.1 not implemented'), ...say('helo', '550 who are you')],
    ANY,
  ),
  waits('says 450 in 200 lines', say('rcpt', `${tail}\r\n450 4.2.0 end`), ANY),
  waits('says 452 after the dot', say('dot', '452 4.3.1 disk full'), ANY),
  waits('takes a recipient, and refuses at DATA for now', say('data', '451 4.3.0 not just now'), ANY),
  arrives('bears two recipients on a connection (452)', {
    faults: [{ stage: 'rcpt', from: 3, does: { say: '452 4.5.3 too many recipients\r\n' } }],
    answer: /^(too-many-recipients|delivered)$/,
  }),
];

// ── refusals for good ─────────────────────────────────────────────────────────────────────────────────────────────

const finals: FaultRow[] = [
  refused('says 550 to RCPT', say('rcpt', '550 5.1.1 no such user'), /^invalid-recipient$/),
  refused('says 552 after the dot', say('dot', '552 5.3.4 message too big'), /^message-too-large$/),
  refused(
    'says 550 in Latin-1',
    say('rcpt', Buffer.from('550 5.1.1 gel\xf6scht\r\n', 'latin1')),
    /^invalid-recipient$/,
  ),
  refused(
    'takes a recipient, and refuses the whole at DATA',
    [
      { stage: 'rcpt', to: /^b[02]/, does: { say: '550 5.1.1 no such user\r\n' } },
      { stage: 'data', does: { say: '554 5.6.0 transaction failed\r\n' } },
    ],
    ANY,
  ),
];

// ── replies that are none ─────────────────────────────────────────────────────────────────────────────────────────

const nonsense: FaultRow[] = (
  [
    ['no code', 'hello there\r\n'],
    ['code 999', '999 what\r\n'],
    ['a code that changes', '250-one\r\n251 two\r\n'],
    ['bare LF', '250 ok\n'],
    ['NUL', '250 o\0k\r\n'],
    ['a line of 100 kB', `250 ${'x'.repeat(100_000)}\r\n`],
    ['a line of 1 MB', `250 ${'x'.repeat(1_000_000)}\r\n`],
    ['lines without end', '250-and so on\r\n'.repeat(20_000)],
    ['two replies', '250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n'],
    ['a code of two digits', '25 ok\r\n'],
  ] as const
).map(([name, reply]) =>
  waits(`answers MAIL with ${name}`, say('mail', Buffer.from(reply), { thenHang: true }), NONSENSE),
);

nonsense.push(
  arrives('answers MAIL in letters that are not ASCII', { faults: say('mail', '250 d’accord, ça marche') }),
  waits(
    'says 250 to DATA before the message',
    say('data', '250 2.0.0 taken'),
    /^(protocol-error|connection-dropped)$/,
  ),
);

// ── extensions that are lies ──────────────────────────────────────────────────────────────────────────────────────

const pipelining = 'PIPELINING';

const lies: FaultRow[] = [
  arrives('offers PIPELINING and loses commands', {
    traits: { extensions: [pipelining], losesCommands: true },
    answer: /^(connection-dropped|delivered)$/,
  }),
  arrives('offers CHUNKING and does not know BDAT', {
    traits: { extensions: [pipelining, 'CHUNKING'] },
    faults: say('bdat', '500 5.5.1 command not recognised'),
  }),
  arrives('offers CHUNKING without PIPELINING and does not know BDAT', {
    traits: { extensions: ['CHUNKING'] },
    faults: say('bdat', '502 5.5.1 not implemented'),
  }),
  arrives('offers SIZE and does not know it in MAIL', {
    traits: { extensions: [pipelining, 'SIZE 0'], knowsNoSize: true },
  }),
  arrives('takes CHUNKING', { traits: { extensions: [pipelining, 'CHUNKING'] } }),
  refused('offers SIZE for less than the message', [], /^message-too-large$/, {
    traits: { extensions: [pipelining, 'SIZE 200'] },
  }),
  refused(
    'offers SIZE without a limit, and finds it too large',
    say('mail', '552 5.3.4 message too big'),
    /^message-too-large$/,
    { traits: { extensions: [pipelining, 'SIZE 0'] } },
  ),
  refused('has no SMTPUTF8 for an address that needs it', [], /^smtputf8-unsupported$/, {
    to: ['zoë@bad.test', 'renée@bad.test'],
  }),
  refused(
    'offers SMTPUTF8 where the next hop has none',
    say('dot', '553 5.6.7 next hop has no SMTPUTF8'),
    /^smtputf8-unsupported$/,
    {
      to: ['zoë@bad.test', 'renée@bad.test'],
      traits: { extensions: [pipelining, '8BITMIME', 'SMTPUTF8'] },
    },
  ),
];

// ── TLS ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const offersTls = { offersTls: true };

const brokenTls: [string, Partial<FaultRow>][] = [
  [
    'a broken handshake',
    { faults: [{ stage: 'handshake', does: { say: 'no handshake here\r\n', thenDrop: true } }] },
  ],
  ['a reset in the handshake', { faults: [{ stage: 'handshake', does: 'reset' }] }],
  ['a handshake that hangs', { faults: [{ stage: 'handshake', does: 'hang' }] }],
  ['bytes put in after the 220', { faults: say('starttls', '220 go\r\n250 injected') }],
  ['plain text instead of a handshake', { faults: say('starttls', '220 go') }],
  ['a 454 to STARTTLS', { faults: say('starttls', '454 4.7.0 not now') }],
  ['TLS 1.0 only', { traits: { offersTls: true, maxVersion: 'TLSv1' } }],
  ['a certificate of its own', {}],
  ['an expired certificate', { traits: ({ expired }) => ({ offersTls: true, certificate: expired }) }],
  [
    'a certificate for another name',
    { traits: ({ foreign }) => ({ offersTls: true, certificate: foreign }) },
  ],
];

const tls: FaultRow[] = [
  ...brokenTls.map(([name, more]) => arrives(`has ${name}`, { traits: offersTls, ...more })),
  arrives('has an expired certificate, under MTA-STS that tests', {
    sts: 'testing',
    traits: ({ expired }) => ({ offersTls: true, certificate: expired }),
  }),
  arrives('proves itself, under MTA-STS that is enforced', {
    sts: 'enforce',
    traits: ({ valid }) => ({ offersTls: true, certificate: valid }),
  }),
  ...brokenTls.map(([name, more]) =>
    waits(`has ${name}, under MTA-STS that is enforced`, more.faults ?? [], NO_TLS, {
      sts: 'enforce',
      traits: offersTls,
      ...more,
      ...isIn(['an expired certificate', 'plain text instead of a handshake', 'TLS 1.0 only'], name),
    }),
  ),
];

// ── DNS ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const mx = (...exchanges: string[]): LabRecord[] =>
  exchanges.map((exchange, preference) => ({ name: 'bad.test', type: 'MX', data: { preference, exchange } }));
const many = (count: number) => Array.from({ length: count }, (_, at) => `m${at}.bad.test`);
const MX_WELL = mx('mx.bad.test');

const dns: FaultRow[] = [
  ...(['SERVFAIL', 'timeout'] as const).map((fault) =>
    waits(`has a DNS that ends in ${fault}`, [], /^dns-failure$/, {
      dns: (zone) => zone.fail('bad.test', fault),
      mend: (zone) => zone.fail('bad.test', null),
    }),
  ),
  waits('has an MX whose address ends in SERVFAIL', [], /^dns-failure$/, {
    dns: (zone) => zone.fail('mx.bad.test', 'SERVFAIL'),
    mend: (zone) => zone.fail('mx.bad.test', null),
  }),
  waits('has DNSSEC whose TLSA look-up ends in SERVFAIL (bogus)', [], /^tls-failed$/, {
    traits: offersTls,
    dns: (zone) => {
      zone.prove('bad.test');
      zone.fail('_tcp.mx.bad.test', 'SERVFAIL');
    },
    mend: (zone) => zone.fail('_tcp.mx.bad.test', null),
  }),
  waits('has an MX on localhost alone', [], /^dns-failure$/, {
    dns: (zone) => zone.publish(mx('localhost')),
    mend: (zone) => zone.publish(MX_WELL),
  }),
  waits('has an MX with a private address', [], /^dns-failure$/, {
    refusesPrivate: true,
  }),
  ...(
    [
      ['NXDOMAIN', (zone) => zone.fail('bad.test', 'NXDOMAIN')],
      ['a null MX', (zone) => zone.publish(mx('.'))],
      ['neither MX nor address', (zone) => zone.fail('bad.test', 'NODATA')],
    ] as [string, (zone: Zone) => void][]
  ).map(([name, arrange]) => refused(`has ${name}`, [], /^invalid-domain$/, { dns: arrange })),
  ...(
    [
      ['an answer cut short', (zone) => zone.fail('bad.test', 'truncated')],
      [
        'a CNAME for its MX',
        (zone) => {
          zone.unpublish('mx.bad.test');
          zone.publish([
            { name: 'mx.bad.test', type: 'CNAME', data: 'real.bad.test' },
            { name: 'real.bad.test', type: 'A', data: '127.0.0.2' },
          ]);
        },
      ],
      ['a null MX beside another', (zone) => zone.publish(mx('.', 'mx.bad.test'))],
      ['localhost before its MX', (zone) => zone.publish(mx('localhost', 'mx.bad.test'))],
      ['NXDOMAIN for the better of two MX', (zone) => zone.publish(mx('gone.bad.test', 'mx.bad.test'))],
      [
        'SERVFAIL for the better of two MX',
        (zone) => {
          zone.publish(mx('m0.bad.test', 'mx.bad.test'));
          zone.fail('m0.bad.test', 'SERVFAIL');
        },
      ],
      [
        'a dead host before its MX',
        (zone) =>
          zone.publish([
            ...mx('m0.bad.test', 'mx.bad.test'),
            { name: 'm0.bad.test', type: 'A', data: '127.0.0.9' },
          ]),
      ],
      [
        '50 MX of which the best has no address',
        (zone) =>
          zone.publish([
            ...mx(...many(50)),
            ...many(50)
              .slice(1)
              .map((name): LabRecord => ({ name, type: 'A', data: '127.0.0.2' })),
          ]),
      ],
      [
        'an answer of 60 kB',
        (zone) =>
          zone.publish(
            mx('mx.bad.test', ...Array.from({ length: 800 }, (_, at) => `m${at}.${'x'.repeat(40)}.bad.test`)),
          ),
      ],
      ['a TTL of 0', (zone) => zone.publish([{ name: 'mx.bad.test', type: 'A', ttl: 0, data: '127.0.0.2' }])],
    ] as [string, (zone: Zone) => void][]
  ).map(([name, arrange]) => arrives(`has ${name}`, { dns: arrange })),
];

export const faultRows: readonly FaultRow[] = [
  ...lines,
  ...refusals,
  ...finals,
  ...nonsense,
  ...lies,
  ...tls,
  ...dns,
];
