/**
 * The queue: one row per message and recipient, a reference and not a copy. Its state is written here and, for
 * many at once, in queue-sweep.ts and queue-order.ts, by one table of transitions; retired.ts takes ended rows away.
 *
 *   state       meaning                                             exits
 *   queued      waits for its time or for room                      claim → active · suppress · cancel · hold
 *   active      a node has it until its lease ends; attempt and     settle → delivered | deferred | bounced | expired |
 *               next time were committed before dialling              suppressed | cancelled · give back or lease end → deferred
 *   deferred    refused for now, or in doubt; waits for the next    as queued · expire
 *   held        a person or a rule keeps it back                    release → queued · cancel
 *   delivered   the receiver answered 250                           none; a later bounce sets bounced_after_at
 *   bounced     refused for good                                    none
 *   expired     too old after enough attempts                       none
 *   cancelled   a person took it back                               none
 *   suppressed  the address may not be mailed                       none
 */
import { sql } from 'kysely';
import { Problem } from '../errors.ts';
import { asciiDomain } from '../mail/domain.ts';
import { countAnswers } from './answer-slot.ts';
import { engineOf, packed, rowsFrom, skipLocked } from './batch.ts';
import { addEvents, type NewEvent } from './event.ts';
import { transactionalPoolOf } from './pool.ts';
import { countMailsGot } from './pressure.ts';
import type { Db, DeliveryState, Lane, OriginKind, Row } from './tables.ts';

/** Where each state may go. Terminal states go nowhere. */
export const transitions: Record<DeliveryState, readonly DeliveryState[]> = {
  queued: ['active', 'suppressed', 'cancelled', 'held', 'expired'],
  active: ['delivered', 'deferred', 'bounced', 'expired', 'suppressed', 'cancelled', 'held', 'queued'],
  deferred: ['active', 'suppressed', 'cancelled', 'held', 'expired'],
  held: ['queued', 'cancelled', 'suppressed'],
  delivered: [],
  bounced: [],
  expired: [],
  cancelled: [],
  suppressed: [],
};

export const terminalStates = (Object.keys(transitions) as DeliveryState[]).filter(
  (state) => transitions[state].length === 0,
);

export type Delivery = Row<'delivery'>;

const DELIVERY_COLUMNS = Object.keys({
  id: 0,
  lane: 0,
  origin_kind: 0,
  origin_id: 0,
  recipient_key: 0,
  contact_id: 0,
  address: 0,
  domain_id: 0,
  sending_domain_id: 0,
  pool: 0,
  state: 0,
  due_at: 0,
  queued_at: 0,
  attempt: 0,
  lease_owner: 0,
  lease_until: 0,
  template_version_id: 0,
  fill: 0,
  source_id: 0,
  message_id: 0,
  last_code: 0,
  last_enhanced: 0,
  last_reply: 0,
  last_mx: 0,
  last_attempt_at: 0,
  class: 0,
  reason: 0,
  finished_at: 0,
  bounced_after_at: 0,
  via: 0,
} satisfies Record<keyof Delivery, 0>) as (keyof Delivery)[];

// ── in ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Makes sure that each recipient domain has a row; answers their ids by name. */
export async function domainIds(db: Db, names: readonly string[]): Promise<Map<string, number>> {
  const wanted = [...new Set(names)].map((name) => ({ name }));
  if (wanted.length === 0) return new Map();
  await sql`insert into domain (name) select name from ${rowsFrom(db, wanted, { name: 'text' })} as r where true
    on conflict (name) do nothing`.execute(db);
  const rows = await db
    .selectFrom('domain')
    .select(['id', 'name'])
    .where(
      'name',
      'in',
      wanted.map((one) => one.name),
    )
    .execute();
  return new Map(rows.map((row) => [row.name, row.id]));
}

export interface MessageToQueue {
  /** The `message` row that is the content. */
  messageId: number;
  recipients: string[];
  sendingDomainId: number;
  contactId?: number | null;
}

