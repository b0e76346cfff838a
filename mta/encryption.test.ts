/**
 * What a recipient's domain publishes decides how its hosts are spoken to: the real route, the real name server client,
 * a policy fetched by HTTPS, and mail hosts on loopback addresses.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer as createHttps } from 'node:https';
import { createHash, X509Certificate } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { schema } from '../config/schema.ts';
import { manualClock } from '../core/clock.ts';
import { createResolver } from '../core/dns.ts';
import { silentLog } from '../core/log.ts';
import { policiesShown } from '../core/store/mta-sts.ts';
import { openTestStore } from '../core/store/testing.ts';
import { tlsResults } from '../core/store/tls-result.ts';
import { makeCertificate } from '../core/tls.ts';
import { startDns } from '../lab/dns.ts';
import { Zone, type LabRecord } from '../lab/zone.ts';
import { defaultProvider } from '../config/providers.ts';
import { connect, targetsOf, type Connected } from './connect.ts';
import type { Envelope } from './envelope.ts';
import { Encryption } from './encryption.ts';
import { routeOf, type Route } from './route.ts';
import type { Transaction } from './transaction.ts';
import { scripted, type Scripted, type Step } from './testing.ts';

const YEAR = 365 * 86_400_000;
const NOW = Date.now();
const dates = { notBefore: NOW - YEAR, notAfter: NOW + YEAR };
const authority = await makeCertificate({ hostname: 'ca.test', ...dates, authority: true });
const issuer = { hostname: 'ca.test', key: authority.key };
const policyKeys = await makeCertificate({ hostname: 'mta-sts.shop.test', ...dates, issuer });
const mailKeys = await makeCertificate({ hostname: 'mx.shop.test', ...dates, issuer });
const foreignKeys = await makeCertificate({ hostname: 'mx.elsewhere.test', ...dates, issuer });
const expiredKeys = await makeCertificate({
  hostname: 'mx.shop.test',
  notBefore: NOW - 2 * YEAR,
  notAfter: NOW - YEAR,
  issuer,
});
const caFile = join(mkdtempSync(join(tmpdir(), 'parley-ca-')), 'ca.pem');
writeFileSync(caFile, authority.cert);

const greeting: Step[] = ['< 220 hi', '> EHLO us.test'];
const clear: Step[] = [...greeting, '< 250 mx.shop.test'];
const offering: Step[] = [...greeting, '< 250-mx.shop.test\r\n250 STARTTLS', '> STARTTLS', '< 220 go'];
const withTls = (keys: { key: string; cert: string }): Step[] => [
  ...offering,
  (peer) => peer.secure(keys),
  '> EHLO us.test',
  '< 250-mx.shop.test\r\n250 REQUIRETLS',
];

const text = (mode: string, mx = 'mx.shop.test', maxAge = 86_400) =>
  `version: STSv1\r\nmode: ${mode}\r\nmx: ${mx}\r\nmax_age: ${maxAge}\r\n`;

interface PolicyHost {
  status?: number;
  type?: string;
  body: string;
  asked: number;
}

interface World {
  zone: Zone;
  policy: PolicyHost;
  clock: ReturnType<typeof manualClock>;
  encryption: Encryption;
  store: Awaited<ReturnType<typeof openTestStore>>;
  route(domain?: string): Promise<Route>;
  /** Opens a connection as a delivery to somebody there would, and counts it. */
  dial(server: Scripted, domain?: string): Promise<Connected>;
  again(): Promise<Encryption>;
  forget(): void;
}

