/** Mail of the lab survives a receiver that is down, busy or rude. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { dotted, unstuffed } from './dots.ts';
import { Post } from './post.ts';
import { Zone } from './zone.ts';

let server: Server | undefined;
let post: Post | undefined;
const sockets = new Set<Socket>();
afterEach(() => {
  post?.stop();
  for (const socket of sockets) socket.destroy();
  server?.close();
});

const MAIL = {
  returnPath: 'ann@gmail.com',
  to: 'shop@shop.example',
  raw: Buffer.from('Subject: x\r\n\r\n.dot\r\n'),
  from: { host: 'mail.google.test', address: '127.20.1.1' },
};

/** A receiver that answers each command by a table, and keeps what it was told. */
async function receiver(answers: (verb: string, nth: number) => string | null, port = 0): Promise<string[]> {
  const heard: string[] = [];
  const counts = new Map<string, number>();
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    heard.push(`from ${socket.remoteAddress}`);
    socket.write('220 in.shop.example\r\n');
    let inData = false;
    socket.on('data', (chunk) => {
      const text = chunk.toString();
      heard.push(text);
      const verb = inData ? '.' : text.slice(0, 4).trim().toUpperCase();
      inData = false;
      const nth = (counts.get(verb) ?? 0) + 1;
      counts.set(verb, nth);
      const answer = answers(verb, nth);
      if (answer === null) return socket.destroy();
      inData = answer.startsWith('354');
      socket.write(`${answer}\r\n`);
    });
  });
  await new Promise<void>((resolve) => server?.listen(port, '127.0.0.1', resolve));
  return heard;
}

function poster(port: number, attempts = 20): Post {
  const zone = new Zone();
  zone.publish([
    { name: 'shop.example', type: 'MX', data: { preference: 10, exchange: 'in.shop.example' } },
    { name: 'in.shop.example', type: 'A', data: '127.0.0.1' },
  ]);
  const clock = systemClock({ speed: 6000 });
  post = new Post({ zone, clock, port, attempts, retryMs: 120_000, connectionsPerHost: 1 });
  return post;
}

const portOf = () => (server!.address() as AddressInfo).port;
const polite = (verb: string) => (verb === 'DATA' ? '354 go' : '250 ok');

test('a mail goes from the address of its provider, with its dots doubled', async () => {
  const heard = await receiver(polite);
  expect(await poster(portOf()).send(MAIL)).toMatchObject({ kind: 'accepted', code: 250, attempts: 1 });
  expect(heard[0]).toBe('from 127.20.1.1');
  expect(heard.slice(1, 6)).toEqual([
    'EHLO mail.google.test\r\n',
    'MAIL FROM:<ann@gmail.com>\r\n',
    'RCPT TO:<shop@shop.example>\r\n',
    'DATA\r\n',
    'Subject: x\r\n\r\n..dot\r\n.\r\n',
  ]);
});

const hardships: readonly (readonly [
  string,
  (verb: string, nth: number) => string | null,
  string,
  number,
])[] = [
  [
    '451 at RCPT twice',
    (verb, nth) => (verb === 'RCPT' && nth < 3 ? '451 busy' : polite(verb)),
    'accepted',
    3,
  ],
  [
    '421 at MAIL once',
    (verb, nth) => (verb === 'MAIL' && nth < 2 ? '421 later' : polite(verb)),
    'accepted',
    2,
  ],
  ['452 after the dot', (verb, nth) => (verb === '.' && nth < 2 ? '452 disk' : polite(verb)), 'accepted', 2],
  [
    'a cut instead of the last answer',
    (verb, nth) => (verb === '.' && nth < 2 ? null : polite(verb)),
    'accepted',
    2,
  ],
  ['550 at RCPT', (verb) => (verb === 'RCPT' ? '550 no such user' : polite(verb)), 'refused', 1],
  ['554 after the dot', (verb) => (verb === '.' ? '554 no' : polite(verb)), 'refused', 1],
  ['451 for ever', (verb) => (verb === 'MAIL' ? '451 busy' : polite(verb)), 'given-up', 20],
];

test.each(hardships)('%s', async (_, answers, kind, attempts) => {
  await receiver(answers);
  expect(await poster(portOf()).send(MAIL)).toMatchObject({ kind, attempts });
});

test('a receiver that is down is waited for', async () => {
  await receiver(polite);
  const port = portOf();
  await new Promise((resolve) => server?.close(resolve));
  const sending = poster(port, 1000).send(MAIL);
  await receiver(polite, port);
  expect((await sending).kind).toBe('accepted');
});

test('dots are doubled and halved again', () => {
  const raw = Buffer.from('.first\r\n..second\r\n.\r\nlast\r\n');
  const wire = dotted(raw);
  expect(wire.toString()).toBe('..first\r\n...second\r\n..\r\nlast\r\n.\r\n');
  const back = unstuffed(Buffer.concat([Buffer.from('\r\n'), wire.subarray(0, -3)])).subarray(2);
  expect(back.toString()).toBe(raw.toString());
});
