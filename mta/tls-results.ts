/**
 * How TLS sessions ended, as reports count them (RFC 8460): for each recipient domain under the policy that it has. A
 * connection that serves many domains is one session for each of them. Counts gather in memory and are written down in
 * one go.
 */
import type { KeptPolicy } from '../core/store/mta-sts.ts';
import { tlsDay, type TlsResult } from '../core/store/tls-result.ts';
import { failureOf } from './handshake.ts';
import { isNamedMx } from './sts.ts';
import type { TlsAttempt } from './transaction.ts';

/** The policy under which a domain's sessions are reported. */
export interface DomainPolicy {
  sts: KeptPolicy | null;
  /** Hosts whose TLSA records were found. */
  daneHosts: ReadonlySet<string>;
}

type Judged = Pick<TlsResult, 'policy' | 'policy_id' | 'mx' | 'result' | 'detail'>;

/** What one attempt comes to under a domain's policy. */
export function judged(attempt: TlsAttempt, policy: DomainPolicy | undefined): Judged {
  const { mx, state, failure } = attempt;
  const isDane = policy?.daneHosts.has(mx) === true;
  const sts = isDane ? null : (policy?.sts ?? null);
  const kind = isDane ? 'tlsa' : sts === null ? 'no-policy-found' : 'sts';
  const as = (result: string, detail: string): Judged => ({
    policy: kind,
    policy_id: sts?.policyId ?? '',
    mx,
    result,
    detail,
  });
  if (failure !== null) return as(failure.result, failure.detail);
  // RFC 8461 5: a policy in testing is judged the same, and the mail went out all the same.
  if (sts !== null && !isNamedMx(mx, sts.mx))
    return as('validation-failure', 'the policy does not name this host');
  if (sts !== null && state !== null && !state.verified) return as(failureOf(state.problem), state.problem);
  return as('success', state === null ? '' : `${state.protocol} ${state.cipher}`);
}

const WAITING = 20_000;

export class TlsResults {
  readonly #counts = new Map<string, TlsResult>();
  /** Which domains a connection was counted for; its list of attempts stands for it. */
  readonly #counted = new WeakMap<readonly TlsAttempt[], Set<string>>();

  /** Counts a connection, and those before it that failed, once for a domain. */
  saw(
    domain: string,
    attempts: readonly TlsAttempt[] | undefined,
    policy: DomainPolicy | undefined,
    now: number,
  ): void {
    if (attempts === undefined || attempts.length === 0) return;
    const domains = this.#counted.get(attempts) ?? new Set();
    if (domains.has(domain)) return;
    domains.add(domain);
    this.#counted.set(attempts, domains);
    for (const attempt of attempts) this.count(domain, judged(attempt, policy), now);
  }

  count(domain: string, result: Judged, now: number): void {
    const day = tlsDay(now);
    const key = [day, domain, result.policy, result.policy_id, result.mx, result.result].join(' ');
    const known = this.#counts.get(key);
    if (known === undefined && this.#counts.size >= WAITING) return;
    this.#counts.set(key, { ...result, day, domain, sessions: (known?.sessions ?? 0) + 1, last_at: now });
  }

  /** What has gathered since the last time. */
  take(): TlsResult[] {
    const rows = [...this.#counts.values()];
    this.#counts.clear();
    return rows;
  }

  /** They could not be written down: counted again, beside what came meanwhile. */
  putBack(rows: readonly TlsResult[]): void {
    for (const row of rows) {
      const key = [row.day, row.domain, row.policy, row.policy_id, row.mx, row.result].join(' ');
      const known = this.#counts.get(key);
      this.#counts.set(key, known ? { ...known, sessions: known.sessions + row.sessions } : row);
    }
  }
}
