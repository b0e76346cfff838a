import { expect, test } from 'vitest';
import { histogramOf, isDisposable, isRole } from './health.ts';

test('a histogram has every number once, in steps that begin at the least and end at the largest', () => {
  const numbers = [1950, 1951, 1960, 1999, 2003, 2003];
  const bars = histogramOf(numbers);
  expect(bars.reduce((sum, bar) => sum + bar.count, 0)).toBe(numbers.length);
  expect(bars[0]?.from).toBe(1950);
  expect(bars.at(-1)?.to).toBe(2003);
  for (const bar of bars)
    expect(numbers.filter((one) => one >= bar.from && one <= bar.to)).toHaveLength(bar.count);
  expect(histogramOf([0.5, 1.5, 2.5]).reduce((sum, bar) => sum + bar.count, 0)).toBe(3);
  expect(histogramOf([7, 7])).toEqual([]);
  expect(histogramOf([])).toEqual([]);
});

test.each([
  ['info@client.example', true],
  ['contact@client.example', true],
  ['informatique@client.example', false],
  ['lea.martin@client.example', false],
])('%s is of a function: %s', (email, is) => expect(isRole(email)).toBe(is));

test('an address made to be thrown away is known by its domain', () => {
  expect(isDisposable('a@yopmail.com')).toBe(true);
  expect(isDisposable('yopmail.com@client.example')).toBe(false);
});
