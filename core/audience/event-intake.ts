/**
 * The door for what programs tell of people. Calls that come together share a transaction, and what resolves is on disk,
 * synced. More than can be written in a few seconds is turned away with a time to come back, before memory fills.
 */
import { Gather } from '../gather.ts';
import type { Runtime } from '../runtime.ts';
import { Overload } from '../submission/pressure.ts';
import { takeCalls, type CallOutcome, type CallRequest } from './event-group.ts';

/** Entries in one transaction: some tens of milliseconds of the one writer. */
const GROUP = 300;
/** Entries that wait at once: the last of these waits for some seconds. */
export const MOST_WAITING = 10_000;
const RETRY_SECONDS = 5;

class EventIntake {
  readonly #gather: Gather<CallRequest, CallOutcome[]>;
  #waiting = 0;

  constructor({ store, clock }: Pick<Runtime, 'store' | 'clock'>) {
    this.#gather = new Gather({
      store,
      most: GROUP,
      weight: (request) => request.calls.length,
      write: (tx, requests) => takeCalls(tx, requests, clock.now()),
    });
  }

  async take(request: CallRequest): Promise<CallOutcome[]> {
    const entries = request.calls.length;
    if (this.#waiting > 0 && this.#waiting + entries > MOST_WAITING)
      throw new Overload('too many events are being written now', RETRY_SECONDS);
    this.#waiting += entries;
    try {
      return await this.#gather.take(request);
    } finally {
      this.#waiting -= entries;
    }
  }
}

const intakes = new WeakMap<Runtime['store'], EventIntake>();

/** One for a process. */
export function eventIntake(rt: Pick<Runtime, 'store' | 'clock'>): EventIntake {
  const known = intakes.get(rt.store) ?? new EventIntake(rt);
  intakes.set(rt.store, known);
  return known;
}
