/** What people may agree to: the purposes that forms offer and consents name. One that was ever used is retired, never removed. */
import type { Db, Row, RowPatch } from './tables.ts';

export type PurposeWords = Pick<Row<'purpose'>, 'name_fr' | 'name_en' | 'description_fr' | 'description_en'>;

export const purposes = (db: Db): Promise<Row<'purpose'>[]> =>
  db.selectFrom('purpose').selectAll().orderBy('id').execute();

export const purposeById = (db: Db, id: number): Promise<Row<'purpose'> | undefined> =>
  db.selectFrom('purpose').selectAll().where('id', '=', id).executeTakeFirst();

/** Adds one with its id; undefined when the name is there already. */
export const addPurpose = async (
  db: Db,
  purpose: PurposeWords & { name: string },
  now: number,
): Promise<number | undefined> =>
  (
    await db
      .insertInto('purpose')
      .values({ ...purpose, created_at: now, retired_at: null })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .returning('id')
      .executeTakeFirst()
  )?.id;

export const changePurpose = (
  db: Db,
  id: number,
  patch: RowPatch<'purpose'>,
): Promise<Row<'purpose'> | undefined> =>
  db.updateTable('purpose').set(patch).where('id', '=', id).returningAll().executeTakeFirst();
