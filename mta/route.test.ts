import { expect, test } from 'vitest';
import { DnsError } from '../core/dns.ts';
import type { DnsErrorCode, Resolver } from '../core/dns.ts';
import { routeOf, siteOf } from './route.ts';
import type { Route, RouteOptions } from './route.ts';

/** `'MX example.net'` → records, or the way in which the question fails. What is not there is NXDOMAIN. */
type Zone = Record<string, (string | number)[] | DnsErrorCode>;

function resolver(zone: Zone): Resolver {
  const ask = (type: string, name: string): Promise<string[]> => {
    const answer =
      zone[`${type} ${name}`] ??
      (Object.keys(zone).some((key) => key.endsWith(` ${name}`)) ? 'NODATA' : 'NXDOMAIN');
    return typeof answer === 'string'
      ? Promise.reject(new DnsError(answer, `${type} ${name}`))
      : Promise.resolve(answer.map(String));
  };
  return {
    mx: async (name) =>
      (await ask('MX', name)).map((record) => {
        const [priority, exchange = ''] = record.split(' ');
        return { priority: Number(priority), exchange };
      }),
    a: (name) => ask('A', name),
    aaaa: (name) => ask('AAAA', name),
    txt: (name) => ask('TXT', name),
    cname: (name) => ask('CNAME', name),
    ptr: (name) => ask('PTR', name),
    forget: () => {},
  };
}

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const route = (domain: string, zone: Zone, over: Partial<RouteOptions> = {}): Promise<Route> =>
  routeOf(domain, resolver(zone), { port: 25, allowPrivateTargets: false, random: seeded(1), ...over });

const hostsOf = (found: Route) => (found.kind === 'route' ? found.hosts.map((host) => host.name) : found);

test('MX hosts come by preference, with their IPv6 and IPv4 addresses', async () => {
  const zone: Zone = {
    'MX there.net': ['20 b.mx.net', '10 A.MX.net.'],
    'A a.mx.net': ['1.1.1.1', '1.1.1.2'],
    'AAAA a.mx.net': ['2606:4700::1'],
    'A b.mx.net': ['1.1.1.3'],
  };
  expect(await route('There.NET.', zone, { port: 2525 })).toEqual({
    kind: 'route',
    site: '(a|b).mx.net',
    provider: 'default',
    hosts: [
      { name: 'a.mx.net', addresses: ['2606:4700::1', '1.1.1.1', '1.1.1.2'], port: 2525 },
      { name: 'b.mx.net', addresses: ['1.1.1.3'], port: 2525 },
    ],
  });
  const found = await route('there.net', zone, { prefer: 'ipv4' });
  expect(found).toMatchObject({ hosts: [{ addresses: ['1.1.1.1', '1.1.1.2', '2606:4700::1'] }, {}] });
});

test('RFC 5321 5.1: equal preferences are shuffled, and never pass a better one', async () => {
  const zone: Zone = { 'MX x.net': ['5 first.net', '10 a.net', '10 b.net', '10 c.net', '30 last.net'] };
  for (const host of ['first', 'a', 'b', 'c', 'last']) zone[`A ${host}.net`] = ['1.1.1.1'];
  const orders = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const hosts = hostsOf(await route('x.net', zone, { random: seeded(seed) })) as string[];
    expect([hosts[0], hosts[4]]).toEqual(['first.net', 'last.net']);
    orders.add(hosts.slice(1, 4).join());
  }
  expect(orders.size).toBe(6);
});

