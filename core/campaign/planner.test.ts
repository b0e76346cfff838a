import { describe, expect, it } from 'vitest';
import { planCampaign, tailOf, type Group, type Lane } from './planner.ts';

const START = Date.UTC(2026, 6, 10, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MIDNIGHT = Date.UTC(2026, 6, 11);

const lane = (perSecond: number, rooms: (number | null)[] = [null], from = 0): Lane => ({
  perSecond,
  rooms,
  from,
});
const group = (provider: string, recipients: number, lanes: Lane[], change: Partial<Group> = {}): Group => ({
  provider,
  label: provider,
  recipients,
  ahead: 0,
  longest: recipients,
  lanes,
  deferredShare: 0,
  ...change,
});
const plan = (...groups: Group[]) =>
  planCampaign({ startAt: START, zone: 'UTC', groups, retryMs: [10 * MINUTE, 30 * MINUTE] });
/** Minutes after the start, or after midnight, rounded. */
const minutes = (at: number | null, since = START) =>
  at === null ? null : Math.round((at - since) / MINUTE);

describe('a plan', () => {
  it.each<[string, Group, number]>([
    ['goes by the pace', group('google', 3600, [lane(1)]), 60],
    ['adds up the addresses', group('google', 3600, [lane(1), lane(2)]), 20],
    ['waits for what is ahead', group('google', 3600, [lane(1)], { ahead: 1800 }), 90],
    ['waits for a suspended address', group('google', 3600, [lane(1, [null], START + 30 * MINUTE)]), 90],
    ['goes by the largest destination', group('default', 7200, [lane(1)], { longest: 1800 }), 30],
    [
      'adds the come-back of put-off mail',
      group('google', 3600, [lane(1)], { deferredShare: 0.01 }),
      60 + 10,
    ],
  ])('%s', (_name, one, expected) => {
    expect(minutes(plan(one).finish_at)).toBe(expected);
    expect(plan(one).groups[0]?.held_by).toBe('pace');
  });

  it('is over days where an address warms up, and says so', () => {
    // Today 100, tomorrow 200, then 400: of 600 messages 300 are left for the third day, at one a second.
    const result = plan(group('google', 600, [lane(1, [100, 200, 400])]));
    expect(minutes(result.finish_at, MIDNIGHT + DAY)).toBe(5);
    expect(result.groups[0]).toMatchObject({ held_by: 'warm-up' });
    expect(result.curve.at(-1)).toMatchObject({ sent: 600 });
  });

  it('lets a warm address take what a new one may not send', () => {
    const result = plan(group('google', 3700, [lane(10, [100, 200]), lane(1)]));
    expect(minutes(result.finish_at)).toBe(60);
  });

  it('names the long pole first, and one that cannot be sent to at all as never', () => {
    const result = plan(
      group('google', 60, [lane(1)]),
      group('orange', 3600, [lane(0.5)]),
      group('free', 10, []),
    );
    expect(result.groups.map((one) => [one.provider, minutes(one.finish_at)])).toEqual([
      ['free', null],
      ['orange', 120],
      ['google', 1],
    ]);
    expect(result).toMatchObject({ finish_at: null, long_pole: 'free', recipients: 3670 });
    expect(result.groups[0]?.held_by).toBe('no-source');
  });

  it('of nobody is over at once', () => {
    expect(plan()).toMatchObject({ finish_at: START, recipients: 0, long_pole: null, groups: [] });
  });

  it('draws a curve that only rises', () => {
    const { curve } = plan(group('google', 3600, [lane(1)]), group('orange', 300, [lane(1, [100])]));
    expect(curve[0]).toEqual({ at: START, sent: 0 });
    expect(curve.at(-1)?.sent).toBe(3900);
    for (const [at, point] of curve.entries())
      expect(point.sent).toBeGreaterThanOrEqual(curve[at - 1]?.sent ?? 0);
  });
});

describe('the tail of put-off messages', () => {
  it.each([
    [1000, 0, 0],
    [10, 0.01, 0],
    [100, 0.05, 10 * MINUTE],
    [1000, 0.3, 40 * MINUTE],
  ])('of %i with a share of %f is %i ms', (recipients, share, ms) =>
    expect(tailOf(recipients, share, [10 * MINUTE, 30 * MINUTE])).toBe(ms),
  );
});
