/**
 * Queues a campaign's recipients in slices: short rows that refer to the frozen template. The cursor commits with its
 * slice and the recipient's key is unique with the campaign, so that a kill at any moment skips nobody and queues nobody
 * twice. Whoever may not be mailed gets a row too, suppressed from the start: the ledger has everyone.
 */
import { sql } from 'kysely';
import { somebodyHasMore } from '../store/address.ts';
import { engineOf, packed, rowsFrom } from '../store/batch.ts';
import { campaignById, changeCampaign, type Campaign } from '../store/campaign.ts';
import type { Store } from '../store/open.ts';
import type { Db } from '../store/tables.ts';
import {
  audienceCondition,
  audienceOf,
  insteadOfPrimary,
  stoppingScopes,
  suppressedCondition,
} from './audience.ts';
import { headStart, somethingWarms } from './engagement.ts';
import { moveCampaign } from './states.ts';

/**
 * Recipients per slice, one commit: each writes the pages of all their domains once, so that larger ones are cheaper. They
 * are written a part at a time, some twelve milliseconds, and in between this thread serves whoever else waits for it.
 */
export const FAN_OUT_SLICE = 6000;
const PART = 1500;

export type SliceOutcome =
  /** There may be more. */
  | { kind: 'queued'; recipients: number }
  /** Everyone is queued; the campaign is sending. */
  | { kind: 'done' }
  /** It is paused, cancelled, or done long ago. */
  | { kind: 'not-now' };

/** While one slice is written, a reader finds the people of the next. Kept from slice to slice of one campaign. */
export class RecipientsAhead {
  #next: { cursor: number; recipients: Promise<number[]> } | undefined;

  /** Those after the cursor, when they were asked for. */
  take(cursor: number | null): Promise<number[]> | undefined {
    const next = this.#next;
    this.#next = undefined;
    return next?.cursor === cursor ? next.recipients : undefined;
  }

  ask(cursor: number, recipients: Promise<number[]>): void {
    // Whoever takes them hears of a fault; nobody may take them.
    recipients.catch(() => undefined);
    this.#next = { cursor, recipients };
  }
}

/** Queues the next slice of a campaign in state `queueing`. Repeat until it answers something else than `queued`. */
export async function fanOutSlice(
  store: Store,
  campaignId: number,
  now: number,
  slice = FAN_OUT_SLICE,
  ahead = new RecipientsAhead(),
): Promise<SliceOutcome> {
  // Who comes next is found by a reader: the writer has only to write them down.
  const seen = await campaignById(store.read, campaignId);
  if (seen?.state !== 'queueing') return { kind: 'not-now' };
  const recipients = await (ahead.take(seen.fanout_cursor) ?? nextRecipients(store.read, seen, now, slice));
  const last = recipients.at(-1);
  if (last !== undefined && recipients.length === slice)
    ahead.ask(last, nextRecipients(store.read, { ...seen, fanout_cursor: last }, now, slice));
  return store.write(async (tx) => {
    const campaign = await lockedCampaign(tx, campaignId);
    if (campaign?.state !== 'queueing' || campaign.template_version_id === null) return { kind: 'not-now' };
    // Another node was faster.
    if (campaign.fanout_cursor !== seen.fanout_cursor) return { kind: 'queued', recipients: 0 };
    if (recipients.length === 0) {
      await moveCampaign(tx, campaignId, 'sending', { fanout_done_at: now }, now);
      return { kind: 'done' };
    }
    for (let at = 0; at < recipients.length; at += PART) {
      if (at > 0) await new Promise((resolve) => setImmediate(resolve));
      await queueRecipients(tx, campaign, recipients.slice(at, at + PART), now);
    }
    await changeCampaign(tx, campaignId, ['queueing'], { fanout_cursor: last ?? null }, now);
    return { kind: 'queued', recipients: recipients.length };
    // Whoever claims one of these rows syncs them with his claim: nothing leaves that a power cut takes back.
  }, 'repeatable');
}

