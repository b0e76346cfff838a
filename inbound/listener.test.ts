import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { silentLog } from '../core/log.ts';
import type { ReceivedEnvelope } from '../core/store/inbound.ts';
import { readRawMessage } from '../core/store/raw-message.ts';
import { selfSigned } from '../core/tls.ts';
import { Doorkeeper, type AdmissionLimits } from './admission.ts';
import { listen, type ListenerOptions } from './listener.ts';
import { keeper } from './keep.ts';
import { Recipients } from './recipient.ts';
import { FROM_DOMAIN, openHouse, Wire } from './testing.ts';

let certificate: { key: string; cert: string };
beforeAll(async () => {
  certificate = await selfSigned('mx.shop.example', Date.now());
});

interface Kept extends Omit<ReceivedEnvelope, 'rawHash' | 'size'> {
  text: string;
}

/** A listener that keeps messages in an array; only support@shop.example exists. */
async function start(changes: Partial<ListenerOptions> = {}, limits: Partial<AdmissionLimits> = {}) {
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-listen-'));
  const kept: Kept[] = [];
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    hostname: 'mx.shop.example',
    maxSize: 1024 * 1024,
    greetingDelayMs: 0,
    ...certificate,
    dataDir,
    doorkeeper: new Doorkeeper({
      connections: 50,
      connectionsPerAddress: 50,
      connectionsPerMinute: 1000,
      ...limits,
    }),
    judge: async (address) =>
      address === `support@${FROM_DOMAIN}`
        ? { kind: 'accept', address, why: 'mailbox' }
        : { kind: 'refuse', why: address.endsWith(FROM_DOMAIN) ? 'unknown' : 'relay' },
    keep: async (envelope, spool) => {
      await spool.keep();
      kept.push({ ...envelope, text: spool.head.toString('latin1') });
      return kept.length;
    },
    log: silentLog,
    ...changes,
  });
  onTestFinished(async () => {
    await listener.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return { port: listener.port, kept, dataDir };
}

/** What is held, without what only waits to be collected. */
function liveBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

const TO = `support@${FROM_DOMAIN}`;

test('a message for a mailbox of ours is taken, byte for byte, with its envelope', async () => {
  const { port, kept } = await start();
  const wire = await Wire.open(port);
  expect(await wire.reply()).toMatch(/^220 mx\.shop\.example ESMTP/);
  const ehlo = await wire.say('EHLO mx.remote.example');
  expect(ehlo).toContain('SIZE 1048576');
  expect(ehlo).toContain('STARTTLS');
  expect(ehlo).not.toContain('AUTH');
  expect(await wire.say('MAIL FROM:<ana@remote.example>')).toMatch(/^250/);
  expect(await wire.say(`RCPT TO:<${TO}>`)).toMatch(/^250/);
  expect(await wire.say('DATA')).toMatch(/^354/);
  expect(await wire.say('Subject: hi\r\n\r\n..dot\r\nlast\r\n.')).toBe('250 2.6.0 accepted as 1');
  expect(kept).toEqual([
    {
      mailFrom: 'ana@remote.example',
      rcptTo: [TO],
      remoteIp: '127.0.0.1',
      helo: 'mx.remote.example',
      tls: '',
      text: 'Subject: hi\r\n\r\n.dot\r\nlast\r\n',
    },
  ]);
  expect(await wire.say('QUIT')).toMatch(/^221/);
});

// reliability.md section 3: bad inputs 1 to 4 and 7.
test.each([
  ['LF dot LF', 'x\n.\nMAIL FROM:<evil@x.example>\r\n'],
  ['LF dot CR LF', 'x\n.\r\nMAIL FROM:<evil@x.example>\r\n'],
  ['CR dot CR', 'x\r.\rMAIL FROM:<evil@x.example>\r\n'],
  ['CR LF dot LF', 'x\r\n.\nMAIL FROM:<evil@x.example>\r\n'],
  ['a bare CR in a header', 'Subject: a\rBcc: b@x.example\r\n\r\nx\r\n.\r\n'],
  ['a bare LF in the body', 'Subject: a\r\n\r\none\ntwo\r\n.\r\n'],
])('%s is refused and the connection ends', async (_, data) => {
  const { port, kept } = await start();
  const wire = await Wire.open(port);
  expect(await wire.begin('ana@remote.example', TO)).toMatch(/^354/);
  wire.write(`Subject: x\r\n\r\n${data}`);
  wire.write('\r\n.\r\n');
  expect(await wire.reply()).toBe('550 5.5.2 lines must end with CR LF');
  expect(await wire.isClosed()).toBe(true);
  expect(kept).toEqual([]);
});

test('the end of a message may come in pieces', async () => {
  const { port, kept } = await start();
  const wire = await Wire.open(port);
  await wire.begin('ana@remote.example', TO);
  for (const piece of ['Subject: x\r', '\n\r\nbody\r\n', '.', '\r', '\n']) {
    wire.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await wire.reply()).toMatch(/^250/);
  expect(kept.map((one) => one.text)).toEqual(['Subject: x\r\n\r\nbody\r\n']);
});

test('a NUL is refused, not cut off', async () => {
  const { port, kept } = await start();
  const wire = await Wire.open(port);
  await wire.begin('ana@remote.example', TO);
  expect(await wire.say('Subject: x\r\n\r\na\u0000b\r\n.')).toBe('550 5.6.0 a message holds no NUL');
  expect(kept).toEqual([]);
  // The session goes on.
  expect(await wire.say('NOOP')).toMatch(/^250/);
});

// reliability.md section 3: bad inputs 14 to 23, the open relay set.
test.each([
  'x@external.example',
  'x%external.example@shop.example',
  '"x@external.example"@shop.example',
  '@shop.example:x@external.example',
  'external.example!x@shop.example',
  'x@[127.0.0.1]',
  'x',
  'x@shop.example@external.example',
])('RCPT TO:<%s> is refused', async (address) => {
  const house = await openHouse();
  const recipients = new Recipients(house.store.read, house.tokens);
  const { port, kept } = await start({ judge: (one) => recipients.judge(one, house.clock.now()) });
  const wire = await Wire.open(port);
  expect(await wire.begin(`support@${FROM_DOMAIN}`, address)).toMatch(/^5(?:01|50|53) 5\.(?:1\.1|1\.3|7\.1)/);
  expect(await wire.say('DATA')).toMatch(/^503/);
  expect(kept).toEqual([]);
});

test('our own addresses are accepted: mailboxes, roles, tokens; a token changed by a letter is not', async () => {
  const house = await openHouse();
  const recipients = new Recipients(house.store.read, house.tokens);
  const sent = await house.delivery('ana@remote.example');
  const judge = async (address: string) => {
    const verdict = await recipients.judge(address, house.clock.now());
    return `${verdict.kind} ${verdict.why}`;
  };
  const changed = sent.returnPath.replace(/.@/, (end) => (end === '0@' ? '1@' : '0@'));
  for (const [address, expected] of [
    [`Support@${FROM_DOMAIN}`, 'accept mailbox'],
    ['postmaster', 'accept role'],
    [`postmaster@${FROM_DOMAIN}`, 'accept role'],
    ['ABUSE@bounce.shop.example', 'accept role'],
    ['abuse@reply.shop.example', 'accept role'],
    [sent.returnPath, 'accept token'],
    [sent.returnPath.toUpperCase(), 'accept token'],
    [sent.replyTo, 'accept token'],
    [sent.unsubscribe, 'accept token'],
    [changed, 'refuse forged-token'],
    [sent.returnPath.replace('bounce.', 'reply.'), 'refuse forged-token'],
    [`nobody@${FROM_DOMAIN}`, 'refuse unknown'],
    // Where the host that keeps the mailbox forwards to.
    ['support@reply.shop.example', 'accept mailbox'],
    ['nobody@reply.shop.example', 'refuse unknown'],
    ['support@bounce.shop.example', 'refuse unknown'],
    ['support@elsewhere.example', 'refuse relay'],
  ] as const)
    expect([address, await judge(address)]).toEqual([address, expected]);
});

test('a bounce for two of ours is one message', async () => {
  const { port, kept } = await start();
  const wire = await Wire.open(port);
  await wire.begin('', TO);
  expect(await wire.say('Subject: x\r\n\r\nx\r\n.')).toMatch(/^250/);
  expect(kept[0]?.mailFrom).toBe('');
});

test('unknown recipients are slowed down and, after twenty, sent away', async () => {
  const { port } = await start();
  const wire = await Wire.open(port);
  await wire.begin('ana@remote.example', `u0@${FROM_DOMAIN}`);
  const doorkeeper = new Doorkeeper({ connections: 1, connectionsPerAddress: 1, connectionsPerMinute: 1 });
  const answers = Array.from({ length: 20 }, () => doorkeeper.unknownRecipient('192.0.2.1', 1000));
  expect(answers.slice(0, 5).map((answer) => answer.waitMs)).toEqual([0, 0, 0, 250, 500]);
  expect(answers.findIndex((answer) => answer.hangUp)).toBe(19);
  doorkeeper.arrive('192.0.2.2', 1000);
  doorkeeper.leave('192.0.2.2');
  expect(doorkeeper.arrive('192.0.2.1', 2000)).toMatchObject({ kind: 'refuse' });
});

test('a trusted forwarder has no limits by its address, only the one for all', () => {
  const limits = { connections: 3, connectionsPerAddress: 1, connectionsPerMinute: 1 };
  const doorkeeper = new Doorkeeper(limits, (ip) => ip === '46.105.1.1');
  const arrivals = Array.from({ length: 4 }, () => doorkeeper.arrive('46.105.1.1', 1000).kind);
  expect(arrivals).toEqual(['admit', 'admit', 'admit', 'refuse']);
  const answers = Array.from({ length: 30 }, () => doorkeeper.unknownRecipient('46.105.1.1', 1000));
  expect(answers.every((answer) => answer.waitMs === 0 && !answer.hangUp)).toBe(true);
});

test('too many connections from one address hear 421', async () => {
  const { port } = await start({}, { connectionsPerAddress: 1 });
  const first = await Wire.open(port);
  expect(await first.reply()).toMatch(/^220/);
  const second = await Wire.open(port);
  expect(await second.reply()).toBe('421 4.7.0 too many connections from your address');
  expect(await second.isClosed()).toBe(true);
});

test('a message that says it is too large is refused at MAIL', async () => {
  const { port } = await start();
  const wire = await Wire.open(port);
  await wire.reply();
  await wire.say('EHLO mx.remote.example');
  expect(await wire.say('MAIL FROM:<ana@remote.example> SIZE=10737418240')).toMatch(/^552 5\.3\.4/);
});

test('100 MB that were not announced are read on, thrown away and refused; memory stays flat', async () => {
  const { port, kept, dataDir } = await start();
  const wire = await Wire.open(port);
  await wire.begin('ana@remote.example', TO);
  const line = Buffer.from(`${'x'.repeat(998)}\r\n`);
  const block = Buffer.concat(Array.from({ length: 1000 }, () => line));
  wire.write('Subject: large\r\n\r\n');
  const before = liveBytes();
  let most = 0;
  for (let sent = 0; sent < 100; sent++) {
    if (!wire.write(block)) await wire.drained();
    if (sent % 10 === 9) most = Math.max(most, liveBytes());
  }
  expect(await wire.say('.')).toMatch(/^552 5\.3\.4/);
  expect(most - before).toBeLessThan(20 * 1024 * 1024);
  expect(kept).toEqual([]);
  expect(readdirSync(join(dataDir, 'raw', 'incoming'))).toEqual([]);
  expect(await wire.say('NOOP')).toMatch(/^250/);
});

test('a message over 256 KiB lies in a file, whole, and a smaller one in its row', async () => {
  const house = await openHouse();
  const { port } = await start({
    dataDir: house.rt.config.data_dir,
    keep: keeper(house.rt),
  });
  const wire = await Wire.open(port);
  const body = `${'y'.repeat(900)}\r\n`.repeat(500);
  for (const text of [`Subject: large\r\n\r\n${body}`, 'Subject: small\r\n\r\nx\r\n']) {
    if (text.includes('large')) await wire.begin('ana@remote.example', TO);
    else {
      await wire.say('MAIL FROM:<ana@remote.example>');
      await wire.say(`RCPT TO:<${TO}>`);
      await wire.say('DATA');
    }
    expect(await wire.say(`${text}.`)).toMatch(/^250/);
    const row = await house.store.read
      .selectFrom('inbound')
      .select('raw_hash')
      .orderBy('id', 'desc')
      .executeTakeFirstOrThrow();
    const raw = await readRawMessage(house.store.read, house.rt.config.data_dir, row.raw_hash);
    expect(raw?.toString()).toBe(text);
  }
  const kinds = await house.store.read.selectFrom('raw_message').select('encoding').orderBy('size').execute();
  expect(kinds.map((row) => row.encoding)).toEqual(['deflate', 'file']);
});

test('250 is written after the commit, never before', async () => {
  const house = await openHouse();
  const order: string[] = [];
  const write = house.rt.store.write;
  house.rt.store.write = async (work) => {
    const result = await write(work);
    // A slow disk: an answer that did not wait would overtake it.
    await new Promise((resolve) => setTimeout(resolve, 30));
    order.push('committed');
    return result;
  };
  const { port } = await start({ keep: keeper(house.rt) });
  const wire = await Wire.open(port);
  await wire.begin('ana@remote.example', TO);
  expect(await wire.say('Subject: x\r\n\r\nx\r\n.')).toMatch(/^250/);
  order.push('250');
  expect(order).toEqual(['committed', '250']);
});

test.each([
  ['disk full', Object.assign(new Error('no space'), { code: 'ENOSPC' }), /^452 4\.3\.1/],
  ['sqlite full', new Error('SQLITE_FULL: database or disk is full'), /^452 4\.3\.1/],
  ['i/o error', Object.assign(new Error('i/o'), { code: 'EIO' }), /^451 4\.3\.0/],
  ['database down', new Error('connection terminated'), /^451 4\.3\.0/],
])('%s: the sender keeps the message', async (_, error, answer) => {
  const { port } = await start({ keep: () => Promise.reject(error) });
  const wire = await Wire.open(port);
  await wire.begin('ana@remote.example', TO);
  expect(await wire.say('Subject: x\r\n\r\nx\r\n.')).toMatch(answer);
  expect(await wire.say('NOOP')).toMatch(/^250/);
});

test('a message that went through a hundred servers goes in a circle', async () => {
  const house = await openHouse();
  const { port } = await start({ keep: keeper(house.rt) });
  const wire = await Wire.open(port);
  await wire.begin('ana@remote.example', TO);
  const hops = 'Received: from a by b; Mon, 5 Jan 2026 09:00:00 +0000\r\n'.repeat(101);
  expect(await wire.say(`${hops}Subject: x\r\n\r\nx\r\n.`)).toMatch(/^550 5\.4\.6/);
  expect(await house.store.read.selectFrom('inbound').selectAll().execute()).toEqual([]);
});

test('commands hidden behind STARTTLS in one segment are never run', async () => {
  const { port } = await start();
  const wire = await Wire.open(port);
  await wire.reply();
  await wire.say('EHLO mx.remote.example');
  wire.write('STARTTLS\r\nMAIL FROM:<evil@x.example>\r\n');
  expect(await wire.reply()).toMatch(/^220/);
  // What stood behind it is gone: the server waits for a handshake and hangs up on anything else.
  wire.write('MAIL FROM:<evil@x.example>\r\n');
  expect(await wire.reply()).toBe('');
});
