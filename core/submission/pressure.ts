/**
 * How many submissions wait for the disk. A burst is queued; more than can be written in a few seconds is refused with a
 * time to come back, before memory fills and everybody waits.
 */
import { Problem } from '../errors.ts';
import type { Runtime } from '../runtime.ts';

/** Waiting at once. A commit of a hundred takes some ten milliseconds, so the last of these waits for about a second. */
const MOST_WAITING = 2000;
const RETRY_SECONDS = 5;

/** Come back later: 429 with Retry-After in HTTP, 452 or 451 in SMTP. */
export class Overload extends Problem {
  readonly retryAfter: number;

  constructor(message: string, retryAfter: number) {
    super('too-many', message);
    this.retryAfter = retryAfter;
  }
}

export class Pressure {
  readonly #most: number;
  #waiting = 0;

  constructor(most = MOST_WAITING) {
    this.#most = most;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** One more begins; call what is returned when it is over. Throws `Overload` when too many wait. */
  enter(): () => void {
    if (this.#waiting >= this.#most) throw new Overload('too much mail is being written now', RETRY_SECONDS);
    this.#waiting += 1;
    return () => {
      this.#waiting -= 1;
    };
  }
}

const pressures = new WeakMap<Runtime['store'], Pressure>();

/** One for all doors of a process. */
export function pressureOf({ store }: Pick<Runtime, 'store'>): Pressure {
  const known = pressures.get(store) ?? new Pressure();
  pressures.set(store, known);
  return known;
}
