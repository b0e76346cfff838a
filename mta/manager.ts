/**
 * The queue manager owns the database side of the queue: it resolves destinations to sites, claims what is due for sites
 * that have room, commits attempts before anybody dials, and hands results to be written down. `deliver` never sees the
 * database; the manager never sees a socket.
 *
 *   look      which destinations have something due; those whose route is not known are looked up aside
 *   claim     attempt, next time and the frozen fill in one commit, as much as the site's ready queue has room for
 *   deliver   by the ready queue's connections (ready.ts), each message through deliver.ts
 *   settle    what came of it, in batches (settler.ts)
 *
 * After a crash leases end and what was active is due again: an attempt that was begun and of which nothing is known is
 * repeated byte for byte.
 */
import { providerById } from '../config/providers.ts';
import { explain } from '../core/errors.ts';
import { limitClaim } from '../core/pressure/limit.ts';
import type { Runtime } from '../core/runtime.ts';
import {
  claimDue,
  domainsWithWork,
  freezeFills,
  giveBack,
  releaseExpired,
  renewLeases,
  setDomainRoute,
  type Delivery,
  type WaitingDomain,
} from '../core/store/queue.ts';
import { keepBack } from '../core/store/queue-order-slice.ts';
import type { Lane } from '../core/store/tables.ts';
import { placeOf } from '../core/store/place.ts';
import { giveBackEach } from '../core/store/queue-sweep.ts';
import { deal } from './choice.ts';
import { Contents, type Compiled } from './content.ts';
import { deliver, type Lines } from './deliver.ts';
import { Egress } from './egress.ts';
import type { Exit } from './exits.ts';
import { Encryption } from './encryption.ts';
import { READY_BOUND, ReadyQueue, type ReadyWork } from './ready.ts';
import {
  faultyResult,
  refusedResult,
  resultOf,
  unroutedResult,
  type Attempted,
  type Circumstances,
} from './result.ts';
import { routeOf, type Route } from './route.ts';
import type { Session } from './session.ts';
import { Settler } from './settler.ts';
import { createSigner } from './sign.ts';
import { siteOfSmarthost } from './smarthost.ts';
import type { Source, Sources } from './source.ts';
import { Stops, type Refusal } from './stops.ts';
import { Owed } from './owed.ts';
import { ThrottleBook } from './throttle-book.ts';
import type { Transaction } from './transaction.ts';
import { WarmupRooms } from './warmup-rooms.ts';
import { Watch } from './watch.ts';

type RouteTo = Extract<Route, { kind: 'route' }>;

interface Claimed {
  id: number;
  lane: Lane;
  row: Delivery;
  compiled: Compiled | undefined;
  /** Where the recipient's own provider is, even when it leaves through a smarthost. */
  to?: RouteTo;
}

/** How often to look for work without being woken, in real milliseconds; and how long a route is believed. */
const POLL_MS = 400;
const ROUTE_KEPT_MS = 5 * 60_000;
const REFUSAL_KEPT_MS = 5000;
const ROUTES = 100_000;
/** Names asked for at once. */
const ROUTING_AT_ONCE = 64;
const READY_QUEUES = 5000;
const CLAIMS_AT_ONCE = 8;
/** A ready queue of bulk is filled again when this much of it is free: small claims cost as much as large ones. */
const WORTH_A_CLAIM = READY_BOUND / 2;
/** With very many destinations a look takes long: then it is taken less often, so that readers have room. */
const SHORT_LOOK_MS = 20;
const LONGEST_REST_MS = 1000;
const LANES: readonly Lane[] = ['transactional', 'bulk'];

export class Manager {
  readonly #runtime: Runtime;
  readonly #signer = createSigner();
  readonly #contents: Contents;
  readonly #settler: Settler;
  readonly #egress: Egress;
  readonly #sources: Sources;
  readonly #stops: Stops;
  readonly #warmups: WarmupRooms;
  readonly #owed: Owed;
  readonly #watch: Watch;
  readonly #throttles: ThrottleBook;
  readonly #encryption: Encryption;
  readonly #queues = new Map<string, ReadyQueue<Claimed>>();
  readonly #routes = new Map<string, { route: Route; until: number }>();
  readonly #routing = new Set<string>();
  /** Leases of what was claimed until `at` hold until `until`. */
  #renewed = { at: 0, until: 0 };
  /** What was claimed up to then was lost: this process slept past the leases. */
  #lostUpTo = 0;
  #connections = 0;
  #inFlight = 0;
  #pollTimer: NodeJS.Timeout | undefined;
  #renewTimer: NodeJS.Timeout | undefined;
  #ticking: Promise<void> | undefined;
  #again = false;
  #stopping = false;
  readonly #off: (() => void)[] = [];

