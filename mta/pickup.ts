/**
 * Picks up what other houses committed and moves it on: a scheduled campaign whose time has come starts, one that is being
 * queued goes on slice by slice, a paused one steps aside, a cancelled one is swept, and one whose recipients all have a
 * final state is sent. It goes by the rows alone, so that a crash anywhere resumes here.
 */
import { FAN_OUT_SLICE, fanOutSlice, RecipientsAhead } from '../core/campaign/fan-out.ts';
import { examinationDue, examineScheduled, RECHECK_MS } from '../core/campaign/start.ts';
import { moveCampaign } from '../core/campaign/states.ts';
import type { Runtime } from '../core/runtime.ts';
import {
  campaignsAtWork,
  changeCampaign,
  hasUnfinished,
  stoppedCampaigns,
  type Campaign,
} from '../core/store/campaign.ts';
import { moveStopped, stopsInForce, type CampaignStop } from '../core/store/campaign-stop.ts';
import { cancelSlice, pauseSlice, resumeSlice } from '../core/store/queue-sweep.ts';
import { Pace } from '../core/pace.ts';

/** How often to look without being woken, in real milliseconds. */
const POLL_MS = 400;
/** And how often to look again for what a stop at a provider is about: little comes after the first time. */
const SWEEP_AGAIN_MS = 3000;

