/**
 * What a mail host must prove before it is given mail. Decided before connecting: by what the recipient's domain
 * publishes (DANE, MTA-STS), else by what is known of the provider.
 */
import type { Provider } from '../config/providers.ts';
import type { Row } from '../core/store/tables.ts';
import type { TlsaRecord } from './dane.ts';
import type { TlsFailureName } from './transaction.ts';

export type TlsPolicy =
  /** TLS when offered and working, else in clear (RFC 7435). */
  | { kind: 'opportunistic' }
  /** Never in clear: without TLS the attempt ends as temporary. `by` says who asks for it. */
  | { kind: 'required'; by: string }
  /** A certificate that public authorities vouch for, for this very host (RFC 8461 4.1). */
  | { kind: 'verified'; by: string }
  /** A certificate that the host's signed DNS names (RFC 7672). `names`: whom an authority there may vouch for. */
  | { kind: 'dane'; records: TlsaRecord[]; names: string[] }
  /** Not to be connected to at all, for now. */
  | { kind: 'barred'; failure: TlsFailureName; reason: string };

export function tlsPolicyFor(provider: Provider): TlsPolicy {
  return provider.tls === 'required' ? { kind: 'required', by: provider.label } : { kind: 'opportunistic' };
}

const REMEMBERED_MS = 3 * 24 * 3_600_000;
const REMEMBERED_HOSTS = 10_000;

/**
 * Hosts that offer STARTTLS and cannot do it: for three days an opportunistic connection goes in clear at once, instead
 * of failing first every time. One whose TLS works again, or who asks for it, is forgotten.
 */
export class BrokenTls {
  readonly #hosts = new Map<string, Row<'tls_memory'>>();
  readonly #fresh = new Set<string>();
  readonly #forgotten = new Set<string>();

  remember(host: string, now: number, reason = ''): void {
    this.#hosts.delete(host);
    this.#hosts.set(host, { host, until: now + REMEMBERED_MS, reason: reason.slice(0, 500), at: now });
    this.#fresh.add(host);
    this.#forgotten.delete(host);
    if (this.#hosts.size > REMEMBERED_HOSTS) this.forget(this.#hosts.keys().next().value as string);
  }

  forget(host: string): void {
    if (!this.#hosts.delete(host)) return;
    this.#fresh.delete(host);
    this.#forgotten.add(host);
  }

  isBroken(host: string, now: number): boolean {
    const known = this.#hosts.get(host);
    if (known === undefined) return false;
    if (known.until > now) return true;
    this.forget(host);
    return false;
  }

  /** What a store kept from before. */
  restore(rows: readonly Row<'tls_memory'>[]): void {
    for (const row of rows) this.#hosts.set(row.host, row);
  }

  /** What has to be written down since the last time. */
  changes(): { remembered: Row<'tls_memory'>[]; forgotten: string[] } {
    const remembered = [...this.#fresh].flatMap((host) => this.#hosts.get(host) ?? []);
    const forgotten = [...this.#forgotten];
    this.#fresh.clear();
    this.#forgotten.clear();
    return { remembered, forgotten };
  }
}
