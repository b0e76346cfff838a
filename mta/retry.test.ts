import { expect, test } from 'vitest';
import { hintMs, nextAttempt } from './retry.ts';
import type { Failed } from './retry.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const failed = (over: Partial<Failed> = {}): Failed => ({
  delivery: 7,
  attempt: 1,
  queuedAt: 0,
  now: 0,
  outcome: { class: 'greylisted', action: 'retry', text: 'Greylisted' },
  maxAgeMs: 4 * DAY,
  minAttempts: 6,
  ...over,
});

const waitOf = (over: Partial<Failed> = {}): number => {
  const next = nextAttempt(failed(over));
  if (next.kind !== 'retry') throw new Error(next.reason);
  return next.at - (over.now ?? 0);
};

test.each([
  [1, 5 * MINUTE],
  [2, 15 * MINUTE],
  [3, 30 * MINUTE],
  [4, HOUR],
  [5, 2 * HOUR],
  [6, 4 * HOUR],
  [7, 8 * HOUR],
  [8, 8 * HOUR],
  [40, 8 * HOUR],
])('after attempt %i the next comes in %i ms and up to a fifth later', (attempt, wait) => {
  for (let delivery = 0; delivery < 200; delivery++) {
    const actual = waitOf({ attempt, delivery });
    expect(actual).toBeGreaterThanOrEqual(wait);
    expect(actual).toBeLessThanOrEqual(wait * 1.2);
  }
});

test('the same delivery and attempt wait the same time, and a crowd spreads', () => {
  expect(waitOf({ delivery: 123_456_789_012 })).toBe(waitOf({ delivery: 123_456_789_012 }));
  const waits = Array.from({ length: 1000 }, (_, delivery) => waitOf({ delivery }));
  expect(new Set(waits).size).toBeGreaterThan(900);
  const tenths = new Set(waits.map((wait) => Math.floor((wait / (5 * MINUTE) - 1) * 50)));
  expect(tenths.size).toBe(10);
});

test.each([
  ['Greylisted, please try again in 300 seconds', 300 * SECOND],
  ['Please retry after 5 minutes', 5 * MINUTE],
  ['try again in 10 min', 10 * MINUTE],
  ['come back in 2 hours', 2 * HOUR],
  ['Greylisting in action, please come back in 00:04:59', 4 * MINUTE + 59 * SECOND],
  ['greylisted for 60 seconds', MINUTE],
  ['greylisted (delay 90s)', 90 * SECOND],
  ['veuillez réessayer dans 15 minutes', 15 * MINUTE],
  ['Mail delayed for 600s, wait', 600 * SECOND],
  ['try again later', null],
  ['try again later. Ref 300 s', null],
  ['4.7.1 rate of 30 messages in 1 hour exceeded', null],
  ['see http://example.net/help/300', null],
  ['', null],
] as [string, number | null][])('"%s" asks for %s ms', (text, wait) => {
  expect(hintMs(text)).toBe(wait);
  if (wait !== null) {
    const outcome = { class: 'greylisted', action: 'retry', text } as const;
    expect(waitOf({ attempt: 5, outcome })).toBeGreaterThanOrEqual(wait);
    expect(waitOf({ attempt: 5, outcome })).toBeLessThanOrEqual(wait * 1.2);
  }
});

test('a hint is believed within reason', () => {
  const told = (text: string) => waitOf({ outcome: { class: 'greylisted', action: 'retry', text } });
  expect(told('try again in 1 second')).toBeGreaterThanOrEqual(30 * SECOND);
  expect(told('try again in 9999 hours')).toBeLessThanOrEqual(1.2 * DAY);
});

test('a full mailbox waits for half an hour, a block is probed once an hour at most, a used-up connection not at all', () => {
  expect(
    waitOf({ outcome: { class: 'mailbox-full', action: 'retry-later', text: '' } }),
  ).toBeGreaterThanOrEqual(HOUR / 2);
  expect(waitOf({ outcome: { class: 'source-blocked', action: 'block', text: '' } })).toBeGreaterThanOrEqual(
    HOUR,
  );
  const used = { class: 'connection-quota', action: 'retry', text: '' } as const;
  expect(waitOf({ outcome: used })).toBeLessThan(2 * SECOND);
  expect(waitOf({ outcome: used, attempt: 4 })).toBeGreaterThanOrEqual(HOUR);
});

test('a delivery expires by age and attempts together, so that a jump of the clock ends nothing', () => {
  expect(nextAttempt(failed({ now: 30 * DAY, attempt: 1 })).kind).toBe('retry');
  expect(nextAttempt(failed({ now: 4 * DAY - 1, attempt: 50 })).kind).toBe('retry');
  expect(nextAttempt(failed({ now: 4 * DAY, attempt: 6 }))).toEqual({
    kind: 'expired',
    reason: 'given up after 6 attempts in 4 days',
  });
});

test('left to itself a delivery is given up after four to five days', () => {
  let now = 0;
  for (let attempt = 1; attempt < 100; attempt++) {
    const next = nextAttempt(failed({ now, attempt }));
    if (next.kind === 'expired') break;
    expect(next.at).toBeGreaterThan(now);
    now = next.at;
  }
  expect(now).toBeGreaterThanOrEqual(4 * DAY);
  expect(now).toBeLessThan(5 * DAY);
});