export class Pickup {
  readonly #runtime: Runtime;
  /** Campaigns that could not be moved on, so that the log says it once. */
  readonly #failing = new Set<number>();
  /** Of campaigns that are being queued. */
  readonly #ahead = new Map<number, RecipientsAhead>();
  /** Campaigns whose checks are being made. */
  readonly #examining = new Map<number, Promise<void>>();
  /** Stops of which nothing was left to move, and when that was. */
  readonly #swept = new Map<number, { state: string; at: number }>();
  readonly #pace = new Pace();
  /** Each of its rows is an event as well. */
  readonly #cancelPace = new Pace();
  #timer: NodeJS.Timeout | undefined;
  #off: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopping = false;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  start(): void {
    this.#off = this.#runtime.wake.on('campaign', () => this.#look());
    this.#timer = setInterval(() => this.#look(), POLL_MS);
    this.#look();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#off?.();
    clearInterval(this.#timer);
    await this.#running;
    await Promise.all(this.#examining.values());
  }

  #look(): void {
    if (this.#stopping) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#running = this.#moveAll()
      .catch((error: unknown) => this.#runtime.log.error('campaigns could not be looked at', { error }))
      .finally(() => {
        this.#running = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.#look();
      });
  }

  /** Round after round, one slice of each campaign in each, so that none waits for another's million. */
  async #moveAll(): Promise<void> {
    const { store, clock } = this.#runtime;
    for (let moved = true; moved && !this.#stopping;) {
      const [atWork, stopped, stops] = await Promise.all([
        campaignsAtWork(store.read, clock.now(), RECHECK_MS),
        stoppedCampaigns(store.read),
        stopsInForce(store.read),
      ]);
      moved = false;
      for (const campaign of atWork) moved = (await this.#moveOn(campaign)) || moved;
      for (const { id, cancelled_at } of stopped) {
        if (cancelled_at !== null) continue;
        const aside = await store.write((tx) =>
          this.#pace.timed((rows) => pauseSlice(tx, id, clock.now(), rows)),
        );
        if (aside > 0) moved = true;
      }
      for (const stop of stops) moved = (await this.#atProvider(stop)) || moved;
    }
  }

  /** What a stop at a provider is about steps aside, comes back or is taken back; new rows of the fan-out too. */
  async #atProvider(stop: CampaignStop): Promise<boolean> {
    const { store, clock, wake } = this.#runtime;
    const last = this.#swept.get(stop.id);
    if (last?.state === stop.state && Date.now() - last.at < SWEEP_AGAIN_MS) return false;
    if ((await store.write((tx) => moveStopped(tx, stop, clock.now()))) > 0) {
      if (stop.state === 'slower' || stop.state === 'released') wake.ring('queue');
      return true;
    }
    this.#swept.set(stop.id, { state: stop.state, at: Date.now() });
    return false;
  }

  /** Whether there is more to do for it at once. */
  async #moveOn(campaign: Campaign): Promise<boolean> {
    const { id } = campaign;
    try {
      const more = await this.#step(campaign);
      this.#failing.delete(id);
      return more;
    } catch (error) {
      if (!this.#failing.has(id))
        this.#runtime.log.error('campaign could not be moved on', { campaign: id, error });
      this.#failing.add(id);
      return false;
    }
  }

  async #step(campaign: Campaign): Promise<boolean> {
    const { id, state } = campaign;
    switch (state) {
      case 'scheduled':
      case 'blocked':
        this.#examine(campaign);
        return false;
      case 'queueing':
        return (await this.#resumed(id)) || (await this.#fanOut(id));
      case 'sending':
        return (await this.#resumed(id)) || (await this.#finish(id));
      case 'cancelled':
        return this.#sweep(id);
      case 'draft':
      case 'paused':
      case 'sent':
        return false;
      default:
        return state satisfies never;
    }
  }

  /** Aside, since the checks ask name servers: no other campaign waits for them. */
  #examine(campaign: Campaign): void {
    const { clock, log } = this.#runtime;
    const { id } = campaign;
    if (this.#examining.has(id) || examinationDue(campaign, clock.now()) === undefined) return;
    const work = examineScheduled(this.#runtime, id)
      .then((outcome) => {
        this.#failing.delete(id);
        log.info('scheduled campaign examined', { campaign: id, outcome });
        if (outcome === 'started') this.#look();
      })
      .catch((error: unknown) => {
        if (!this.#failing.has(id))
          log.error('scheduled campaign could not be examined', { campaign: id, error });
        this.#failing.add(id);
      })
      .finally(() => this.#examining.delete(id));
    this.#examining.set(id, work);
  }

  async #fanOut(id: number): Promise<boolean> {
    const { store, clock, wake, log } = this.#runtime;
    const ahead = this.#ahead.get(id) ?? new RecipientsAhead();
    this.#ahead.set(id, ahead);
    const outcome = await fanOutSlice(store, id, clock.now(), FAN_OUT_SLICE, ahead);
    if (outcome.kind !== 'queued') this.#ahead.delete(id);
    if (outcome.kind === 'not-now') return false;
    // The first message leaves while the last recipient is still being queued.
    wake.ring('queue');
    if (outcome.kind === 'queued') return true;
    log.info('campaign queued', { campaign: id });
    wake.ring('campaign');
    return true;
  }

  /** What stepped aside while it was paused comes back. */
  async #resumed(id: number): Promise<boolean> {
    const { store, clock, wake } = this.#runtime;
    const back = await store.write((tx) =>
      this.#pace.timed((rows) => resumeSlice(tx, id, clock.now(), rows)),
    );
    if (back > 0) wake.ring('queue');
    return back > 0;
  }

  async #finish(id: number): Promise<boolean> {
    const { store, clock, wake, log } = this.#runtime;
    if (await hasUnfinished(store.read, id)) return false;
    const now = clock.now();
    const isSent = await store.write(async (tx) => {
      if (await hasUnfinished(tx, id)) return false;
      await moveCampaign(tx, id, 'sent', { finished_at: now }, now);
      return true;
    });
    if (!isSent) return false;
    log.info('campaign sent', { campaign: id });
    wake.ring('campaign');
    return false;
  }

  /** Cancelled is one row and holds at once; the recipients' rows follow. */
  async #sweep(id: number): Promise<boolean> {
    const { store, clock, wake } = this.#runtime;
    const now = clock.now();
    const swept = await store.write((tx) =>
      this.#cancelPace.timed((rows) =>
        cancelSlice(tx, { campaign: id }, 'the campaign was cancelled', now, rows),
      ),
    );
    if (swept > 0) return true;
    // What was on the wire ends by itself.
    if (await hasUnfinished(store.read, id)) return false;
    await store.write((tx) => changeCampaign(tx, id, ['cancelled'], { finished_at: now }, now));
    wake.ring('campaign');
    return false;
  }
}