const refusals: [string, string, Zone, [temporary: boolean, enhanced: string]][] = [
  ['no such domain', 'gone.net', {}, [false, '5.1.2']],
  ['null MX (RFC 7505)', 'none.net', { 'MX none.net': ['0 .'] }, [false, '5.1.10']],
  ['null MX as Node gives it', 'none.net', { 'MX none.net': ['0 '] }, [false, '5.1.10']],
  [
    'null MX wins over an address',
    'none.net',
    { 'MX none.net': ['0 .'], 'A none.net': ['1.1.1.1'] },
    [false, '5.1.10'],
  ],
  ['SERVFAIL', 'sick.net', { 'MX sick.net': 'SERVFAIL' }, [true, '4.4.3']],
  ['time-out', 'slow.net', { 'MX slow.net': 'TIMEOUT' }, [true, '4.4.3']],
  ['refused', 'slow.net', { 'MX slow.net': 'REFUSED' }, [true, '4.4.3']],
  ['neither MX nor address', 'bare.net', { 'TXT bare.net': ['hi'] }, [false, '5.1.2']],
  [
    'no MX, and the address does not answer',
    'bare.net',
    { 'MX bare.net': 'NODATA', 'A bare.net': 'SERVFAIL' },
    [true, '4.4.3'],
  ],
  ['MX without address', 'odd.net', { 'MX odd.net': ['10 nowhere.net'] }, [true, '4.4.4']],
  [
    'MX whose address does not answer',
    'odd.net',
    { 'MX odd.net': ['10 mx.net'], 'A mx.net': 'TIMEOUT' },
    [true, '4.4.3'],
  ],
  [
    'MX at loopback',
    'in.net',
    { 'MX in.net': ['10 mx.net'], 'A mx.net': ['127.0.0.1'], 'AAAA mx.net': ['::1'] },
    [true, '4.4.4'],
  ],
  [
    'MX at a private address',
    'in.net',
    { 'MX in.net': ['10 mx.net'], 'A mx.net': ['10.0.0.1'] },
    [true, '4.4.4'],
  ],
  ['MX that is an address', 'in.net', { 'MX in.net': ['10 1.1.1.1'] }, [true, '4.4.4']],
  ['an address literal', '[1.1.1.1]', {}, [false, '5.1.2']],
  ['an address', '1.1.1.1', {}, [false, '5.1.2']],
  ['a single label', 'localhost', {}, [false, '5.1.2']],
  ['a name with a space', 'a b.net', {}, [false, '5.1.2']],
  ['a name of 300 letters', `${'a.'.repeat(150)}net`, {}, [false, '5.1.2']],
];
test.each(refusals)('%s is refused', async (_name, domain, zone, [temporary, enhanced]) => {
  expect(await route(domain, zone)).toMatchObject({ kind: 'refused', temporary, enhanced });
});

test('RFC 5321 5.1: only a domain without any MX is its own mail host', async () => {
  const zone: Zone = {
    'A own.net': ['1.1.1.1'],
    'MX two.net': ['10 mx.net'],
    'A mx.net': ['1.1.1.2'],
    'A two.net': ['1.1.1.3'],
  };
  expect(await route('own.net', zone)).toMatchObject({
    site: 'own.net',
    hosts: [{ name: 'own.net', addresses: ['1.1.1.1'] }],
  });
  expect(hostsOf(await route('two.net', zone))).toEqual(['mx.net']);
});

test('a host that leads inside is left out, the others serve; in the lab all do', async () => {
  const zone: Zone = {
    'MX x.net': ['10 in.net', '20 out.net'],
    'A in.net': ['192.168.1.1', '::ffff:10.0.0.1'],
    'A out.net': ['127.0.0.1', '1.1.1.1'],
  };
  expect(await route('x.net', zone)).toMatchObject({ hosts: [{ name: 'out.net', addresses: ['1.1.1.1'] }] });
  expect(hostsOf(await route('x.net', zone, { allowPrivateTargets: true }))).toEqual(['in.net', 'out.net']);
});

test('fifty MX hosts are ten to try, and still one site', async () => {
  const zone: Zone = { 'MX many.net': Array.from({ length: 50 }, (_, at) => `${at} mx${at}.many.net`) };
  for (let at = 0; at < 50; at++) zone[`A mx${at}.many.net`] = ['1.1.1.1'];
  const found = await route('many.net', zone);
  expect(hostsOf(found)).toHaveLength(10);
  expect(found.kind === 'route' && found.site.length).toBeLessThan(200);
});

test('the provider is known by its hosts, and only when all of them are its own', async () => {
  const zone: Zone = {
    'MX g.net': ['1 aspmx.l.google.com', '5 alt1.aspmx.l.google.com'],
    'MX mixed.net': ['1 aspmx.l.google.com', '5 filter.net'],
    'A aspmx.l.google.com': ['1.1.1.1'],
    'A alt1.aspmx.l.google.com': ['1.1.1.2'],
    'A filter.net': ['1.1.1.3'],
  };
  expect(await route('g.net', zone)).toMatchObject({
    provider: 'google',
    site: '(alt1.aspmx|aspmx).l.google.com',
  });
  expect(await route('mixed.net', zone)).toMatchObject({ provider: 'default' });
});

test.each([
  [['mx.x.net'], 'mx.x.net'],
  [['b.x.net', 'A.x.net.', 'b.x.net'], '(a|b).x.net'],
  [['mx.a.net', 'mx.b.org'], '(mx.a.net|mx.b.org)'],
  [['x.net', 'mx.x.net'], '(mx.x|x).net'],
] as [string[], string][])('the site of %j is %s', (hosts, site) => {
  expect(siteOf(hosts)).toBe(site);
  expect(siteOf([...hosts].reverse())).toBe(site);
});
