/**
 * What becomes of a mail that was claimed too early for its person (core/pressure/limit.ts): it waits, or it ends as
 * suppressed. Like queue.ts a writer of a delivery's state, by the same table of transitions.
 */
import { sql } from 'kysely';
import { rowsFrom } from './batch.ts';
import { addEvents } from './event.ts';
import { transitions, type Settled } from './queue.ts';
import type { Db } from './tables.ts';

/** Claimed too early: it waits until there is room. No attempt was made, and nothing was frozen. */
export async function putOff(
  tx: Db,
  owner: string,
  rows: readonly { id: number; dueAt: number; reason: string }[],
): Promise<void> {
  if (rows.length === 0) return;
  const batch = rowsFrom(tx, rows as unknown as Record<string, unknown>[], {
    id: 'int',
    dueAt: 'int',
    reason: 'text',
  });
  await sql`update delivery set state = 'queued', attempt = attempt - 1, lease_owner = null, lease_until = null,
      due_at = r.${sql.ref('dueAt')}, reason = r.reason
    from ${batch} as r where delivery.id = r.id and delivery.state = 'active' and delivery.lease_owner = ${owner}`.execute(
    tx,
  );
}

/** Claimed, and there will be no room in time: it ends here, with the reason. */
export async function leaveOut(
  tx: Db,
  owner: string,
  rows: readonly { id: number; reason: string }[],
  now: number,
): Promise<void> {
  if (rows.length === 0) return;
  if (!transitions.active.includes('suppressed')) throw new Error('no way from active to suppressed');
  const batch = rowsFrom(tx, rows as unknown as Record<string, unknown>[], { id: 'int', reason: 'text' });
  const { rows: ended } = await sql<
    Settled & { reason: string }
  >`update delivery set state = 'suppressed', attempt = attempt - 1, lease_owner = null, lease_until = null,
      finished_at = cast(${now} as bigint), reason = r.reason
    from ${batch} as r where delivery.id = r.id and delivery.state = 'active' and delivery.lease_owner = ${owner}
    returning delivery.id, delivery.contact_id, delivery.origin_kind, delivery.origin_id, delivery.reason`.execute(
    tx,
  );
  await addEvents(
    tx,
    ended.map((row) => ({
      kind: 'withheld',
      at: now,
      contact_id: row.contact_id,
      campaign_id: row.origin_kind === 'campaign' ? row.origin_id : null,
      delivery_id: row.id,
      data: { reason: row.reason },
    })),
  );
}

/** What waits for room is looked at again now, a slice at a time: a cap was changed or lifted. Index: delivery_waiting. */
export async function lookAgain(tx: Db, reason: string, now: number, limit: number): Promise<number> {
  const { numAffectedRows } =
    await sql`update delivery set due_at = ${now} where id in (select id from delivery
    where state in ('queued', 'deferred') and lane = 'bulk' and attempt = 0 and due_at > ${now} and reason = ${reason}
    limit ${limit})`.execute(tx);
  return Number(numAffectedRows ?? 0);
}
