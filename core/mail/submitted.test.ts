import { describe, expect, test } from 'vitest';
import { prepareSubmitted, decodeWords } from './submitted.ts';

const OPTIONS = { now: 0, id: 'made', received: 'Received: by test; now', smtputf8: false };
const prepare = (raw: string | Buffer, more: Partial<typeof OPTIONS> = {}) =>
  prepareSubmitted(typeof raw === 'string' ? Buffer.from(raw) : raw, { ...OPTIONS, ...more });
const textOf = (raw: string | Buffer, more: Partial<typeof OPTIONS> = {}) => {
  const result = prepare(raw, more);
  if (result.kind === 'refused') throw new Error(result.reason);
  return result.message.bytes.toString('utf8');
};
const lines = (...all: string[]) => `${all.join('\r\n')}\r\n`;
const FROM = 'From: Till <till@shop.example>';

describe('what is missing is added', () => {
  test('Date and Message-ID (RFC 6409 8.2, 8.3), and our trace on top', () => {
    const text = textOf(lines(FROM, 'Subject: x', '', 'hello'));
    expect(text).toMatch(/^Received: by test/);
    expect(text).toContain('Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n');
    expect(text).toContain('Message-ID: <made@shop.example>\r\n');
    expect(text.endsWith('\r\n\r\nhello\r\n')).toBe(true);
  });

  test('what the program wrote itself is kept', () => {
    const text = textOf(lines(FROM, 'Date: Mon, 1 Jan 2024 10:00:00 +0100', 'Message-ID: <a@b>', '', 'x'));
    expect(text).toContain('Message-ID: <a@b>');
    expect(text.match(/^Date:/gm)).toHaveLength(1);
  });
});

describe('what must not leave is taken out', () => {
  test.each([
    'Bcc: secret@x.example',
    'Resent-Bcc: s@x.example',
    'Return-Path: <a@b>',
    'X-Parley-Reference: 1',
  ])('%s', (field) =>
    expect(textOf(lines(FROM, field, ' folded', '', 'x'))).not.toMatch(/secret|Bcc|Return-Path|folded/i),
  );
});

describe('bad input is refused', () => {
  test.each([
    ['row 1: a bare LF', `${FROM}\n\r\nx\r\n`, 'CR LF'],
    ['row 2: a bare CR', `${FROM}\r\n\r\nx\ry\r\n`, 'CR LF'],
    ['row 6: a NUL', lines(FROM, '', 'a\0b'), 'NUL'],
    [
      'row 13: a control character in the header',
      lines(FROM, 'Subject: a\u0001b', '', 'x'),
      'control character',
    ],
    ['no From at all', lines('Subject: x', '', 'x'), 'From'],
    ['two From fields', lines(FROM, FROM, '', 'x'), 'twice'],
    ['two addresses in From', lines('From: a@shop.example, b@shop.example', '', 'x'), 'From'],
    ['row 24: a domain hidden in quotes', lines('From: "a@evil.test x"@shop.example>', '', 'x'), 'From'],
    ['row 25: a group in From', lines(`From: ${'g:'.repeat(10_000)}`, '', 'x'), 'longer than 998'],
    ['two subjects', lines(FROM, 'Subject: a', 'Subject: b', '', 'x'), 'twice'],
    ['a line that is no field', lines(FROM, 'no colon here', '', 'x'), 'Name: value'],
    ['a header that begins folded', lines(' folded', FROM, '', 'x'), 'Name: value'],
    [
      'row 33: a header line over 998',
      lines(FROM, `Subject: ${'x'.repeat(1000)}`, '', 'x'),
      'longer than 998',
    ],
    ['row 34: letters beyond ASCII without SMTPUTF8', lines(FROM, 'Subject: café', '', 'x'), 'SMTPUTF8'],
    ['a Message-ID that is none', lines(FROM, 'Message-ID: nonsense', '', 'x'), 'Message-ID'],
    ['a multipart without a boundary', lines(FROM, 'Content-Type: multipart/mixed', '', 'é'), 'boundary'],
    [
      'a multipart without an end',
      lines(FROM, 'Content-Type: multipart/mixed; boundary=b', '', '--b', '', 'é'),
      'does not end',
    ],
    [
      'a signed part that would have to be changed',
      lines(FROM, 'Content-Type: multipart/signed; boundary=b', '', '--b', '', 'é', '--b--'),
      'signed',
    ],
  ])('%s', (_, raw, words) => {
    const result = prepare(raw);
    expect(result).toMatchObject({ kind: 'refused' });
    expect((result as { reason: string }).reason).toContain(words);
  });

  test('a From that nests 10,000 deep takes no time', () => {
    const began = performance.now();
    prepare(lines(`From: ${'(\r\n '.repeat(10_000)}a@b`, '', 'x'));
    expect(performance.now() - began).toBeLessThan(500);
  });
});

