/* oxlint-disable unicorn/no-useless-spread -- one spread a line keeps what belongs together together */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { connect, targetsOf } from './connect.ts';
import type { ConnectOptions, Connected } from './connect.ts';
import { BrokenTls, tlsPolicyFor } from './policy.ts';
import { providerById } from '../config/providers.ts';
import { scripted } from './testing.ts';
import type { Scripted, Step } from './testing.ts';

const DAY = 24 * 3_600_000;
const clear: Step[] = ['< 220 hi', '> EHLO us.test', '< 250-mx.test\r\n250 PIPELINING', '> *'];
const secure: Step[] = [
  '< 220 hi',
  '> EHLO us.test',
  '< 250-mx.test\r\n250 STARTTLS',
  '> STARTTLS',
  '< 220 go',
];
const withTls: Step[] = [...secure, '!tls', '> EHLO us.test', '< 250 mx.test'];
const broken: Step[] = [...secure, Buffer.from('no handshake here\r\n'), '!close'];

const servers: Scripted[] = [];
const opened: Connected[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) if (one.kind === 'session') one.session.destroy();
  for (const server of servers.splice(0)) await server.close();
});

async function serve(...scripts: Step[][]): Promise<Scripted> {
  const server = await scripted(...scripts);
  servers.push(server);
  return server;
}

async function dial(
  port: number,
  over: Partial<ConnectOptions> = {},
  address = '127.0.0.1',
): Promise<Connected> {
  const result = await connect(
    { host: 'mx.test', address, port },
    {
      ehlo: 'us.test',
      policy: { kind: 'opportunistic' },
      brokenTls: new BrokenTls(),
      now: 0,
      allowPrivateTargets: true,
      ...over,
    },
  );
  opened.push(result);
  return result;
}

const tlsOf = (result: Connected) =>
  result.kind === 'session' ? (result.session.tls?.protocol ?? 'clear') : result.kind;

test('TLS is used where it is offered and works', async () => {
  const server = await serve(withTls, clear);
  expect(tlsOf(await dial(server.port))).toBe('TLSv1.3');
  expect(tlsOf(await dial(server.port))).toBe('clear');
});

test('opportunistic: a failed handshake is tried once more in clear, and then not again for three days', async () => {
  const server = await serve(broken, clear, clear, withTls);
  const brokenTls = new BrokenTls();
  expect(tlsOf(await dial(server.port, { brokenTls, now: 0 }))).toBe('clear');
  expect(server.connections).toBe(2);
  expect(tlsOf(await dial(server.port, { brokenTls, now: 3 * DAY - 1 }))).toBe('clear');
  expect(server.connections).toBe(3);
  expect(tlsOf(await dial(server.port, { brokenTls, now: 3 * DAY }))).toBe('TLSv1.3');
});

test('required: never in clear, whatever was remembered', async () => {
  const server = await serve(broken, clear);
  const brokenTls = new BrokenTls();
  brokenTls.remember('mx.test', 0);
  const policy = tlsPolicyFor(providerById('google'));
  expect(policy).toEqual({ kind: 'required', by: 'Gmail and Google Workspace' });
  expect(await dial(server.port, { policy, brokenTls })).toMatchObject({
    kind: 'dropped',
    stage: 'starttls',
  });
  expect(await dial(server.port, { policy, brokenTls })).toMatchObject({
    kind: 'refused',
    stage: 'starttls',
    local: true,
  });
  expect(server.connections).toBe(2);
  expect(server.heard.join()).not.toContain('MAIL');
});

test('targets that lead inside are not dialled unless the lab allows it', async () => {
  const server = await serve(clear);
  for (const address of ['127.0.0.1', '10.0.0.1', '::1', '::ffff:127.0.0.1', '169.254.169.254']) {
    const result = await dial(server.port, { allowPrivateTargets: false }, address);
    expect(result).toMatchObject({ kind: 'dropped', stage: 'connect', dotSent: false });
  }
  expect(server.connections).toBe(0);
});

test('a closed port is a fault of the target, an address that is not ours a fault of the source', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const refused = await dial(port);
  expect(refused).toMatchObject({ kind: 'dropped', stage: 'connect', error: { code: 'ECONNREFUSED' } });
  expect(refused).not.toHaveProperty('sourceFault');
  const live = await serve(clear);
  expect(await dial(live.port, { localAddress: '127.0.0.1' }, '::1')).not.toHaveProperty('sourceFault');
  expect(await dial(live.port, { localAddress: '192.0.2.77' })).toMatchObject({
    kind: 'dropped',
    sourceFault: true,
  });
});

test('a connection leaves from the source that it is for', async () => {
  let from = '';
  const server = await serve([(peer) => void (from = peer.socket.remoteAddress ?? ''), ...clear]);
  await dial(server.port, { localAddress: '127.0.0.5' });
  expect(from.replace('::ffff:', '')).toBe('127.0.0.5');
});

test('addresses are tried in the route’s order, of the family of the source', () => {
  const hosts = [
    { name: 'a.test', addresses: ['2606:4700::1', '1.1.1.1'], port: 25 },
    { name: 'b.test', addresses: ['1.1.1.2'], port: 25 },
  ];
  const addresses = (local: string) => targetsOf(hosts, local).map((target) => target.address);
  expect(addresses('')).toEqual(['2606:4700::1', '1.1.1.1', '1.1.1.2']);
  expect(addresses('192.0.2.1')).toEqual(['1.1.1.1', '1.1.1.2']);
  expect(addresses('2001:db8::1')).toEqual(['2606:4700::1']);
});

test('who refuses us at the greeting, or cannot be reached, leaves a transcript all the same', async () => {
  const server = await serve(['< 554 5.7.1 not from you']);
  const refused = await dial(server.port, { record: true });
  expect(refused).toMatchObject({
    kind: 'refused',
    spoke: {
      host: 'mx.test',
      remote: `127.0.0.1:${server.port}`,
      transcript: [`mx.test 127.0.0.1:${server.port}`, '< 554 5.7.1 not from you'],
    },
  });
  const [first, second] = targetsOf([
    { name: 'mx1.test', addresses: ['127.0.0.1'], port: 1 },
    { name: 'mx2.test', addresses: ['127.0.0.1'], port: 1 },
  ]);
  const options = {
    ehlo: 'us.test',
    policy: { kind: 'opportunistic' },
    brokenTls: new BrokenTls(),
    now: 0,
    allowPrivateTargets: true,
  } as const;
  await connect(first!, options);
  const last = await connect(second!, options);
  expect(last.kind === 'dropped' && last.spoke?.transcript.join('\n')).toMatch(
    /^mx1\.test 127\.0\.0\.1:1\nconnect ECONNREFUSED.*\nmx2\.test 127\.0\.0\.1:1\nconnect ECONNREFUSED/,
  );
});
