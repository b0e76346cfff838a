/**
 * Contacts as a CSV file, for a spreadsheet. Cells that a spreadsheet would run as a formula are written as text, since
 * what strangers typed into a form must not act on the desk of who opens the file (OWASP: CSV injection).
 */
import { conditionOf } from './segment-sql.ts';
import { inlineSegments, type Definition } from './segment.ts';
import { fields } from '../store/contact.ts';
import { fromJson } from '../store/json.ts';
import type { Db, Row } from '../store/tables.ts';

const COLUMNS = ['email', 'first_name', 'last_name', 'language', 'timezone', 'external_id'] as const;
const PAGE = 2000;

/** One cell, in quotes where it must be. A leading =, +, -, @, tab or line break gets an apostrophe before it. */
export function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  const safe = /^\s*[=+\-@\t\r\n|]/.test(text) || /^[\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",;\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const line = (cells: readonly unknown[]): string => `${cells.map(csvCell).join(',')}\r\n`;

/** The file in pieces, by id: a page in memory at a time. With a definition only its members. */
export async function* exportContacts(db: Db, now: number, definition?: Definition): AsyncGenerator<string> {
  const custom = (await fields(db)).map((field) => field.name);
  const root = definition === undefined ? undefined : await inlineSegments(db, definition.root);
  // The mark makes spreadsheets read it as UTF-8.
  yield `\ufeff${line([...COLUMNS, ...custom, 'tags', 'created_at'])}`;
  for (let afterId = 0; ;) {
    let query = db.selectFrom('contact').selectAll().where('id', '>', afterId).orderBy('id').limit(PAGE);
    if (root !== undefined) query = query.where(conditionOf(db, root, now, 'slice'));
    const rows = await query.execute();
    if (rows.length > 0) yield rows.map((row) => line(cellsOf(row, custom))).join('');
    if (rows.length < PAGE) return;
    afterId = rows.at(-1)?.id ?? afterId;
  }
}

function cellsOf(row: Row<'contact'>, custom: readonly string[]): unknown[] {
  const values = fromJson<Record<string, unknown>>(row.fields, {});
  return [
    ...COLUMNS.map((column) => row[column]),
    ...custom.map((name) => values[name]),
    fromJson<string[]>(row.tags, []).join('|'),
    new Date(row.created_at).toISOString(),
  ];
}
