/**
 * One ready queue: what one source may now send to one site, bounded in memory, and the connections that empty it. A
 * connection takes message after message while it may; people's mail goes before bulk, and one connection is kept free
 * for it.
 */
import type { Provider } from '../config/providers.ts';
import type { Lane } from '../core/store/tables.ts';
import type { Lines } from './deliver.ts';
import { targetsOf, type Connected, type Target } from './connect.ts';
import type { RouteHost } from './route.ts';
import type { Session } from './session.ts';
import type { Place } from './place.ts';
import type { Source } from './source.ts';
import type { Transaction } from './transaction.ts';

export interface Item {
  id: number;
  lane: Lane;
}

/** What a ready queue asks of the manager. */
export interface ReadyWork<T extends Item> {
  now(): number;
  sleep(ms: number): Promise<void>;
  /** A connection less for everybody else; false when all are in use. */
  takeConnection(): boolean;
  /** One is free again at a place: whoever waits for one may open it. */
  returnConnection(place: Place): void;
  connect(target: Target, source: Source, provider: Provider): Promise<Connected>;
  /** What was learnt about the site; undefined when the message never got that far. */
  deliver(
    item: T,
    lines: Lines,
    at: ReadyQueue<T>,
    session: () => Session | undefined,
  ): Promise<Transaction | undefined>;
  /** Not now: they go back to the store until `at`. */
  giveBack(items: T[], at: number): void;
  /** Its address cannot be used here: another source takes over what waits. */
  sourceFailed(source: Source, error: Error): void;
}

/** Items kept in memory per queue and lane. */
export const READY_BOUND = 100;
/** A wait longer than this (by the clock) is waited for in the store, not in memory. */
const PATIENCE_MS = 30_000;
const GIVEN_BACK_MS = 60_000;
/** An idle connection is kept this long (real time) for the next message. */
const LINGER_MS = 150;
/** So many connections in a row that could not be opened stop the queue for a while. */
const FAILURES = 3;
const PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 30 * 60_000;

export class ReadyQueue<T extends Item> {
  readonly source: Source;
  readonly site: string;
  readonly place: Place;
  hosts: RouteHost[];
  readonly #work: ReadyWork<T>;
  readonly #items: Record<Lane, T[]> = { transactional: [], bulk: [] };
  #connections = 0;
  #busy = 0;
  #failures = 0;
  #pausedUntil = 0;
  #stopped = false;
  readonly #lingering: (() => void)[] = [];
  readonly #sessions = new Set<Session>();

  constructor(source: Source, site: string, place: Place, hosts: RouteHost[], work: ReadyWork<T>) {
    this.source = source;
    this.site = site;
    this.place = place;
    this.hosts = hosts;
    this.#work = work;
  }

  /** With the limits that are in force at the place. */
  get provider(): Provider {
    return this.place.provider;
  }

  /** How many more of a lane it takes; none while it could not send them soon. */
  room(lane: Lane): number {
    const now = this.#work.now();
    if (this.#stopped || this.#pausedUntil > now || this.place.nextMessageAt(now) > now + PATIENCE_MS)
      return 0;
    return Math.max(0, READY_BOUND - this.#items[lane].length);
  }

  get waiting(): number {
    return this.#items.transactional.length + this.#items.bulk.length;
  }

  get connections(): number {
    return this.#connections;
  }

  get isIdle(): boolean {
    return this.waiting === 0 && this.#busy === 0;
  }

  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  push(items: readonly T[]): void {
    for (const item of items) this.#items[item.lane].push(item);
    for (const wake of this.#lingering.splice(0)) wake();
    this.pump();
  }

  /** Opens as many connections as are worth it and allowed. */
  pump(): void {
    while (!this.#stopped && this.waiting > 0 && this.#mayOpen() && this.#work.takeConnection()) {
      this.#connections++;
      this.place.connections++;
      void this.#run().finally(() => {
        this.#connections--;
        this.place.connections--;
        this.#work.returnConnection(this.place);
      });
    }
  }

  #mayOpen(): boolean {
    const limit = this.place.maxConnections(this.waiting, this.#work.now());
    // The last connection of a place is kept for people's mail, where there is more than one.
    const bulkOnly = this.#items.transactional.length === 0;
    const allowed =
      bulkOnly && this.place.provider.connections > 2
        ? Math.min(limit, this.place.provider.connections - 1)
        : limit;
    return this.place.connections < allowed && this.#connections - this.#busy < 1;
  }

  #take(): T | undefined {
    return this.#items.transactional.shift() ?? this.#items.bulk.shift();
  }

