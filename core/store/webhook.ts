/** Who is told what happened, how far each has got in the log of events, and what they answered. */
import { sql } from 'kysely';
import { engineOf } from './batch.ts';
import type { Db, NewRow, Row, RowPatch } from './tables.ts';

export type Webhook = Row<'webhook'>;

export const webhooks = (db: Db): Promise<Webhook[]> =>
  db.selectFrom('webhook').selectAll().orderBy('id').execute();

export const webhookById = (db: Db, id: number): Promise<Webhook | undefined> =>
  db.selectFrom('webhook').selectAll().where('id', '=', id).executeTakeFirst();

export const addWebhook = (db: Db, row: NewRow<'webhook'>): Promise<Webhook> =>
  db.insertInto('webhook').values(row).returningAll().executeTakeFirstOrThrow();

export async function changeWebhook(db: Db, id: number, patch: RowPatch<'webhook'>): Promise<void> {
  await db.updateTable('webhook').set(patch).where('id', '=', id).execute();
}

export async function removeWebhook(db: Db, id: number): Promise<void> {
  await db.deleteFrom('webhook_attempt').where('webhook_id', '=', id).execute();
  await db.deleteFrom('webhook').where('id', '=', id).execute();
}

export async function lastEventId(db: Db): Promise<number> {
  const row = await db
    .selectFrom('event')
    .select(({ fn }) => fn.max('id').as('id'))
    .executeTakeFirst();
  return Number(row?.id ?? 0);
}

/** The last event before a time, where a replay begins. */
export async function eventBefore(db: Db, at: number): Promise<number> {
  const row = await db
    .selectFrom('event')
    .select('id')
    .where('at', '<', at)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.id ?? 0;
}

export interface ToldEvent {
  id: number;
  kind: string;
  at: number;
  data: string;
  delivery_id: number | null;
  /** Of submitted mail. */
  message: string | null;
  credential_id: number | null;
  tags: string | null;
  metadata: string | null;
  recipient: string | null;
  code: number | null;
  reply: string | null;
  class: string | null;
}

export interface LogSlice {
  /** What is told of it. */
  events: ToldEvent[];
  /** How far the log was read. */
  upto: number;
}

/** Rows read in one step; most of them may be about other things. */
const SPAN = 2000;
/** On PostgreSQL a lower id may still be uncommitted; its transaction is over by then. */
const SETTLED_MS = 30_000;

/**
 * The next events of submitted mail after `cursor`, at most `limit`, and up to `upto` when a batch is repeated. Nothing is
 * passed over: where an id is missing and may still come, the log ends for now.
 */
export async function eventsAfter(
  db: Db,
  {
    cursor,
    upto,
    kinds,
    limit,
  }: { cursor: number; upto: number | null; kinds: readonly string[]; limit: number },
  now: number,
): Promise<LogSlice> {
  const { rows: log } = await sql<{ id: number; at: number }>`select id, at from event
    where id > ${cursor} and id <= ${upto ?? Number.MAX_SAFE_INTEGER} order by id limit ${SPAN}`.execute(db);
  let end = cursor;
  for (const row of log) {
    const isGap = engineOf(db) === 'postgres' && row.id !== end + 1 && row.at > now - SETTLED_MS;
    if (isGap && upto === null) break;
    end = row.id;
  }
  if (end === cursor) return { events: [], upto: cursor };
  const { rows } = await sql<ToldEvent>`select event.id, event.kind, event.at, event.data, event.delivery_id,
      s.public_id as message, s.credential_id, s.tags, s.metadata, r.address as recipient, d.last_code as code,
      d.last_reply as reply, d.class
    from event join submission_recipient r on r.delivery_id = event.delivery_id
    join submission s on s.id = r.submission_id left join any_delivery d on d.id = event.delivery_id
    where event.id > ${cursor} and event.id <= ${end} and s.credential_id > 0
      ${kinds.length === 0 ? sql`` : sql`and event.kind in (${sql.join([...kinds])})`}
    order by event.id limit ${limit}`.execute(db);
  const full = rows.length === limit;
  return { events: rows, upto: full ? (rows.at(-1) as ToldEvent).id : end };
}

export async function addAttempt(db: Db, row: NewRow<'webhook_attempt'>): Promise<void> {
  await db.insertInto('webhook_attempt').values(row).execute();
  await sql`delete from webhook_attempt where at < ${row.at - 30 * 86_400_000}`.execute(db);
}

export const attemptsOf = (db: Db, webhookId: number, limit = 50): Promise<Row<'webhook_attempt'>[]> =>
  db
    .selectFrom('webhook_attempt')
    .selectAll()
    .where('webhook_id', '=', webhookId)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();

/** Whether this process does the work of a name now: one at a time, whoever else runs. */
export async function takeLease(
  tx: Db,
  { name, holder, until }: { name: string; holder: string; until: number },
  now: number,
): Promise<boolean> {
  const { numAffectedRows } =
    await sql`insert into lease (name, holder, until) values (${name}, ${holder}, ${until})
    on conflict (name) do update set holder = excluded.holder, until = excluded.until
    where lease.holder = excluded.holder or lease.until <= ${now}`.execute(tx);
  return Number(numAffectedRows ?? 0) === 1;
}
