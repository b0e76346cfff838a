/** Segments as they are kept. What a definition means stands in `core/audience/segment.ts`. */
import type { Db, Row, RowPatch } from './tables.ts';

export const segments = (db: Db): Promise<Row<'segment'>[]> =>
  db.selectFrom('segment').selectAll().orderBy('name').execute();

export const segmentById = (db: Db, id: number): Promise<Row<'segment'> | undefined> =>
  db.selectFrom('segment').selectAll().where('id', '=', id).executeTakeFirst();

export const segmentByName = (db: Db, name: string): Promise<Row<'segment'> | undefined> =>
  db.selectFrom('segment').selectAll().where('name', '=', name).executeTakeFirst();

export const addSegment = async (
  db: Db,
  segment: { name: string; definition: string },
  now: number,
): Promise<Row<'segment'>> =>
  db
    .insertInto('segment')
    .values({ ...segment, created_at: now, updated_at: now })
    .returningAll()
    .executeTakeFirstOrThrow();

export const changeSegment = (
  db: Db,
  id: number,
  patch: RowPatch<'segment'>,
  now: number,
): Promise<Row<'segment'> | undefined> =>
  db
    .updateTable('segment')
    .set({ ...patch, updated_at: now })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst();

export async function removeSegment(db: Db, id: number): Promise<boolean> {
  const row = await db.deleteFrom('segment').where('id', '=', id).returning('id').executeTakeFirst();
  return row !== undefined;
}

/** Every kind of event that was ever seen, with how often: what conditions may speak of. Index: event_kind. */
export const eventKindsSeen = (db: Db): Promise<{ name: string; count: number }[]> =>
  db
    .selectFrom('event')
    .select(({ fn }) => ['kind as name', fn.countAll<number>().as('count')])
    .groupBy('kind')
    .orderBy('kind')
    .execute();
