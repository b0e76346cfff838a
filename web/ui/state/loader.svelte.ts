/** Something fetched that a page shows: loading, there, or failed; fetched again without a flicker. */
import { wordsFor } from './fault.ts';

export class Loader<T> {
  #value = $state.raw<T | undefined>();
  #error = $state('');
  #loading = $state(false);
  #turn = 0;

  get value(): T | undefined {
    return this.#value;
  }

  set value(value: T | undefined) {
    this.#value = value;
  }

  get error(): string {
    return this.#error;
  }

  get loading(): boolean {
    return this.#loading;
  }

  /** Fetches; what an earlier, slower question answers is thrown away. */
  async load(fetch: () => Promise<T>): Promise<void> {
    const turn = ++this.#turn;
    this.#loading = true;
    try {
      const value = await fetch();
      if (turn !== this.#turn) return;
      this.#value = value;
      this.#error = '';
    } catch (error) {
      if (turn === this.#turn && (error as Error).name !== 'AbortError') this.#error = wordsFor(error);
    } finally {
      if (turn === this.#turn) this.#loading = false;
    }
  }
}
