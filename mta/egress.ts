/**
 * The ways out of this machine, and how they are: our own addresses and the smarthosts, which of them may be used now,
 * by which a pool's mail leaves, and what each connection taught. What is set aside is written down with its reason, is
 * tried again by itself, and the rest go on.
 */
import { hostname } from 'node:os';
import type { Provider } from '../config/providers.ts';
import type { BounceClassName } from '../core/mail/bounce-class.ts';
import type { Runtime } from '../core/runtime.ts';
import { changeSource } from '../core/store/identity.ts';
import { pools, sourcesInPools } from '../core/store/pool.ts';
import { changeSmarthost, smarthosts } from '../core/store/smarthost.ts';
import { connect, type Connected, type Target } from './connect.ts';
import { exitsFor, type Exit } from './exits.ts';
import { SourceHealth } from './health.ts';
import type { Encryption } from './encryption.ts';
import { Quirks } from './quirks.ts';
import type { RouteHost } from './route.ts';
import { timeoutsOf, type Timeouts } from './session.ts';
import { connectSmarthost, SmarthostFault } from './smarthost-connect.ts';
import { Smarthosts } from './smarthosts.ts';
import { siteOfSmarthost } from './smarthost.ts';
import { Sources, type Aside, type Source } from './source.ts';

/** What the manager knows of a source at one destination. */
export interface Outlook {
  /** How many more it takes. */
  room(source: Source): number;
  /** Blocked there for long. */
  isBlocked(source: Source): boolean;
}

export interface Door {
  site: string;
  provider: Provider;
  hosts: RouteHost[];
}

export class Egress {
  readonly sources: Sources;
  readonly #smarthosts: Smarthosts;
  readonly #health = new SourceHealth();
  readonly #encryption: Encryption;
  readonly #quirks = new Quirks();
  readonly #timeouts: Timeouts;
  readonly #runtime: Runtime;
  readonly #ehlo: string;

  constructor(runtime: Runtime, ehlo: string, encryption: Encryption) {
    this.#encryption = encryption;
    this.#timeouts = timeoutsOf(runtime.config.mta.patience_percent);
    this.#runtime = runtime;
    this.#ehlo = ehlo;
    this.sources = new Sources(ehlo, hostname());
    this.#smarthosts = new Smarthosts(runtime, ehlo);
  }

  /** A few rows, read often. `stopped` are sources that an order over the queue stops, known once those are read. */
  async refresh(): Promise<(stopped: ReadonlySet<number>) => void> {
    const { read } = this.#runtime.store;
    const [rows, poolRows, relays] = await Promise.all([sourcesInPools(read), pools(read), smarthosts(read)]);
    return (stopped) => {
      this.sources.set(rows, poolRows, stopped);
      this.#smarthosts.set(relays);
    };
  }

  /** By which doors the mail for a destination may leave now, and how much by each. */
  exits(hosts: readonly RouteHost[], { room, isBlocked }: Outlook): Exit[] {
    const now = this.#runtime.clock.now();
    const rooms = new Map<number, number>();
    const roomOf = (source: Source): number => {
      let known = rooms.get(source.id);
      if (known === undefined) rooms.set(source.id, (known = room(source)));
      return known;
    };
    return exitsFor(
      this.sources.pools().map((name) => {
        const pool = this.sources.pool(name);
        const mode = pool?.smarthost_mode ?? 'off';
        const relay = mode === 'off' ? undefined : this.smarthostOf(name);
        const own = mode === 'always' ? [] : this.sources.usable(name, now, hosts);
        return {
          name,
          mode,
          share: pool?.smarthost_share ?? 0,
          ownRoom: own.reduce((sum, source) => sum + roomOf(source), 0),
          ownBlocked: mode === 'failover' && this.sources.isCutOff(name, now, isBlocked),
          smarthostRoom: relay && roomOf(relay),
        };
      }),
    );
  }

  /** The smarthost of a pool, when it may be used now. */
  smarthostOf(pool: string): Source | undefined {
    return this.#smarthosts.usable(this.sources.pool(pool)?.smarthost_id ?? null, this.#runtime.clock.now());
  }

  /** Whether a refusal is about our address alone, and the pool has a smarthost that may take over. */
  takesOver(pool: string, source: Source, about: BounceClassName | null): boolean {
    const isOurAddress = about === 'source-listed' || about === 'source-blocked' || about === 'reverse-dns';
    return isOurAddress && source.smarthost === undefined && this.hasFailover(pool);
  }

