/** The membership engine's questions to the store: what changed, what is known, and who came and went. */
import { sql, type RawBuilder } from 'kysely';
import { engineOf, rowsFrom } from './batch.ts';
import type { Db, Row } from './tables.ts';

export interface SeenEvent {
  id: number;
  kind: string;
  contact_id: number | null;
}

/** Events after a number, in order. Index: the primary key. */
export const eventsAfter = (db: Db, id: number, limit: number): Promise<SeenEvent[]> =>
  db
    .selectFrom('event')
    .select(['id', 'kind', 'contact_id'])
    .where('id', '>', id)
    .orderBy('id')
    .limit(limit)
    .execute();

export const changesWaiting = (db: Db, limit: number): Promise<Row<'audience_change'>[]> =>
  db.selectFrom('audience_change').selectAll().orderBy('id').limit(limit).execute();

export async function forgetChanges(db: Db, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  await sql`delete from audience_change where id in (select r.id from ${rowsFrom(
    db,
    ids.map((id) => ({ id })),
    { id: 'int' },
  )} as r)`.execute(db);
}

export const membershipCursor = async (db: Db): Promise<number> =>
  (await db.selectFrom('membership_cursor').select('event_id').executeTakeFirst())?.event_id ?? 0;

export const moveCursor = async (db: Db, eventId: number): Promise<void> => {
  await db.updateTable('membership_cursor').set({ event_id: eventId }).execute();
};

/** Those of the ids who meet a condition on `contact`. */
export async function whoOf(
  db: Db,
  ids: readonly number[],
  condition: RawBuilder<boolean>,
): Promise<Set<number>> {
  const { rows } = await sql<{
    id: number;
  }>`select contact.id from contact where contact.id in (select r.id from ${rowsFrom(
    db,
    ids.map((id) => ({ id })),
    { id: 'int' },
  )} as r) and ${condition}`.execute(db);
  return new Set(rows.map((row) => row.id));
}

/** Everybody who meets a condition, as one text: a million rows would be a million objects. */
export async function everyoneWho(db: Db, condition: RawBuilder<boolean>): Promise<number[]> {
  const list =
    engineOf(db) === 'sqlite' ? sql`json_group_array(contact.id)` : sql`json_agg(contact.id)::text`;
  const { rows } = await sql<{
    ids: string | null;
  }>`select ${list} as ids from contact where ${condition}`.execute(db);
  return JSON.parse(rows[0]?.ids ?? '[]') as number[];
}

/** Contacts with an event of these kinds in a span of time: the edge of a window went over it. Index: event_kind. */
export async function whoHadEvents(
  db: Db,
  kinds: readonly string[],
  from: number,
  to: number,
): Promise<number[]> {
  const rows = await db
    .selectFrom('event')
    .select('contact_id')
    .distinct()
    .where('kind', 'in', kinds)
    .where('at', '>=', from)
    .where('at', '<=', to)
    .where('contact_id', 'is not', null)
    .execute();
  return rows.map((row) => row.contact_id as number);
}

export async function whoWroteBetween(db: Db, from: number, to: number): Promise<number[]> {
  const rows = await db
    .selectFrom('conversation')
    .select('contact_id')
    .distinct()
    .where('category', '=', 'human')
    .where('last_message_at', '>=', from)
    .where('last_message_at', '<=', to)
    .where('contact_id', 'is not', null)
    .execute();
  return rows.map((row) => row.contact_id as number);
}

/** Whose place on a list is from a span of time. Index: list_member_since. */
export async function whoJoinedBetween(db: Db, listId: number, from: number, to: number): Promise<number[]> {
  const rows = await db
    .selectFrom('list_member')
    .select('contact_id')
    .where('list_id', '=', listId)
    .where('since', '>=', from)
    .where('since', '<=', to)
    .execute();
  return rows.map((row) => row.contact_id);
}

/** Who said something about a purpose in a span of time. Index: consent_purpose. */
export async function whoSaidBetween(db: Db, purpose: string, from: number, to: number): Promise<number[]> {
  const rows = await db
    .selectFrom('consent')
    .select('contact_id')
    .distinct()
    .where('purpose', '=', purpose)
    .where('at', '>=', from)
    .where('at', '<=', to)
    .execute();
  return rows.map((row) => row.contact_id);
}

// ── atoms ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export const atoms = (db: Db): Promise<Row<'atom'>[]> => db.selectFrom('atom').selectAll().execute();

export const atomChunks = (db: Db, atomId: string): Promise<Row<'atom_chunk'>[]> =>
  db.selectFrom('atom_chunk').selectAll().where('atom_id', '=', atomId).execute();

