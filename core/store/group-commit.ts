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

interface Work {
  run: (tx: Db) => Promise<unknown>;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/** A batch takes no more work after this long, so that a small write never waits behind many large ones. */
const BATCH_MS = 25;

export interface GroupCommit {
  /** `urgent` work goes before what else waits. */
  write<T>(run: (tx: Db) => Promise<T>, urgent?: 'urgent'): Promise<T>;
  /** Resolves when nothing waits and nothing is on its way. */
  idle(): Promise<void>;
}

/**
 * `writer` must be a Kysely over exactly one connection that nobody else uses. Once the disk failed nothing is written any
 * more, and `onBroken` is told, once: the process has to end, since only a restart finds out what was kept.
 */
export function groupCommit(writer: Db, onBroken: (error: unknown) => void = () => {}): GroupCommit {
  const waiting: Work[] = [];
  let running: Promise<void> | undefined;
  let broken: { error: unknown } | undefined;
  const refuse = (work: Work, error: unknown) => {
    if (broken === undefined && diskFault(error) === 'broken') {
      broken = { error };
      onBroken(error);
    }
    work.reject(toldOutside(error));
  };

  const write = <T>(run: (tx: Db) => Promise<T>, urgent?: 'urgent'): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const work = { run, resolve: resolve as Work['resolve'], reject };
      if (urgent === 'urgent') waiting.unshift(work);
      else waiting.push(work);
      running ??= drain();
    });

  async function drain(): Promise<void> {
    // Let everyone who speaks in this turn of the event loop be heard before the first transaction begins.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) await commitBatch();
    // In the same turn as the last look at the list: whoever comes now must find that nobody drains.
    running = undefined;
  }

  async function commitBatch(): Promise<void> {
    if (broken !== undefined) {
      for (const work of waiting.splice(0)) refuse(work, broken.error);
      return;
    }
    const done: { work: Work; value: unknown }[] = [];
    const failed: { work: Work; error: unknown }[] = [];
    try {
      await writer.executeQuery(BEGIN);
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
        if (!isFirst) await writer.executeQuery(SAVEPOINT);
        try {
          const value = await work.run(writer);
          if (!isFirst) await writer.executeQuery(RELEASE);
          done.push({ work, value });
        } catch (error) {
          failed.push({ work, error });
          if (isFirst) {
            await writer.executeQuery(ROLLBACK);
            await writer.executeQuery(BEGIN);
          } else {
            await writer.executeQuery(ROLLBACK_TO);
            await writer.executeQuery(RELEASE);
          }
        }
      }
      await writer.executeQuery(COMMIT);
    } catch (error) {
      // A commit that failed has an unknown outcome (EIO) or none (disk full): nobody may be told that it was kept.
      await writer.executeQuery(ROLLBACK).catch(() => undefined);
      for (const { work } of done) refuse(work, error);
      for (const { work, error: cause } of failed) refuse(work, cause);
      return;
    }
    for (const { work, value } of done) work.resolve(value as never);
    for (const { work, error } of failed) refuse(work, error);

    function nextInTime(): Work | undefined {
      return performance.now() - began < BATCH_MS ? waiting.shift() : undefined;
    }
  }

  return {
    write,
    idle: () => running ?? Promise.resolve(),
  };
}
