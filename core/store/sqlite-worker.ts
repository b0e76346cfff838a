/** Runs Node's own SQLite, which is synchronous, in a thread of its own, so that a long query stalls nobody's SMTP. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

const { path, readOnly } = workerData as { path: string; readOnly: boolean };
// From the first statement on: readers that open at once may both find the index of the log unfinished.
const database = new DatabaseSync(path, { readOnly, timeout: 5000 });
const statements = new Map<string, StatementSync>();
const STATEMENTS_KEPT = 256;

function prepared(sql: string): StatementSync {
  const kept = statements.get(sql);
  if (kept !== undefined) return kept;
  const statement = database.prepare(sql);
  statements.set(sql, statement);
  if (statements.size > STATEMENTS_KEPT) statements.delete(statements.keys().next().value as string);
  return statement;
}

parentPort?.on('message', (ask: { id: number; sql: string; parameters: SQLInputValue[]; rows: boolean }) => {
  try {
    const statement = prepared(ask.sql);
    if (ask.rows) {
      const rows = statement.all(...ask.parameters).map((row) => ({ ...row }));
      parentPort?.postMessage({ id: ask.id, answer: { rows, changes: rows.length, lastId: 0 } });
    } else {
      const { changes, lastInsertRowid } = statement.run(...ask.parameters);
      parentPort?.postMessage({
        id: ask.id,
        answer: { rows: [], changes: Number(changes), lastId: Number(lastInsertRowid) },
      });
    }
  } catch (cause) {
    const error = cause as Error & { code?: string };
    parentPort?.postMessage({ id: ask.id, error: { message: error.message, code: error.code } });
  }
});
