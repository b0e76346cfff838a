/* oxlint-disable unicorn/no-useless-spread -- one spread a line keeps what belongs together together */
import { afterEach, expect, test } from 'vitest';
import type { Envelope } from './envelope.ts';
import { Session } from './session.ts';
import type { SessionOptions, Timeouts } from './session.ts';
import { scripted } from './testing.ts';
import type { Peer, Scripted, Step } from './testing.ts';
import type { Transaction } from './transaction.ts';

const servers: Scripted[] = [];
const sessions: Session[] = [];
afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  for (const server of servers.splice(0)) await server.close();
});

const envelope = (over: Partial<Envelope> = {}): Envelope => ({
  mailFrom: 'b@us.test',
  rcptTo: 'anna@there.test',
  maySend: () => true,
  ...over,
});
const message = Buffer.from('Subject: hi\r\n\r\nhello\r\n');
const MAIL = '> MAIL FROM:<b@us.test>';
const RCPT = '> RCPT TO:<anna@there.test>';
const BODY = `#${message.length}`;

const hello = (...capabilities: string[]): Step[] => {
  const lines = ['mx.test', ...capabilities];
  const reply = lines.map((line, at) => `250${at < lines.length - 1 ? '-' : ' '}${line}`).join('\r\n');
  return ['< 220 mx.test ESMTP', '> EHLO us.test', `< ${reply}`];
};
const plain = hello();
const pipelining = hello('PIPELINING', 'SIZE 10485760', 'ENHANCEDSTATUSCODES');
const chunking = hello('PIPELINING', 'CHUNKING');
const MAIL_SIZE = `${MAIL} SIZE=${message.length}`;

async function serve(...scripts: Step[][]): Promise<Scripted> {
  const server = await scripted(...scripts);
  servers.push(server);
  return server;
}

async function open(server: Scripted, over: Partial<SessionOptions> = {}): Promise<Session> {
  const opened = await Session.open(await server.dial(), {
    ehlo: 'us.test',
    host: 'mx.test',
    tls: 'none',
    ...over,
  });
  if (opened.kind !== 'open') throw new Error(`not open: ${JSON.stringify(opened)}`);
  sessions.push(opened.session);
  return opened.session;
}

const quick: Partial<Timeouts> = {
  greeting: 60,
  ehlo: 60,
  mail: 60,
  rcpt: 60,
  data: 60,
  block: 60,
  dot: 60,
  quit: 60,
};

/** The result in one line, for tables. */
function told(result: Transaction): string {
  switch (result.kind) {
    case 'accepted':
      return `accepted ${result.reply.code}`;
    case 'refused':
      return `refused ${result.stage} ${result.reply.code}`;
    case 'dropped':
      return `dropped ${result.stage}${result.dotSent ? ' in doubt' : ''}`;
    case 'withheld':
      return `withheld ${result.reason}`;
  }
}

test('without PIPELINING each command waits for its reply', async () => {
  const server = await serve([
    ...plain,
    ...[MAIL, '< 250 ok', RCPT, '< 250 ok', '> DATA', '< 354 go on', '.', '< 250 2.0.0 queued as 1'],
    ...['> QUIT', '< 221 bye', '!close'],
  ]);
  const session = await open(server);
  const result = await session.transact(envelope(), message);
  expect(result).toMatchObject({
    kind: 'accepted',
    reply: { code: 250, enhanced: '2.0.0', text: 'queued as 1' },
  });
  await session.quit();
  expect(server.kept[0]?.toString()).toBe('Subject: hi\r\n\r\nhello\r\n.\r\n');
  expect(server.complaints).toEqual([]);
  expect(session.isUsable).toBe(false);
});

test('with PIPELINING MAIL, RCPT and DATA come before any reply, and several messages use one connection', async () => {
  const one = [MAIL_SIZE, RCPT, '> DATA', '< 250 ok\r\n250 ok\r\n354 go on', '.', '< 250 taken'];
  const server = await serve([...pipelining, ...one, ...one, ...one]);
  const session = await open(server);
  for (let n = 0; n < 3; n++) expect(told(await session.transact(envelope(), message))).toBe('accepted 250');
  expect(session.transactions).toBe(3);
  expect(server.complaints).toEqual([]);
  expect(server.connections).toBe(1);
});

