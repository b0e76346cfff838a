/** Signing in at a smarthost, against a server that does as it is told. */
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { defaultProvider } from '../config/providers.ts';
import { DnsError, type Resolver } from '../core/dns.ts';
import { selfSigned } from '../core/tls.ts';
import { startSmarthost, type SmarthostScript } from '../lab/smarthost.ts';
import { connectSmarthost, type SmarthostFault } from './smarthost-connect.ts';
import type { SmarthostWay } from './smarthost.ts';

const NAME = 'relay.test';
const { key, cert } = await selfSigned(NAME, Date.now());
const other = await selfSigned('other.test', Date.now());
setDefaultCACertificates([...getCACertificates('default'), cert, other.cert]);

const dns = {
  a: async (name: string) => {
    if (name !== NAME) throw new DnsError('NXDOMAIN', name);
    return ['127.0.0.1'];
  },
  aaaa: async (name: string) => {
    throw new DnsError('NODATA', name);
  },
} as unknown as Resolver;

async function meet(script: Partial<SmarthostScript>, wanted: Partial<SmarthostWay> = {}) {
  const server = await startSmarthost({
    key,
    cert,
    tls: 'starttls',
    username: 'us',
    password: 'right',
    ...script,
  });
  onTestFinished(() => server.stop());
  const way: SmarthostWay = {
    id: 1,
    name: 'relay',
    host: NAME,
    port: server.port,
    tls: script.tls ?? 'starttls',
    verify: true,
    username: 'us',
    password: 'right',
    provider: defaultProvider,
    ...wanted,
  };
  const result = await connectSmarthost(way, { dns, ehlo: 'us.test', record: true }).then(
    (session) => ({ session, fault: undefined }),
    (fault: SmarthostFault) => ({ session: undefined, fault }),
  );
  onTestFinished(() => result.session?.destroy());
  return { server, ...result };
}

test.each(['implicit', 'starttls'] as const)('with TLS (%s) it signs in and may send', async (tls) => {
  const { session, fault } = await meet({ tls });
  expect(fault).toBeUndefined();
  expect(session?.isUsable).toBe(true);
  expect(session?.tls).toMatchObject({ verified: true });
});

test('where PLAIN is not offered it signs in with LOGIN', async () => {
  const { session } = await meet({ mechanisms: ['LOGIN'] });
  expect(session?.transcript().join('\n')).toMatch(/AUTH LOGIN/);
  expect(session?.isUsable).toBe(true);
});

test('no transcript has the password', async () => {
  for (const mechanisms of [['PLAIN'], ['LOGIN']]) {
    const { session } = await meet({ mechanisms });
    const text = session?.transcript().join('\n') ?? '';
    expect(text).toMatch(/secret/);
    expect(text).not.toContain(Buffer.from('right').toString('base64').slice(0, 6));
    expect(text).not.toContain(Buffer.from('\0us\0right').toString('base64'));
  }
});

test.each<[string, Partial<SmarthostScript>, Partial<SmarthostWay>, string, RegExp, boolean]>([
  ['a wrong password', {}, { password: 'wrong' }, 'auth', /^535 5\.7\.8 Username and password/, false],
  [
    'a server that cannot check passwords now',
    { authRefusal: { code: 454, text: '4.7.0 Temporary authentication failure' } },
    {},
    'auth',
    /^454 4\.7\.0/,
    true,
  ],
  [
    'a server without TLS where TLS is asked for',
    { tls: 'none' },
    { tls: 'starttls' },
    'tls',
    /does not offer STARTTLS/,
    false,
  ],
  ['a certificate for another name', other, {}, 'tls', /certificate of relay\.test is not right/, false],
  [
    'a certificate for another name, TLS from the start',
    { ...other, tls: 'implicit' },
    {},
    'tls',
    /TLS with relay\.test failed: .*altnames/i,
    false,
  ],
  [
    'a server that does not speak TLS from the start',
    { tls: 'none' },
    { tls: 'implicit' },
    'tls',
    /TLS with relay\.test failed/,
    false,
  ],
  ['a server that knows no sign-in', { mechanisms: [] }, {}, 'auth', /offers no sign-in/, false],
  ['a name that is not in the DNS', {}, { host: 'gone.test' }, 'dns', /there is no host gone\.test/, true],
  ['a closed port', {}, { port: 1 }, 'connect', /no connection: .*ECONNREFUSED/, true],
])(
  '%s: the step and its words are told, and nothing is sent',
  async (_, script, way, step, words, temporary) => {
    const { server, session, fault } = await meet(script, way);
    expect(session).toBeUndefined();
    expect(fault).toMatchObject({ step, isTemporary: temporary });
    expect(fault?.message).toMatch(words);
    expect(server.taken).toEqual([]);
    if (step === 'tls') expect(server.signIns).toBe(0);
  },
);

test('in clear, or without a look at the certificate, only on this machine', async () => {
  const far = {
    ...dns,
    a: async () => ['192.0.2.7'],
  } as unknown as Resolver;
  const way: SmarthostWay = {
    id: 1,
    name: 'relay',
    host: NAME,
    port: 1,
    tls: 'none',
    verify: true,
    username: 'us',
    password: 'right',
    provider: defaultProvider,
  };
  for (const wanted of [way, { ...way, tls: 'starttls' as const, verify: false }])
    await expect(connectSmarthost(wanted, { dns: far, ehlo: 'us.test' })).rejects.toMatchObject({
      step: 'settings',
    });
  const { session } = await meet({ tls: 'none' }, { tls: 'none' });
  expect(session?.isUsable).toBe(true);
});
