/** The door for events turns away what would wait too long, and says when to come back. */
import { expect, test } from 'vitest';
import { manualClock } from '../clock.ts';
import type { Runtime } from '../runtime.ts';
import { Overload } from '../submission/pressure.ts';
import { readCall, type EventCall } from './event-call.ts';
import { eventIntake, MOST_WAITING } from './event-intake.ts';

test('while the disk does not answer, so many entries wait and the next one hears when to come back', async () => {
  const clock = manualClock();
  let fail = (_error: Error): void => undefined;
  const stuck = new Promise<never>((_resolve, reject) => (fail = reject));
  stuck.catch(() => undefined);
  const store = { write: () => stuck } as unknown as Runtime['store'];
  const intake = eventIntake({ store, clock });
  const call = readCall({ type: 'track', userId: 'u', event: 'e' }, { now: clock.now() }) as EventCall;
  const calls = Array<EventCall>(100).fill(call);
  const waiting = Array.from({ length: MOST_WAITING / 100 }, () => intake.take({ credentialId: 1, calls }));
  const refusal = await intake.take({ credentialId: 1, calls: [call] }).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(Overload);
  expect((refusal as Overload).retryAfter).toBeGreaterThan(0);
  fail(new Error('the disk is gone'));
  const ends = await Promise.allSettled(waiting);
  expect(ends.every((end) => end.status === 'rejected')).toBe(true);
  // There is room again.
  await expect(intake.take({ credentialId: 1, calls })).rejects.toThrow('the disk is gone');
});
