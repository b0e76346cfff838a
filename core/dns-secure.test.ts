import { createSocket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { startDns } from '../lab/dns.ts';
import { Zone } from '../lab/zone.ts';
import { createResolver, DnsError } from './dns.ts';
import { areLocal, secureResolver } from './dns-secure.ts';

async function asking(arrange: (zone: Zone) => void) {
  const zone = new Zone();
  arrange(zone);
  const server = await startDns(zone);
  onTestFinished(() => server.stop());
  return secureResolver([`127.0.0.1:${server.port}`], 300);
}

const tlsa = (name: string) =>
  ({
    name,
    type: 'TLSA',
    data: { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.alloc(32, 7) },
  }) as const;

test('a record of a proved zone comes with its proof, one of another without', async () => {
  const ask = await asking((zone) => {
    zone.publish([tlsa('_25._tcp.mx.proved.test'), tlsa('_25._tcp.mx.plain.test')]);
    zone.prove('proved.test');
  });
  const proved = await ask('_25._tcp.mx.proved.test', 'TLSA');
  expect(proved.secure).toBe(true);
  expect(proved.records[0]?.data).toMatchObject({ usage: 3, selector: 1, matchingType: 1 });
  expect((await ask('_25._tcp.mx.plain.test', 'TLSA')).secure).toBe(false);
});

test('the proof that there is no record is told from a mere absence', async () => {
  const ask = await asking((zone) => {
    zone.publish([{ name: 'mx.proved.test', type: 'A', data: '127.0.0.9' }]);
    zone.prove('proved.test');
  });
  expect(await ask('_25._tcp.mx.proved.test', 'TLSA')).toEqual({ secure: true, records: [] });
});

test('an answer cut short is fetched by TCP', async () => {
  const ask = await asking((zone) => {
    zone.publish(Array.from({ length: 100 }, () => tlsa('_25._tcp.big.test')));
    zone.prove('big.test');
  });
  const answer = await ask('_25._tcp.big.test', 'TLSA');
  expect(answer.records).toHaveLength(100);
  expect(answer.secure).toBe(true);
});

test.each([
  ['SERVFAIL', 'SERVFAIL'],
  ['timeout', 'TIMEOUT'],
] as const)('%s is no answer, so nothing is taken for unproved', async (fault, code) => {
  const ask = await asking((zone) => zone.fail('broken.test', fault));
  const failure = await ask('_25._tcp.broken.test', 'TLSA').catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(DnsError);
  expect(failure).toMatchObject({ code });
});

test('an answer with a wrong number or to another question is passed over', async () => {
  const server = createSocket('udp4');
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  server.on('message', (query, from) => {
    const reply = Buffer.from(query);
    reply[2] = 0x80;
    reply[3] = 0x20;
    const wrong = Buffer.from(reply);
    wrong.writeUInt16BE((query.readUInt16BE(0) + 1) & 0xffff);
    const other = Buffer.from(reply);
    other[13] = other[13]! ^ 1;
    for (const one of [wrong, other, Buffer.from('no dns'), reply]) server.send(one, from.port, from.address);
  });
  const ask = secureResolver([`127.0.0.1:${(server.address() as AddressInfo).port}`], 1000);
  expect(await ask('a.test', 'MX')).toEqual({ secure: true, records: [] });
});

test('the proof of a resolver elsewhere is believed only when the settings say so', () => {
  const secure = (servers: string[], trust_ad?: 'yes' | 'no') =>
    createResolver({ servers, timeout_ms: 10, ...(trust_ad && { trust_ad }) }).secure !== undefined;
  expect(secure(['127.0.0.1:53'])).toBe(true);
  expect(secure(['::1'])).toBe(true);
  expect(secure(['192.0.2.1'])).toBe(false);
  expect(secure(['127.0.0.1', '192.0.2.1'])).toBe(false);
  expect(secure(['192.0.2.1'], 'yes')).toBe(true);
  expect(secure(['127.0.0.1'], 'no')).toBe(false);
  expect(areLocal([])).toBe(false);
});
