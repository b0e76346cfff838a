/**
 * Where mail for a domain goes: its MX hosts in the order to try, their addresses, the site that they make up and the
 * provider whose limits hold there. A domain that takes no mail is refused here, without a connection.
 *
 *   1. ask for MX: none and no such name → refused for good (5.1.2) · no answer → refused for now (4.4.3)
 *   2. a null MX → refused for good (5.1.10, RFC 7505) · no MX → the domain itself is its host (RFC 5321 5.1)
 *   3. order by preference, equal ones shuffled
 *   4. ask for the addresses of each; those that lead inside are left out
 *   5. no host left → refused for now: the owner may mend it, and expiry ends it otherwise (4.4.3, 4.4.4)
 */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';

import { providerFor } from '../config/providers.ts';
import { DnsError } from '../core/dns.ts';
import type { MxRecord, Resolver } from '../core/dns.ts';
import { isPrivateAddress } from '../core/private-address.ts';
import type { TlsPolicy } from './policy.ts';

export interface RouteHost {
  name: string;
  /** IPv6 and IPv4, in the order to try. */
  addresses: string[];
  port: number;
  /** What it must prove, where that is not the provider's usual. */
  tls?: TlsPolicy;
}

export type Route =
  | {
      kind: 'route';
      /** Names the MX set: domains with the same hosts share connections, limits and memory of failures. */
      site: string;
      /** Id of a row of `config/providers.ts`. */
      provider: string;
      hosts: RouteHost[];
      /** Domains of one site that ask its hosts for different proofs do not share connections. */
      proofs?: string;
    }
  | { kind: 'refused'; temporary: boolean; enhanced: string; reason: string };

export interface RouteOptions {
  /** `config.mta.remote_port` */
  port: number;
  /** `config.mta.allow_private_targets` */
  allowPrivateTargets: boolean;
  /** A number in [0, 1): shuffles equals. Seeded in tests. */
  random: () => number;
  /** Which family to try first. */
  prefer?: 'ipv4' | 'ipv6';
}

/** A site with more hosts than this is not helped by trying them all. */
const HOSTS = 10;
const ADDRESSES = 6;
const SITE_LENGTH = 200;

export async function routeOf(domain: string, dns: Resolver, options: RouteOptions): Promise<Route> {
  const name = domain.toLowerCase().replace(/\.$/, '');
  if (!isHostName(name)) return refused(false, '5.1.2', `${domain} is no domain name`);
  let records: MxRecord[];
  try {
    records = await dns.mx(name);
  } catch (error) {
    if (!(error instanceof DnsError)) throw error;
    if (error.code === 'NXDOMAIN') return refused(false, '5.1.2', `the domain ${name} does not exist`);
    if (error.code !== 'NODATA')
      return refused(true, '4.4.3', `the MX of ${name} cannot be looked up: ${error.code}`);
    // RFC 5321 5.1: only when there is no MX at all does the domain's own address stand in for one.
    records = [];
  }
  // RFC 7505 3: a single MX of "." says that the domain takes no mail.
  if (records.length > 0 && records.every((record) => record.exchange === '' || record.exchange === '.'))
    return refused(false, '5.1.10', `${name} takes no mail (null MX)`);

  const names = records.length === 0 ? [name] : inOrder(records, options.random).slice(0, HOSTS);
  const looked = await Promise.all(names.map((host) => addressesOf(host, dns, options)));
  const hosts = names.flatMap((host, index) => {
    const found = looked[index]!;
    return found.addresses.length === 0
      ? []
      : [{ name: host, addresses: found.addresses, port: options.port }];
  });
  if (hosts.length === 0) return unreachable(name, records.length === 0, looked);
  const all = records.length === 0 ? [name] : records.map((record) => plainName(record.exchange));
  return { kind: 'route', site: siteOf(all), provider: providerFor(all).id, hosts };
}

