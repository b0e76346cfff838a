/**
 * Watches what providers answer to each campaign, and stops it there when it does harm: hard bounces, complaints, a block.
 * It watches providers against their own usual too: one that suddenly denies its users is at fault itself, and what it
 * says of people then is kept apart instead of being believed. Counted in memory, asked in the tick in which RCPT is
 * written; what is decided is a row, so that every node and every restart holds to it.
 */
import type { Runtime } from '../core/runtime.ts';
import { campaignsAtWork } from '../core/store/campaign.ts';
import {
  countsAtProviders,
  reportedOf,
  stopCampaignAt,
  stopsInForce,
  type CampaignStop,
  type StopReason,
} from '../core/store/campaign-stop.ts';
import { addEvents } from '../core/store/event.ts';
import type { Delivery } from '../core/store/queue.ts';
import { blockWeight, stopReason, type Harm } from './harm.ts';
import { Incidents } from './incident.ts';
import { Turns } from './turn.ts';
import type { Attempted, Result } from './result.ts';
import type { Refusal } from './stops.ts';

interface Count extends Harm {
  firstAt: number;
  /** The latest different words of the receiver. */
  replies: string[];
  /** What came back by mail, as last read: complaints and late bounces. */
  reported: { complaints: number; hard: number };
}

type Force = Pick<CampaignStop, 'state' | 'rate_per_hour' | 'id'>;

const KEPT_REPLIES = 5;
/** How often what came back by mail is asked for, in real milliseconds. */
const REPORTED_EVERY_MS = 2000;
const NAMED_AFTER = 60_000;

const keyOf = (campaign: number, place: string): string => `${campaign} ${place}`;

