import { describe, expect, it } from 'vitest';
import { dayStart, nextDayStart } from './local-day.ts';
import { afterDay, capOf, DEFAULT_PLAN, planFault, stepsAhead, verdictOf, type Standing } from './warmup.ts';

const PARIS = 'Europe/Paris';
const utc = (text: string) => Date.parse(`${text}Z`);
const standing = (change: Partial<Standing> = {}): Standing => ({
  plan: DEFAULT_PLAN,
  step: 3,
  state: 'running',
  idleDays: 0,
  ...change,
});
const counts = (sent: number, deferred = 0, blocked = 0, complaints = 0) => ({
  sent,
  deferred,
  blocked,
  complaints,
});

describe('a local day', () => {
  it.each([
    ['in summer', '2026-07-10T13:00:00', '2026-07-09T22:00:00', '2026-07-10T22:00:00'],
    ['at its very first millisecond', '2026-07-09T22:00:00', '2026-07-09T22:00:00', '2026-07-10T22:00:00'],
    ['of 25 hours', '2026-10-25T12:00:00', '2026-10-24T22:00:00', '2026-10-25T23:00:00'],
    ['of 25 hours, in its doubled hour', '2026-10-25T01:30:00', '2026-10-24T22:00:00', '2026-10-25T23:00:00'],
    ['of 23 hours', '2026-03-29T12:00:00', '2026-03-28T23:00:00', '2026-03-29T22:00:00'],
  ])('%s runs from midnight to midnight', (_name, at, start, next) => {
    expect(new Date(dayStart(utc(at), PARIS)).toISOString()).toBe(`${start}.000Z`);
    expect(new Date(nextDayStart(utc(at), PARIS)).toISOString()).toBe(`${next}.000Z`);
  });

  it('begins at the offset of a zone that has no whole hours', () => {
    expect(new Date(dayStart(utc('2026-07-10T13:00:00'), 'Asia/Kolkata')).toISOString()).toBe(
      '2026-07-09T18:30:00.000Z',
    );
  });
});

describe('the verdict on a day', () => {
  it.each([
    ['nothing sent', counts(0), 'idle'],
    ['all taken', counts(100), 'clean'],
    ['4 of 100 deferred', counts(100, 4), 'clean'],
    ['5 of 100 deferred', counts(100, 5), 'dirty'],
    ['one block', counts(100, 0, 1), 'dirty'],
    ['a block and nothing else', counts(0, 0, 1), 'dirty'],
    ['1 complaint of 2,000', counts(2000, 0, 0, 1), 'clean'],
    ['1 complaint of 1,000', counts(1000, 0, 0, 1), 'dirty'],
    ['a complaint on a day without mail', counts(0, 0, 0, 1), 'dirty'],
  ])('with %s is %s', (_name, day, verdict) => expect(verdictOf(day)).toBe(verdict));
});

describe('a warm-up', () => {
  it.each([
    ['steps up after a clean day', standing(), counts(400), { step: 4 }],
    ['steps back after a dirty one', standing(), counts(400, 40), { step: 2 }],
    ['does not fall below its first step', standing({ step: 0 }), counts(50, 50), { step: 0 }],
    ['stays after an idle day', standing(), counts(0), { step: 3, idleDays: 1 }],
    ['goes back two after 30 idle days', standing({ idleDays: 29 }), counts(0), { step: 1, idleDays: 0 }],
    ['is warm after its last step', standing({ step: 11 }), counts(9), { step: 11, state: 'warm' as const }],
    ['stays put while paused', standing({ state: 'paused' }), counts(400), { step: 3 }],
  ])('%s', (_name, before, day, after) => expect(afterDay(before, day)).toMatchObject(after));

  it('allows what its step says, and a warm one anything', () => {
    expect(capOf(standing())).toBe(400);
    expect(capOf(standing({ state: 'paused', step: 0 }))).toBe(50);
    expect(capOf(standing({ state: 'warm' }))).toBeNull();
  });

  it('shows the days ahead with their dates', () => {
    const days = stepsAhead(standing({ plan: [10, 20, 40], step: 0 }), utc('2026-10-24T12:00:00'), PARIS);
    expect(days).toEqual([
      { day: utc('2026-10-24T22:00:00'), step: 1, cap: 20 },
      { day: utc('2026-10-25T23:00:00'), step: 2, cap: 40 },
      { day: utc('2026-10-26T23:00:00'), step: 3, cap: null },
    ]);
  });

  it.each([
    [[], 'has no step'],
    [[10, 5], 'goes down on the way'],
    [[0, 5], 'has a step that is not a whole number over 0'],
    [[10, 10, 20], undefined],
  ])('plan %j: %s', (plan, fault) => expect(planFault(plan)).toBe(fault));
});
