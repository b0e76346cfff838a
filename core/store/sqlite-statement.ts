/** What every SQLite driver has in common, and statements of Node's own SQLite, prepared once and kept. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

const STATEMENTS_KEPT = 256;

export interface SqliteAnswer {
  rows: Record<string, unknown>[];
  changes: number;
  lastId: number;
}

/** One open handle. Statements run one at a time, in the order asked. */
export interface SqliteHandle {
  run(sql: string, parameters: readonly unknown[]): Promise<SqliteAnswer>;
  close(): Promise<void>;
}

/** A statement that gives rows back must be asked for all of them; the others report how many rows they changed. */
export const givesRows = (sql: string): boolean =>
  /^\s*(select|pragma|explain|values)\b/i.test(sql) ||
  /\breturning\b/i.test(sql) ||
  (/^\s*with\b/i.test(sql) && !/\b(insert|update|delete)\b/i.test(sql));

export function statementsOf(
  database: DatabaseSync,
): (sql: string, parameters: readonly SQLInputValue[]) => SqliteAnswer {
  const kept = new Map<string, { statement: StatementSync; rows: boolean }>();
  return (sql, parameters) => {
    let one = kept.get(sql);
    if (one === undefined) {
      one = { statement: database.prepare(sql), rows: givesRows(sql) };
      kept.set(sql, one);
      if (kept.size > STATEMENTS_KEPT) kept.delete(kept.keys().next().value as string);
    }
    if (one.rows) {
      const rows = one.statement.all(...parameters);
      return { rows, changes: rows.length, lastId: 0 };
    }
    const { changes, lastInsertRowid } = one.statement.run(...parameters);
    return { rows: [], changes: Number(changes), lastId: Number(lastInsertRowid) };
  };
}

/** What the drivers take as a parameter: they know neither booleans nor undefined. */
export function bindable(value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof Uint8Array && !Buffer.isBuffer(value))
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return value;
}
