/**
 * How a row of the provider tables is made: what it leaves unsaid is taken from the row for everyone, and the documents
 * that the numbers are from have names here.
 */
import { defaultRules, providerRules } from './provider-rules.ts';
import type { Provider } from './providers.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

export const KUMO = 'KumoMTA community shaping data, assets/community/shaping.toml at 3ebc1e85';
export const CAUTIOUS =
  'the rate is ours, where nothing is published: what a new sender may do without being noticed';
export const FRENCH =
  'slow transports of French Postfix users: one connection, 12 messages of up to 20 recipients a minute (Mailu#2213); ' +
  'small senders faster than about one a second are listed (OpenSMTPD#1278)';
export const SFR =
  'two connections for each address, blocks of two hours (bentonow.com/smtp-errors/sfr); small senders faster than ' +
  'about one a second are listed (OpenSMTPD#1278)';
export const LAPOSTE =
  'two connections, 100 messages on each (bentonow.com/smtp-errors/laposte); rate as of French Postfix users (Mailu#2213)';
export const OURS = 'nothing published: numbers of ours, as cautious as for SFR';
export const GATEWAY =
  'a filter in front of many companies; numbers of ours, a little under the default of the KumoMTA data';
export const READ = '2026-11-22';

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
  postmaster: '',
  release: '',
  source: KUMO,
  asOf: READ,
  rules: defaultRules,
};

export type Row = Pick<Provider, 'id' | 'label' | 'mxSuffixes' | 'connections' | 'postmaster' | 'source'> &
  Partial<Provider>;

/** A row with what it leaves unsaid, and the rules for its replies before those for everyone's. */
export function provider(row: Row): Provider {
  const release = row.release ?? row.postmaster;
  return { ...defaultProvider, release, ...row, rules: [...(providerRules[row.id] ?? []), ...defaultRules] };
}
