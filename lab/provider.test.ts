/** The providers' servers as transcripts: what a client says, and what it is answered. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { startWorld, type World, type WorldOptions } from './world.ts';
import { providerOf } from './providers.ts';

let world: World | undefined;
const open = new Set<Client>();
afterEach(async () => {
  for (const client of open) client.close();
  open.clear();
  await world?.stop();
  world = undefined;
});

/** Writes what it is told, and collects whole replies. */
class Client {
  #socket: Socket;
  #text = '';
  #more: () => void = () => undefined;
  isClosed = false;

  constructor(socket: Socket) {
    this.#socket = this.#heard(socket);
    open.add(this);
  }

  #heard(socket: Socket): Socket {
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString();
      this.#more();
    });
    socket.on('close', () => {
      this.isClosed = true;
      this.#more();
    });
    return socket.on('error', () => undefined);
  }

  /** The next reply, all of its lines. */
  async reply(): Promise<string> {
    for (;;) {
      const match = /^((?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n)/.exec(this.#text);
      if (match !== null) {
        this.#text = this.#text.slice(match[0].length);
        return match[0].trimEnd();
      }
      if (this.isClosed) return 'closed';
      await new Promise<void>((resolve) => (this.#more = resolve));
    }
  }

  async closed(): Promise<void> {
    while (!this.isClosed) await new Promise<void>((resolve) => (this.#more = resolve));
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  async say(line: string): Promise<string> {
    this.write(`${line}\r\n`);
    return this.reply();
  }

  async startTls(): Promise<void> {
    expect(await this.say('STARTTLS')).toMatch(/^220/);
    const plain = this.#socket;
    plain.removeAllListeners('data');
    const secure = connectTls({ socket: plain, rejectUnauthorized: false });
    await new Promise<void>((resolve) => secure.once('secureConnect', resolve));
    this.#socket = this.#heard(secure);
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function dial(domain: string, options: WorldOptions = {}): Promise<Client> {
  world ??= await startWorld({ shares: {}, ...options });
  const host = providerOf(domain).mx[0]?.address;
  return new Client(connect({ host: host ?? '127.0.0.1', port: world.smtpPort }));
}

async function ready(domain: string, options: WorldOptions = {}): Promise<Client> {
  const client = await dial(domain, options);
  await client.reply();
  await client.say('EHLO mail.shop.example');
  return client;
}

test('a plain delivery at a small host, one command at a time', async () => {
  const client = await dial('ovh.test', { cast: { 'ann@ovh.test': 'reader' } });
  expect(await client.reply()).toMatch(/^220 mx.small-hosts.test ESMTP/);
  expect(await client.say('EHLO mail.shop.example')).toContain('250-PIPELINING');
  expect(await client.say('MAIL FROM:<b-1@shop.example>')).toBe('250 2.1.0 Ok');
  expect(await client.say('RCPT TO:<Ann@ovh.test>')).toBe('250 2.1.5 Ok');
  expect(await client.say('DATA')).toMatch(/^354/);
  expect(await client.say('Message-ID: <1@shop.example>\r\n\r\nHello\r\n..dot\r\n.')).toMatch(
    /^250 2\.0\.0 Ok: queued as/,
  );
  expect(await client.say('QUIT')).toMatch(/^221/);
  const { accepted } = await world!.mailbox('ann@ovh.test');
  expect(accepted[0]).toMatchObject({
    messageId: '<1@shop.example>',
    returnPath: 'b-1@shop.example',
    tls: false,
  });
  expect(accepted[0]?.raw?.toString()).toBe('Message-ID: <1@shop.example>\r\n\r\nHello\r\n.dot\r\n');
});

test('everything in one flight with BDAT gets its answers in order', async () => {
  const client = await ready('boulangerie-dupont.fr');
  const body = 'Message-ID: <2@shop.example>\r\n\r\nHello\r\n';
  const envelope = 'MAIL FROM:<b@shop.example>\r\nRCPT TO:<bob@boulangerie-dupont.fr>\r\n';
  client.write(
    `${envelope}BDAT ${body.length} LAST\r\n${body}${envelope}BDAT 10\r\n0123456789BDAT 0 LAST\r\nQUIT\r\n`,
  );
  const codes: string[] = [];
  for (let at = 0; at < 8; at++) codes.push((await client.reply()).slice(0, 3));
  expect(codes).toEqual(['250', '250', '250', '250', '250', '250', '250', '221']);
  expect((await world!.mailbox('bob@boulangerie-dupont.fr')).accepted.map((one) => one.size)).toEqual([
    body.length,
    10,
  ]);
});

test('a dot split over packets, and an empty message, end where they should', async () => {
  const client = await ready('ovh.test');
  client.write('MAIL FROM:<b@shop.example>\r\nRCPT TO:<ann@ovh.test>\r\nDATA\r\n');
  for (let at = 0; at < 3; at++) await client.reply();
  for (const part of ['Subject: x\r', '\n\r\nbody\r', '\n', '.']) {
    client.write(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await client.say('')).toMatch(/^250/);
  await client.say('MAIL FROM:<b@shop.example>');
  await client.say('RCPT TO:<ann@ovh.test>');
  await client.say('DATA');
  expect(await client.say('.')).toMatch(/^250/);
  expect((await world!.mailbox('ann@ovh.test')).accepted.map((one) => one.size)).toEqual([20, 0]);
});

test('STARTTLS, then the extensions again without it, and the mail is recorded as having come by TLS', async () => {
  const client = await ready('ovh.test');
  await client.startTls();
  expect(await client.say('EHLO mail.shop.example')).not.toContain('STARTTLS');
  await client.say('MAIL FROM:<b@shop.example>');
  await client.say('RCPT TO:<ann@ovh.test>');
  await client.say('DATA');
  expect(await client.say('Subject: x\r\n\r\ny\r\n.')).toMatch(/^250/);
  expect((await world!.mailbox('ann@ovh.test')).accepted[0]?.tls).toMatch(/^TLSv1\.3/);
});

const refusals = [
  ['nobody@gmail.com', 'unknown-user', /^550-5\.1\.1 The email account[^]*\n550 5\.1\.1 {2}https/],
  ['nobody@hotmail.fr', 'unknown-user', /^550 5\.5\.0 Requested action not taken: mailbox unavailable/],
  [
    'nobody@orange.fr',
    'unknown-user',
    /^550 5\.1\.1 Adresse d au moins un destinataire invalide.*OFR204_416/,
  ],
  ['nobody@laposte.net', 'unknown-user', /^550 5\.1\.1 .*LPN007_416/],
  ['nobody@gmx.de', 'unknown-user', /^550-Requested action not taken: mailbox unavailable/],
  ['nobody@mill-lane.co.uk', 'unknown-user', /^550 Unrouteable address/],
  ['stuffed@gmail.com', 'full', /^552-5\.2\.2/],
  ['stuffed@free.fr', 'full', /^552 5\.2\.2/],
  ['brimming@gmail.com', 'full-for-a-while', /^452-4\.2\.2/],
  ['brimming@sfr.fr', 'full-for-a-while', /^452 4\.2\.2/],
] as const;

test.each(refusals)('%s, %s, is refused in the words of its provider', async (address, fate, words) => {
  const domain = address.split('@')[1] ?? '';
  const client = await ready(domain, { cast: { [address]: fate }, lenient: true });
  if (providerOf(domain).tls !== 'none') {
    await client.startTls();
    await client.say('EHLO mail.shop.example');
  }
  expect(await client.say('MAIL FROM:<b@shop.example>')).toMatch(/^250/);
  expect(await client.say(`RCPT TO:<${address}>`)).toMatch(words);
  const entry = await world!.mailbox(address);
  expect([entry.refused.length, entry.deferred.length]).toEqual(
    fate === 'full-for-a-while' ? [0, 1] : [1, 0],
  );
});

test('Yahoo looks the recipient up only when it has the message', async () => {
  const client = await ready('yahoo.fr', { cast: { 'nobody@yahoo.fr': 'unknown-user' } });
  await client.say('MAIL FROM:<b@shop.example>');
  expect(await client.say('RCPT TO:<nobody@yahoo.fr>')).toMatch(/^250/);
  await client.say('DATA');
  expect(await client.say('Subject: x\r\n\r\ny\r\n.')).toMatch(
    /^554 delivery error: dd This user doesn't have a yahoo.fr account/,
  );
});

test('mail for somebody else is not relayed', async () => {
  const client = await ready('free.fr');
  await client.say('MAIL FROM:<b@shop.example>');
  expect(await client.say('RCPT TO:<somebody@gmail.com>')).toMatch(/^554 5\.7\.1 .*Relay access denied/);
});

test('Gmail wants TLS, and Orange too, each in its own words', async () => {
  const gmail = await ready('gmail.com');
  expect(await gmail.say('MAIL FROM:<b@shop.example>')).toMatch(/^421-4\.7\.29[^]*\n421 4\.7\.29/);
  await gmail.closed();
  const orange = await ready('orange.fr');
  expect(await orange.say('MAIL FROM:<b@shop.example>')).toMatch(/^530 5\.7\.0/);
});

test('a stranger is greylisted, comes back after five minutes of lab time, and is let in', async () => {
  const client = await ready('lycee-verne.fr', { speed: 3000 });
  const knock = async () => {
    await client.say('RSET');
    await client.say('MAIL FROM:<b-7@shop.example>');
    return client.say('RCPT TO:<eva@lycee-verne.fr>');
  };
  expect(await knock()).toMatch(/^450 4\.2\.0 .*Greylisted/);
  let answer = '';
  // Five minutes of the lab pass in 100 ms: knocking goes on until the door opens.
  while (!answer.startsWith('250')) answer = await knock();
  const { deferred } = await world!.mailbox('eva@lycee-verne.fr');
  const { at: first = 0 } = deferred[0] ?? {};
  const { at: last = 0 } = deferred.at(-1) ?? {};
  expect(last - first).toBeLessThan(5 * 60_000);
});

test('Orange takes three connections, and tells the fourth in French', async () => {
  const greetings: string[] = [];
  for (let at = 0; at < 4; at++) greetings.push(await (await dial('orange.fr')).reply());
  expect(greetings.map((one) => one.slice(0, 3))).toEqual(['220', '220', '220', '421']);
  expect(greetings[3]).toContain('Trop de connexions');
});

test('after twenty messages Yahoo wants a new connection', async () => {
  const client = await ready('yahoo.fr');
  let answer = '';
  let taken = 0;
  for (; taken < 30; taken++) {
    answer = await client.say('MAIL FROM:<>');
    if (!answer.startsWith('250')) break;
    await client.say('RCPT TO:<ann@yahoo.fr>');
    await client.say('DATA');
    await client.say('Subject: x\r\n\r\ny\r\n.');
  }
  expect([taken, answer.slice(0, 39)]).toEqual([20, '421 Max message per connection reached,']);
});

test.each([
  ['gmail.com', /^550-5\.7\.26 Your email has been blocked because the sender is unauthenticated/],
  ['orange.fr', /^550 5\.7\.26 Service refuse\. DKIM du domaine shop\.example non valide/],
  ['bbox.fr', /^250 /],
])('unsigned mail at %s', async (domain, answer) => {
  const client = await ready(domain);
  await client.startTls();
  await client.say('EHLO mail.shop.example');
  await client.say('MAIL FROM:<b@shop.example>');
  await client.say(`RCPT TO:<ann@${domain}>`);
  await client.say('DATA');
  expect(await client.say('From: <news@shop.example>\r\nSubject: x\r\n\r\ny\r\n.')).toMatch(answer);
});

const breaks = [
  ['connect', []],
  ['ehlo', ['EHLO x']],
  ['mail', ['EHLO x', 'MAIL FROM:<b@shop.example>']],
  ['rcpt', ['EHLO x', 'MAIL FROM:<b@shop.example>', 'RCPT TO:<a@ovh.test>']],
  ['data', ['EHLO x', 'MAIL FROM:<b@shop.example>', 'RCPT TO:<a@ovh.test>', 'DATA']],
  ['body', ['EHLO x', 'MAIL FROM:<b@shop.example>', 'RCPT TO:<a@ovh.test>', 'DATA', 'Subject: half a mess']],
  [
    'dot',
    ['EHLO x', 'MAIL FROM:<b@shop.example>', 'RCPT TO:<a@ovh.test>', 'DATA', 'Subject: x\r\n\r\ny\r\n.'],
  ],
] as const;

test.each(breaks)('told to drop at %s, it drops there, once', async (stage, lines) => {
  world = await startWorld({ shares: {} });
  await world.misbehave('small', [{ stage, does: 'drop', times: 1 }]);
  const client = await dial('ovh.test');
  let last = await client.reply();
  for (const line of lines) last = await client.say(line);
  expect(last).toBe('closed');
  expect((await world.status()).received).toBe(0);
  expect(await (await dial('ovh.test')).reply()).toMatch(/^220/);
});

test('a dot that is never answered may still have been a delivery', async () => {
  world = await startWorld({ shares: {} });
  await world.misbehave('small', [{ stage: 'dot', does: 'drop', takesMessage: true, times: 1 }]);
  const client = await ready('ovh.test');
  client.write(
    'MAIL FROM:<>\r\nRCPT TO:<a@ovh.test>\r\nDATA\r\nMessage-ID: <3@shop.example>\r\n\r\ny\r\n.\r\n',
  );
  await client.closed();
  expect((await world.mailbox('a@ovh.test')).accepted).toHaveLength(1);
});

test('a storm of 421, and a reply that is no reply', async () => {
  world = await startWorld({ shares: {} });
  await world.misbehave('small', [
    { stage: 'connect', does: { say: '421 4.3.2 Not now\r\n', thenDrop: true } },
  ]);
  const client = await dial('ovh.test');
  expect(await client.reply()).toBe('421 4.3.2 Not now');
  await client.closed();
  await world.misbehave('small', [{ stage: 'mail', does: { say: '999 whatever\r\n' } }]);
  expect(await (await ready('ovh.test')).say('MAIL FROM:<>')).toBe('999 whatever');
});

test('garbage instead of a handshake, and a reset inside TLS, end that connection and no other', async () => {
  const rude = await ready('gmail.com');
  expect(await rude.say('STARTTLS')).toMatch(/^220/);
  rude.write('MAIL FROM:<b@shop.example>\r\n');
  await rude.closed();
  await world!.misbehave('gmail', [{ stage: 'mail', does: 'reset', times: 1 }]);
  const cut = await ready('gmail.com');
  await cut.startTls();
  await cut.say('EHLO mail.shop.example');
  expect(await cut.say('MAIL FROM:<b@shop.example>')).toBe('closed');
  expect(await (await dial('gmail.com')).reply()).toMatch(/^220 mx\.google\.com/);
});

test('a message over the declared size is refused before it is sent', async () => {
  const client = await ready('bbox.fr');
  expect(await client.say('MAIL FROM:<b@shop.example> SIZE=99999999')).toMatch(/^552 5\.3\.4/);
});

test('a provider that is told how many messages it takes in five minutes answers 4xx beyond, and again later 250', async () => {
  const client = await ready('sfr.fr', { speed: 3000 });
  const limit = providerOf('sfr.fr').limits.rate?.messages ?? 0;
  const codes: string[] = [];
  const knock = async () => {
    const code = (await client.say('MAIL FROM:<b@shop.example>')).slice(0, 3);
    await client.say('RSET');
    return code;
  };
  // At this speed a window is 100 ms of real time; the whole of it is asked for more than it gives.
  while (codes.at(-1) !== '450' && codes.length < limit * 50) codes.push(await knock());
  while (codes.at(-1) !== '250' && codes.length < limit * 100) codes.push(await knock());
  expect(new Set(codes)).toEqual(new Set(['250', '450']));
});