/** One name for a set of MX hosts, whatever their order and preferences; the host itself when it is alone. */
export function siteOf(hosts: readonly string[]): string {
  const names = [...new Set(hosts.map(plainName))].sort();
  const [first = '', ...rest] = names;
  if (rest.length === 0) return first;
  // What all have in common is said once: (alt1|alt2).aspmx.l.google.com
  const labels = names.map((host) => host.split('.'));
  let shared = 0;
  while (
    labels.every((parts) => parts.length > shared + 1 && parts.at(-1 - shared) === labels[0]!.at(-1 - shared))
  )
    shared += 1;
  const heads = labels.map((parts) => parts.slice(0, parts.length - shared).join('.'));
  const tail = labels[0]!.slice(labels[0]!.length - shared).join('.');
  const site = `(${heads.join('|')})${shared > 0 ? `.${tail}` : ''}`;
  if (site.length <= SITE_LENGTH) return site;
  const digest = createHash('sha256').update(names.join()).digest('hex').slice(0, 16);
  return `${first}+${rest.length}.${digest}`;
}

/** RFC 5321 5.1: lower preference first, equals in random order to spread the load. */
function inOrder(records: readonly MxRecord[], random: () => number): string[] {
  const drawn = records
    .filter((record) => isHostName(plainName(record.exchange)))
    .map((record) => ({ name: plainName(record.exchange), priority: record.priority, lot: random() }));
  drawn.sort((a, b) => a.priority - b.priority || a.lot - b.lot);
  return [...new Set(drawn.map((record) => record.name))];
}

interface Looked {
  addresses: string[];
  refusedPrivate: boolean;
  failure: DnsError | null;
}

async function addressesOf(host: string, dns: Resolver, options: RouteOptions): Promise<Looked> {
  const answers = await Promise.allSettled([dns.aaaa(host), dns.a(host)]);
  const found: string[][] = [];
  let failure: DnsError | null = null;
  for (const answer of answers) {
    if (answer.status === 'fulfilled') found.push([...answer.value]);
    else {
      found.push([]);
      if (!(answer.reason instanceof DnsError)) throw answer.reason;
      if (failure === null || answer.reason.temporary) failure = answer.reason;
    }
  }
  const [ipv6 = [], ipv4 = []] = found;
  const inTurn = options.prefer === 'ipv4' ? [...ipv4, ...ipv6] : [...ipv6, ...ipv4];
  const allowed = options.allowPrivateTargets
    ? inTurn
    : inTurn.filter((address) => !isPrivateAddress(address));
  return { addresses: allowed.slice(0, ADDRESSES), refusedPrivate: allowed.length < inTurn.length, failure };
}

function unreachable(name: string, implicit: boolean, looked: readonly Looked[]): Route {
  const failed = looked.find((host) => host.failure?.temporary === true)?.failure;
  if (failed) return refused(true, '4.4.3', `no mail host of ${name} can be looked up: ${failed.code}`);
  if (looked.some((host) => host.refusedPrivate))
    return refused(true, '4.4.4', `every mail host of ${name} has a private address`);
  // Neither MX nor address: the domain exists, but no mail server ever answered to it.
  if (implicit) return refused(false, '5.1.2', `${name} has neither an MX nor an address`);
  return refused(true, '4.4.4', `no mail host of ${name} has an address`);
}

function refused(temporary: boolean, enhanced: string, reason: string): Route {
  return { kind: 'refused', temporary, enhanced, reason };
}

const plainName = (host: string) => host.toLowerCase().replace(/\.$/, '');

// RFC 1035 2.3.4 for the lengths; underscores are borne, since names with them are in use. No address, no single label.
function isHostName(name: string): boolean {
  return (
    name.length <= 253 && isIP(name) === 0 && /^(?!-)[a-z0-9_-]{1,63}(?:\.(?!-)[a-z0-9_-]{1,63})+$/.test(name)
  );
}
