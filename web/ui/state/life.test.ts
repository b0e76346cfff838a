/** One message's life: each thing once, in the order of time. */
import { expect, test } from 'vitest';
import type { DeliveryStory } from '../../contract.ts';
import { lifeOf } from './life.ts';

const attempt = (number: number, at: number, outcome: string) =>
  ({ number, at, outcome }) as DeliveryStory['attempts'][number];
const event = (id: number, kind: string, at: number): DeliveryStory['events'][number] => ({
  id,
  kind,
  at,
  data: {},
});
const told = (story: Parameters<typeof lifeOf>[0]) =>
  lifeOf(story).map((step) =>
    step.kind === 'attempt' ? `attempt ${step.attempt.outcome}` : step.event.kind,
  );

test('what an attempt says is not said again by its event', () => {
  expect(
    told({
      queued_at: 1,
      bounced_after_at: null,
      attempts: [attempt(1, 2, 'deferred'), attempt(2, 9, 'delivered')],
      events: [event(1, 'deferred', 2), event(2, 'delivered', 9), event(3, 'replied', 20)],
    }),
  ).toEqual(['queued', 'attempt deferred', 'attempt delivered', 'replied']);
});

test('a bounce that came an hour after the delivery is told', () => {
  expect(
    told({
      queued_at: 1,
      bounced_after_at: 50,
      attempts: [attempt(1, 2, 'delivered')],
      events: [event(2, 'delivered', 2), event(3, 'bounced', 50)],
    }),
  ).toEqual(['queued', 'attempt delivered', 'bounced']);
});

test('a message that was never tried still has a life', () => {
  expect(
    told({
      queued_at: 1,
      bounced_after_at: null,
      attempts: [],
      events: [event(1, 'queued', 1), event(2, 'suppressed', 3)],
    }),
  ).toEqual(['queued', 'suppressed']);
});
