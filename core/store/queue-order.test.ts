/** Orders over the queue, on every engine: what each means, how its slices move, and what it leaves alone. */
import { expect, test } from 'vitest';
import { Problem } from '../errors.ts';
import { claimDue, domainIds } from './queue.ts';
import {
  addOrder,
  countMeant,
  heldBy,
  openOrders,
  orderLines,
  releaseOrder,
  type NewOrder,
  type QueueOrder,
} from './queue-order.ts';
import { moveMeant, nextMeant, releaseHeldBy, stillActive } from './queue-order-slice.ts';
import type { Store } from './open.ts';
import { eachEngine } from './testing.ts';

const NOW = Date.UTC(2026, 0, 5, 9);

/** Twelve deliveries: two campaigns, two destinations, two pools; two were tried from source 4. */
async function twelve(store: Store): Promise<Map<string, number>> {
  return store.write(async (tx) => {
    const domains = await domainIds(tx, ['slow.example', 'quick.example']);
    await tx
      .updateTable('domain')
      .set({ site: 'mx.slow', provider: 'ovh' })
      .where('name', '=', 'slow.example')
      .execute();
    for (let at = 0; at < 12; at++) {
      const name = at % 2 === 0 ? 'slow.example' : 'quick.example';
      await tx
        .insertInto('delivery')
        .values({
          lane: 'bulk',
          origin_kind: 'campaign',
          origin_id: at < 6 ? 1 : 2,
          recipient_key: String(at),
          address: `p${at}@${name}`,
          domain_id: domains.get(name) as number,
          sending_domain_id: 1,
          pool: at % 3 === 0 ? 'cold' : 'marketing',
          state: at >= 10 ? 'deferred' : 'queued',
          due_at: at >= 10 ? NOW + 3_600_000 : NOW,
          queued_at: NOW,
          attempt: at >= 10 ? 1 : 0,
          source_id: at >= 10 ? 4 : null,
        } as never)
        .execute();
    }
    return domains;
  });
}

const addressed = async (store: Store, state: string): Promise<number[]> =>
  (
    await store.read
      .selectFrom('delivery')
      .select('address')
      .where('state', '=', state as never)
      .orderBy('id')
      .execute()
  ).map(({ address }) => Number(/\d+/.exec(address)?.[0]));

const order = (store: Store, asked: NewOrder): Promise<QueueOrder> =>
  store.write(async (tx) => addOrder(tx, asked, await countMeant(tx, asked.kind, asked), NOW));

/** Follows an order up as the server does, some rows at a time; answers how many moved. */
async function follow(store: Store, asked: QueueOrder, slice = 2): Promise<number> {
  let cursor = 0;
  let all = 0;
  for (;;) {
    const found = await nextMeant(store.read, asked, cursor, slice);
    for (let at = 0; at < found.ids.length; at += slice)
      all += await store.write((tx) => moveMeant(tx, asked, found.ids.slice(at, at + slice), NOW));
    if (found.cursor === null) return all;
    cursor = found.cursor;
  }
}

