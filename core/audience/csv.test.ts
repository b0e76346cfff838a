import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CsvReader, guessDelimiter, type CsvRow } from './csv.ts';

function readAll(text: string, delimiter = ',', piece = text.length || 1): CsvRow[] {
  const reader = new CsvReader(delimiter);
  const rows: CsvRow[] = [];
  for (let at = 0; at < text.length; at += piece) rows.push(...reader.push(text.slice(at, at + piece)));
  return [...rows, ...reader.push('', true)];
}
const cells = (rows: CsvRow[]) => rows.map((row) => (row.kind === 'row' ? row.cells : row.fault));

test('what a proper writer wrote is read as an independent reader reads it, in pieces of any size', () => {
  const cell = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', '"', ',', ';', '\n', '\r\n', ' ', 'é', "'"), maxLength: 8 }),
    fc.string(),
  );
  fc.assert(
    fc.property(
      fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 6 }),
      fc.constantFrom(',', ';', '\t'),
      fc.integer({ min: 1, max: 40 }),
      (rows, delimiter, piece) => {
        const text = stringify(rows, { delimiter, quoted: true });
        const expected = parse(text, { delimiter, relax_column_count: true, record_delimiter: '\n' });
        expect(cells(readAll(text, delimiter, piece))).toEqual(expected);
      },
    ),
    { seed: 20260105, numRuns: 300 },
  );
});

test('rows know the line they begin at, also after line breaks in quotes and empty lines', () => {
  const rows = readAll('a,b\r\n"x\r\ny",z\r\n\r\nlast,one');
  expect(rows.map((row) => [row.line, row.kind === 'row' && row.cells])).toEqual([
    [1, ['a', 'b']],
    [2, ['x\r\ny', 'z']],
    [5, ['last', 'one']],
  ]);
});

test('a quote that is never closed costs its own row and no other', () => {
  const people = Array.from({ length: 1000 }, (_, at) => `p${at}@example.org,"P ${at}"`);
  const text = ['"open,cell', ...people].join('\n');
  const rows = readAll(text, ',', 100);
  expect(rows[0]).toEqual({ kind: 'fault', line: 1, fault: 'unbalanced-quote', raw: '"open,cell' });
  expect(rows).toHaveLength(1001);
  expect(rows.slice(1).every((row) => row.kind === 'row')).toBe(true);
});

test('a line without an end is given up at 64 KB and never fills the memory', () => {
  const rows = readAll(`${'x'.repeat(300_000)}\na,b\n`, ',', 4096);
  expect(rows).toMatchObject([
    { kind: 'fault', fault: 'too-long', line: 1 },
    { kind: 'row', cells: ['a', 'b'], line: 2 },
  ]);
});

test.each([
  ['a,b;c,d', ','],
  ['a;b;"c,d,e,f"', ';'],
  ['a\tb\tc', '\t'],
  ['a|b|c', '|'],
  ['email', ','],
])('the delimiter of %j is %j', (text, delimiter) => {
  expect(guessDelimiter(text)).toBe(delimiter);
});