export async function keepAtom(db: Db, row: Row<'atom'>): Promise<void> {
  await db
    .insertInto('atom')
    .values(row)
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet({ seen_at: row.seen_at, built_at: row.built_at }),
    )
    .execute();
}

export async function seenAtoms(db: Db, ids: readonly string[], at: number): Promise<void> {
  if (ids.length > 0) await db.updateTable('atom').set({ seen_at: at }).where('id', 'in', ids).execute();
}

const CHUNKS_AT_ONCE = 100;

export async function keepChunks(db: Db, rows: readonly Row<'atom_chunk'>[]): Promise<void> {
  for (let at = 0; at < rows.length; at += CHUNKS_AT_ONCE)
    await db
      .insertInto('atom_chunk')
      .values(rows.slice(at, at + CHUNKS_AT_ONCE))
      .onConflict((conflict) =>
        conflict.columns(['atom_id', 'chunk']).doUpdateSet((eb) => ({ bits: eb.ref('excluded.bits') })),
      )
      .execute();
}

export async function dropAtoms(db: Db, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await db.deleteFrom('atom_chunk').where('atom_id', 'in', ids).execute();
  await db.deleteFrom('atom').where('id', 'in', ids).execute();
}

// ── segments ──────────────────────────────────────────────────────────────────────────────────────────────────────

export const segmentStates = (db: Db): Promise<Row<'segment_state'>[]> =>
  db.selectFrom('segment_state').selectAll().execute();

export async function keepSegmentState(db: Db, row: Row<'segment_state'>): Promise<void> {
  const { segment_id: _id, ...patch } = row;
  await db
    .insertInto('segment_state')
    .values(row)
    .onConflict((conflict) => conflict.column('segment_id').doUpdateSet(patch))
    .execute();
}

export async function dropSegmentState(db: Db, segmentId: number): Promise<void> {
  await db.deleteFrom('segment_state').where('segment_id', '=', segmentId).execute();
  await db.deleteFrom('segment_change').where('segment_id', '=', segmentId).execute();
  await db.deleteFrom('segment_day').where('segment_id', '=', segmentId).execute();
}

export interface Flip {
  segment_id: number;
  contact_id: number;
  entered: number;
}

export async function addFlips(
  db: Db,
  flips: readonly Flip[],
  cause: Row<'segment_change'>['cause'],
  at: number,
): Promise<void> {
  if (flips.length === 0) return;
  await sql`insert into segment_change (segment_id, contact_id, entered, at, cause)
    select segment_id, contact_id, entered, ${at}, ${cause} from ${rowsFrom(
      db,
      flips as (Flip & Record<string, unknown>)[],
      {
        segment_id: 'int',
        contact_id: 'int',
        entered: 'int',
      },
    )} as r where true order by ordinal`.execute(db);
}

/** Adds what came and went to the segment's day, and says how many it has now. */
export async function countDay(
  db: Db,
  { segment_id, members, entered, departed }: Omit<Row<'segment_day'>, 'day'>,
  at: number,
): Promise<void> {
  const day = new Date(at).toISOString().slice(0, 10);
  await sql`insert into segment_day (segment_id, day, members, entered, departed)
    values (${segment_id}, ${day}, ${members}, ${entered}, ${departed})
    on conflict (segment_id, day) do update set members = excluded.members,
      entered = segment_day.entered + excluded.entered, departed = segment_day.departed + excluded.departed`.execute(
    db,
  );
  await db.updateTable('segment_state').set({ members }).where('segment_id', '=', segment_id).execute();
}

export const segmentDays = (db: Db, segmentId: number, limit: number): Promise<Row<'segment_day'>[]> =>
  db
    .selectFrom('segment_day')
    .selectAll()
    .where('segment_id', '=', segmentId)
    .orderBy('day', 'desc')
    .limit(limit)
    .execute();

/** Who came and went, after a number, in order: a consumer keeps the last number it acted on with what it did. */
export const segmentChangesAfter = (
  db: Db,
  { segmentId, after, limit }: { segmentId?: number; after: number; limit: number },
): Promise<Row<'segment_change'>[]> => {
  const query = db
    .selectFrom('segment_change')
    .selectAll()
    .where('id', '>', after)
    .orderBy('id')
    .limit(limit);
  return (segmentId === undefined ? query : query.where('segment_id', '=', segmentId)).execute();
};

/** The last who came or went, the newest first. Index: segment_change_segment. */
export const latestChanges = (db: Db, segmentId: number, limit: number): Promise<Row<'segment_change'>[]> =>
  db
    .selectFrom('segment_change')
    .selectAll()
    .where('segment_id', '=', segmentId)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