test('with CHUNKING the whole message comes before any reply, its octets as they are', async () => {
  const dotted = Buffer.from('Subject: .\r\n\r\n.\r\n..two\r\nno line end');
  const server = await serve([
    ...chunking,
    ...[MAIL, RCPT, `> BDAT ${dotted.length} LAST`, `#${dotted.length}`, '< 250 ok\r\n250 ok\r\n250 taken'],
  ]);
  const session = await open(server);
  expect(told(await session.transact(envelope(), [dotted.subarray(0, 9), dotted.subarray(9)]))).toBe(
    'accepted 250',
  );
  expect(server.kept[0]?.equals(dotted)).toBe(true);
  expect(server.complaints).toEqual([]);
});

test('CHUNKING without PIPELINING: BDAT comes after RCPT was taken', async () => {
  const server = await serve([
    ...hello('CHUNKING'),
    ...[MAIL, '< 250 ok', RCPT, '< 250 ok', `> BDAT ${message.length} LAST`, BODY, '< 250 taken'],
  ]);
  expect(told(await (await open(server)).transact(envelope(), message))).toBe('accepted 250');
  expect(server.complaints).toEqual([]);
});

test('after a refused recipient the next transaction begins with RSET in the same write', async () => {
  const server = await serve([
    ...chunking,
    ...[MAIL, RCPT, '> *', BODY, '< 250 ok\r\n550 5.1.1 no such user\r\n503 5.5.1 no recipients'],
    ...['> RSET', MAIL, RCPT, '> *', BODY, '< 250 reset\r\n250 ok\r\n250 ok\r\n250 taken'],
  ]);
  const session = await open(server);
  expect(await session.transact(envelope(), message)).toMatchObject({
    kind: 'refused',
    stage: 'rcpt',
    reply: { code: 550, enhanced: '5.1.1', text: 'no such user' },
  });
  expect(session.isUsable).toBe(true);
  expect(told(await session.transact(envelope(), message))).toBe('accepted 250');
  expect(server.complaints).toEqual([]);
});

test('where recipients are often refused the message waits for RCPT', async () => {
  const refused = [MAIL, RCPT, '> *', BODY, '< 250 ok\r\n550 no\r\n503 no'];
  const again = ['> RSET', MAIL, RCPT, '> *', BODY, '< 250 ok\r\n250 ok\r\n550 no\r\n503 no'];
  const server = await serve([
    ...chunking,
    ...[...refused, ...again, ...again],
    ...[
      '> RSET',
      MAIL,
      RCPT,
      '< 250 ok\r\n250 ok\r\n250 ok',
      `> BDAT ${message.length} LAST`,
      BODY,
      '< 250 taken',
    ],
  ]);
  const session = await open(server);
  for (let n = 0; n < 3; n++)
    expect(told(await session.transact(envelope(), message))).toBe('refused rcpt 550');
  expect(told(await session.transact(envelope(), message))).toBe('accepted 250');
  expect(server.complaints).toEqual([]);
});

test('354 with no recipient left is ended with a lone dot, and the refusal stands', async () => {
  const server = await serve([
    ...pipelining,
    ...[MAIL_SIZE, RCPT, '> DATA', '< 250 ok\r\n550 5.1.1 no\r\n354 go on', '> .', '< 554 no recipients'],
    ...['> RSET', MAIL_SIZE, RCPT, '> DATA', '< 250 ok\r\n250 ok\r\n250 ok\r\n354 go on', '.', '< 250 taken'],
  ]);
  const session = await open(server);
  expect(told(await session.transact(envelope(), message))).toBe('refused rcpt 550');
  expect(told(await session.transact(envelope(), message))).toBe('accepted 250');
  expect(server.complaints).toEqual([]);
});

