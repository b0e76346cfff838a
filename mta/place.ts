/**
 * How fast we may go at a place: connections, messages on each, messages in a time, and what a provider's replies asked
 * for. A place is a source at a provider, or at a site where the provider's limits hold per site. A limit releases
 * itself; a block waits for a message that is accepted (one an hour is tried), for a green look at our own facts, or for
 * a person. All of it can say why something waits and until when.
 */
import { replyRuleFor, type Provider } from '../config/providers.ts';
import type { ReplyRule, RuleAction } from '../config/provider-rules.ts';
import type { BounceAction, BounceClassName } from '../core/mail/bounce-class.ts';
import type { BlockCause, Row } from '../core/store/tables.ts';
import { PROBE_EVERY_MS } from '../core/store/throttle.ts';
import { impliedRule, impliedRules } from './implied-rules.ts';

/** Why a message waits, for a person: `kind` names a sentence in the interface. */
export interface Waiting {
  kind: 'rate' | 'connections' | 'slow' | 'one-connection' | 'suspended' | 'blocked';
  until: number | null;
  /** Of a reply rule: its id, and the words that set it off. */
  rule: string;
  reply: string;
}

interface Throttle {
  rule: ReplyRule;
  /** The site that it is written down for. */
  site: string;
  reply: string;
  since: number;
  /** Infinite of a block. */
  until: number;
  isWritten: boolean;
  /** Of a block: when a message last went to see whether it stands. */
  probedAt: number | null;
}

export interface ThrottleNotice {
  sourceId: number;
  site: string;
  provider: string;
  kind: 'slow' | 'one-connection' | 'suspended' | 'blocked';
  rule: string;
  reply: string;
  since: number;
  until: number | null;
  cause: BlockCause | null;
}

/** A campaign must stop at the place; the rest of the mail goes on. */
export interface CampaignNotice {
  kind: 'suspend-campaign';
  site: string;
  campaignId: number;
  rule: string;
  reply: string;
}

/** What is known of a refusal beyond its words. */
export interface About {
  class?: BounceClassName | null;
  /** Of the message: a rule may stop one campaign alone. */
  campaignId?: number | null;
}

/** A suspension that ends sooner is waited for. */
const LONG_MS = 15 * 60_000;
const REPLY_LENGTH = 500;

/** A token bucket in the shape of a timestamp (GCRA): no timer, and exact over any window. */
class Rate {
  #at = 0;

  /** When the next message may go; now or earlier means at once. */
  next(now: number, { messages, perMs }: { messages: number; perMs: number }): number {
    const interval = perMs / messages;
    // A second's worth may go in a burst, so that pacing does not fall apart into single packets.
    const burst = Math.min(perMs, Math.max(interval, 1000));
    return Math.max(this.#at - burst + interval, now > this.#at ? now : 0);
  }

  forget(): void {
    this.#at = 0;
  }

  take(now: number, { messages, perMs }: { messages: number; perMs: number }): void {
    this.#at = Math.max(this.#at, now) + perMs / messages;
  }
}

/** One source at one place. */
export class Place {
  readonly sourceId: number;
  readonly site: string;
  connections = 0;
  /** Told when a message goes out to see whether a block stands. */
  onProbe: ((place: Place, site: string, rule: string, at: number) => void) | undefined;
  #provider: Provider;
  readonly #rate = new Rate();
  readonly #slowRate = new Rate();
  readonly #throttles = new Map<string, Throttle>();
  readonly #seen = new Map<string, number[]>();

  constructor(sourceId: number, site: string, provider: Provider) {
    this.sourceId = sourceId;
    this.site = site;
    this.#provider = provider;
  }

  /** With the limits that are in force here. */
  get provider(): Provider {
    return this.#provider;
  }

  set provider(provider: Provider) {
    const { messages, perMs } = this.#provider.rate;
    // What was booked at the old pace says nothing about the new one.
    if (messages !== provider.rate.messages || perMs !== provider.rate.perMs) this.#rate.forget();
    this.#provider = provider;
  }

  /** Connections that may be open now. It grows with what waits: a few messages do not need many. */
  maxConnections(waiting: number, now: number): number {
    let limit = this.provider.connections;
    for (const throttle of this.#active(now)) {
      const { rule } = throttle;
      if (rule.action.kind === 'suspend') return 0;
      if (rule.action.kind === 'block') {
        if (nextProbe(throttle) > now) return 0;
        limit = 1;
      }
      if (rule.action.kind === 'one-connection') limit = 1;
      if (rule.action.kind === 'slow' && rule.action.connections !== undefined)
        limit = Math.min(limit, rule.action.connections);
    }
    return Math.min(limit, Math.max(1, Math.ceil(waiting / 4)));
  }

