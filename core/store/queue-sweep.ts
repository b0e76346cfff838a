/**
 * What moves many waiting deliveries at once, a slice in each short transaction: a pause, a cancelled campaign, one
 * delivery that a person held. Orders over a destination, a source or a pool are in queue-order.ts. Like queue.ts a writer
 * of a delivery's state, by the same table of transitions.
 */
import { sql } from 'kysely';
import { rowsFrom } from './batch.ts';
import { addEvents } from './event.ts';
import { domainsAt } from './place.ts';
import { transitions, type Settled } from './queue.ts';
import type { Db, DeliveryState } from './tables.ts';

/** What a person picked: all deliveries of a campaign, to a destination, or one. */
export type Selection =
  { campaign: number; place?: string } | { domain: number } | { delivery: number } | { pool: string };

function selected(selection: Selection) {
  if ('campaign' in selection) {
    const { campaign, place } = selection;
    if (place === undefined) return sql`origin_kind = 'campaign' and origin_id = ${campaign}`;
    // The plus keeps SQLite from walking the whole campaign: what waits is found by its domains (delivery_waiting).
    return sql`origin_kind = 'campaign' and +origin_id = ${campaign} and domain_id in ${domainsAt(place)}`;
  }
  if ('domain' in selection) return sql`domain_id = ${selection.domain}`;
  if ('pool' in selection) return sql`pool = ${selection.pool}`;
  return sql`id = ${selection.delivery}`;
}

const SLICE = 1000;

/** Moves one slice of a selection from some states to another; how many moved. Repeat until it answers 0. */
async function sweep(
  db: Db,
  selection: Selection,
  from: DeliveryState[],
  to: DeliveryState,
  reason: string,
  now: number,
  slice: number,
  heldFor?: string,
): Promise<number> {
  for (const state of from) {
    if (!transitions[state].includes(to)) throw new Error(`no way from ${state} to ${to}`);
  }
  const finished = transitions[to].length === 0 ? now : null;
  const { rows } =
    await sql<Settled>`update delivery set state = ${to}, reason = ${reason}, finished_at = ${finished},
      due_at = case when ${to} = 'queued' then ${now} else due_at end
    where id in (select id from delivery where ${selected(selection)} and state in (${sql.join(from.map((state) => sql.lit(state)))})
      ${heldFor === undefined ? sql`` : sql`and reason = ${heldFor}`} limit ${slice})
    returning id, address, contact_id, origin_kind, origin_id, lane, state`.execute(db);
  if (finished !== null) {
    await addEvents(
      db,
      rows.map((row) => ({
        kind: to,
        at: now,
        contact_id: row.contact_id,
        campaign_id: row.origin_kind === 'campaign' ? row.origin_id : null,
        delivery_id: row.id,
        data: { reason },
      })),
    );
  }
  return rows.length;
}

export const cancelSlice = (
  db: Db,
  selection: Selection,
  reason: string,
  now: number,
  slice = SLICE,
): Promise<number> => sweep(db, selection, ['queued', 'deferred', 'held'], 'cancelled', reason, now, slice);
export const holdSlice = (db: Db, selection: Selection, reason: string, now: number): Promise<number> =>
  sweep(db, selection, ['queued', 'deferred'], 'held', reason, now, SLICE);
export const releaseSlice = (db: Db, selection: Selection, now: number): Promise<number> =>
  sweep(db, selection, ['held'], 'queued', '', now, SLICE);

const WITH_ITS_CAMPAIGN = 'its campaign is paused';

/**
 * The rows of a paused campaign step aside, a slice at a time. The pause itself is one row and holds at once; this only
 * keeps claims from passing over a million rows that may not leave.
 */
export const pauseSlice = (db: Db, campaign: number, now: number, slice = SLICE): Promise<number> =>
  sweep(db, { campaign }, ['queued', 'deferred'], 'held', WITH_ITS_CAMPAIGN, now, slice);

/** And come back when it goes on; what a person held otherwise stays held. */
export const resumeSlice = (db: Db, campaign: number, now: number, slice = SLICE): Promise<number> =>
  sweep(db, { campaign }, ['held'], 'queued', '', now, slice, WITH_ITS_CAMPAIGN);

/** What waits steps aside with a reason of its own; it comes back, or is taken back, by that reason. */
export const holdFor = (db: Db, selection: Selection, reason: string, now: number): Promise<number> =>
  sweep(db, selection, ['queued', 'deferred'], 'held', reason, now, SLICE);
export const releaseHeldFor = (db: Db, campaign: number, reason: string, now: number): Promise<number> =>
  sweep(db, { campaign }, ['held'], 'queued', '', now, SLICE, reason);
export const cancelHeldFor = (
  db: Db,
  campaign: number,
  heldFor: string,
  reason: string,
  now: number,
): Promise<number> => sweep(db, { campaign }, ['held'], 'cancelled', reason, now, SLICE, heldFor);

/** Gives back what was claimed and never dialled for, each to its own time: the attempts did not happen. */
export async function giveBackEach(
  db: Db,
  owner: string,
  rows: readonly { id: number; dueAt: number }[],
): Promise<void> {
  if (rows.length === 0) return;
  const batch = rowsFrom(db, rows as unknown as Record<string, unknown>[], { id: 'int', dueAt: 'int' });
  await sql`update delivery set state = case when attempt = 1 then 'queued' else 'deferred' end, attempt = attempt - 1,
      lease_owner = null, lease_until = null, due_at = r.${sql.ref('dueAt')}
    from ${batch} as r
    where delivery.id = r.id and delivery.state = 'active' and delivery.lease_owner = ${owner}`.execute(db);
}

/** Tries a selection again now. */
export async function retryNow(db: Db, selection: Selection, now: number): Promise<number> {
  const { rows } = await sql<{ id: number }>`update delivery set due_at = ${now}
    where ${selected(selection)} and state in ('queued', 'deferred') and due_at > ${now} returning id`.execute(
    db,
  );
  return rows.length;
}
