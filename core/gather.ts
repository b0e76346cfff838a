/**
 * Requests that come while one group is being written wait, and are written together as the next group, in one
 * transaction. Alone a request waits for nobody; in a crowd a hundred share one commit. Each is judged for itself: a
 * refusal concerns one request, and a fault of the store makes each of the group try alone.
 */
import type { Store } from './store/open.ts';
import type { Db } from './store/tables.ts';

export type Judged<Answer> = { done: Answer } | { refused: unknown };

export interface Gathering<Request, Answer> {
  store: Pick<Store, 'write'>;
  /** What one transaction should hold at most, in the unit of `weight`. */
  most: number;
  weight: (request: Request) => number;
  /** Judges and writes all of them; answers in their order. It runs inside of the transaction. */
  write: (tx: Db, requests: readonly Request[]) => Promise<Judged<Answer>[]>;
}

interface Waiting<Request, Answer> {
  request: Request;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
}

export class Gather<Request, Answer> {
  readonly #how: Gathering<Request, Answer>;
  readonly #waiting: Waiting<Request, Answer>[] = [];
  #isRunning = false;

  constructor(how: Gathering<Request, Answer>) {
    this.#how = how;
  }

  /** Resolves when the request is on disk. */
  take(request: Request): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    // Whoever speaks in this turn of the event loop is heard before the first group begins.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#write(this.#next());
    this.#isRunning = false;
  }

  #next(): Waiting<Request, Answer>[] {
    const group: Waiting<Request, Answer>[] = [];
    let weight = 0;
    while (this.#waiting.length > 0 && (group.length === 0 || weight < this.#how.most)) {
      const one = this.#waiting.shift() as Waiting<Request, Answer>;
      weight += this.#how.weight(one.request);
      group.push(one);
    }
    return group;
  }

  async #write(group: readonly Waiting<Request, Answer>[]): Promise<void> {
    const { store, write } = this.#how;
    try {
      const judged = await store.write((tx) =>
        write(
          tx,
          group.map((one) => one.request),
        ),
      );
      group.forEach((one, at) => {
        const outcome = judged[at] as Judged<Answer>;
        if ('refused' in outcome) one.reject(outcome.refused);
        else one.resolve(outcome.done);
      });
    } catch (error) {
      if (group.length === 1) return group[0]?.reject(error);
      // One of them cannot be written: each for itself, so that the others are.
      for (const one of group) await this.#write([one]);
    }
  }
}
