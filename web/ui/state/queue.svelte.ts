/** What waits to leave, kept fresh while somebody looks: asked again when the server says that it moved, not more often. */
import type { Queue } from '../../contract.ts';
import { api, withQuery } from './api.ts';
import { live } from './live.svelte.ts';
import { Loader } from './loader.svelte.ts';

const AT_MOST_EVERY_MS = 1500;
/** Times pass without an event: what was due becomes overdue. */
const AT_LEAST_EVERY_MS = 10_000;

export class QueueWatch {
  readonly loader = new Loader<Queue>();
  #search = '';
  #asked = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  get value(): Queue | undefined {
    return this.loader.value;
  }

  load = (search = this.#search): Promise<void> => {
    this.#search = search;
    this.#asked = Date.now();
    return this.loader.load(() =>
      api.get<Queue>(withQuery('/api/queue', { search: this.#search, limit: 200 })),
    );
  };

  /** Begins to follow; returns how to stop. */
  follow(): () => void {
    const off = live.on((event) => event.event === 'queue' && this.#soon());
    const beat = setInterval(() => this.#soon(), AT_LEAST_EVERY_MS);
    return () => {
      off();
      clearInterval(beat);
      clearTimeout(this.#timer);
    };
  }

  #soon(): void {
    clearTimeout(this.#timer);
    const wait = Math.max(0, this.#asked + AT_MOST_EVERY_MS - Date.now());
    this.#timer = setTimeout(() => void this.load(), wait);
  }
}