// Each row: what the server does after EHLO, and what the transaction is then. The connection is never used again.
const ends: [string, Step[], string][] = [
  [
    'remote closes after 550 to pipelined MAIL',
    [...pipelining, MAIL_SIZE, '< 550 5.7.1 blocked', '!close'],
    'refused mail 550',
  ],
  [
    'reset after 550 to pipelined MAIL',
    [...pipelining, ...[MAIL_SIZE, RCPT, '> DATA'], '< 550 no', '!reset'],
    'refused mail 550',
  ],
  [
    '421 to MAIL',
    [...pipelining, ...[MAIL_SIZE, RCPT, '> DATA'], '< 421 busy', '!close'],
    'refused mail 421',
  ],
  [
    '421 to RCPT',
    [...pipelining, ...[MAIL_SIZE, RCPT, '> DATA'], '< 250 ok\r\n421 busy', '!close'],
    'refused rcpt 421',
  ],
  [
    '421 to DATA',
    [...plain, MAIL, '< 250 ok', RCPT, '< 250 ok', '> DATA', '< 421 4.3.2 busy', '!close'],
    'refused data 421',
  ],
  [
    '421 to the dot',
    [...plain, MAIL, '< 250 ok', RCPT, '< 250 ok', '> DATA', '< 354 go', '.', '< 421 full', '!close'],
    'refused dot 421',
  ],
  ['drop at MAIL', [...pipelining, MAIL_SIZE, '!close'], 'dropped mail'],
  ['drop at RCPT', [...pipelining, ...[MAIL_SIZE, RCPT, '> DATA'], '< 250 ok', '!close'], 'dropped rcpt'],
  [
    'drop at DATA',
    [...pipelining, ...[MAIL_SIZE, RCPT, '> DATA'], '< 250 ok\r\n250 ok', '!close'],
    'dropped data',
  ],
  [
    'drop after the dot',
    [...pipelining, ...[MAIL_SIZE, RCPT, '> DATA'], '< 250 ok\r\n250 ok\r\n354 go', '.', '!close'],
    'dropped dot in doubt',
  ],
  [
    'drop after BDAT',
    [...chunking, ...[MAIL, RCPT, '> *', BODY], '< 250 ok\r\n250 ok', '!close'],
    'dropped dot in doubt',
  ],
  ['silence after MAIL', [...pipelining, MAIL_SIZE, '!hang'], 'dropped mail'],
  [
    'silence after the dot',
    [...plain, MAIL, '< 250 ok', RCPT, '< 250 ok', '> DATA', '< 354 go', '.', '!hang'],
    'dropped dot in doubt',
  ],
  ['a byte of a reply and then silence', [...plain, MAIL, Buffer.from('2'), '!hang'], 'dropped mail'],
  ['no code', [...plain, MAIL, '< what?'], 'dropped mail'],
  ['code 999', [...plain, MAIL, '< 999 odd'], 'dropped mail'],
  ['code 254 glued to its text', [...plain, MAIL, '< 250ok'], 'dropped mail'],
  ['354 to MAIL', [...plain, MAIL, '< 354 go'], 'dropped mail'],
  ['250 to DATA', [...plain, MAIL, '< 250 ok', RCPT, '< 250 ok', '> DATA', '< 250 ok'], 'dropped data'],
  [
    '354 to the dot',
    [...plain, MAIL, '< 250 ok', RCPT, '< 250 ok', '> DATA', '< 354 go', '.', '< 354 go'],
    'dropped dot in doubt',
  ],
  ['LF only', [...plain, MAIL, Buffer.from('250 ok\n')], 'dropped mail'],
  ['NUL', [...plain, MAIL, Buffer.from('250 o\0k\r\n')], 'dropped mail'],
  ['a line of 1 MB', [...plain, MAIL, Buffer.alloc(1_000_000, 0x61)], 'dropped mail'],
  ['a reply without end', [...plain, MAIL, Buffer.from('250-more\r\n'.repeat(20_000))], 'dropped mail'],
  ['codes that drift', [...plain, MAIL, '< 250-one\r\n550 two'], 'dropped mail'],
  ['two replies to MAIL', [...plain, MAIL, '< 250 ok\r\n250 ok'], 'dropped mail'],
  [
    'one reply too many before BDAT was answered',
    [...chunking, ...[MAIL, RCPT, '> *', BODY], '< 250 ok\r\n250 ok\r\n250 ok\r\n550 no'],
    'dropped dot in doubt',
  ],
];
test.each(ends)('%s', async (_name, script, verdict) => {
  const server = await serve(script);
  const session = await open(server, { timeouts: quick });
  const result = await session.transact(envelope(), message);
  expect(told(result)).toBe(verdict);
  expect(session.isUsable).toBe(false);
  if (result.kind === 'dropped') expect(result.error.message.length).toBeLessThan(300);
  expect(await session.transact(envelope(), message)).toMatchObject({ kind: 'dropped', dotSent: false });
});

test('a large message that the remote stops taking is dropped without doubt', async () => {
  const big = Buffer.alloc(8_000_000, 'x'.repeat(76) + '\r\n');
  const server = await serve([
    ...plain,
    ...[
      MAIL,
      '< 250 ok',
      RCPT,
      '< 250 ok',
      '> DATA',
      '< 354 go',
      '#100',
      (peer: Peer) => void peer.socket.pause(),
      '!hang',
    ],
  ]);
  const session = await open(server, { timeouts: quick });
  const result = await session.transact(envelope(), big);
  expect(told(result)).toBe('dropped dot');
});