/** Queues a message that a person wrote: one delivery per recipient, ahead of bulk. Answers their ids. */
export async function enqueueMessage(
  db: Db,
  { messageId, recipients, sendingDomainId, contactId }: MessageToQueue,
  now: number,
): Promise<number[]> {
  return enqueue(
    db,
    recipients.map((address, place) => ({
      origin_kind: 'message' as const,
      origin_id: messageId,
      recipient_key: String(place),
      address,
      sending_domain_id: sendingDomainId,
      contact_id: contactId ?? null,
      template_version_id: null,
    })),
    now,
  );
}

export interface SubmittedToQueue {
  /** The origin, so that one row can hold all that it submitted. */
  credentialId: number;
  submissionId: number;
  sendingDomainId: number;
  dueAt: number;
  recipients: { place: number; address: string }[];
}

/** Queues what programs submitted. Answers the deliveries by `submission.place`. */
export async function enqueueSubmitted(
  db: Db,
  submitted: readonly SubmittedToQueue[],
  now: number,
): Promise<Map<string, number>> {
  const rows = submitted.flatMap(({ credentialId, submissionId, sendingDomainId, dueAt, recipients }) =>
    recipients.map(({ place, address }) => ({
      origin_kind: 'submission' as const,
      origin_id: credentialId,
      recipient_key: `${submissionId}.${place}`,
      address,
      sending_domain_id: sendingDomainId,
      contact_id: null,
      template_version_id: null,
      // What is scheduled grows old from its time on.
      due_at: dueAt,
      queued_at: Math.max(now, dueAt),
    })),
  );
  if (rows.length === 0) return new Map();
  const ids = await enqueue(db, rows, now);
  return new Map(rows.map(({ recipient_key }, at) => [recipient_key, ids[at] as number]));
}

export interface TestToQueue {
  templateVersionId: number;
  sendingDomainId: number;
  address: string;
  /** Whose values are merged. */
  contactId: number | null;
  /** The frozen values, since a test may be rendered as somebody else. */
  fill: string;
}

/** Queues a test of a template to one address. */
export async function enqueueTest(db: Db, test: TestToQueue, now: number): Promise<number> {
  const ids = await enqueue(
    db,
    [
      {
        origin_kind: 'test',
        origin_id: test.templateVersionId,
        recipient_key: test.address,
        address: test.address,
        sending_domain_id: test.sendingDomainId,
        contact_id: test.contactId,
        template_version_id: test.templateVersionId,
        fill: test.fill,
      },
    ],
    now,
  );
  return ids[0] as number;
}

interface ToQueue {
  origin_kind: OriginKind;
  origin_id: number;
  recipient_key: string;
  address: string;
  sending_domain_id: number;
  contact_id: number | null;
  template_version_id: number | null;
  fill?: string;
  due_at?: number;
  queued_at?: number;
}

async function enqueue(db: Db, rows: ToQueue[], now: number): Promise<number[]> {
  const domains = await domainIds(
    db,
    rows.map((row) => domainOf(row.address)),
  );
  const pools = new Map<number, string>();
  for (const from of new Set(rows.map((row) => row.sending_domain_id)))
    pools.set(from, await transactionalPoolOf(db, from));
  const whole = rows.map((row) => ({
    due_at: now,
    queued_at: now,
    ...row,
    fill: row.fill === null || row.fill === undefined ? null : (JSON.parse(row.fill) as unknown),
    domain_id: domains.get(domainOf(row.address)) as number,
    pool: pools.get(row.sending_domain_id) as string,
  }));
  const { rows: made } = await sql<{
    id: number;
    origin_id: number;
    recipient_key: string;
  }>`insert into delivery
      (lane, state, attempt, origin_kind, origin_id, recipient_key, contact_id, address, domain_id, sending_domain_id, pool,
       due_at, queued_at, template_version_id, fill)
    select 'transactional', 'queued', 0, origin_kind, origin_id, recipient_key, contact_id, address, domain_id,
      sending_domain_id, pool, due_at, queued_at, template_version_id, fill
    from ${rowsFrom(db, whole as unknown as Record<string, unknown>[], {
      origin_kind: 'text',
      origin_id: 'int',
      recipient_key: 'text',
      contact_id: 'int',
      address: 'text',
      domain_id: 'int',
      sending_domain_id: 'int',
      pool: 'text',
      due_at: 'int',
      queued_at: 'int',
      template_version_id: 'int',
      fill: 'json',
    })} as r where true order by ordinal returning id, origin_id, recipient_key`.execute(db);
  const byKey = new Map(made.map((row) => [`${row.origin_id} ${row.recipient_key}`, row.id]));
  const ids = rows.map((row) => byKey.get(`${row.origin_id} ${row.recipient_key}`) as number);
  await addEvents(
    db,
    rows.map((row, at) => ({
      kind: 'queued',
      at: now,
      contact_id: row.contact_id,
      delivery_id: ids[at] as number,
    })),
  );
  return ids;
}

