/** The three scanners by their protocols: what each says, and what is made of one that is away, late, mute or lies. */
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { schema } from '../config/schema.ts';
import { manualClock, type ManualClock } from '../core/clock.ts';
import { silentLog } from '../core/log.ts';
import { createMetrics } from '../core/metrics.ts';
import { Scanners } from './scan.ts';
import { readPlace } from './scan-wire.ts';
import {
  rspamdSays,
  spamdSays,
  testClamd,
  testRspamd,
  testSpamd,
  type Script,
  type TestScanner,
} from './scanner.testing.ts';

const MAIL = Buffer.from('From: ana@remote.example\r\nSubject: hello\r\n\r\n.\r\nhello \xe9\r\n', 'latin1');
const envelope = {
  mailFrom: 'ana@remote.example',
  rcptTo: ['us@shop.example', 'you@shop.example'],
  remoteIp: '203.0.113.9',
  helo: 'mx.remote.example',
};
const patient = 10_000;
const HUGE = 'A'.repeat(3 * 1024 * 1024);

function scanners(scan: Record<string, unknown>, clock: ManualClock = manualClock()) {
  const metrics = createMetrics();
  const config = schema.parse({ inbound: { scan: { timeout_ms: patient, ...scan } } });
  return { clock, metrics, scanners: new Scanners({ config, clock, metrics, log: silentLog }) };
}

async function nobody(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}

type Word = string | { spam: boolean; points: number; limit: number; rules: string[] };

/** What is made of one message: the scanner's word, or why there is none. */
async function clamavSays(place: string, { timeout = patient, raw = MAIL, maxSize = 1e8 } = {}) {
  const { scanners: all } = scanners({ clamav: place, timeout_ms: timeout, max_size: maxSize });
  const { malware, rules } = await all.malware(raw, envelope);
  return { malware, why: rules[0]?.why };
}

async function filterSays(setting: object, timeout = patient): Promise<Word> {
  const { scanners: all } = scanners({ ...setting, timeout_ms: timeout, spam_max_size: 1e8 });
  const { words, rules } = await all.spam(MAIL, envelope);
  const [word] = words;
  return word === undefined
    ? (rules[0]?.why ?? 'nothing')
    : { spam: word.isSpam, points: word.points, limit: word.limit, rules: word.rules };
}

test('when none is set, nobody is asked and nothing is said', async () => {
  const { scanners: all } = scanners({});
  expect(await all.malware(MAIL, envelope)).toEqual({ malware: null, rules: [] });
  expect(await all.spam(MAIL, envelope)).toEqual({ words: [], rules: [] });
});

describe('ClamAV', () => {
  test('is sent the message byte by byte, in chunks, and its finding is named', async () => {
    const clamd = await testClamd(() => 'stream: Win.Test.EICAR_HDB-1 FOUND\0');
    const large = Buffer.alloc(2.5 * 1024 * 1024, 'abc');
    expect(await clamavSays(clamd.place, { raw: large })).toEqual({
      malware: 'Win.Test.EICAR_HDB-1',
      why: 'ClamAV found Win.Test.EICAR_HDB-1',
    });
    expect(clamd.seen.map((raw) => raw.equals(large))).toEqual([true]);
  });

  test.each<[string, ReturnType<Script>, string]>([
    ['nothing found', 'stream: OK\0', 'ClamAV found nothing'],
    ['garbage', '\x01\x02HTTP/1.1 400 what\0', 'not scanned by ClamAV: it said "?HTTP/1.1 400 what"'],
    [
      'an error of its own',
      "stream: Can't allocate memory ERROR\0",
      'not scanned by ClamAV: it said "stream: Can\'t allocate memory ERROR"',
    ],
    [
      'a message too large for it',
      'INSTREAM size limit exceeded. ERROR\0',
      'not scanned by ClamAV: it takes no message of this size',
    ],
    ['half an answer', 'stream: O', 'not scanned by ClamAV: its answer breaks off'],
    ['OK of another kind', 'stream: OK FOUND NOT\0', 'not scanned by ClamAV: it said "stream: OK FOUND NOT"'],
    ['closing', 'close', 'not scanned by ClamAV: it closed without an answer'],
    ['a reset', 'reset', 'not scanned by ClamAV: it closed without an answer'],
    ['a huge answer', HUGE, 'not scanned by ClamAV: its answer is too long'],
  ])('%s', async (_, answer, why) => {
    const clamd = await testClamd(() => answer);
    expect(await clamavSays(clamd.place)).toEqual({ malware: null, why });
  });

  test('one that never answers keeps a message no longer than its time-out', async () => {
    const clamd = await testClamd(() => undefined);
    const said = await clamavSays(clamd.place, { timeout: 80 });
    expect(said).toEqual({ malware: null, why: 'not scanned by ClamAV: no answer in time' });
  });

  test('one that is not there', async () => {
    const said = await clamavSays(await nobody());
    expect(said).toEqual({ malware: null, why: 'not scanned by ClamAV: nothing listens there' });
  });

  test('a message above the size is not sent to it', async () => {
    const clamd = await testClamd(() => 'stream: OK\0');
    expect((await clamavSays(clamd.place, { maxSize: MAIL.length })).why).toBe('ClamAV found nothing');
    expect((await clamavSays(clamd.place, { maxSize: MAIL.length - 1 })).why).toContain('larger than');
    expect(clamd.connections()).toBe(1);
  });
});

