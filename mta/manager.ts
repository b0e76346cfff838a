/**
 * The queue manager owns the database side of the queue: it resolves destinations to sites, claims what is due for sites
 * that have room, commits attempts before dialling, and writes down in batches how they ended. `deliver` never sees the
 * database; the manager never sees a socket.
 */
import { providerById, type Provider } from '../config/providers.ts';
import { suppressIn } from '../core/audience/suppress.ts';
import { addThrottle, activeThrottles } from '../core/store/throttle.ts';
import { explain } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import { stoppedCampaigns } from '../core/store/campaign.ts';
import { sources as sourceRows } from '../core/store/identity.ts';
import {
  claimDue,
  domainsWithWork,
  freezeFills,
  giveBack,
  releaseExpired,
  renewLeases,
  setDomainRoute,
  settle,
  type Delivery,
  type Settlement,
  type WaitingDomain,
} from '../core/store/queue.ts';
import type { Lane } from '../core/store/tables.ts';
import type { NewSuppression } from '../core/store/suppression.ts';
import { connect } from './connect.ts';
import { Contents, type Compiled } from './content.ts';
import { deliver, type Delivered, type Lines } from './deliver.ts';
import { outcomeOf } from './outcome.ts';
import { BrokenTls, tlsPolicyFor } from './policy.ts';
import { READY_BOUND, ReadyQueue, type ReadyWork } from './ready.ts';
import { nextAttempt } from './retry.ts';
import { routeOf, type Route } from './route.ts';
import type { Session } from './session.ts';
import { Shaper } from './shaper.ts';
import { createSigner } from './sign.ts';
import { Sources, type Source } from './source.ts';

interface Claimed {
  id: number;
  lane: Lane;
  row: Delivery;
}

/** How often to look for work without being woken, in real milliseconds; and how long a route is believed. */
const POLL_MS = 400;
const ROUTE_KEPT_MS = 5 * 60_000;
const REFUSAL_KEPT_MS = 5000;
const ROUTES = 100_000;
/** Names asked for at once. */
const ROUTING_AT_ONCE = 64;
const LANES: readonly Lane[] = ['transactional', 'bulk'];
const SETTLED_AT_ONCE = 500;

export class Manager {
  readonly #runtime: Runtime;
  readonly #signer = createSigner();
  readonly #contents: Contents;
  readonly #sources: Sources;
  readonly #shaper = new Shaper();
  readonly #brokenTls = new BrokenTls();
  readonly #queues = new Map<string, ReadyQueue<Claimed>>();
  readonly #routes = new Map<string, { route: Route; until: number }>();
  readonly #routing = new Set<string>();
  /** Campaigns that are paused (`held`) or cancelled, and destinations: one row each, mirrored here. */
  #stopped = new Map<number, 'paused' | 'cancelled'>();
  #connections = 0;
  #inFlight = 0;
  #unsettled: { settlement: Settlement; suppress: NewSuppression | undefined }[] = [];
  #settling: Promise<void> = Promise.resolve();
  #settleTimer: NodeJS.Timeout | undefined;
  #pollTimer: NodeJS.Timeout | undefined;
  #renewTimer: NodeJS.Timeout | undefined;
  #ticking: Promise<void> | undefined;
  #again = false;
  #stopping = false;
  readonly #off: (() => void)[] = [];

  constructor(runtime: Runtime, ehlo: string) {
    this.#runtime = runtime;
    this.#contents = new Contents(runtime);
    this.#sources = new Sources(ehlo);
  }