async function world({ keys = policyKeys, port = 0 } = {}): Promise<World> {
  const zone = new Zone();
  const records: LabRecord[] = [
    { name: 'shop.test', type: 'MX', data: { preference: 10, exchange: 'mx.shop.test' } },
    { name: 'mx.shop.test', type: 'A', data: '127.0.0.1' },
    { name: 'mta-sts.shop.test', type: 'A', data: '127.0.0.1' },
  ];
  zone.publish(records);
  const server = await startDns(zone);
  const dns = createResolver({ servers: [`127.0.0.1:${server.port}`], timeout_ms: 300 });
  const policy: PolicyHost = { body: text('enforce'), asked: 0 };
  const host = createHttps(keys, (request, answer) => {
    policy.asked++;
    answer.writeHead(policy.status ?? (request.url === '/.well-known/mta-sts.txt' ? 200 : 404), {
      'content-type': policy.type ?? 'text/plain',
      location: 'https://elsewhere.test/',
    });
    answer.end(policy.body);
  });
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    host.closeAllConnections();
    await new Promise((resolve) => host.close(resolve));
    await server.stop();
  });
  const config = schema.parse({
    mta: {
      remote_port: 25,
      allow_private_targets: true,
      policy_port: port === 0 ? (host.address() as AddressInfo).port : port,
    },
    tls: { authorities: caFile },
  });
  const clock = manualClock(NOW);
  const store = await openTestStore(clock);
  const runtime = { config, dns, store, clock, log: silentLog };
  const opened: Connected[] = [];
  const start = async () => {
    const made = new Encryption(runtime);
    await made.start();
    onTestFinished(() => made.stop());
    return made;
  };
  const here: World = {
    zone,
    policy,
    clock,
    store,
    encryption: await start(),
    again: start,
    forget: () => dns.forget(),
    route: async (domain = 'shop.test') =>
      here.encryption.proved(
        domain,
        await routeOf(domain, dns, { port: 25, allowPrivateTargets: true, random: Math.random }),
      ),
    dial: async (at, domain = 'shop.test') => {
      const route = await here.route(domain);
      if (route.kind !== 'route') throw new Error(route.reason);
      let last: Connected | undefined;
      for (const target of targetsOf(route.hosts)) {
        const to = { ...target, port: at.port };
        last = await connect(to, {
          ehlo: 'us.test',
          ...here.encryption.terms(defaultProvider),
          now: clock.now(),
          allowPrivateTargets: true,
        });
        opened.push(last);
        if (last.kind === 'session') break;
      }
      if (last === undefined) throw new Error('no host');
      const accepted: Transaction = { kind: 'accepted', reply: { code: 250, text: '', lines: [] } };
      here.encryption.heard(
        `someone@${domain}`,
        last.kind === 'session' ? accepted : last,
        last.kind === 'session' ? last.session : undefined,
        false,
      );
      return last;
    },
  };
  onTestFinished(() => {
    for (const one of opened) if (one.kind === 'session') one.session.destroy();
  });
  return here;
}

async function mailHost(...scripts: Step[][]): Promise<Scripted> {
  const server = await scripted(...scripts);
  onTestFinished(() => server.close());
  return server;
}

const sts = (zone: Zone, id = '1') =>
  zone.publish([{ name: '_mta-sts.shop.test', type: 'TXT', data: `v=STSv1; id=${id};` }]);

async function results(here: World) {
  await here.encryption.flush();
  const rows = await tlsResults(here.store.read, { from: 0, to: 1e6, limit: 50 });
  return rows.map(({ policy, result, sessions }) => `${policy} ${result} ${sessions}`).sort();
}

const wordOf = (one: Connected) =>
  one.kind === 'session'
    ? (one.session.tls?.protocol ?? 'clear')
    : one.kind === 'dropped'
      ? `${one.kind}: ${one.error.message}`
      : `${one.kind}: ${one.reply.text}`;

// ── MTA-STS ───────────────────────────────────────────────────────────────────────────────────────────────────────

test('under an enforced policy a host with a valid certificate gets the mail, encrypted', async () => {
  const here = await world();
  sts(here.zone);
  const server = await mailHost(withTls(mailKeys));
  expect(wordOf(await here.dial(server))).toBe('TLSv1.3');
  expect(await results(here)).toEqual(['sts success 1']);
});

test.each([
  ['no STARTTLS', clear, /STARTTLS/, 'starttls-not-supported'],
  ['a certificate for another name', withTls(foreignKeys), /ALTNAME/, 'certificate-host-mismatch'],
  ['an expired certificate', withTls(expiredKeys), /EXPIRED/, 'certificate-expired'],
  [
    'a certificate that nobody vouches for',
    [...offering, '!tls'] as Step[],
    /SELF_SIGNED/,
    'certificate-not-trusted',
  ],
  [
    'a broken handshake',
    [...offering, '#5', '< no handshake', '!close'] as Step[],
    /handshake/,
    'validation-failure',
  ],
])(
  'under an enforced policy %s defers the mail, and it never goes in clear',
  async (_, script, words, name) => {
    const here = await world();
    sts(here.zone);
    const server = await mailHost(script);
    expect(wordOf(await here.dial(server))).toMatch(words);
    expect(server.connections).toBe(1);
    expect(await results(here)).toEqual([`sts ${name} 1`]);
  },
);

test('under an enforced policy a host that it does not name is not even connected to', async () => {
  const here = await world();
  sts(here.zone);
  here.policy.body = text('enforce', '*.safe.test');
  const server = await mailHost(clear);
  expect(wordOf(await here.dial(server))).toMatch(
    /not a mail host that the MTA-STS policy of shop.test names/,
  );
  expect(server.connections).toBe(0);
  expect(await results(here)).toEqual(['sts validation-failure 1']);
});

