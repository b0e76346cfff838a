/** What a connection to port 25 may say beyond the plain letter: extensions, encryption, bad manners, the house closing. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { SMTPServer } from 'smtp-server';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { silentLog } from '../core/log.ts';
import { selfSigned } from '../core/tls.ts';
import { stream } from '../lab/random.ts';
import { Doorkeeper } from './admission.ts';
import { listen, type Listener, type ListenerOptions } from './listener.ts';
import { FROM_DOMAIN, Wire } from './testing.ts';

const TO = `support@${FROM_DOMAIN}`;
let certificate: { key: string; cert: string };
beforeAll(async () => {
  certificate = await selfSigned('mx.shop.example', Date.now());
});

interface House {
  listener: Listener;
  port: number;
  kept: { text: string; tls: string; rcptTo: string[]; mailFrom: string }[];
}

async function start(changes: Partial<ListenerOptions> = {}): Promise<House> {
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-listen-'));
  const kept: House['kept'] = [];
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    hostname: 'mx.shop.example',
    maxSize: 64 * 1024,
    greetingDelayMs: 0,
    ...certificate,
    dataDir,
    doorkeeper: new Doorkeeper({ connections: 50, connectionsPerAddress: 50, connectionsPerMinute: 1000 }),
    judge: async (address) =>
      address.endsWith(`@${FROM_DOMAIN}`) && !address.startsWith('nobody')
        ? { kind: 'accept', address: address.toLowerCase(), why: 'mailbox' }
        : { kind: 'refuse', why: 'unknown' },
    keep: async ({ tls, rcptTo, mailFrom }, spool) => {
      await spool.keep();
      kept.push({ text: spool.head.toString('latin1'), tls, rcptTo, mailFrom });
      return kept.length;
    },
    log: silentLog,
    ...changes,
  });
  onTestFinished(async () => {
    await listener.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return { listener, port: listener.port, kept };
}

async function greeted(port: number): Promise<Wire> {
  const wire = await Wire.open(port);
  await wire.reply();
  await wire.say('EHLO mx.remote.example');
  return wire;
}

const replies = async (wire: Wire, count: number) => {
  const all: string[] = [];
  while (all.length < count) all.push(await wire.reply());
  return all.map((reply) => reply.slice(0, 9).trim());
};

// RFC 3030
test('a message may come in chunks, by count and without dots', async () => {
  const { port, kept } = await start();
  const wire = await greeted(port);
  wire.write(`MAIL FROM:<ana@remote.example>\r\nRCPT TO:<${TO}>\r\n`);
  wire.write('BDAT 14\r\nSubject: hi\r\n\r');
  wire.write('BDAT 10 LAST\r\n\n.\r\nQUIT\r\n');
  expect(await replies(wire, 4)).toEqual(['250 2.1.0', '250 2.1.5', '250 2.0.0', '250 2.6.0']);
  expect(kept[0]?.text).toBe('Subject: hi\r\n\r\n.\r\nQUIT\r\n');
  expect(await wire.say('NOOP')).toMatch(/^250/);
});

test.each([
  ['a bare line feed', 'BDAT 4 LAST\r\na\nb\n', ['550 5.5.2']],
  ['a NUL', 'BDAT 3 LAST\r\na\0b', ['550 5.6.0']],
  [
    'a fault in the first chunk, and a second one on its way',
    'BDAT 2\r\na\nBDAT 2 LAST\r\nbc',
    ['550 5.5.2', '503 5.5.1'],
  ],
  ['DATA after a chunk', 'BDAT 2\r\nabDATA\r\n', ['250 2.0.0', '503 5.5.1']],
  ['RCPT after a chunk', `BDAT 2\r\nabRCPT TO:<${TO}>\r\n`, ['250 2.0.0', '503 5.5.1']],
  ['too much', `BDAT 70000 LAST\r\n${'x'.repeat(70_000)}`, ['552 5.3.4']],
])('in chunks, %s is refused and the session goes on', async (_, sent, answers) => {
  const { port, kept } = await start();
  const wire = await greeted(port);
  await wire.say('MAIL FROM:<ana@remote.example>');
  await wire.say(`RCPT TO:<${TO}>`);
  wire.write(sent);
  expect(await replies(wire, answers.length)).toEqual(answers);
  expect(await wire.say('RSET')).toMatch(/^250/);
  expect(kept).toEqual([]);
});

test('a chunk for nobody is read and refused; one of unknown length ends the connection', async () => {
  const { port } = await start();
  const wire = await greeted(port);
  wire.write(
    `MAIL FROM:<a@remote.example>\r\nRCPT TO:<nobody@${FROM_DOMAIN}>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n`,
  );
  expect(await replies(wire, 4)).toEqual(['250 2.1.0', '550 5.1.1', '503 5.5.1', '250 2.0.0']);
  expect(await wire.say('BDAT many')).toMatch(/^501/);
  expect(await wire.isClosed()).toBe(true);
});

// RFC 2920
test('a whole session in one segment is answered in order', async () => {
  const { port, kept } = await start();
  const wire = await Wire.open(port);
  wire.write(
    `EHLO a.example\r\nMAIL FROM:<a@remote.example>\r\nRCPT TO:<nobody@${FROM_DOMAIN}>\r\nRCPT TO:<${TO}>\r\nRCPT TO:<${TO}>\r\nDATA\r\n`,
  );
  expect(await replies(wire, 7)).toEqual([
    '220 mx.sh',
    '250-mx.sh',
    '250 2.1.0',
    '550 5.1.1',
    '250 2.1.5',
    '250 2.1.5',
    '354 go on',
  ]);
  wire.write('x\r\n.\r\nMAIL FROM:<>\r\nQUIT\r\n');
  expect(await replies(wire, 3)).toEqual(['250 2.6.0', '250 2.1.0', '221 2.0.0']);
  expect(kept.map((one) => one.rcptTo)).toEqual([[TO]]);
});

test.each([
  ['MAIL FROM:<a@b.example>', '503 5.5.1', false],
  ['EHLO', '501 5.5.4', false],
  ['RCPT TO:<a@b.example>', '503 5.5.1', true],
  ['DATA', '503 5.5.1', true],
  ['MAIL FROM:a@b.example', '501 5.5.2', true],
  ['MAIL FROM:<a>', '501 5.1.7', true],
  ['MAIL FROM:<a@b.example> RET=FULL', '555 5.5.4', true],
  ['MAIL FROM:<a@b.example> SIZE=99999999999', '552 5.3.4', true],
  ['MAIL FROM:<a@b.example> SIZE=ten', '501 5.5.4', true],
  ['MAIL FROM:<a@b.example> BODY=BINARYMIME', '501 5.5.4', true],
  ['MAIL FROM:<josé@b.example>', '553 5.6.7', true],
  ['AUTH PLAIN AGEAYg==', '503 5.5.1', true],
  ['EXPN staff', '502 5.5.1', true],
  ['VRFY ana', '252 2.1.5', true],
  ['HELP', '214 2.0.0', true],
  ['STARTTLS now', '501 5.5.4', true],
  ['FROB', '500 5.5.2', true],
  [`NOOP ${'x'.repeat(3000)}`, '500 5.5.6', true],
  ['NOOP\nNOOP', '500 5.5.2', true],
])('%s is answered %s', async (line, answer, afterEhlo) => {
  const { port } = await start();
  const wire = afterEhlo ? await greeted(port) : await Wire.open(port);
  if (!afterEhlo) await wire.reply();
  expect((await wire.say(line)).slice(0, 9)).toBe(answer);
});

// RFC 6531
test('an address in UTF-8 is taken with SMTPUTF8', async () => {
  const { port, kept } = await start();
  const wire = await greeted(port);
  expect(await wire.say('MAIL FROM:<josé@remote.example> SMTPUTF8 BODY=8BITMIME')).toMatch(/^250/);
  expect(await wire.say(`RCPT TO:<zoé@${FROM_DOMAIN}>`)).toMatch(/^250/);
  await wire.say('DATA');
  expect(await wire.say('Subject: été\r\n\r\nx\r\n.')).toMatch(/^250/);
  expect(kept[0]).toMatchObject({ mailFrom: 'josé@remote.example', rcptTo: [`zoé@${FROM_DOMAIN}`] });
});

test('who speaks before a held greeting is refused; who waits is greeted', async () => {
  const { port } = await start({ greetingDelayMs: 30 });
  const hasty = await Wire.open(port);
  hasty.write('EHLO bot.example\r\n');
  expect(await hasty.reply()).toBe('554 5.5.1 you spoke before the greeting');
  expect(await hasty.isClosed()).toBe(true);
  expect(await (await Wire.open(port)).reply()).toMatch(/^220/);
});

test('a browser is sent away, and so is whoever makes twenty mistakes or only talks', async () => {
  const { port } = await start();
  const browser = await Wire.open(port);
  await browser.reply();
  expect(await browser.say('POST / HTTP/1.1\r\nHost: x')).toBe('421 4.7.0 this is a mail server');
  const clumsy = await greeted(port);
  for (let times = 0; times < 20; times++) expect(await clumsy.say('FROB')).toMatch(/^500/);
  expect(await clumsy.reply()).toBe('421 4.7.0 too many errors');
  const idle = await greeted(port);
  // EHLO was the first of 200.
  for (let times = 0; times < 199; times++) expect(await idle.say('NOOP')).toMatch(/^250/);
  expect(await idle.reply()).toBe('421 4.7.0 too many commands without a message');
});

test.each([
  ['between commands', ''],
  ['in the middle of a message', 'DATA\r\n'],
  ['in the middle of a chunk', 'BDAT 100\r\nabc'],
])('silence %s ends the connection and keeps nothing', async (_, sent) => {
  const { port, kept } = await start({ idleMs: 50 });
  const wire = await greeted(port);
  wire.write(`MAIL FROM:<a@remote.example>\r\nRCPT TO:<${TO}>\r\n${sent}`);
  expect(await replies(wire, 2)).toEqual(['250 2.1.0', '250 2.1.5']);
  if (sent.startsWith('DATA')) await wire.reply();
  expect(await wire.reply()).toBe('421 4.4.2 nothing came for too long');
  expect(await wire.isClosed()).toBe(true);
  expect(kept).toEqual([]);
});

test('with too little room, or too much mail waiting, MAIL hears 452 and mail is taken again afterwards', async () => {
  let pressure: { code: 452; text: string } | undefined = {
    code: 452,
    text: '4.3.1 no room for mail now, try again later',
  };
  const { port } = await start({ pressure: () => pressure });
  const wire = await greeted(port);
  expect(await wire.say('MAIL FROM:<a@remote.example>')).toBe(
    '452 4.3.1 no room for mail now, try again later',
  );
  pressure = undefined;
  expect(await wire.say('MAIL FROM:<a@remote.example>')).toMatch(/^250/);
});

test('a house that closes says so to who is idle, and takes the message that is on its way', async () => {
  const { listener, port, kept } = await start();
  const idle = await greeted(port);
  const sending = await greeted(port);
  await sending.say('MAIL FROM:<a@remote.example>');
  await sending.say(`RCPT TO:<${TO}>`);
  await sending.say('DATA');
  const closed = listener.close();
  expect(await idle.reply()).toBe('421 4.3.2 the server closes, try again');
  expect(await sending.say('x\r\n.')).toMatch(/^250/);
  expect(await sending.reply()).toMatch(/^421 4\.3\.2/);
  await closed;
  expect(kept).toHaveLength(1);
});

/** A plain session up to STARTTLS, and the encrypted one behind it. */
async function encrypted(port: number): Promise<{ socket: TLSSocket; say(line: string): Promise<string> }> {
  const plain = connect({ host: '127.0.0.1', port });
  await once(plain, 'data');
  plain.write('EHLO a.example\r\nSTARTTLS\r\n');
  for (let text = ''; !text.includes('220 2.0.0');) text += String((await once(plain, 'data'))[0]);
  const socket = connectTls({ socket: plain, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  onTestFinished(() => void socket.destroy());
  return {
    socket,
    say: async (line) => {
      socket.write(`${line}\r\n`);
      return String((await once(socket, 'data'))[0]);
    },
  };
}

test('after STARTTLS the session begins anew, and the message remembers it', async () => {
  const { port, kept } = await start();
  const { say, socket } = await encrypted(port);
  expect(await say('MAIL FROM:<a@remote.example>')).toMatch(/^503/);
  expect(await say('EHLO a.example')).not.toContain('STARTTLS');
  expect(await say('STARTTLS')).toMatch(/^503/);
  await say('MAIL FROM:<a@remote.example>');
  await say(`RCPT TO:<${TO}>`);
  await say('DATA');
  expect(await say('x\r\n.')).toMatch(/^250/);
  expect(kept[0]?.tls).toBe(socket.getProtocol());
});

test('a new certificate is shown from the next STARTTLS on, and nobody is dropped', async () => {
  const { listener, port } = await start();
  const before = await encrypted(port);
  const renewed = await selfSigned('renewed.shop.example', Date.now());
  listener.renew(renewed);
  const after = await encrypted(port);
  expect(before.socket.getPeerCertificate().subject.CN).toBe('mx.shop.example');
  expect(after.socket.getPeerCertificate().subject.CN).toBe('renewed.shop.example');
  expect(await before.say('NOOP')).toMatch(/^250/);
  expect(() => listener.renew({ key: certificate.key, cert: renewed.cert })).toThrow();
  expect((await encrypted(port)).socket.getPeerCertificate().subject.CN).toBe('renewed.shop.example');
});

test('a client that is not able to do TLS after all leaves no connection behind', async () => {
  const { listener, port } = await start();
  const wire = await greeted(port);
  await wire.say('STARTTLS');
  wire.write('this is no handshake at all, not in the least\r\n');
  expect(await wire.isClosed()).toBe(true);
  await listener.close();
});

test('smtp-server and we read the same messages from the same octets', async () => {
  const { port, kept } = await start();
  const theirs: string[] = [];
  const peer = new SMTPServer({
    ...certificate,
    authOptional: true,
    disabledCommands: ['AUTH'],
    logger: false,
    disableReverseLookup: true,
    onData(data, _session, callback) {
      const pieces: Buffer[] = [];
      data.on('data', (piece: Buffer) => pieces.push(piece));
      data.on('end', () => {
        theirs.push(Buffer.concat(pieces).toString('latin1'));
        callback();
      });
    },
  });
  await new Promise<void>((resolve) => peer.listen(0, '127.0.0.1', () => resolve()));
  onTestFinished(() => new Promise<void>((resolve) => peer.close(() => resolve())));
  const address = peer.server.address();
  const random = stream(7);
  const lines = ['', '.', '..', '.x', 'x', 'Subject: é', '-'.repeat(900), '. '];
  const messages = Array.from({ length: 60 }, () =>
    Array.from(
      { length: 1 + Math.floor(random() * 12) },
      () => lines[Math.floor(random() * lines.length)] as string,
    ),
  );
  for (const one of [port, typeof address === 'object' ? (address?.port ?? 0) : 0]) {
    const wire = await greeted(one);
    for (const message of messages) {
      await wire.say('MAIL FROM:<a@remote.example>');
      await wire.say(`RCPT TO:<${TO}>`);
      await wire.say('DATA');
      const stuffed = message.map((line) => (line.startsWith('.') ? `.${line}` : line)).join('\r\n');
      expect(await wire.say(`${stuffed}\r\n.`)).toMatch(/^250/);
    }
  }
  expect(kept.map((one) => one.text)).toEqual(theirs);
});
