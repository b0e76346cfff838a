/** How an entry that a program sends is read: names, times by a wrong clock, and what is refused with which words. */
import { expect, test } from 'vitest';
import { instantOf, readCall, timeOf } from './event-call.ts';

const NOW = Date.UTC(2026, 0, 5, 9);
const iso = (at: number) => new Date(at).toISOString();
const HOUR = 3_600_000;

test.each([
  ['nothing said', undefined, undefined, NOW],
  ['a right clock', iso(NOW - HOUR), iso(NOW), NOW - HOUR],
  ['a clock two hours ahead', iso(NOW + HOUR), iso(NOW + 2 * HOUR), NOW - HOUR],
  ['a clock a day behind', iso(NOW - 25 * HOUR), iso(NOW - 24 * HOUR), NOW - HOUR],
  ['milliseconds', NOW - 5, undefined, NOW - 5],
  ['a day', '2025-12-31', undefined, Date.UTC(2025, 11, 31)],
  ['another zone', '2026-01-05T08:00:00+02:00', undefined, Date.UTC(2026, 0, 5, 6)],
  ['no zone is UTC', '2026-01-05 08:00:00', undefined, Date.UTC(2026, 0, 5, 8)],
  ['the future is now', iso(NOW + HOUR), undefined, NOW],
  ['sent before it happened is now', iso(NOW), iso(NOW - HOUR), NOW],
])('the time of an entry: %s', (_name, timestamp, sentAt, expected) => {
  expect(timeOf(timestamp, sentAt, NOW)).toBe(expected);
});

test.each(['yesterday', '2026-02-31x', {}, '12', Number.NaN, '1970-01-01'])('%j is no time', (timestamp) => {
  expect(timeOf(timestamp, undefined, NOW)).toMatchObject({ field: 'timestamp' });
});

test('an instant that the calendar does not have is none', () => {
  expect(instantOf('2026-13-01')).toBeUndefined();
  expect(instantOf(Number.POSITIVE_INFINITY)).toBeUndefined();
});

const track = { type: 'track', userId: 'u', event: 'order_placed' };
test.each([
  ['', [], ''],
  ['no one', { ...track, userId: undefined }, 'userId'],
  ['an id that is a list', { ...track, userId: ['u'] }, 'userId'],
  ['a long id', { ...track, messageId: 'x'.repeat(257) }, 'messageId'],
  ['no name', { ...track, event: ' ' }, 'event'],
  ['a long name', { ...track, event: 'x'.repeat(65) }, 'event'],
  ['a line break in the name', { ...track, event: 'a\nb' }, 'event'],
  ['a name of ours', { ...track, event: 'opened' }, 'event'],
  ['a name of ours in other letters', { ...track, event: 'Auto Replied' }, 'event'],
  ['a name of our families', { ...track, event: 'campaign_started' }, 'event'],
  ['a list of properties', { ...track, properties: [1] }, 'properties'],
  ['no such type', { ...track, type: 'group' }, 'type'],
  ['an alias of nobody', { type: 'alias', userId: 'u' }, 'previousId'],
  ['traits that are text', { type: 'identify', userId: 'u', traits: 'x' }, 'traits'],
  ['identify with a wrong address only', { type: 'identify', traits: { email: 'x' } }, 'userId'],
  [
    'track by address only',
    { ...track, userId: null, context: { traits: { email: 'a@b.example' } } },
    'userId',
  ],
  ['too much', { ...track, properties: { x: 'y'.repeat(32_768) } }, ''],
])('%s is refused and the field named', (_name, given, field) => {
  expect(readCall(given, { now: NOW })).toEqual({ field, words: expect.any(String) });
});

test('names are kept as sent; pages and screens are events; NUL is left out', () => {
  const read = (given: object) => readCall(given, { now: NOW });
  expect(read({ ...track, event: ' Order Placed ', userId: 7 })).toMatchObject({
    kind: 'Order Placed',
    userId: '7',
  });
  expect(read({ type: 'page', anonymousId: 'a', name: 'Home' })).toMatchObject({
    kind: 'page_viewed',
    properties: { name: 'Home' },
  });
  expect(read({ type: 'screen', userId: 'u', properties: { name: 'Cart' } })).toMatchObject({
    kind: 'screen_viewed',
    properties: { name: 'Cart' },
  });
  expect(read({ ...track, properties: { 'a\0': ['b\0', { c: '\0' }] } })).toMatchObject({
    properties: { a: ['b', { c: '' }] },
  });
  expect(read({ type: 'identify', traits: { email: 'Ana@Example.org' } })).toMatchObject({
    email: 'ana@example.org',
  });
});
