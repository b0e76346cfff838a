/**
 * Follows up what people ordered over the queue, a slice at a time: the order holds from its commit on (stops.ts), and here
 * its deliveries come after, however many they are. Goes by the rows alone, so that a crash anywhere resumes here.
 */
import type { Runtime } from '../core/runtime.ts';
import { endOrder, openOrders, settleOrder, stepsAside, type QueueOrder } from '../core/store/queue-order.ts';
import {
  moveMeant,
  nextMeant,
  othersDone,
  releaseHeldBy,
  stillActive,
} from '../core/store/queue-order-slice.ts';
import type { Db } from '../core/store/open.ts';
import { retire } from '../core/store/retired.ts';
import { Pace } from '../core/pace.ts';

/** How often to look without being woken, in real milliseconds; and how soon a hold looks whether more came. */
const POLL_MS = 400;
const AGAIN_MS = 2000;
/** By then every node knows of an order, by this clock. */
const MIRRORED_MS = 2000;
/** And how soon it walks the whole table again, for what came back to waiting meanwhile; claims refuse it anyway. */
const WALK_AGAIN_MS = 60_000;

/** Where the follow-up of one order stands. In memory: after a crash it begins anew, and what is done is passed over. */
interface Progress {
  cursor: number;
  /** Found on the way; looked at again when their attempt is over. */
  busy: Set<number>;
  /** Found waiting, to be moved slice by slice. */
  ids: number[];
  walked: boolean;
  restUntil: number;
  /** When to walk from the beginning again. */
  afreshAt: number;
}

export interface SweepNeeds {
  /** Whether nothing of a source is on the wire or in memory at this node. */
  isQuiet(sourceId: number): boolean;
}

export class Sweeper {
  readonly #runtime: Runtime;
  readonly #needs: SweepNeeds;
  readonly #progress = new Map<number, Progress>();
  readonly #paces = new Map<string, Pace>();
  readonly #failing = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #off: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopping = false;

  constructor(runtime: Runtime, needs: SweepNeeds) {
    this.#runtime = runtime;
    this.#needs = needs;
  }

