import { expect, test } from 'vitest';
import { capOfWish, judge, LOOK_AGAIN_MS, type Cap, type MailOf } from './cap.ts';

const NOW = Date.UTC(2026, 2, 3, 9);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const cap = (most: number, days: number, wait_days = 0, about: Partial<Cap> = {}): Cap => ({
  most,
  days,
  wait_days,
  list_id: null,
  brand_id: null,
  ...about,
});
const got = (daysAgo: number | null, list_id: number | null = 1, brand_id = 1): MailOf => ({
  at: daysAgo === null ? null : NOW - daysAgo * DAY,
  list_id,
  brand_id,
});
const mail = { list_id: 1, brand_id: 1, queuedAt: NOW };

test.each<[string, Cap[], MailOf[], string]>([
  ['nothing got yet', [cap(1, 7)], [], 'go'],
  ['one of two', [cap(2, 7)], [got(1)], 'go'],
  ['one exactly a window ago has left it', [cap(1, 7)], [got(7)], 'go'],
  ['one a moment less than a window ago has not', [cap(1, 7)], [got(6.99)], 'never'],
  ['as many as may be, and no wait', [cap(2, 7)], [got(1), got(6)], 'never'],
  ['room in six days, and a wait of five', [cap(1, 7, 5)], [got(1)], 'never'],
  ['room in one day, and a wait of two', [cap(1, 7, 2)], [got(6)], 'later by 24 h'],
  [
    'the oldest but one must leave when one more than the cap was got',
    [cap(1, 7, 7)],
    [got(6), got(1)],
    'later by 144 h',
  ],
  ['mail of another list', [cap(1, 7, 0, { list_id: 2 })], [got(1)], 'go'],
  ['a cap on another list than that of this mail', [cap(1, 7, 0, { list_id: 2 })], [got(1, 2)], 'go'],
  ['mail of another brand is not counted', [cap(1, 7, 0, { brand_id: 1 })], [got(1, 1, 2)], 'go'],
  ['one under way, and no wait', [cap(1, 7)], [got(null)], 'never'],
  ['one under way may yet be refused', [cap(1, 7, 2)], [got(null)], 'later by 1 h'],
  ['of several caps the one that leaves out speaks', [cap(1, 1, 2), cap(2, 30)], [got(0.5), got(3)], 'never'],
  ['of several waits the longest', [cap(1, 1, 9), cap(1, 7, 9)], [got(0.5)], 'later by 156 h'],
  ['a wish for one a week', [capOfWish('weekly')], [got(6)], 'never'],
  ['a wish for one a week, eight days after', [capOfWish('weekly')], [got(8)], 'go'],
  ['a wish for one a month', [capOfWish('monthly')], [got(29)], 'never'],
])('%s', (_, caps, mails, expected) => {
  const verdict = judge(caps, mails, mail, NOW);
  expect(verdict.kind === 'later' ? `later by ${(verdict.dueAt - NOW) / HOUR} h` : verdict.kind).toBe(
    expected,
  );
});

test('the wait is counted from when it was queued, and what has waited so long is left out', () => {
  const late = { ...mail, queuedAt: NOW - 2 * DAY };
  expect(judge([cap(1, 7, 2)], [got(6)], late, NOW).kind).toBe('never');
  expect(judge([cap(1, 7, 3)], [got(6)], late, NOW)).toMatchObject({ kind: 'later', dueAt: NOW + DAY });
  expect(judge([cap(1, 7, 2)], [got(null)], late, NOW).kind).toBe('never');
});

test('what is under way is looked at again soon, and not before those who got theirs leave the window', () => {
  expect(judge([cap(1, 7, 5)], [got(null), got(7.5)], mail, NOW)).toMatchObject({
    kind: 'later',
    dueAt: NOW + LOOK_AGAIN_MS,
  });
  expect(judge([cap(1, 7, 5)], [got(null), got(6)], mail, NOW)).toMatchObject({
    kind: 'later',
    dueAt: NOW + DAY,
  });
});