  async start(): Promise<void> {
    const { store, wake, clock, log, node, config } = this.#runtime;
    // One process owns an SQLite file, so whatever is active there belongs to a dead one. Several nodes share a
    // PostgreSQL: there a lease has to end first.
    const left = await store.write((tx) =>
      releaseExpired(tx, clock.now(), store.engine === 'sqlite' ? node : undefined),
    );
    if (left > 0) log.warn('deliveries in doubt are sent again', { deliveries: left });
    await this.#mirror();
    for (const row of await activeThrottles(store.read, clock.now())) {
      this.#shaper
        .place(row.source_id, row.site, this.#providerOf(row.site))
        .restore(row.rule, row.reply, row.since, row.until ?? 0);
    }
    this.#off.push(
      wake.on('queue', () => this.#tick()),
      wake.on(
        'campaign',
        () =>
          void this.#mirror().then(
            () => this.#tick(),
            (error: unknown) => this.#complain(error),
          ),
      ),
      wake.on('settings', () => {
        this.#contents.forgetKeys();
        void this.#mirror().then(
          () => this.#tick(),
          (error: unknown) => this.#complain(error),
        );
      }),
    );
    this.#pollTimer = setInterval(
      () =>
        void this.#mirror().then(
          () => this.#tick(),
          (error: unknown) => this.#complain(error),
        ),
      POLL_MS,
    );
    const renewEveryMs = Math.max(1000, config.mta.lease_ms / 3 / config.clock.speed);
    this.#renewTimer = setInterval(
      () => void this.#renew().catch((error: unknown) => this.#complain(error)),
      renewEveryMs,
    );
    this.#tick();
  }

  /** Takes no more work, lets what is on the wire end, and gives back the rest. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#pollTimer);
    for (const off of this.#off) off();
    await this.#ticking;
    const waiting = [...this.#queues.values()].flatMap((queue) => queue.stop());
    this.#inFlight -= waiting.length;
    await this.#giveBack(waiting, this.#runtime.clock.now());
    const until = Date.now() + this.#runtime.config.mta.drain_ms;
    while (this.#inFlight > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    clearInterval(this.#renewTimer);
    await this.#flush();
  }

  /** For metrics and for "why does it wait". */
  get shaper(): Shaper {
    return this.#shaper;
  }

  get connections(): number {
    return this.#connections;
  }

  #complain(error: unknown): void {
    if (!this.#stopping) this.#runtime.log.error('queue manager failed a step', { error });
  }

  /** What people stopped, and from where we send: read again often, since it is a few rows. */
  async #mirror(): Promise<void> {
    const db = this.#runtime.store.read;
    const [sources, campaigns] = await Promise.all([sourceRows(db), stoppedCampaigns(db)]);
    this.#sources.set(sources);
    this.#stopped = new Map(
      campaigns.map((row) => [row.id, row.cancelled_at === null ? 'paused' : 'cancelled']),
    );
  }

  async #renew(): Promise<void> {
    const { store, clock, node, config } = this.#runtime;
    const now = clock.now();
    await store.write((tx) => renewLeases(tx, node, now + config.mta.lease_ms));
    await store.write((tx) => releaseExpired(tx, now));
  }

  /** Looks for work once; asked again meanwhile, once more. */
  #tick(): void {
    if (this.#stopping) return;
    if (this.#ticking !== undefined) {
      this.#again = true;
      return;
    }
    this.#ticking = this.#look()
      .catch((error: unknown) => this.#complain(error))
      .finally(() => {
        this.#ticking = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.#tick();
      });
  }

  async #look(): Promise<void> {
    const { store, clock } = this.#runtime;
    for (const lane of LANES) {
      const domains = await domainsWithWork(store.read, lane, clock.now());
      const bySite = new Map<string, { ids: number[]; route: Route }>();
      for (const domain of domains) {
        const route = this.#routeNow(domain);
        if (route === undefined) continue;
        const key = route.kind === 'route' ? route.site : `refused ${domain.name}`;
        const group = bySite.get(key);
        if (group === undefined) bySite.set(key, { ids: [domain.id], route });
        else group.ids.push(domain.id);
      }
      await Promise.all([...bySite.values()].map(({ ids, route }) => this.#claimFor(lane, ids, route)));
    }
  }

  /**
   * The route of a recipient domain, when it is known. When it is not it is looked up aside, and the manager wakes when
   * it is there: a name server that is slow costs nobody but its own domains anything.
   */
  #routeNow(domain: WaitingDomain): Route | undefined {
    const kept = this.#routes.get(domain.name);
    if (kept === undefined || kept.until <= Date.now()) {
      if (!this.#routing.has(domain.name) && this.#routing.size < ROUTING_AT_ONCE) {
        this.#routing.add(domain.name);
        void this.#route(domain)
          .catch((error: unknown) => this.#complain(error))
          .finally(() => {
            this.#routing.delete(domain.name);
            this.#tick();
          });
      }
    }
    // What was true until now serves until the new answer is there.
    return kept?.route;
  }

  /** Looks up a route; what is new is written down for reports and for the admin. */
  async #route(domain: WaitingDomain): Promise<void> {
    const { config, dns, store, clock } = this.#runtime;
    const route = await routeOf(domain.name, dns, {
      port: config.mta.remote_port,
      allowPrivateTargets: config.mta.allow_private_targets,
      random: Math.random,
      prefer: 'ipv4',
    });
    // A "no" must not be believed for long.
    const keptMs = route.kind === 'route' ? ROUTE_KEPT_MS : REFUSAL_KEPT_MS;
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
      const rows = await this.#claim(lane, ids, READY_BOUND);
      for (const row of rows) this.#settleUnrouted(row, route);
      return;
    }
    const pool = lane === 'bulk' ? 'marketing' : 'transactional';
    const source = this.#sources.next(pool, this.#runtime.clock.now());
    if (source === undefined) return;
    const queue = this.#queueFor(source, route);
    const room = queue.room(lane);
    if (room === 0) return;
    const rows = await this.#claim(lane, ids, room);
    this.#inFlight += rows.length;
    queue.push(rows.map((row) => ({ id: row.id, lane, row })));
  }

  #queueFor(source: Source, route: Extract<Route, { kind: 'route' }>): ReadyQueue<Claimed> {
    const key = `${source.id} ${route.site}`;
    const known = this.#queues.get(key);
    if (known !== undefined) {
      known.hosts = route.hosts;
      return known;
    }
    const provider = providerById(route.provider);
    const queue = new ReadyQueue<Claimed>(
      source,
      route.site,
      provider,
      this.#shaper.place(source.id, route.site, provider),
      route.hosts,
      this.#work,
    );
    this.#queues.set(key, queue);
    if (this.#queues.size > 5000)
      for (const [old, one] of this.#queues) if (one.isIdle) this.#queues.delete(old);
    return queue;
  }

  /** Attempt, next time and the frozen fill are committed before anybody dials. */
  async #claim(lane: Lane, domainIds: number[], limit: number): Promise<Delivery[]> {
    const { store, clock, node, config } = this.#runtime;
    const now = clock.now();
    return store.write(async (tx) => {
      const rows = await claimDue(tx, {
        domainIds,
        lane,
        limit,
        now,
        owner: node,
        leaseMs: config.mta.lease_ms,
        nextAt: now + config.mta.lease_ms,
        exceptCampaigns: [...this.#stopped.keys()],
      });
      const fills = await this.#contents.fills(tx, rows, now);
      await freezeFills(tx, fills);
      const byId = new Map(fills.map((fill) => [fill.id, fill.fill]));
      return rows.map((row) => ({ ...row, fill: byId.get(row.id) ?? row.fill }));
    });
  }

  readonly #work: ReadyWork<Claimed> = {
    now: () => this.#runtime.clock.now(),
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
    connect: (host, address, source, provider) =>
      connect(
        { host: host.name, address, port: host.port },
        {
          localAddress: source.ip,
          ehlo: source.ehlo,
          policy: tlsPolicyFor(provider),
          brokenTls: this.#brokenTls,
          now: this.#runtime.clock.now(),
          allowPrivateTargets: this.#runtime.config.mta.allow_private_targets,
        },
      ),
    deliver: (item, lines, queue, session) => this.#deliver(item, lines, queue, session),
    giveBack: (items, at) => {
      this.#inFlight -= items.length;
      void this.#giveBack(items, at).catch((error: unknown) => this.#complain(error));
    },
    sourceFailed: (source) => {
      this.#runtime.log.warn('source set aside', { source: source.name });
      this.#sources.setAside(source.id, this.#runtime.clock.now());
    },
  };

  async #giveBack(items: Claimed[], at: number): Promise<void> {
    if (items.length === 0) return;
    const { store, node } = this.#runtime;
    await store.write((tx) =>
      giveBack(
        tx,
        node,
        items.map((item) => item.id),
        at,
      ),
    );
  }

  async #deliver(
    item: Claimed,
    lines: Lines,
    queue: ReadyQueue<Claimed>,
    session: () => Session | undefined,
  ): Promise<Delivered> {
    const { clock } = this.#runtime;
    const { row } = item;
    const beganAt = clock.now();
    const began = performance.now();
    try {
      const [message, keys, compiled] = await Promise.all([
        this.#contents.message(row),
        this.#contents.keys(row.sending_domain_id),
        row.template_version_id === null ? undefined : this.#contents.template(row.template_version_id),
      ]);
      const maySend = () => this.#maySend(row, compiled);
      const done = await deliver(
        { address: row.address, provider: queue.provider, message, keys, maySend },
        lines,
        this.#signer,
      );
      this.#record(row, done, queue, session(), beganAt, performance.now() - began);
      return done;
    } catch (error) {
      // A fault of ours (a template limit, a missing key): the delivery waits, and the reason is on it.
      this.#runtime.log.error('delivery could not be made', { delivery: row.id, error });
      const transaction = {
        kind: 'dropped' as const,
        stage: 'connect' as const,
        dotSent: false,
        error: error as Error,
      };
      const done = {
        outcome: outcomeOf(transaction, queue.provider),
        transaction,
        messageId: row.message_id ?? '',
      };
      this.#record(
        row,
        { ...done, outcome: { ...done.outcome, reason: explain(error) } },
        queue,
        undefined,
        beganAt,
        performance.now() - began,
      );
      return done;
    } finally {
      this.#inFlight--;
    }
  }

  /** Asked in the tick in which RCPT is written: memory only. People who answer people are never held back here. */
  #maySend(row: Delivery, compiled: Compiled | undefined): true | { refused: string } {
    if (row.origin_kind === 'campaign') {
      const stopped = this.#stopped.get(row.origin_id);
      if (stopped !== undefined) return { refused: stopped };
    }
    if (row.origin_kind === 'message' || row.origin_kind === 'test') return true;
    const { suppressions, store, clock } = this.#runtime;
    // Several nodes write suppressions: a view that does not follow must not say yes.
    if (store.engine === 'postgres' && !suppressions.isFresh(clock.now(), 60_000))
      return { refused: 'stale' };
    const answer = suppressions.mayMail({
      address: row.address,
      lane: row.lane,
      listId: compiled?.listId ?? null,
      brandId: compiled?.brandId ?? null,
    });
    return answer.kind === 'may' ? true : { refused: `suppressed ${answer.scope} ${answer.reason}` };
  }

  /** Turns what happened into what is written down. */
  #record(
    row: Delivery,
    done: Delivered,
    queue: ReadyQueue<Claimed>,
    session: Session | undefined,
    beganAt: number,
    ms: number,
  ): void {
    const { clock, log, node, metrics } = this.#runtime;
    const now = clock.now();
    const { outcome, transaction } = done;
    const words =
      outcome.code === null
        ? outcome.reason
        : `${outcome.code}${outcome.enhanced ? ` ${outcome.enhanced}` : ''} ${outcome.text}`;
    if (outcome.state !== 'delivered' && transaction.kind === 'refused') {
      const notice = queue.place.heard(words, now);
      if (notice !== undefined) {
        log.warn('throttled by a reply', {
          source: queue.source.name,
          destination: notice.site,
          rule: notice.rule,
          until: notice.until,
        });
        const { store } = this.#runtime;
        void store.write((tx) => addThrottle(tx, notice)).catch((error: unknown) => this.#complain(error));
      }
    }
    const settlement: Settlement = {
      id: row.id,
      attempt: row.attempt,
      owner: node,
      state: 'deferred',
      due_at: now,
      source_id: queue.source.id || null,
      message_id: done.messageId.replace(/^<|>$/g, '').toLowerCase() || null,
      code: outcome.code,
      enhanced: outcome.enhanced,
      reply: words.slice(0, 2048),
      mx: session?.host ?? queue.hosts[0]?.name ?? '',
      ip: session?.remote.replace(/:\d+$/, '') ?? '',
      tls:
        session?.tls === null || session === undefined ? '' : `${session.tls.protocol} ${session.tls.cipher}`,
      class: outcome.class,
      reason: outcome.reason,
      outcome:
        transaction.kind === 'withheld'
          ? 'withheld'
          : transaction.kind === 'dropped'
            ? 'dropped'
            : outcome.state,
      began_at: beganAt,
      ms: Math.round(ms),
    };
    Object.assign(settlement, this.#fate(row, done, now));
    const hard = settlement.state === 'bounced' && outcome.suppress === 'now';
    this.#settleSoon(settlement, hard ? this.#hardBounce(row, words) : undefined);
    metrics.count('attempts_total', { outcome: settlement.state, provider: queue.provider.id });
    log.info('attempt', {
      delivery: row.id,
      destination: queue.site,
      source: queue.source.name,
      attempt: row.attempt,
      outcome: settlement.state,
      code: outcome.code,
      enhanced: outcome.enhanced,
      class: outcome.class,
      ms: settlement.ms,
    });
  }

  /** Which state an attempt leads to, and when the next one is. */
  #fate(row: Delivery, { outcome, transaction }: Delivered, now: number): Partial<Settlement> {
    if (transaction.kind === 'withheld') {
      if (transaction.reason.startsWith('suppressed'))
        return { state: 'suppressed', reason: transaction.reason, class: null };
      if (transaction.reason === 'cancelled')
        return { state: 'cancelled', reason: 'the campaign was cancelled', class: null };
      return { state: 'deferred', due_at: now, reason: transaction.reason, class: null };
    }
    if (outcome.state !== 'deferred') return { state: outcome.state };
    const next = nextAttempt({
      delivery: row.id,
      attempt: row.attempt,
      queuedAt: row.queued_at,
      now,
      outcome,
      maxAgeMs: this.#runtime.config.mta.max_age_ms,
    });
    return next.kind === 'expired'
      ? { state: 'expired', reason: next.reason }
      : { state: 'deferred', due_at: next.at };
  }

  #hardBounce(row: Delivery, words: string): NewSuppression {
    return {
      address: row.address,
      scope: 'everything',
      reason: 'hard-bounce',
      contact_id: row.contact_id,
      delivery_id: row.id,
      evidence: words,
    };
  }

  /** A destination without a route is answered by us, in the receiver's stead. */
  #settleUnrouted(row: Delivery, route: Extract<Route, { kind: 'refused' }>): void {
    const { clock, node, config } = this.#runtime;
    const now = clock.now();
    const base: Settlement = {
      id: row.id,
      attempt: row.attempt,
      owner: node,
      state: 'bounced',
      due_at: now,
      source_id: null,
      message_id: null,
      code: null,
      enhanced: route.enhanced,
      reply: '',
      mx: '',
      ip: '',
      tls: '',
      class: route.temporary ? 'dns-failure' : 'invalid-domain',
      reason: route.reason,
      outcome: route.temporary ? 'deferred' : 'bounced',
      began_at: now,
      ms: 0,
    };
    if (!route.temporary) {
      const mayPerson = row.origin_kind === 'campaign' || row.origin_kind === 'journey';
      return this.#settleSoon(base, mayPerson ? this.#hardBounce(row, route.reason) : undefined);
    }
    const next = nextAttempt({
      delivery: row.id,
      attempt: row.attempt,
      queuedAt: row.queued_at,
      now,
      outcome: outcomeOf(
        { kind: 'dropped', stage: 'connect', dotSent: false, error: new Error(route.reason) },
        providerById(null),
      ),
      maxAgeMs: config.mta.max_age_ms,
    });
    this.#settleSoon(
      next.kind === 'expired'
        ? { ...base, state: 'expired', reason: next.reason }
        : { ...base, state: 'deferred', due_at: next.at },
      undefined,
    );
  }

  /** Results that come within the window are one commit; it bounds what a kill can make us send twice. */
  #settleSoon(settlement: Settlement, suppress: NewSuppression | undefined): void {
    this.#unsettled.push({ settlement, suppress });
    if (this.#unsettled.length >= SETTLED_AT_ONCE) void this.#flush();
    else
      this.#settleTimer ??= setTimeout(() => void this.#flush(), this.#runtime.config.mta.settle_window_ms);
  }

  #flush(): Promise<void> {
    clearTimeout(this.#settleTimer);
    this.#settleTimer = undefined;
    const batch = this.#unsettled.splice(0);
    if (batch.length > 0)
      this.#settling = Promise.all([this.#settling, this.#settleBatch(batch)]).then(() => undefined);
    return this.#settling;
  }

  async #settleBatch(
    batch: { settlement: Settlement; suppress: NewSuppression | undefined }[],
  ): Promise<void> {
    const { store, clock, suppressions, wake } = this.#runtime;
    const now = clock.now();
    for (let attempt = 1; ; attempt++) {
      try {
        const added = await store.write(async (tx) => {
          const written = new Set(
            (
              await settle(
                tx,
                batch.map((one) => one.settlement),
                now,
              )
            ).map((row) => row.id),
          );
          const wanted = batch.flatMap((one) =>
            one.suppress && written.has(one.settlement.id) ? [one.suppress] : [],
          );
          return suppressIn(tx, wanted, now);
        });
        for (const row of added) suppressions.add(row);
        if (added.length > 0) wake.ring('suppression');
        wake.ring('queue');
        return;
      } catch (error) {
        // The disk is full or the database is away: the results are kept in memory and tried again.
        this.#complain(error);
        if (this.#stopping && attempt > 3) return;
        await new Promise((resolve) => setTimeout(resolve, Math.min(5000, 100 * 2 ** attempt)));
      }
    }
  }

  #providerOf(site: string): Provider {
    for (const queue of this.#queues.values()) if (queue.site === site) return queue.provider;
    return providerById(null);
  }
}
