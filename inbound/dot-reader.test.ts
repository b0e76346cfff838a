import { expect, test } from 'vitest';
import { stream } from '../lab/random.ts';
import { DotReader } from './dot-reader.ts';

/** Reads in the given cuts; what the message was, what came behind it, or that it broke. */
function read(
  wire: string,
  cuts: readonly number[] = [],
): { text: string; rest: string } | 'broken' | 'open' {
  const reader = new DotReader();
  const bytes = Buffer.from(wire, 'latin1');
  const edges = [0, ...cuts, bytes.length];
  let text = '';
  for (let at = 1; at < edges.length; at++) {
    const from = edges[at - 1] as number;
    const chunk = bytes.subarray(from, edges[at]);
    const { pieces, end } = reader.read(chunk);
    if (reader.isBroken) return 'broken';
    text += Buffer.concat(pieces).toString('latin1');
    if (end >= 0) return { text, rest: bytes.subarray(from + end).toString('latin1') };
  }
  return 'open';
}

test.each([
  ['Subject: x\r\n\r\nbody\r\n.\r\n', { text: 'Subject: x\r\n\r\nbody\r\n', rest: '' }],
  ['.\r\nQUIT\r\n', { text: '', rest: 'QUIT\r\n' }],
  ['..\r\n.\r\n', { text: '.\r\n', rest: '' }],
  ['.a.\r\n...\r\n.\r\nRSET\r\n', { text: 'a.\r\n..\r\n', rest: 'RSET\r\n' }],
  ['a\r\n.b\r\n', 'open'],
  ['a\n.\r\n', 'broken'],
  ['a\r\n.\n', 'broken'],
  ['a\r\n.\rb', 'broken'],
  ['a\rb\r\n.\r\n', 'broken'],
  ['\n.\r\n', 'broken'],
  ['a\r\r\n.\r\n', 'broken'],
])('%j', (wire, expected) => {
  expect(read(wire)).toEqual(expected);
  // However it is cut: in single octets too.
  expect(read(wire, [...Array(wire.length).keys()].slice(1))).toEqual(expected);
});

/** The rules once more, over the whole text at once. */
function plainly(wire: string): ReturnType<typeof read> {
  const framed = `\r\n${wire}`;
  const end = framed.indexOf('\r\n.\r\n');
  const bare = framed.search(/\r(?!\n)|(?<!\r)\n/);
  if (bare >= 0 && (end < 0 || bare < end)) {
    // A CR that is the last octet so far may still get its LF.
    return bare === framed.length - 1 && framed.endsWith('\r') ? 'open' : 'broken';
  }
  if (end < 0) return 'open';
  return {
    text: framed.slice(2, end + 2).replaceAll(/(^|\r\n)\./g, '$1'),
    rest: framed.slice(end + 5),
  };
}

test('any octets in any cuts are read as the rules say', () => {
  const random = stream(20261123);
  const alphabet = ['\r\n', '\r\n.', '.', 'a', '\r\n.\r\n', '\r', '\n', 'Subject: x'];
  const weights = [6, 4, 3, 6, 1, 0.2, 0.2, 3];
  const total = weights.reduce((sum, one) => sum + one, 0);
  const seen = new Set<string>();
  for (let run = 0; run < 5000; run++) {
    let wire = '';
    for (let length = 1 + Math.floor(random() * 14); length > 0; length--) {
      let at = random() * total;
      wire += alphabet[weights.findIndex((weight) => (at -= weight) < 0)] ?? 'a';
    }
    const cuts = [...Array(wire.length).keys()].slice(1).filter(() => random() < 0.3);
    const expected = plainly(wire);
    expect([wire, read(wire, cuts)]).toEqual([wire, expected]);
    seen.add(typeof expected === 'string' ? expected : 'whole');
  }
  expect([...seen].sort()).toEqual(['broken', 'open', 'whole']);
});
