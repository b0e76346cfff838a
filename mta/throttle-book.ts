/**
 * The book of what holds at each place: reads what people and other nodes wrote into it, and writes what replies asked for.
 * Blocks are looked at again from here, when their cause is something that we can look at.
 */
import type { RuleAction } from '../config/provider-rules.ts';
import { providerById, type Provider } from '../config/providers.ts';
import type { Runtime } from '../core/runtime.ts';
import { lookAgain } from '../core/sending/recheck.ts';
import { placedRule } from '../core/sending/team-rule.ts';
import { sendingDomainById } from '../core/store/identity.ts';
import type { Delivery } from '../core/store/queue.ts';
import { overrides, teamRules } from '../core/store/shaping.ts';
import {
  activeThrottles,
  addThrottle,
  endBlock,
  noteProbe,
  type BlockFacts,
  type Throttle,
} from '../core/store/throttle.ts';
import type { Db } from '../core/store/tables.ts';
import type { Place, ThrottleNotice, WrittenThrottle } from './place.ts';
import { wordsOf, type Attempted } from './result.ts';
import { Shaper } from './shaper.ts';
import type { Source } from './source.ts';

/** Stops a campaign at a provider (watch.ts). */
export type StopCampaignAt = (campaign: number, site: Where, reply: string) => void;

export interface Where {
  provider: Provider;
  site: string;
}

/** By the clock: our own facts do not change from one minute to the next. */
const LOOK_EVERY_MS = 10 * 60_000;

export class ThrottleBook {
  readonly shaper = new Shaper();
  readonly #runtime: Runtime;
  readonly #stopCampaignAt: StopCampaignAt;
  #settled = '';
  #looking = false;

  constructor(runtime: Runtime, stopCampaignAt: StopCampaignAt) {
    this.#runtime = runtime;
    this.#stopCampaignAt = stopCampaignAt;
    this.shaper.onProbe = (place, site, rule, at) =>
      void this.#write('probe', (tx) => noteProbe(tx, { sourceId: place.sourceId, site, rule }, at));
  }

  /** Reads everything; answers the places where something was released. */
  async refresh(): Promise<Place[]> {
    const { store, clock } = this.#runtime;
    const [own, rules, throttles] = await Promise.all([
      overrides(store.read),
      teamRules<RuleAction>(store.read),
      activeThrottles(store.read, clock.now()),
    ]);
    const settled = JSON.stringify([own, rules]);
    if (settled !== this.#settled) this.shaper.settle(own, rules.map(placedRule));
    this.#settled = settled;
    void this.#look(throttles);
    return this.shaper.mirror(throttles, this.#providerOf);
  }

  /** The provider of a smarthost is known from the place alone, once something went there. */
  readonly #providerOf = ({ source_id, site, provider }: WrittenThrottle): Provider | undefined =>
    source_id < 0 ? this.shaper.tableAt(source_id, site) : providerById(provider);

  /** How an attempt ended may slow a source down there, block it, stop a campaign, or end a block. */
  heard(row: Delivery, attempted: Attempted, at: { place: Place; source: Source } & Where): void {
    const { transaction, outcome } = attempted;
    const { place, source, site, provider } = at;
    const { sourceId } = place;
    if (outcome.state === 'delivered') {
      for (const { site: written, rule } of place.accepted()) {
        this.#runtime.log.info('block ended: a message was accepted', { source: source.name, site, rule });
        void this.#write('end of a block', (tx) => endBlock(tx, { sourceId, site: written, rule }));
      }
      return;
    }
    if (transaction.kind !== 'refused') return;
    const campaignId = row.origin_kind === 'campaign' ? row.origin_id : null;
    const now = this.#runtime.clock.now();
    const about = { class: outcome.class, campaignId };
    const notice = place.heard(wordsOf(outcome), outcome.action, now, about);
    if (notice === undefined) return;
    if (notice.kind === 'suspend-campaign') {
      this.#stopCampaignAt(notice.campaignId, { provider, site }, notice.reply);
      return;
    }
    this.#note(row, attempted, notice, at);
  }

  /** A provider blocks our address, and a smarthost takes over. */
  blocked(row: Delivery, attempted: Attempted, at: { place: Place; source: Source } & Where): void {
    const { outcome } = attempted;
    const notice = at.place.block(wordsOf(outcome), outcome.class, this.#runtime.clock.now());
    if (notice !== undefined) this.#note(row, attempted, notice, at);
  }

  #note(
    row: Delivery,
    attempted: Attempted,
    notice: ThrottleNotice,
    { place, source, site }: { place: Place; source: Source } & Where,
  ): void {
    const { rule, kind, until } = notice;
    this.#runtime.log.warn('throttled by a reply', {
      source: source.name,
      destination: site,
      kind,
      rule,
      until,
    });
    void this.#enter(row, attempted, notice, place, source);
  }

  async #enter(row: Delivery, attempted: Attempted, notice: ThrottleNotice, place: Place, source: Source) {
    const facts = notice.kind === 'blocked' ? await this.#facts(row, attempted, notice, source) : null;
    if (await this.#write('throttle', (tx) => addThrottle(tx, { ...notice, facts })))
      place.confirm(notice.rule);
  }

  async #facts(
    row: Delivery,
    { session, mx }: Attempted,
    { since, reply }: ThrottleNotice,
    { ip, ehlo }: Source,
  ): Promise<BlockFacts> {
    const { store, dns } = this.#runtime;
    const [domain, names] = await Promise.all([
      sendingDomainById(store.glance, row.sending_domain_id).catch(() => undefined),
      ip === '' ? [] : dns.ptr(ip).catch(() => []),
    ]);
    return {
      ip,
      ehlo,
      ptr: names.map((name) => name.replace(/\.$/, '')).join(', '),
      domain: domain?.name ?? '',
      domainId: domain?.id ?? null,
      mx: session?.host ?? mx,
      at: since,
      reply,
    };
  }

  /** Blocks whose cause can be looked at, one after the other and never twice at once. */
  async #look(throttles: readonly Throttle[]): Promise<void> {
    if (this.#looking) return;
    const now = this.#runtime.clock.now();
    const due = throttles.filter(
      ({ kind, cause, checked_at }) =>
        kind === 'blocked' && cause !== 'policy' && (checked_at ?? -Infinity) <= now - LOOK_EVERY_MS,
    );
    if (due.length === 0) return;
    this.#looking = true;
    try {
      for (const block of due) {
        const { ended } = await lookAgain(this.#runtime, block);
        if (ended) this.#runtime.log.info('block ended: what was wrong is right now', { site: block.site });
      }
    } catch (error) {
      this.#runtime.log.error('a block could not be looked at', { error });
    } finally {
      this.#looking = false;
    }
  }

  /** Whether it is written. */
  #write(what: string, work: (tx: Db) => Promise<void>): Promise<boolean> {
    return this.#runtime.store.write(work).then(
      () => true,
      (error: unknown) => {
        this.#runtime.log.error(`${what} could not be written`, { error });
        return false;
      },
    );
  }
}