test('a policy in testing hinders nothing, and what it would have hindered is counted', async () => {
  const here = await world();
  sts(here.zone);
  here.policy.body = text('testing');
  const server = await mailHost(withTls(foreignKeys), clear);
  expect(wordOf(await here.dial(server))).toBe('TLSv1.3');
  expect(wordOf(await here.dial(server))).toBe('clear');
  expect(await results(here)).toEqual(['sts certificate-host-mismatch 1', 'sts starttls-not-supported 1']);
});

test('domains of one site with different policies do not share connections; those with the same do', async () => {
  const here = await world();
  here.zone.publish([{ name: 'other.test', type: 'MX', data: { preference: 1, exchange: 'mx.shop.test' } }]);
  sts(here.zone);
  const [shop, other] = [await here.route(), await here.route('other.test')];
  expect(shop).toMatchObject({ site: 'mx.shop.test', proofs: 'mx.shop.test verified' });
  expect(other).toMatchObject({ site: 'mx.shop.test' });
  expect(other).not.toHaveProperty('proofs');
});

test('a policy is fetched once, again for a new id, and again before its end', async () => {
  const here = await world();
  sts(here.zone);
  await here.route();
  await here.route();
  expect(here.policy.asked).toBe(1);
  sts(here.zone, '2');
  here.forget();
  here.policy.body = text('testing', 'mx.shop.test', 1000);
  expect(await here.route()).not.toHaveProperty('proofs');
  expect(here.policy.asked).toBe(2);
  here.clock.advance(600_000);
  await here.route();
  expect(here.policy.asked).toBe(3);
});

test.each([
  ['the record is gone', (here: World) => here.zone.unpublish('_mta-sts.shop.test'), []],
  ['the name server fails', (here: World) => here.zone.fail('_mta-sts.shop.test', 'SERVFAIL'), []],
  [
    'the fetch fails',
    (here: World) => {
      sts(here.zone, '2');
      here.policy.status = 500;
    },
    ['sts sts-policy-fetch-error 1'],
  ],
])('a policy holds until its end although %s, over a restart too', async (_, spoil, counted) => {
  const here = await world();
  sts(here.zone);
  await here.route();
  spoil(here);
  here.forget();
  here.encryption = await here.again();
  expect(await here.route()).toMatchObject({ proofs: 'mx.shop.test verified' });
  expect(await results(here)).toEqual(counted);
  here.clock.advance(86_400_000);
  expect(await here.route()).not.toHaveProperty('proofs');
});

test.each([
  ['a redirect', { status: 301 }, 'sts-policy-fetch-error'],
  ['a page of HTML', { type: 'text/html' }, 'sts-policy-fetch-error'],
  ['an endless policy', { body: 'x'.repeat(70_000) }, 'sts-policy-fetch-error'],
  ['nonsense', { body: 'hello' }, 'sts-policy-invalid'],
])('%s is no policy, and is counted', async (_, change, name) => {
  const here = await world();
  sts(here.zone);
  Object.assign(here.policy, change);
  expect(await here.route()).not.toHaveProperty('proofs');
  expect(await results(here)).toEqual([`sts ${name} 1`]);
  await here.route();
  expect(here.policy.asked).toBe(1);
});

test('a policy host whose certificate is for another name is not believed', async () => {
  const here = await world({ keys: mailKeys });
  sts(here.zone);
  expect(await here.route()).not.toHaveProperty('proofs');
  expect(here.policy.asked).toBe(0);
  expect(await results(here)).toEqual(['sts sts-webpki-invalid 1']);
  expect(await policiesShown(here.store.read, 10)).toEqual([]);
});