describe('SpamAssassin', () => {
  test('is sent the message byte by byte, and says its points and rules', async () => {
    const spamd = await testSpamd(() => spamdSays(true, 7.5));
    expect(await filterSays({ spamassassin: spamd.place })).toEqual({
      spam: true,
      points: 7.5,
      limit: 5,
      rules: ['A_RULE', 'OTHER_RULE'],
    });
    expect(spamd.seen.map((raw) => raw.equals(MAIL))).toEqual([true]);
  });

  test.each(['', 'x', 'Subject: no end', `${'long '.repeat(100_000)}`])(
    'is told where a message without a last line end ends (%#)',
    async (text) => {
      const spamd = await testSpamd(() => spamdSays(true, 6));
      const { scanners: all } = scanners({ spamassassin: spamd.place });
      const { words } = await all.spam(Buffer.from(text), envelope);
      expect(words).toMatchObject([{ isSpam: true }]);
      expect(spamd.seen.map(String)).toEqual([text]);
    },
  );

  test.each<[string, ReturnType<Script>, Word]>([
    ['not spam', spamdSays(false, -1.2, ''), { spam: false, points: -1.2, limit: 5, rules: [] }],
    [
      'no length: its closing is the end',
      'SPAMD/1.5 0 EX_OK\r\nSpam: yes ; 6 / 5\r\n\r\nX_Y',
      { spam: true, points: 6, limit: 5, rules: ['X_Y'] },
    ],
    [
      'garbage',
      '220 smtp.example ESMTP\r\n',
      'not scanned by SpamAssassin: it said "220 smtp.example ESMTP?"',
    ],
    ['an error', 'SPAMD/1.0 74 IO error\r\n', 'not scanned by SpamAssassin: it said "74 IO error"'],
    [
      'no verdict',
      'SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\n\r\n',
      'not scanned by SpamAssassin: its answer has no verdict',
    ],
    ['half an answer', spamdSays(true, 9).slice(0, -3), 'not scanned by SpamAssassin: its answer breaks off'],
    [
      'half a header',
      'SPAMD/1.1 0 EX_OK\r\nSpam: True ; 9',
      'not scanned by SpamAssassin: its answer breaks off',
    ],
    ['closing', 'close', 'not scanned by SpamAssassin: it closed without an answer'],
    ['a huge answer', HUGE, 'not scanned by SpamAssassin: its answer is too long'],
  ])('%s', async (_, answer, expected) => {
    const spamd = await testSpamd(() => answer);
    expect(await filterSays({ spamassassin: spamd.place })).toEqual(expected);
  });

  test('one that never answers', async () => {
    const spamd = await testSpamd(() => undefined);
    expect(await filterSays({ spamassassin: spamd.place }, 80)).toBe(
      'not scanned by SpamAssassin: no answer in time',
    );
  });
});

describe('rspamd', () => {
  test('is sent the message and the envelope, and says its points and rules', async () => {
    const rspamd = await testRspamd(() => rspamdSays('add header', 8.126));
    expect(await filterSays({ rspamd: rspamd.url })).toEqual({
      spam: true,
      points: 8.13,
      limit: 15,
      rules: ['BAYES_SPAM'],
    });
    expect(rspamd.seen.map((raw) => raw.equals(MAIL))).toEqual([true]);
    expect(rspamd.fields[0]).toMatchObject({
      from: 'ana@remote.example',
      rcpt: 'us@shop.example, you@shop.example',
      ip: '203.0.113.9',
      helo: 'mx.remote.example',
    });
  });

  test('an envelope that could break into its header fields is left out', async () => {
    const rspamd = await testRspamd(() => rspamdSays('no action', 0));
    const { scanners: all } = scanners({ rspamd: rspamd.url });
    const hostile = { mailFrom: 'a@b\r\nPassword: x', rcptTo: ['ü@x.example'], remoteIp: 'x', helo: 'a b' };
    await all.spam(MAIL, hostile);
    const { from, rcpt, ip, helo, password } = rspamd.fields[0]!;
    expect([from, rcpt, ip, helo, password]).toEqual(Array(5).fill(undefined));
  });

  test.each<[string, number | ReturnType<Script>, Word]>([
    ['not spam', rspamdSays('no action', 1), { spam: false, points: 1, limit: 15, rules: ['BAYES_SPAM'] }],
    [
      'greylisting is no verdict on what it is',
      rspamdSays('greylist', 4.5),
      { spam: false, points: 4.5, limit: 15, rules: ['BAYES_SPAM'] },
    ],
    ['reject', rspamdSays('reject', 20), { spam: true, points: 20, limit: 15, rules: ['BAYES_SPAM'] }],
    ['a status', 503, 'not scanned by rspamd: it answered with HTTP 503'],
    ['too large', 413, 'not scanned by rspamd: it takes no message of this size'],
    ['garbage', '<html>', 'not scanned by rspamd: its answer is not JSON'],
    ['other JSON', '{"score":"high"}', 'not scanned by rspamd: its answer has no verdict'],
    ['closing', 'close', 'not scanned by rspamd: it closed without an answer'],
    ['a huge answer', HUGE, 'not scanned by rspamd: its answer is too long'],
  ])('%s', async (_, answer, expected) => {
    const rspamd = await testRspamd(() => answer);
    expect(await filterSays({ rspamd: rspamd.url })).toEqual(expected);
  });

  test('one that never answers, and one that is not there', async () => {
    const rspamd = await testRspamd(() => undefined);
    expect(await filterSays({ rspamd: rspamd.url }, 80)).toBe('not scanned by rspamd: no answer in time');
    expect(await filterSays({ rspamd: `http://${await nobody()}` })).toBe(
      'not scanned by rspamd: nothing listens there',
    );
  });
});

