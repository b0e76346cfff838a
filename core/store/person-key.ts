/**
 * The names that programs have for people, and what happened to somebody before anybody knew an address: it waits here
 * under the name and goes to the contact once the name is linked to one.
 */
import { sql } from 'kysely';
import { engineOf, rowsFrom } from './batch.ts';
import type { Db, Row } from './tables.ts';

export type PersonKey = Row<'person_key'>;
export type KeyName = Pick<PersonKey, 'kind' | 'key'>;

/** The rows of these names, made where they were not; locked until the end of the transaction, in one order everywhere. */
export async function takePersonKeys(db: Db, names: readonly KeyName[], now: number): Promise<PersonKey[]> {
  if (names.length === 0) return [];
  const sorted = names.toSorted((a, b) => (a.kind + a.key < b.kind + b.key ? -1 : 1));
  const { rows } = await sql<PersonKey>`insert into person_key (kind, key, created_at, last_at)
    select kind, key, ${sql.lit(now)}, ${sql.lit(now)} from ${rowsFrom(db, sorted, { kind: 'text', key: 'text' })} as r
    where true order by ordinal
    on conflict (kind, key) do update set last_at = excluded.last_at
    returning *`.execute(db);
  return rows;
}

export const personKeysByIds = async (db: Db, ids: readonly number[]): Promise<PersonKey[]> =>
  ids.length === 0 ? [] : db.selectFrom('person_key').selectAll().where('id', 'in', ids).execute();

/** The names of a contact, and the visitors who turned out to be them. */
export async function personKeysOf(db: Db, contactId: number): Promise<PersonKey[]> {
  const own = await db.selectFrom('person_key').selectAll().where('contact_id', '=', contactId).execute();
  if (own.length === 0) return [];
  const visitors = await db
    .selectFrom('person_key')
    .selectAll()
    .where(
      'user_key_id',
      'in',
      own.map((key) => key.id),
    )
    .execute();
  return [...own, ...visitors];
}

/** Writes what links say now. */
export async function changePersonKeys(
  db: Db,
  keys: readonly Pick<PersonKey, 'id' | 'user_key_id' | 'contact_id' | 'traits'>[],
): Promise<void> {
  if (keys.length === 0) return;
  const rows = keys.map((key) => ({ ...key, traits: JSON.parse(key.traits) as unknown }));
  await sql`update person_key set user_key_id = r.user_key_id, contact_id = r.contact_id, traits = r.traits
    from ${rowsFrom(db, rows as Record<'id' | 'user_key_id' | 'contact_id' | 'traits', unknown>[], {
      id: 'int',
      user_key_id: 'int',
      contact_id: 'int',
      traits: 'json',
    })} as r where person_key.id = r.id`.execute(db);
}

/** Those of the names that are some contact's external id; of two with the same, the older contact. Index: contact_external. */
export async function contactsByExternalId(db: Db, ids: readonly string[]): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map();
  const { rows } = await sql<{
    key: string;
    id: number;
  }>`select r.key as key, min(contact.id) as id from contact
    join ${rowsFrom(
      db,
      ids.map((key) => ({ key })),
      { key: 'text' },
    )} as r on contact.external_id = r.key group by r.key`.execute(db);
  return new Map(rows.map((row) => [row.key, Number(row.id)]));
}

// ── what waits ────────────────────────────────────────────────────────────────────────────────────────────────────

export async function addPending(
  db: Db,
  rows: readonly { event_id: number; person_key_id: number }[],
): Promise<void> {
  if (rows.length === 0) return;
  await sql`insert into event_pending (event_id, person_key_id) select event_id, person_key_id
    from ${rowsFrom(db, rows, { event_id: 'int', person_key_id: 'int' })} as r where true`.execute(db);
}

/** What waits under one name waits under the other from now on. */
export async function movePending(
  db: Db,
  moves: readonly { from_id: number; to_id: number }[],
): Promise<void> {
  if (moves.length === 0) return;
  await sql`update event_pending set person_key_id = r.to_id
    from ${rowsFrom(db, moves, { from_id: 'int', to_id: 'int' })} as r
    where event_pending.person_key_id = r.from_id`.execute(db);
}

/** Gives up to `limit` waiting events to the contacts of their names; answers how many. Indexes: event_pending_person. */
export async function attachPending(db: Db, keyIds: readonly number[], limit: number): Promise<number> {
  if (keyIds.length === 0) return 0;
  const { rows } = await sql<{ event_id: number; contact_id: number }>`select p.event_id, k.contact_id
    from event_pending p join person_key k on k.id = p.person_key_id
    where p.person_key_id in (${sql.join([...keyIds])}) and k.contact_id is not null limit ${limit}`.execute(
    db,
  );
  if (rows.length === 0) return 0;
  const columns = { event_id: 'int', contact_id: 'int' } as const;
  await sql`update event set contact_id = r.contact_id from ${rowsFrom(db, rows, columns)} as r
    where event.id = r.event_id`.execute(db);
  await sql`delete from event_pending where event_id in (select event_id from ${rowsFrom(db, rows, columns)} as r)`.execute(
    db,
  );
  return rows.length;
}

/** Names that belong to a contact and have events waiting yet: a crash, or more events than one transaction takes. */
export async function unattached(db: Db, limit: number): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`select distinct p.person_key_id as id from event_pending p
    join person_key k on k.id = p.person_key_id where k.contact_id is not null limit ${limit}`.execute(db);
  return rows.map((row) => row.id);
}

// ── the end of them ───────────────────────────────────────────────────────────────────────────────────────────────

/** Names of nobody that we have not heard of since, in the order of that. Index: person_key_unknown. */
export const strangersBefore = async (db: Db, before: number, limit: number): Promise<number[]> =>
  (
    await db
      .selectFrom('person_key')
      .select('id')
      .where('contact_id', 'is', null)
      .where('last_at', '<', before)
      .orderBy('last_at')
      .limit(limit)
      .execute()
  ).map((row) => row.id);

/** The events that wait under names. */
export const pendingOf = async (db: Db, keyIds: readonly number[], limit: number): Promise<number[]> =>
  keyIds.length === 0
    ? []
    : (
        await db
          .selectFrom('event_pending')
          .select('event_id')
          .where('person_key_id', 'in', keyIds)
          .limit(limit)
          .execute()
      ).map((row) => row.event_id);

/** Forgets names; their events are gone already. */
export async function removePersonKeys(db: Db, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  await db.updateTable('person_key').set({ user_key_id: null }).where('user_key_id', 'in', ids).execute();
  await db.deleteFrom('person_key').where('id', 'in', ids).execute();
}

/** Two contacts became one: the names of the one that goes are the other's. Index: person_key_contact. */
export async function movePersonKeys(db: Db, from: number, to: number): Promise<void> {
  await db.updateTable('person_key').set({ contact_id: to }).where('contact_id', '=', from).execute();
}

/** Nobody else changes these contacts until the end of the transaction; SQLite has one writer and needs no lock. */
export async function lockContacts(db: Db, ids: readonly number[]): Promise<void> {
  if (ids.length === 0 || engineOf(db) === 'sqlite') return;
  await sql`select id from contact where id in (${sql.join([...ids])}) order by id for update`.execute(db);
}