// ── DANE ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const spki = (cert: string) =>
  createHash('sha256')
    .update(new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' }))
    .digest();

function dane(zone: Zone, certificate: Buffer, usage = 3): void {
  zone.prove('shop.test');
  zone.publish([
    {
      name: '_25._tcp.mx.shop.test',
      type: 'TLSA',
      data: { usage, selector: 1, matchingType: 1, certificate },
    },
  ]);
}

test('a host that shows the certificate of its TLSA record gets the mail, whoever signed it', async () => {
  const here = await world();
  dane(here.zone, spki(foreignKeys.cert));
  const server = await mailHost(withTls(foreignKeys));
  expect(wordOf(await here.dial(server))).toBe('TLSv1.3');
  expect(await results(here)).toEqual(['tlsa success 1']);
});

test.each([
  ['another certificate', withTls(mailKeys), /DANE/, 'validation-failure'],
  ['no STARTTLS', clear, /STARTTLS/, 'starttls-not-supported'],
])('with a TLSA record %s defers the mail, and it never goes in clear', async (_, script, words, name) => {
  const here = await world();
  dane(here.zone, spki(foreignKeys.cert));
  const server = await mailHost(script);
  expect(wordOf(await here.dial(server))).toMatch(words);
  expect(server.connections).toBe(1);
  expect(await results(here)).toEqual([`tlsa ${name} 1`]);
});

test('an authority of the receiver vouches by its TLSA record', async () => {
  const here = await world();
  dane(here.zone, spki(authority.cert), 2);
  const keys = { key: mailKeys.key, cert: mailKeys.cert + authority.cert };
  const server = await mailHost(withTls(keys));
  expect(wordOf(await here.dial(server))).toBe('TLSv1.3');
});

test('DANE comes before MTA-STS: a host that DANE proves needs no public authority', async () => {
  const here = await world();
  sts(here.zone);
  dane(here.zone, spki(foreignKeys.cert));
  const server = await mailHost(withTls(foreignKeys));
  expect(wordOf(await here.dial(server))).toBe('TLSv1.3');
});

test('records of no use still say that the host does TLS: required, unproved', async () => {
  const here = await world();
  dane(here.zone, spki(mailKeys.cert), 1);
  const server = await mailHost(withTls(expiredKeys), clear);
  expect(wordOf(await here.dial(server))).toBe('TLSv1.3');
  expect(wordOf(await here.dial(server))).toMatch(/STARTTLS/);
});

test.each(['SERVFAIL', 'timeout'] as const)(
  'a TLSA look-up that ends in %s defers the mail',
  async (fault) => {
    const here = await world();
    here.zone.prove('shop.test');
    here.zone.fail('_25._tcp.mx.shop.test', fault);
    const server = await mailHost(clear);
    expect(wordOf(await here.dial(server))).toMatch(/signed DNS of mx.shop.test cannot be looked up/);
    expect(server.connections).toBe(0);
  },
);

test('a TLSA record of a zone that is not signed counts for nothing', async () => {
  const here = await world();
  dane(here.zone, spki(foreignKeys.cert));
  const plain = await world();
  plain.zone.publish([
    {
      name: '_25._tcp.mx.shop.test',
      type: 'TLSA',
      data: { usage: 3, selector: 1, matchingType: 1, certificate: spki(foreignKeys.cert) },
    },
  ]);
  expect(await here.route()).toHaveProperty('proofs');
  expect(await plain.route()).not.toHaveProperty('proofs');
});

// ── memory ────────────────────────────────────────────────────────────────────────────────────────────────────────

test('broken TLS is remembered over a restart, and forgotten when the receiver asks for TLS', async () => {
  const here = await world();
  const broken: Step[] = [...offering, '< no handshake', '!close'];
  const server = await mailHost(broken, clear, clear, withTls(mailKeys));
  expect(wordOf(await here.dial(server))).toBe('clear');
  expect(await results(here)).toEqual(['no-policy-found validation-failure 1']);
  here.encryption = await here.again();
  const second = await here.dial(server);
  expect(wordOf(second)).toBe('clear');
  expect(server.connections).toBe(3);
  if (second.kind !== 'session') throw new Error('no session');
  const refused: Transaction = { kind: 'refused', stage: 'mail', reply: { code: 530, text: '', lines: [] } };
  here.encryption.heard('a@shop.test', refused, second.session, true);
  await here.encryption.flush();
  here.encryption = await here.again();
  expect(wordOf(await here.dial(server))).toBe('TLSv1.3');
});

test('REQUIRETLS goes only where the certificate is valid and the receiver passes it on', async () => {
  const here = await world();
  const server = await mailHost(
    [
      ...withTls(mailKeys),
      '> MAIL FROM:<a@us.test> REQUIRETLS',
      '< 250 ok',
      '> RCPT TO:<b@shop.test>',
      '< 550 5.1.1 no',
    ],
    withTls(foreignKeys),
    clear,
  );
  const message: Envelope = {
    mailFrom: 'a@us.test',
    rcptTo: 'b@shop.test',
    requireTls: true,
    maySend: () => true,
  };
  const said: string[] = [];
  for (let time = 0; time < 3; time++) {
    const opened = await here.dial(server);
    if (opened.kind !== 'session') throw new Error(wordOf(opened));
    const sent = await opened.session.transact(message, Buffer.from('x\r\n'));
    said.push(sent.kind === 'refused' ? (sent.reply.enhanced ?? '') : sent.kind);
  }
  expect(said).toEqual(['5.1.1', '5.7.30', '5.7.30']);
  expect(server.complaints).toEqual([]);
});
