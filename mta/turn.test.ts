import { expect, test } from 'vitest';
import { Turns } from './turn.ts';

test('a hundred who come at once leave one after the other at the rate, each asked twice at most', () => {
  const pace = new Turns(3600, 0);
  const waiting = new Map<number, number[]>();
  const left: number[] = [];
  let asked = 0;
  const ask = (now: number) => {
    asked++;
    const again = pace.take(now);
    if (again === null) left.push(now);
    else waiting.set(again, [...(waiting.get(again) ?? []), now]);
  };
  for (let one = 0; one < 100; one++) ask(0);
  for (let now = 1; now <= 200_000; now++) for (const _ of waiting.get(now) ?? []) ask(now);
  expect(left).toHaveLength(100);
  expect(left.at(-1)).toBeGreaterThanOrEqual(98_000);
  expect(left.at(-1)).toBeLessThanOrEqual(110_000);
  expect(asked).toBeLessThanOrEqual(210);
});

test('after a silence only a little goes at once', () => {
  const pace = new Turns(360, 0);
  const now = 24 * 3_600_000;
  const free = Array.from({ length: 50 }, () => pace.take(now)).filter((one) => one === null);
  expect(free).toHaveLength(1);
});
