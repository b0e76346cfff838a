/** The proxy spoils connections as it was told, and leaves the rest alone. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listenOn } from './listen.ts';
import { startProxy, type Proxy, type ProxyOptions } from './proxy.ts';

let echo: Server;
let heard = '';
let proxy: Proxy | undefined;
let target: ProxyOptions['target'];
const sockets = new Set<Socket>();

beforeEach(async () => {
  heard = '';
  echo = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      heard += chunk.toString();
      socket.write(chunk);
    });
  });
  target = { host: '127.0.0.1', port: await listenOn(echo, '127.0.0.1', 0) };
});

afterEach(async () => {
  await proxy?.stop();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await new Promise((resolve) => echo.close(resolve));
});

async function dial(options: Omit<ProxyOptions, 'target'>): Promise<Socket> {
  proxy = await startProxy({ target, ...options });
  const socket = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
  sockets.add(socket);
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  return socket;
}

const chunk = (socket: Socket) =>
  new Promise<string>((resolve) => socket.once('data', (data) => resolve(data.toString())));
const closed = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()));

test('with nothing to spoil, bytes pass both ways', async () => {
  const socket = await dial({});
  socket.write('hello');
  expect(await chunk(socket)).toBe('hello');
  expect(proxy?.connections()).toBe(1);
});

test('a delay costs twice its span for a round trip, and keeps order', async () => {
  const socket = await dial({ delayMs: 25 });
  const start = performance.now();
  socket.write('a');
  socket.write('b');
  let text = '';
  while (text.length < 2) text += await chunk(socket);
  expect(text).toBe('ab');
  expect(performance.now() - start).toBeGreaterThanOrEqual(48);
});

test('after so many bytes from the client both ends are cut, and no more than those pass', async () => {
  const socket = await dial({ dropAfter: { fromClient: 5 } });
  const end = closed(socket);
  socket.write('hello, world');
  await end;
  expect('hello'.startsWith(heard)).toBe(true);
});

test('after so many bytes from the target both ends are cut', async () => {
  const socket = await dial({ dropAfter: { fromTarget: 3 } });
  let text = '';
  socket.on('data', (data) => (text += data.toString()));
  const end = closed(socket);
  socket.write('hello');
  await end;
  expect('hel'.startsWith(text)).toBe(true);
  expect(heard).toBe('hello');
});

test('a half-open peer takes the connection and is silent; cutting it is seen', async () => {
  const socket = await dial({ halfOpen: true });
  const end = closed(socket);
  socket.write('hello');
  proxy?.cut();
  await end;
  expect(heard).toBe('');
});
