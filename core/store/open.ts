/**
 * Opens the store: one SQLite file by default, PostgreSQL when a URL is configured. Everyone reads through `read` and
 * writes through `write`; a `write` that resolved is on disk, synced.
 */
import { mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Kysely, sql } from 'kysely';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { groupCommit } from './group-commit.ts';
import { migrate } from './migrations.ts';
import { openPostgres } from './postgres.ts';
import { isNativeSqliteAvailable, openSqliteHandle, sqliteDialect, type SqliteDriverName } from './sqlite.ts';
import type { Db, Tables } from './tables.ts';

export type { Db } from './tables.ts';
export type Engine = 'sqlite' | 'postgres';

export interface Store {
  engine: Engine;
  driver: SqliteDriverName | 'pg';
  /** For questions. On SQLite a pool of readers that see the last commit. */
  read: Db;
  /**
   * The only way to write. Resolves after the commit is durable; throws what the work threw, with nothing of it kept.
   * On SQLite work joins a group commit; on PostgreSQL it is a transaction of its own, retried when another one's
   * commit made it unserialisable, so it may run more than once and must not act outside the database.
   *
   * `urgent` goes before other work that waits for the one writer: for results of deliveries, since a kill meanwhile
   * would send those messages again.
   */
  write<T>(work: (tx: Db) => Promise<T>, urgent?: 'urgent'): Promise<T>;
  /**
   * Leaves nothing of deleted rows on the disk: the file is written anew and the log emptied, where it is not larger than
   * this many bytes. False where it was left as it is. PostgreSQL does it by itself (autovacuum), later.
   */
  shred(upTo: number): Promise<boolean>;
  close(): Promise<void>;
}

export interface StoreOptions {
  /** `sqlite:PATH` or a `postgres://` URL. */
  url: string;
  /** Which SQLite driver; `auto` takes the native one when it is installed. */
  driver?: SqliteDriverName | 'auto';
  /** Readers on SQLite, connections on PostgreSQL. */
  connections?: number;
  /** The server takes the file for itself; commands that only write a row do not. */
  exclusive?: boolean;
  /** SQLite: the disk failed under a commit, nothing is written any more, and only a restart finds out what was kept. */
  onBroken?: (error: unknown) => void;
}

export async function openStore(options: StoreOptions, clock: Clock, log: Log): Promise<Store> {
  const store = /^postgres(ql)?:/.test(options.url)
    ? await openPostgres(options.url, options.connections ?? 10)
    : await openSqlite(options, log);
  try {
    const writer = writers.get(store) ?? store.read;
    for (const name of await migrate(writer, store.engine, clock.now()))
      log.info('schema migrated', { name });
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

/** Migration needs the writing connection itself, before anybody else may use it. */
const writers = new WeakMap<Store, Db>();

async function openSqlite(options: StoreOptions, log: Log): Promise<Store> {
  const path = options.url.replace(/^sqlite:/, '');
  mkdirSync(dirname(path), { recursive: true });
  const driver = chooseDriver(options.driver ?? 'auto', log);
  const lock = options.exclusive ? takeLock(path) : undefined;
  const writerHandle = await openSqliteHandle(driver, path, false);
  const readerHandles = await Promise.all(
    Array.from({ length: options.connections ?? 3 }, () => openSqliteHandle(driver, path, true)),
  );
  const writer = new Kysely<Tables>({ dialect: sqliteDialect([writerHandle]) });
  const read = new Kysely<Tables>({ dialect: sqliteDialect(readerHandles) });
  const group = groupCommit(writer, options.onBroken);
  const store: Store = {
    engine: 'sqlite',
    driver,
    read,
    write: group.write,
    shred: async (upTo) => {
      if (statSync(path).size > upTo) return false;
      // The index of words keeps those of deleted rows until its parts are merged.
      await group.write((tx) => sql`insert into message_text (message_text) values ('optimize')`.execute(tx));
      // The one writer, between two of its transactions.
      try {
        await sql`vacuum`.execute(writer);
      } catch (error) {
        // Another process reads in it right now: what was asked for is done, and the rest can be done again.
        if (!/busy|locked/i.test(String(error))) throw error;
        return false;
      }
      const { rows } = await sql<{ busy: number }>`pragma wal_checkpoint(truncate)`.execute(writer);
      return Number(rows[0]?.busy ?? 0) === 0;
    },
    close: async () => {
      await group.idle();
      await Promise.all(readerHandles.map((handle) => handle.close()));
      await writerHandle.close();
      lock?.close();
    },
  };
  writers.set(store, writer);
  return store;
}

function chooseDriver(asked: SqliteDriverName | 'auto', log: Log): SqliteDriverName {
  if (asked !== 'auto') return asked;
  if (isNativeSqliteAvailable()) return 'sqlite3';
  log.warn('native sqlite3 is not installed: using the module built into Node');
  return 'node:sqlite';
}

/**
 * Two servers on one file would each believe themselves the only writer. The lock is a database of its own, held by an
 * exclusive transaction: the system lets go of it when the process dies, however it dies.
 */
function takeLock(path: string): DatabaseSync {
  const lock = new DatabaseSync(join(dirname(path), 'parley.lock'));
  try {
    lock.exec('pragma journal_mode = delete; begin exclusive');
  } catch (cause) {
    lock.close();
    throw new Error(
      `another Parley already runs on ${path}: stop it first, or give this one its own data directory`,
      {
        cause,
      },
    );
  }
  return lock;
}
