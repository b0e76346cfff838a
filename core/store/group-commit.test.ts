/** The order behind every 250 and 202: nobody is answered before the commit that holds his work has returned. */
import { Kysely } from 'kysely';
import { expect, test } from 'vitest';
import { diskFault } from './disk-fault.ts';
import { groupCommit } from './group-commit.ts';
import type { SqliteHandle } from './sqlite-statement.ts';
import { sqliteDialect } from './sqlite.ts';
import type { Tables } from './tables.ts';

function recorder(failOn?: (sql: string) => Error | undefined) {
  const order: string[] = [];
  let release: () => void = () => undefined;
  let held = Promise.resolve();
  const handle: SqliteHandle = {
    run: async (text) => {
      if (text === 'commit') await held;
      const error = failOn?.(text);
      if (error) throw error;
      order.push(text.split(' ')[0] as string);
      return { rows: [], changes: 0, lastId: 0 };
    },
    close: async () => undefined,
  };
  const hold = () => {
    held = new Promise((resolve) => (release = resolve));
  };
  const group = groupCommit({ db: new Kysely<Tables>({ dialect: sqliteDialect([handle]) }), batchMs: 25 });
  return { order, group, hold, release: () => release() };
}

test('an answer comes after the commit, not before', async () => {
  const { order, group, hold, release } = recorder();
  hold();
  const writing = group.write(async () => 1).then(() => order.push('answered'));
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(order).not.toContain('answered');
  release();
  await writing;
  expect(order.indexOf('answered')).toBeGreaterThan(order.indexOf('commit'));
});

test('what arrives while a commit is on its way shares the next one', async () => {
  const { order, group } = recorder();
  await Promise.all(Array.from({ length: 50 }, () => group.write(async () => undefined)));
  expect(order.filter((word) => word === 'commit').length).toBeLessThanOrEqual(2);
});

test('a commit that fails tells everyone in it, and the next batch works', async () => {
  let broken = true;
  const { group } = recorder((text) =>
    text === 'commit' && broken ? new Error('SQLITE_FULL: database or disk is full') : undefined,
  );
  const results = await Promise.allSettled([group.write(async () => 1), group.write(async () => 2)]);
  expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected']);
  broken = false;
  expect(await group.write(async () => 3)).toBe(3);
});

test('urgent work goes before what else waits', async () => {
  const { group, hold, release } = recorder();
  const done: string[] = [];
  hold();
  const first = group.write(async () => done.push('first'));
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  const rest = [
    group.write(async () => done.push('import')),
    group.write(async () => done.push('claim')),
    group.write(async () => done.push('results'), 'urgent'),
  ];
  release();
  await Promise.all([first, ...rest]);
  expect(done).toEqual(['first', 'results', 'import', 'claim']);
});

test('after a sync that failed nothing is written any more, and that is said once', async () => {
  const failing = () => Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR' });
  const said: unknown[] = [];
  const ran: string[] = [];
  const handle: SqliteHandle = {
    run: async (text) => {
      ran.push(text);
      if (text === 'commit') throw failing();
      return { rows: [], changes: 0, lastId: 0 };
    },
    close: async () => undefined,
  };
  const group = groupCommit(
    { db: new Kysely<Tables>({ dialect: sqliteDialect([handle]) }), batchMs: 25 },
    (error) => said.push(error),
  );
  await expect(group.write(async () => 1)).rejects.toMatchObject({ code: 'unavailable' });
  const before = ran.length;
  await expect(group.write(async () => 2)).rejects.toMatchObject({ code: 'unavailable' });
  expect(ran.length).toBe(before);
  expect(said).toHaveLength(1);
});

test('a full disk is told as unavailable and leaves the store at work', async () => {
  let isFull = true;
  const handle: SqliteHandle = {
    run: async (text) => {
      if (text === 'commit' && isFull)
        throw Object.assign(new Error('SQLITE_FULL: database or disk is full'), { code: 'SQLITE_FULL' });
      return { rows: [], changes: 0, lastId: 0 };
    },
    close: async () => undefined,
  };
  const group = groupCommit(
    { db: new Kysely<Tables>({ dialect: sqliteDialect([handle]) }), batchMs: 25 },
    () => {
      throw new Error('a full disk is not a broken one');
    },
  );
  await expect(group.write(async () => 1)).rejects.toMatchObject({ code: 'unavailable' });
  isFull = false;
  expect(await group.write(async () => 2)).toBe(2);
});

