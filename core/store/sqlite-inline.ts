/**
 * The one writer on SQLite, on the thread that asks: a statement costs some 20 microseconds here against 200 to 400 by
 * way of another thread, and almost all that Parley writes is a few rows by their key. What would stall the loop goes
 * elsewhere:
 *
 *   the sync of a commit   `synchronous = normal` writes the log without waiting for the disk; `sync` then waits for it on
 *                          the thread pool. Nobody is answered before, which is as durable as `full` (SQLite, "PRAGMA
 *                          synchronous": under `normal` only the sync after each commit is left out)
 *   checkpoints            none here (`wal_autocheckpoint = 0`): another thread moves the log into the file
 *   a lock of another      never waited for here: `begin` fails at once and group-commit.ts asks again later
 *     process
 */
import { close, fdatasync, openSync, closeSync, fsyncSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { promisify } from 'node:util';
import { bindable, statementsOf, type SqliteHandle } from './sqlite-statement.ts';

export interface InlineWriter extends SqliteHandle {
  /** Resolves when everything committed before the call is on the disk; an error means that nobody can know. */
  sync(): Promise<void>;
}

export function openInlineWriter(path: string): InlineWriter {
  const database = new DatabaseSync(path, { timeout: 5000 });
  for (const pragma of [
    'journal_mode = wal',
    'synchronous = normal',
    'wal_autocheckpoint = 0',
    'foreign_keys = on',
    'temp_store = memory',
    'cache_size = -32000',
    'journal_size_limit = 67108864',
  ])
    database.exec(`pragma ${pragma}`);
  // The first look makes the log file, if this is the first connection.
  database.prepare('select count(*) from sqlite_master').get();
  database.exec('pragma busy_timeout = 0');
  // SQLite holds no lock on the log itself, so that closing this loses none (POSIX locks go by process and file).
  const log = openSync(`${path}-wal`, 'r+');
  syncFolder(dirname(path));
  const statement = statementsOf(database);
  return {
    run: async (sql, parameters) => statement(sql, parameters.map(bindable) as SQLInputValue[]),
    sync: () => syncLog(log),
    close: async () => {
      database.close();
      await promisify(close)(log);
    },
  };
}

/** A reader on this thread: for what is found by its key, which costs less than asking another thread. */
export function openInlineReader(path: string): SqliteHandle {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 1000 });
  for (const pragma of ['temp_store = memory', 'cache_size = -8000']) database.exec(`pragma ${pragma}`);
  const statement = statementsOf(database);
  return {
    run: async (sql, parameters) => statement(sql, parameters.map(bindable) as SQLInputValue[]),
    close: async () => database.close(),
  };
}

/** The name of the log has to be on the disk as well, or its syncs are of a file that nobody finds. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/**
 * Whatever the system calls it, a sync that failed leaves unknown what is on the disk: asked again it would say yes, since
 * the pages count as clean by then. So it is always reported as `EIO`, on which disk-fault.ts ends the process.
 */
function syncLog(log: number): Promise<void> {
  return new Promise((resolve, reject) =>
    fdatasync(log, (error) => {
      if (error === null) return resolve();
      reject(
        Object.assign(new Error('EIO: the log of the store could not be synced', { cause: error }), {
          code: 'EIO',
        }),
      );
    }),
  );
}
