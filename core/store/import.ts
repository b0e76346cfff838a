/** Imports: how far each is, and the rows of its file that were not taken. */
import { sql } from 'kysely';
import { rowsFrom } from './batch.ts';
import type { Db, NewRow, Row, RowPatch } from './tables.ts';

/** Files of imports that are over: nothing reads them any more. */
export const finishedImportFiles = async (db: Db): Promise<string[]> =>
  (await db.selectFrom('import').select('path').where('state', 'in', ['done', 'failed']).execute()).map(
    (row) => row.path,
  );

export type ImportJob = Row<'import'>;

export interface ImportLine extends ImportJob {
  list_name: string | null;
  created_by_name: string | null;
}

const lines = (db: Db) =>
  db
    .selectFrom('import')
    .leftJoin('list', 'list.id', 'import.list_id')
    .leftJoin('user', 'user.id', 'import.created_by')
    .selectAll('import')
    .select(['list.name as list_name', 'user.name as created_by_name']);

export const imports = (db: Db, limit = 100): Promise<ImportLine[]> =>
  lines(db).orderBy('import.id', 'desc').limit(limit).execute();

export const importById = (db: Db, id: number): Promise<ImportLine | undefined> =>
  lines(db).where('import.id', '=', id).executeTakeFirst();

export const addImport = async (db: Db, row: NewRow<'import'>): Promise<number> =>
  (await db.insertInto('import').values(row).returning('id').executeTakeFirstOrThrow()).id;

/** Those that were begun and have not ended: at a start they go on where the last commit left them. */
export const runningImports = (db: Db): Promise<ImportJob[]> =>
  db.selectFrom('import').selectAll().where('state', '=', 'running').orderBy('id').execute();

/** Changes one while it is in a state; undefined when it is not, so that nobody starts it twice. */
export const changeImport = (
  db: Db,
  id: number,
  state: ImportJob['state'],
  patch: RowPatch<'import'>,
): Promise<ImportJob | undefined> =>
  db
    .updateTable('import')
    .set(patch)
    .where('id', '=', id)
    .where('state', '=', state)
    .returningAll()
    .executeTakeFirst();

export interface SliceCounts {
  rows: number;
  created: number;
  updated: number;
  duplicates: number;
  unchanged: number;
  failed: number;
}

/**
 * Moves the resume point past a slice, in the slice's own transaction. False when somebody else moved it: then the slice
 * is theirs, and ours must be taken back. The row lock makes a second reader of the same file wait and find out.
 */
export async function advanceImport(
  db: Db,
  id: number,
  rowsDone: number,
  counts: SliceCounts,
): Promise<boolean> {
  const row = await db
    .updateTable('import')
    .set((eb) => ({
      rows_done: rowsDone + counts.rows,
      created: eb('created', '+', counts.created),
      updated: eb('updated', '+', counts.updated),
      duplicates: eb('duplicates', '+', counts.duplicates),
      unchanged: eb('unchanged', '+', counts.unchanged),
      failed: eb('failed', '+', counts.failed),
    }))
    .where('id', '=', id)
    .where('state', '=', 'running')
    .where('rows_done', '=', rowsDone)
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
}

export type NewImportError = Omit<NewRow<'import_error'>, 'id' | 'import_id'>;

/** Keeps what is wrong with rows, in one statement. */
export async function addImportErrors(
  db: Db,
  importId: number,
  errors: readonly NewImportError[],
): Promise<void> {
  if (errors.length === 0) return;
  const rows = errors.map((error) => ({ ...error, import_id: importId, raw: error.raw.slice(0, 1000) }));
  await sql`insert into import_error (import_id, line, column_name, reason, raw)
    select import_id, line, column_name, reason, raw
    from ${rowsFrom(db, rows as unknown as Record<string, unknown>[], {
      import_id: 'int',
      line: 'int',
      column_name: 'text',
      reason: 'text',
      raw: 'text',
    })} as r where true`.execute(db);
}

/** In the order of the file. */
export async function importErrors(
  db: Db,
  importId: number,
  { afterId = 0, limit = 100 }: { afterId?: number | undefined; limit?: number | undefined } = {},
): Promise<{ rows: Row<'import_error'>[]; next: number | null }> {
  const found = await db
    .selectFrom('import_error')
    .selectAll()
    .where('import_id', '=', importId)
    .where('id', '>', afterId)
    .orderBy('id')
    .limit(limit + 1)
    .execute();
  const rows = found.slice(0, limit);
  return { rows, next: found.length > limit ? (rows.at(-1)?.id ?? null) : null };
}
