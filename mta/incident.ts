/**
 * A provider that denies far more of its users than it usually does is at fault itself: a broken directory, a botched
 * migration. While it is so its hard bounces suppress nobody; they are kept apart until it is over or a person decides.
 * Those that were believed in the minutes before it was noticed are taken back.
 */
import type { Runtime } from '../core/runtime.ts';
import { addEvents } from '../core/store/event.ts';
import {
  addSeen,
  forgetHours,
  incidentAt,
  openIncident,
  openIncidents,
  quarantine,
  usualAt,
} from '../core/store/incident.ts';
import { liftSuppression } from '../core/store/person-wish.ts';
import { hardBouncesOf, type NewSuppression } from '../core/store/suppression.ts';
import type { Db, Row } from '../core/store/tables.ts';
import { endIncident } from '../core/audience/quarantine.ts';
import { isIncident, isOver, type Seen } from './harm.ts';

interface Heard {
  delivery: number;
  address: string;
  isUnknown: boolean;
  reply: string;
}

interface Place {
  /** The latest attempts, oldest first. */
  latest: Heard[];
  /** Counted and not yet written down. */
  unwritten: Seen;
  usual: Seen;
  usualReadAt: number;
  /** `open`: what it says of people is not believed. */
  state: 'well' | 'open' | 'closing';
  incident: number | undefined;
}

const LATEST = 100;
const PLACES = 5000;
const WRITE_EVERY_MS = 3000;
const USUAL_KEPT_MS = 3_600_000;
const KEPT_REPLIES = 5;

export class Incidents {
  readonly #runtime: Runtime;
  readonly #places = new Map<string, Place>();
  #wroteAt = 0;
  #forgotAt = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** What people and other nodes opened or closed; and what was counted is written down. */
  async refresh(): Promise<void> {
    const { store, clock } = this.#runtime;
    const open = new Map((await openIncidents(store.read)).map((row) => [row.provider, row.id]));
    for (const [name, place] of this.#places) {
      const id = open.get(name);
      // Known as a row and a row no more: somebody decided.
      if (id === undefined && (place.incident !== undefined || place.state === 'closing')) {
        if (place.state === 'open') place.latest = [];
        Object.assign(place, { state: 'well', incident: undefined });
      }
    }
    for (const [name, id] of open) {
      const place = this.#placeOf(name);
      if (place.state === 'closing') continue;
      Object.assign(place, { state: 'open', incident: id });
    }
    const now = clock.now();
    await this.#readUsual(now);
    if (Date.now() - this.#wroteAt >= WRITE_EVERY_MS) await this.#write(now);
  }

  /** One answer of a provider. What it means is known at once, so that this very bounce is kept apart already. */
  heard(name: string, heard: Heard): void {
    const place = this.#placeOf(name);
    place.latest.push(heard);
    if (place.latest.length > LATEST) place.latest.shift();
    const { safety } = this.#runtime.config;
    if (place.state === 'well') {
      // What an incident says is not its usual.
      place.unwritten.attempts++;
      if (!heard.isUnknown) return;
      place.unwritten.unknown++;
      if (isIncident(this.#seen(place), place.usual, safety)) place.state = 'open';
      return;
    }
    if (
      place.state === 'open' &&
      place.incident !== undefined &&
      isOver(this.#seen(place), place.usual, safety)
    )
      this.#close(name, place, place.incident);
  }

  #seen({ latest, state }: Place): Seen {
    const window = state === 'open' ? latest.slice(-50) : latest;
    return { attempts: window.length, unknown: window.filter((one) => one.isUnknown).length };
  }

  /**
   * Within the transaction in which bounces are written down: which of them may suppress. The others go into quarantine,
   * and with the first of an incident also what was believed just before it was noticed.
   */
  async divideIn(
    tx: Db,
    bounces: readonly { suppress: NewSuppression; place: string | undefined }[],
    now: number,
  ): Promise<{ suppress: NewSuppression[]; lifted: Row<'suppression'>[] }> {
    const doubted = bounces.filter(({ place }) => place !== undefined && this.isOpen(place));
    const believed = bounces.filter((one) => !doubted.includes(one)).map((one) => one.suppress);
    const lifted: Row<'suppression'>[] = [];
    for (const [name, rows] of Map.groupBy(doubted, (one) => one.place as string)) {
      const { id, taken } = await this.#incidentIn(tx, name, now);
      lifted.push(...taken);
      const back = taken.map((row) => ({ ...row, delivery_id: row.delivery_id, evidence: row.evidence }));
      await quarantine(
        tx,
        [...back, ...rows.map((one) => one.suppress)].map((one) => ({
          incident_id: id,
          address: one.address.toLowerCase(),
          contact_id: one.contact_id ?? null,
          delivery_id: one.delivery_id ?? null,
          evidence: one.evidence,
        })),
        now,
      );
    }
    return { suppress: believed, lifted };
  }

  isOpen(name: string): boolean {
    return this.#places.get(name)?.state === 'open';
  }

  /** The row of an incident, made now when it is new; and with a new one the suppressions that are taken back. */
  async #incidentIn(tx: Db, name: string, now: number): Promise<{ id: number; taken: Row<'suppression'>[] }> {
    const place = this.#placeOf(name);
    const known = await incidentAt(tx, name);
    if (known !== undefined) return { id: known.id, taken: [] };
    const denied = place.latest.filter((one) => one.isUnknown);
    const replies = [...new Set(denied.map((one) => one.reply))].slice(-KEPT_REPLIES);
    const seen = { attempts: place.latest.length, unknown: denied.length };
    const made = await openIncident(tx, { provider: name, seen, usual: place.usual, replies }, now);
    if (made === null) throw new Error(`the incident at ${name} is neither open nor new`);
    const taken: Row<'suppression'>[] = [];
    for (const row of await hardBouncesOf(tx, denied)) {
      const lifted = await liftSuppression(tx, row.id, null, now);
      if (lifted !== null) taken.push(lifted);
    }
    await addEvents(tx, [
      ...taken.map((row) => ({
        kind: 'unsuppressed',
        at: now,
        contact_id: row.contact_id,
        data: { scope: row.scope, reason: row.reason, incident: made.id },
      })),
      { kind: 'incident_opened', at: now, data: { provider: name, incident: made.id, ...seen } },
    ]);
    this.#runtime.log.warn('a provider denies its users: its bounces are kept apart', {
      provider: name,
      ...seen,
    });
    return { id: made.id, taken };
  }

