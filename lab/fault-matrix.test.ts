/**
 * The fault matrix: one destination misbehaves, three others do not. For each row the house must give the right answer to
 * the bad one, deliver everything to the others while the fault lasts, lose nothing, and send twice only where a message
 * was sent whole and never answered. PARLEY_FAULT_RUNS=25 runs every row so often; without it each kind of row runs once.
 */
import { expect, onTestFinished, test, vi } from 'vitest';
import { schema } from '../config/schema.ts';
import { systemClock } from '../core/clock.ts';
import { createResolver } from '../core/dns.ts';
import { houseFor, Receiver, type House } from '../mta/house.testing.ts';
import { testCertificate } from '../mta/testing.ts';
import { startDns } from './dns.ts';
import { FaultyHost, type Faulty } from './faulty-host.ts';
import { Zone, type LabRecord } from './zone.ts';

const RUNS = Number(process.env['PARLEY_FAULT_RUNS'] ?? 0);
const BAD = 4;
const HEALTHY = 30;
const bad = Array.from({ length: BAD }, (_, at) => `b${at}@bad.test`);
const healthy = Array.from({ length: HEALTHY }, (_, at) => `p${at}@good${at % 3}.test`);

interface World {
  house: House;
  host: FaultyHost;
  receiver: Receiver;
  zone: Zone;
  /** How the attempts at the bad destination ended so far, by class or outcome. */
  attempts(): Promise<string[]>;
}

async function world(fault: Faulty): Promise<World> {
  const receiver = await new Receiver().start();
  const host = await new FaultyHost(await testCertificate()).start('127.0.0.2', receiver.port);
  onTestFinished(() => host.stop());
  host.fault = fault;
  const zone = new Zone();
  const records: LabRecord[] = ['bad', 'good0', 'good1', 'good2'].flatMap((name): LabRecord[] => [
    { name: `${name}.test`, type: 'MX', data: { preference: 10, exchange: `mx.${name}.test` } },
    { name: `mx.${name}.test`, type: 'A', data: name === 'bad' ? '127.0.0.2' : '127.0.0.1' },
  ]);
  zone.publish(records);
  const names = await startDns(zone);
  onTestFinished(() => names.stop());
  const config = schema.parse({
    mta: {
      hostname: 'out.example.org',
      remote_port: receiver.port,
      allow_private_targets: true,
      lease_ms: 86_400_000,
      drain_ms: 500,
      patience_percent: 0.1,
    },
  });
  const house = await houseFor(
    receiver,
    [...bad, ...healthy],
    systemClock({ speed: 2000, epoch: Date.now() }),
    { config, dns: createResolver({ servers: [`127.0.0.1:${names.port}`], timeout_ms: 200 }) },
  );
  const attempts = async () => {
    const rows = await house.runtime.store.read
      .selectFrom('attempt')
      .innerJoin('any_delivery', 'any_delivery.id', 'attempt.delivery_id')
      .select(['attempt.class', 'attempt.outcome', 'any_delivery.address'])
      .where('any_delivery.address', 'like', '%@bad.test')
      .execute();
    return rows.map((row) => row.class ?? row.outcome);
  };
  return { house, host, receiver, zone, attempts };
}

const wait = (look: () => Promise<void> | void) => vi.waitFor(look, { timeout: 20_000, interval: 10 });

/** All that went to the others arrived, once each. */
async function othersHaveTheirs({ receiver }: World): Promise<void> {
  await wait(() => expect(receiver.messages.length).toBeGreaterThanOrEqual(HEALTHY));
  expect(receiver.messages.map((one) => one.to).sort()).toEqual([...healthy].sort());
}

/** The fault ends, and everything arrives: once, or twice where nobody could know. */
async function allArrive(here: World, mayRepeat = false): Promise<void> {
  here.host.heal();
  await here.house.until({ delivered: BAD + HEALTHY });
  for (const address of bad) {
    const times = here.host.taken.filter((to) => to === address).length;
    expect(times).toBeGreaterThanOrEqual(1);
    if (!mayRepeat) expect(times).toBe(1);
  }
  expect(here.receiver.messages).toHaveLength(HEALTHY);
}

const repeated = <T extends readonly unknown[]>(rows: readonly T[]): T[] =>
  rows.flatMap((row) => Array.from({ length: Math.max(1, RUNS) }, () => row));

