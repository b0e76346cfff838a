import { X509Certificate } from 'node:crypto';
import { createServer, connect } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { selfSigned } from './tls.ts';

test('the self-signed certificate is one that Node serves and a client can check', async () => {
  const now = Date.now();
  const made = await selfSigned('mx.parley.test', now);
  const read = new X509Certificate(made.cert);
  expect(read.checkHost('mx.parley.test')).toBe('mx.parley.test');
  expect(read.verify(read.publicKey)).toBe(true);
  expect(Date.parse(read.validFrom)).toBeLessThan(now);
  expect(Date.parse(read.validTo)).toBeGreaterThan(now + 9 * 365 * 24 * 3_600_000);

  const server = createServer(made, (socket) => socket.end('hello'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const heard = await new Promise<string>((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', servername: 'mx.parley.test', ca: made.cert });
    socket.on('error', reject);
    socket.on('data', (bytes) => resolve(bytes.toString()));
  });
  server.close();
  expect(heard).toBe('hello');
});
