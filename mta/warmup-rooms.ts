/**
 * The room that warm-ups leave today: how many messages each source may still send to a provider. Room is taken with a
 * commit before anybody dials, and given back for what was not sent, so that the day's allowance holds over restarts and
 * between nodes. People's own mail is counted and never held back. A process that is killed loses the room of what it
 * had claimed, never more than that.
 */
import type { Runtime } from '../core/runtime.ts';
import { dayStart, nextDayStart } from '../core/sending/local-day.ts';
import { endDays } from '../core/sending/warmup-day.ts';
import { capOf } from '../core/sending/warmup.ts';
import { OTHER_PROVIDER } from '../core/store/answer-slot.ts';
import { organisationSettings } from '../core/store/setting.ts';
import { countSent, lockedWarmup, queueingCampaigns, warmups, type Warmup } from '../core/store/warmup.ts';
import type { Source } from './source.ts';

type Needs = Pick<Runtime, 'store' | 'clock' | 'log'>;

interface Room {
  sourceId: number;
  provider: string;
  day: number;
}

const keyOf = (sourceId: number, provider: string): string => `${sourceId} ${provider}`;

export class WarmupRooms {
  readonly #runtime: Needs;
  #rows = new Map<string, Warmup>();
  /** What is claimed and not yet ended, by delivery. */
  readonly #taken = new Map<number, Room>();
  #queueing: { id: number; pool: string }[] = [];
  #day = { start: 0, end: 0 };
  #zone = '';
  /** Destinations where pools with room had nothing, until when: looking through all that waits costs. */
  readonly #fruitless = new Map<string, number>();

  constructor(runtime: Needs) {
    this.#runtime = runtime;
  }

  /** Reads what is true now, and ends the day when it is over. Without a warm-up it costs one read of an empty table. */
  async refresh(): Promise<void> {
    const { store, clock, log } = this.#runtime;
    const now = clock.now();
    let rows = await warmups(store.read);
    if (rows.length > 0) {
      const { timezone } = await organisationSettings(store.read);
      if (now >= this.#day.end || now < this.#day.start || timezone !== this.#zone) {
        this.#zone = timezone;
        this.#day = { start: dayStart(now, timezone), end: nextDayStart(now, timezone) };
        this.#fruitless.clear();
      }
      if (rows.some((row) => row.day < this.#day.start)) {
        const ended = await store.write((tx) => endDays(tx, now, timezone));
        log.info('warm-up days ended', { days: ended });
        rows = await warmups(store.read);
      }
      this.#queueing = await queueingCampaigns(store.read);
    }
    this.#rows = new Map(rows.map((row) => [keyOf(row.sourceId, row.provider), row]));
  }

  get any(): boolean {
    return [...this.#rows.values()].some((row) => row.state !== 'warm');
  }

  #row(sourceId: number, provider: string): Warmup | undefined {
    const row = this.#rows.get(keyOf(sourceId, provider)) ?? this.#rows.get(keyOf(sourceId, OTHER_PROVIDER));
    return row === undefined || row.state === 'warm' ? undefined : row;
  }

  /** How many more a source may send to a provider today. The new day's room is there once the old one was judged. */
  left(sourceId: number, provider: string): number {
    const row = this.#row(sourceId, provider);
    if (row === undefined) return Infinity;
    if (row.day !== this.#day.start || this.#runtime.clock.now() >= this.#day.end) return 0;
    return Math.max(0, (capOf(row) ?? Infinity) - row.sent);
  }

  /** Sources with room, those without a limit last: they take over what the new ones may not send. */
  withRoom(usable: readonly Source[], provider: string): Source[] {
    return usable
      .filter((source) => this.left(source.id, provider) > 0)
      .toSorted((a, b) => Number(this.#isWarm(a, provider)) - Number(this.#isWarm(b, provider)));
  }

  #isWarm = (source: Source, provider: string): boolean => this.#row(source.id, provider) === undefined;

  /** Campaigns that are still being queued on a pool that warms up: their most engaged readers are to go first. */
  notYet(warming: (pool: string) => boolean): number[] {
    return this.#queueing.filter((campaign) => warming(campaign.pool)).map((campaign) => campaign.id);
  }

  isWarming(sources: readonly Source[]): boolean {
    return sources.some((source) =>
      [...this.#rows.values()].some((row) => row.sourceId === source.id && row.state !== 'warm'),
    );
  }

  /** True while it is known that pools with room have nothing for a destination. */
  isFruitless(site: string): boolean {
    return (this.#fruitless.get(site) ?? 0) > this.#runtime.clock.now();
  }

  fruitless(site: string): void {
    if (this.#fruitless.size > 10_000) this.#fruitless.clear();
    this.#fruitless.set(site, this.#runtime.clock.now() + 10_000);
  }

  /** Takes room for deliveries at a source, as many as it has. `always`: people's mail is counted beyond the allowance. */
  async take(sourceId: number, provider: string, ids: readonly number[], always: boolean): Promise<number> {
    const row = this.#row(sourceId, provider);
    if (row === undefined) return ids.length;
    const { store } = this.#runtime;
    const taken = await store.write(async (tx) => {
      const now = await lockedWarmup(tx, row.sourceId, row.provider);
      if (now === undefined) return ids.length;
      const room = now.day === this.#day.start ? Math.max(0, (capOf(now) ?? Infinity) - now.sent) : 0;
      const n = always ? ids.length : Math.min(ids.length, room);
      if (n > 0) await countSent(tx, now, n);
      row.sent = now.sent + n;
      return n;
    });
    const room = { sourceId: row.sourceId, provider: row.provider, day: row.day };
    for (const id of ids.slice(0, taken)) this.#taken.set(id, room);
    return taken;
  }

  /** Room that was taken on a day that is over counts for nothing. */
  isStale(id: number): boolean {
    const room = this.#taken.get(id);
    return room !== undefined && (room.day !== this.#day.start || this.#runtime.clock.now() >= this.#day.end);
  }

  /** It was sent, or its end is known: the room is used. */
  used(id: number): void {
    this.#taken.delete(id);
  }

  /** These were not sent: their room is free again. */
  async back(ids: readonly number[]): Promise<void> {
    const rooms = new Map<string, Room & { n: number }>();
    for (const id of ids) {
      const room = this.#taken.get(id);
      if (room === undefined) continue;
      this.#taken.delete(id);
      const key = keyOf(room.sourceId, room.provider);
      const known = rooms.get(key) ?? { ...room, n: 0 };
      known.n++;
      rooms.set(key, known);
    }
    if (rooms.size === 0) return;
    await this.#runtime.store.write(async (tx) => {
      for (const { n, ...room } of rooms.values()) await countSent(tx, room, -n);
    });
    for (const [key, { n, day }] of rooms) {
      const row = this.#rows.get(key);
      if (row?.day === day) row.sent = Math.max(0, row.sent - n);
    }
  }
}