eachEngine((_, open) => {
  test.each([
    ['campaign', 2, 'two', [6, 7, 8, 9, 10, 11]],
    ['destination', 'slow.example', 'slow.example', [0, 2, 4, 6, 8, 10]],
    ['site', null, 'mx.slow', [0, 2, 4, 6, 8, 10]],
    ['provider', null, 'ovh', [0, 2, 4, 6, 8, 10]],
    ['source', 4, 'a', [10, 11]],
    ['pool', null, 'cold', [0, 3, 6, 9]],
  ] as const)('cancel by %s takes back what waits there and nothing else', async (by, id, name, meant) => {
    const store = await open();
    const domains = await twelve(store);
    const target = { by, name, id: typeof id === 'string' ? (domains.get(id) as number) : id };
    const cancel = await order(store, { kind: 'cancel', ...target, reason: 'wrong list' });
    expect(cancel.expected).toBe(meant.length);
    expect(await follow(store, cancel)).toBe(meant.length);
    expect(await addressed(store, 'cancelled')).toEqual(meant);
    const [row] = await store.read
      .selectFrom('delivery')
      .selectAll()
      .where('state', '=', 'cancelled')
      .limit(1)
      .execute();
    expect(row).toMatchObject({ reason: `cancelled by order ${cancel.id}: wrong list`, finished_at: NOW });
    const events = await store.read
      .selectFrom('event')
      .select('kind')
      .where('kind', '=', 'cancelled')
      .execute();
    expect(events).toHaveLength(meant.length);
    expect((await openOrders(store.read))[0]?.moved).toBe(meant.length);
  });

  test('an order means what was queued before it; a hold means also what comes later', async () => {
    const store = await open();
    await twelve(store);
    const cancel = await order(store, { kind: 'cancel', by: 'campaign', id: 1, name: 'one' });
    const hold = await order(store, { kind: 'hold', by: 'campaign', id: 2, name: 'two' });
    await store.write(async (tx) => {
      const [row] = await tx.selectFrom('delivery').selectAll().limit(1).execute();
      for (const origin_id of [1, 2])
        await tx
          .insertInto('delivery')
          .values({
            ...row,
            id: undefined,
            recipient_key: 'late',
            address: 'p99@slow.example',
            origin_id,
          } as never)
          .execute();
    });
    expect(await follow(store, cancel)).toBe(6);
    expect(await follow(store, hold)).toBe(7);
    expect(await addressed(store, 'queued')).toEqual([99]);
  });

  test('what stepped aside for a hold comes back at its release, and what another order holds stays', async () => {
    const store = await open();
    await twelve(store);
    const pool = await order(store, { kind: 'hold', by: 'pool', id: null, name: 'cold' });
    await follow(store, pool);
    const campaign = await order(store, { kind: 'hold', by: 'campaign', id: 1, name: 'one' });
    await follow(store, campaign);
    expect(await addressed(store, 'held')).toEqual([0, 1, 2, 3, 4, 5, 6, 9]);
    expect(await store.write((tx) => releaseOrder(tx, campaign, null, NOW + 1))).toBe(true);
    expect(await store.write((tx) => releaseOrder(tx, campaign, null, NOW + 1))).toBe(false);
    expect(await store.write((tx) => releaseHeldBy(tx, campaign.id, NOW + 1, 3))).toBe(3);
    expect(await store.write((tx) => releaseHeldBy(tx, campaign.id, NOW + 1, 3))).toBe(1);
    expect(await addressed(store, 'held')).toEqual([0, 3, 6, 9]);
    const [back] = await store.read
      .selectFrom('delivery')
      .selectAll()
      .where('address', '=', 'p1@quick.example')
      .execute();
    expect(back).toMatchObject({ state: 'queued', due_at: NOW + 1, reason: '' });
    const [held] = await store.read
      .selectFrom('delivery')
      .select('reason')
      .where('state', '=', 'held')
      .execute();
    expect(held?.reason).toBe(heldBy(pool.id));
  });

  test('a held destination is one row: its deliveries stay where they are', async () => {
    const store = await open();
    const id = (await twelve(store)).get('slow.example') as number;
    const hold = await order(store, { kind: 'hold', by: 'destination', id, name: 'slow.example' });
    const held = async () =>
      (await store.read.selectFrom('domain').select('held').where('id', '=', id).executeTakeFirstOrThrow())
        .held;
    expect(await held()).toBe(1);
    expect((await order(store, { kind: 'hold', by: 'destination', id, name: 'slow.example' })).id).toBe(
      hold.id,
    );
    await store.write((tx) => releaseOrder(tx, hold, null, NOW));
    expect(await held()).toBe(0);
    expect(await openOrders(store.read)).toEqual([]);
    expect((await orderLines(store.read))[0]).toMatchObject({ id: hold.id, made_by_name: null });
  });

  test('a re-route changes the pool of everything unfinished, also of what is on the way', async () => {
    const store = await open();
    const id = (await twelve(store)).get('quick.example') as number;
    await store.write((tx) =>
      claimDue(tx, {
        domainIds: [id],
        lane: 'bulk',
        limit: 1,
        now: NOW,
        owner: 'me',
        leaseMs: 1000,
        nextAt: NOW,
        exceptCampaigns: [],
      }),
    );
    const asked = await order(store, { kind: 'reroute', by: 'campaign', id: 1, name: 'one', toPool: 'warm' });
    expect(await follow(store, asked)).toBe(6);
    expect(await follow(store, asked)).toBe(0);
    const rows = await store.read
      .selectFrom('delivery')
      .select('origin_id')
      .where('pool', '=', 'warm')
      .execute();
    expect(rows.map((row) => row.origin_id)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test('try again now brings forward what was put off, and only that', async () => {
    const store = await open();
    await twelve(store);
    const asked = await order(store, { kind: 'retry', by: 'source', id: 4, name: 'a' });
    expect(await follow(store, asked)).toBe(2);
    const rows = await store.read
      .selectFrom('delivery')
      .select('due_at')
      .where('state', '=', 'deferred')
      .execute();
    expect(rows.map((row) => row.due_at)).toEqual([NOW, NOW]);
  });

  test('what is on the way when its order passes is named, so that it can be looked at again', async () => {
    const store = await open();
    const id = (await twelve(store)).get('slow.example') as number;
    const claim = {
      lane: 'bulk',
      limit: 2,
      now: NOW,
      owner: 'me',
      leaseMs: 1000,
      nextAt: NOW,
      exceptCampaigns: [],
    } as const;
    const rows = await store.write((tx) => claimDue(tx, { ...claim, domainIds: [id] }));
    const taken = rows.map((row) => row.id).toSorted((a, b) => a - b);
    for (const target of [
      { by: 'destination', id, name: 'slow.example' },
      { by: 'site', id: null, name: 'mx.slow' },
    ] as const) {
      const asked = await order(store, { kind: 'cancel', ...target });
      const busy: number[] = [];
      for (let cursor: number | null = 0; cursor !== null;) {
        const found = await nextMeant(store.read, asked, cursor, 100);
        busy.push(...found.busy);
        await store.write((tx) => moveMeant(tx, asked, found.ids, NOW));
        cursor = found.cursor;
      }
      expect(busy.toSorted((a, b) => a - b)).toEqual(taken);
      expect([...(await stillActive(store.read, busy))].toSorted((a, b) => a - b)).toEqual(taken);
    }
    expect(await addressed(store, 'active')).toHaveLength(2);
  });

  test('orders that make no sense are refused in words', async () => {
    const store = await open();
    const asked = (more: Partial<NewOrder>) =>
      order(store, { kind: 'cancel', by: 'pool', id: null, name: 'cold', ...more });
    await expect(asked({ kind: 'drain' })).rejects.toThrow(Problem);
    await expect(asked({ kind: 'reroute' })).rejects.toThrow(/which pool/);
    await expect(asked({ kind: 'reroute', toPool: 'cold' })).rejects.toThrow(/already/);
    const cancel = await asked({});
    await expect(store.write((tx) => releaseOrder(tx, cancel, null, NOW))).rejects.toThrow(/only a hold/);
  });
});
