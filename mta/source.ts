/**
 * The egress sources: which of our addresses a message leaves from. By pool and weight; a source that is paused, or that
 * was set aside because its address cannot be used or is refused everywhere, is left out and the rest go on.
 */
import type { Pool, SourceInPools } from '../core/store/pool.ts';
import { targetsOf } from './connect.ts';
import type { RouteHost } from './route.ts';
import type { SmarthostWay } from './smarthost.ts';
import { Rota } from './choice.ts';

export interface Source {
  /** Above 0: the row of a source. 0: the stand-in. Below 0: a smarthost. */
  id: number;
  name: string;
  /** Empty: the system chooses. */
  ip: string;
  ehlo: string;
  /** Its share in the pool that was asked for. */
  weight: number;
  /** Set when it is no address of ours but somebody else's server. */
  smarthost?: SmarthostWay;
}

export interface Aside {
  since: number;
  until: number;
  reason: string;
}

/** The pool of a lane when a delivery's own has none: its stream's. */
const STREAMS: readonly string[] = ['transactional', 'marketing'];

export class Sources {
  #rows: (SourceInPools & { stopped: boolean })[] = [];
  #pools: readonly Pool[] = [];
  readonly #aside = new Map<number, Aside & { isWritten: boolean }>();
  readonly #rotas = new Map<string, Rota>();
  readonly #standIn: Source;
  readonly #host: string;

  /** `ehlo` is the name of the stand-in that serves while there is no source row at all; `host` is this machine. */
  constructor(ehlo: string, host = '') {
    this.#standIn = { id: 0, name: 'default', ip: '', ehlo, weight: 1 };
    this.#host = host;
  }

  /** `stopped`: by an order over the queue. */
  set(
    rows: readonly SourceInPools[],
    pools: readonly Pool[] = [],
    stopped: ReadonlySet<number> = new Set(),
  ): void {
    this.#rows = rows.map((row) => ({ ...row, stopped: row.paused === 1 || stopped.has(row.id) }));
    this.#pools = pools;
    for (const row of rows) this.#mirrorAside(row);
  }

  /** What is written rules: it outlives a restart, and a person who takes it away is heard. */
  #mirrorAside({ id, aside_since, aside_until, aside_reason, aside_host }: SourceInPools): void {
    const known = this.#aside.get(id);
    if (aside_until !== null && (aside_host === '' || aside_host === this.#host)) {
      if (known === undefined || aside_until >= known.until)
        this.#aside.set(id, {
          since: aside_since ?? 0,
          until: aside_until,
          reason: aside_reason ?? '',
          isWritten: true,
        });
    } else if (known?.isWritten && aside_until === null) this.#aside.delete(id);
  }

  /** Others of the pool take over until its time, or until a person has mended it. */
  setAside(id: number, aside: Aside): void {
    this.#aside.set(id, { ...aside, isWritten: false });
  }

  /** It is written down: from now on its absence there means that somebody took it away. */
  confirmAside(id: number): void {
    const aside = this.#aside.get(id);
    if (aside !== undefined) aside.isWritten = true;
  }

  isAside(id: number, now: number): boolean {
    return (this.#aside.get(id)?.until ?? 0) > now;
  }

  isPaused(id: number): boolean {
    return this.#rows.some((row) => row.id === id && row.stopped);
  }

  /** Every pool that has a row. */
  pools(): string[] {
    return this.#pools.map((pool) => pool.name);
  }

  pool(name: string): Pool | undefined {
    return this.#pools.find((pool) => pool.name === name);
  }

  /** Those of a pool, whatever their state. */
  members(pool: string): Source[] {
    if (this.#rows.length === 0) return [this.#standIn];
    const members = this.#membersOf(pool);
    if (members.length > 0) return members;
    // A pool without sources of its own uses those of its stream, and where there are none either, all of them.
    const stream = this.pool(pool)?.stream ?? STREAMS.find((one) => pool.startsWith(one)) ?? 'marketing';
    const ofStream = this.#membersOf(stream);
    return ofStream.length > 0 ? ofStream : this.#rows.map((row) => this.#source(row, 1));
  }

  #membersOf(pool: string): Source[] {
    return this.#rows.flatMap((row) => {
      const share = row.pools.find((one) => one.pool === pool);
      return share === undefined ? [] : [this.#source(row, share.weight)];
    });
  }

  #source({ id, name, ip, ehlo }: SourceInPools, weight: number): Source {
    return { id, name, ip, ehlo: ehlo || this.#standIn.ehlo, weight };
  }

  /** Those that may send for a pool now; where `hosts` are given, those that speak their family of addresses. */
  usable(pool: string, now: number, hosts?: readonly RouteHost[]): Source[] {
    const usable = this.members(pool).filter(
      (source) => source.weight > 0 && !this.isPaused(source.id) && !this.isAside(source.id, now),
    );
    if (hosts === undefined) return usable;
    const able = usable.filter((source) => targetsOf(hosts, source.ip).length > 0);
    // When none does, the attempt says so, in words that stay on the delivery.
    return able.length > 0 ? able : usable;
  }

  /** Whether all of a pool are set aside, or blocked as `isBlocked` finds; not those that a person paused. */
  isCutOff(pool: string, now: number, isBlocked: (source: Source) => boolean): boolean {
    const wanted = this.members(pool).filter((source) => source.weight > 0 && !this.isPaused(source.id));
    return wanted.length > 0 && wanted.every((source) => this.isAside(source.id, now) || isBlocked(source));
  }

  rota(pool: string): Rota {
    let rota = this.#rotas.get(pool);
    if (rota === undefined) this.#rotas.set(pool, (rota = new Rota()));
    return rota;
  }

  /** The next one for a pool, by weighted turns; undefined when none may send. */
  next(pool: string, now: number): Source | undefined {
    const usable = this.usable(pool, now);
    const id = this.rota(pool).next(usable.map((one) => ({ id: one.id, weight: one.weight, room: 1 })));
    return usable.find((one) => one.id === id);
  }
}
