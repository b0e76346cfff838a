import { parse } from 'csv-parse/sync';
import { expect, test } from 'vitest';
import { addContacts, addFields } from '../store/contact.ts';
import { openTestStore } from '../store/testing.ts';
import { csvCell, exportContacts } from './export.ts';
import { readDefinition } from './segment.ts';

test.each([
  ['=HYPERLINK("http://x.example")', `"'=HYPERLINK(""http://x.example"")"`],
  ['+33612345678', `'+33612345678`],
  ['-1+1|cmd', `'-1+1|cmd`],
  ['@SUM(A1)', `'@SUM(A1)`],
  ['\t=1', `'\t=1`],
  ['  =1', `'  =1`],
  ['a,"b"', '"a,""b"""'],
  ['plain', 'plain'],
  [-5, '-5'],
  [null, ''],
])('%j is written as %s', (value, cell) => {
  expect(csvCell(value)).toBe(cell);
});

test('the whole table, or a segment of it, comes page by page with its custom fields', async () => {
  const { read, write } = await openTestStore();
  await write(async (tx) => {
    await addFields(tx, [{ name: 'city', label: 'City', kind: 'text' }], 1);
    await addContacts(
      tx,
      Array.from({ length: 4500 }, (_, at) => ({
        email: `p${at}@example.org`,
        first_name: at === 0 ? '=1+1' : 'Ana',
        fields: JSON.stringify({ city: at % 3 === 0 ? 'Lyon, 2e' : 'Paris' }),
        tags: '["a","b"]',
        source: '',
      })),
      Date.UTC(2026, 0, 1),
    );
  });
  const all = async (definition?: Parameters<typeof exportContacts>[2]) => {
    let text = '';
    for await (const piece of exportContacts(read, 0, definition)) text += piece;
    return parse(text, { bom: true, columns: true }) as Record<string, string>[];
  };
  const rows = await all();
  expect(rows).toHaveLength(4500);
  expect(rows[0]).toEqual({
    email: 'p0@example.org',
    first_name: "'=1+1",
    last_name: '',
    language: '',
    timezone: '',
    external_id: '',
    city: 'Lyon, 2e',
    tags: 'a|b',
    created_at: '2026-01-01T00:00:00.000Z',
  });
  expect(await all(readDefinition({ field: 'fields.city', op: 'starts', value: 'lyon' }))).toHaveLength(1500);
});