/** The A-label domain of an address, lower-case. */
export function domainOf(address: string): string {
  const name = asciiDomain(address.slice(address.lastIndexOf('@') + 1));
  if (name === undefined) throw new Problem('invalid', `${address} has no domain that can be mailed`);
  return name;
}

// ── out ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface WaitingDomain {
  id: number;
  name: string;
  site: string | null;
  provider: string | null;
  resolved_at: number | null;
  held: number;
}

/**
 * Recipient domains with something due in a lane. One seek per domain in the partial index delivery_waiting
 * (domain_id, lane, due_at); the queue itself is never scanned.
 */
export async function domainsWithWork(db: Db, lane: Lane, now: number): Promise<WaitingDomain[]> {
  // The states are written out, not parameters: only so does SQLite see that the partial index serves (15 s else, of 200,000).
  return packed<WaitingDomain>(
    db,
    ['id', 'name', 'site', 'provider', 'resolved_at', 'held'],
    (columns) => sql`select ${columns} from domain where held = 0 and exists (
      select 1 from delivery where delivery.domain_id = domain.id and delivery.lane = ${lane}
      and delivery.due_at <= ${now} and delivery.state in ('queued', 'deferred'))`,
  );
}

/** Destinations that a person holds. */
export const heldDomains = async (db: Db): Promise<number[]> =>
  (await db.selectFrom('domain').select('id').where('held', '=', 1).execute()).map((row) => row.id);

/** Remembers what the DNS said of a recipient domain. */
export async function setDomainRoute(
  db: Db,
  id: number,
  route: { site: string; provider: string | null },
  now: number,
): Promise<void> {
  await db
    .updateTable('domain')
    .set({ ...route, resolved_at: now })
    .where('id', '=', id)
    .execute();
}

export interface ClaimQuestion {
  domainIds: number[];
  lane: Lane;
  pool?: string;
  limit: number;
  now: number;
  owner: string;
  leaseMs: number;
  /** The time of the next attempt if nothing is heard of this one: committed before dialling. */
  nextAt: number;
  /** Campaigns that are paused or cancelled: their rows stay where they are. */
  exceptCampaigns: readonly number[];
  /** Pools whose sources may not send there now. */
  exceptPools?: readonly string[];
  /** Of each hundred deliveries in a row those from `from` and below `to`: a part that stays the same for a retry. */
  share?: { from: number; to: number };
}

/** Takes what is due, oldest first, for one node. PostgreSQL: rows that another node is taking are passed over. */
export async function claimDue(db: Db, question: ClaimQuestion): Promise<Delivery[]> {
  const {
    domainIds: ids,
    lane,
    pool,
    limit,
    now,
    owner,
    leaseMs,
    nextAt,
    exceptCampaigns,
    exceptPools = [],
    share,
  } = question;
  if (ids.length === 0 || limit <= 0) return [];
  return packed<Delivery>(
    db,
    DELIVERY_COLUMNS,
    (columns) => sql`update delivery
    set state = 'active', lease_owner = ${owner}, lease_until = ${now + leaseMs}, attempt = attempt + 1,
        last_attempt_at = ${now}, due_at = ${nextAt}
    where id in (
      select id from delivery
      where domain_id in (${sql.join(ids)}) and lane = ${lane} and due_at <= ${now} and state in ('queued', 'deferred')
      ${pool === undefined ? sql`` : sql`and pool = ${pool}`}
      ${exceptCampaigns.length === 0 ? sql`` : sql`and not (origin_kind = 'campaign' and origin_id in (${sql.join([...exceptCampaigns])}))`}
      ${exceptPools.length === 0 ? sql`` : sql`and pool not in (${sql.join([...exceptPools])})`}
      ${share === undefined ? sql`` : sql`and (id * 37) % 100 >= ${share.from} and (id * 37) % 100 < ${share.to}`}
      order by due_at limit ${limit} ${skipLocked(db)})
    returning ${columns}`,
  );
}

