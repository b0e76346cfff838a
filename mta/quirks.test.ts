/** Servers that offer what they cannot do cost a message a round trip, once, and nobody a message. */
import { expect, onTestFinished, test } from 'vitest';
import { connect, type Connected } from './connect.ts';
import type { Envelope } from './envelope.ts';
import { BrokenTls } from './policy.ts';
import { Quirks } from './quirks.ts';
import { scripted, type Step } from './testing.ts';

const DAY = 24 * 3_600_000;
const message = Buffer.from('Subject: hi\r\n\r\nhello\r\n');
const envelope: Envelope = { mailFrom: 'b@us.test', rcptTo: 'anna@there.test', maySend: () => true };
const MAIL = '> MAIL FROM:<b@us.test>';
const RCPT = '> RCPT TO:<anna@there.test>';

const hello = (...lines: string[]): Step[] => [
  '< 220 hi',
  '> EHLO us.test',
  `< ${['mx.test', ...lines].map((line, at) => `250${at < lines.length ? '-' : ' '}${line}`).join('\r\n')}`,
];

/** Each script is one connection; the answers are how the transactions on them ended. */
async function through(quirks: Quirks, ...scripts: Step[][]): Promise<string[]> {
  const server = await scripted(...scripts);
  const told: string[] = [];
  const opened: Connected[] = [];
  onTestFinished(async () => {
    for (const one of opened) if (one.kind === 'session') one.session.destroy();
    await server.close();
  });
  for (let at = 0; at < scripts.length; at++) {
    const one = await connect(
      { host: 'mx.test', address: '127.0.0.1', port: server.port },
      {
        ehlo: 'us.test',
        policy: { kind: 'opportunistic' },
        brokenTls: new BrokenTls(),
        quirks,
        now: 0,
        allowPrivateTargets: true,
        timeouts: { rcpt: 60, dot: 60 },
      },
    );
    opened.push(one);
    if (one.kind !== 'session') throw new Error('no session');
    const result = await one.session.transact(envelope, message);
    told.push(
      result.kind === 'accepted' ? 'accepted' : `${result.kind}${'lie' in result ? ` ${result.lie}` : ''}`,
    );
  }
  expect(server.complaints).toEqual([]);
  return told;
}

test('BDAT that is not known is no refusal: the next connection sends by DATA, and so do those after it', async () => {
  const quirks = new Quirks();
  const lying = hello('PIPELINING', 'CHUNKING');
  const data: Step[] = [MAIL, RCPT, '> DATA', '< 250 ok\r\n250 ok\r\n354 go on', '.', '< 250 taken'];
  expect(
    await through(
      quirks,
      [...lying, MAIL, RCPT, '> *', `#${message.length}`, '< 250 ok\r\n250 ok\r\n500 what'],
      [...lying, ...data],
      [...lying, ...data],
    ),
  ).toEqual(['dropped chunking', 'accepted', 'accepted']);
  expect(quirks.mayUse('mx.test', 'chunking', 2 * DAY)).toBe(false);
  expect(quirks.mayUse('mx.test', 'chunking', 4 * DAY)).toBe(true);
});

test('a message that is refused after BDAT is refused', async () => {
  const quirks = new Quirks();
  const lying = hello('PIPELINING', 'CHUNKING');
  const refusal = [MAIL, RCPT, '> *', `#${message.length}`, '< 250 ok\r\n250 ok\r\n550 5.7.1 no'];
  expect(await through(quirks, [...lying, ...refusal])).toEqual(['refused']);
  expect(quirks.mayUse('mx.test', 'chunking', 0)).toBe(true);
});

test('SIZE that is not known in MAIL is left out', async () => {
  const size = `${MAIL} SIZE=${message.length}`;
  expect(
    await through(
      new Quirks(),
      [...hello('SIZE'), size, '< 555 5.5.4 what is SIZE'],
      [...hello('SIZE'), MAIL, '< 250 ok', RCPT, '< 250 ok', '> DATA', '< 354 go on', '.', '< 250 taken'],
    ),
  ).toEqual(['refused size', 'accepted']);
});

test('who falls silent twice in the middle of what was pipelined is sent one command at a time', async () => {
  const quirks = new Quirks();
  const oneByOne: Step[] = [MAIL, '< 250 ok', RCPT, '< 250 ok', '> DATA', '< 354 go on', '.', '< 250 taken'];
  const silent = [...hello('PIPELINING'), MAIL, RCPT, '> DATA', '< 250 ok'];
  expect(await through(quirks, silent, silent, [...hello('PIPELINING'), ...oneByOne])).toEqual([
    'dropped',
    'dropped',
    'accepted',
  ]);
});

test('an answer to all commands makes up for one silence', () => {
  const quirks = new Quirks();
  quirks.fellSilent('mx.test', 0);
  quirks.keptUp('mx.test');
  quirks.fellSilent('mx.test', 0);
  expect(quirks.mayUse('mx.test', 'pipelining', 0)).toBe(true);
  quirks.fellSilent('mx.test', 0);
  expect(quirks.mayUse('mx.test', 'pipelining', 0)).toBe(false);
});
