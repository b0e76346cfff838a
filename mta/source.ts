/**
 * The egress sources: which of our addresses a message leaves from. By pool and weight; a source that is paused, or whose
 * address cannot be used on this machine, is set aside and the rest go on.
 */
import type { Row } from '../core/store/tables.ts';

export interface Source {
  id: number;
  name: string;
  /** Empty: the system chooses. */
  ip: string;
  ehlo: string;
  pool: string;
  weight: number;
}

/** How long a source that could not be bound is left alone. */
const SET_ASIDE_MS = 10 * 60_000;

export class Sources {
  #rows: (Source & { paused: boolean })[] = [];
  readonly #asideUntil = new Map<number, number>();
  readonly #standIn: Source;
  #turn = 0;

  /** `ehlo` is the name of the stand-in that serves while there is no source row at all. */
  constructor(ehlo: string) {
    this.#standIn = { id: 0, name: 'default', ip: '', ehlo, pool: '', weight: 1 };
  }

  /** `stopped`: by an order over the queue. */
  set(rows: readonly Row<'source'>[], stopped: ReadonlySet<number> = new Set()): void {
    this.#rows = rows.map((row) => ({
      id: row.id,
      name: row.name,
      ip: row.ip,
      ehlo: row.ehlo || this.#standIn.ehlo,
      pool: row.pool,
      weight: row.weight,
      paused: row.paused === 1 || stopped.has(row.id),
    }));
  }

  /** Its address is not usable here now; others of the pool take over. */
  setAside(id: number, now: number): void {
    this.#asideUntil.set(id, now + SET_ASIDE_MS);
  }

  isAside(id: number, now: number): boolean {
    return (this.#asideUntil.get(id) ?? 0) > now;
  }

  isPaused(id: number): boolean {
    return this.#rows.some((row) => row.id === id && row.paused);
  }

  /** The pools that sources are in. */
  pools(): string[] {
    return [...new Set(this.#rows.map((row) => row.pool))];
  }

  /** Those that may send for a pool now. A pool without sources of its own uses all of them. */
  usable(pool: string, now: number): Source[] {
    if (this.#rows.length === 0) return this.isAside(this.#standIn.id, now) ? [] : [this.#standIn];
    const own = this.#rows.filter((row) => row.pool === pool);
    return (own.length > 0 ? own : this.#rows).filter(
      (row) => !row.paused && row.weight > 0 && !this.isAside(row.id, now),
    );
  }

  /** The next one for a pool, by weighted turns; undefined when none may send. */
  next(pool: string, now: number): Source | undefined {
    const usable = this.usable(pool, now);
    const total = usable.reduce((sum, source) => sum + source.weight, 0);
    if (total === 0) return undefined;
    let place = this.#turn++ % total;
    for (const source of usable) {
      place -= source.weight;
      if (place < 0) return source;
    }
    return usable[0];
  }
}
