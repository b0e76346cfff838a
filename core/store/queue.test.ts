/** The queue's promises, on every engine: who may take what, what a result may change, and what a crash leaves behind. */
import { expect, test } from 'vitest';
import {
  claimDue,
  domainIds,
  domainsWithWork,
  enqueueMessage,
  freezeFills,
  giveBack,
  releaseExpired,
  renewLeases,
  settle,
  terminalStates,
  transitions,
  type Delivery,
  type Settlement,
} from './queue.ts';
import { cancelSlice, holdSlice, releaseSlice, retryNow } from './queue-sweep.ts';
import type { Store } from './open.ts';
import type { Db, DeliveryState, Lane } from './tables.ts';
import { eachEngine } from './testing.ts';

const NOW = Date.UTC(2026, 0, 5, 9);
const LEASE_MS = 60_000;
const CAMPAIGN = 7;

interface Queueing {
  lane?: Lane;
  campaign?: number;
  due_at?: number;
}

/** Bulk deliveries as the fan-out makes them. */
async function queueBulk(db: Db, addresses: string[], options: Queueing = {}): Promise<number[]> {
  const ids: number[] = [];
  for (const address of addresses) {
    const name = address.slice(address.indexOf('@') + 1);
    const domain = (await domainIds(db, [name])).get(name) as number;
    const row = await db
      .insertInto('delivery')
      .values({
        lane: options.lane ?? 'bulk',
        origin_kind: 'campaign',
        origin_id: options.campaign ?? CAMPAIGN,
        recipient_key: address,
        contact_id: null,
        address,
        domain_id: domain,
        sending_domain_id: 1,
        pool: 'marketing',
        state: 'queued',
        due_at: options.due_at ?? NOW,
        queued_at: NOW,
        attempt: 0,
      } as never)
      .returning('id')
      .executeTakeFirstOrThrow();
    ids.push(row.id);
  }
  return ids;
}

const allDomains = async (store: Store): Promise<number[]> =>
  (await store.read.selectFrom('domain').select('id').execute()).map((row) => row.id);

async function claim(
  store: Store,
  owner: string,
  now = NOW,
  more: Partial<Parameters<typeof claimDue>[1]> = {},
) {
  const ids = await allDomains(store);
  return store.write((tx) =>
    claimDue(tx, {
      domainIds: ids,
      lane: 'bulk',
      limit: 100,
      now,
      owner,
      leaseMs: LEASE_MS,
      nextAt: now + LEASE_MS,
      exceptCampaigns: [],
      ...more,
    }),
  );
}

function result(
  row: Delivery,
  owner: string,
  state: Settlement['state'],
  more: Partial<Settlement> = {},
): Settlement {
  return {
    id: row.id,
    attempt: row.attempt,
    owner,
    state,
    due_at: NOW + 600_000,
    source_id: 1,
    message_id: 'm.x@example.org',
    code: state === 'delivered' ? 250 : 550,
    enhanced: state === 'delivered' ? '2.0.0' : '5.1.1',
    reply: state === 'delivered' ? '250 2.0.0 ok' : '550 5.1.1 no such user',
    mx: 'mx.example.net',
    ip: '127.0.0.1',
    tls: '',
    class: state === 'delivered' ? null : 'invalid-recipient',
    reason: '',
    outcome: state === 'delivered' ? 'delivered' : state === 'deferred' ? 'deferred' : 'bounced',
    began_at: NOW,
    ms: 12,
    ...more,
  };
}

const stateOf = async (store: Store, id: number): Promise<DeliveryState> =>
  (await store.read.selectFrom('delivery').select('state').where('id', '=', id).executeTakeFirstOrThrow())
    .state;

const eventsOf = async (store: Store, id: number): Promise<string[]> =>
  (
    await store.read.selectFrom('event').select('kind').where('delivery_id', '=', id).orderBy('id').execute()
  ).map((row) => row.kind);

test('terminal states lead nowhere, and every other state leads to all of them that it may', () => {
  expect(terminalStates.toSorted()).toEqual(['bounced', 'cancelled', 'delivered', 'expired', 'suppressed']);
  for (const state of ['queued', 'deferred', 'held', 'active'] as const) {
    expect(transitions[state], state).toEqual(expect.arrayContaining(['cancelled', 'suppressed']));
  }
});

