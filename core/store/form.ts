/** Sign-up forms: what they ask, offer and say. A form that was used is switched off, never removed: consents name it. */
import type { Db, NewRow, Row, RowPatch } from './tables.ts';

export interface FormLine extends Row<'form'> {
  list_name: string;
  asked: number;
  confirmed: number;
}

export const formById = (db: Db, id: number): Promise<Row<'form'> | undefined> =>
  db.selectFrom('form').selectAll().where('id', '=', id).executeTakeFirst();

export const formByPublicId = (db: Db, publicId: string): Promise<Row<'form'> | undefined> =>
  db.selectFrom('form').selectAll().where('public_id', '=', publicId).executeTakeFirst();

/** Forms with how many filled them in and confirmed. Index: signup_form. */
export async function forms(db: Db, id?: number): Promise<FormLine[]> {
  let query = db
    .selectFrom('form')
    .leftJoin('list', 'list.id', 'form.list_id')
    .selectAll('form')
    .select('list.name as list_name')
    .select(({ selectFrom, fn }) => [
      selectFrom('signup')
        .select(fn.countAll<number>().as('n'))
        .whereRef('signup.form_id', '=', 'form.id')
        .as('asked'),
      selectFrom('signup')
        .select(fn.countAll<number>().as('n'))
        .whereRef('signup.form_id', '=', 'form.id')
        .where('signup.confirmed_at', 'is not', null)
        .as('confirmed'),
    ])
    .orderBy('form.id');
  if (id !== undefined) query = query.where('form.id', '=', id);
  return (await query.execute()).map((row) => ({
    ...row,
    list_name: row.list_name ?? '',
    asked: Number(row.asked ?? 0),
    confirmed: Number(row.confirmed ?? 0),
  }));
}

/** Adds one with its id; undefined when the name is taken. */
export const addForm = async (db: Db, row: NewRow<'form'>): Promise<number | undefined> =>
  (
    await db
      .insertInto('form')
      .values(row)
      .onConflict((conflict) => conflict.column('name').doNothing())
      .returning('id')
      .executeTakeFirst()
  )?.id;

export const changeForm = (db: Db, id: number, patch: RowPatch<'form'>): Promise<Row<'form'> | undefined> =>
  db.updateTable('form').set(patch).where('id', '=', id).returningAll().executeTakeFirst();