/** Freezes what the first claim decided: a retry then repeats the message byte for byte. */
export async function freezeFills(db: Db, fills: readonly { id: number; fill: string }[]): Promise<void> {
  if (fills.length === 0) return;
  const rows = fills.map(({ id, fill }) => ({ id, fill: JSON.parse(fill) as unknown }));
  await sql`update delivery set fill = r.fill from ${rowsFrom(db, rows, { id: 'int', fill: 'json' })} as r
    where delivery.id = r.id and delivery.fill is null`.execute(db);
}

/** How one attempt ended, as it is written down. */
export interface Settlement {
  id: number;
  /** The attempt that this is the result of: a result that comes after another claim changes nothing. */
  attempt: number;
  owner: string;
  state: 'delivered' | 'deferred' | 'bounced' | 'expired' | 'suppressed' | 'cancelled';
  /** For `deferred`. */
  due_at: number;
  source_id: number | null;
  message_id: string | null;
  code: number | null;
  enhanced: string | null;
  /** The receiver's words, sanitised. */
  reply: string;
  mx: string;
  ip: string;
  tls: string;
  /** The smarthost that it was handed to, or that refused it. */
  via?: string | null;
  class: string | null;
  reason: string;
  outcome: Row<'attempt'>['outcome'];
  /** When the attempt began. */
  began_at: number;
  ms: number;
}

/** What a settled delivery was, for whoever acts upon it (suppression, events, counters). */
export type Settled = Pick<
  Delivery,
  'id' | 'address' | 'contact_id' | 'origin_kind' | 'origin_id' | 'lane' | 'state'
>;

const SETTLED_COLUMNS = (
  ['id', 'address', 'contact_id', 'origin_kind', 'origin_id', 'lane', 'state'] as const
).map((name) => `delivery.${name}` as keyof Settled);

const eventOf: Record<Settlement['state'], string> = {
  delivered: 'delivered',
  deferred: 'deferred',
  bounced: 'bounced',
  expired: 'expired',
  suppressed: 'withheld',
  cancelled: 'cancelled',
};

/**
 * Writes down how attempts ended: delivery, attempt and event, each in one statement for all. Fenced by owner and attempt,
 * so that a node whose lease ended cannot overwrite its successor. Answers those that were really written.
 */
export async function settle(db: Db, settlements: readonly Settlement[], now: number): Promise<Settled[]> {
  if (settlements.length === 0) return [];
  const batch = rowsFrom(db, settlements as unknown as Record<string, unknown>[], {
    id: 'int',
    attempt: 'int',
    owner: 'text',
    state: 'text',
    due_at: 'int',
    source_id: 'int',
    message_id: 'text',
    code: 'int',
    enhanced: 'text',
    reply: 'text',
    mx: 'text',
    via: 'text',
    class: 'text',
    reason: 'text',
  });
  const rows = await packed<Settled>(
    db,
    SETTLED_COLUMNS,
    (columns) => sql`update delivery set
      state = r.state, due_at = r.due_at, lease_owner = null, lease_until = null, source_id = r.source_id,
      message_id = coalesce(r.message_id, delivery.message_id), last_code = r.code, last_enhanced = r.enhanced,
      last_reply = r.reply, last_mx = r.mx, via = r.via, class = r.class, reason = r.reason,
      finished_at = case when r.state = 'deferred' then null else cast(${now} as ${sql.raw(engineOf(db) === 'sqlite' ? 'integer' : 'bigint')}) end
    from ${batch} as r
    where delivery.id = r.id and delivery.state = 'active' and delivery.lease_owner = r.owner and delivery.attempt = r.attempt
    returning ${columns}`,
  );
  const written = new Map(rows.map((row) => [row.id, row]));
  const kept = settlements.filter((one) => written.has(one.id));
  await addAttempts(db, kept);
  await countAnswers(db, kept);
  await countMailsGot(
    db,
    rows.filter((row) => row.state === 'delivered'),
    now,
  );
  await addEvents(
    db,
    kept.map((one) => eventFor(one, written.get(one.id) as Settled, now)),
  );
  return rows;
}

