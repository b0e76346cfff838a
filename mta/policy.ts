/**
 * How far a destination may be sent to in clear. Decided before connecting, from what is known of the provider; a proof
 * by the domain itself (MTA-STS, DANE) becomes another variant here.
 */
import type { Provider } from '../config/providers.ts';

export type TlsPolicy =
  /** TLS when offered and working, else in clear (RFC 7435). */
  | { kind: 'opportunistic' }
  /** Never in clear: without TLS the attempt ends as temporary. `by` says who asks for it. */
  | { kind: 'required'; by: string };

export function tlsPolicyFor(provider: Provider): TlsPolicy {
  return provider.tls === 'required' ? { kind: 'required', by: provider.label } : { kind: 'opportunistic' };
}

const REMEMBERED_MS = 3 * 24 * 3_600_000;
const REMEMBERED_HOSTS = 10_000;

/**
 * Hosts that offer STARTTLS and cannot do it: for three days an opportunistic connection goes in clear at once, instead
 * of failing first every time.
 */
export class BrokenTls {
  #until = new Map<string, number>();

  remember(host: string, now: number): void {
    this.#until.delete(host);
    this.#until.set(host, now + REMEMBERED_MS);
    if (this.#until.size > REMEMBERED_HOSTS) this.#until.delete(this.#until.keys().next().value as string);
  }

  isBroken(host: string, now: number): boolean {
    const until = this.#until.get(host);
    if (until === undefined) return false;
    if (until > now) return true;
    this.#until.delete(host);
    return false;
  }
}
