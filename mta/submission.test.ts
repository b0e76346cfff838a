import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { changeCredential } from '../core/store/credential.ts';
import { recipientsOf } from '../core/store/submission.ts';
import { pressureOf } from '../core/submission/pressure.ts';
import { submissionHouse } from '../core/submission/testing.ts';
import { selfSigned } from '../core/tls.ts';
import { SubmissionDoor } from './submission-door.ts';
import { listenForSubmission } from './submission.ts';

/** A client that says a line and waits for the whole reply. */
class Client {
  #socket: Socket | TLSSocket;
  #buffer = '';
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket | TLSSocket) {
    this.#socket = socket;
    this.#listen();
  }

  #listen(): void {
    this.#socket.on('data', (chunk: Buffer) => {
      this.#buffer += chunk.toString('latin1');
      this.#wake?.();
    });
    const end = () => {
      this.#ended = true;
      this.#wake?.();
    };
    this.#socket.on('close', end);
    this.#socket.on('error', end);
  }

  async reply(): Promise<string> {
    for (;;) {
      const match = /^(?:\d{3}-[^\r\n]*\r\n)*\d{3} [^\r\n]*\r\n/.exec(this.#buffer);
      if (match !== null) {
        this.#buffer = this.#buffer.slice(match[0].length);
        return match[0].trimEnd();
      }
      if (this.#ended) return 'closed';
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  write(bytes: string | Buffer): void {
    this.#socket.write(bytes);
  }

  async say(line: string): Promise<string> {
    this.write(`${line}\r\n`);
    return this.reply();
  }

  async startTls(): Promise<void> {
    this.#socket.removeAllListeners('data');
    this.#socket = connectTls({ socket: this.#socket as Socket, rejectUnauthorized: false });
    await new Promise((resolve) => this.#socket.once('secureConnect', resolve));
    this.#listen();
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function listening(overrides: Record<string, unknown> = {}) {
  const house = await submissionHouse({
    overrides: { mta: { submission: { host: '127.0.0.1', ...overrides } } },
  });
  const listener = await listenForSubmission(house.runtime, { port: 0, tlsPort: 0 });
  onTestFinished(() => listener.close());
  const issued = await house.issue({ kind: 'smtp' });
  const plain = Buffer.from(`\0${issued.credential.username}\0${issued.secret}`).toString('base64');
  const dial = async () => {
    const client = new Client(connect(listener.port, '127.0.0.1'));
    onTestFinished(() => client.close());
    await client.reply();
    return client;
  };
  const dialTls = async () => {
    const client = new Client(
      connectTls({ port: listener.tlsPort, host: '127.0.0.1', rejectUnauthorized: false }),
    );
    onTestFinished(() => client.close());
    await client.reply();
    await client.say('EHLO program.test');
    return client;
  };
  /** Logged in, ready for MAIL. */
  const login = async () => {
    const client = await dialTls();
    expect(await client.say(`AUTH PLAIN ${plain}`)).toMatch(/^235/);
    return client;
  };
  const send = async (client: Client, lines: string[], to = ['ana@client.example'], mail = '') => {
    expect(await client.say(`MAIL FROM:<till@shop.example>${mail}`)).toMatch(/^250/);
    for (const address of to) await client.say(`RCPT TO:<${address}>`);
    await client.say('DATA');
    return client.say(`${lines.join('\r\n')}\r\n.`);
  };
  return { ...house, ...issued, listener, plain, dial, dialTls, login, send };
}

const MESSAGE = ['From: till@shop.example', 'To: ana@client.example', 'Subject: Hi', '', 'Hello.'];

test('a renewed certificate is shown at both ports without a restart', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'parley-renewal-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const files = { certificate: join(directory, 'a.crt'), key: join(directory, 'a.key') };
  const place = async (hostname: string) => {
    const made = await selfSigned(hostname, Date.now());
    writeFileSync(files.certificate, made.cert);
    writeFileSync(files.key, made.key);
  };
  await place('first.shop.example');
  const house = await submissionHouse({
    overrides: { tls: files, mta: { submission: { host: '127.0.0.1' } } },
  });
  const listener = await listenForSubmission(house.runtime, { port: 0, tlsPort: 0 });
  onTestFinished(() => listener.close());
  const shown = async () => {
    const socket = connectTls({ port: listener.tlsPort, host: '127.0.0.1', rejectUnauthorized: false });
    onTestFinished(() => void socket.destroy());
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    return socket.getPeerCertificate().subject.CN;
  };
  expect(await shown()).toBe('first.shop.example');
  await place('second.shop.example');
  await listener.certificates.look();
  expect(await shown()).toBe('second.shop.example');
});

test('a message handed in with TLS from the start is queued, ahead of bulk, when 250 is said', async () => {
  const { login, send, runtime } = await listening();
  const client = await login();
  expect(await send(client, MESSAGE)).toMatch(/^250 2\.0\.0 queued as msg_/);
  const row = await runtime.store.read.selectFrom('submission').selectAll().executeTakeFirstOrThrow();
  expect(row).toMatchObject({ via: 'smtp', subject: 'Hi', envelope_from: 'till@shop.example' });
  expect(await recipientsOf(runtime.store.read, row.id)).toMatchObject([
    { address: 'ana@client.example', state: 'queued' },
  ]);
});

test('row 10: AUTH is offered and taken only inside TLS, and mail only after it', async () => {
  const { dial, plain } = await listening();
  const client = await dial();
  const ehlo = await client.say('EHLO program.test');
  expect(ehlo).toContain('STARTTLS');
  expect(ehlo).not.toContain('AUTH');
  expect(await client.say(`AUTH PLAIN ${plain}`)).toMatch(/^538 5\.7\.11/);
  expect(await client.say('MAIL FROM:<till@shop.example>')).toMatch(/^530 5\.7\.0/);
  expect(await client.say('STARTTLS')).toMatch(/^220/);
  await client.startTls();
  expect(await client.say('MAIL FROM:<till@shop.example>')).not.toMatch(/^250/);
  const inside = await client.say('EHLO program.test');
  for (const word of ['AUTH', 'PIPELINING', '8BITMIME', 'SMTPUTF8', 'SIZE']) expect(inside).toContain(word);
  for (const word of ['STARTTLS', 'DSN']) expect(inside).not.toContain(word);
  expect(await client.say(`AUTH PLAIN ${plain}`)).toMatch(/^235/);
  expect(await client.say(`AUTH PLAIN ${plain}`)).toMatch(/^503/);
});

test('row 9: what follows STARTTLS in one segment is not heard inside', async () => {
  const { dial, runtime } = await listening();
  const client = await dial();
  await client.say('EHLO program.test');
  client.write('STARTTLS\r\nEHLO injected.test\r\nMAIL FROM:<a@b.example>\r\n');
  const first = await client.reply();
  // Either the whole is refused, or the handshake begins and nothing of it is left.
  if (first.startsWith('220')) {
    await client.startTls();
    expect(await client.say('NOOP')).toMatch(/^250/);
  } else expect(first).toMatch(/^(?:5|closed)/);
  expect(await runtime.store.read.selectFrom('submission').selectAll().execute()).toEqual([]);
});

test('row 26: bad logins', async () => {
  const { dialTls } = await listening();
  const client = await dialTls();
  expect(await client.say('AUTH PLAIN ***')).toMatch(/^(?:501|535|500)/);
  expect(await client.say('AUTH NOTHING')).toMatch(/^504/);
  await client.say('AUTH LOGIN');
  expect(await client.say('*')).toMatch(/^501/);
  const wrong = Buffer.from('\0nobody\0wrong').toString('base64');
  expect(await client.say(`AUTH PLAIN ${wrong}`)).toMatch(/^535 5\.7\.8/);
});

describe('the door', () => {
  test('failures make it slower, five end the connection, twenty lock the address and the name', () => {
    const door = new SubmissionDoor({ connections: 10, connectionsPerAddress: 10 });
    const waits = [1, 2, 3, 4, 5].map((n) => door.failed('a', 'x', n, 0));
    expect(waits.map((one) => one.waitMs)).toEqual([1000, 2000, 3000, 4000, 5000]);
    expect(waits.map((one) => one.hangUp)).toEqual([false, false, false, false, true]);
    for (let n = 0; n < 15; n++) door.failed('a', 'x', 1, 0);
    expect(door.arrive('a', 0)).toContain('failed logins');
    expect(door.mayTry('x', 0)).toBe(false);
    expect(door.arrive('b', 0)).toBeUndefined();
    expect(door.mayTry('x', 600_000)).toBe(true);
    expect(door.arrive('a', 600_000)).toBeUndefined();
  });

  test('connections of one address and of all are limited, and come free', () => {
    const door = new SubmissionDoor({ connections: 3, connectionsPerAddress: 2 });
    door.arrive('a', 0);
    door.arrive('a', 0);
    expect(door.arrive('a', 0)).toContain('from your address');
    door.leave('a');
    expect(door.arrive('b', 0)).toBeUndefined();
    expect(door.arrive('c', 0)).toContain('too many connections,');
    door.leave('a');
    door.leave('c');
    expect(door.arrive('a', 0)).toBeUndefined();
  });
});

test('a From that is not the credential’s is 550 5.7.1, whatever MAIL said', async () => {
  const { login, send } = await listening();
  const client = await login();
  const bank = ['From: ceo@bank.example', ...MESSAGE.slice(1)];
  expect(await send(client, bank)).toMatch(/^550 5\.7\.1/);
  expect(await send(client, MESSAGE)).toMatch(/^250/);
});

test('row 29: from the 1,001st recipient on it is 452 4.5.3, and the others are mailed', async () => {
  const { login, runtime, credential } = await listening();
  await runtime.store.write((tx) => changeCredential(tx, credential.id, { new_recipients_per_hour: 0 }));
  const client = await login();
  await client.say('MAIL FROM:<till@shop.example>');
  const all = Array.from({ length: 1002 }, (_, at) => `RCPT TO:<p${at}@client.example>\r\n`);
  client.write(all.join(''));
  const replies: string[] = [];
  for (const _ of all) replies.push(await client.reply());
  expect(replies.filter((reply) => reply.startsWith('250'))).toHaveLength(1000);
  expect(replies.slice(1000).every((reply) => reply.startsWith('452 4.5.3'))).toBe(true);
  await client.say('DATA');
  expect(await client.say(`${MESSAGE.join('\r\n')}\r\n.`)).toMatch(/^250/);
  const rows = await runtime.store.read
    .selectFrom('submission_recipient')
    .select('place')
    .where('submission_id', '=', 1)
    .execute();
  expect(rows).toHaveLength(1000);
}, 30_000);

test.each([
  ['row 27: a size above ours', ' SIZE=10000000000', /^552/],
  ['row 12: a carriage return in the address', '\rRCPT TO:<x@y.example>', /^(?:5\d\d|closed)/],
])('%s is refused at MAIL', async (_, tail, reply) => {
  const { login } = await listening();
  const client = await login();
  expect(await client.say(`MAIL FROM:<till@shop.example>${tail}`)).toMatch(reply);
});

test('row 28: a body above the limit is read on and refused, and the connection goes on', async () => {
  const { login, send } = await listening({ max_size: 20_000 });
  const client = await login();
  expect(await send(client, [...MESSAGE, 'x'.repeat(900), ...Array(40).fill('y'.repeat(900))])).toMatch(
    /^552 5\.3\.4/,
  );
  expect(await send(client, MESSAGE)).toMatch(/^250/);
});

test('row 1: a bare line end is refused and the connection ends, so nothing can be smuggled', async () => {
  const { login, runtime } = await listening();
  const client = await login();
  await client.say('MAIL FROM:<till@shop.example>');
  await client.say('RCPT TO:<ana@client.example>');
  await client.say('DATA');
  client.write(
    `${MESSAGE.join('\r\n')}\n.\nMAIL FROM:<till@shop.example>\r\nRCPT TO:<x@y.example>\r\nDATA\r\nx\r\n.\r\n`,
  );
  expect(await client.reply()).toMatch(/^550 5\.5\.2/);
  expect(await runtime.store.read.selectFrom('submission').selectAll().execute()).toEqual([]);
});

test('VRFY tells nothing, DATA without recipients is 503', async () => {
  const { login } = await listening();
  const client = await login();
  expect(await client.say('VRFY ana@client.example')).toMatch(/^252/);
  expect(await client.say('DATA')).toMatch(/^503/);
});

test('whoever is suppressed is refused at RCPT, the others are mailed', async () => {
  const { login, send, runtime } = await listening();
  runtime.suppressions.add({ id: 1, address: 'gone@x.example', scope: 'everything', reason: 'hard-bounce' });
  const client = await login();
  await client.say('MAIL FROM:<till@shop.example>');
  expect(await client.say('RCPT TO:<gone@x.example>')).toMatch(/^550 5\.7\.1/);
  await client.say('RSET');
  expect(await send(client, MESSAGE)).toMatch(/^250/);
});

test('overload and a full disk are 452, any other fault 451, and the message is not there', async () => {
  const { login, send, runtime } = await listening();
  const client = await login();
  const leave = Array.from({ length: 2000 }, () => pressureOf(runtime).enter());
  expect(await send(client, MESSAGE)).toMatch(/^452 4\.3\.1/);
  for (const one of leave) one();
  const real = runtime.store.write;
  const failing = (code: string) => {
    runtime.store.write = (() => Promise.reject(Object.assign(new Error('no'), { code }))) as never;
  };
  failing('SQLITE_FULL');
  expect(await send(client, MESSAGE)).toMatch(/^452 4\.3\.1/);
  failing('SQLITE_IOERR');
  expect(await send(client, MESSAGE)).toMatch(/^451 4\.3\.0/);
  runtime.store.write = real;
  expect(await runtime.store.read.selectFrom('submission').selectAll().execute()).toEqual([]);
  expect(await send(client, MESSAGE)).toMatch(/^250/);
});

test('a parameter that was not offered is 555 (RFC 5321 4.1.1.11)', async () => {
  const { login } = await listening();
  const client = await login();
  expect(await client.say('MAIL FROM:<till@shop.example> HOLDFOR=5')).toMatch(/^555 5\.5\.4/);
  await client.say('MAIL FROM:<till@shop.example>');
  expect(await client.say('RCPT TO:<a@x.example> NOTIFY=NEVER')).toMatch(/^555 5\.5\.4/);
});
