/** The customer file is the same for the same seed, and what it says it planted is what is in it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, expect, test } from 'vitest';
import { COLUMNS, writeContactsCsv } from './audience.ts';

const folder = mkdtempSync(join(tmpdir(), 'lab-audience-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const NOW = Date.UTC(2026, 10, 23);

test('the same seed writes the same file, another seed another one', async () => {
  const [a, b, c] = [join(folder, 'a.csv'), join(folder, 'b.csv'), join(folder, 'c.csv')];
  await writeContactsCsv(a, { count: 300, seed: 7, now: NOW });
  await writeContactsCsv(b, { count: 300, seed: 7, now: NOW });
  await writeContactsCsv(c, { count: 300, seed: 8, now: NOW });
  expect(readFileSync(a, 'utf8')).toBe(readFileSync(b, 'utf8'));
  expect(readFileSync(a, 'utf8')).not.toBe(readFileSync(c, 'utf8'));
});

test('a strict reader finds the planted people, twins and broken rows, and nothing else', async () => {
  const path = join(folder, 'customers.csv');
  const planted = await writeContactsCsv(path, { count: 10_000, seed: 1, now: NOW });
  const bad: number[] = [];
  const lines: { record: Record<string, string>; info: { lines: number } }[] = parse(readFileSync(path), {
    columns: [...COLUMNS],
    from_line: 2,
    info: true,
    skip_records_with_error: true,
    on_skip: (error) => void bad.push((error as unknown as { lines: number }).lines),
  });
  const wellFormed = lines
    .map((one) => one.record['email'] ?? '')
    .filter((email) => /^[a-z0-9.+-]+@[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(email));
  expect(new Set(wellFormed.map((one) => one.toLowerCase()))).toEqual(new Set(planted.addresses));
  expect(wellFormed.length).toBe(planted.addresses.length + planted.duplicates.length);
  expect(planted.addresses.length).toBe(10_000);
  expect(planted.duplicates.length).toBe(50);
  expect(planted.broken.map((one) => one.breakage).sort()).toEqual([
    'control-character',
    'empty-address',
    'line-break-in-address',
    'missing-columns',
    'no-at-sign',
    'space-in-address',
    'stray-quote',
    'too-many-columns',
    'two-at-signs',
    'unbalanced-quote',
  ]);
  expect(planted.rows).toBe(10_000 + 50 + 10);
  expect(bad.length).toBe(4);
});

test('the lines it names are the lines of the file', async () => {
  const path = join(folder, 'lines.csv');
  const planted = await writeContactsCsv(path, { count: 400, seed: 3, now: NOW });
  const lines = readFileSync(path, 'utf8').split('\n');
  for (const { line, address } of planted.duplicates) {
    expect(lines[line - 1]?.toLowerCase().startsWith(`${address},`)).toBe(true);
  }
  const stray = planted.broken.find((one) => one.breakage === 'stray-quote');
  expect(lines[(stray?.line ?? 0) - 1]).toContain('Jean "le Grand');
});

test('there are women in Lyon who ordered lately, and people whose domain takes no mail', async () => {
  const planted = await writeContactsCsv(join(folder, 'lyon.csv'), { count: 10_000, seed: 1, now: NOW });
  expect(planted.lyonWomenRecent.length).toBeGreaterThan(100);
  expect(planted.unmailable.nullMx.length).toBe(10);
  expect(planted.unmailable.noSuchDomain.length).toBe(10);
});
