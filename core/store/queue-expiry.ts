/**
 * Deliveries that have been due for days and that nobody ever took up: the name server of their domain answers nothing, or
 * no turn came. An attempt that fails expires by its own reckoning (mta/retry.ts); these have none. What a person holds or
 * paused waits for that person and never expires here.
 */
import { sql } from 'kysely';
import { rowsFrom } from './batch.ts';
import { addEvents } from './event.ts';
import { transitions, type Settled } from './queue.ts';
import type { Db } from './tables.ts';

/** Due before a time and still waiting. One seek per destination and lane in the index delivery_waiting. */
export async function overdue(db: Db, before: number, limit: number): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`select delivery.id from domain cross join delivery
    where delivery.domain_id = domain.id and delivery.lane in ('transactional', 'bulk') and delivery.due_at <= ${before}
      and delivery.state in ('queued', 'deferred') and domain.held = 0
      and not exists (select 1 from campaign where delivery.origin_kind = 'campaign' and campaign.id = delivery.origin_id
        and (campaign.paused = 1 or campaign.state = 'paused'))
      and not exists (select 1 from queue_order where done_at is null and released_at is null and kind = 'hold' and (
        (by_kind = 'site' and target = domain.site) or (by_kind = 'provider' and target = domain.provider)
        or (by_kind = 'pool' and target = delivery.pool) or (by_kind = 'campaign' and target_id = delivery.origin_id)))
    limit ${limit}`.execute(db);
  return rows.map((row) => row.id);
}

/** Gives these up, as far as they still wait. */
export async function expire(tx: Db, ids: readonly number[], before: number, now: number): Promise<number> {
  if (ids.length === 0) return 0;
  if (!transitions.queued.includes('expired') || !transitions.deferred.includes('expired'))
    throw new Error('what waits cannot expire');
  const days = Math.round((now - before) / 86_400_000);
  const these = rowsFrom(
    tx,
    ids.map((id) => ({ id })),
    { id: 'int' },
  );
  const { rows } = await sql<
    Settled & { reason: string }
  >`update delivery set state = 'expired', finished_at = ${now},
      reason = case when exists (select 1 from domain where domain.id = delivery.domain_id and coalesce(site, '') <> '')
        then cast(${`given up: no turn came for it in ${days} days`} as text)
        else cast(${`given up: no route to its destination was found in ${days} days`} as text) end
    where id in (select id from ${these} as r) and state in ('queued', 'deferred') and due_at <= ${before}
    returning id, address, contact_id, origin_kind, origin_id, lane, state, reason`.execute(tx);
  await addEvents(
    tx,
    rows.map((row) => ({
      kind: 'expired',
      at: now,
      contact_id: row.contact_id,
      campaign_id: row.origin_kind === 'campaign' ? row.origin_id : null,
      delivery_id: row.id,
      data: { reason: row.reason },
    })),
  );
  return rows.length;
}