  messagesPerConnection(now: number): number {
    let limit = this.provider.messagesPerConnection;
    for (const { rule } of this.#active(now)) {
      if (rule.action.kind === 'messages-per-connection') limit = Math.min(limit, rule.action.messages);
    }
    return limit;
  }

  /** When the next message may go, by this clock; now or earlier means at once. */
  nextMessageAt(now: number): number {
    let at = this.#rate.next(now, this.provider.rate);
    for (const throttle of this.#active(now)) {
      const { rule, until } = throttle;
      if (rule.action.kind === 'suspend') at = Math.max(at, until);
      if (rule.action.kind === 'block') at = Math.max(at, nextProbe(throttle));
      if (rule.action.kind === 'slow') at = Math.max(at, this.#slowRate.next(now, rule.action));
    }
    return at;
  }

  /** A message goes now. */
  took(now: number): void {
    this.#rate.take(now, this.provider.rate);
    for (const throttle of this.#active(now)) {
      const { action, id } = throttle.rule;
      if (action.kind === 'slow') this.#slowRate.take(now, action);
      if (action.kind !== 'block') continue;
      throttle.probedAt = now;
      this.onProbe?.(this, throttle.site, id, now);
    }
  }

  /** A message was accepted. The blocks that it ends, to be taken off the list. */
  accepted(): { site: string; rule: string }[] {
    if (this.#seen.size === 0 && this.#throttles.size === 0) return [];
    // Who blocks us accepts nothing in between: refusals of single messages are no block, however many there are.
    for (const rule of this.#seen.keys()) if (this.#isBlock(rule)) this.#seen.delete(rule);
    const ended: { site: string; rule: string }[] = [];
    for (const [id, { rule, site, probedAt }] of this.#throttles) {
      // What was on its way when the block began says nothing about it.
      if (rule.action.kind !== 'block' || probedAt === null) continue;
      this.#throttles.delete(id);
      ended.push({ site, rule: id });
    }
    return ended;
  }

  #isBlock(ruleId: string): boolean {
    return this.#rules().find((one) => one.id === ruleId)?.action.kind === 'block';
  }

  #rules(): ReplyRule[] {
    return [...this.provider.rules, ...impliedRules];
  }

  /**
   * Reads a refusal. When it sets a rule off, says what now holds, so that it can be written down and shown. `action` is
   * what the class of the refusal asks for, where the provider has no rule of its own.
   */
  heard(
    reply: string,
    action: BounceAction | null,
    now: number,
    about: About = {},
  ): ThrottleNotice | CampaignNotice | undefined {
    const rule = replyRuleFor(this.provider, reply) ?? impliedRule(action, about.class ?? null);
    if (rule === undefined) return undefined;
    const { kind } = rule.action;
    const campaignId = about.campaignId ?? null;
    if (kind === 'suspend-campaign' && campaignId === null) return undefined;
    if (kind === 'block' && this.#throttles.has(rule.id)) return undefined;
    const counted = kind === 'suspend-campaign' ? `${rule.id} ${campaignId}` : rule.id;
    const times = (this.#seen.get(counted) ?? []).filter((at) => at > now - rule.withinMs);
    times.push(now);
    this.#seen.set(counted, times);
    if (times.length < rule.times) return undefined;
    this.#seen.delete(counted);
    const words = reply.slice(0, REPLY_LENGTH);
    if (kind === 'suspend-campaign')
      return { kind, site: this.site, campaignId: campaignId ?? 0, rule: rule.id, reply: words };
    return this.#throttle(rule, words, now);
  }

  #throttle(rule: ReplyRule, reply: string, now: number): ThrottleNotice {
    const { action } = rule;
    const until = action.kind === 'block' ? Infinity : now + rule.forMs;
    const { site } = this;
    this.#throttles.set(rule.id, { rule, site, reply, since: now, until, isWritten: false, probedAt: null });
    return {
      sourceId: this.sourceId,
      site,
      provider: this.provider.id,
      kind: kindOf(action),
      rule: rule.id,
      reply,
      since: now,
      until: Number.isFinite(until) ? until : null,
      cause: action.kind === 'block' ? action.cause : null,
    };
  }

  /** Refused for our address, and another way out is at hand: one such reply is enough. Undefined: it is known already. */
  block(reply: string, about: BounceClassName | null, now: number): ThrottleNotice | undefined {
    const rule = impliedRule('block', about);
    if (rule === undefined || this.#throttles.has(rule.id)) return undefined;
    return this.#throttle(rule, reply.slice(0, REPLY_LENGTH), now);
  }

  /** Nothing goes from here for so long that another way out is worth it. The message that asks again still goes from here. */
  isBlocked(now: number): boolean {
    for (const throttle of this.#active(now)) {
      const { kind } = throttle.rule.action;
      if (kind === 'block' && nextProbe(throttle) > now) return true;
      if (kind === 'suspend' && throttle.until - now > LONG_MS) return true;
    }
    return false;
  }

  /** The throttle of a rule is written down: from now on its absence there means that somebody released it. */
  confirm(ruleId: string): void {
    const throttle = this.#throttles.get(ruleId);
    if (throttle !== undefined) throttle.isWritten = true;
  }

  /** Throttles that are no longer among the written ones were taken away by a person, or by another node. */
  releaseMissing(isWritten: (site: string, rule: string) => boolean): boolean {
    let released = false;
    for (const [id, throttle] of this.#throttles) {
      if (!throttle.isWritten || isWritten(throttle.site, id)) continue;
      this.#throttles.delete(id);
      this.#seen.delete(id);
      released = true;
    }
    return released;
  }

  /** What a throttle that was written down says: by this process before a restart, or by another node. */
  restore(written: WrittenThrottle): void {
    if (this.#throttles.has(written.rule)) return;
    const { site, reply, since, probed_at: probedAt } = written;
    const rule = this.#rules().find((one) => one.id === written.rule) ?? gone(written);
    if (rule === undefined) return;
    const until = written.until ?? Infinity;
    this.#throttles.set(written.rule, { rule, site, reply, since, until, isWritten: true, probedAt });
  }

  /** Why something waits here, the strictest reason first. Undefined: nothing holds it. */
  whyWaiting(now: number): Waiting | undefined {
    const active = [...this.#active(now)].sort(
      (a, b) => severity(b.rule.action) - severity(a.rule.action),
    )[0];
    if (active !== undefined) {
      return {
        kind: kindOf(active.rule.action),
        until: Number.isFinite(active.until) ? active.until : null,
        rule: active.rule.id,
        reply: active.reply,
      };
    }
    const next = this.#rate.next(now, this.provider.rate);
    if (next > now) return { kind: 'rate', until: next, rule: '', reply: '' };
    if (this.connections >= this.provider.connections)
      return { kind: 'connections', until: null, rule: '', reply: '' };
    return undefined;
  }

  *#active(now: number): Generator<Throttle> {
    for (const [id, throttle] of this.#throttles) {
      if (throttle.until <= now) this.#throttles.delete(id);
      else yield throttle;
    }
  }
}

const nextProbe = ({ since, probedAt }: Throttle): number => (probedAt ?? since) + PROBE_EVERY_MS;

/** A throttle as its row tells it. */
export type WrittenThrottle = Pick<
  Row<'throttle'>,
  'source_id' | 'site' | 'provider' | 'kind' | 'rule' | 'reply' | 'since' | 'until' | 'cause' | 'probed_at'
>;

/** Its rule is no more, by an upgrade or by a person; a stop and a block are a stop and a block all the same. */
function gone({ rule: id, kind, cause }: WrittenThrottle): ReplyRule | undefined {
  const action: RuleAction | undefined =
    kind === 'blocked'
      ? { kind: 'block', cause: cause ?? 'policy' }
      : kind === 'suspended'
        ? { kind: 'suspend' }
        : kind === 'one-connection'
          ? { kind: 'one-connection' }
          : undefined;
  if (action === undefined) return undefined;
  return { id, pattern: /(?!)/, action, times: 1, withinMs: 0, forMs: 0, samples: [''] };
}

const severities: Record<RuleAction['kind'], number> = {
  block: 4,
  suspend: 3,
  slow: 2,
  'one-connection': 1,
  'messages-per-connection': 0,
  'suspend-campaign': 0,
};
const severity = (action: RuleAction): number => severities[action.kind];

function kindOf(action: RuleAction): ThrottleNotice['kind'] {
  switch (action.kind) {
    case 'block':
      return 'blocked';
    case 'suspend':
    case 'suspend-campaign': // holds no place; it never gets here
      return 'suspended';
    case 'slow':
      return 'slow';
    case 'one-connection':
    case 'messages-per-connection':
      return 'one-connection';
    default:
      return action satisfies never;
  }
}
