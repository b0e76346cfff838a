/** Runs Node's own SQLite, which is synchronous, in a thread of its own, so that a long query stalls nobody's SMTP. */
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { statementsOf } from './sqlite-statement.ts';

const { path, readOnly } = workerData as { path: string; readOnly: boolean };
// From the first statement on: readers that open at once may both find the index of the log unfinished.
const statement = statementsOf(new DatabaseSync(path, { readOnly, timeout: 5000 }));

parentPort?.on('message', (ask: { id: number; sql: string; parameters: SQLInputValue[] }) => {
  try {
    parentPort?.postMessage({ id: ask.id, answer: statement(ask.sql, ask.parameters) });
  } catch (cause) {
    const error = cause as Error & { code?: string };
    parentPort?.postMessage({ id: ask.id, error: { message: error.message, code: error.code } });
  }
});
