import { expect, test } from 'vitest';
import { DnsError, type Resolver } from '../dns.ts';
import { examineSource, isOfThisMachine } from './source-check.ts';

const answer = (records: string[] | 'NXDOMAIN' | 'SERVFAIL') => async (name: string) => {
  if (typeof records === 'string') throw new DnsError(records, name);
  return records;
};
const dns = (ptr: string[] | 'NXDOMAIN' | 'SERVFAIL', forward: string[] | 'NXDOMAIN' | 'SERVFAIL') =>
  ({ ptr: answer(ptr), a: answer(forward), aaaa: answer(forward) }) as unknown as Resolver;

const said = async (ip: string, world: Resolver, local = true) =>
  (await examineSource(world, { ip, ehlo: 'mail.example.com' }, async () => local))
    .map((tick) => tick.status)
    .join(' ');

test.each<[string, string, Resolver, boolean, string]>([
  ['all agree', '11.0.0.1', dns(['Mail.Example.Com.'], ['11.0.0.1']), true, 'ok ok ok'],
  ['the same for IPv6', '2a00::5', dns(['mail.example.com'], ['2a00::5']), true, 'ok ok ok'],
  ['another name', '11.0.0.1', dns(['host7.isp.example'], ['11.0.0.1']), true, 'ok wrong ok'],
  ['no PTR', '11.0.0.1', dns('NXDOMAIN', ['11.0.0.1']), true, 'ok missing ok'],
  ['the name leads elsewhere', '11.0.0.1', dns(['mail.example.com'], ['11.0.0.9']), true, 'ok ok wrong'],
  ['the name leads nowhere', '11.0.0.1', dns(['mail.example.com'], 'NXDOMAIN'), true, 'ok ok missing'],
  ['the DNS is silent', '11.0.0.1', dns('SERVFAIL', 'SERVFAIL'), true, 'ok unknown unknown'],
  [
    'an address of another machine',
    '11.0.0.1',
    dns(['mail.example.com'], ['11.0.0.1']),
    false,
    'wrong ok ok',
  ],
  ['an address inside', '10.0.0.1', dns('NXDOMAIN', 'NXDOMAIN'), true, 'ok private private'],
  ['no address at all', '', dns('NXDOMAIN', 'NXDOMAIN'), true, ''],
])('%s', async (_, ip, world, local, expected) => expect(await said(ip, world, local)).toBe(expected));

test('loopback is of this machine and a documentation address is not', async () => {
  expect(await isOfThisMachine('127.0.0.1')).toBe(true);
  expect(await isOfThisMachine('192.0.2.1')).toBe(false);
});