describe('everything leaves in 7-bit lines of at most 998 characters', () => {
  const isSevenBit = (text: string) =>
    // oxlint-disable-next-line no-control-regex
    /^[\u0000-\u007f]*$/.test(text) && text.split('\r\n').every((line) => line.length <= 998);

  test('8-bit text becomes base64 and says what it was', () => {
    const text = textOf(lines(FROM, 'Content-Type: text/plain; charset=iso-8859-1', '', 'caf\u00e9'));
    expect(isSevenBit(text)).toBe(true);
    expect(text).toContain('charset=iso-8859-1');
    expect(text).toContain('Content-Transfer-Encoding: base64');
    expect(text).toContain('MIME-Version: 1.0');
  });

  test('row 33: a line of two megabytes is cut, also inside a multipart, and the rest stays to the byte', () => {
    const good = 'This part   is fine. =20\r\n';
    const raw = lines(
      FROM,
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary="b b"',
      'Content-Transfer-Encoding: 8bit',
      '',
      'preamble',
      '--b b',
      'Content-Type: text/html',
      '',
      'x'.repeat(2_000_000),
      '--b b',
      'X-Kept: yes',
      '',
      good.trimEnd(),
      '--b b--',
    );
    const text = textOf(raw);
    expect(isSevenBit(text)).toBe(true);
    expect(text).toContain(`--b b\r\nX-Kept: yes\r\n\r\n${good}--b b--`);
    const cut = /base64\r\n\r\n([A-Za-z0-9+/=\r\n]+)--b b/.exec(text)?.[1] ?? '';
    expect(Buffer.from(cut, 'base64').toString()).toBe('x'.repeat(2_000_000));
  });

  test('a message inside is not encoded as a whole (RFC 2046 5.2.1)', () => {
    const text = textOf(
      lines(FROM, 'Content-Type: message/rfc822', '', 'From: other@x.example', 'Subject: in', '', 'é'),
    );
    expect(text).toContain('\r\n\r\nFrom: other@x.example\r\nSubject: in\r\n');
    expect(isSevenBit(text)).toBe(true);
  });

  test('nothing that fits is touched', () => {
    const raw = lines(FROM, 'Date: x', 'Message-ID: <a@b>', 'Subject: a  b', '', ' odd   space ', '', '');
    expect(textOf(raw)).toBe(`Received: by test; now\r\n${raw}`);
  });
});

test('with SMTPUTF8 a header in UTF-8 stays and is marked', () => {
  const result = prepare(lines(FROM, 'Subject: café', '', 'x'), { smtputf8: true });
  expect(result).toMatchObject({ kind: 'prepared', message: { needsSmtputf8: true, subject: 'café' } });
  expect(
    prepare(Buffer.from(lines(FROM, 'Subject: caf\u00e9', '', 'x'), 'latin1'), { smtputf8: true }),
  ).toMatchObject({ kind: 'refused' });
});

test('a From whose domain is written otherwise is written anew, so that signature and reader agree', () => {
  const from = /^From: .*$/m.exec(textOf(lines('From: =?utf-8?q?J=C3=A9?= <A@Shop.EXAMPLE>', '', 'x')))?.[0];
  expect(decodeWords(from ?? '')).toContain('From: Jé <A@shop.example>');
});

test('row 24: the domain of From is the one after the last @, whatever stands in quotes', () => {
  const result = prepare(lines('From: "user@gmail.example x"@shop.example', '', 'x'));
  expect(result).toMatchObject({ kind: 'prepared', message: { from: { domain: 'shop.example' } } });
});

test.each([
  ['=?utf-8?q?caf=C3=A9_au?= =?utf-8?b?IGxhaXQ=?=', 'café au lait'],
  ['=?nonsense?q?x?=', '=?nonsense?q?x?='],
  ['plain', 'plain'],
])('%s reads as %s', (words, text) => expect(decodeWords(words)).toBe(text));
