/** What deliveries refer to: frozen template versions, and messages that people wrote. */
import type { Db, NewRow, Row } from './tables.ts';

export const templateVersionById = (db: Db, id: number): Promise<Row<'template_version'> | undefined> =>
  db.selectFrom('template_version').selectAll().where('id', '=', id).executeTakeFirst();

/** Freezes a template; its id. Nothing ever changes it again. */
export async function addTemplateVersion(db: Db, row: NewRow<'template_version'>): Promise<number> {
  const { id } = await db
    .insertInto('template_version')
    .values(row)
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

export const outgoingMessage = (db: Db, id: number): Promise<Row<'message'> | undefined> =>
  db.selectFrom('message').selectAll().where('id', '=', id).where('direction', '=', 'out').executeTakeFirst();
