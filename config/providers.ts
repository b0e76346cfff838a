/**
 * Which mailbox provider a domain belongs to, by the names of its MX hosts, and what is known of it. The rows are in
 * `provider-table.ts` and `provider-table-ours.ts`, what their replies make us do in `provider-rules.ts`; a team's own numbers are laid over them by
 * `core/sending/limits.ts`.
 */
import type { ReplyRule } from './provider-rules.ts';
import { defaultProvider } from './provider-row.ts';
import { otherProviders } from './provider-table-ours.ts';
import { publishedProviders } from './provider-table.ts';

export { defaultProvider };

export interface Provider {
  id: string;
  /** As people call it. */
  label: string;
  /** `.google.com` matches that host and all below it. EVERY host of a domain must match one of these. */
  mxSuffixes: readonly string[];
  /** Connections open at once from one source. */
  connections: number;
  /** Whether limits count over all of the provider's sites together, or at each site apart. */
  scope: 'provider' | 'site';
  messagesPerConnection: number;
  /** Messages from one source. */
  rate: { messages: number; perMs: number };
  /** `required`: never sent to in clear; the next attempt waits instead. */
  tls: 'opportunistic' | 'required';
  /** What the provider tells senders; its postmaster's mailbox where it has no page (RFC 5321 4.5.1). */
  postmaster: string;
  /** Where to ask for release when a source is blocked. */
  release: string;
  /** Where the numbers are from: a page, or a document by its name. */
  source: string;
  /** Day on which the source was read. */
  asOf: string;
  rules: readonly ReplyRule[];
}

export const providers: readonly Provider[] = [...publishedProviders, ...otherProviders];

const byId = new Map([defaultProvider, ...providers].map((row) => [row.id, row]));

/** The row of an id, as it stands in a `domain` row; the default for one that we do not know (any more). */
export function providerById(id: string | null): Provider {
  return byId.get(id ?? '') ?? defaultProvider;
}

/**
 * The provider that all of these hosts belong to. One host outside means that somebody filters in front, or that the
 * domain is moving: then nobody's limits are taken for granted.
 *
 *     providerFor(['aspmx.l.google.com', 'alt1.aspmx.l.google.com.']).id   // 'google'
 *     providerFor(['aspmx.l.google.com', 'mx.example.net']).id             // 'default'
 */
export function providerFor(mxHosts: readonly string[]): Provider {
  if (mxHosts.length === 0) return defaultProvider;
  // A leading dot lets a suffix match the host itself as well; a trailing one is only how DNS writes names.
  const hosts = mxHosts.map((host) => `.${host.toLowerCase().replace(/\.$/, '')}`);
  return (
    providers.find((row) => hosts.every((host) => row.mxSuffixes.some((suffix) => host.endsWith(suffix)))) ??
    defaultProvider
  );
}

/**
 * The first rule that a refusal sets off at a provider; `reply` is code, enhanced code and text in one line. What was
 * accepted sets off none, whatever its words are.
 */
export function replyRuleFor(provider: Pick<Provider, 'rules'>, reply: string): ReplyRule | undefined {
  if (!/^[45]\d\d\b/.test(reply)) return undefined;
  return provider.rules.find((rule) => rule.pattern.test(reply));
}
