/**
 * The end of a warm-up's day: what the day came to is counted and written down, and the next day's allowance follows
 * from it. The MTA does this at the first look after local midnight, for every day that went by meanwhile.
 */
import { classified, isBounceClass } from '../mail/bounce-class.ts';
import { answersOf, forgetOldAnswers } from '../store/answer-slot.ts';
import type { Db } from '../store/tables.ts';
import { addWarmupDay, complaintsAbout, lockedWarmup, saveWarmup, warmups } from '../store/warmup.ts';
import { dayStart, nextDayStart } from './local-day.ts';
import { afterDay, capOf, verdictOf, type DayCounts } from './warmup.ts';

const NOTHING: DayCounts = { sent: 0, deferred: 0, blocked: 0, complaints: 0 };

interface AnswerCount {
  provider: string;
  outcome: string;
  class: string;
  answers: number;
}

/**
 * A day's answers as a warm-up reads them. Greylisting and full mailboxes are no judgement of our address, and a
 * connection that failed is none either.
 */
export function countDay(answers: readonly AnswerCount[]): Map<string, DayCounts> {
  const days = new Map<string, DayCounts>();
  for (const { provider, outcome, class: name, answers: n } of answers) {
    if (outcome === 'dropped') continue;
    const day = days.get(provider) ?? { ...NOTHING };
    days.set(provider, day);
    day.sent += n;
    const known = isBounceClass(name) ? classified(name) : undefined;
    if (known?.action === 'block' || known?.action === 'suspend') day.blocked += n;
    else if (outcome === 'deferred' && known?.blame !== 'recipient' && name !== 'greylisted')
      day.deferred += n;
  }
  return days;
}

/** The counts of one source between two moments, by provider. */
export async function daysCounts(
  db: Db,
  sourceId: number,
  from: number,
  to: number,
): Promise<Map<string, DayCounts>> {
  const days = countDay(await answersOf(db, sourceId, from, to));
  for (const { provider, complaints } of await complaintsAbout(db, sourceId, from, to))
    days.set(provider, { ...(days.get(provider) ?? NOTHING), complaints });
  return days;
}

/** Ends the days that are over. Safe to call by every node at once: a day is judged once. */
export async function endDays(tx: Db, now: number, zone: string): Promise<number> {
  const today = dayStart(now, zone);
  const counted = new Map<string, Map<string, DayCounts>>();
  let ended = 0;
  for (const { sourceId, provider, day } of await warmups(tx)) {
    if (day >= today) continue;
    let one = await lockedWarmup(tx, sourceId, provider);
    while (one !== undefined && one.day < today) {
      const next = nextDayStart(one.day, zone);
      const key = `${sourceId} ${one.day}`;
      const counts = counted.get(key) ?? (await daysCounts(tx, sourceId, one.day, next));
      counted.set(key, counts);
      const came = counts.get(provider) ?? NOTHING;
      const { step } = one;
      const record = { ...came, day: one.day, step, cap: capOf(one), verdict: verdictOf(came) };
      await addWarmupDay(tx, one, record);
      one = { ...afterDay(one, came), day: next, sent: 0 };
      ended++;
    }
    if (one !== undefined) await saveWarmup(tx, one, now);
  }
  if (ended > 0) await forgetOldAnswers(tx, now);
  return ended;
}