test('errors of disks and servers are told from errors of ours', () => {
  const table: [Record<string, string>, string | undefined][] = [
    [{ code: 'SQLITE_FULL', message: 'SQLITE_FULL: database or disk is full' }, 'full'],
    [{ code: 'ERR_SQLITE_ERROR', message: 'database or disk is full' }, 'full'],
    [{ code: 'ENOSPC', message: 'ENOSPC: no space left on device, write' }, 'full'],
    [{ code: '53100', message: 'could not extend file' }, 'full'],
    [{ code: 'SQLITE_IOERR', message: 'SQLITE_IOERR: disk I/O error' }, 'broken'],
    [{ code: 'ERR_SQLITE_ERROR', message: 'disk I/O error' }, 'broken'],
    [{ code: 'EIO', message: 'EIO: i/o error, fsync' }, 'broken'],
    [{ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' }, 'away'],
    [{ code: '57P01', message: 'terminating connection' }, 'away'],
    [{ code: 'SQLITE_CONSTRAINT', message: 'UNIQUE constraint failed' }, undefined],
    [{ message: 'oh' }, undefined],
  ];
  for (const [facts, expected] of table)
    expect(diskFault(Object.assign(new Error(), facts)), facts['message']).toBe(expected);
});

/** A writer whose syncs are let go by hand, as the one on this thread has them. */
function syncing() {
  const order: string[] = [];
  const syncs: { done: () => void; fail: (error: Error) => void }[] = [];
  const broke: unknown[] = [];
  const handle: SqliteHandle = {
    run: async (text) => {
      order.push(text.split(' ')[0] as string);
      return { rows: [], changes: 0, lastId: 0 };
    },
    close: async () => undefined,
  };
  const group = groupCommit(
    {
      db: new Kysely<Tables>({ dialect: sqliteDialect([handle]) }),
      batchMs: 10,
      sync: () =>
        new Promise<void>((resolve, reject) => {
          order.push('sync');
          syncs.push({ done: resolve, fail: reject });
        }),
    },
    (error) => broke.push(error),
  );
  return { order, syncs, broke, group };
}
const turns = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test('with a sync of its own a commit is answered after a sync that began after it, and holds up no other', async () => {
  const { order, syncs, group } = syncing();
  const answered: string[] = [];
  const first = group.write(async () => order.push('first')).then(() => answered.push('first'));
  await turns();
  const second = group.write(async () => order.push('second')).then(() => answered.push('second'));
  await turns();
  // The second is committed while the first one's sync is on its way, and waits for the next.
  expect(order).toEqual(['begin', 'first', 'commit', 'sync', 'begin', 'second', 'commit']);
  expect(answered).toEqual([]);
  syncs[0]?.done();
  await first;
  await turns();
  expect(answered).toEqual(['first']);
  expect(order.at(-1)).toBe('sync');
  syncs[1]?.done();
  await second;
  expect(answered).toEqual(['first', 'second']);
});

test('work that a power cut may take back is answered at its commit', async () => {
  const { order, group } = syncing();
  await group.write(async () => undefined, 'repeatable');
  expect(order).toEqual(['begin', 'commit']);
});

test('a sync that fails breaks the store: whoever waited hears it, and whoever comes after', async () => {
  const { syncs, broke, group } = syncing();
  const waiting = group.write(async () => 1).catch((error: unknown) => error);
  await turns();
  const next = group.write(async () => 2).catch((error: unknown) => error);
  await turns();
  syncs[0]?.fail(Object.assign(new Error('EIO: the log of the store could not be synced'), { code: 'EIO' }));
  expect(diskFault(((await waiting) as Error).cause)).toBe('broken');
  expect(diskFault(((await next) as Error).cause)).toBe('broken');
  expect(
    diskFault(((await group.write(async () => 3).catch((error: unknown) => error)) as Error).cause),
  ).toBe('broken');
  expect(broke).toHaveLength(1);
});

test('what has to be alone runs between two transactions', async () => {
  const { order, syncs, group } = syncing();
  const work = [
    group.write(async () => order.push('one')),
    group.alone(async () => order.push('alone')),
    group.write(async () => order.push('two')),
  ];
  await turns();
  for (const sync of syncs) sync.done();
  await turns();
  for (const sync of syncs) sync.done();
  await Promise.all(work);
  expect(order.filter((word) => word !== 'sync')).toEqual([
    'begin',
    'one',
    'commit',
    'alone',
    'begin',
    'two',
    'commit',
  ]);
});

test('another process that writes is waited for by asking again, not by standing still', async () => {
  let busy = 3;
  const { group } = recorder((text) =>
    text === 'begin immediate' && busy-- > 0 ? new Error('database is locked') : undefined,
  );
  expect(await group.write(async () => 7)).toBe(7);
  expect(busy).toBe(-1);
});
