/**
 * The writing side of a SQLite file: one connection; with Node's own module, which works on this thread, a second on
 * another thread for what would stall it: moving the log into the file, and writing the file anew.
 */
import { Kysely, sql } from 'kysely';
import type { GroupCommit, GroupWriter } from './group-commit.ts';
import { openInlineWriter } from './sqlite-inline.ts';
import { openSqliteHandle, sqliteDialect, type SqliteDriverName } from './sqlite.ts';
import type { SqliteHandle } from './sqlite-statement.ts';
import type { Db, Tables } from './tables.ts';

export interface SqliteWriter extends GroupWriter {
  checkpoints?: Checkpoints;
  close(): Promise<void>;
}

const over = (handle: SqliteHandle): Db => new Kysely<Tables>({ dialect: sqliteDialect([handle]) });

export async function openSqliteWriter(driver: SqliteDriverName, path: string): Promise<SqliteWriter> {
  if (driver === 'sqlite3') {
    const handle = await openSqliteHandle(driver, path, false);
    return { db: over(handle), batchMs: 25, close: () => handle.close() };
  }
  const farHandle = await openSqliteHandle(driver, path, false);
  const near = openInlineWriter(path);
  const far = over(farHandle);
  const checkpoints = new Checkpoints(far);
  return {
    db: over(near),
    far,
    sync: () => near.sync(),
    // All of a batch is one turn of the loop here: shorter, so that everybody else gets his.
    batchMs: 10,
    committed: () => checkpoints.due(),
    checkpoints,
    close: async () => {
      await checkpoints.stop();
      await farHandle.close();
      await near.close();
    },
  };
}

const EVERY_MS = 1000;
/** Pages of the log, 4 KB each, above which writing waits for the rest to be moved. */
const MOST_PAGES = 8192;

/**
 * Moves the log into the file, once a second while there is writing. Beside the writer first; what the writer added
 * meanwhile would let the log grow without end, so above a size that rest is moved while nobody writes, and the next
 * commit begins the log anew.
 */
class Checkpoints {
  readonly #db: Db;
  #group: GroupCommit | undefined;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(db: Db) {
    this.#db = db;
  }

  start(group: GroupCommit): void {
    this.#group = group;
  }

  /** Something was committed. */
  due(): void {
    if (this.#timer !== undefined || this.#running !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // A full disk: tried again after the next commit, the log keeps everything. A sync that failed: the end.
      this.#running = this.#move()
        .catch((error) => this.#group?.report(error))
        .finally(() => {
          this.#running = undefined;
        });
    }, EVERY_MS).unref();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #move(): Promise<void> {
    const { pages, left } = await moved(this.#db);
    if (left > 0 && pages > MOST_PAGES) await this.#group?.alone(moved);
  }
}

async function moved(db: Db): Promise<{ pages: number; left: number }> {
  const { rows } = await sql<{ log: number; checkpointed: number }>`pragma wal_checkpoint(passive)`.execute(
    db,
  );
  const { log = 0, checkpointed = 0 } = rows[0] ?? {};
  return { pages: log, left: log - checkpointed };
}
