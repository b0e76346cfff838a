/** A TLS session is taken up again with a host that gave a ticket, and never where something else was to be proved. */
import { createServer, type AddressInfo } from 'node:net';
import { createSecureContext, TLSSocket, type SecureVersion } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { connect, type Connected } from './connect.ts';
import { TlsClient } from './handshake.ts';
import { BrokenTls, type TlsPolicy } from './policy.ts';
import { testCertificate } from './testing.ts';

/** A server that gives tickets, whose key is one for all its connections. */
async function ticketed(maxVersion: SecureVersion): Promise<number> {
  const secureContext = createSecureContext({ ...(await testCertificate()), maxVersion });
  const server = createServer((socket) => {
    const hear = (line: TLSSocket | typeof socket, secure: boolean) => (bytes: Buffer) => {
      const text = bytes.toString();
      if (text.startsWith('EHLO')) line.write(secure ? '250 mx.test\r\n' : '250-mx.test\r\n250 STARTTLS\r\n');
      else if (text.startsWith('QUIT')) line.end('221 bye\r\n');
      else if (text.startsWith('STARTTLS')) {
        socket.removeAllListeners('data');
        socket.write('220 go\r\n');
        const under = new TLSSocket(socket, { isServer: true, secureContext });
        under.on('error', () => socket.destroy()).on('data', hear(under, true));
      }
    };
    socket.on('error', () => {}).on('data', hear(socket, false));
    socket.write('220 hi\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const opportunistic: TlsPolicy = { kind: 'opportunistic' };

async function dial(port: number, tlsClient: TlsClient, policy: TlsPolicy = opportunistic) {
  const one: Connected = await connect(
    { host: 'mx.test', address: '127.0.0.1', port },
    {
      ehlo: 'us.test',
      policy,
      brokenTls: new BrokenTls(),
      tlsClient,
      now: Date.now(),
      allowPrivateTargets: true,
    },
  );
  if (one.kind !== 'session') return one.kind === 'dropped' ? one.error.message : one.reply.text;
  const { tls } = one.session;
  await one.session.quit();
  return `${tls?.protocol}${tls?.resumed ? ' resumed' : ''}`;
}

test.each(['TLSv1.2', 'TLSv1.3'] as const)('a session of %s is taken up again', async (version) => {
  const port = await ticketed(version);
  const client = new TlsClient();
  expect(await dial(port, client)).toBe(version);
  expect(await dial(port, client)).toBe(`${version} resumed`);
  expect(await dial(port, client)).toBe(`${version} resumed`);
});

test('a ticket is of no use where more is to be proved than when it was given', async () => {
  const port = await ticketed('TLSv1.3');
  const client = new TlsClient();
  await dial(port, client);
  const verified: TlsPolicy = { kind: 'verified', by: 'MTA-STS' };
  expect(await dial(port, client, verified)).toMatch('the certificate of mx.test is not valid');
  // Nor is the refusal of one a reason to forget the other.
  expect(await dial(port, client)).toBe('TLSv1.3 resumed');
});

test('another client of the same machine has tickets of its own', async () => {
  const port = await ticketed('TLSv1.3');
  await dial(port, new TlsClient());
  expect(await dial(port, new TlsClient())).toBe('TLSv1.3');
});