export class Watch {
  readonly #runtime: Runtime;
  readonly incidents: Incidents;
  readonly #counts = new Map<string, Count>();
  #force = new Map<string, Force>();
  /** Stopped here and not yet read back as a row; of those, what is a row by now. */
  readonly #stopping = new Set<string>();
  readonly #written = new Set<string>();
  readonly #paces = new Map<string, { pace: Turns; stop: number }>();
  #reportedAt = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.incidents = new Incidents(runtime);
  }

  /** What was counted before this process started. */
  async start(): Promise<void> {
    const { store, clock } = this.#runtime;
    for (const { id, state } of await campaignsAtWork(store.read, clock.now())) {
      if (state !== 'queueing' && state !== 'sending') continue;
      for (const { provider, attempts, hard, firstAt } of await countsAtProviders(store.read, id))
        Object.assign(this.#countOf(id, provider), { attempts, hard, firstAt });
    }
    await this.refresh();
  }

  /** What people and other nodes decided, and what came back by mail. */
  async refresh(): Promise<void> {
    const { store } = this.#runtime;
    const written = [...this.#written];
    const rows = await stopsInForce(store.read);
    const force = new Map<string, Force>();
    for (const row of rows) {
      const key = keyOf(row.campaign_id, row.provider);
      force.set(key, row);
      // Let go on: what follows is counted anew.
      const was = this.#force.get(key)?.state;
      if (row.state !== 'stopped' && (was === 'stopped' || written.includes(key))) this.#counts.delete(key);
    }
    this.#force = force;
    for (const key of written) {
      this.#written.delete(key);
      this.#stopping.delete(key);
    }
    await this.incidents.refresh();
    if (Date.now() - this.#reportedAt < REPORTED_EVERY_MS) return;
    this.#reportedAt = Date.now();
    await this.#readReports();
  }

  /** The campaigns that may not be claimed for a place. */
  stoppedAt(place: string): number[] {
    const found: number[] = [];
    const end = ` ${place}`;
    for (const key of this.#stopping) if (key.endsWith(end)) found.push(Number.parseInt(key, 10));
    for (const [key, { state }] of this.#force)
      if (key.endsWith(end) && (state === 'stopped' || state === 'cancelled'))
        found.push(Number.parseInt(key, 10));
    return found;
  }

  /** Asked before RCPT, from memory alone. */
  refuses({ origin_kind, origin_id }: Delivery, place: string): Refusal | undefined {
    if (origin_kind !== 'campaign') return undefined;
    const key = keyOf(origin_id, place);
    const state = this.#force.get(key)?.state;
    if (state === 'cancelled') return { kind: 'cancelled', reason: `cancelled at ${place} by a person` };
    if (state === 'stopped' || this.#stopping.has(key))
      return { kind: 'not-now', reason: `the campaign is stopped at ${place}` };
    return undefined;
  }

  /** Those that may go at once, and those that come again when a slower pace has a turn for them. */
  paced<T extends { row: Delivery }>(
    items: readonly T[],
    place: string,
    now: number,
  ): { go: T[]; later: { id: number; dueAt: number }[] } {
    const go: T[] = [];
    const later: { id: number; dueAt: number }[] = [];
    for (const item of items) {
      const again = this.#paceOf(item.row, place, now)?.take(now) ?? null;
      if (again === null) go.push(item);
      else later.push({ id: item.row.id, dueAt: again });
    }
    return { go, later };
  }

  #paceOf({ origin_kind, origin_id }: Delivery, place: string, now: number): Turns | undefined {
    if (origin_kind !== 'campaign' || this.#force.size === 0) return undefined;
    const key = keyOf(origin_id, place);
    const force = this.#force.get(key);
    if (force?.state !== 'slower' || force.rate_per_hour === null) return undefined;
    const known = this.#paces.get(key);
    if (known?.stop === force.id) return known.pace;
    const pace = new Turns(Math.max(1, force.rate_per_hour), now);
    this.#paces.set(key, { pace, stop: force.id });
    return pace;
  }

  /** How an attempt ended; stops the campaign there when it was one too many. Marks the result for the quarantine. */
  heard(
    row: Delivery,
    result: Result,
    { outcome, transaction }: Pick<Attempted, 'outcome' | 'transaction'>,
    place: string,
  ): void {
    const { settlement, suppress } = result;
    const isFinal = settlement.state === 'delivered' || settlement.state === 'bounced';
    if (isFinal) {
      this.incidents.heard(place, {
        delivery: row.id,
        address: row.address,
        isUnknown: suppress !== undefined,
        reply: settlement.reply,
      });
      result.place = place;
    }
    if (row.origin_kind !== 'campaign') return;
    const isBlock = transaction.kind === 'refused' ? blockWeight(outcome.class, transaction.stage) : 0;
    if (!isFinal && isBlock === 0) return;
    const count = this.#countOf(row.origin_id, place);
    if (isFinal) count.attempts++;
    if (suppress !== undefined) count.hard++;
    count.blocks += isBlock;
    if (suppress !== undefined || isBlock > 0) quote(count, settlement.reply);
    // Nothing bad has been heard there: the usual case, a thousand times a second.
    const { reported } = count;
    if (count.hard + count.blocks + reported.hard + reported.complaints > 0)
      this.#judge(row.origin_id, place, count);
  }

  /** A reply rule asks for it. */
  stopFor(campaign: number, place: string, reply: string): void {
    const key = keyOf(campaign, place);
    const state = this.#force.get(key)?.state;
    if (state === 'stopped' || state === 'cancelled' || this.#stopping.has(key)) return;
    const count = this.#countOf(campaign, place);
    quote(count, reply);
    const harm: Harm = {
      ...count,
      hard: count.hard + count.reported.hard,
      complaints: count.reported.complaints,
    };
    this.#begin(campaign, place, 'rule', harm, count);
  }

  #countOf(campaign: number, place: string): Count {
    const key = keyOf(campaign, place);
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const count: Count = {
      attempts: 0,
      hard: 0,
      complaints: 0,
      blocks: 0,
      firstAt: this.#runtime.clock.now(),
      replies: [],
      reported: { complaints: 0, hard: 0 },
    };
    this.#counts.set(key, count);
    return count;
  }

  #judge(campaign: number, place: string, count: Count): void {
    const key = keyOf(campaign, place);
    const state = this.#force.get(key)?.state;
    if (state === 'stopped' || state === 'cancelled' || this.#stopping.has(key)) return;
    const harm: Harm = {
      ...count,
      hard: count.hard + count.reported.hard,
      complaints: count.reported.complaints,
    };
    const reason = stopReason(harm, this.#runtime.config.safety);
    if (reason === undefined) return;
    this.#begin(campaign, place, reason, harm, count);
  }

  #begin(campaign: number, place: string, reason: StopReason, harm: Harm, count: Count): void {
    const key = keyOf(campaign, place);
    this.#stopping.add(key);
    void this.#stop(campaign, place, reason, harm, count).catch((error: unknown) => {
      // It stays stopped in this process; the row is tried again with the next result.
      this.#stopping.delete(key);
      this.#runtime.log.error('campaign could not be stopped at a provider', { campaign, place, error });
    });
  }

  async #stop(campaign: number, place: string, reason: StopReason, harm: Harm, count: Count): Promise<void> {
    const { store, clock, wake, log } = this.#runtime;
    const now = clock.now();
    const tookMs = Math.max(NAMED_AFTER, now - count.firstAt);
    const { attempts, hard, complaints } = harm;
    await store.write(async (tx) => {
      const made = await stopCampaignAt(
        tx,
        {
          campaignId: campaign,
          provider: place,
          reason,
          attempts,
          hard,
          complaints,
          replies: count.replies,
          pacePerHour: (attempts * 3_600_000) / tookMs,
          by: null,
        },
        now,
      );
      if (made === null) return;
      const data = { provider: place, reason, attempts, hard, complaints, replies: count.replies };
      await addEvents(tx, [{ kind: 'stopped', at: now, campaign_id: campaign, data }]);
    }, 'urgent');
    this.#written.add(keyOf(campaign, place));
    log.warn('campaign stopped at a provider', {
      campaign,
      provider: place,
      reason,
      attempts,
      hard,
      complaints,
    });
    wake.ring('campaign');
  }

  async #readReports(): Promise<void> {
    const campaigns = new Set([...this.#counts.keys()].map((key) => Number.parseInt(key, 10)));
    for (const one of await reportedOf(this.#runtime.store.read, [...campaigns])) {
      const count = this.#countOf(one.campaignId, one.provider);
      const { complaints, hard } = one;
      if (count.reported.complaints === complaints && count.reported.hard === hard) continue;
      count.reported = { complaints, hard };
      if (one.words !== '') quote(count, one.words);
      this.#judge(one.campaignId, one.provider, count);
    }
  }
}

function quote(count: Count, reply: string): void {
  if (count.replies.includes(reply)) return;
  count.replies.push(reply);
  if (count.replies.length > KEPT_REPLIES) count.replies.shift();
}
