/**
 * New events, each handed on at least once and soon. Numbers are given out before they are committed, so on PostgreSQL
 * one may appear after a higher one: the cursor waits before a missing number until it is there or surely never comes.
 */
import { eventsAfter, type SeenEvent } from '../store/membership.ts';
import type { Store } from '../store/open.ts';

const AT_ONCE = 5000;
const SURELY_NEVER_MS = 30_000;

export interface Fed {
  events: SeenEvent[];
  /** Everything up to this number was handed on. */
  cursor: number;
  moved: boolean;
  /** More is there than was read. */
  isFull: boolean;
}

export class EventFeed {
  readonly #store: Pick<Store, 'engine' | 'read'>;
  #cursor = 0;
  /** Beyond the cursor, handed on already. */
  #ahead = new Set<number>();
  #gap: { id: number; since: number } | undefined;

  constructor(store: Pick<Store, 'engine' | 'read'>) {
    this.#store = store;
  }

  begin(cursor: number): void {
    this.#cursor = cursor;
    this.#ahead.clear();
    this.#gap = undefined;
  }

  async next(at = Date.now()): Promise<Fed> {
    const limit = AT_ONCE + this.#ahead.size;
    const rows = await eventsAfter(this.#store.read, this.#cursor, limit);
    const events = rows.filter((row) => !this.#ahead.has(row.id));
    const cursor = this.#store.engine === 'sqlite' ? (rows.at(-1)?.id ?? this.#cursor) : this.#upTo(rows, at);
    return {
      events,
      cursor,
      moved: cursor !== this.#cursor || events.length > 0,
      isFull: rows.length === limit,
    };
  }

  #upTo(rows: readonly SeenEvent[], at: number): number {
    let upTo = this.#cursor;
    for (const { id } of rows) {
      if (id !== upTo + 1) {
        if (this.#gap?.id !== upTo + 1) this.#gap = { id: upTo + 1, since: at };
        if (at - this.#gap.since < SURELY_NEVER_MS) return upTo;
      }
      upTo = id;
    }
    return upTo;
  }

  /** What was handed on has its effect. */
  done({ events, cursor }: Fed): void {
    for (const { id } of events) this.#ahead.add(id);
    for (const id of this.#ahead) if (id <= cursor) this.#ahead.delete(id);
    this.#cursor = cursor;
  }
}
