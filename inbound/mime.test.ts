/** Parts as bytes: what was sent without base64 comes out as it went in, whatever ended the lines of the message. */
import { expect, test } from 'vitest';
import { decodedBytes, decodedText, partsOf, readEmbedded, readMime } from './mime.ts';

const ENDS = ['\r\n', '\n', '\r'];
const file = Buffer.from([0x1f, 0x8b, 0x0d, 0x0a, 0x0a, 0x0d, 0x0d, 0x0a, 0xff, 0x0d, 0x41]);

const message = (fields: string[], body: Uint8Array, end: string): Buffer =>
  Buffer.concat([Buffer.from([...fields, '', ''].join(end)), body]);
const multipart = (fields: string[], body: Uint8Array, end: string): Buffer =>
  Buffer.concat([
    message(['Content-Type: multipart/mixed; boundary=b'], Buffer.from(`${end}--b${end}`), end),
    message(['Content-Type: text/plain'], Buffer.from(`one${end}two${end}--b${end}`), end),
    message(fields, body, end),
    Buffer.from(`${end}--b--${end}`),
  ]);

test.each(ENDS)('a file in a message whose lines end with %j', (end) => {
  const [, text, sent] = [...partsOf(readMime(multipart(['Content-Type: x/y'], file, end)))];
  expect(decodedBytes(sent!)).toEqual(file);
  expect(decodedText(text!)).toBe('one\ntwo');
});

test('a file in a message in a message, above which a mailbox wrote its mark', () => {
  const inner = multipart(['Content-Type: x/y', 'Content-Transfer-Encoding: binary'], file, '\r\n');
  const outer = message(['Content-Type: message/rfc822'], inner, '\r\n');
  const raw = Buffer.concat([Buffer.from('\r\n\r\nFrom a@b.example Mon Jan  5 10:00:00 2026\r\n'), outer]);
  const [, text, sent] = [...partsOf(readEmbedded(readMime(raw)))];
  expect(decodedText(text!)).toBe('one\ntwo');
  expect(decodedBytes(sent!)).toEqual(file);
});

test('letters of two bytes, one of which looks like a line end', () => {
  // U+0A0D is a letter, U+000D and U+000A end a line.
  const body = Buffer.from('a\u0a0db\r\nc', 'utf16le');
  expect(decodedText(readMime(message(['Content-Type: text/plain; charset=utf-16le'], body, '\r\n')))).toBe(
    'a\u0a0db\nc',
  );
});
