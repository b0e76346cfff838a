/** A list that the server gives page by page, by cursor: the first page anew, the next ones behind it. */
import { api, withQuery } from './api.ts';
import { wordsFor } from './fault.ts';

interface Page<T> {
  rows: T[];
  next: string | null;
  total?: number | null;
}

type Query = Record<string, string | number | boolean | null | undefined>;

export class Pages<T> {
  #rows = $state.raw<T[]>([]);
  #next = $state<string | null>(null);
  #total = $state<number | null>(null);
  #error = $state('');
  #loading = $state(false);
  #loaded = $state(false);
  #path = '';
  #query: Query = {};
  #turn = 0;

  get rows(): T[] {
    return this.#rows;
  }
  set rows(rows: T[]) {
    this.#rows = rows;
  }
  get hasMore(): boolean {
    return this.#next !== null;
  }
  get total(): number | null {
    return this.#total;
  }
  get error(): string {
    return this.#error;
  }
  get loading(): boolean {
    return this.#loading;
  }
  get loaded(): boolean {
    return this.#loaded;
  }

  /** The first page of a question; what an earlier question still answers is thrown away. */
  async load(path: string, query: Query = {}): Promise<void> {
    this.#path = path;
    this.#query = query;
    await this.#fetch(query, []);
  }

  /** The same question again. */
  reload = (): Promise<void> => this.#fetch(this.#query, []);

  async more(): Promise<void> {
    if (this.#next === null || this.#loading) return;
    await this.#fetch({ ...this.#query, cursor: this.#next }, this.#rows);
  }

  async #fetch(query: Query, before: T[]): Promise<void> {
    const turn = ++this.#turn;
    this.#loading = true;
    try {
      const page = await api.get<Page<T>>(withQuery(this.#path, query));
      if (turn !== this.#turn) return;
      this.#rows = [...before, ...page.rows];
      this.#next = page.next;
      if (page.total !== undefined) this.#total = page.total;
      this.#error = '';
      this.#loaded = true;
    } catch (error) {
      if (turn === this.#turn) this.#error = wordsFor(error);
    } finally {
      if (turn === this.#turn) this.#loading = false;
    }
  }
}