  /** The life of one connection: message after message, until there is none, or it may not or cannot go on. */
  async #run(): Promise<void> {
    let session: Session | undefined;
    let sent = 0;
    try {
      for (;;) {
        const item = this.#take() ?? (await this.#linger(session));
        if (item === undefined) return;
        this.#busy++;
        try {
          if (!(await this.#itsTurn(item))) return;
          // Another connection may be worth it while this one works.
          this.pump();
          const transaction = await this.#work.deliver(
            item,
            {
              session: async () => {
                if (session?.isUsable && sent < this.place.messagesPerConnection(this.#work.now())) {
                  sent++;
                  return { kind: 'session', session };
                }
                this.#leave(session);
                session = undefined;
                const opened = await this.#open();
                if (opened.kind === 'session') {
                  session = opened.session;
                  this.#sessions.add(session);
                  sent = 1;
                }
                return opened;
              },
            },
            this,
            () => session,
          );
          if (transaction === undefined) continue;
          this.#learn(transaction);
          if (session === undefined && transaction.kind !== 'withheld') return;
        } finally {
          this.#busy--;
        }
      }
    } finally {
      this.#leave(session);
    }
  }

  /** Waits for the place's pace. False: it would take long, and everything that waits here goes back to the store. */
  async #itsTurn(item: T): Promise<boolean> {
    for (;;) {
      const now = this.#work.now();
      const at = Math.max(this.place.nextMessageAt(now), this.#pausedUntil);
      if (at <= now) break;
      if (this.#stopped || at - now > PATIENCE_MS) {
        // Due again soon, though nothing is claimed for a place that waits: a person may release it at any time.
        this.#work.giveBack([item, ...this.#drain()], Math.min(at, now + GIVEN_BACK_MS));
        return false;
      }
      await this.#work.sleep(at - now);
    }
    if (this.#stopped) {
      this.#work.giveBack([item, ...this.#drain()], this.#work.now());
      return false;
    }
    this.place.took(this.#work.now());
    return true;
  }

  #linger(session: Session | undefined): Promise<T | undefined> {
    if (session === undefined || !session.isUsable || this.#stopped) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        resolve(this.#take());
      };
      const timer = setTimeout(() => {
        const at = this.#lingering.indexOf(done);
        if (at >= 0) this.#lingering.splice(at, 1);
        resolve(this.#take());
      }, LINGER_MS);
      this.#lingering.push(done);
    });
  }

  /** A connection for one message, to hosts of which nothing is to be proved. */
  apart(): { readonly lines: Lines; readonly session: Session | undefined; leave(): void } {
    const hosts = this.hosts.map(({ name, addresses, port }) => ({ name, addresses, port }));
    let session: Session | undefined;
    const leave = () => {
      this.#leave(session);
    };
    return {
      lines: {
        session: async () => {
          leave();
          const opened = await this.#open(hosts);
          session = opened.kind === 'session' ? opened.session : undefined;
          if (session !== undefined) this.#sessions.add(session);
          return opened;
        },
      },
      get session() {
        return session;
      },
      leave,
    };
  }

  /** A session with the first host that answers, in the route's order. */
  async #open(
    hosts: readonly RouteHost[] = this.hosts,
  ): Promise<{ kind: 'session'; session: Session } | Exclude<Transaction, { kind: 'accepted' }>> {
    let last: Exclude<Transaction, { kind: 'accepted' }> | undefined;
    for (const target of targetsOf(hosts, this.source.ip)) {
      const opened = await this.#work.connect(target, this.source, this.provider);
      if (opened.kind === 'session') return opened;
      last = opened;
      if (opened.kind === 'dropped' && opened.sourceFault) {
        this.#work.sourceFailed(this.source, opened.error);
        // What waits here is claimed again, for a source that works.
        this.#work.giveBack(this.#drain(), this.#work.now());
        return opened;
      }
      // A host that spoke and refused has spoken for the site; one that did not answer has not.
      if (opened.kind === 'refused') return opened;
    }
    return (
      last ?? {
        kind: 'dropped',
        stage: 'connect',
        dotSent: false,
        error: new Error(noHost(this.site, this.source.ip)),
      }
    );
  }

  /** Connections that cannot be opened stop the queue before every message has tried. */
  #learn(transaction: Transaction): void {
    const unreachable =
      (transaction.kind === 'dropped' || transaction.kind === 'refused') &&
      ['connect', 'greeting', 'ehlo', 'starttls'].includes(transaction.stage);
    if (!unreachable) {
      this.#failures = 0;
      return;
    }
    this.#failures++;
    if (this.#failures < FAILURES || this.#connections > 1) return;
    const pause = Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** (this.#failures - FAILURES));
    this.#pausedUntil = this.#work.now() + pause;
    this.#work.giveBack(this.#drain(), this.#pausedUntil);
  }

  /**
   * What waits here while nobody is on the way to take it: the place closed when the last connection ended, or opened
   * again by the clock alone. It goes back to the store, or a connection is opened.
   */
  tend(): void {
    if (this.waiting === 0 || this.#connections > 0 || this.#stopped) return;
    const now = this.#work.now();
    const at = Math.max(this.place.nextMessageAt(now), this.#pausedUntil);
    if (at - now > PATIENCE_MS) this.#work.giveBack(this.#drain(), Math.min(at, now + GIVEN_BACK_MS));
    else this.pump();
  }

  /** A person released the place, or the route changed: try at once. */
  resume(): void {
    this.#failures = 0;
    this.#pausedUntil = 0;
    this.pump();
  }

  #leave(session: Session | undefined): void {
    if (session === undefined) return;
    this.#sessions.delete(session);
    void session.quit();
  }

  #drain(): T[] {
    return [...this.#items.transactional.splice(0), ...this.#items.bulk.splice(0)];
  }

  /** Cuts the lines. What was not sent whole has not arrived. */
  abort(): void {
    for (const session of this.#sessions) session.destroy();
  }

  /** Takes no more; what waits is handed back, what is on the wire ends. */
  stop(): T[] {
    this.#stopped = true;
    for (const wake of this.#lingering.splice(0)) wake();
    return this.#drain();
  }
}

const noHost = (site: string, ip: string): string =>
  ip === ''
    ? 'no host to connect to'
    : `${site} has no address that ${ip} can reach: it is of the other family (IPv4, IPv6)`;
