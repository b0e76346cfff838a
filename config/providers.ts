/**
 * The mailbox providers we know, by the names of their MX hosts, and how much each bears from one IP address of ours. A
 * start, not a truth: replies slow a source down (`provider-rules.ts`), and an admin may set other numbers. Every row
 * says where its numbers are from and when they were read; to change one, change its date too.
 */
import { defaultRules, providerRules } from './provider-rules.ts';
import type { ReplyRule } from './provider-rules.ts';

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
  /** Where to ask for release when the source is blocked. */
  postmaster?: string;
  source: string;
  /** Day on which the source was read. */
  read: string;
  rules: readonly ReplyRule[];
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const KUMO = 'KumoMTA community shaping data, assets/community/shaping.toml at 3ebc1e85';
const CAUTIOUS =
  'the rate is ours, where nothing is published: what a new sender may do without being noticed';
const FRENCH =
  'slow transports of French Postfix users: one connection, 12 messages of up to 20 recipients a minute (Mailu#2213); ' +
  'small senders faster than about one a second are listed (OpenSMTPD#1278)';
const READ = '2026-11-22';

/** For a site that no row knows. */
export const defaultProvider: Provider = {
  id: 'default',
  label: 'Other',
  mxSuffixes: [],
  connections: 10,
  scope: 'site',
  messagesPerConnection: 100,
  rate: { messages: 100, perMs: SECOND },
  tls: 'opportunistic',
  source: KUMO,
  read: READ,
  rules: defaultRules,
};

type Row = Pick<Provider, 'id' | 'label' | 'mxSuffixes' | 'connections'> & Partial<Provider>;

/** A row with what it leaves unsaid, and the rules for its replies before those for everyone's. */
function provider(row: Row): Provider {
  return { ...defaultProvider, ...row, rules: [...(providerRules[row.id] ?? []), ...defaultRules] };
}

