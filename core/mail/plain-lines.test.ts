/** From the lines of a message back to its bytes, whatever ended them. */
import { expect, test } from 'vitest';
import { PlainLines } from './plain-lines.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

test.each([
  ['CR LF', 'ab\r\ncd\r\n\r\nef'],
  ['LF', 'ab\ncd\n\nef'],
  ['CR', 'ab\rcd\r\ref'],
  ['all of them', '\r\r\n\n\rab\n\r\r\n'],
])('every piece of a message whose lines end with %s is where it was', (_, raw) => {
  const lines = new PlainLines(bytes(raw));
  expect(lines.text).toBe(raw.replace(/\r\n?/g, '\n'));
  expect(lines.bytes(0, lines.text.length).toString('latin1')).toBe(raw);
  for (let at = 0; at < lines.text.length; at++) {
    const one = lines.bytes(at, at + 1).toString('latin1');
    expect(one.replace(/\r\n?/g, '\n')).toBe(lines.text[at]);
    expect(
      lines.bytes(0, at).toString('latin1') + lines.bytes(at, lines.text.length).toString('latin1'),
    ).toBe(raw);
  }
});

test('places far into a message are found, in any order', () => {
  const raw = 'line\r\nnext\n'.repeat(5000);
  const lines = new PlainLines(bytes(raw));
  for (const turn of [4999, 1, 2500, 4096, 0, 4095]) {
    const piece = lines.bytes(turn * 10, turn * 10 + 10).toString('latin1');
    expect(piece).toBe('line\r\nnext\n');
  }
});