  hasFailover(pool: string): boolean {
    return this.sources.pool(pool)?.smarthost_mode === 'failover' && this.smarthostOf(pool) !== undefined;
  }

  /** A smarthost is a destination of its own, whoever the recipient's provider is. */
  doorOf({ smarthost }: Source): Door | undefined {
    if (smarthost === undefined) return undefined;
    const { name, host, port, provider } = smarthost;
    return { site: siteOfSmarthost(name), provider, hosts: [{ name: host, addresses: [host], port }] };
  }

  isPaused({ id, smarthost }: Source): boolean {
    return smarthost === undefined ? this.sources.isPaused(id) : this.#smarthosts.isPaused(id);
  }

  // ── connections, and what they teach ────────────────────────────────────────────────────────────────────────────

  async connect(target: Target, source: Source, provider: Provider): Promise<Connected> {
    if (source.smarthost !== undefined) return this.#connectSmarthost(source, source.smarthost);
    const { clock, config } = this.#runtime;
    const opened = await connect(target, {
      localAddress: source.ip,
      ehlo: source.ehlo,
      ...this.#encryption.terms(provider),
      quirks: this.#quirks,
      timeouts: this.#timeouts,
      record: true,
      now: clock.now(),
      allowPrivateTargets: config.mta.allow_private_targets,
    });
    this.#learn(opened, target, source);
    return opened;
  }

  async #connectSmarthost(source: Source, way: NonNullable<Source['smarthost']>): Promise<Connected> {
    try {
      const session = await connectSmarthost(way, {
        dns: this.#runtime.dns,
        ehlo: this.#ehlo,
        record: true,
      });
      this.#health.talked(source.id);
      return { kind: 'session', session };
    } catch (cause) {
      // No message is charged with it: others wait for no fault of theirs, or leave by our own addresses.
      const error = cause instanceof Error ? cause : new Error(String(cause));
      return { kind: 'dropped', stage: 'connect', dotSent: false, error, sourceFault: true };
    }
  }

  #learn(opened: Connected, { host, address }: Target, source: Source): void {
    const now = this.#runtime.clock.now();
    if (opened.kind === 'session') return this.#health.talked(source.id);
    let words: string | undefined;
    if (opened.kind === 'refused' && (opened.stage === 'greeting' || opened.stage === 'ehlo'))
      words = `${opened.reply.code} ${opened.reply.text}`;
    else if (opened.kind === 'dropped' && isUnreachable(opened.error) && source.ip !== '')
      words = `the network of ${address} cannot be reached from ${source.ip}`;
    if (words === undefined) return;
    const aside = this.#health.refused(source.id, host, words, now);
    if (aside !== undefined) this.#setAside(source, aside);
  }

  /** It cannot be used at all now. */
  failed(source: Source, error: Error): void {
    const now = this.#runtime.clock.now();
    const aside =
      error instanceof SmarthostFault
        ? this.#health.fault(source.id, error.message, error.isTemporary, now)
        : this.#health.unbound(source.id, error, now);
    this.#setAside(source, aside, source.smarthost === undefined ? hostname() : '');
  }

  #setAside(source: Source, aside: Aside, host = ''): void {
    const { log, store } = this.#runtime;
    const { id, name, smarthost } = source;
    log.warn('set aside', { source: name, reason: aside.reason, until: aside.until });
    const columns = { aside_since: aside.since, aside_until: aside.until, aside_reason: aside.reason };
    if (smarthost !== undefined) this.#smarthosts.setAside(smarthost.id, aside);
    else this.sources.setAside(id, aside);
    // The stand-in has no row: nobody could mend it but the machine itself.
    if (id === 0) return;
    store
      .write(async (tx) => {
        if (smarthost !== undefined) return changeSmarthost(tx, smarthost.id, columns);
        await changeSource(tx, id, { ...columns, aside_host: host });
      })
      .then(
        () =>
          smarthost === undefined
            ? this.sources.confirmAside(id)
            : this.#smarthosts.confirmAside(smarthost.id),
        (error: unknown) =>
          log.error('what was set aside could not be written down', { source: name, error }),
      );
  }
}

const isUnreachable = (error: Error): boolean => (error as { code?: string }).code === 'ENETUNREACH';