describe('one that fails', () => {
  const scan = async (all: Scanners) => (await all.malware(MAIL, envelope)).rules[0]?.why;
  const flaky = async (): Promise<TestScanner & { well: boolean }> => {
    const state = { well: false };
    const clamd = await testClamd(() => (state.well ? 'stream: OK\0' : 'close'));
    return Object.assign(state, clamd);
  };

  test('is left alone after three failures, tried again later, and asked for all when it is back', async () => {
    const clamd = await flaky();
    const { scanners: all, clock, metrics } = scanners({ clamav: clamd.place });
    for (let i = 0; i < 3; i++)
      expect(await scan(all)).toBe('not scanned by ClamAV: it closed without an answer');
    expect(await scan(all)).toBe('not scanned by ClamAV: left alone after: it closed without an answer');
    expect(clamd.connections()).toBe(3);
    await clock.advance(15_000);
    clamd.well = true;
    expect([await scan(all), await scan(all)]).toEqual(['ClamAV found nothing', 'ClamAV found nothing']);
    expect(metrics.text()).toContain('parley_inbound_scans{scanner="clamav",result="unscanned"} 4');
    expect(metrics.text()).toContain('parley_inbound_scans{scanner="clamav",result="clean"} 2');
  });

  test('messages that it refuses for their size do not switch it off', async () => {
    const clamd = await testClamd((raw) =>
      raw.length > MAIL.length ? 'INSTREAM size limit exceeded. ERROR\0' : 'stream: X FOUND\0',
    );
    const { scanners: all } = scanners({ clamav: clamd.place });
    const large = Buffer.concat([MAIL, MAIL]);
    for (let i = 0; i < 5; i++) expect((await all.malware(large, envelope)).malware).toBe(null);
    expect((await all.malware(MAIL, envelope)).malware).toBe('X');
  });

  test('a hundred messages at once are asked eight at a time, and all are answered', async () => {
    let most = 0;
    const clamd = await testClamd(() => {
      most = Math.max(most, clamd.seen.length - answered);
      return 'stream: OK\0';
    });
    let answered = 0;
    const { scanners: all } = scanners({ clamav: clamd.place });
    const said = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const why = await scan(all);
        answered++;
        return why;
      }),
    );
    expect(new Set(said)).toEqual(new Set(['ClamAV found nothing']));
    expect(clamd.connections()).toBe(100);
    expect(most).toBeLessThanOrEqual(8);
  });

  test('those that wait behind a mute one are let go too', async () => {
    const clamd = await testClamd(() => undefined);
    const { scanners: all } = scanners({ clamav: clamd.place, timeout_ms: 60 });
    const said = await Promise.all(Array.from({ length: 30 }, () => scan(all)));
    expect(said.every((why) => why?.startsWith('not scanned by ClamAV'))).toBe(true);
    expect(clamd.connections()).toBeLessThanOrEqual(16);
  });
});

test.each([
  ['127.0.0.1:3310', { host: '127.0.0.1', port: 3310 }],
  ['[::1]:783', { host: '::1', port: 783 }],
  ['scan.internal:783', { host: 'scan.internal', port: 783 }],
  ['/run/clamav/clamd.ctl', { path: '/run/clamav/clamd.ctl' }],
  ['', undefined],
  ['localhost', undefined],
  ['a:0', undefined],
  ['a:70000', undefined],
])('where %s is', (text, place) => {
  expect(readPlace(text)).toEqual(place);
});
