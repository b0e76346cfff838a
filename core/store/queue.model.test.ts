/**
 * The queue against a small reference, in random orders of what can happen to it: queueing, claims by two nodes, results,
 * crashes, leases that end, people who cancel, hold, re-route and release, age, clocks that jump. Whatever the order, all end in
 * exactly one terminal state, nothing is lost, and no two nodes hold the same delivery.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  claimDue,
  domainIds,
  giveBack,
  releaseExpired,
  settle,
  terminalStates,
  type Settlement,
} from './queue.ts';
import { cancelSlice, holdSlice, releaseSlice } from './queue-sweep.ts';
import type { Store } from './open.ts';
import { expire, overdue } from './queue-expiry.ts';
import { keepBack, moveMeant, nextMeant, releaseHeldBy } from './queue-order-slice.ts';
import { addOrder, endOrder, releaseOrder, type QueueOrder } from './queue-order.ts';
import type { DeliveryState } from './tables.ts';
import { eachEngine } from './testing.ts';

const LEASE_MS = 60_000;
const CAMPAIGN = 1;
const DOMAINS = ['a.example', 'b.example', 'c.example'];
const NODES = ['north', 'south'] as const;
const MAX_AGE_MS = 4 * 86_400_000;
const WAITING: readonly DeliveryState[] = ['queued', 'deferred'];

type NodeName = (typeof NODES)[number];
type Result = Settlement['state'];

type Step =
  | { kind: 'enqueue'; domain: number; count: number; inMs: number }
  | { kind: 'claim'; node: NodeName; limit: number }
  | { kind: 'settle'; node: NodeName; pick: number; result: Result }
  | { kind: 'settle-late'; pick: number; result: Result }
  | { kind: 'give-back'; node: NodeName; pick: number }
  | { kind: 'crash'; node: NodeName }
  | { kind: 'release-expired' }
  | { kind: 'clock'; ms: number }
  | { kind: 'cancel' | 'hold' | 'release' }
  | { kind: 'order'; what: 'cancel' | 'hold' | 'reroute' | 'retry' }
  | { kind: 'release-order' }
  | { kind: 'keep-back'; node: NodeName; pick: number }
  | { kind: 'expire'; evenHeld: boolean };

const node = fc.constantFrom(...NODES);
const result = fc.constantFrom<Result>(
  'delivered',
  'deferred',
  'bounced',
  'expired',
  'suppressed',
  'cancelled',
);
const pick = fc.nat(50);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('enqueue' as const),
      domain: fc.nat(2),
      count: fc.integer({ min: 1, max: 4 }),
      inMs: fc.constantFrom(0, 0, 1000, 3_600_000),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('claim' as const),
      node,
      limit: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('settle' as const), node, pick, result }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('settle-late' as const), pick, result }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('give-back' as const), node, pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const), node }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release-expired' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('clock' as const),
      ms: fc.constantFrom(1000, LEASE_MS, 3_600_000, -3_600_000, 30 * 86_400_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('cancel' as const, 'hold' as const, 'release' as const) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('order' as const),
      what: fc.constantFrom(
        'cancel' as const,
        'hold' as const,
        'hold' as const,
        'reroute' as const,
        'retry' as const,
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release-order' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('keep-back' as const), node, pick }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('expire' as const), evenHeld: fc.boolean() }) },
);

/** One delivery as the reference knows it. */
interface Known {
  state: DeliveryState;
  due: number;
  attempt: number;
  owner: string | null;
  leaseUntil: number;
  terminalAt: number;
  pool: string;
  /** The order that it stepped aside for. */
  heldBy: number | null;
}
/** What a node believes that it holds. */
interface Held {
  id: number;
  attempt: number;
  owner: string;
}

