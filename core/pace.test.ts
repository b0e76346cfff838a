/** Slices of a sweep keep to their time whatever a row costs. */
import { expect, test } from 'vitest';
import { Pace } from './pace.ts';

test.each([0.004, 0.02, 0.2, 0.9])('with %d ms a row slices settle under half of the 50 ms', (msPerRow) => {
  const pace = new Pace();
  for (let slice = 0; slice < 30; slice++) pace.took(pace.rows, pace.rows * msPerRow);
  expect(pace.rows * msPerRow).toBeLessThanOrEqual(25);
  expect(pace.rows).toBeGreaterThanOrEqual(20);
});

test('a row that suddenly costs ten times as much halves the next slice at once', () => {
  const pace = new Pace();
  for (let slice = 0; slice < 30; slice++) pace.took(pace.rows, pace.rows * 0.01);
  const before = pace.rows;
  pace.took(before, before * 0.1);
  expect(pace.rows).toBeLessThanOrEqual(before / 2);
});

test('a slice that found nothing teaches nothing', () => {
  const pace = new Pace(300);
  pace.took(0, 1000);
  expect(pace.rows).toBe(300);
});
