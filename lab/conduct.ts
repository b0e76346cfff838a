/**
 * How the providers of the lab treat a sender: connection and rate limits, greylisting, mailboxes that are missing or
 * full. It decides and remembers; the SMTP session only says what is decided. All spans are lab time.
 */
import type { Clock } from '../core/clock.ts';
import { fateOf, type FateOptions } from './fate.ts';
import type { Reply } from './provider-replies.ts';
import type { Provider } from './providers.ts';

export interface ConductOptions extends FateOptions {
  /** Switches greylisting, rate and connection limits off, for tests of other things. */
  lenient: boolean;
  /** How long a `full-for-a-while` mailbox stays full after its first refusal. */
  fullForMs: number;
}

/** Greylisting lists stop asking a client that came back this often. */
const TRUSTED_AFTER = 5;

export class Conduct {
  readonly #clock: Clock;
  readonly #options: ConductOptions;
  readonly #open = new Map<string, number>();
  readonly #windows = new Map<string, { since: number; count: number }>();
  readonly #seen = new Map<string, number>();
  readonly #returned = new Map<string, number>();
  readonly #fullSince = new Map<string, number>();

  constructor(clock: Clock, options: ConductOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  connected(provider: Provider, ip: string): Reply | null {
    const key = `${provider.name} ${ip}`;
    const open = (this.#open.get(key) ?? 0) + 1;
    this.#open.set(key, open);
    return open > provider.limits.connections && !this.#options.lenient ? 'too-many-connections' : null;
  }

  disconnected(provider: Provider, ip: string): void {
    const key = `${provider.name} ${ip}`;
    this.#open.set(key, Math.max(0, (this.#open.get(key) ?? 1) - 1));
  }

  mail(provider: Provider, ip: string, sentHere: number): Reply | null {
    if (this.#options.lenient) return null;
    if (sentHere >= provider.limits.messagesPerConnection) return 'too-many-messages';
    const rate = provider.limits.rate;
    if (rate === undefined) return null;
    const key = `${provider.name} ${ip}`;
    const now = this.#clock.now();
    const window = this.#windows.get(key);
    if (window === undefined || now - window.since >= rate.windowMs) {
      this.#windows.set(key, { since: now, count: 1 });
      return null;
    }
    if (window.count >= rate.messages) return 'rate-limited';
    window.count++;
    return null;
  }

  /** The answer to RCPT where greylisting stands before the mailbox look-up, as it does at the real ones. */
  rcpt(provider: Provider, ip: string, returnPath: string, address: string): Reply {
    if (this.#isGreylisted(provider, ip, returnPath, address)) return 'greylisted';
    return provider.looksUpAt === 'rcpt' ? this.lookUp(address) : 'accepted';
  }

  lookUp(address: string): Reply {
    const fate = fateOf(address, this.#options);
    if (fate === 'unknown-user') return 'unknown-user';
    if (fate === 'full') return 'mailbox-full';
    if (fate !== 'full-for-a-while') return 'accepted';
    const since = this.#fullSince.get(address) ?? this.#clock.now();
    this.#fullSince.set(address, since);
    return this.#clock.now() - since < this.#options.fullForMs ? 'mailbox-full-for-now' : 'accepted';
  }

  #isGreylisted(provider: Provider, ip: string, returnPath: string, address: string): boolean {
    if (provider.greylistMs === undefined || this.#options.lenient) return false;
    const client = `${provider.name} ${ip}`;
    if ((this.#returned.get(client) ?? 0) >= TRUSTED_AFTER) return false;
    // RFC 6647 2.1: the triplet of client, sender and recipient
    const triplet = `${client} ${returnPath} ${address}`;
    const now = this.#clock.now();
    const first = this.#seen.get(triplet) ?? now;
    this.#seen.set(triplet, first);
    if (now - first < provider.greylistMs) return true;
    this.#returned.set(client, (this.#returned.get(client) ?? 0) + 1);
    return false;
  }
}
