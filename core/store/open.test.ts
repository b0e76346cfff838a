import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, onTestFinished, test } from 'vitest';
import { manualClock } from '../clock.ts';
import { silentLog } from '../log.ts';
import { rowsFrom, jsonText } from './batch.ts';
import { fromJson, toJson } from './json.ts';
import { openStore, type Store } from './open.ts';
import { eachEngine } from './testing.ts';

const addBrand = (store: Store, name: string) =>
  store.write((tx) =>
    tx
      .insertInto('brand')
      .values({ name, language: 'fr', postal_address: '', created_at: 1 })
      .returning('id')
      .executeTakeFirstOrThrow(),
  );

eachEngine((_name, open) => {
  test('a write that resolved is seen by every reader', async () => {
    const store = await open();
    await addBrand(store, 'Atelier');
    expect(await store.read.selectFrom('brand').select('name').execute()).toEqual([{ name: 'Atelier' }]);
  });

  test('work that throws takes back only itself, also when others commit with it', async () => {
    const store = await open();
    const results = await Promise.allSettled([
      addBrand(store, 'one'),
      store.write(async (tx) => {
        await tx
          .insertInto('brand')
          .values({ name: 'two', language: 'en', postal_address: '', created_at: 1 })
          .execute();
        throw new Error('not this one');
      }),
      addBrand(store, 'three'),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const rows = await store.read.selectFrom('brand').select('name').orderBy('name').execute();
    expect(rows.map((row) => row.name)).toEqual(['one', 'three']);
  });

  test('a hundred writers at once all land, with ids of their own', async () => {
    const store = await open();
    const ids = await Promise.all(
      Array.from({ length: 100 }, (_, index) => addBrand(store, `brand ${index}`)),
    );
    expect(new Set(ids.map((row) => row.id)).size).toBe(100);
  });

  test('rows, JSON, integers up to 2^53 and bytes come back as they went in', async () => {
    const store = await open();
    const rows = [
      { key: 'a', at: 2 ** 53 - 1, value: { city: 'Lyon', "it's": [1, 2] } },
      { key: 'b', at: 0, value: 'été 🌞' },
    ];
    await store.write((tx) =>
      sql`insert into setting (key, value, updated_at)
        select key, value, at from ${rowsFrom(tx, rows, { key: 'text', at: 'int', value: 'json' })} as r where true`.execute(
        tx,
      ),
    );
    const back = await store.read.selectFrom('setting').selectAll().orderBy('key').execute();
    expect(back.map((row) => [row.key, row.updated_at, fromJson(row.value, null)])).toEqual([
      ['a', 2 ** 53 - 1, { city: 'Lyon', "it's": [1, 2] }],
      ['b', 0, 'été 🌞'],
    ]);
    const cities = await store.read
      .selectFrom('setting')
      .select(jsonText(store.read, sql.ref('value'), 'city').as('city'))
      .where('key', '=', 'a')
      .execute();
    expect(cities).toEqual([{ city: 'Lyon' }]);
    const sealed = Buffer.from([0, 255, 10]);
    await store.write((tx) =>
      tx.insertInto('secret').values({ purpose: 'x', sealed, created_at: 1 }).execute(),
    );
    expect(
      Buffer.from((await store.read.selectFrom('secret').select('sealed').executeTakeFirstOrThrow()).sealed),
    ).toEqual(sealed);
  });

  test('a store opened again keeps what it had and migrates nothing twice', async () => {
    const store = await open();
    await store.write((tx) =>
      tx
        .insertInto('setting')
        .values({ key: 'k', value: toJson({ a: 1 }), updated_at: 5 })
        .execute(),
    );
    const count = await store.read
      .selectFrom('setting')
      .select(({ fn }) => fn.countAll<number>().as('n'))
      .executeTakeFirst();
    expect(count?.n).toBe(1);
  });
});

test('a second server on the same SQLite file is refused with the reason', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'parley-lock-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const options = {
    url: `sqlite:${join(directory, 'parley.db')}`,
    exclusive: true,
    driver: 'node:sqlite' as const,
  };
  const first = await openStore(options, manualClock(), silentLog);
  await expect(openStore(options, manualClock(), silentLog)).rejects.toThrow(
    /another Parley already runs on/,
  );
  await first.close();
  await (await openStore(options, manualClock(), silentLog)).close();
});

test('a database of a newer version is refused rather than damaged', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'parley-newer-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const options = { url: `sqlite:${join(directory, 'parley.db')}`, driver: 'node:sqlite' as const };
  const first = await openStore(options, manualClock(), silentLog);
  await first.write((tx) => sql`insert into migration (name, at) values ('9999_future', 1)`.execute(tx));
  await first.close();
  await expect(openStore(options, manualClock(), silentLog)).rejects.toThrow(/made by a newer Parley/);
});
