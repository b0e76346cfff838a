/**
 * All that the house knows about TLS with others: which hosts cannot do it, what recipient domains ask of their hosts,
 * and how sessions ended. It outlives restarts: what is learnt is written down every few seconds.
 */
import { readFileSync } from 'node:fs';
import type { Runtime } from '../core/runtime.ts';
import { brokenTlsHosts, forgetBrokenTls, rememberBrokenTls } from '../core/store/tls-memory.ts';
import { countTlsResults, forgetTlsResults, tlsDay } from '../core/store/tls-result.ts';
import type { ConnectOptions } from './connect.ts';
import { TlsClient } from './handshake.ts';
import { BrokenTls, tlsPolicyFor } from './policy.ts';
import { withProofs } from './proof.ts';
import type { Provider } from '../config/providers.ts';
import type { Route } from './route.ts';
import type { Session } from './session.ts';
import { StsPolicies } from './sts-policies.ts';
import { TlsResults, type DomainPolicy } from './tls-results.ts';
import type { Transaction } from './transaction.ts';

type Needs = Pick<Runtime, 'config' | 'dns' | 'store' | 'clock' | 'log'>;

const FLUSH_MS = 5000;
const DOMAINS = 100_000;
/** Reports reach back a day; people look back a month. */
const KEPT_DAYS = 35;

export class Encryption {
  readonly #runtime: Needs;
  readonly #client: TlsClient;
  readonly #brokenTls = new BrokenTls();
  readonly #sts: StsPolicies;
  readonly #results = new TlsResults();
  readonly #policies = new Map<string, DomainPolicy>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(runtime: Needs) {
    this.#runtime = runtime;
    const { authorities } = runtime.config.tls;
    this.#client = new TlsClient(authorities === '' ? '' : readFileSync(authorities, 'utf8'));
    this.#sts = new StsPolicies(runtime, { context: this.#client.context }, (failure) => {
      const { domain, policyId, result, detail } = failure;
      runtime.log.warn('mta-sts policy not fetched', { domain, result, detail });
      const judged = { policy: 'sts', policy_id: policyId, mx: '', result, detail } as const;
      this.#results.count(domain, judged, runtime.clock.now());
    });
  }

  async start(): Promise<void> {
    const { store, clock } = this.#runtime;
    this.#brokenTls.restore(await brokenTlsHosts(store.read, clock.now()));
    await this.#sts.load();
    this.#timer = setInterval(() => void this.flush(), FLUSH_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  /** A route with what its hosts must prove for a domain. */
  async proved(domain: string, route: Route): Promise<Route> {
    if (route.kind !== 'route') return route;
    const sts = await this.#sts.policyFor(domain);
    const proved = await withProofs(route, domain, sts, this.#runtime.dns);
    const daneHosts = new Set(proved.hosts.filter(({ tls }) => isDane(tls)).map((host) => host.name));
    this.#policies.delete(domain);
    if (sts !== null || daneHosts.size > 0) this.#policies.set(domain, { sts, daneHosts });
    if (this.#policies.size > DOMAINS) this.#policies.delete(this.#policies.keys().next().value as string);
    return proved;
  }

  /** What a connection is made with. */
  terms(provider: Provider): Pick<ConnectOptions, 'policy' | 'brokenTls' | 'tlsClient'> {
    return { policy: tlsPolicyFor(provider), brokenTls: this.#brokenTls, tlsClient: this.#client };
  }

  /** A message went over a connection, or found none. */
  heard(address: string, transaction: Transaction, session: Session | undefined, asksForTls: boolean): void {
    const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase();
    const attempts =
      session?.tlsAttempts ?? ('tlsAttempts' in transaction ? transaction.tlsAttempts : undefined);
    this.#results.saw(domain, attempts, this.#policies.get(domain), this.#runtime.clock.now());
    // RFC 3207 4: whoever answers 530 has TLS, whatever we remember.
    if (asksForTls && session !== undefined) this.#brokenTls.forget(session.host);
  }

  /** Writes down what was learnt; never rejects. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#flush());
    return this.#flushing;
  }

  async #flush(): Promise<void> {
    const results = this.#results.take();
    const { remembered, forgotten } = this.#brokenTls.changes();
    if (results.length + remembered.length + forgotten.length === 0) return;
    const { store, clock, log } = this.#runtime;
    const now = clock.now();
    try {
      await store.write(async (tx) => {
        await countTlsResults(tx, results);
        await forgetTlsResults(tx, tlsDay(now) - KEPT_DAYS);
        await rememberBrokenTls(tx, remembered);
        await forgetBrokenTls(tx, forgotten, now);
      });
    } catch (error) {
      this.#results.putBack(results);
      log.error('tls results could not be written down', { error });
    }
  }
}

const isDane = (tls: { kind: string; failure?: string } | undefined) =>
  tls?.kind === 'dane' || (tls?.kind === 'barred' && tls.failure === 'dnssec-invalid');