// ── faults that pass: deferred with the right name, then delivered ────────────────────────────────────────────────

const long = `${Array.from({ length: 199 }, (_, at) => `450-4.2.0 line ${at}`).join('\r\n')}\r\n450 4.2.0 end\r\n`;
const LOST = /connection-(dropped|failed)/;
const stages: Faulty['stage'][] = ['connect', 'ehlo', 'mail', 'rcpt', 'data', 'body'];

/** Rows that differ from others by their step alone are left to the long form. */
const steps = <T>(all: readonly T[], few: readonly T[]): readonly T[] => (RUNS === 0 ? few : all);

const passing: [string, Faulty, RegExp][] = [
  ...stages.map((stage: Faulty['stage']): [string, Faulty, RegExp] => [
    `drops at ${stage}`,
    { stage, does: 'drop' },
    LOST,
  ]),
  ...steps<Faulty['stage']>(stages, ['body']).map((stage): [string, Faulty, RegExp] => [
    `resets at ${stage}`,
    { stage, does: 'reset' },
    LOST,
  ]),
  ...steps<Faulty['stage']>(stages, ['connect', 'body']).map((stage): [string, Faulty, RegExp] => [
    `is silent at ${stage}`,
    { stage, does: 'hang' },
    LOST,
  ]),
  ...steps<Faulty['stage']>(['connect', 'ehlo', 'mail', 'rcpt', 'data', 'dot'] as const, [
    'connect',
    'rcpt',
    'dot',
  ]).map((stage): [string, Faulty, RegExp] => [
    `says 421 at ${stage} and leaves`,
    { stage, does: { say: '421 4.3.2 shutting down\r\n', thenDrop: true } },
    /server-busy|server-fault|rate-limited|unknown-temporary/,
  ]),
  ['greylists', { stage: 'rcpt', does: { say: '450 4.7.1 greylisted, try again later\r\n' } }, /greylisted/],
  [
    'greets with 554',
    { stage: 'connect', does: { say: '554 no SMTP service here\r\n', thenDrop: true } },
    /./,
  ],
  ['says 450 in 200 lines', { stage: 'rcpt', does: { say: long } }, /./],
  ['says 452 after the dot', { stage: 'dot', does: { say: '452 4.3.1 disk full\r\n' } }, /./],
  ['drips a byte at a time', { stage: 'connect', does: 'drip' }, /connection-(dropped|failed)/],
  ...(
    [
      ['no code', 'hello there\r\n'],
      ['code 999', '999 what\r\n'],
      ['a code that changes', '250-one\r\n251 two\r\n'],
      ['bare LF', '250 ok\n'],
      ['NUL', '250 o\0k\r\n'],
      ['a line of 1 MB', `250 ${'x'.repeat(1_000_000)}\r\n`],
      ['two replies', '250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n'],
      ['a code of two digits', '25 ok\r\n'],
    ] as const
  ).map(([name, say]): [string, Faulty, RegExp] => [
    `answers MAIL with ${name}`,
    { stage: 'mail', does: { say, thenHang: true } },
    /protocol-error/,
  ]),
];

test.each(repeated(passing))('a host that %s', async (_, fault, name) => {
  const here = await world(fault);
  await here.house.start();
  await othersHaveTheirs(here);
  await wait(async () => expect((await here.attempts()).length).toBeGreaterThan(0));
  for (const attempt of await here.attempts()) expect(attempt).toMatch(name);
  await allArrive(here);
});

test.each(
  repeated([
    ['drops', 'drop'],
    ['resets', 'reset'],
    ['is silent', 'hang'],
  ] as const),
)('a host that takes the message and %s: it may come twice, and is never lost', async (_, does) => {
  const here = await world({ stage: 'dot', does, takesMessage: true });
  await here.house.start();
  await othersHaveTheirs(here);
  await wait(async () => expect((await here.attempts()).length).toBeGreaterThan(0));
  await allArrive(here, true);
});

// ── faults that are an answer ─────────────────────────────────────────────────────────────────────────────────────

test.each(
  repeated([
    ['550 to RCPT', { stage: 'rcpt', does: { say: '550 5.1.1 no such user\r\n' } }],
    ['552 after the dot', { stage: 'dot', does: { say: '552 5.3.4 message too big\r\n' } }],
    ['8-bit letters', { stage: 'rcpt', does: { say: Buffer.from('550 5.1.1 gel\xf6scht\r\n', 'latin1') } }],
  ] as [string, Faulty][]),
)('a host that refuses for good: %s', async (_, fault) => {
  const here = await world(fault);
  await here.house.start();
  await othersHaveTheirs(here);
  await here.house.until({ delivered: HEALTHY, bounced: BAD });
  expect(here.host.taken).toEqual([]);
});

