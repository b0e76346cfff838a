/** Personas: ordered exclusive segments. What is in which place is decided here; who is in which, by the membership engine. */
import type { Db, Row } from './tables.ts';

export const personaSets = (db: Db): Promise<Row<'persona_set'>[]> =>
  db.selectFrom('persona_set').selectAll().orderBy('name').execute();

export const personaSet = (db: Db, id: number): Promise<Row<'persona_set'> | undefined> =>
  db.selectFrom('persona_set').selectAll().where('id', '=', id).executeTakeFirst();

/** Of every set, or of one, in their order: whoever meets an earlier one is not in a later. Index: persona_set_position. */
export const personas = (db: Db, setId?: number): Promise<Row<'persona'>[]> => {
  const query = db.selectFrom('persona').selectAll().orderBy('set_id').orderBy('position');
  return (setId === undefined ? query : query.where('set_id', '=', setId)).execute();
};

export const personaById = (db: Db, id: number): Promise<Row<'persona'> | undefined> =>
  db.selectFrom('persona').selectAll().where('id', '=', id).executeTakeFirst();

/** The sets that a segment has a place in. */
export const personasOfSegment = (db: Db, segmentId: number): Promise<{ name: string }[]> =>
  db
    .selectFrom('persona')
    .innerJoin('persona_set', 'persona_set.id', 'persona.set_id')
    .select('persona_set.name')
    .where('persona.segment_id', '=', segmentId)
    .execute();

export interface PersonaDraft {
  /** One that is there keeps its number: conditions and the log of who came name it by that. */
  id?: number | undefined;
  name: string;
  /** Null: everyone else. */
  segment_id: number | null;
}

/** Makes a set, or gives one that is there its name and its personas in this order. */
export async function keepPersonaSet(
  tx: Db,
  { id, name, drafts }: { id?: number; name: string; drafts: readonly PersonaDraft[] },
  now: number,
): Promise<number> {
  const setId =
    id ??
    (
      await tx
        .insertInto('persona_set')
        .values({ name, created_at: now, updated_at: now })
        .returning('id')
        .executeTakeFirstOrThrow()
    ).id;
  if (id !== undefined)
    await tx.updateTable('persona_set').set({ name, updated_at: now }).where('id', '=', id).execute();
  const kept = drafts.flatMap((draft) => draft.id ?? []);
  const gone = tx.deleteFrom('persona').where('set_id', '=', setId);
  await (kept.length === 0 ? gone : gone.where('id', 'not in', kept)).execute();
  for (const [position, draft] of drafts.entries()) {
    const row = { position, name: draft.name, segment_id: draft.segment_id };
    if (draft.id === undefined)
      await tx
        .insertInto('persona')
        .values({ set_id: setId, ...row })
        .execute();
    else
      await tx
        .updateTable('persona')
        .set(row)
        .where('id', '=', draft.id)
        .where('set_id', '=', setId)
        .execute();
  }
  return setId;
}

export async function removePersonaSet(tx: Db, id: number): Promise<boolean> {
  await tx.deleteFrom('persona').where('set_id', '=', id).execute();
  return (await tx.deleteFrom('persona_set').where('id', '=', id).returning('id').execute()).length > 0;
}
