import { expect, test } from 'vitest';
import { extractPart } from './mime-part.ts';

const message = Buffer.from(
  [
    'From: a@example.org',
    'Content-Type: multipart/mixed;',
    ' boundary="out er"',
    '',
    'preamble',
    '--out er',
    'Content-Type: multipart/alternative; boundary=inner',
    '',
    '--inner',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    'caf=C3=A9=',
    ' noir',
    '--inner',
    'Content-Type: text/html',
    '',
    '<p>x</p>',
    '--inner--',
    '--out er',
    'Content-Type: application/pdf; name="a.pdf"',
    'Content-Transfer-Encoding: base64',
    '',
    'aGVs',
    'bG8=',
    '--out er--',
    'epilogue',
  ].join('\r\n'),
);

test.each([
  ['1.1', 'café noir'],
  ['1.2', '<p>x</p>'],
  ['2', 'hello'],
  ['3', undefined],
  ['1.3', undefined],
  ['2.1', undefined],
  ['../x', undefined],
  ['0', undefined],
])('part %s of a message', (path, expected) => {
  expect(extractPart(message, path)?.toString()).toBe(expected);
});

test('a file that was sent as it is keeps every byte', () => {
  const file = Buffer.from([0x1f, 0x8b, 0x0d, 0x0a, 0x0d, 0x0d, 0x0a, 0x0a, 0x00, 0xff, 0x0d]);
  const head =
    'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n\r\n--b\r\nContent-Transfer-Encoding: binary\r\n\r\n';
  const raw = Buffer.concat([Buffer.from(head), file, Buffer.from('\r\n--b--\r\n')]);
  expect(extractPart(raw, '2')).toEqual(file);
  expect(extractPart(raw, '1')?.toString()).toBe('hello\r\n');
  expect(extractPart(Buffer.concat([Buffer.from('Content-Type: x/y\n\n'), file]), '')).toEqual(file);
});

test('a message that is one part is its own part', () => {
  expect(extractPart(Buffer.from('Content-Transfer-Encoding: base64\n\naGk='), '')?.toString()).toBe('hi');
});

test('a message without its last delimiter still has its last part', () => {
  const cut = Buffer.from('Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo');
  expect(extractPart(cut, '2')?.toString()).toBe('two');
});

test('twenty thousand boundaries take no longer than reading them', () => {
  const many = Buffer.from(`Content-Type: multipart/mixed; boundary=b\n\n${'--b\n\nx\n'.repeat(20_000)}`);
  const began = performance.now();
  extractPart(many, '9999');
  expect(performance.now() - began).toBeLessThan(1000);
});
