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
import { groupCommit, type WriteMode } from './group-commit.ts';
import { migrate } from './migrations.ts';
import { openPostgres } from './postgres.ts';
import { openSqliteHandle, sqliteDialect, type SqliteDriverName } from './sqlite.ts';
import { openInlineReader } from './sqlite-inline.ts';
import { openSqliteWriter } from './sqlite-writer.ts';
import type { Db, Tables } from './tables.ts';

export type { Db } from './tables.ts';
export type Engine = 'sqlite' | 'postgres';

export interface Store {
  engine: Engine;
  driver: SqliteDriverName | 'pg';
  /** For questions. On SQLite a pool of readers that see the last commit. */
  read: Db;
  /**
   * For questions by a key whose answer is a few rows, on the way of every message: on SQLite they are answered on this
   * thread, where anything slow would stop everybody.
   */
  glance: Db;
  /**
   * The only way to write. Resolves after the commit is durable; throws what the work threw, with nothing of it kept.
   * On SQLite work joins a group commit; on PostgreSQL it is a transaction of its own, retried when another one's
   * commit made it unserialisable, so it may run more than once and must not act outside the database.
   *
   * `urgent` goes before other work that waits for the one writer: for results of deliveries, since a kill meanwhile
   * would send those messages again.
   * `repeatable` is for work that goes by a cursor of its own: it resolves at its commit, before that is on the disk.
   *
   * On SQLite statements run on this thread: what takes over some 20 ms is to be done in slices.
   */
  write<T>(work: (tx: Db) => Promise<T>, mode?: WriteMode): Promise<T>;
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
    : await openSqlite(options);
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

async function openSqlite(options: StoreOptions): Promise<Store> {
  const path = options.url.replace(/^sqlite:/, '');
  mkdirSync(dirname(path), { recursive: true });
  const driver = chooseDriver(options.driver ?? 'auto');
  const lock = options.exclusive ? takeLock(path) : undefined;
  const writing = await openSqliteWriter(driver, path);
  const readerHandles = await Promise.all(
    Array.from({ length: options.connections ?? 3 }, () => openSqliteHandle(driver, path, true)),
  );
  const read = new Kysely<Tables>({ dialect: sqliteDialect(readerHandles) });
  const near = driver === 'node:sqlite' ? openInlineReader(path) : undefined;
  const glance = near === undefined ? read : new Kysely<Tables>({ dialect: sqliteDialect([near]) });
  const group = groupCommit(writing, options.onBroken);
  writing.checkpoints?.start(group);
  const store: Store = {
    engine: 'sqlite',
    driver,
    read,
    glance,
    write: group.write,
    shred: async (upTo) => {
      if (statSync(path).size > upTo) return false;
      return await group.alone(async (db) => {
        // The index of words keeps those of deleted rows until its parts are merged.
        await sql`insert into message_text (message_text) values ('optimize')`.execute(db);
        try {
          await sql`vacuum`.execute(db);
        } catch (error) {
          // Another process reads in it right now: what was asked for is done, and the rest can be done again.
          if (!/busy|locked/i.test(String(error))) throw error;
          return false;
        }
        const { rows } = await sql<{ busy: number }>`pragma wal_checkpoint(truncate)`.execute(db);
        return Number(rows[0]?.busy ?? 0) === 0;
      });
    },
    close: async () => {
      await group.idle();
      await Promise.all(readerHandles.map((handle) => handle.close()));
      await near?.close();
      await writing.close();
      lock?.close();
    },
  };
  writers.set(store, writing.far ?? writing.db);
  return store;
}

/** Node's own module needs nothing built and writes ten times as fast; docs/decisions/0001-store.md has the figures. */
const chooseDriver = (asked: SqliteDriverName | 'auto'): SqliteDriverName =>
  asked === 'auto' ? 'node:sqlite' : asked;

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
