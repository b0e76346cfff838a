/** The rows of a file that were not taken in, as a file to mend and to bring back. */
import type { Answer } from '../../contract.ts';
import { api, withQuery } from './api.ts';

type Row = Answer<'importErrors'>['rows'][number];
type Page = Answer<'importErrors'>;

/** A cell of CSV; what a spreadsheet would run as a formula is told apart as text. */
export function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function errorsAsCsv(heads: readonly string[], rows: readonly Row[]): string {
  const lines = rows.map((row) => [String(row.line), row.column_name, row.reason, row.raw]);
  return [heads, ...lines].map((line) => line.map(cell).join(',') + '\r\n').join('');
}

/** All of them, however many pages they are. */
export async function allErrors(importId: number): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | null = null;
  do {
    const page: Page = await api.get<Page>(
      withQuery(`/api/imports/${importId}/errors`, { limit: 500, cursor }),
    );
    rows.push(...page.rows);
    cursor = page.next;
  } while (cursor !== null);
  return rows;
}
