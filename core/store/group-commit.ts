/**
 * One writer, many who wait: whatever arrives while a commit is on its way to the disk goes together into the next
 * transaction, so a hundred acknowledgements cost one sync. Each piece of work after the first runs in a savepoint of its
 * own: one that throws takes back only itself. Nobody is answered before the commit that holds his work has returned.
 */
import { CompiledQuery } from 'kysely';
import { diskFault, toldOutside } from './disk-fault.ts';
import type { Db } from './tables.ts';

// Said a hundred times a second: compiled once.
const BEGIN = CompiledQuery.raw('begin immediate');
const SAVEPOINT = CompiledQuery.raw('savepoint work');
const RELEASE = CompiledQuery.raw('release work');
const ROLLBACK_TO = CompiledQuery.raw('rollback to work');
const ROLLBACK = CompiledQuery.raw('rollback');
const COMMIT = CompiledQuery.raw('commit');

/**
 * `urgent` goes before what else waits. `repeatable` is answered at its commit, before the sync: a power cut takes it back
 * together with its own cursor, and it is done again.
 */
export type WriteMode = 'urgent' | 'repeatable';

interface Work {
  run: (tx: Db) => Promise<unknown>;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
  /** `alone`: between two transactions and in none. */
  mode: WriteMode | 'alone' | undefined;
}

interface Done {
  work: Work;
  value: unknown;
}

export interface GroupWriter {
  /** Over exactly one connection that nobody else uses. */
  db: Db;
  /** The other connection, on a thread of its own, when `db` works on this one: for what would stall it. */
  far?: Db;
  /** Waits until all that `db` committed so far is on the disk; absent where a commit waits by itself. */
  sync?: () => Promise<void>;
  /** A batch takes no more work after this long, so that a small write never waits behind many large ones. */
  batchMs: number;
  /** Told after every commit. */
  committed?: () => void;
}

export interface GroupCommit {
  write<T>(run: (tx: Db) => Promise<T>, mode?: WriteMode): Promise<T>;
  /** Runs while nothing else is written, outside any transaction, on the far connection where there is one. */
  alone<T>(run: (db: Db) => Promise<T>): Promise<T>;
  /** An error of the file found elsewhere: if it says that the disk is broken, nothing is written any more. */
  report(error: unknown): void;
  /** Resolves when nothing waits and nothing is on its way. */
  idle(): Promise<void>;
}

/** How long a writer of another process is waited for. */
const BUSY_MS = 5000;
const BUSY_AGAIN_MS = 5;

/**
 * Once the disk failed nothing is written any more, and `onBroken` is told, once: the process has to end, since only a
 * restart finds out what was kept.
 */
export function groupCommit(writer: GroupWriter, onBroken: (error: unknown) => void = () => {}): GroupCommit {
  const { db } = writer;
  const waiting: Work[] = [];
  /** Committed, and not yet on the disk: while it gets there the next batch is written. */
  const unsynced: Done[] = [];
  let running: Promise<void> | undefined;
  let syncing: Promise<void> | undefined;
  let broken: { error: unknown } | undefined;
  const report = (error: unknown) => {
    if (broken !== undefined || diskFault(error) !== 'broken') return;
    broken = { error };
    onBroken(error);
  };
  const refuse = (work: Work, error: unknown) => {
    report(error);
    work.reject(toldOutside(error));
  };

  const ask = <T>(run: (tx: Db) => Promise<T>, mode: Work['mode']): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const work = { run, resolve: resolve as Work['resolve'], reject, mode };
      if (mode === 'urgent') waiting.unshift(work);
      else waiting.push(work);
      running ??= drain();
    });

  async function drain(): Promise<void> {
    // Let everyone who speaks in this turn of the event loop be heard before the first transaction begins.
    await new Promise((resolve) => setImmediate(resolve));
    for (let isFirst = true; waiting.length > 0; isFirst = false) {
      // Without a wait in it a batch would follow the other and nobody else have his turn.
      if (!isFirst && writer.sync !== undefined) await new Promise((resolve) => setImmediate(resolve));
      if (waiting[0]?.mode === 'alone') await runAlone(waiting.shift() as Work);
      else await commitBatch();
    }
    // In the same turn as the last look at the list: whoever comes now must find that nobody drains.
    running = undefined;
  }

  /** One sync for all that was committed before it began. */
  async function syncAll(): Promise<void> {
    while (unsynced.length > 0) {
      const some = unsynced.splice(0);
      try {
        if (broken !== undefined) throw broken.error;
        await writer.sync?.();
        for (const { work, value } of some) work.resolve(value as never);
      } catch (error) {
        for (const { work } of some) refuse(work, error);
      }
    }
    syncing = undefined;
  }

  async function runAlone(work: Work): Promise<void> {
    try {
      work.resolve((await work.run(writer.far ?? writer.db)) as never);
    } catch (error) {
      refuse(work, error);
    }
  }

  /** Another process (a command) may be writing: asked again rather than waited for, since waiting may stop this thread. */
  async function begin(): Promise<void> {
    const until = performance.now() + BUSY_MS;
    for (;;)
      try {
        await db.executeQuery(BEGIN);
        return;
      } catch (error) {
        if (!/SQLITE_BUSY|database is locked/.test(String(error)) || performance.now() > until) throw error;
        await new Promise((resolve) => setTimeout(resolve, BUSY_AGAIN_MS));
      }
  }

  async function commitBatch(): Promise<void> {
    if (broken !== undefined) {
      for (const work of waiting.splice(0)) refuse(work, broken.error);
      return;
    }
    const done: Done[] = [];
    const failed: { work: Work; error: unknown }[] = [];
    try {
      await begin();
    } catch (error) {
      // Nothing was begun: whoever waits is told, and may try again.
      for (const work of waiting.splice(0)) refuse(work, error);
      return;
    }
    const began = performance.now();
    try {
      for (let work = waiting.shift(); work !== undefined; work = nextInTime()) {
        // Nothing stands before the first one, so taking it back is taking all back.
        const isFirst = done.length === 0;
        if (!isFirst) await db.executeQuery(SAVEPOINT);
        try {
          const value = await work.run(db);
          if (!isFirst) await db.executeQuery(RELEASE);
          done.push({ work, value });
        } catch (error) {
          failed.push({ work, error });
          if (isFirst) {
            await db.executeQuery(ROLLBACK);
            await db.executeQuery(BEGIN);
          } else {
            await db.executeQuery(ROLLBACK_TO);
            await db.executeQuery(RELEASE);
          }
        }
      }
      await db.executeQuery(COMMIT);
    } catch (error) {
      // A commit that failed has an unknown outcome (EIO) or none (disk full): nobody may be told that it was kept.
      await db.executeQuery(ROLLBACK).catch(() => undefined);
      for (const { work } of done) refuse(work, error);
      for (const { work, error: cause } of failed) refuse(work, cause);
      return;
    }
    writer.committed?.();
    for (const one of done) {
      if (writer.sync === undefined || one.work.mode === 'repeatable') one.work.resolve(one.value as never);
      else unsynced.push(one);
    }
    if (unsynced.length > 0) syncing ??= syncAll();
    for (const { work, error } of failed) refuse(work, error);

    function nextInTime(): Work | undefined {
      if (waiting[0]?.mode === 'alone') return undefined;
      return performance.now() - began < writer.batchMs ? waiting.shift() : undefined;
    }
  }

  return {
    write: ask,
    alone: (run) => ask(run, 'alone'),
    report,
    idle: async () => {
      await running;
      await syncing;
    },
  };
}