test('a refusal in the middle of a large message ends it', async () => {
  const big = Buffer.alloc(20_000_000, 'x'.repeat(76) + '\r\n');
  const server = await serve([
    ...plain,
    ...[MAIL, '< 250 ok', RCPT, '< 250 ok', '> DATA', '< 354 go', '#100', '< 552 5.3.4 too large'],
  ]);
  const session = await open(server);
  expect(told(await session.transact(envelope(), big))).toBe('refused dot 552');
  expect(session.isUsable).toBe(false);
});

test('a large message arrives byte for byte, with its dots', async () => {
  const line = '.dot at the start, and so on for a while until the line is long enough\r\n';
  const big = Buffer.from(line.repeat(20_000));
  const server = await serve([
    ...plain,
    ...[MAIL, '< 250 ok', RCPT, '< 250 ok', '> DATA', '< 354 go', '.', '< 250 taken'],
  ]);
  const session = await open(server);
  expect(told(await session.transact(envelope(), big))).toBe('accepted 250');
  expect(server.kept[0]?.toString()).toBe(`.${line}`.repeat(20_000) + '.\r\n');
});

const openings: [string, Step[], string][] = [
  ['554 greeting', ['< 554 5.7.1 no access from here', '> QUIT', '< 221 bye'], 'refused greeting 554'],
  ['421 greeting', ['< 421 too many connections'], 'refused greeting 421'],
  ['drop before the greeting', ['!close'], 'dropped greeting'],
  ['no greeting', ['!hang'], 'dropped greeting'],
  ['a greeting that is none', ['< SSH-2.0-OpenSSH_9.6'], 'dropped greeting'],
  ['more than a greeting', ['< 220 hi\r\n250 early'], 'dropped ehlo'],
  ['550 to EHLO', ['< 220 hi', '> EHLO us.test', '< 550 5.7.1 bad name'], 'refused ehlo 550'],
  [
    'EHLO and HELO unknown',
    ['< 220 hi', '> *', '< 502 what?', '> HELO us.test', '< 550 no'],
    'refused ehlo 550',
  ],
  ['drop after EHLO', ['< 220 hi', '> EHLO us.test', '!close'], 'dropped ehlo'],
];
test.each(openings)('opening: %s', async (_name, script, verdict) => {
  const server = await serve(script);
  const opened = await Session.open(await server.dial(), {
    ehlo: 'us.test',
    host: 'mx.test',
    tls: 'none',
    timeouts: quick,
  });
  expect(opened.kind === 'open' ? 'open' : told(opened)).toBe(verdict);
});

test('a reply that drips in byte by byte does not stretch the time-out', async () => {
  const drip = (peer: Peer) =>
    new Promise<void>((resolve) => {
      const timer = setInterval(() => peer.socket.write('2'), 10);
      peer.socket.once('close', () => {
        clearInterval(timer);
        resolve();
      });
    });
  const server = await serve([...plain, MAIL, drip]);
  const session = await open(server, { timeouts: quick });
  const began = performance.now();
  const result = await session.transact(envelope(), message);
  expect(result).toMatchObject({ kind: 'dropped', stage: 'mail', error: { name: 'Timeout' } });
  expect(performance.now() - began).toBeLessThan(2000);
});

test('a server that knows only HELO is served one command at a time', async () => {
  const server = await serve([
    ...['< 220 hi', '> EHLO us.test', '< 500 unrecognized', '> HELO us.test', '< 250 hi'],
    ...[MAIL, '< 250 ok', RCPT, '< 250 ok', '> DATA', '< 354 go', '.', '< 250 taken'],
  ]);
  expect(told(await (await open(server)).transact(envelope(), message))).toBe('accepted 250');
  expect(server.complaints).toEqual([]);
});

// ── RFC 3207 ──────────────────────────────────────────────────────────────────────────────────────────────────────

test('after STARTTLS all that was learnt in clear is forgotten', async () => {
  const server = await serve([
    ...hello('STARTTLS', 'PIPELINING', 'CHUNKING', 'SIZE 5'),
    ...['> STARTTLS', '< 220 go', '!tls', '> EHLO us.test', '< 250-mx.test\r\n250 8BITMIME'],
    ...[MAIL, '< 250 ok', RCPT, '< 250 ok', '> DATA', '< 354 go', '.', '< 250 taken'],
  ]);
  const session = await open(server, { tls: 'opportunistic', record: true });
  expect(session.caps).toMatchObject({ pipelining: false, chunking: false, maxSize: 0, eightBitMime: true });
  expect(session.tls).toMatchObject({ protocol: 'TLSv1.3', verified: false });
  expect(told(await session.transact(envelope(), message))).toBe('accepted 250');
  expect(server.complaints).toEqual([]);
  const lines = session.transcript();
  expect(lines).toContain('> STARTTLS');
  expect(lines.find((line) => line.startsWith('tls TLSv1.3'))).toBeDefined();
  expect(lines.join('\n')).not.toContain('hello');
});

