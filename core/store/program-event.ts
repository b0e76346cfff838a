/** Events that programs tell: each told once, added in the order they came, deleted by person, by kind and by age. */
import { sql } from 'kysely';
import { rowsFrom } from './batch.ts';
import type { NewEvent } from './event.ts';
import type { Db, Row } from './tables.ts';

/** Which of these calls were not taken before; they are from now on. `ids` are hashes. */
export async function firstCalls(db: Db, ids: readonly string[], day: number): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  // In one order everywhere: of two nodes with the same calls one waits for the other.
  const rows = ids.toSorted().map((id) => ({ id }));
  const added = await sql<{ id: string }>`insert into event_message (id, day) select id, ${sql.lit(day)}
    from ${rowsFrom(db, rows, { id: 'text' })} as r where true order by ordinal
    on conflict (id) do nothing returning id`.execute(db);
  return new Set(added.rows.map((row) => row.id));
}

/** Forgets calls that came before a day. Index: event_message_day. */
export async function forgetCalls(db: Db, before: number, limit: number): Promise<number> {
  const { rows } = await sql`delete from event_message where id in
    (select id from event_message where day < ${before} limit ${limit}) returning 1 as one`.execute(db);
  return rows.length;
}

/** Adds events in one statement and answers their ids, in the same order. */
export async function addEventsWithIds(db: Db, events: readonly NewEvent[]): Promise<number[]> {
  if (events.length === 0) return [];
  const rows = events.map(({ kind, at, contact_id = null, data = {} }) => ({ kind, at, contact_id, data }));
  const { rows: added } = await sql<{ id: number }>`insert into event (kind, at, contact_id, data)
    select kind, at, contact_id, data from ${rowsFrom(db, rows, {
      kind: 'text',
      at: 'int',
      contact_id: 'int',
      data: 'json',
    })} as r where true order by ordinal returning id`.execute(db);
  // Ids are given in the order of the rows; what `returning` answers has no order of its own.
  return added.map((row) => row.id).sort((a, b) => a - b);
}

export type ToldEvent = Pick<Row<'event'>, 'id' | 'kind' | 'at' | 'data'>;

/** A contact's events that programs told, oldest first. Index: event_contact. */
export const toldOf = (db: Db, contactId: number, limit: number): Promise<ToldEvent[]> =>
  db
    .selectFrom('event')
    .innerJoin('event_type', 'event_type.kind', 'event.kind')
    .select(['event.id', 'event.kind', 'event.at', 'event.data'])
    .where('event.contact_id', '=', contactId)
    .orderBy('event.id')
    .limit(limit)
    .execute();

/** Of one kind, those that happened before a time, or that came up to an id. Index: event_kind. */
export const toldBefore = (
  db: Db,
  kind: string,
  { at, id }: { at?: number | undefined; id?: number | undefined },
  limit: number,
): Promise<ToldEvent[]> =>
  db
    .selectFrom('event')
    .select(['id', 'kind', 'at', 'data'])
    .where('kind', '=', kind)
    .$if(at !== undefined, (query) => query.where('at', '<', at as number))
    .$if(id !== undefined, (query) => query.where('id', '<=', id as number))
    .orderBy('at')
    .limit(limit)
    .execute();

export const eventsByIds = async (db: Db, ids: readonly number[]): Promise<ToldEvent[]> =>
  ids.length === 0
    ? []
    : db.selectFrom('event').select(['id', 'kind', 'at', 'data']).where('id', 'in', ids).execute();

/** Deletes rows and what waits for a person of theirs. */
export async function removeEvents(db: Db, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  const rows = rowsFrom(
    db,
    ids.map((id) => ({ id })),
    { id: 'int' },
  );
  await sql`delete from event_pending where event_id in (select id from ${rows} as r)`.execute(db);
  await sql`delete from event where id in (select id from ${rows} as r)`.execute(db);
}