/** PostgreSQL: locked, so that a pause or cancel, or another node's slice, comes wholly before or after this one. */
const lockedCampaign = (tx: Db, id: number): Promise<Campaign | undefined> => {
  const query = tx.selectFrom('campaign').selectAll().where('id', '=', id);
  return (engineOf(tx) === 'postgres' ? query.forUpdate() : query).executeTakeFirst();
};

async function nextRecipients(tx: Db, campaign: Campaign, now: number, slice: number): Promise<number[]> {
  // Dates of a segment are as of the start, so that the last slice means what the first one did.
  const condition = await audienceCondition(tx, audienceOf(campaign), campaign.started_at ?? now);
  const rows = await packed<{ id: number }>(
    tx,
    ['id'],
    (columns) => sql`select ${columns} from contact where id > ${campaign.fanout_cursor ?? 0} and ${condition}
      order by id limit ${slice}`,
  );
  return rows.map((row) => row.id);
}

/**
 * Ordered by domain: claims and results go by site, and rows of one site that lie together share pages. A claim of 200
 * rows among 50 domains wrote 200 pages without it, and writes 10 to 20 with it.
 */
async function queueRecipients(tx: Db, campaign: Campaign, ids: number[], now: number): Promise<void> {
  const scopes = stoppingScopes(campaign.list_id, campaign.brand_id);
  const stopped = suppressedCondition(scopes);
  const rows = rowsFrom(
    tx,
    ids.map((id) => ({ id })),
    { id: 'int' },
  );
  await sql`insert into domain (name) select distinct contact.email_domain
    from ${rows} as r join contact on contact.id = r.id
    where not exists (select 1 from domain where domain.name = contact.email_domain)
    on conflict (name) do nothing`.execute(tx);
  // Most installations know one address of everybody: nothing is looked up for those.
  const hasOthers = await somebodyHasMore(tx);
  if (hasOthers)
    await sql`insert into domain (name) select distinct other.domain
      from ${rows} as r join contact_address as other on other.contact_id = r.id
      where not exists (select 1 from domain where domain.name = other.domain) on conflict (name) do nothing`.execute(
      tx,
    );
  const instead = hasOthers
    ? sql`left join contact_address as instead on instead.id = ${insteadOfPrimary(scopes)}`
    : sql``;
  const goesTo = hasOthers ? sql`coalesce(instead.address, contact.email)` : sql`contact.email`;
  const goesToDomain = hasOthers
    ? sql`coalesce(instead.domain, contact.email_domain)`
    : sql`contact.email_domain`;
  const at = sql`cast(${now} as bigint)`;
  // Counted from the start of the campaign, so that the keen readers of its last slice go before the others of its first.
  const due = (await somethingWarms(tx))
    ? sql`cast(${campaign.started_at ?? now} as bigint) - ${headStart(campaign.started_at ?? now)}`
    : at;
  // Materialised: flattened, the question after the suppression would be asked three times. Who had enough is found at the
  // claim (core/pressure/limit.ts), when it is known what arrived meanwhile.
  await sql`with people as materialized (
      select contact.id, ${goesTo} as email, domain.id as domain_id, ${due} as due_at, ${stopped} as is_stopped
      from ${rows} as r join contact on contact.id = r.id ${instead} join domain on domain.name = ${goesToDomain}
      order by domain.id, contact.id)
    insert into delivery (lane, origin_kind, origin_id, recipient_key, contact_id, address, domain_id, sending_domain_id,
      pool, state, due_at, queued_at, template_version_id, reason, finished_at)
    select 'bulk', 'campaign', cast(${campaign.id} as bigint), cast(id as text), id, email, domain_id,
      cast(${campaign.sending_domain_id} as bigint), cast(${campaign.pool} as text),
      case when is_stopped then 'suppressed' else 'queued' end, due_at, ${at}, cast(${campaign.template_version_id} as bigint),
      case when is_stopped then 'suppressed before it was queued' else null end,
      case when is_stopped then ${at} else null end
    from people where true
    on conflict (origin_kind, origin_id, recipient_key) do nothing`.execute(tx);
}
