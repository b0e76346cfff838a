/**
 * Writes down in batches how attempts ended: results that come within the window share one commit, and with it the hard
 * bounces become suppressions. The window bounds what a kill can make us send twice.
 */
import { suppressIn } from '../core/audience/suppress.ts';
import type { Runtime } from '../core/runtime.ts';
import { settle } from '../core/store/queue.ts';
import { addTranscripts } from '../core/store/transcript.ts';
import type { Incidents } from './incident.ts';
import type { Result } from './result.ts';

const AT_ONCE = 500;
const LONGEST_PAUSE_MS = 5000;

export class Settler {
  readonly #runtime: Runtime;
  #unsettled: Result[] = [];
  /** The one batch on its way to the disk. What comes meanwhile goes with the next one: the busier, the larger. */
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isLast = false;

  readonly #incidents: Incidents;

  constructor(runtime: Runtime, incidents: Incidents) {
    this.#runtime = runtime;
    this.#incidents = incidents;
  }

  add(result: Result): void {
    this.#unsettled.push(result);
    if (this.#running !== undefined) return;
    if (this.#unsettled.length >= AT_ONCE) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), this.#runtime.config.mta.settle_window_ms);
  }

  /** Resolves when all results are on disk, or when it cannot be done and the process goes down. */
  async finish(): Promise<void> {
    this.#isLast = true;
    this.#flush();
    while (this.#running !== undefined) await this.#running;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#running !== undefined || this.#unsettled.length === 0) return;
    this.#running = this.#settle(this.#unsettled.splice(0, AT_ONCE)).then(() => {
      this.#running = undefined;
      if (this.#isLast || this.#unsettled.length >= AT_ONCE) this.#flush();
      else if (this.#unsettled.length > 0)
        this.#timer ??= setTimeout(() => this.#flush(), this.#runtime.config.mta.settle_window_ms);
    });
  }

  async #settle(batch: Result[]): Promise<void> {
    const { store, clock, suppressions, wake, log, metrics } = this.#runtime;
    const began = performance.now();
    for (let attempt = 1; ; attempt++) {
      try {
        const now = clock.now();
        const { added, lifted } = await store.write(async (tx) => {
          const rows = await settle(
            tx,
            batch.map((one) => one.settlement),
            now,
          );
          const written = new Set(rows.map((row) => row.id));
          await addTranscripts(tx, transcriptsOf(batch, written), now);
          const hard = batch.flatMap(({ settlement, suppress, place }) =>
            suppress !== undefined && written.has(settlement.id) ? [{ suppress, place }] : [],
          );
          const { suppress, lifted } = await this.#incidents.divideIn(tx, hard, now);
          return { added: await suppressIn(tx, suppress, now), lifted };
        }, 'urgent');
        for (const row of added) suppressions.add(row);
        for (const row of lifted) suppressions.remove(row);
        if (added.length + lifted.length > 0) wake.ring('suppression');
        wake.ring('queue');
        metrics.observe('settle', performance.now() - began);
        return;
      } catch (error) {
        // The disk is full or the database is away: the results are kept in memory and tried again.
        log.error('results could not be written down', { results: batch.length, attempt, error });
        if (this.#isLast && attempt >= 3) return;
        await new Promise((resolve) => setTimeout(resolve, Math.min(LONGEST_PAUSE_MS, 100 * 2 ** attempt)));
      }
    }
  }
}

const transcriptsOf = (batch: readonly Result[], written: ReadonlySet<number>) =>
  batch.flatMap(({ settlement: { id, attempt }, transcript }) =>
    transcript !== undefined && written.has(id)
      ? [{ delivery_id: id, number: attempt, lines: transcript }]
      : [],
  );
