/** Pools as rows: what became of the sources that had one pool, and which pool a message leaves from. */
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { addBrand, addSendingDomain, addSource } from './identity.ts';
import { migrations, statement } from './migrations.ts';
import { addPool, changePool, poolFor, pools, setPoolsOf, sourcesInPools, usesOfPool } from './pool.ts';
import { enqueueMessage } from './queue.ts';
import { eachEngine } from './testing.ts';

const row = {
  smarthost_id: null,
  smarthost_mode: 'off' as const,
  smarthost_share: 0,
  note: '',
  created_at: 1,
};

test('sources that had a pool and a weight as words have them as rows after the upgrade', () => {
  const db = new DatabaseSync(':memory:');
  for (const { name, up } of migrations) {
    if (name.startsWith('0005')) {
      db.exec(`insert into source (id, name, ip, ehlo, pool, weight, created_at) values
        (1, 'a', '192.0.2.1', 'a.example', 'marketing', 3, 5), (2, 'b', '192.0.2.2', 'b.example', 'brand-b', 1, 6)`);
    }
    for (const entry of up) db.exec(statement(entry, 'sqlite') ?? '');
  }
  const shares = db.prepare(
    'select source_id, pool.name, stream, weight from source_pool join pool on pool.id = pool_id order by source_id',
  );
  expect(shares.all()).toMatchObject([
    { source_id: 1, name: 'marketing', stream: 'marketing', weight: 3 },
    { source_id: 2, name: 'brand-b', stream: 'marketing', weight: 1 },
  ]);
  expect(() => db.prepare('select pool from source').all()).toThrow();
  db.close();
});

eachEngine((_, open) => {
  test('a new installation has a pool for each stream', async () => {
    const { read } = await open();
    expect((await pools(read)).map(({ name, stream, brand_id }) => [name, stream, brand_id])).toEqual([
      ['marketing', 'marketing', null],
      ['transactional', 'transactional', null],
    ]);
  });

  test('a source may be in several pools, each with its weight', async () => {
    const store = await open();
    await store.write(async (tx) => {
      const base = { paused: 0, note: '', created_at: 1 };
      const a = await addSource(tx, {
        ...base,
        name: 'a',
        ip: '192.0.2.1',
        ehlo: 'a.example',
        pool: 'marketing',
      });
      await setPoolsOf(
        tx,
        a,
        [
          { pool: 'marketing', weight: 5 },
          { pool: 'new one', weight: 2 },
        ],
        1,
      );
    });
    expect((await sourcesInPools(store.read)).map((one) => one.pools)).toEqual([
      [
        { pool: 'marketing', weight: 5 },
        { pool: 'new one', weight: 2 },
      ],
    ]);
  });

  test('a brand has its own pool, else that of all brands', async () => {
    const store = await open();
    const brand = await store.write(async (tx) => {
      const made = await addBrand(tx, { name: 'B', language: 'fr', postal_address: '', created_at: 1 });
      await addPool(tx, { ...row, name: 'b-mail', stream: 'transactional', brand_id: made });
      return made;
    });
    expect(await poolFor(store.read, 'transactional', brand)).toBe('b-mail');
    expect(await poolFor(store.read, 'transactional', brand + 1)).toBe('transactional');
    expect(await poolFor(store.read, 'marketing', brand)).toBe('marketing');
  });

  test('what a person writes leaves from the transactional pool of the brand it is from', async () => {
    const store = await open();
    await store.write(async (tx) => {
      const brand = await addBrand(tx, { name: 'B', language: 'fr', postal_address: '', created_at: 1 });
      const domain = (name: string, brandId: number) =>
        addSendingDomain(tx, { brand_id: brandId, name, bounce_host: '', reply_host: '', created_at: 1 });
      const other = await addBrand(tx, { name: 'C', language: 'fr', postal_address: '', created_at: 1 });
      await addPool(tx, { ...row, name: 'b-mail', stream: 'transactional', brand_id: brand });
      const mail = async (messageId: number, sendingDomainId: number) =>
        enqueueMessage(tx, { messageId, recipients: ['a@x.example'], sendingDomainId }, 1);
      await mail(1, await domain('b.example', brand));
      await mail(2, await domain('c.example', other));
    });
    const rows = await store.read.selectFrom('delivery').select('pool').orderBy('id').execute();
    expect(rows.map((one) => one.pool)).toEqual(['b-mail', 'transactional']);
    expect(await usesOfPool(store.read, 'b-mail')).toEqual({ waiting: 1, campaigns: 0 });
  });

  test('a pool is changed in place', async () => {
    const store = await open();
    const [pool] = await pools(store.read);
    await store.write((tx) => changePool(tx, pool?.id ?? 0, { note: 'ours' }));
    expect((await pools(store.read))[0]).toMatchObject({ name: 'marketing', note: 'ours' });
  });
});