  start(): void {
    this.#off = this.#runtime.wake.on('order', () => this.#look());
    this.#timer = setInterval(() => this.#look(), POLL_MS);
    this.#look();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#off?.();
    clearInterval(this.#timer);
    await this.#running;
  }

  #look(): void {
    if (this.#stopping) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#running = this.#followAll()
      .catch((error: unknown) => this.#runtime.log.error('orders could not be looked at', { error }))
      .finally(() => {
        this.#running = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.#look();
      });
  }

  /** Round after round, one slice of each order in each, so that none waits for another's million. */
  async #followAll(): Promise<void> {
    for (let moved = true; moved && !this.#stopping;) {
      const orders = await openOrders(this.#runtime.store.read);
      moved = false;
      for (const order of orders) moved = (await this.#follow(order)) || moved;
      const open = new Set(orders.map((order) => order.id));
      for (const id of this.#progress.keys()) if (!open.has(id)) this.#progress.delete(id);
    }
  }

  /** Whether there is more to do for it at once. */
  async #follow(order: QueueOrder): Promise<boolean> {
    if (this.#stopping) return false;
    try {
      const more = await this.#step(order);
      this.#failing.delete(order.id);
      return more;
    } catch (error) {
      if (!this.#failing.has(order.id))
        this.#runtime.log.error('an order could not be followed up', { order: order.id, error });
      this.#failing.add(order.id);
      return false;
    }
  }

  async #step(order: QueueOrder): Promise<boolean> {
    if (order.released_at !== null) return this.#release(order);
    if (order.kind === 'drain') return this.#drain(order);
    if (order.kind === 'hold' && !stepsAside(order)) return false;
    const progress = this.#progressOf(order.id);
    if (progress.restUntil > Date.now()) return false;
    if (progress.ids.length === 0 && !(await this.#find(order, progress))) return false;
    const { rows } = this.#pace(order.kind);
    const ids = progress.ids.splice(0, rows);
    await this.#slice(order.kind, async (tx, now) => {
      const moved = await moveMeant(tx, order, ids, now);
      if (order.kind === 'purge') await retire(tx, ids);
      return moved;
    });
    return true;
  }

  /** Fills `ids` with what is next. False: there is nothing to do now. */
  async #find(order: QueueOrder, progress: Progress): Promise<boolean> {
    const { store, log, clock } = this.#runtime;
    if (!progress.walked) {
      const found = await nextMeant(store.read, order, progress.cursor, this.#pace(order.kind).rows);
      for (const id of found.busy) progress.busy.add(id);
      progress.ids = found.ids;
      if (found.cursor !== null) {
        progress.cursor = found.cursor;
        return true;
      }
      progress.walked = true;
      if (progress.ids.length > 0) return true;
    }
    // What was on the way when it was passed has ended, or came back and is meant like the rest.
    const active = await stillActive(store.read, [...progress.busy]);
    progress.ids = [...progress.busy].filter((id) => !active.has(id));
    for (const id of progress.ids) progress.busy.delete(id);
    if (progress.ids.length > 0) return true;
    if (progress.busy.size > 0) return false;
    if (order.kind === 'hold') {
      await this.#settled(order);
      rest(progress);
      return false;
    }
    await store.write((tx) => endOrder(tx, order.id, clock.now()));
    log.info('order over the queue done', { order: order.id, kind: order.kind, target: order.target });
    this.#runtime.wake.ring('order');
    return false;
  }

  async #settled(order: QueueOrder): Promise<void> {
    if (order.settled_at !== null) return;
    const { store, clock, wake } = this.#runtime;
    await store.write((tx) => settleOrder(tx, order.id, clock.now()));
    wake.ring('order');
  }

  /** What stepped aside for a hold that is over comes back. */
  async #release(order: QueueOrder): Promise<boolean> {
    const { store, clock, wake } = this.#runtime;
    const { rows } = this.#pace('release');
    const back = await this.#slice('release', (tx, now) => releaseHeldBy(tx, order.id, now, rows));
    wake.ring('queue');
    if (back > 0) return true;
    await store.write((tx) => endOrder(tx, order.id, clock.now()));
    wake.ring('order');
    return false;
  }

  /** A source that takes no new work is drained when nothing of it is on the wire, here or at another node. */
  async #drain(order: QueueOrder): Promise<boolean> {
    const { store, node, log } = this.#runtime;
    if (order.settled_at !== null || !this.#needs.isQuiet(order.target_id ?? 0)) return false;
    if (!(await othersDone(store.read, node, order.made_at + MIRRORED_MS))) return false;
    await this.#settled(order);
    log.info('source drained', { source: order.target });
    return false;
  }

  /** One short transaction, timed. What it took decides how long the next one is. */
  async #slice(name: string, work: (tx: Db, now: number) => Promise<number>): Promise<number> {
    const { store, clock, metrics } = this.#runtime;
    const pace = this.#pace(name);
    let ms = 0;
    const moved = await store.write(async (tx) => {
      const began = performance.now();
      const count = await work(tx, clock.now());
      ms = performance.now() - began;
      return count;
    });
    pace.took(moved, ms);
    metrics.observe('sweep', ms, { kind: name });
    return moved;
  }

  #pace(name: string): Pace {
    const known = this.#paces.get(name);
    if (known !== undefined) return known;
    const pace = new Pace();
    this.#paces.set(name, pace);
    return pace;
  }

  #progressOf(id: number): Progress {
    const known = this.#progress.get(id);
    if (known !== undefined) return known;
    const progress = fresh();
    this.#progress.set(id, progress);
    return progress;
  }
}

const fresh = (): Progress => ({
  cursor: 0,
  busy: new Set(),
  ids: [],
  walked: false,
  restUntil: 0,
  afreshAt: Date.now() + WALK_AGAIN_MS,
});

/** A hold stays in force: soon it looks for what came later, now and then for everything. */
function rest(progress: Progress): void {
  const now = Date.now();
  if (progress.afreshAt <= now) Object.assign(progress, fresh());
  progress.walked = false;
  progress.restUntil = now + AGAIN_MS;
}