test('bytes put in behind the 220 to STARTTLS end the connection', async () => {
  const server = await serve([...hello('STARTTLS'), '> STARTTLS', '< 220 go\r\n250 injected', '!tls']);
  const opened = await Session.open(await server.dial(), {
    ehlo: 'us.test',
    host: 'mx.test',
    tls: 'opportunistic',
  });
  expect(opened).toMatchObject({ kind: 'dropped', stage: 'starttls', error: { name: 'TlsFailure' } });
});

test.each([
  ['nonsense', [Buffer.from('this is no handshake\r\n')]],
  ['a reset', ['!reset']],
  ['an end', ['!close']],
  ['silence', ['!hang']],
] as [string, Step[]][])('a handshake met with %s is a tls failure', async (_name, steps) => {
  const server = await serve([...hello('STARTTLS'), '> STARTTLS', '< 220 go', ...steps]);
  const opened = await Session.open(await server.dial(), {
    ehlo: 'us.test',
    host: 'mx.test',
    tls: 'opportunistic',
    timeouts: { ...quick, tls: 60 },
  });
  expect(opened).toMatchObject({ kind: 'dropped', stage: 'starttls', error: { name: 'TlsFailure' } });
});

test('a refused STARTTLS goes on in clear where that is allowed, and nowhere else', async () => {
  const script = [...hello('STARTTLS'), '> STARTTLS', '< 454 4.7.0 no certificate today', '> *', '< 221 bye'];
  const server = await serve(script);
  const session = await open(server, { tls: 'opportunistic' });
  expect(session.tls).toBeNull();
  expect(session.tlsRefusal).toMatchObject({ code: 454 });
  const opened = await Session.open(await server.dial(), {
    ehlo: 'us.test',
    host: 'mx.test',
    tls: 'required',
  });
  expect(opened).toMatchObject({ kind: 'refused', stage: 'starttls', reply: { code: 454 } });
});

test('a server without STARTTLS is refused, for now, where TLS is required', async () => {
  const server = await serve([...plain, '> QUIT', '< 221 bye']);
  const opened = await Session.open(await server.dial(), {
    ehlo: 'us.test',
    host: 'mx.test',
    tls: 'required',
  });
  expect(opened).toMatchObject({ kind: 'refused', stage: 'starttls', local: true, reply: { code: 450 } });
});

// ── who may be written to ─────────────────────────────────────────────────────────────────────────────────────────

test('a recipient who may not be mailed leaves no byte on the wire, and the session serves the next', async () => {
  const server = await serve([
    ...pipelining,
    MAIL_SIZE,
    RCPT,
    '> DATA',
    '< 250 ok\r\n250 ok\r\n354 go',
    '.',
    '< 250 ok',
  ]);
  const session = await open(server);
  const withheld = envelope({ rcptTo: 'gone@there.test', maySend: () => ({ refused: 'suppressed' }) });
  expect(told(await session.transact(withheld, message))).toBe('withheld suppressed');
  expect(told(await session.transact(envelope(), message))).toBe('accepted 250');
  expect(server.heard.join()).not.toContain('gone');
  expect(server.complaints).toEqual([]);
});

test('one command at a time: a suppression that comes while MAIL is answered keeps RCPT off the wire', async () => {
  let suppressed = false;
  const server = await serve([
    ...plain,
    ...[MAIL, () => void (suppressed = true), '< 250 ok'],
    ...[
      '> RSET',
      '< 250 ok',
      '> MAIL FROM:<c@us.test>',
      '< 250 ok',
      '> RCPT TO:<ben@there.test>',
      '< 550 no',
    ],
  ]);
  const session = await open(server);
  const maySend = () => (suppressed ? { refused: 'suppressed' } : (true as const));
  expect(told(await session.transact(envelope({ maySend }), message))).toBe('withheld suppressed');
  const next = envelope({ mailFrom: 'c@us.test', rcptTo: 'ben@there.test' });
  expect(told(await session.transact(next, message))).toBe('refused rcpt 550');
  expect(server.heard.join()).not.toContain('anna');
  expect(server.complaints).toEqual([]);
});

