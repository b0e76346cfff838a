/**
 * How many rows a background sweep may move at once, so that results and incoming mail never wait long for the one
 * writer. It learns from how long the last slice took: on a busy or slow disk slices shrink, on a quick one they grow.
 */

/** The promise is 50 ms at most; a slice that aims at a fifth keeps it when its rows cost several times as much. */
const TARGET_MS = 10;
const LEAST = 20;
const MOST = 5000;

export class Pace {
  #rows: number;

  constructor(rows = 200) {
    this.#rows = rows;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Does a slice, inside of its transaction, and learns from it. `work` answers how many rows it moved. */
  async timed(work: (rows: number) => Promise<number>): Promise<number> {
    const began = performance.now();
    const moved = await work(this.#rows);
    this.took(moved, performance.now() - began);
    return moved;
  }

  /** A slice of `moved` rows held the writer for `ms`. */
  took(moved: number, ms: number): void {
    if (moved === 0) return;
    const perRow = Math.max(ms, 0.1) / moved;
    // One slice may have had bad luck: it grows and shrinks by half at a time, and at once when the promise is near.
    const wanted = TARGET_MS / perRow;
    const next =
      ms > 2 * TARGET_MS
        ? Math.min(wanted, this.#rows / 2)
        : Math.min(Math.max(wanted, this.#rows / 2), this.#rows * 1.5);
    this.#rows = Math.round(Math.min(Math.max(next, LEAST), MOST));
  }
}
