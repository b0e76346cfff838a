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

/** Some of a contact's events that programs told. Index: event_contact. */
export const toldOf = async (db: Db, contactId: number, limit: number): Promise<number[]> =>
  ids(
    db
      .selectFrom('event')
      .innerJoin('event_type', 'event_type.kind', 'event.kind')
      .select('event.id')
      .where('event.contact_id', '=', contactId)
      .limit(limit)
      .execute(),
  );

/** Some of one kind that happened before a time. Index: event_kind. */
export const toldBefore = async (db: Db, kind: string, at: number, limit: number): Promise<number[]> =>
  ids(
    db
      .selectFrom('event')
      .select('id')
      .where('kind', '=', kind)
      .where('at', '<', at)
      .orderBy('at')
      .limit(limit)
      .execute(),
  );

/** Some of one kind that came up to an id. Index: event_kind. */
export const toldUpTo = async (db: Db, kind: string, id: number, limit: number): Promise<number[]> =>
  ids(
    db.selectFrom('event').select('id').where('kind', '=', kind).where('id', '<=', id).limit(limit).execute(),
  );

const ids = async (rows: Promise<{ id: number }[]>): Promise<number[]> => (await rows).map((row) => row.id);

/** Deletes rows and what waits for a person of theirs. Answers what was really there: another node may have been first. */
export async function removeEvents(db: Db, gone: readonly number[]): Promise<ToldEvent[]> {
  if (gone.length === 0) return [];
  const rows = rowsFrom(
    db,
    gone.map((id) => ({ id })),
    { id: 'int' },
  );
  await sql`delete from event_pending where event_id in (select id from ${rows} as r)`.execute(db);
  const deleted = await sql<ToldEvent>`delete from event where id in (select id from ${rows} as r)
    returning id, kind, at, data`.execute(db);
  return deleted.rows;
}
