/** The ledger of consents as a CSV file: the proof that is asked for, of one person or of everybody, a page in memory at a time. */
import { consentLedger, consentTextHash, type LedgerRow } from '../store/consent.ts';
import type { Db } from '../store/tables.ts';
import { csvCell } from './export.ts';

const COLUMNS = [
  'id',
  'email',
  'contact_id',
  'at',
  'purpose',
  'state',
  'method',
  'source',
  'language',
  'text',
  'text_sha256',
  'form_id',
  'form_version',
  'ip',
  'user_agent',
  'evidence',
] as const;
const PAGE = 2000;

const line = (cells: readonly unknown[]): string => `${cells.map(csvCell).join(',')}\r\n`;

export async function* exportConsents(db: Db, contactId?: number): AsyncGenerator<string> {
  // The mark makes spreadsheets read it as UTF-8.
  yield `\ufeff${line(COLUMNS)}`;
  for (let afterId = 0; ;) {
    const rows = await consentLedger(db, { contactId, afterId, limit: PAGE });
    if (rows.length > 0) yield rows.map((row) => line(cellsOf(row))).join('');
    if (rows.length < PAGE) return;
    afterId = rows.at(-1)?.id ?? afterId;
  }
}

const cellsOf = (row: LedgerRow): unknown[] => [
  row.id,
  row.email,
  row.contact_id,
  new Date(row.at).toISOString(),
  row.purpose,
  row.state,
  row.method,
  row.source,
  row.language,
  row.text,
  row.text_hash === '' ? consentTextHash(row.text) : row.text_hash,
  row.form_id,
  row.form_version,
  row.ip,
  row.agent,
  row.evidence,
];