// ── what EHLO rules out ───────────────────────────────────────────────────────────────────────────────────────────

test('what the server cannot take is refused before a byte is written', async () => {
  const server = await serve([...hello('SIZE 20', 'PIPELINING'), '!hang']);
  const session = await open(server);
  const local = async (over: Partial<Envelope>, body: Buffer) => {
    const result = await session.transact(envelope(over), body);
    return result.kind === 'refused' && result.local
      ? `${result.reply.code} ${result.reply.enhanced}`
      : told(result);
  };
  // RFC 1870 6.1, RFC 6531 3.5, RFC 6152 3
  expect(await local({}, message)).toBe('552 5.3.4');
  expect(await local({ rcptTo: 'zoé@there.test' }, message)).toBe('553 5.6.7');
  expect(await local({ smtputf8: true }, message)).toBe('553 5.6.7');
  expect(await local({ body8bit: true }, message)).toBe('554 5.6.3');
  expect(session.isUsable).toBe(true);
});

test('parameters are given to those who offered them', async () => {
  const server = await serve([
    ...hello('8BITMIME', 'SMTPUTF8', 'SIZE', 'DSN'),
    ...['> MAIL FROM:<> SIZE=22 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb+20c', '< 250 ok'],
    ...['> RCPT TO:<zoé@there.test> NOTIFY=FAILURE,DELAY ORCPT=rfc822;zo+C3+A9@there.test', '< 550 no'],
  ]);
  const session = await open(server);
  const dsn = { envid: 'a+b c', ret: 'HDRS', notify: ['FAILURE', 'DELAY'], orcpt: 'zoé@there.test' } as const;
  const odd = envelope({
    mailFrom: '',
    rcptTo: 'zoé@there.test',
    smtputf8: true,
    body8bit: true,
    dsn: { ...dsn, notify: [...dsn.notify] },
  });
  await session.transact(odd, message);
  expect(server.complaints).toEqual([]);
});

test.each(['a@b\r\nRCPT TO:<c@d', 'a@b> SIZE=1', 'a b@c.test', 'a\u0000@b', `${'a'.repeat(330)}@b.test`])(
  'an address that could end the command never reaches the line: %j',
  async (address) => {
    const server = await serve([...pipelining, '!hang']);
    const session = await open(server);
    await expect(session.transact(envelope({ rcptTo: address }), message)).rejects.toThrow('cannot stand');
    await expect(session.transact(envelope({ mailFrom: address }), message)).rejects.toThrow('cannot stand');
    expect(session.isUsable).toBe(true);
  },
);

// ── life of a connection ──────────────────────────────────────────────────────────────────────────────────────────

test('a server that says 421 while we wait ends the session, and says so to the pool', async () => {
  let release = () => {};
  const server = await serve([
    ...plain,
    () => new Promise<void>((resolve) => (release = resolve)),
    '< 421 idle too long',
  ]);
  const session = await open(server);
  const closed = new Promise<void>((resolve) => (session.onClosed = resolve));
  release();
  await closed;
  expect(session.isUsable).toBe(false);
  expect(await session.transact(envelope(), message)).toMatchObject({
    kind: 'dropped',
    dotSent: false,
    error: { message: 'the remote closed the connection: idle too long' },
  });
});

test('RFC 9422: a session ends after as many messages as the server bears', async () => {
  const one = [MAIL, '< 250 ok', RCPT, '< 550 no'];
  const server = await serve([...hello('LIMITS MAILMAX=2 RCPTMAX=1'), ...one, '> RSET', '< 250 ok', ...one]);
  const session = await open(server);
  await session.transact(envelope(), message);
  expect(session.isUsable).toBe(true);
  await session.transact(envelope(), message);
  expect(session.isUsable).toBe(false);
});

test('RSET by hand leaves the session usable, and a lost line does not', async () => {
  const server = await serve([...plain, '> RSET', '< 250 ok', '> RSET', '!close']);
  const session = await open(server);
  expect(await session.reset()).toBe(true);
  expect(await session.reset()).toBe(false);
  expect(session.isUsable).toBe(false);
});

test('quit does not wait for a server that says nothing, and may be called twice', async () => {
  const server = await serve([...plain, '> QUIT', '!hang']);
  const session = await open(server, { timeouts: quick });
  await Promise.all([session.quit(), session.quit()]);
  await session.quit();
  expect(session.isUsable).toBe(false);
});
