/** The order behind every 250 and 202: nobody is answered before the commit that holds his work has returned. */
import { Kysely } from 'kysely';
import { expect, test } from 'vitest';
import { groupCommit } from './group-commit.ts';
import { sqliteDialect, type SqliteHandle } from './sqlite.ts';
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
  const group = groupCommit(new Kysely<Tables>({ dialect: sqliteDialect([handle]) }));
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
    text === 'commit' && broken ? new Error('disk I/O error') : undefined,
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