test.each(
  repeated([
    ['a broken handshake', { stage: 'handshake', does: { say: 'no handshake here\r\n', thenDrop: true } }],
    ['a reset in the handshake', { stage: 'handshake', does: 'reset' }],
    ['bytes put in after the 220', { stage: 'starttls', does: { say: '220 go\r\n250 injected\r\n' } }],
    ['plain text instead of a handshake', { stage: 'starttls', does: { say: '220 go\r\n' } }],
    ['a 454 to STARTTLS', { stage: 'starttls', does: { say: '454 4.7.0 not now\r\n' } }],
    ['a certificate of its own', { stage: 'none', does: 'drop' }],
  ] as [string, Faulty][]),
)('where nothing is asked of TLS, %s costs no message', async (_, fault) => {
  const here = await world(fault);
  here.host.offersTls = true;
  await here.house.start();
  await othersHaveTheirs(here);
  await here.house.until({ delivered: BAD + HEALTHY });
  expect([...here.host.taken].sort()).toEqual(bad);
});

// ── DNS ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const well: Faulty = { stage: 'none', does: 'drop' };

test.each(repeated([['SERVFAIL'], ['timeout']] as const))(
  'a domain whose DNS ends in %s waits',
  async (fault) => {
    const here = await world(well);
    here.zone.fail('bad.test', fault);
    await here.house.start();
    await othersHaveTheirs(here);
    await wait(async () => expect(await here.attempts()).toContain('dns-failure'));
    here.zone.fail('bad.test', null);
    await allArrive(here);
  },
);

const mx = (...exchanges: string[]): LabRecord[] =>
  exchanges.map((exchange, preference) => ({ name: 'bad.test', type: 'MX', data: { preference, exchange } }));
const many = (count: number) => Array.from({ length: count }, (_, at) => `m${at}.bad.test`);

test.each(
  repeated([
    ['NXDOMAIN', (zone: Zone) => zone.fail('bad.test', 'NXDOMAIN')],
    ['a null MX', (zone: Zone) => zone.publish(mx('.'))],
    ['neither MX nor address', (zone: Zone) => zone.fail('bad.test', 'NODATA')],
  ] as [string, (zone: Zone) => void][]),
)('a domain with %s takes no mail', async (_, arrange) => {
  const here = await world(well);
  arrange(here.zone);
  await here.house.start();
  await othersHaveTheirs(here);
  await here.house.until({ delivered: HEALTHY, bounced: BAD });
});

test.each(
  repeated([
    ['an answer cut short', (zone: Zone) => zone.fail('bad.test', 'truncated')],
    [
      'a CNAME for its MX',
      (zone: Zone) => {
        zone.unpublish('mx.bad.test');
        zone.publish([
          { name: 'mx.bad.test', type: 'CNAME', data: 'real.bad.test' },
          { name: 'real.bad.test', type: 'A', data: '127.0.0.2' },
        ]);
      },
    ],
    [
      '50 MX of which the best has no address',
      (zone: Zone) =>
        zone.publish([
          ...mx(...many(50)),
          ...many(50)
            .slice(1)
            .map((name): LabRecord => ({ name, type: 'A', data: '127.0.0.2' })),
        ]),
    ],
    [
      'an answer of 60 kB',
      (zone: Zone) =>
        zone.publish([
          ...mx(
            'mx.bad.test',
            ...Array.from({ length: 800 }, (_, at) => `m${at}.${'x'.repeat(40)}.bad.test`),
          ),
        ]),
    ],
    [
      'a TTL of 0',
      (zone: Zone) => zone.publish([{ name: 'mx.bad.test', type: 'A', ttl: 0, data: '127.0.0.2' }]),
    ],
  ] as [string, (zone: Zone) => void][]),
)('a domain with %s gets its mail', async (_, arrange) => {
  const here = await world(well);
  arrange(here.zone);
  await here.house.start();
  await othersHaveTheirs(here);
  await here.house.until({ delivered: BAD + HEALTHY });
  expect([...here.host.taken].sort()).toEqual(bad);
});
