/**
 * How fast we may go at a place: connections, messages on each, messages in a time, and what a provider's replies asked
 * for. A place is a source at a provider, or at a site where the provider's limits hold per site. Everything here releases
 * itself, and can say why something waits and until when.
 */
import { replyRuleFor, type Provider } from '../config/providers.ts';
import type { ReplyRule, RuleAction } from '../config/provider-rules.ts';
import type { BounceAction } from '../core/mail/bounce-class.ts';

/** Why a message waits, for a person: `kind` names a sentence in the interface. */
export interface Waiting {
  kind: 'rate' | 'connections' | 'slow' | 'one-connection' | 'suspended';
  until: number | null;
  /** Of a reply rule: its id, and the words that set it off. */
  rule: string;
  reply: string;
}

interface Throttle {
  rule: ReplyRule;
  reply: string;
  since: number;
  until: number;
  isWritten: boolean;
}

export interface ThrottleNotice {
  sourceId: number;
  site: string;
  kind: 'slow' | 'one-connection' | 'suspended';
  rule: string;
  reply: string;
  since: number;
  until: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** What a class of refusal asks for at providers that have no rule for those words. One reply is never enough. */
const byAction: Partial<Record<BounceAction, ReplyRule>> = {
  'slow-down': implied('class-slow-down', { kind: 'slow', messages: 10, perMs: MINUTE }, 3, 30 * MINUTE),
  'one-connection': implied('class-one-connection', { kind: 'one-connection' }, 2, HOUR),
  suspend: implied('class-suspend', { kind: 'suspend' }, 5, HOUR),
  // A block is no matter of pace: after an hour one message asks again.
  block: implied('class-block', { kind: 'suspend' }, 5, HOUR),
};

function implied(id: string, action: RuleAction, times: number, forMs: number): ReplyRule {
  return { id, pattern: /(?!)/, action, times, withinMs: HOUR, forMs, samples: [''] };
}

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

  take(now: number, { messages, perMs }: { messages: number; perMs: number }): void {
    this.#at = Math.max(this.#at, now) + perMs / messages;
  }
}

/** One source at one place. */
export class Place {
  readonly sourceId: number;
  readonly site: string;
  readonly provider: Provider;
  connections = 0;
  readonly #rate = new Rate();
  readonly #slowRate = new Rate();
  readonly #throttles = new Map<string, Throttle>();
  readonly #seen = new Map<string, number[]>();

  constructor(sourceId: number, site: string, provider: Provider) {
    this.sourceId = sourceId;
    this.site = site;
    this.provider = provider;
  }

  /** Connections that may be open now. It grows with what waits: a few messages do not need many. */
  maxConnections(waiting: number, now: number): number {
    let limit = this.provider.connections;
    for (const { rule } of this.#active(now)) {
      if (rule.action.kind === 'suspend') return 0;
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
    for (const { rule, until } of this.#active(now)) {
      if (rule.action.kind === 'suspend') at = Math.max(at, until);
      if (rule.action.kind === 'slow') at = Math.max(at, this.#slowRate.next(now, rule.action));
    }
    return at;
  }

  /** A message goes now. */
  took(now: number): void {
    this.#rate.take(now, this.provider.rate);
    for (const { rule } of this.#active(now))
      if (rule.action.kind === 'slow') this.#slowRate.take(now, rule.action);
  }

  /**
   * Reads a refusal. When it sets a rule off, says what now holds, so that it can be written down and shown. `action` is
   * what the class of the refusal asks for, where the provider has no rule of its own.
   */
  heard(reply: string, action: BounceAction | null, now: number): ThrottleNotice | undefined {
    const rule = replyRuleFor(this.provider, reply) ?? (action === null ? undefined : byAction[action]);
    if (rule === undefined) return undefined;
    const times = (this.#seen.get(rule.id) ?? []).filter((at) => at > now - rule.withinMs);
    times.push(now);
    this.#seen.set(rule.id, times);
    if (times.length < rule.times) return undefined;
    this.#seen.delete(rule.id);
    const throttle = {
      rule,
      reply: reply.slice(0, 500),
      since: now,
      until: now + rule.forMs,
      isWritten: false,
    };
    this.#throttles.set(rule.id, throttle);
    return {
      sourceId: this.sourceId,
      site: this.site,
      kind: kindOf(rule.action),
      rule: rule.id,
      reply: throttle.reply,
      since: now,
      until: throttle.until,
    };
  }

  /** The throttle of a rule is written down: from now on its absence there means that somebody released it. */
  confirm(ruleId: string): void {
    const throttle = this.#throttles.get(ruleId);
    if (throttle !== undefined) throttle.isWritten = true;
  }

  get hasWrittenThrottle(): boolean {
    return [...this.#throttles.values()].some((throttle) => throttle.isWritten);
  }

  /** A person releases it before its time. */
  release(): void {
    this.#throttles.clear();
    this.#seen.clear();
  }

  /** What a throttle that was written down before a restart said; it holds for the rest of its time. */
  restore(ruleId: string, reply: string, since: number, until: number): void {
    const rules = [...this.provider.rules, ...Object.values(byAction)];
    const rule = rules.find((one) => one.id === ruleId);
    if (rule !== undefined) this.#throttles.set(ruleId, { rule, reply, since, until, isWritten: true });
  }

  /** Why something waits here, the strictest reason first. Undefined: nothing holds it. */
  whyWaiting(now: number): Waiting | undefined {
    const active = [...this.#active(now)].sort(
      (a, b) => severity(b.rule.action) - severity(a.rule.action),
    )[0];
    if (active !== undefined) {
      return {
        kind: kindOf(active.rule.action),
        until: active.until,
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

const severity = (action: RuleAction): number =>
  ({ suspend: 3, slow: 2, 'one-connection': 1, 'messages-per-connection': 0 })[action.kind];

function kindOf(action: RuleAction): ThrottleNotice['kind'] {
  switch (action.kind) {
    case 'suspend':
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

/** All places, made when first asked for. */
export class Shaper {
  readonly #places = new Map<string, Place>();

  place(sourceId: number, site: string, provider: Provider): Place {
    const scope = provider.scope === 'provider' ? `provider ${provider.id}` : `site ${site}`;
    const key = `${sourceId} ${scope}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const place = new Place(sourceId, site, provider);
    this.#places.set(key, place);
    return place;
  }

  /** Releases the places whose throttle is no longer written down: a person took it away. */
  releasedByHand(written: readonly { source_id: number; site: string }[]): Place[] {
    const released: Place[] = [];
    for (const place of this.#places.values()) {
      if (!place.hasWrittenThrottle) continue;
      if (written.some((row) => row.source_id === place.sourceId && row.site === place.site)) continue;
      place.release();
      released.push(place);
    }
    return released;
  }

  all(): Iterable<Place> {
    return this.#places.values();
  }
}