class World {
  now = Date.UTC(2026, 0, 5, 9);
  readonly known = new Map<number, Known>();
  readonly held: Record<NodeName, Held[]> = { north: [], south: [] };
  /** What crashed nodes still believe: a process that was only slow may speak up late. */
  readonly ghosts: Held[] = [];
  readonly #life: Record<NodeName, number> = { north: 0, south: 0 };
  readonly #store: Store;
  #serial = 0;
  /** The hold in force. */
  #hold: QueueOrder | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  #name(which: NodeName): string {
    return `${which}/${this.#life[which]}`;
  }

  async take(step: Step): Promise<void> {
    const store = this.#store;
    switch (step.kind) {
      case 'enqueue':
        return this.#enqueue(step);
      case 'claim':
        return this.#claim(step.node, step.limit);
      case 'settle': {
        const [one] = this.held[step.node].splice(step.pick % (this.held[step.node].length || 1), 1);
        return one && this.#settle(one, step.result);
      }
      case 'settle-late': {
        const one = this.ghosts[step.pick % (this.ghosts.length || 1)];
        return one && this.#settle(one, step.result);
      }
      case 'give-back': {
        const [one] = this.held[step.node].splice(step.pick % (this.held[step.node].length || 1), 1);
        if (one === undefined) return;
        await store.write((tx) => giveBack(tx, one.owner, [one.id], this.now));
        const known = this.known.get(one.id) as Known;
        if (known.state !== 'active' || known.owner !== one.owner) return;
        known.attempt -= 1;
        Object.assign(known, {
          state: known.attempt === 0 ? 'queued' : 'deferred',
          owner: null,
          due: this.now,
        });
        return;
      }
      case 'crash':
        this.ghosts.push(...this.held[step.node].splice(0));
        this.#life[step.node] += 1;
        return;
      case 'release-expired': {
        await store.write((tx) => releaseExpired(tx, this.now));
        for (const known of this.known.values()) {
          if (known.state === 'active' && known.leaseUntil <= this.now) {
            Object.assign(known, { state: 'deferred', owner: null, due: this.now });
          }
        }
        return;
      }
      case 'clock':
        this.now += step.ms;
        return;
      case 'cancel':
        await store.write((tx) => cancelSlice(tx, { campaign: CAMPAIGN }, 'a person', this.now));
        return this.#move([...WAITING, 'held'], 'cancelled');
      case 'hold':
        await store.write((tx) => holdSlice(tx, { campaign: CAMPAIGN }, 'a person', this.now));
        return this.#move(WAITING, 'held');
      case 'release':
        await store.write((tx) => releaseSlice(tx, { campaign: CAMPAIGN }, this.now));
        for (const known of this.known.values())
          if (known.state === 'held') Object.assign(known, { due: this.now, heldBy: null });
        return this.#move(['held'], 'queued');
      case 'order':
        return this.#order(step.what);
      case 'release-order':
        return this.#releaseOrder();
      case 'keep-back': {
        // The order comes just after the claim: what was claimed is not dialled.
        if (this.held[step.node].length === 0) await this.#claim(step.node, 2);
        if (this.#hold === undefined) await this.#order('hold');
        const hold = this.#hold as QueueOrder | undefined;
        if (hold === undefined) return;
        const [one] = this.held[step.node].splice(step.pick % (this.held[step.node].length || 1), 1);
        if (one === undefined) return;
        await store.write((tx) => keepBack(tx, one.owner, [one.id], hold.id));
        const known = this.known.get(one.id) as Known;
        if (known.state !== 'active' || known.owner !== one.owner) return;
        known.attempt -= 1;
        Object.assign(known, { state: 'held', owner: null, heldBy: hold.id });
        return;
      }
      case 'expire': {
        if (!step.evenHeld) await this.#releaseOrder();
        this.now += 2 * MAX_AGE_MS;
        const before = this.now - MAX_AGE_MS;
        const ids = await overdue(store.read, before, 1000);
        await store.write((tx) => expire(tx, ids, before, this.now));
        // What a person keeps back does not expire.
        if (this.#hold !== undefined) return expect(ids).toEqual([]);
        for (const known of this.known.values())
          if (WAITING.includes(known.state) && known.due <= before) known.state = 'expired';
        return;
      }
      default:
        return step satisfies never;
    }
  }

  /** An order, swept to its end; the model knows it in one line. */
  async #order(what: 'cancel' | 'hold' | 'reroute' | 'retry'): Promise<void> {
    const store = this.#store;
    const target = { by: 'campaign', id: CAMPAIGN, name: 'Spring' } as const;
    const toPool = what === 'reroute' ? 'reserve' : undefined;
    const order = await store.write((tx) =>
      addOrder(tx, { kind: what, ...target, ...(toPool !== undefined && { toPool }) }, 0, this.now),
    );
    for (let cursor: number | null = 0; cursor !== null;) {
      const found = await nextMeant(store.read, order, cursor, 3);
      await store.write((tx) => moveMeant(tx, order, found.ids, this.now));
      cursor = found.cursor;
    }
    if (what === 'hold') this.#hold = order;
    else await store.write((tx) => endOrder(tx, order.id, this.now));
    for (const known of this.known.values()) {
      const waits = WAITING.includes(known.state);
      if (what === 'hold' && waits) Object.assign(known, { state: 'held', heldBy: order.id });
      if (what === 'cancel' && (waits || known.state === 'held')) known.state = 'cancelled';
      if (what === 'reroute' && !terminalStates.includes(known.state)) known.pool = 'reserve';
      if (what === 'retry' && waits && known.due > this.now) known.due = this.now;
    }
  }

  async #releaseOrder(): Promise<void> {
    const hold = this.#hold;
    if (hold === undefined) return;
    this.#hold = undefined;
    await this.#store.write(async (tx) => {
      await releaseOrder(tx, hold, null, this.now);
      await releaseHeldBy(tx, hold.id, this.now, 1000);
      await endOrder(tx, hold.id, this.now);
    });
    for (const known of this.known.values())
      if (known.state === 'held' && known.heldBy === hold.id)
        Object.assign(known, { state: 'queued', due: this.now, heldBy: null });
  }

  #move(from: readonly DeliveryState[], to: DeliveryState): void {
    for (const known of this.known.values()) if (from.includes(known.state)) known.state = to;
  }

  async #enqueue({ domain, count, inMs }: Extract<Step, { kind: 'enqueue' }>): Promise<void> {
    const name = DOMAINS[domain] as string;
    const ids = await this.#store.write(async (tx) => {
      const domainId = (await domainIds(tx, [name])).get(name) as number;
      const rows = Array.from({ length: count }, () => {
        const address = `p${this.#serial++}@${name}`;
        return {
          lane: 'bulk',
          origin_kind: 'campaign',
          origin_id: CAMPAIGN,
          recipient_key: address,
          address,
          domain_id: domainId,
          sending_domain_id: 1,
          pool: 'marketing',
          state: 'queued',
          due_at: this.now + inMs,
          queued_at: this.now,
        } as never;
      });
      return tx.insertInto('delivery').values(rows).returning('id').execute();
    });
    for (const { id } of ids) {
      this.known.set(id, {
        state: 'queued',
        due: this.now + inMs,
        attempt: 0,
        owner: null,
        leaseUntil: 0,
        terminalAt: 0,
        pool: 'marketing',
        heldBy: null,
      });
    }
  }

  async #claim(which: NodeName, limit: number): Promise<void> {
    const owner = this.#name(which);
    const eligible = [...this.known].filter(([, one]) => WAITING.includes(one.state) && one.due <= this.now);
    const domains = await this.#store.read.selectFrom('domain').select('id').execute();
    const rows = await this.#store.write((tx) =>
      claimDue(tx, {
        domainIds: domains.map((row) => row.id),
        lane: 'bulk',
        limit,
        now: this.now,
        owner,
        leaseMs: LEASE_MS,
        nextAt: this.now + LEASE_MS,
        exceptCampaigns: [],
      }),
    );
    expect(rows).toHaveLength(Math.min(limit, eligible.length));
    const before = new Map(eligible.map(([id, one]) => [id, one.due]));
    const newest = Math.max(...rows.map((row) => before.get(row.id) ?? Infinity));
    for (const [id, due] of before)
      if (!rows.some((row) => row.id === id)) expect(due).toBeGreaterThanOrEqual(newest);
    for (const row of rows) {
      const known = this.known.get(row.id) as Known;
      Object.assign(known, {
        state: 'active',
        owner,
        leaseUntil: this.now + LEASE_MS,
        attempt: known.attempt + 1,
        due: this.now + LEASE_MS,
      });
      expect(row.attempt).toBe(known.attempt);
      this.held[which].push({ id: row.id, attempt: row.attempt, owner });
    }
  }

  async #settle({ id, attempt, owner }: Held, state: Result): Promise<void> {
    const known = this.known.get(id) as Known;
    const due = this.now + 600_000;
    const written = await this.#store.write((tx) =>
      settle(
        tx,
        [
          {
            id,
            attempt,
            owner,
            state,
            due_at: due,
            source_id: null,
            message_id: null,
            code: null,
            enhanced: null,
            reply: '',
            mx: '',
            ip: '',
            tls: '',
            class: null,
            reason: '',
            outcome: 'deferred',
            began_at: this.now,
            ms: 0,
          },
        ],
        this.now,
      ),
    );
    const counts = known.state === 'active' && known.owner === owner && known.attempt === attempt;
    expect(written, `a result of ${owner} for attempt ${attempt} of ${JSON.stringify(known)}`).toHaveLength(
      counts ? 1 : 0,
    );
    if (counts) Object.assign(known, { state, owner: null, due });
  }

  /** The rows are what the reference says, and a state that was terminal stayed. */
  async check(): Promise<void> {
    const rows = await this.#store.read
      .selectFrom('delivery')
      .select(['id', 'state', 'attempt', 'lease_owner', 'pool'])
      .orderBy('id')
      .execute();
    expect(rows).toEqual(
      [...this.known].map(([id, one]) => ({
        id,
        state: one.state,
        attempt: one.attempt,
        lease_owner: one.owner,
        pool: one.pool,
      })),
    );
  }

  /** Time passes and a healthy node works until nothing is left to do. */
  async finish(): Promise<void> {
    await this.take({ kind: 'crash', node: 'north' });
    await this.take({ kind: 'crash', node: 'south' });
    await this.take({ kind: 'release-order' });
    await this.take({ kind: 'release' });
    // A clock that jumped back makes things wait as long as it jumped, and no longer.
    for (
      let round = 0;
      round < 200 && [...this.known.values()].some((one) => !terminalStates.includes(one.state));
      round++
    ) {
      this.now += 86_400_000;
      await this.take({ kind: 'release-expired' });
      await this.#claim('north', 100);
      for (const one of this.held.north.splice(0)) await this.#settle(one, 'delivered');
    }
  }
}

eachEngine((name, open) => {
  test(
    'whatever happens in whatever order, each recipient ends in one state, once',
    { timeout: 120_000 },
    async () => {
      const store = await open();
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
          await store.write(async (tx) => {
            for (const table of ['delivery', 'event', 'attempt', 'queue_order'] as const)
              await tx.deleteFrom(table).execute();
          });
          const world = new World(store);
          for (const one of steps) {
            await world.take(one);
            await world.check();
          }
          await world.finish();
          await world.check();
          const endings = await store.read
            .selectFrom('event')
            .select(['delivery_id', ({ fn }) => fn.countAll<number>().as('n')])
            .where('kind', 'not in', ['deferred', 'queued'])
            .groupBy('delivery_id')
            .execute();
          expect(new Set(endings.map((row) => row.delivery_id))).toEqual(new Set(world.known.keys()));
          expect(endings.every((row) => Number(row.n) === 1)).toBe(true);
          expect([...world.known.values()].every((one) => terminalStates.includes(one.state))).toBe(true);
        }),
        { seed: 20260105, numRuns: name === 'postgres' ? 25 : 100 },
      );
    },
  );
});
