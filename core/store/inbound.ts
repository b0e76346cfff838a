/**
 * The durable queue of received mail: what was answered 250 is a row here, and stays `received` until everything that it
 * means has been applied in one transaction.
 *
 *     received   accepted, on disk, not yet understood; a worker holds it until `lease_until`
 *     applied    its effects are committed, exactly once; terminal
 *     failed     could not be read after several tries; kept and shown; terminal until a person asks for another try
 *
 * One writer each way: `claimInbound` counts the try, `settleInbound` ends it.
 */
import { sql } from 'kysely';
import { jsonOfRows, rowsFromJson, skipLocked, type ColumnKind } from './batch.ts';
import { fromJson } from './json.ts';
import { prepared, preparedByColumns } from './prepared.ts';
import type { Db, Row, RowPatch } from './tables.ts';

export interface ReceivedEnvelope {
  mailFrom: string;
  rcptTo: string[];
  remoteIp: string;
  helo: string;
  tls: string;
  size: number;
  rawHash: string;
}

/** The row behind a 250. Returns its id. */
export async function addInbound(db: Db, envelope: ReceivedEnvelope, now: number): Promise<number> {
  return (await addInbounds(db, [envelope], now))[0] as number;
}

const COLUMNS = {
  mail_from: 'text',
  rcpt_to: 'json',
  remote_ip: 'text',
  helo: 'text',
  tls: 'text',
  size: 'int',
  raw_hash: 'text',
} satisfies Record<string, ColumnKind>;

const insertInbounds = prepared<{ rows: string; now: number }, { id: number }>(
  (db, of) => sql`
    insert into inbound (received_at, state, attempts, mail_from, rcpt_to, remote_ip, helo, tls, size, raw_hash)
    select ${of.now}, 'received', 0, mail_from, rcpt_to, remote_ip, helo, tls, size, raw_hash
    from ${rowsFromJson(db, of.rows, COLUMNS)} as r where true order by ordinal returning id`,
);

/** The rows behind many 250s, in one statement. Returns their ids in the order given. */
export async function addInbounds(
  db: Db,
  envelopes: readonly ReceivedEnvelope[],
  now: number,
): Promise<number[]> {
  const rows = envelopes.map((one) => ({
    mail_from: one.mailFrom,
    rcpt_to: one.rcptTo,
    remote_ip: one.remoteIp,
    helo: one.helo,
    tls: one.tls,
    size: one.size,
    raw_hash: one.rawHash,
  }));
  const added = await insertInbounds(db, { rows: jsonOfRows(rows, COLUMNS), now });
  return added.rows.map((row) => Number(row.id)).sort((one, other) => one - other);
}

/** Takes the oldest waiting mail for this worker. Index: inbound_waiting. PostgreSQL: others' rows are skipped. */
export async function claimInbound(
  db: Db,
  { limit, leaseMs }: { limit: number; leaseMs: number },
  now: number,
): Promise<Row<'inbound'>[]> {
  const free = await sql<{ id: number }>`select id from inbound
    where state = 'received' and (lease_until is null or lease_until <= ${now})
    order by id limit ${limit} ${skipLocked(db)}`.execute(db);
  const ids = free.rows.map((row) => row.id);
  if (ids.length === 0) return [];
  const rows = await db
    .updateTable('inbound')
    .set((eb) => ({ lease_until: now + leaseMs, attempts: eb('attempts', '+', 1) }))
    .where('id', 'in', ids)
    .returningAll()
    .execute();
  return rows.sort((a, b) => a.id - b.id);
}

/** After a crash of the only server nobody holds anything: what it had taken is free again. SQLite only. */
export async function freeInbound(db: Db): Promise<void> {
  await db
    .updateTable('inbound')
    .set({ lease_until: null })
    .where('state', '=', 'received')
    .where('lease_until', 'is not', null)
    .execute();
}

const lock = prepared<{ id: number }>((db, of) =>
  // The update takes the row lock on PostgreSQL and is nothing on SQLite.
  db.updateTable('inbound').set({ error: null }).where('id', '=', of.id).where('state', '=', 'received'),
);

/** Whether the row still waits to be applied; takes its lock, so that two workers cannot both apply it. */
export async function lockReceived(db: Db, id: number): Promise<boolean> {
  return Number((await lock(db, { id })).numAffectedRows) === 1;
}

export type Settlement = Pick<
  RowPatch<'inbound'>,
  | 'kind'
  | 'detail_kind'
  | 'confidence'
  | 'rules'
  | 'authentication'
  | 'trust'
  | 'delivery_id'
  | 'conversation_id'
  | 'facts'
>;

const settle = preparedByColumns<Settlement & { id: number; applied_at: number }>(
  (db, { id, ...settlement }) =>
    db
      .updateTable('inbound')
      .set({ ...settlement, state: 'applied', lease_until: null })
      .where('id', '=', id),
);

/** Ends it: its effects are in the same transaction. */
export async function settleInbound(db: Db, id: number, settlement: Settlement, now: number): Promise<void> {
  await settle(db, { ...settlement, id, applied_at: now });
}