export const providers: readonly Provider[] = [
  provider({
    id: 'google',
    label: 'Gmail and Google Workspace',
    mxSuffixes: ['.google.com', '.googlemail.com'],
    connections: 5,
    scope: 'provider',
    messagesPerConnection: 50,
    rate: { messages: 480, perMs: MINUTE },
    tls: 'required',
    postmaster: 'https://support.google.com/mail/contact/gmail_bulk_sender_escalation',
    source: `${KUMO}; ${CAUTIOUS}`,
  }),
  provider({
    id: 'yahoo',
    label: 'Yahoo and AOL',
    mxSuffixes: ['.yahoodns.net'],
    connections: 10,
    messagesPerConnection: 20,
    rate: { messages: 120, perMs: MINUTE },
    postmaster: 'https://senders.yahooinc.com/contact/',
    source: `Yahoo, as stated in ${KUMO}; ${CAUTIOUS}`,
  }),
  provider({
    id: 'outlook',
    label: 'Outlook.com, Hotmail, Live',
    mxSuffixes: ['.olc.protection.outlook.com'],
    connections: 5,
    scope: 'provider',
    messagesPerConnection: 50,
    rate: { messages: 180, perMs: MINUTE },
    postmaster: 'https://olcsupport.office.com/',
    source: `${KUMO}; ${CAUTIOUS}`,
  }),
  provider({
    id: 'office365',
    label: 'Microsoft 365',
    mxSuffixes: ['.mail.protection.outlook.com'],
    connections: 5,
    scope: 'provider',
    messagesPerConnection: 50,
    rate: { messages: 180, perMs: MINUTE },
    postmaster: 'https://sender.office.com/',
    source: `${KUMO}; ${CAUTIOUS}`,
  }),
  provider({
    id: 'office365-dane',
    label: 'Microsoft 365 (DNSSEC)',
    mxSuffixes: ['.mx.microsoft'],
    connections: 5,
    scope: 'provider',
    messagesPerConnection: 50,
    rate: { messages: 180, perMs: MINUTE },
    postmaster: 'https://sender.office.com/',
    source: `${KUMO}; ${CAUTIOUS}`,
  }),
  provider({
    id: 'apple',
    label: 'iCloud',
    mxSuffixes: ['.icloud.com'],
    connections: 10,
    scope: 'provider',
    messagesPerConnection: 5,
    rate: { messages: 180, perMs: MINUTE },
    postmaster: 'https://support.apple.com/en-us/102322',
    source: `${KUMO}; ${CAUTIOUS}`,
  }),
  provider({
    id: 'orange',
    label: 'Orange and Wanadoo',
    mxSuffixes: ['.orange.fr', '.wanadoo.fr'],
    connections: 2,
    scope: 'provider',
    messagesPerConnection: 100,
    // Older guidance says 1,000 an hour for each of 3 connections; two are kept.
    rate: { messages: 2000, perMs: HOUR },
    tls: 'required',
    postmaster: 'https://postmaster.orange.fr/',
    source: `${KUMO}; rate from older guidance of Orange`,
  }),
  provider({
    id: 'laposte',
    label: 'La Poste',
    mxSuffixes: ['.laposte.net'],
    connections: 1,
    scope: 'provider',
    messagesPerConnection: 20,
    rate: { messages: 30, perMs: MINUTE },
    postmaster: 'https://postmaster.laposte.net/',
    source: FRENCH,
  }),
  provider({
    id: 'free',
    label: 'Free',
    mxSuffixes: ['.free.fr'],
    connections: 1,
    scope: 'provider',
    messagesPerConnection: 20,
    rate: { messages: 40, perMs: MINUTE },
    postmaster: 'https://postmaster.free.fr/',
    source: FRENCH,
  }),
  provider({
    id: 'sfr',
    label: 'SFR, Neuf, Cegetel',
    mxSuffixes: ['.sfr.fr', '.neuf.fr', '.cegetel.net'],
    connections: 1,
    scope: 'provider',
    messagesPerConnection: 20,
    rate: { messages: 1, perMs: SECOND },
    source: 'small senders faster than about one a second are listed (OpenSMTPD#1278)',
  }),
  provider({
    id: 'bouygues',
    label: 'Bouygues Telecom',
    mxSuffixes: ['.bbox.fr', '.bouyguestelecom.fr'],
    connections: 2,
    scope: 'provider',
    messagesPerConnection: 20,
    rate: { messages: 1, perMs: SECOND },
    source: 'nothing published; taken as cautiously as SFR',
  }),
  provider({
    id: 'gmx',
    label: 'GMX and Web.de',
    mxSuffixes: ['.web.de', '.gmx.net', '.gmx.de'],
    connections: 4,
    scope: 'provider',
    messagesPerConnection: 20,
    tls: 'required',
    postmaster: 'https://postmaster.gmx.net/',
  }),
  provider({
    id: 't-online',
    label: 'T-Online',
    mxSuffixes: ['.t-online.de'],
    connections: 4,
    messagesPerConnection: 20,
    postmaster: 'https://postmaster.t-online.de/',
    source: 'nothing published; taken as cautiously as GMX',
  }),
  provider({
    id: 'mail-com',
    label: 'mail.com',
    mxSuffixes: ['.mail.com'],
    connections: 10,
    messagesPerConnection: 100,
  }),
  provider({
    id: 'comcast',
    label: 'Comcast',
    mxSuffixes: ['.comcast.net'],
    connections: 25,
    messagesPerConnection: 1000,
    tls: 'required',
    postmaster: 'https://postmaster.comcast.net/',
    source: `Comcast, as stated in ${KUMO}`,
  }),
  provider({
    id: 'mimecast',
    label: 'Mimecast',
    mxSuffixes: ['.mimecast.com', '.mimecast.co.za', '.mimecast-offshore.com'],
    connections: 10,
    messagesPerConnection: 100,
  }),
  provider({
    id: 'barracuda',
    label: 'Barracuda',
    mxSuffixes: ['.barracudanetworks.com'],
    connections: 10,
    scope: 'provider',
    messagesPerConnection: 15,
    tls: 'required',
  }),
  provider({
    id: 'yahoo-japan',
    label: 'Yahoo! Japan',
    mxSuffixes: ['.yahoo.co.jp'],
    connections: 2,
    messagesPerConnection: 20,
    rate: { messages: 10, perMs: SECOND },
  }),
  provider({
    id: 'qq',
    label: 'QQ Mail',
    mxSuffixes: ['.qq.com'],
    connections: 4,
    messagesPerConnection: 8,
    tls: 'required',
  }),
  provider({
    id: 'netease',
    label: 'NetEase 163 and 126',
    mxSuffixes: ['.netease.com'],
    connections: 4,
    messagesPerConnection: 7,
    tls: 'required',
  }),
  provider({
    id: 'netvigator',
    label: 'Netvigator',
    mxSuffixes: ['.netvigator.com'],
    connections: 5,
    scope: 'provider',
    messagesPerConnection: 10,
    tls: 'required',
  }),
  provider({
    id: 'kpn',
    label: 'KPN',
    mxSuffixes: ['.kpnmail.nl'],
    connections: 10,
    messagesPerConnection: 10,
    tls: 'required',
  }),
];

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

/** The first rule that a reply sets off at a provider; `reply` is code, enhanced code and text in one line. */
export function replyRuleFor(provider: Provider, reply: string): ReplyRule | undefined {
  return provider.rules.find((rule) => rule.pattern.test(reply));
}
