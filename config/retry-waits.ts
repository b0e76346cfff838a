/** How long a message that was put off waits before its next attempts, the last one for all that follow (mta/retry.ts). */
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export const retryWaitsMs: readonly number[] = [
  5 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  4 * HOUR,
  8 * HOUR,
];
