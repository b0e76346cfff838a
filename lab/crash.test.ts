import { expect, test } from 'vitest';
import { crashRun, isSound } from './crash.ts';
import { demo } from './demo.ts';

test('thirty kills lose nothing, skip nobody, apply nothing twice; duplicates only from messages in doubt', async () => {
  const figures = await crashRun({
    runs: 30,
    seed: 7,
    people: 30,
    longestLifeMs: 1500,
    say: () => undefined,
  });
  expect(figures.lost).toEqual([]);
  expect(figures.skipped).toEqual([]);
  expect(figures.duplicates).toBeLessThanOrEqual(figures.allowed);
  expect(isSound(figures)).toBe(true);
  // A run that killed nothing at work would prove nothing.
  expect(figures.promised.imports + figures.promised.campaigns).toBeGreaterThan(2);
  expect(figures.promised.inbound).toBeGreaterThan(30);
}, 360_000);

test('the whole day in a small world ends with two ledgers that agree', async () => {
  expect(await demo({ once: true, contacts: '250', speed: '240', seed: '3' })).toBe(0);
}, 240_000);
