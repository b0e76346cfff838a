/**
 * The MTA-STS policies of the domains that we send to: fetched once, kept for as long as they say, fetched again before
 * their end or when the DNS shows a new id. A fetch that fails takes nothing away from a policy that still holds
 * (RFC 8461 3.3, 5.1): else whoever can disturb the fetch could turn it off.
 */
import { DnsError } from '../core/dns.ts';
import type { Runtime } from '../core/runtime.ts';
import { keepPolicy, keptPolicies, policyFetchFailed, type KeptPolicy } from '../core/store/mta-sts.ts';
import { fetchPolicy, PolicyFetchError, type FetchOptions } from './sts-fetch.ts';
import { policyIdOf } from './sts.ts';
import type { TlsFailureName } from './transaction.ts';

/** RFC 8461 3.3: after a failure, not again for five minutes. */
const RETRY_MS = 5 * 60_000;
const DOMAINS = 100_000;

export interface FetchFailure {
  domain: string;
  policyId: string;
  result: TlsFailureName;
  detail: string;
}

export class StsPolicies {
  readonly #runtime: Pick<Runtime, 'config' | 'dns' | 'store' | 'clock'>;
  readonly #fetching: Pick<FetchOptions, 'context' | 'timeoutMs'>;
  readonly #onFailure: (failure: FetchFailure) => void;
  readonly #kept = new Map<string, KeptPolicy>();
  readonly #failed = new Map<string, number>();

  constructor(
    runtime: Pick<Runtime, 'config' | 'dns' | 'store' | 'clock'>,
    fetching: Pick<FetchOptions, 'context' | 'timeoutMs'>,
    onFailure: (failure: FetchFailure) => void,
  ) {
    this.#runtime = runtime;
    this.#fetching = fetching;
    this.#onFailure = onFailure;
  }

  async load(): Promise<void> {
    const { store, clock } = this.#runtime;
    for (const policy of await keptPolicies(store.read, clock.now())) this.#kept.set(policy.domain, policy);
  }

  /** The policy that holds for a domain now; null when there is none, or one of mode `none`. */
  async policyFor(domain: string): Promise<KeptPolicy | null> {
    const now = this.#runtime.clock.now();
    let kept = this.#kept.get(domain);
    if (kept !== undefined && kept.expiresAt <= now) {
      this.#kept.delete(domain);
      kept = undefined;
    }
    const id = await this.#idOf(domain);
    if (id !== null && isDue(kept, id, now)) kept = (await this.#fetch(domain, id, now)) ?? kept;
    return kept === undefined || kept.mode === 'none' ? null : kept;
  }

  /** Null: no record, or none to be had now. RFC 8461 5.1: what is kept holds until its end all the same. */
  async #idOf(domain: string): Promise<string | null> {
    try {
      return policyIdOf(await this.#runtime.dns.txt(`_mta-sts.${domain}`));
    } catch (error) {
      if (error instanceof DnsError) return null;
      throw error;
    }
  }

  async #fetch(domain: string, policyId: string, now: number): Promise<KeptPolicy | undefined> {
    if ((this.#failed.get(domain) ?? -Infinity) > now - RETRY_MS) return undefined;
    const { config, dns, store } = this.#runtime;
    try {
      const { body, mode, mx, maxAgeS } = await fetchPolicy(domain, {
        dns,
        port: config.mta.policy_port,
        allowPrivate: config.mta.allow_private_targets,
        ...this.#fetching,
      });
      const expiresAt = now + maxAgeS * 1000;
      const policy = { domain, policyId, mode, mx, maxAgeS, fetchedAt: now, expiresAt, body };
      this.#failed.delete(domain);
      this.#kept.set(domain, policy);
      if (this.#kept.size > DOMAINS) this.#kept.delete(this.#kept.keys().next().value as string);
      await store.write((tx) => keepPolicy(tx, policy));
      return policy;
    } catch (error) {
      if (!(error instanceof PolicyFetchError)) throw error;
      this.#failed.set(domain, now);
      if (this.#failed.size > DOMAINS) this.#failed.delete(this.#failed.keys().next().value as string);
      this.#onFailure({ domain, policyId, result: error.result, detail: error.message });
      await store.write((tx) => policyFetchFailed(tx, domain, error.message, now));
      return undefined;
    }
  }
}

/** RFC 8461 3.3: fetched again well before its end, so that there is always one. */
function isDue(kept: KeptPolicy | undefined, id: string, now: number): boolean {
  if (kept === undefined || kept.policyId !== id) return true;
  const left = kept.expiresAt - now;
  return left < Math.min((kept.maxAgeS * 1000) / 2, 86_400_000);
}
