/**
 * A warm-up: how much a new address of ours may send to one provider in a day. The allowance steps up after a clean day
 * and back after a dirty one, because providers judge an address by how it grew. What is decided here, at midnight, is
 * a function of the day's counts alone.
 */
import { dayStart, nextDayStart } from './local-day.ts';

/** Messages a day, step by step; after the last the address is warm. */
export const DEFAULT_PLAN: readonly number[] = [
  50, 100, 200, 400, 800, 1500, 3000, 6000, 12_000, 25_000, 50_000, 100_000,
];

/** A day with a larger share deferred, or more complaints per delivered message, is not clean. */
export const DEFERRED_SHARE = 0.05;
export const COMPLAINT_SHARE = 0.001;
/** After so many days without mail a provider has half forgotten the address. */
export const FORGOTTEN_AFTER_DAYS = 30;

export type WarmupState =
  | 'running' // steps by itself
  | 'paused' // stays at its step until a person resumes it
  | 'warm'; // no daily limit

export type Verdict = 'clean' | 'dirty' | 'idle';

/** What one day's mail of one source to one provider came to. */
export interface DayCounts {
  sent: number;
  deferred: number;
  blocked: number;
  complaints: number;
}

export interface Standing {
  plan: readonly number[];
  /** Place in the plan, from 0. */
  step: number;
  state: WarmupState;
  /** Days without mail, in a row. */
  idleDays: number;
}

export function verdictOf({ sent, deferred, blocked, complaints }: DayCounts): Verdict {
  if (blocked > 0) return 'dirty';
  if (complaints > 0 && complaints >= sent * COMPLAINT_SHARE) return 'dirty';
  if (sent === 0) return 'idle';
  return deferred >= sent * DEFERRED_SHARE && deferred > 0 ? 'dirty' : 'clean';
}

/** Where a warm-up stands after a day. One that is warm or paused is left alone. */
export function afterDay<T extends Standing>(standing: T, counts: DayCounts): T {
  const verdict = verdictOf(counts);
  if (standing.state !== 'running')
    return { ...standing, idleDays: verdict === 'idle' ? standing.idleDays + 1 : 0 };
  if (verdict === 'idle') {
    const idleDays = standing.idleDays + 1;
    return idleDays < FORGOTTEN_AFTER_DAYS
      ? { ...standing, idleDays }
      : { ...standing, idleDays: 0, step: Math.max(0, standing.step - 2) };
  }
  if (verdict === 'dirty') return { ...standing, idleDays: 0, step: Math.max(0, standing.step - 1) };
  const step = standing.step + 1;
  return step < standing.plan.length
    ? { ...standing, idleDays: 0, step }
    : { ...standing, idleDays: 0, step: standing.plan.length - 1, state: 'warm' };
}

/** The day's allowance; null when there is none. */
export const capOf = ({ plan, step, state }: Pick<Standing, 'plan' | 'step' | 'state'>): number | null =>
  state === 'warm' ? null : (plan[Math.min(step, plan.length - 1)] ?? 0);

/** The days to come if each is clean, from tomorrow on: what the calendar shows and the planner counts with. */
export function stepsAhead(
  standing: Standing,
  now: number,
  zone: string,
): { day: number; step: number; cap: number | null }[] {
  const days: { day: number; step: number; cap: number | null }[] = [];
  let at = dayStart(now, zone);
  if (standing.state !== 'running') return days;
  for (let step = standing.step + 1; step <= standing.plan.length; step++) {
    at = nextDayStart(at, zone);
    days.push({ day: at, step, cap: standing.plan[step] ?? null });
  }
  return days;
}

/** Fit to be a plan: growing whole numbers. Answers what is wrong with it. */
export function planFault(plan: readonly number[]): string | undefined {
  if (plan.length === 0) return 'has no step';
  if (plan.length > 60) return 'has more than 60 steps';
  if (plan.some((cap) => !Number.isSafeInteger(cap) || cap < 1))
    return 'has a step that is not a whole number over 0';
  if (plan.some((cap, at) => at > 0 && cap < (plan[at - 1] as number))) return 'goes down on the way';
  return undefined;
}
