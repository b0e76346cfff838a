/** How long it would take, as a check: what is shut is said, and a warm-up that takes days. */
import { expect, test } from 'vitest';
import { paceVerdict } from './preflight-pace.ts';

const DAY = 24 * 60 * 60_000;
const group = (label: string, held_by: 'pace' | 'warm-up' | 'no-source', days: number | null) => ({
  provider: label.toLowerCase(),
  label,
  recipients: 100,
  per_second: 1,
  sent_at: days === null ? null : days * DAY,
  finish_at: days === null ? null : days * DAY,
  held_by,
});

test('a campaign that goes out within the day has nothing to say', () => {
  expect(
    paceVerdict({ start_at: 0, groups: [group('Gmail', 'pace', 0.5), group('Orange', 'warm-up', 1)] }),
  ).toEqual([]);
});

test('the provider that takes longest is named with its days', () => {
  const [check, ...more] = paceVerdict({
    start_at: 0,
    groups: [group('Gmail', 'warm-up', 3), group('Orange', 'warm-up', 5.2)],
  });
  expect(check).toMatchObject({ id: 'pace.warm-up', level: 'warn', about: 'Orange · 6' });
  expect(more).toEqual([]);
});

test('where no address may send, that is said, and it does not block: the mail waits', () => {
  const checks = paceVerdict({ start_at: 0, groups: [group('Gmail', 'no-source', null)] });
  expect(checks).toMatchObject([{ id: 'pace.no-source', level: 'warn', about: 'Gmail' }]);
});

test('a long queue at a warm address is no matter of the warm-up', () => {
  expect(paceVerdict({ start_at: 0, groups: [group('Gmail', 'pace', 4)] })).toEqual([]);
});
