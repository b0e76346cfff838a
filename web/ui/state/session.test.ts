/** The server's clock, which a lab runs faster than the wall's. */
import { expect, test } from 'vitest';
import { paceOf } from './session.svelte.ts';

test('a real clock runs like ours however late an answer is; a lab clock is followed', () => {
  const check = (wallMs: number, serverMs: number, pace: number) =>
    expect(paceOf({ wall: 0, server: 500 }, { wall: wallMs, server: 500 + serverMs })).toBe(pace);
  check(10_000, 10_400, 1);
  check(10_000, 9_000, 1);
  check(200, 12_000, 1);
  check(10_000, 600_000, 60);
});
