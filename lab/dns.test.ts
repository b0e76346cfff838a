/** The name server as a resolver sees it: Node's own, and raw packets where that one hides the truth. */
import { Resolver } from 'node:dns/promises';
import { afterEach, expect, test } from 'vitest';
import { startDns, type DnsServer } from './dns.ts';
import { Zone } from './zone.ts';

let server: DnsServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

async function world(): Promise<{ zone: Zone; ask: Resolver }> {
  const zone = new Zone();
  server = await startDns(zone);
  const ask = new Resolver({ timeout: 300, tries: 1 });
  ask.setServers([`127.0.0.1:${server.port}`]);
  return { zone, ask };
}

test('gmail.com has its real exchangers, each on a loopback address of its own', async () => {
  const { ask } = await world();
  const mx = (await ask.resolveMx('gmail.com')).sort((a, b) => a.priority - b.priority);
  expect(mx[0]).toMatchObject({ priority: 5, exchange: 'gmail-smtp-in.l.google.com' });
  const addresses = await Promise.all(mx.map((one) => ask.resolve4(one.exchange)));
  expect(new Set(addresses.flat()).size).toBe(5);
  expect(addresses.flat().every((one) => one.startsWith('127.'))).toBe(true);
});

test('a domain nobody heard of takes mail at a small host', async () => {
  const { ask } = await world();
  expect(await ask.resolveMx('some-shop.example')).toMatchObject([{ exchange: 'mx.small-hosts.test' }]);
});

test('the forward and reverse names of a sending host agree', async () => {
  const { ask } = await world();
  const [address = ''] = await ask.resolve4('smtp-out.orange.fr');
  expect(await ask.reverse(address)).toEqual(['smtp-out.orange.fr']);
});

const failures = [
  ['anything.nx.test', 'ENOTFOUND'],
  ['nxdomain.test', 'ENOTFOUND'],
  ['servfail.test', 'ESERVFAIL'],
  ['below.servfail.test', 'ESERVFAIL'],
  ['timeout.test', 'ETIMEOUT'],
  ['ferme-du-lac.fr', 'ENODATA'],
] as const;

test.each(failures)('MX of %s fails with %s', async (name, code) => {
  const { ask } = await world();
  await expect(ask.resolveMx(name)).rejects.toMatchObject({ code });
});

test('a domain with an address and no MX takes mail there, and a null MX takes none', async () => {
  const { ask } = await world();
  expect(await ask.resolve4('ferme-du-lac.fr')).toHaveLength(1);
  expect(await ask.resolveMx('ancienne-adresse.fr')).toMatchObject([{ priority: 0, exchange: '' }]);
});

test('a published domain is published whole: what it lacks is missing', async () => {
  const { zone, ask } = await world();
  const key = `v=DKIM1; k=rsa; p=${'A'.repeat(392)}`;
  zone.publish([
    { name: 'shop.example', type: 'MX', data: { preference: 10, exchange: 'in.shop.example' } },
    { name: 'in.shop.example', type: 'A', data: '127.0.0.1' },
    { name: 'p1._domainkey.shop.example', type: 'TXT', data: key },
    { name: 'www.shop.example', type: 'CNAME', data: 'in.shop.example' },
  ]);
  const [text = []] = await ask.resolveTxt('p1._domainkey.shop.example');
  expect(text.length).toBe(2);
  expect(text.join('')).toBe(key);
  expect(await ask.resolve4('www.shop.example')).toEqual(['127.0.0.1']);
  await expect(ask.resolveTxt('_dmarc.shop.example')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  await expect(ask.resolveTxt('_domainkey.shop.example')).rejects.toMatchObject({ code: 'ENODATA' });
  zone.publish([{ name: 'in.shop.example', type: 'A', data: '127.0.0.9' }]);
  expect(await ask.resolve4('in.shop.example')).toEqual(['127.0.0.9']);
  zone.unpublish('in.shop.example');
  await expect(ask.resolve4('in.shop.example')).rejects.toMatchObject({ code: 'ENOTFOUND' });
});

test('a name can be made to fail and healed, and an answer cut short is fetched by TCP', async () => {
  const { zone, ask } = await world();
  zone.fail('orange.fr', 'SERVFAIL');
  await expect(ask.resolveMx('orange.fr')).rejects.toMatchObject({ code: 'ESERVFAIL' });
  zone.fail('orange.fr', 'truncated');
  expect(await ask.resolveMx('orange.fr')).toHaveLength(1);
  zone.fail('orange.fr', null);
  expect(await ask.resolveMx('orange.fr')).toHaveLength(1);
});

test('fifty exchangers do not fit a small packet and arrive all the same', async () => {
  const { zone, ask } = await world();
  zone.publish(
    Array.from({ length: 50 }, (_, at) => ({
      name: 'crowd.example',
      type: 'MX' as const,
      data: { preference: at, exchange: `a-rather-long-name-of-exchanger-${at}.crowd.example` },
    })),
  );
  expect(await ask.resolveMx('crowd.example')).toHaveLength(50);
});

test('TLSA records are answered as published', async () => {
  const { zone, ask } = await world();
  const certificate = Buffer.alloc(32, 7);
  zone.publish([
    {
      name: '_25._tcp.mx.secure.example',
      type: 'TLSA',
      data: { usage: 3, selector: 1, matchingType: 1, certificate },
    },
  ]);
  const [found] = await ask.resolveTlsa('_25._tcp.mx.secure.example');
  expect(found).toMatchObject({ certUsage: 3, selector: 1, match: 1 });
});
