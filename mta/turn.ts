/**
 * How fast one campaign may go to one provider after it was let go on more slowly: a bucket that fills at the rate, and
 * for those that do not fit a place in line. Who waits in line comes when its turn is near, so nothing is asked in vain.
 */
export class Turns {
  readonly ratePerHour: number;
  #tokens = 1;
  #filledAt: number;
  /** When the last one in line has its turn. */
  #tail: number;

  constructor(ratePerHour: number, now: number) {
    this.ratePerHour = ratePerHour;
    this.#filledAt = now;
    this.#tail = now;
  }

  get #everyMs(): number {
    return 3_600_000 / this.ratePerHour;
  }

  /** At most what comes in this time may go at once: a look at the queue comes a few times a second, not all the time. */
  get #room(): number {
    return Math.max(1, 10_000 / this.#everyMs);
  }

  /** Takes a turn: null when it may go now, else when to come again. */
  take(now: number): number | null {
    this.#tokens = Math.min(this.#room, this.#tokens + (now - this.#filledAt) / this.#everyMs);
    this.#filledAt = now;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return null;
    }
    this.#tail = Math.max(this.#tail, now) + this.#everyMs;
    return Math.ceil(this.#tail);
  }
}
