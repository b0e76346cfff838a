/** Why mail waits although nothing holds it: today's warm-up room at its provider is used. */
import { OTHER_PROVIDER } from '../store/answer-slot.ts';
import type { WaitReason } from '../store/delivery.ts';
import { sources } from '../store/identity.ts';
import { organisationSettings } from '../store/setting.ts';
import type { Db } from '../store/tables.ts';
import { warmups, type Warmup } from '../store/warmup.ts';
import { dayStart, nextDayStart } from './local-day.ts';
import { capOf } from './warmup.ts';

export interface UsedUp {
  /** What all addresses together might send there today. */
  allowance: number;
  /** When there is room again. */
  until: number;
}

/** Answers, for a provider, whether every address of ours that may send has used its room of today. */
export async function usedUpWarmups(
  db: Db,
  now: number,
): Promise<(provider: string | null) => UsedUp | undefined> {
  const rows = await warmups(db);
  if (rows.length === 0) return () => undefined;
  const [{ timezone }, all] = await Promise.all([organisationSettings(db), sources(db)]);
  const today = dayStart(now, timezone);
  const until = nextDayStart(now, timezone);
  const sending = all.filter((one) => one.paused === 0);
  const rowOf = (id: number, provider: string): Warmup | undefined =>
    rows.find((row) => row.sourceId === id && row.provider === provider) ??
    rows.find((row) => row.sourceId === id && row.provider === OTHER_PROVIDER);
  return (provider) => {
    let allowance = 0;
    for (const { id } of sending) {
      const row = rowOf(id, provider === null || provider === '' ? OTHER_PROVIDER : provider);
      const cap = row === undefined ? null : capOf(row);
      if (cap === null || row === undefined) return undefined;
      if (row.day === today && row.sent < cap) return undefined;
      allowance += cap;
    }
    return sending.length === 0 ? undefined : { allowance, until };
  };
}

/** The same destinations, saying so where they wait for a warm-up and for nothing stricter. */
export async function withWarmupReasons<
  T extends { provider: string | null; reason: WaitReason; until: number | null },
>(db: Db, rows: readonly T[], now: number): Promise<(T & { allowance: number | null })[]> {
  const usedUp = await usedUpWarmups(db, now);
  return rows.map((row) => {
    const used = row.reason === 'moving' ? usedUp(row.provider) : undefined;
    return used === undefined
      ? { ...row, allowance: null }
      : { ...row, reason: 'warm-up', until: used.until, allowance: used.allowance };
  });
}