  /** It is over: what it said of people is forgotten, and the next message to each decides. */
  #close(name: string, place: Place, id: number): void {
    const { log } = this.#runtime;
    place.state = 'closing';
    place.latest = [];
    void endIncident(this.#runtime, id, { outcome: 'over', by: null })
      .then(() => log.info('incident is over', { provider: name, incident: id }))
      .catch((error: unknown) => {
        place.state = 'open';
        log.error('incident could not be ended', { provider: name, incident: id, error });
      });
  }

  #placeOf(name: string): Place {
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    const place: Place = {
      latest: [],
      unwritten: { attempts: 0, unknown: 0 },
      usual: { attempts: 0, unknown: 0 },
      usualReadAt: -Infinity,
      state: 'well',
      incident: undefined,
    };
    if (this.#places.size >= PLACES) {
      const idle = [...this.#places].find(([, one]) => one.state === 'well' && one.unwritten.attempts === 0);
      if (idle !== undefined) this.#places.delete(idle[0]);
    }
    this.#places.set(name, place);
    return place;
  }

  async #readUsual(now: number): Promise<void> {
    const { store, config } = this.#runtime;
    for (const [name, place] of this.#places) {
      if (now - place.usualReadAt < USUAL_KEPT_MS) continue;
      place.usualReadAt = now;
      place.usual = await usualAt(store.read, name, now, config.safety.usual_days);
    }
  }

  async #write(now: number): Promise<void> {
    const { store, config } = this.#runtime;
    this.#wroteAt = Date.now();
    const seen = [...this.#places].flatMap(([provider, place]) => {
      const { unwritten } = place;
      if (unwritten.attempts === 0) return [];
      place.unwritten = { attempts: 0, unknown: 0 };
      return [{ provider, ...unwritten }];
    });
    if (seen.length > 0) await store.write((tx) => addSeen(tx, seen, now));
    if (now - this.#forgotAt < USUAL_KEPT_MS * 24) return;
    this.#forgotAt = now;
    await store.write((tx) => forgetHours(tx, now, config.safety.usual_days));
  }
}
