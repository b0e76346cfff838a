/** Chance is fair, and the same every time. */
import { expect, test } from 'vitest';
import { DEFAULT_SHARES, FATES, fateOf } from './fate.ts';
import { pick, roll, stream, weigh } from './random.ts';

test('the same seed and words give the same number, and near words far ones', () => {
  expect(roll(1, 'a', 'b')).toBe(roll(1, 'a', 'b'));
  expect(roll(1, 'a', 'b')).not.toBe(roll(1, 'ab'));
  expect(roll(1, 'a')).not.toBe(roll(2, 'a'));
});

test('rolls over ten thousand addresses fill ten bins evenly', () => {
  const bins = Array.from({ length: 10 }, () => 0);
  for (let at = 0; at < 10_000; at++) bins[Math.floor(roll(1, `reader${at}@gmail.com`) * 10)]!++;
  for (const bin of bins) expect(Math.abs(bin - 1000)).toBeLessThan(150);
});

test('a stream repeats, and choices go by weight', () => {
  const [a, b] = [stream(3), stream(3)];
  expect([a(), a(), a()]).toEqual([b(), b(), b()]);
  expect(pick(['x', 'y'], 0.99)).toBe('y');
  expect(
    weigh(
      [
        ['x', 1],
        ['y', 3],
      ] as const,
      0.24,
    ),
  ).toBe('x');
  expect(
    weigh(
      [
        ['x', 1],
        ['y', 3],
      ] as const,
      0.26,
    ),
  ).toBe('y');
});

test('fates come in their shares', () => {
  const counts = new Map<string, number>();
  for (let at = 0; at < 50_000; at++) {
    const fate = fateOf(`someone${at}@hotmail.fr`, { seed: 1, shares: DEFAULT_SHARES, cast: {} });
    counts.set(fate, (counts.get(fate) ?? 0) + 1);
  }
  for (const fate of FATES) {
    const wanted = DEFAULT_SHARES[fate] * 50_000;
    expect(Math.abs((counts.get(fate) ?? 0) - wanted), fate).toBeLessThan(4 * Math.sqrt(wanted) + 1);
  }
});
