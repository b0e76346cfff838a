/* oxlint-disable unicorn/no-useless-spread -- one spread a line keeps what belongs together together */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { capabilitiesOf } from './capabilities.ts';
import { bareLineEnd, dotStuffed } from './dot.ts';
import { ReplyReader, readReply } from './reply.ts';

const read = (...chunks: (string | Buffer)[]) => {
  const reader = new ReplyReader();
  const replies = [];
  for (const chunk of chunks) {
    reader.push(Buffer.from(chunk as string));
    for (let reply = reader.next(); reply !== null; reply = reader.next()) replies.push(reply);
  }
  return replies;
};

test.each([
  ['250 ok\r\n', { code: 250, text: 'ok', lines: ['ok'] }],
  ['250\r\n', { code: 250, text: '', lines: [''] }],
  ['250 \r\n', { code: 250, text: '', lines: [''] }],
  ['550 5.1.1 no\r\n', { code: 550, enhanced: '5.1.1', text: 'no', lines: ['5.1.1 no'] }],
  ['550 #5.1.1 no\r\n', { code: 550, enhanced: '5.1.1', text: 'no' }],
  ['550 [5.1.1] no\r\n', { code: 550, enhanced: '5.1.1', text: 'no' }],
  [
    '550-5.7.26 one\r\n550-5.7.26 two\r\n550 5.7.26  three\r\n',
    { enhanced: '5.7.26', text: 'one two three' },
  ],
  ['554 5.7.1.9 is no status\r\n', { code: 554, text: '5.7.1.9 is no status' }],
  ['550 \u001b[31mred\u0007\u202e\r\n', { text: '[31mred' }],
  ['550 Bo\u00eete pleine\r\n', { text: 'Boîte pleine' }],
] as [string, object][])('%j is read as it is meant', (wire, reply) => {
  expect(read(wire)).toEqual([expect.objectContaining(reply)]);
});

test('an answer in Latin-1 is still an answer', () => {
  expect(read(Buffer.from('550 Bo\u00eete pleine\r\n', 'latin1'))).toMatchObject([{ text: 'Boîte pleine' }]);
});

test('a text is kept up to 2 KiB and never cut in the middle of a letter; 200 lines are one reply', () => {
  const [long] = read('550-' + 'é'.repeat(1500) + '\r\n550 end\r\n');
  expect(Buffer.byteLength(long!.text)).toBeLessThanOrEqual(2048);
  expect(long!.text).not.toContain('\ufffd');
  const many = read(
    Array.from({ length: 200 }, (_, at) => `550${at < 199 ? '-' : ' '}5.7.1 line ${at}\r\n`).join(''),
  );
  expect(many).toHaveLength(1);
  expect(many[0]!.lines).toHaveLength(100);
});

test('where the packets were cut makes no difference', () => {
  const wire = Buffer.from('220 hi\r\n250-mx\r\n250-SIZE 5\r\n250 PIPELINING\r\n550 5.1.1 né\r\n');
  const whole = read(wire);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: wire.length }), { maxLength: 8 }), (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), wire.length];
      const chunks = at.slice(1).map((end, index) => wire.subarray(at[index], end));
      expect(read(...chunks)).toEqual(whole);
    }),
  );
});

test('capabilities are what was said, in any case of letters', () => {
  const caps = capabilitiesOf([
    'mx',
    'pipelining',
    'SIZE 35882577',
    '8BITMIME',
    'SMTPUTF8',
    'Chunking',
    'STARTTLS',
    'LIMITS RCPTMAX=9 MAILMAX=20',
    'X-ODD',
  ]);
  expect(caps).toEqual({
    ...{
      pipelining: true,
      size: true,
      maxSize: 35882577,
      eightBitMime: true,
      smtpUtf8: true,
      chunking: true,
    },
    ...{ starttls: true, dsn: false, enhancedStatusCodes: false, mailMax: 20 },
    ...{ auth: [], requireTls: false },
  });
  expect(capabilitiesOf(['PIPELINING is my name'])).toMatchObject({ pipelining: false });
  expect(capabilitiesOf(['mx', 'SIZE', 'SIZE 99999999999999999999'])).toMatchObject({
    size: true,
    maxSize: 0,
  });
});

test('an enhanced code that stands in the text of a refusal we write ourselves is read too', () => {
  expect(readReply(552, ['5.3.4 too big'])).toEqual({
    code: 552,
    enhanced: '5.3.4',
    text: 'too big',
    lines: ['5.3.4 too big'],
  });
});

// RFC 5321 4.5.2, said the other way round: what the receiver undoes must be the message.
const unstuffed = (wire: string): string => {
  expect(wire.endsWith('\r\n.\r\n') || wire === '.\r\n').toBe(true);
  const body = wire.slice(0, -3);
  expect(body).not.toMatch(/(?:^|\r\n)\.\r\n/);
  return body.replace(/(^|\r\n)\.(?=.)/gs, '$1');
};

test('dot-stuffing gives the receiver the message, wherever the pieces are cut', () => {
  const line = fc.stringMatching(/^[.a]{0,4}$/);
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.array(fc.nat(60), { maxLength: 6 }), (lines, cuts) => {
      const message = Buffer.from(lines.map((text) => `${text}\r\n`).join(''));
      const at = [
        0,
        ...cuts.map((cut) => Math.min(cut, message.length)).sort((a, b) => a - b),
        message.length,
      ];
      const pieces = at.slice(1).map((end, index) => message.subarray(at[index], end));
      expect(unstuffed(Buffer.concat(dotStuffed(pieces)).toString())).toBe(message.toString());
    }),
    { numRuns: 500 },
  );
});

test('a message without a last line end is given one, and a large one without dots is not copied', () => {
  expect(Buffer.concat(dotStuffed([Buffer.from('a\r\nb')])).toString()).toBe('a\r\nb\r\n.\r\n');
  expect(Buffer.concat(dotStuffed([Buffer.from('a\r'), Buffer.from('\n')])).toString()).toBe('a\r\n.\r\n');
  const piece = Buffer.from('a\r\n');
  expect(dotStuffed([piece])[0]).toBe(piece);
});

test.each([
  ['a\r\nb\r\n', -1],
  ['', -1],
  ['a\nb', 1],
  ['a\r\nb\n.\r\n', 4],
  ['a\rb\r\n', 1],
  ['a\r', 1],
  ['\r\r\n', 0],
])('bare line ends in %j are found at %i', (text, at) => expect(bareLineEnd(Buffer.from(text))).toBe(at));
