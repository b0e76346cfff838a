import { expect, test } from 'vitest';
import { manualClock, systemClock } from './clock.ts';

test('a faster clock agrees with the real one at its epoch and runs ahead from there', () => {
  const epoch = Date.now() - 1000;
  const clock = systemClock({ speed: 60, epoch });
  const ahead = clock.now() - epoch;
  expect(ahead).toBeGreaterThanOrEqual(60_000);
  expect(ahead).toBeLessThan(180_000);
});

test('a manual clock runs what falls due in order, at the time it was due', async () => {
  const clock = manualClock(0);
  const seen: string[] = [];
  clock.after(20, () => seen.push(`b at ${clock.now()}`));
  clock.after(10, () => {
    seen.push(`a at ${clock.now()}`);
    clock.after(5, () => seen.push(`c at ${clock.now()}`));
  });
  clock.after(30, () => seen.push('never')).cancel();
  await clock.advance(50);
  expect(seen).toEqual(['a at 10', 'c at 15', 'b at 20']);
  expect(clock.now()).toBe(50);
});

test('a sleep ends at once when its signal aborts', async () => {
  const clock = manualClock(0);
  const controller = new AbortController();
  const slept = clock.sleep(1_000_000, controller.signal);
  controller.abort();
  await slept;
  expect(clock.now()).toBe(0);
});
