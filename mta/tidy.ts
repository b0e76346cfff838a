/**
 * Keeps the queue short in the background: what ended some time ago goes to the retired ones, what nobody took up in days
 * is given up with the reason, and the words of old attempts are forgotten. Slice by slice, so that nobody waits for it.
 */
import type { Runtime } from '../core/runtime.ts';
import type { Db } from '../core/store/open.ts';
import { expire, overdue } from '../core/store/queue-expiry.ts';
import { retirable, retire, type RetireFrom } from '../core/store/retired.ts';
import { forgetTranscripts } from '../core/store/transcript.ts';
import { Pace } from '../core/pace.ts';

/** How often to look, in real milliseconds: for ended ones; and for the rest, which takes a look at each destination. */
const RETIRE_EVERY_MS = 5000;
const EXPIRE_EVERY_MS = 60_000;
const DAY_MS = 86_400_000;
/** Found at once on a reader. */
const LOOK = 5000;

export class Tidy {
  readonly #runtime: Runtime;
  readonly #paces = { retire: new Pace(), expire: new Pace(), forget: new Pace() };
  #timers: NodeJS.Timeout[] = [];
  #running: Promise<void> = Promise.resolve();
  #stopping = false;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  start(): void {
    this.#every(RETIRE_EVERY_MS, () => this.#retire());
    this.#every(EXPIRE_EVERY_MS, async () => {
      await this.#expire();
      await this.#forget();
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#running;
  }

  /** One after another, so that two of them never crowd the writer; once at the start, too. */
  #every(ms: number, work: () => Promise<void>): void {
    let waits = false;
    const run = () => {
      if (waits || this.#stopping) return;
      waits = true;
      this.#running = this.#running
        .then(() => {
          waits = false;
          return work();
        })
        .catch((error: unknown) => this.#runtime.log.error('the queue could not be tidied', { error }));
    };
    this.#timers.push(setInterval(run, ms));
    run();
  }

  async #retire(): Promise<void> {
    const { store, clock, config } = this.#runtime;
    const before = clock.now() - config.mta.retire_after_ms;
    for (let from: RetireFrom | null = { finishedAt: 0, id: 0 }; from !== null && !this.#stopping;) {
      const found = await retirable(store.read, before, from, LOOK);
      await this.#inSlices('retire', found.ids, retire);
      from = found.next;
    }
  }

  async #expire(): Promise<void> {
    const { store, clock, config, log, wake } = this.#runtime;
    const now = clock.now();
    const before = now - config.mta.max_age_ms;
    for (;;) {
      const ids = await overdue(store.read, before, LOOK);
      const gone = await this.#inSlices('expire', ids, (tx, some) => expire(tx, some, before, now));
      if (gone === 0) return;
      log.warn('deliveries given up that nobody took up', { deliveries: gone });
      wake.ring('queue');
    }
  }

  async #forget(): Promise<void> {
    const { store, clock, config } = this.#runtime;
    const before = clock.now() - config.mta.transcript_days * DAY_MS;
    for (let gone = 1; gone > 0 && !this.#stopping;) {
      const { rows } = this.#paces.forget;
      gone = await store.write((tx) => this.#timed('forget', () => forgetTranscripts(tx, before, rows)));
    }
  }

  async #inSlices(
    name: 'retire' | 'expire',
    ids: number[],
    work: (tx: Db, ids: number[]) => Promise<number>,
  ): Promise<number> {
    let all = 0;
    for (let at = 0; at < ids.length && !this.#stopping;) {
      const some = ids.slice(at, at + this.#paces[name].rows);
      at += some.length;
      all += await this.#runtime.store.write((tx) => this.#timed(name, () => work(tx, some)));
    }
    return all;
  }

  /** Learns how long the writer was held. */
  async #timed(name: 'retire' | 'expire' | 'forget', work: () => Promise<number>): Promise<number> {
    const began = performance.now();
    const moved = await work();
    const ms = performance.now() - began;
    this.#paces[name].took(moved, ms);
    this.#runtime.metrics.observe('sweep', ms, { kind: name });
    return moved;
  }
}
