/**
 * Whether a scanner that failed is asked again. Mail must not wait for its time-out message after message: after some
 * failures in a row it is left alone for a while, then one message tries it, and the pause doubles until it answers.
 */
import type { Clock } from '../core/clock.ts';

const FAILURES = 3;
const FIRST_PAUSE_MS = 15_000;
const LONGEST_PAUSE_MS = 5 * 60_000;

export class Circuit {
  readonly #clock: Pick<Clock, 'now'>;
  #failures = 0;
  #pause = FIRST_PAUSE_MS;
  #openUntil: number | undefined;
  #isProbing = false;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** Takes the place of the one that tries when the pause is over: each yes wants a `good` or a `bad`. */
  mayAsk(): boolean {
    if (this.#openUntil === undefined) return true;
    if (this.#isProbing || this.#clock.now() < this.#openUntil) return false;
    this.#isProbing = true;
    return true;
  }

  /** True when it was left alone and is back. */
  good(): boolean {
    const wasOpen = this.#openUntil !== undefined;
    this.#failures = 0;
    this.#pause = FIRST_PAUSE_MS;
    this.#openUntil = undefined;
    this.#isProbing = false;
    return wasOpen;
  }

  /** The pause that begins with this failure, in milliseconds; 0: none yet, or one has begun. */
  bad(): number {
    if (this.#openUntil !== undefined && !this.#isProbing) return 0;
    this.#failures++;
    if (!this.#isProbing && this.#failures < FAILURES) return 0;
    this.#isProbing = false;
    const pause = this.#pause;
    this.#openUntil = this.#clock.now() + pause;
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
    return pause;
  }
}
