/**
 * Forgets in the background: events older than they are kept, kinds that somebody deleted, visitors who never said who
 * they are, and the ids of calls that nobody will repeat. Slice by slice, so that nobody waits for it.
 */
import { Pace } from '../pace.ts';
import type { Runtime } from '../runtime.ts';
import { DAY_MS } from '../store/credential.ts';
import { changeEventType, eventTypes, type EventType } from '../store/event-schema.ts';
import {
  attachPending,
  pendingOf,
  removePersonKeys,
  strangersBefore,
  unattached,
} from '../store/person-key.ts';
import { forgetCalls, toldBefore, toldUpTo } from '../store/program-event.ts';
import type { Db } from '../store/tables.ts';
import { eraseEvents } from './event-erase.ts';

/** How often to look, in real milliseconds; a deletion rings. */
const EVERY_MS = 10 * 60_000;
/** A call that is repeated after this is taken again. */
export const CALL_DAYS = 400;
/** Names looked at in one step. */
const SOME = 200;

type Needs = Pick<Runtime, 'store' | 'clock' | 'config' | 'log' | 'wake'>;

export class EventTidy {
  readonly #rt: Needs;
  readonly #pace = new Pace();
  #timer: NodeJS.Timeout | undefined;
  #unlisten: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopping = false;

  constructor(rt: Needs) {
    this.#rt = rt;
  }

  start(): void {
    this.#timer = setInterval(() => this.#run(), EVERY_MS);
    this.#unlisten = this.#rt.wake.on('events', () => this.#run());
    this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    this.#unlisten?.();
    await this.#running;
  }

  #run(): void {
    this.#again = true;
    this.#running ??= (async () => {
      while (this.#again && !this.#stopping) {
        this.#again = false;
        await this.once().catch((error: unknown) =>
          this.#rt.log.error('events could not be tidied', { error }),
        );
      }
      this.#running = undefined;
    })();
  }

  /** All that is due now. */
  async once(): Promise<void> {
    const { store } = this.#rt;
    await this.#attach();
    for (const type of await eventTypes(store.read)) await this.#ofKind(type);
    await this.#strangers();
    const before = Math.floor(this.#rt.clock.now() / DAY_MS) - CALL_DAYS;
    await this.#slices((tx, rows) => forgetCalls(tx, before, rows));
  }

  async #ofKind({ kind, keep_days, erase_to }: EventType): Promise<void> {
    const { store, clock, config } = this.#rt;
    if (erase_to !== null) {
      await this.#slices(async (tx, rows) => eraseEvents(tx, await toldUpTo(tx, kind, erase_to, rows)));
      if (!this.#stopping) await store.write((tx) => changeEventType(tx, kind, { erase_to: null }));
    }
    const days = keep_days ?? config.events.keep_days;
    if (days === 0) return;
    const before = clock.now() - days * DAY_MS;
    await this.#slices(async (tx, rows) => eraseEvents(tx, await toldBefore(tx, kind, before, rows)));
  }

  async #strangers(): Promise<void> {
    const { store, clock, config } = this.#rt;
    const before = clock.now() - config.events.stranger_days * DAY_MS;
    while (!this.#stopping) {
      const names = await strangersBefore(store.read, before, SOME);
      if (names.length === 0) return;
      await this.#slices(async (tx, rows) => eraseEvents(tx, await pendingOf(tx, names, rows)));
      if (this.#stopping) return;
      await store.write(async (tx) => {
        // Whoever was heard of meanwhile stays.
        const still = new Set(await strangersBefore(tx, before, SOME));
        await removePersonKeys(
          tx,
          names.filter((name) => still.has(name)),
        );
      });
    }
  }

  /** What waited for a contact in greater numbers than one transaction takes. */
  async #attach(): Promise<void> {
    const { store } = this.#rt;
    while (!this.#stopping) {
      const names = await unattached(store.read, SOME);
      if (names.length === 0) return;
      await this.#slices((tx, rows) => attachPending(tx, names, rows));
    }
  }

  async #slices(work: (tx: Db, rows: number) => Promise<number>): Promise<void> {
    for (let moved = 1; moved > 0 && !this.#stopping;)
      moved = await this.#rt.store.write((tx) => this.#pace.timed((rows) => work(tx, rows)));
  }
}