  constructor(runtime: Runtime, ehlo: string) {
    this.#runtime = runtime;
    this.#contents = new Contents(runtime);
    this.#watch = new Watch(runtime);
    this.#throttles = new ThrottleBook(runtime, (campaign, { provider, site }, reply) =>
      this.#watch.stopFor(campaign, placeOf(provider.id, site, ''), reply),
    );
    this.#settler = new Settler(runtime, this.#watch.incidents);
    this.#encryption = new Encryption(runtime);
    this.#egress = new Egress(runtime, ehlo, this.#encryption);
    this.#sources = this.#egress.sources;
    this.#stops = new Stops(runtime);
    this.#warmups = new WarmupRooms(runtime);
    this.#owed = new Owed(runtime);
  }

  async start(): Promise<void> {
    const { store, wake, clock, log, node, config } = this.#runtime;
    // One process owns an SQLite file, so whatever is active there belongs to a dead one. Several nodes share a
    // PostgreSQL: there a lease has to end first.
    const left = await store.write((tx) =>
      releaseExpired(tx, clock.now(), store.engine === 'sqlite' ? node : undefined),
    );
    if (left > 0) log.warn('deliveries in doubt are sent again', { deliveries: left });
    await this.#watch.start();
    await this.#encryption.start();
    await this.#mirror();
    this.#off.push(
      wake.on('queue', () => this.#tick()),
      wake.on('campaign', () => this.#mirrorAndTick()),
      wake.on('order', () => this.#mirrorAndTick()),
      wake.on('suppression', () => this.#tick()),
      wake.on('settings', () => {
        this.#contents.forgetKeys();
        this.#mirrorAndTick();
      }),
    );
    this.#pollTimer = setInterval(() => this.#mirrorAndTick(), POLL_MS);
    this.#renewed = { at: this.#now(), until: this.#now() + config.mta.lease_ms };
    const renewEveryMs = Math.max(250, config.mta.lease_ms / 4 / config.clock.speed);
    this.#renewTimer = setInterval(() => void this.#renew().catch(this.#complain), renewEveryMs);
    this.#tick();
  }

  /** Takes no more work, lets what is on the wire end for a while, and gives back the rest. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#pollTimer);
    for (const off of this.#off) off();
    await this.#ticking;
    const waiting = [...this.#queues.values()].flatMap((queue) => queue.stop());
    this.#inFlight -= waiting.length;
    await this.#giveBack(waiting, this.#runtime.clock.now());
    await this.#drained(this.#runtime.config.mta.drain_ms);
    // Whoever is still busy loses the line; what was not sent whole is certain not to have arrived.
    for (const queue of this.#queues.values()) queue.abort();
    await this.#drained(2000);
    clearInterval(this.#renewTimer);
    await this.#settler.finish();
    this.#owed.stop();
    await this.#encryption.stop();
  }

  async #drained(ms: number): Promise<void> {
    const until = Date.now() + ms;
    while (this.#inFlight > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  readonly #complain = (error: unknown): void => {
    if (!this.#stopping) this.#runtime.log.error('queue manager failed a step', { error });
  };

  // ── what is true now ────────────────────────────────────────────────────────────────────────────────────────────

  #mirrorAndTick(): void {
    void this.#mirror().then(() => this.#tick(), this.#complain);
  }

  /** What people stopped, and from where we send: a few rows, read often. */
  async #mirror(): Promise<void> {
    const [mirrorEgress, released] = await Promise.all([
      this.#egress.refresh(),
      this.#throttles.refresh(),
      this.#stops.refresh(),
      this.#watch.refresh(),
      this.#stops.followSuppressions(),
      this.#warmups.refresh(),
    ]);
    mirrorEgress(this.#stops.sources);
    for (const queue of this.#queues.values()) queue.tend();
    for (const place of released) {
      for (const queue of this.#queues.values()) if (queue.place === place) queue.resume();
    }
  }

  /** Whether nothing is left here of a source: no connection, and nothing that waits for one. */
  isQuiet(sourceId: number): boolean {
    return ![...this.#queues.values()].some(
      ({ source, waiting, connections }) => source.id === sourceId && waiting + connections > 0,
    );
  }

  /** A node that is alive keeps what it has; what a dead one had is due again. */
  async #renew(): Promise<void> {
    const { store, clock, node, config } = this.#runtime;
    const at = clock.now();
    const until = at + config.mta.lease_ms;
    await store.write(async (tx) => {
      // Nobody else can have the file: what this process holds it keeps, however long it slept.
      await renewLeases(tx, node, until, this.#isAlone ? undefined : at);
      await releaseExpired(tx, at);
    });
    if (at >= this.#renewed.until) this.#lostUpTo = at;
    this.#renewed = { at, until };
  }

  /** SMTP connections open now. */
  get connections(): number {
    return this.#connections;
  }

  get #isAlone(): boolean {
    return this.#runtime.store.engine === 'sqlite';
  }

  /** False when this process slept past its lease (a stopped machine): somebody else may have the delivery by now. */
  #isOurs({ last_attempt_at, lease_until }: Delivery): boolean {
    if (this.#isAlone) return true;
    if ((last_attempt_at ?? 0) <= this.#lostUpTo) return false;
    const until = (last_attempt_at ?? 0) <= this.#renewed.at ? this.#renewed.until : (lease_until ?? 0);
    return this.#runtime.clock.now() < until;
  }

  // ── look and claim ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Looks for work once; asked again meanwhile, once more. */
  #tick(): void {
    if (this.#stopping) return;
    if (this.#ticking !== undefined) {
      this.#again = true;
      return;
    }
    this.#ticking = this.#look()
      .then(rest)
      .catch(this.#complain)
      .finally(() => {
        this.#ticking = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.#tick();
      });
  }

  /** Answers how long it took to find what is due, in real milliseconds. */
  async #look(): Promise<number> {
    const { store, clock } = this.#runtime;
    let tookMs = 0;
    for (const lane of LANES) {
      const began = performance.now();
      const domains = this.#stops.open(await domainsWithWork(store.read, lane, clock.now()));
      tookMs += performance.now() - began;
      const bySite = new Map<string, { ids: number[]; route: Route }>();
      for (const domain of domains) {
        const route = this.#routeNow(domain);
        if (route === undefined) continue;
        const key = route.kind === 'route' ? siteKey(route) : `refused ${domain.name}`;
        const group = bySite.get(key);
        if (group === undefined) bySite.set(key, { ids: [domain.id], route });
        else group.ids.push(domain.id);
      }
      // A few at a time share a commit, and the pages that they write; results, which are urgent, and incoming mail wait
      // behind one such commit at most, not behind the claims of all sites.
      const sites = [...bySite.values()];
      for (let at = 0; at < sites.length; at += CLAIMS_AT_ONCE)
        await Promise.all(
          sites.slice(at, at + CLAIMS_AT_ONCE).map(({ ids, route }) => this.#claimFor(lane, ids, route)),
        );
    }
    return tookMs;
  }

  /**
   * The route of a recipient domain, when it is known. When it is not it is looked up aside, and the manager wakes when
   * it is there: a name server that is slow costs nobody but its own domains anything.
   */
  #routeNow(domain: WaitingDomain): Route | undefined {
    const kept = this.#routes.get(domain.name);
    if (kept !== undefined && kept.until > Date.now()) return kept.route;
    if (!this.#routing.has(domain.name) && this.#routing.size < ROUTING_AT_ONCE) {
      this.#routing.add(domain.name);
      void this.#route(domain)
        .catch(this.#complain)
        .finally(() => {
          this.#routing.delete(domain.name);
          this.#tick();
        });
    }
    // The way that was right until now serves until the new answer is there; a "no" does not.
    return kept?.route.kind === 'route' ? kept.route : undefined;
  }

  /** Looks up a route; what is new is written down for reports and for the admin. */
  async #route(domain: WaitingDomain): Promise<void> {
    const { config, dns, store, clock } = this.#runtime;
    const found = await routeOf(domain.name, dns, {
      port: config.mta.remote_port,
      allowPrivateTargets: config.mta.allow_private_targets,
      random: Math.random,
      prefer: 'ipv4',
    });
    const route = await this.#encryption.proved(domain.name, found);
    const keptMs = isOpen(route) ? ROUTE_KEPT_MS : REFUSAL_KEPT_MS;
    this.#routes.set(domain.name, { route, until: Date.now() + keptMs });
    if (this.#routes.size > ROUTES) this.#routes.delete(this.#routes.keys().next().value as string);
    const site = route.kind === 'route' ? route.site : '';
    const provider = route.kind === 'route' ? route.provider : null;
    if (domain.site === site && domain.provider === provider) return;
    await store.write((tx) => setDomainRoute(tx, domain.id, { site, provider }, clock.now()));
  }

  /** Claims for one site as much as it has room for, and hands it to the ready queues. */
  async #claimFor(lane: Lane, ids: number[], route: Route): Promise<void> {
    if (this.#stopping) return;
    if (route.kind === 'refused') {
      const { kept } = await this.#claim(lane, ids, READY_BOUND);
      for (const { row } of kept) this.#settler.add(unroutedResult(row, route, this.#at()));
      return;
    }
    const where = placeOf(route.provider, route.site, '');
    const isBulk = lane === 'bulk';
    const provider = providerById(route.provider);
    const exits = this.#egress.exits(route.hosts, {
      room: (source) => {
        const room = this.#queueFor(source, route).room(lane);
        if (room < (isBulk ? WORTH_A_CLAIM : 1)) return 0;
        const isLimited = isBulk && source.smarthost === undefined && this.#warmups.any;
        return isLimited ? Math.min(room, this.#warmups.left(source.id, provider.id)) : room;
      },
      isBlocked: (source) =>
        this.#throttles.shaper.place(source.id, route.site, provider).isBlocked(this.#now()),
    });
    for (const exit of exits) await this.#claimBy(exit, lane, ids, route, where);
  }

  /** Claims what may leave by one door. */
  async #claimBy(exit: Exit, lane: Lane, ids: number[], route: RouteTo, where: string): Promise<void> {
    const { store, node } = this.#runtime;
    const { which, limit, smarthostOf } = exit;
    const isPicky = lane === 'bulk' && (which.pool !== undefined || (which.exceptPools?.length ?? 0) > 0);
    const key = `${route.site} ${smarthostOf ?? ''} ${which.pool ?? ''}`;
    if (isPicky && this.#warmups.isFruitless(key)) return;
    const relay = smarthostOf === undefined ? undefined : this.#egress.smarthostOf(smarthostOf);
    const places = [where, ...(relay ? [siteOfSmarthost(relay.name)] : [])];
    const { kept: claimed, isShort } = await this.#claim(lane, ids, limit, which, places);
    if (claimed.length === 0 && !isShort && isPicky) this.#warmups.fruitless(key);
    const { go, later } = this.#watch.paced(claimed, where, this.#now());
    if (later.length > 0) {
      const rows = claimed.flatMap(({ row }) => (later.some((one) => one.id === row.id) ? [row] : []));
      await store
        .write((tx) => giveBackEach(tx, node, later))
        .catch((error: unknown) => this.#owed.add(rows, error));
    }
    for (const [pool, items] of Map.groupBy(go, ({ row }) => this.#stops.poolOf(row))) {
      try {
        const over =
          relay !== undefined && pool === smarthostOf
            ? this.#handOut(relay, items, route)
            : this.#warmups.any
              ? await this.#handOutWarming(pool, items, route)
              : this.#handOutByWeight(pool, items, route);
        await this.#giveBack(over, this.#now() + 60_000);
      } catch (error) {
        // Those that were handed out know where they go.
        this.#owed.add(
          items.flatMap(({ row, to }) => (to === undefined ? [row] : [])),
          error,
        );
      }
    }
  }

  /** In turns by weight; a retry from the address of the time before. Answers what found no source. */
  #handOutByWeight(pool: string, items: Claimed[], route: RouteTo): Claimed[] {
    const sources = this.#sources.usable(pool, this.#now(), route.hosts);
    const candidates = sources.map((source) => ({
      id: source.id,
      weight: source.weight,
      room: this.#queueFor(source, route).room(items[0]?.lane ?? 'bulk'),
    }));
    const { hands, left } = deal(items, ({ row }) => row, candidates, this.#sources.rota(pool));
    for (const source of sources) this.#handOut(source, hands.get(source.id) ?? [], route);
    return left;
  }

  /** Answers what found no source. */
  #handOut(source: Source | undefined, items: Claimed[], route: RouteTo): Claimed[] {
    if (source === undefined) return items;
    if (items.length === 0) return [];
    for (const item of items) item.to = route;
    this.#inFlight += items.length;
    this.#queueFor(source, route).push(items);
    return [];
  }

  /** New addresses first, each as far as its day's room goes; warm ones of the pool take over. */
  async #handOutWarming(pool: string, items: Claimed[], route: RouteTo): Promise<Claimed[]> {
    const provider = providerById(route.provider).id;
    const usable = this.#sources.usable(pool, this.#now(), route.hosts);
    const isPersonal = items[0]?.lane === 'transactional';
    const usual = this.#sources.next(pool, this.#now());
    let left = items;
    for (const source of isPersonal && usual ? [usual] : this.#warmups.withRoom(usable, provider)) {
      if (left.length === 0) break;
      const ids = left.map((item) => item.id);
      const taken = await this.#warmups.take(source.id, provider, ids, isPersonal);
      this.#handOut(source, left.slice(0, taken), route);
      left = left.slice(taken);
    }
    return left;
  }

  /** Attempt, next time and the frozen fill are committed before anybody dials. Who may not be mailed ends here. */
  async #claim(
    lane: Lane,
    domainIds: number[],
    limit: number,
    which: Exit['which'] = {},
    where: readonly string[] = [],
  ): Promise<{ kept: Claimed[]; isShort: boolean }> {
    const { store, node, config } = this.#runtime;
    const now = this.#now();
    const { rows, isShort } = await store.write(async (tx) => {
      const due = await claimDue(tx, {
        domainIds,
        lane,
        limit,
        now,
        owner: node,
        leaseMs: config.mta.lease_ms,
        nextAt: now + config.mta.lease_ms,
        exceptCampaigns: [
          ...this.#stops.campaigns,
          ...this.#warmups.notYet(this.#isWarming),
          ...where.flatMap((place) => this.#watch.stoppedAt(place)),
        ],
        ...which,
      });
      const claimed = lane === 'bulk' ? await limitClaim(tx, node, due, now) : due;
      const fills = await this.#contents.fills(tx, claimed, now);
      await freezeFills(tx, fills);
      const byId = new Map(fills.map(({ id, fill }) => [id, fill]));
      return {
        rows: claimed.map((row) => ({ ...row, fill: byId.get(row.id) ?? row.fill })),
        isShort: claimed.length < due.length,
      };
    });
    // People had enough: their room is for others who wait.
    if (isShort) this.#runtime.wake.ring('queue');
    const kept: Claimed[] = [];
    const aside = new Map<number, Delivery[]>();
    for (const row of rows) {
      const item = { id: row.id, lane, row, compiled: await this.#compiled(row) };
      const refusal = this.#stops.refuses(row, item.compiled);
      if (refusal?.kind === 'not-now' && refusal.order !== undefined)
        aside.set(refusal.order, [...(aside.get(refusal.order) ?? []), row]);
      else if (refusal === undefined || refusal.kind === 'not-now') kept.push(item);
      else this.#settler.add(refusedResult(row, refusal, this.#at()));
    }
    // What cannot step aside now must not keep the others from leaving.
    for (const [order, held] of aside) await this.#stepAside(held, order);
    return { kept, isShort };
  }

  async #compiled(row: Delivery): Promise<Compiled | undefined> {
    if (row.template_version_id === null) return undefined;
    // One that cannot be read cannot be sent either; the delivery says why when its turn comes.
    return this.#contents.template(row.template_version_id).catch(() => undefined);
  }

  /** Held with the order that keeps it off the wire; else, or when that was released just now, it is claimed again soon. */
  async #stepAside(rows: Delivery[], order: number | null): Promise<void> {
    const { store, node } = this.#runtime;
    const ids = rows.map((row) => row.id);
    try {
      await store.write(async (tx) => {
        if (order !== null && (await keepBack(tx, node, ids, order))) return;
        await giveBack(tx, node, ids, this.#now() + 1000);
      });
    } catch (error) {
      this.#owed.add(rows, error);
    }
  }

  /** Never rejects: what the store does not take now is owed to it. */
  async #giveBack(items: readonly { row: Delivery }[], dueAt: number): Promise<void> {
    if (items.length === 0) return;
    const { store, node } = this.#runtime;
    const ids = items.map(({ row }) => row.id);
    try {
      await this.#warmups.back(ids);
      await store.write((tx) => giveBack(tx, node, ids, dueAt));
    } catch (error) {
      this.#owed.add(
        items.map(({ row }) => row),
        error,
      );
    }
  }

  readonly #isWarming = (pool: string): boolean =>
    this.#warmups.isWarming(this.#sources.usable(pool, this.#now()));

  #queueFor(source: Source, route: RouteTo): ReadyQueue<Claimed> {
    const door = this.#egress.doorOf(source);
    const { site, hosts, ...at } = door ?? route;
    const key = `${source.id} ${door?.site ?? siteKey(route)}`;
    const known = this.#queues.get(key);
    const provider = typeof at.provider === 'string' ? providerById(at.provider) : at.provider;
    if (known !== undefined) {
      known.hosts = hosts;
      // The limits of a smarthost may have changed.
      if (source.smarthost !== undefined) this.#throttles.shaper.place(source.id, site, provider);
      return known;
    }
    const place = this.#throttles.shaper.place(source.id, site, provider);
    const queue = new ReadyQueue<Claimed>(source, site, place, hosts, this.#work);
    if (this.#queues.size >= READY_QUEUES)
      for (const [old, one] of this.#queues) if (one.isIdle) this.#queues.delete(old);
    this.#queues.set(key, queue);
    return queue;
  }

  // ── deliver ─────────────────────────────────────────────────────────────────────────────────────────────────────

  readonly #work: ReadyWork<Claimed> = {
    now: () => this.#now(),
    sleep: (ms) => this.#runtime.clock.sleep(ms),
    takeConnection: () => {
      if (this.#connections >= this.#runtime.config.mta.max_connections) return false;
      this.#connections++;
      return true;
    },
    returnConnection: (place) => {
      const wasFull = this.#connections-- >= this.#runtime.config.mta.max_connections;
      // Sites of one provider share its connections, and all sites share ours: somebody may have waited for this one.
      for (const queue of this.#queues.values()) if (wasFull || queue.place === place) queue.pump();
    },
    connect: (target, source, provider) => this.#egress.connect(target, source, provider),
    deliver: async (item, lines, queue, session) => {
      try {
        return await this.#deliver(item, lines, queue, session);
      } finally {
        this.#inFlight--;
      }
    },
    giveBack: (items, at) => {
      this.#inFlight -= items.length;
      // What a smarthost may take over does not wait for our own address.
      const [free, bound] = [true, false].map((has) =>
        items.filter(({ row }) => this.#egress.hasFailover(this.#stops.poolOf(row)) === has),
      ) as [Claimed[], Claimed[]];
      void this.#giveBack(free, Math.min(at, this.#now() + 1000));
      void this.#giveBack(bound, at);
    },
    sourceFailed: (source, error) => this.#egress.failed(source, error),
  };

  /** What was learnt about the site; undefined when the message never got as far. */
  async #deliver(
    { row, compiled, to }: Claimed,
    lines: Lines,
    queue: ReadyQueue<Claimed>,
    session: () => Session | undefined,
  ): Promise<Transaction | undefined> {
    const { source, provider } = queue;
    const beganAt = this.#now();
    const began = performance.now();
    let refusal: Refusal | undefined;
    const maySend = () => {
      refusal = this.#refuses(row, compiled, queue, to);
      return refusal === undefined ? true : { refused: refusal.kind };
    };
    let done: Awaited<ReturnType<typeof deliver>>;
    try {
      const [message, keys] = await Promise.all([this.#contents.message(row), this.#contents.keys(row)]);
      // RFC 8689 5: what others on this connection had to see proved is not asked for; it gets a connection of its own.
      const mayDoWithout = message.tlsIsOptional === true && queue.hosts.some(({ tls }) => tls !== undefined);
      const way = mayDoWithout ? queue.apart() : undefined;
      if (way !== undefined) session = () => way.session;
      const job = { address: row.address, provider, message, keys, maySend };
      done = await deliver(job, way?.lines ?? lines, this.#signer).finally(() => way?.leave());
    } catch (error) {
      this.#runtime.log.error('delivery could not be made', { delivery: row.id, error });
      this.#settler.add(faultyResult(row, explain(error), this.#at()));
      return undefined;
    }
    const { transaction, outcome, messageId } = done;
    // "Enough on this connection": the next one serves.
    if (outcome.class === 'connection-quota' || outcome.class === 'too-many-recipients') session()?.retire();
    if (transaction.kind === 'withheld') {
      if (refusal !== undefined && refusal.kind !== 'not-now')
        this.#settler.add(refusedResult(row, refusal, this.#at()));
      else if (this.#isOurs(row)) await this.#stepAside([row], refusal?.order ?? null);
      return transaction;
    }
    // Our own address is at fault: no attempt was made, and another source may make it.
    if ('sourceFault' in transaction) {
      await this.#giveBack([{ row }], this.#now());
      return undefined;
    }
    const attempted: Attempted = {
      transaction,
      outcome,
      messageId,
      sourceId: source.id > 0 ? source.id : null,
      via: source.smarthost?.name ?? null,
      mx: queue.hosts[0]?.name ?? '',
      session: session(),
      beganAt,
      ms: performance.now() - began,
    };
    this.#record(row, attempted, queue);
    return transaction;
  }

  /** Asked in the tick in which RCPT is written: memory alone. */
  #refuses(
    row: Delivery,
    compiled: Compiled | undefined,
    queue: ReadyQueue<Claimed>,
    to: RouteTo | undefined,
  ): Refusal | undefined {
    const { source } = queue;
    const { site } = to ?? queue;
    const provider = to?.provider ?? queue.provider.id;
    if (!this.#isOurs(row)) return { kind: 'not-now', reason: 'the lease has ended' };
    if (this.#warmups.isStale(row.id)) return { kind: 'not-now', reason: 'its day of the warm-up is over' };
    if (this.#egress.isPaused(source)) return { kind: 'not-now', reason: 'the source is paused' };
    return (
      this.#stops.refuses(row, compiled, { sourceId: source.id, site, provider }) ??
      this.#watch.refuses(row, placeOf(provider, site, '')) ??
      (source.smarthost && this.#watch.refuses(row, queue.site))
    );
  }

  #record(row: Delivery, attempted: Attempted, queue: ReadyQueue<Claimed>): void {
    const { log, metrics } = this.#runtime;
    const { outcome } = attempted;
    this.#warmups.used(row.id);
    const isTls = outcome.class === 'tls-required';
    this.#encryption.heard(row.address, attempted.transaction, attempted.session, isTls);
    if (this.#egress.takesOver(this.#stops.poolOf(row), queue.source, outcome.class))
      return this.#failOver(row, attempted, queue);
    this.#throttles.heard(row, attempted, queue);
    const result = resultOf(row, attempted, this.#at());
    const { id } = queue.provider;
    this.#watch.heard(row, result, attempted, placeOf(queue.source.smarthost ? null : id, queue.site, ''));
    const { state, ms } = result.settlement;
    this.#settler.add(result);
    metrics.count('attempts_total', { outcome: state, provider: queue.provider.id });
    metrics.observe('attempt', ms, { provider: queue.provider.id });
    log.info('attempt', {
      delivery: row.id,
      destination: queue.site,
      source: queue.source.name,
      attempt: row.attempt,
      outcome: state,
      code: outcome.code,
      enhanced: outcome.enhanced,
      class: outcome.class,
      ms,
    });
  }

  /** Our address is blocked there and another way is at hand: the message goes that way at once, and nobody is blamed. */
  #failOver(row: Delivery, attempted: Attempted, queue: ReadyQueue<Claimed>): void {
    const outcome = { ...attempted.outcome, state: 'deferred', temporary: true } as const;
    const result = resultOf(row, { ...attempted, outcome }, this.#at());
    if (result.settlement.state === 'deferred') result.settlement.due_at = this.#now() + 1000;
    result.suppress = undefined;
    this.#settler.add(result);
    this.#throttles.blocked(row, attempted, queue);
  }

  #now(): number {
    return this.#runtime.clock.now();
  }

  #at(): Circumstances {
    const { max_age_ms: maxAgeMs, min_attempts: minAttempts } = this.#runtime.config.mta;
    return { node: this.#runtime.node, now: this.#now(), maxAgeMs, minAttempts };
  }
}

/** Domains whose hosts must prove the same share connections. */
const siteKey = (route: RouteTo) =>
  route.proofs === undefined ? route.site : `${route.site} ${route.proofs}`;

/** Some host may be connected to. Where all are barred, as by DNSSEC that is broken, it is looked up again soon. */
const isOpen = (route: Route) =>
  route.kind === 'route' && route.hosts.some(({ tls }) => tls?.kind !== 'barred');

async function rest(tookMs: number): Promise<void> {
  if (tookMs < SHORT_LOOK_MS) return;
  await new Promise((resolve) => setTimeout(resolve, Math.min(LONGEST_REST_MS, 2 * tookMs)));
}
