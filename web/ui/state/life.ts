/** One message's life in the order of time: each attempt with the receiver's words, and what else happened, told once. */
import type { DeliveryStory } from '../../contract.ts';

export type Step =
  | { key: string; at: number; kind: 'attempt'; attempt: DeliveryStory['attempts'][number] }
  | { key: string; at: number; kind: 'event'; event: DeliveryStory['events'][number] };

/** What an attempt says already needs no second line. */
const TOLD_BY_ATTEMPT = ['delivered', 'deferred', 'bounced'];

export function lifeOf(
  story: Pick<DeliveryStory, 'attempts' | 'events' | 'queued_at' | 'bounced_after_at'>,
): Step[] {
  const attempts = story.attempts.map((attempt): Step => ({
    key: `attempt ${attempt.number} ${attempt.at}`,
    at: attempt.at,
    kind: 'attempt',
    attempt,
  }));
  const events = story.events
    // A bounce that came after the delivery is news; one in session is its attempt.
    .filter(
      (event) =>
        !TOLD_BY_ATTEMPT.includes(event.kind) ||
        story.attempts.length === 0 ||
        (event.kind === 'bounced' && story.bounced_after_at !== null),
    )
    .map((event): Step => ({ key: `event ${event.id}`, at: event.at, kind: 'event', event }));
  const isQueuedTold = story.events.some((event) => event.kind === 'queued');
  const begin: Step[] = isQueuedTold
    ? []
    : [
        {
          key: 'queued',
          at: story.queued_at,
          kind: 'event',
          event: { id: 0, kind: 'queued', at: story.queued_at, data: {} },
        },
      ];
  return [...begin, ...attempts, ...events].toSorted((a, b) => a.at - b.at);
}