function eventFor(one: Settlement, row: Settled, now: number): NewEvent {
  return {
    kind: eventOf[one.state],
    at: now,
    contact_id: row.contact_id,
    campaign_id: row.origin_kind === 'campaign' ? row.origin_id : null,
    delivery_id: row.id,
    data:
      one.state === 'delivered'
        ? { mx: one.mx, ...(one.via && { via: one.via }) }
        : {
            mx: one.mx,
            code: one.code,
            enhanced: one.enhanced,
            class: one.class,
            reply: one.reply.slice(0, 300),
          },
  };
}

async function addAttempts(db: Db, settlements: readonly Settlement[]): Promise<void> {
  if (settlements.length === 0) return;
  const rows = settlements.map((one) => ({
    ...one,
    delivery_id: one.id,
    number: one.attempt,
    at: one.began_at,
    reply: one.reply.slice(0, 2048),
  }));
  await sql`insert into attempt (delivery_id, number, at, source_id, mx, ip, tls, outcome, code, enhanced, reply, class, ms, via)
    select delivery_id, number, at, source_id, mx, ip, tls, outcome, code, enhanced, reply, class, ms, via
    from ${rowsFrom(db, rows as unknown as Record<string, unknown>[], {
      delivery_id: 'int',
      number: 'int',
      at: 'int',
      source_id: 'int',
      mx: 'text',
      ip: 'text',
      tls: 'text',
      outcome: 'text',
      code: 'int',
      enhanced: 'text',
      reply: 'text',
      class: 'text',
      ms: 'int',
      via: 'text',
    })} as r where true`.execute(db);
}

/** Gives back what was claimed and never dialled for: the attempt did not happen. */
export async function giveBack(db: Db, owner: string, ids: readonly number[], dueAt: number): Promise<void> {
  if (ids.length === 0) return;
  await sql`update delivery set state = case when attempt = 1 then 'queued' else 'deferred' end, attempt = attempt - 1,
      lease_owner = null, lease_until = null, due_at = ${dueAt}
    where state = 'active' and lease_owner = ${owner} and id in (${sql.join([...ids])})`.execute(db);
}

/** The same of certain claims only: asked again later, it never takes back what was claimed anew meanwhile. */
export async function giveBackClaims(
  db: Db,
  owner: string,
  rows: readonly Pick<Delivery, 'id' | 'last_attempt_at'>[],
  dueAt: number,
): Promise<void> {
  if (rows.length === 0) return;
  const pairs = rows.map(({ id, last_attempt_at: at }) => sql`(${sql.lit(id)}, ${sql.lit(at ?? 0)})`);
  await sql`update delivery set state = case when attempt = 1 then 'queued' else 'deferred' end, attempt = attempt - 1,
      lease_owner = null, lease_until = null, due_at = ${dueAt}
    where state = 'active' and lease_owner = ${owner} and (id, last_attempt_at) in (values ${sql.join(pairs)})`.execute(
    db,
  );
}

/**
 * What a dead node left behind: attempts that were begun and of which nothing is known. They may have arrived, so they
 * are sent again, the same bytes under the same Message-ID.
 */
export async function releaseExpired(db: Db, now: number, allBut?: string): Promise<number> {
  const { rows } = await sql<{ id: number }>`update delivery
    set state = 'deferred', lease_owner = null, lease_until = null, due_at = ${now}
    where state = 'active' and (lease_until <= ${now} ${allBut === undefined ? sql`` : sql`or lease_owner <> ${allBut}`})
    returning id`.execute(db);
  return rows.length;
}

/**
 * A node that is alive and slow keeps what it has. With `now`, only what has not ended meanwhile: another node may have
 * looked already, and what ended must come to light as such (`releaseExpired`).
 */
export async function renewLeases(db: Db, owner: string, until: number, now?: number): Promise<void> {
  let query = db
    .updateTable('delivery')
    .set({ lease_until: until })
    .where('state', '=', 'active')
    .where('lease_owner', '=', owner);
  if (now !== undefined) query = query.where('lease_until', '>', now);
  await query.execute();
}
