import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { prepared, preparedByColumns } from './prepared.ts';
import type { NewRow } from './tables.ts';
import { eachEngine } from './testing.ts';

eachEngine((_name, open) => {
  const keyOf = prepared<{ key: string; from: number }, { key: string; n: number }>((db, of) =>
    db
      .selectFrom('reply_token_use')
      .select(['token_hash as key', sql<number>`count(*)`.as('n')])
      .where('token_hash', '=', of.key)
      .where('at', '>=', of.from)
      .where('proved', '=', 0)
      .groupBy('token_hash'),
  );
  let built = 0;
  const add = preparedByColumns<NewRow<'reply_token_use'>>((db, row) => {
    built++;
    return db.insertInto('reply_token_use').values(row);
  });
  const use = (token_hash: string, inbound_id: number, at: number) => ({
    token_hash,
    inbound_id,
    sender: 's',
    proved: 0,
    at,
  });

  it('builds a statement once and runs it with other values each time', async () => {
    const store = await open();
    built = 0;
    await store.write(async (tx) => {
      for (const [at, row] of [use('a', 1, 10), use('a', 2, 20), use('b', 3, 30)].entries())
        expect((await add(tx, row)).numAffectedRows, `row ${at}`).toBe(1n);
    });
    expect(built).toBe(1);
    const count = async (key: string, from: number) =>
      (await keyOf(store.read, { key, from })).rows.map((row) => [row.key, Number(row.n)]);
    expect(await count('a', 0)).toEqual([['a', 2]]);
    expect(await count('a', 15)).toEqual([['a', 1]]);
    expect(await count('b', 0)).toEqual([['b', 1]]);
    expect(await count('b', 31)).toEqual([]);
  });

  it('keeps a shape for each set of columns, and leaves out what is undefined', async () => {
    const store = await open();
    const patch = preparedByColumns<{ id: string; at?: number | undefined; proved?: number | undefined }>(
      (db, { id, ...columns }) => db.updateTable('reply_token_use').set(columns).where('token_hash', '=', id),
    );
    await store.write(async (tx) => {
      await add(tx, use('a', 1, 10));
      await patch(tx, { id: 'a', at: 11 });
      await patch(tx, { id: 'a', proved: 1, at: undefined });
      await patch(tx, { id: 'b', proved: 0, at: 99 });
    });
    const rows = await store.read.selectFrom('reply_token_use').select(['at', 'proved']).execute();
    expect(rows.map((row) => [Number(row.at), Number(row.proved)])).toEqual([[11, 1]]);
  });

  it('takes an apostrophe and a placeholder in a value for what they are', async () => {
    const store = await open();
    await store.write((tx) => add(tx, use("o'neil ? $1", 1, 1)));
    expect((await keyOf(store.read, { key: "o'neil ? $1", from: 0 })).rows).toHaveLength(1);
  });
});