eachEngine((name, open) => {
  test('a claim takes what is due, oldest first, up to its limit, and no one else gets it', async () => {
    const store = await open();
    const late = await store.write((tx) => queueBulk(tx, ['late@a.example'], { due_at: NOW + 1 }));
    const newer = await store.write((tx) =>
      queueBulk(tx, ['b@a.example', 'c@b.example'], { due_at: NOW - 10 }),
    );
    const oldest = await store.write((tx) => queueBulk(tx, ['d@b.example'], { due_at: NOW - 20 }));
    const first = await claim(store, 'one', NOW, { limit: 2 });
    expect(first).toHaveLength(2);
    expect(first.map((row) => row.id)).toContain(oldest[0]);
    expect(
      first.every((row) => row.state === 'active' && row.attempt === 1 && row.lease_owner === 'one'),
    ).toBe(true);
    const second = await claim(store, 'two');
    expect(second).toHaveLength(1);
    expect([...first, ...second].map((row) => row.id).toSorted((a, b) => a - b)).toEqual(
      [...newer, ...oldest].toSorted((a, b) => a - b),
    );
    expect(await claim(store, 'three')).toEqual([]);
    expect(await stateOf(store, late[0] as number)).toBe('queued');
  });

  test('a claim keeps to its lane, its domains and its pool, and passes over stopped campaigns', async () => {
    const store = await open();
    await store.write(async (tx) => {
      await queueBulk(tx, ['a@a.example'], { lane: 'transactional' });
      await queueBulk(tx, ['b@a.example'], { campaign: 8 });
      await queueBulk(tx, ['c@a.example', 'd@other.example']);
    });
    const [first] = await allDomains(store);
    const got = await claim(store, 'one', NOW, { domainIds: [first as number], exceptCampaigns: [8] });
    expect(got.map((row) => row.address)).toEqual(['c@a.example']);
    expect(await claim(store, 'one', NOW, { pool: 'elsewhere' })).toEqual([]);
  });

  test('the next time is committed with the claim, before anybody dials', async () => {
    const store = await open();
    const [id] = await store.write((tx) => queueBulk(tx, ['a@a.example']));
    await claim(store, 'one', NOW, { nextAt: NOW + 900_000 });
    const row = await store.read
      .selectFrom('delivery')
      .selectAll()
      .where('id', '=', id as number)
      .executeTakeFirstOrThrow();
    expect(row).toMatchObject({
      attempt: 1,
      due_at: NOW + 900_000,
      last_attempt_at: NOW,
      lease_until: NOW + LEASE_MS,
    });
  });

  test('a fill is frozen once: a later one does not replace it', async () => {
    const store = await open();
    const [id = 0] = await store.write((tx) => queueBulk(tx, ['a@a.example']));
    await store.write((tx) => freezeFills(tx, [{ id, fill: '{"seed":"first"}' }]));
    await store.write((tx) => freezeFills(tx, [{ id, fill: '{"seed":"second"}' }]));
    const row = await store.read
      .selectFrom('delivery')
      .select('fill')
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    expect(JSON.parse(row.fill as string)).toEqual({ seed: 'first' });
  });

  test.each([
    ['delivered', ['delivered']],
    ['bounced', ['bounced']],
    ['expired', ['expired']],
    ['cancelled', ['cancelled']],
    ['deferred', ['deferred']],
  ] as const)('a result of %s is a state, an attempt and an event', async (state, kinds) => {
    const store = await open();
    const [id = 0] = await store.write((tx) => queueBulk(tx, ['a@a.example']));
    const [row] = await claim(store, 'one');
    const written = await store.write((tx) => settle(tx, [result(row as Delivery, 'one', state)], NOW + 5));
    expect(written.map((one) => one.id)).toEqual([id]);
    const after = await store.read
      .selectFrom('delivery')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    expect(after).toMatchObject({ state, lease_owner: null, lease_until: null, last_mx: 'mx.example.net' });
    expect(after.finished_at).toBe(state === 'deferred' ? null : NOW + 5);
    expect(await eventsOf(store, id)).toEqual(kinds);
    const attempts = await store.read
      .selectFrom('attempt')
      .selectAll()
      .where('delivery_id', '=', id)
      .execute();
    expect(attempts).toHaveLength(1);
    expect(attempts[0]).toMatchObject({ number: 1, mx: 'mx.example.net', ip: '127.0.0.1', ms: 12 });
  });

  test('a batch of results is settled together, and each only once', async () => {
    const store = await open();
    const addresses = Array.from({ length: 50 }, (_, at) => `p${at}@a.example`);
    const ids = await store.write((tx) => queueBulk(tx, addresses));
    const rows = await claim(store, 'one');
    const results = rows.map((row, at) => result(row, 'one', at % 5 === 0 ? 'bounced' : 'delivered'));
    expect(await store.write((tx) => settle(tx, results, NOW))).toHaveLength(50);
    expect(await store.write((tx) => settle(tx, results, NOW))).toEqual([]);
    const counts = await store.read
      .selectFrom('event')
      .select(['kind', ({ fn }) => fn.countAll<number>().as('n')])
      .where('delivery_id', 'in', ids)
      .groupBy('kind')
      .orderBy('kind')
      .execute();
    expect(counts.map(({ kind, n }) => [kind, Number(n)])).toEqual([
      ['bounced', 10],
      ['delivered', 40],
    ]);
  });

  test('a node whose lease ended cannot overwrite its successor', async () => {
    const store = await open();
    const [id = 0] = await store.write((tx) => queueBulk(tx, ['a@a.example']));
    const [slow] = await claim(store, 'slow');
    const later = NOW + LEASE_MS;
    expect(await store.write((tx) => releaseExpired(tx, later))).toBe(1);
    const [next] = await claim(store, 'next', later);
    expect(next?.attempt).toBe(2);
    expect(
      await store.write((tx) => settle(tx, [result(slow as Delivery, 'slow', 'bounced')], later)),
    ).toEqual([]);
    expect(await stateOf(store, id)).toBe('active');
    await store.write((tx) => settle(tx, [result(next as Delivery, 'next', 'delivered')], later));
    expect(await stateOf(store, id)).toBe('delivered');
    expect(await eventsOf(store, id)).toEqual(['delivered']);
  });

  test('a lease holds until its time, and a renewed one longer', async () => {
    const store = await open();
    const [id = 0] = await store.write((tx) => queueBulk(tx, ['a@a.example']));
    await claim(store, 'one');
    expect(await store.write((tx) => releaseExpired(tx, NOW + LEASE_MS - 1))).toBe(0);
    await store.write((tx) => renewLeases(tx, 'one', NOW + 3 * LEASE_MS));
    expect(await store.write((tx) => releaseExpired(tx, NOW + 2 * LEASE_MS))).toBe(0);
    // A node that slept past its lease does not get it back by waking up.
    await store.write((tx) => renewLeases(tx, 'one', NOW + 9 * LEASE_MS, NOW + 3 * LEASE_MS));
    expect(await store.write((tx) => releaseExpired(tx, NOW + 3 * LEASE_MS))).toBe(1);
    expect(await stateOf(store, id)).toBe('deferred');
  });

  test('after a crash what a dead process held is due at once, with its fill', async () => {
    const store = await open();
    const [id = 0] = await store.write((tx) => queueBulk(tx, ['a@a.example']));
    await claim(store, 'dead');
    await store.write((tx) => freezeFills(tx, [{ id, fill: '{"seed":"s"}' }]));
    expect(await store.write((tx) => releaseExpired(tx, NOW + 1, 'alive'))).toBe(1);
    const [again] = await claim(store, 'alive', NOW + 1);
    expect(again).toMatchObject({ id, attempt: 2 });
    expect(JSON.parse(again?.fill as string)).toEqual({ seed: 's' });
    expect(await store.write((tx) => releaseExpired(tx, NOW + 1, 'alive'))).toBe(0);
  });

  test('what was claimed and never dialled for goes back without an attempt', async () => {
    const store = await open();
    const [id = 0] = await store.write((tx) => queueBulk(tx, ['a@a.example']));
    await claim(store, 'one');
    await store.write((tx) => giveBack(tx, 'other', [id], NOW + 5));
    expect(await stateOf(store, id)).toBe('active');
    await store.write((tx) => giveBack(tx, 'one', [id], NOW + 5));
    const row = await store.read
      .selectFrom('delivery')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    expect(row).toMatchObject({ state: 'queued', attempt: 0, due_at: NOW + 5, lease_owner: null });
  });

  test('cancel, hold and release move what waits, and never what is on the wire or done', async () => {
    const store = await open();
    const [wire = 0, done = 0] = await store.write((tx) =>
      queueBulk(tx, ['wire@a.example', 'done@a.example']),
    );
    const claimed = await claim(store, 'one');
    const row = claimed.find((one) => one.id === done) as Delivery;
    await store.write((tx) => settle(tx, [result(row, 'one', 'delivered')], NOW));
    const [waits = 0] = await store.write((tx) => queueBulk(tx, ['waits@a.example']));
    const campaign = { campaign: CAMPAIGN };
    expect(await store.write((tx) => holdSlice(tx, campaign, 'a person', NOW))).toBe(1);
    expect(await stateOf(store, waits)).toBe('held');
    expect(await claim(store, 'two')).toEqual([]);
    expect(await store.write((tx) => releaseSlice(tx, campaign, NOW + 9))).toBe(1);
    expect(await stateOf(store, waits)).toBe('queued');
    expect(await store.write((tx) => cancelSlice(tx, campaign, 'a person', NOW))).toBe(1);
    expect(await store.write((tx) => cancelSlice(tx, campaign, 'a person', NOW))).toBe(0);
    expect(await Promise.all([wire, done, waits].map((id) => stateOf(store, id)))).toEqual([
      'active',
      'delivered',
      'cancelled',
    ]);
    expect(await eventsOf(store, waits)).toEqual(['cancelled']);
  });

  test('retry now makes a deferred delivery due, and leaves the others', async () => {
    const store = await open();
    const [id = 0] = await store.write((tx) => queueBulk(tx, ['a@a.example'], { due_at: NOW + 600_000 }));
    const [other = 0] = await store.write((tx) => queueBulk(tx, ['b@b.example'], { due_at: NOW + 600_000 }));
    expect(await store.write((tx) => retryNow(tx, { delivery: id }, NOW))).toBe(1);
    expect((await claim(store, 'one')).map((row) => row.id)).toEqual([id]);
    expect(await stateOf(store, other)).toBe('queued');
  });

  test('only destinations with something due are named, and a held one is not', async () => {
    const store = await open();
    await store.write(async (tx) => {
      await queueBulk(tx, ['a@due.example', 'b@held.example']);
      await queueBulk(tx, ['c@later.example'], { due_at: NOW + 1 });
      await domainIds(tx, ['nothing.example']);
      await tx.updateTable('domain').set({ held: 1 }).where('name', '=', 'held.example').execute();
    });
    const names = async (now: number) =>
      (await domainsWithWork(store.read, 'bulk', now)).map((row) => row.name).toSorted();
    expect(await names(NOW)).toEqual(['due.example']);
    expect(await names(NOW + 1)).toEqual(['due.example', 'later.example']);
    expect(await domainsWithWork(store.read, 'transactional', NOW)).toEqual([]);
  });

  test("a person's message is one delivery for each recipient, ahead of bulk, once", async () => {
    const store = await open();
    const queue = () =>
      store.write((tx) =>
        enqueueMessage(
          tx,
          { messageId: 3, recipients: ['a@a.example', 'b@b.example'], sendingDomainId: 1 },
          NOW,
        ),
      );
    const ids = await queue();
    expect(ids).toHaveLength(2);
    await expect(queue()).rejects.toThrow();
    const rows = await claim(store, 'one', NOW, { lane: 'transactional' });
    expect(rows.map((row) => row.id).toSorted((a, b) => a - b)).toEqual(ids);
    expect(rows.every((row) => row.origin_kind === 'message' && row.fill === null)).toBe(true);
    expect(await eventsOf(store, ids[0] as number)).toEqual(['queued']);
  });

  test.runIf(name === 'postgres')('two nodes that claim at once never take the same delivery', async () => {
    const store = await open();
    const addresses = Array.from({ length: 120 }, (_, at) => `p${at}@${at % 3}.example`);
    await store.write((tx) => queueBulk(tx, addresses));
    const taken: number[] = [];
    for (let round = 0; taken.length < 120 && round < 100; round++) {
      const both = await Promise.all([
        claim(store, 'one', NOW, { limit: 7 }),
        claim(store, 'two', NOW, { limit: 7 }),
      ]);
      taken.push(...both.flat().map((row) => row.id));
    }
    expect(taken).toHaveLength(120);
    expect(new Set(taken).size).toBe(120);
  });
});