/** A try that went wrong: tried again at `retryAt`, or given up for good when null. The raw message stays. */
export async function failInbound(db: Db, id: number, error: string, retryAt: number | null): Promise<void> {
  await db
    .updateTable('inbound')
    .set({
      error: error.slice(0, 2000),
      lease_until: retryAt,
      state: retryAt === null ? 'failed' : 'received',
    })
    .where('id', '=', id)
    .where('state', '=', 'received')
    .execute();
}

export async function inboundById(db: Db, id: number): Promise<Row<'inbound'> | undefined> {
  return db.selectFrom('inbound').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Whether more messages wait to be understood than this. Reads no further than it must. */
export async function isInboundDeeperThan(db: Db, most: number): Promise<boolean> {
  const row = await db
    .selectFrom('inbound')
    .select('id')
    .where('state', '=', 'received')
    .orderBy('id')
    .offset(most)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** When the next leased or postponed row falls free, so that a worker knows how long it may sleep. */
export async function countWaiting(db: Db): Promise<number> {
  const row = await db
    .selectFrom('inbound')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .where('state', '=', 'received')
    .executeTakeFirst();
  return Number(row?.n ?? 0);
}

/**
 * Equal messages to equal recipients, received shortly before and already taken up: peers that did not hear our 250. By
 * the id of the later one. Index: inbound_raw.
 */
export async function earlierCopies(
  db: Db,
  rows: readonly Pick<Row<'inbound'>, 'id' | 'raw_hash' | 'rcpt_to' | 'received_at'>[],
  withinMs: number,
): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  if (rows.length === 0) return found;
  const others = await db
    .selectFrom('inbound')
    .select(['id', 'raw_hash', 'rcpt_to', 'received_at'])
    .where('raw_hash', 'in', [...new Set(rows.map((row) => row.raw_hash))])
    .where('id', '<', Math.max(...rows.map((row) => row.id)))
    .where('received_at', '>', Math.min(...rows.map((row) => row.received_at)) - withinMs)
    .where('state', '!=', 'failed')
    .orderBy('id')
    .execute();
  const recipients = (row: Pick<Row<'inbound'>, 'rcpt_to'>) =>
    fromJson<string[]>(row.rcpt_to, []).sort().join(' ');
  for (const row of rows) {
    const earlier = others.find(
      (other) =>
        other.raw_hash === row.raw_hash &&
        other.id < row.id &&
        other.received_at > row.received_at - withinMs &&
        recipients(other) === recipients(row),
    );
    if (earlier !== undefined) found.set(row.id, earlier.id);
  }
  return found;
}

/** A token counts once: true when this is the first message that uses it. */
export async function useToken(
  db: Db,
  { hash, kind, inboundId }: { hash: string; kind: string; inboundId: number },
  now: number,
): Promise<boolean> {
  const result = await db
    .insertInto('used_token')
    .values({ token_hash: hash, kind, inbound_id: inboundId, at: now })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return Number(result.numInsertedOrUpdatedRows ?? 0) === 1;
}

/** Everything that port 25 accepts mail for, apart from signed tokens. Small; read whole. */
export interface ReceivingAddresses {
  mailboxes: { id: number; address: string; brand_id: number }[];
  domains: Pick<Row<'sending_domain'>, 'id' | 'brand_id' | 'name' | 'bounce_host' | 'reply_host'>[];
  /** From addresses of our mail: people write to them too. */
  senders: string[];
}

export async function receivingAddresses(db: Db): Promise<ReceivingAddresses> {
  const [mailboxes, domains, senders] = await Promise.all([
    db.selectFrom('mailbox').select(['id', 'address', 'brand_id']).orderBy('id').execute(),
    db
      .selectFrom('sending_domain')
      .select(['id', 'brand_id', 'name', 'bounce_host', 'reply_host'])
      .orderBy('id')
      .execute(),
    db.selectFrom('template_version').select('from_address').distinct().execute(),
  ]);
  return { mailboxes, domains, senders: senders.map((row) => row.from_address.toLowerCase()) };
}

/** The mailbox for role mail when a brand has none yet: postmaster@ and abuse@ must arrive somewhere (RFC 2142). */
export async function addMailbox(
  db: Db,
  row: { brand_id: number; name: string; address: string },
  now: number,
): Promise<number> {
  const { id } = await db
    .insertInto('mailbox')
    .values({ ...row, created_at: now, signature: '' })
    .onConflict((conflict) => conflict.column('address').doUpdateSet({ name: row.name }))
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

export interface FailedInbound {
  id: number;
  received_at: number;
  mail_from: string;
  size: number;
  error: string | null;
}

/** Mail that could not be read, newest first: shown, never lost. */
export async function failedInbound(db: Db, limit = 100): Promise<FailedInbound[]> {
  return db
    .selectFrom('inbound')
    .select(['id', 'received_at', 'mail_from', 'size', 'error'])
    .where('state', '=', 'failed')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
}
