/**
 * Deliveries that were to go back to the queue while the store did not take it (a full disk, a database that is away).
 * Their leases are renewed as long as this process lives, so nobody else would ever send them: they are kept here and
 * handed in again until they are.
 */
import { explain } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import { giveBackClaims, type Delivery } from '../core/store/queue.ts';

type Claim = Pick<Delivery, 'id' | 'last_attempt_at'>;

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

export class Owed {
  readonly #runtime: Pick<Runtime, 'store' | 'node' | 'clock' | 'log' | 'wake'>;
  #rows: Claim[] = [];
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;

  constructor(runtime: Pick<Runtime, 'store' | 'node' | 'clock' | 'log' | 'wake'>) {
    this.#runtime = runtime;
  }

  /** How many wait, for metrics and tests. */
  get size(): number {
    return this.#rows.length;
  }

  add(rows: readonly Claim[], error: unknown): void {
    if (rows.length === 0) return;
    this.#rows.push(...rows.map(({ id, last_attempt_at }) => ({ id, last_attempt_at })));
    this.#runtime.log.error('deliveries could not go back to the queue yet', {
      deliveries: this.#rows.length,
      error: explain(error),
    });
    this.#timer ??= setTimeout(() => void this.#hand(), this.#pauseMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  async #hand(): Promise<void> {
    const { store, node, clock, wake } = this.#runtime;
    const rows = this.#rows;
    this.#rows = [];
    this.#timer = undefined;
    try {
      await store.write((tx) => giveBackClaims(tx, node, rows, clock.now()));
      this.#pauseMs = FIRST_PAUSE_MS;
      wake.ring('queue');
    } catch (error) {
      this.#pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * this.#pauseMs);
      this.add(rows, error);
    }
  }
}
