/** Before a campaign leaves: who of its audience would wait for room, and who would be left out, as the caps stand now. */
import { sql, type RawBuilder } from 'kysely';
import { hadTheirWish, isFull, staysFull } from '../store/pressure-facts.ts';
import { limitsInForce } from '../store/pressure.ts';
import type { Db } from '../store/tables.ts';
import { wishDays } from './cap.ts';
import { segmentCondition } from './limit.ts';

export interface Reckoning {
  /** True for who would be left out. */
  leftOut: RawBuilder<boolean>;
  /** True for who would wait, and get it within the days that the cap gives. */
  putOff: RawBuilder<boolean>;
}

/** Conditions on `contact`; undefined while nobody set a cap and nobody asked for less. */
export async function reckon(
  db: Db,
  campaign: { id: number; list_id: number | null; brand_id: number },
  now: number,
): Promise<Reckoning | undefined> {
  const { caps, hasWishes } = await limitsInForce(db);
  const out: RawBuilder<boolean>[] = hasWishes ? [hadTheirWish(campaign, wishDays, now)] : [];
  const full: RawBuilder<boolean>[] = [];
  for (const cap of caps) {
    if (cap.list_id !== null && cap.list_id !== campaign.list_id) continue;
    if (cap.brand_id !== null && cap.brand_id !== campaign.brand_id) continue;
    const who = cap.segment_id === null ? undefined : await segmentCondition(db, cap.segment_id, now);
    // Its segment is gone: it is about nobody.
    if (cap.segment_id !== null && who === undefined) continue;
    const among = (condition: RawBuilder<boolean>) =>
      who === undefined ? condition : sql<boolean>`(${who} and ${condition})`;
    out.push(among(staysFull(campaign, cap, now)));
    full.push(among(isFull(campaign, cap, now)));
  }
  if (out.length === 0) return undefined;
  const any = (conditions: RawBuilder<boolean>[]) =>
    conditions.length === 0 ? sql<boolean>`1 = 0` : sql<boolean>`(${sql.join(conditions, sql` or `)})`;
  return { leftOut: any(out), putOff: sql<boolean>`(${any(full)} and not ${any(out)})` };
}
