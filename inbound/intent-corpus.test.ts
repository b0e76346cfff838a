/**
 * The figures of docs/intent.md: our own short human replies in four languages, each half (two thirds seen while the rules
 * were written, one third held out by the hash of its text), by intent, with Wilson's 95 % interval.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { intents, type Intent } from '../config/intent-phrases.ts';
import { readIntent } from './intent.ts';

const line = z.strictObject({
  language: z.enum(['en', 'fr', 'de', 'es']),
  intents: z.array(z.enum(intents)).min(1),
  /** For wishes to leave: whether it is plain enough to act without a person. */
  act: z.boolean().optional(),
  text: z.string().min(1),
});
const corpus = readFileSync(new URL('corpus/intent.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((text) => line.parse(JSON.parse(text)));
const isHeldOut = (text: string) => (createHash('sha256').update(text).digest()[0] ?? 0) % 3 === 0;
const halves = {
  seen: corpus.filter((one) => !isHeldOut(one.text)),
  'held out': corpus.filter((one) => isHeldOut(one.text)),
};

/** Wilson's score interval for a share. */
function wilson(hits: number, n: number): { share: number; low: number; high: number } {
  if (n === 0) return { share: 1, low: 0, high: 1 };
  const z2 = 1.96 ** 2;
  const share = hits / n;
  const middle = (share + z2 / (2 * n)) / (1 + z2 / n);
  const reach = (1.96 / (1 + z2 / n)) * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n * n));
  return { share, low: Math.max(0, middle - reach), high: Math.min(1, middle + reach) };
}
const shown = (hits: number, n: number) => {
  const { share, low, high } = wilson(hits, n);
  const percent = (value: number) => (value * 100).toFixed(1);
  return `${percent(share)} % (${hits} of ${n}; ${percent(low)} to ${percent(high)})`;
};

interface Tally {
  said: number;
  saidRight: number;
  real: number;
  found: number;
}

function tally(rows: typeof corpus): Record<Intent, Tally> {
  const all = Object.fromEntries(
    intents.map((intent) => [intent, { said: 0, saidRight: 0, real: 0, found: 0 }]),
  ) as Record<Intent, Tally>;
  for (const row of rows) {
    const said = readIntent(row.text).intent;
    const real = row.intents[0] ?? 'other';
    all[said].said++;
    if (row.intents.includes(said)) all[said].saidRight++;
    all[real].real++;
    if (said === real) all[real].found++;
  }
  return all;
}

test('the corpus holds at least 400 replies, about 100 a language, and at least 300 that ask for no unsubscribe', () => {
  expect(corpus.length).toBeGreaterThanOrEqual(400);
  for (const language of ['en', 'fr', 'de', 'es'])
    expect(corpus.filter((one) => one.language === language).length).toBeGreaterThanOrEqual(90);
  expect(corpus.filter((one) => !one.intents.includes('unsubscribe')).length).toBeGreaterThanOrEqual(300);
  expect(new Set(corpus.map((one) => one.text)).size).toBe(corpus.length);
});

describe.each(Object.entries(halves))('on the %s replies', (name, rows) => {
  const figures = tally(rows);
  console.info(
    [
      `${name}: ${rows.length} replies | precision | recall`,
      ...intents.map((intent) => {
        const { said, saidRight, real, found } = figures[intent];
        return `${intent} | ${shown(saidRight, said)} | ${shown(found, real)}`;
      }),
    ].join('\n'),
  );

  test.each(intents)('%s is read with at least 85 %% precision and recall', (intent) => {
    const { said, saidRight, real, found } = figures[intent];
    expect(real).toBeGreaterThan(4);
    expect(saidRight / said).toBeGreaterThanOrEqual(0.85);
    expect(found / real).toBeGreaterThanOrEqual(0.85);
  });

  test('nothing acts alone that is not a plain request to leave', () => {
    const wrong = rows.filter((row) => row.act !== true && readIntent(row.text).mayAct);
    expect(wrong).toEqual([]);
  });

  test('nearly every plain request acts alone', () => {
    const plain = rows.filter((row) => row.act === true);
    const acting = plain.filter((row) => readIntent(row.text).mayAct).length;
    console.info(`${name}: plain requests that act alone ${shown(acting, plain.length)}`);
    expect(acting / plain.length).toBeGreaterThanOrEqual(0.85);
  });

  test('the evidence is a piece of the very words', () => {
    for (const { text } of rows) expect(text).toContain(readIntent(text).evidence);
  });
});
