/**
 * Questions to the DNS, with a cache. Answers are kept for their time to live where Node tells it (A, AAAA) and for five
 * minutes otherwise; "no such name" for one minute; failures not at all. Equal questions asked at once share one look-up.
 * The times here go by real time: they belong to the wire.
 */
import { Resolver as NodeResolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { DnsError, type DnsErrorCode } from './dns-error.ts';
import { areLocal, resolverAddresses, secureResolver, type AskSecure } from './dns-secure.ts';

export { DnsError };
export type { DnsErrorCode };

export interface MxRecord {
  exchange: string;
  priority: number;
}

/** Each question answers with at least one record or throws a `DnsError`. */
export interface Resolver {
  mx(name: string): Promise<MxRecord[]>;
  a(name: string): Promise<string[]>;
  aaaa(name: string): Promise<string[]>;
  /** Each TXT record with its strings joined (RFC 7208 3.3). */
  txt(name: string): Promise<string[]>;
  cname(name: string): Promise<string[]>;
  ptr(ip: string): Promise<string[]>;
  /** Proved by DNSSEC or not; absent where no resolver is trusted to say so. Not cached. */
  secure?: AskSecure;
  /** Forgets everything, or all answers about one name. */
  forget(name?: string): void;
}

export interface ResolverOptions {
  /** `IP` or `IP:PORT`; empty means the system's. */
  servers: string[];
  timeout_ms: number;
  /** Whether the resolvers' AD bit is believed; `auto`: when they are on this machine. */
  trust_ad?: 'auto' | 'yes' | 'no';
}

const KEPT_MS = 5 * 60_000;
const KEPT_ABSENT_MS = 60_000;
const ENTRIES = 50_000;

type Answer = { records: unknown[]; until: number } | { error: DnsError; until: number };

/** RFC 1035 3.5 and RFC 3596 2.5: the name under which the DNS has the name of an address. */
export function reverseName(ip: string): string {
  if (isIP(ip) === 4) return `${ip.split('.').toReversed().join('.')}.in-addr.arpa`;
  const [head = '', tail] = ip.split('%')[0]?.toLowerCase().split('::') ?? [];
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const [first, last] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? [] : Array<string>(8 - first.length - last.length).fill('0');
  const digits = [...first, ...zeros, ...last].map((group) => group.padStart(4, '0')).join('');
  return `${[...digits].toReversed().join('.')}.ip6.arpa`;
}

export function createResolver(options: ResolverOptions): Resolver {
  const node = new NodeResolver({ timeout: options.timeout_ms, tries: 2 });
  if (options.servers.length > 0) node.setServers(options.servers);
  const cache = new Map<string, Answer>();
  const asking = new Map<string, Promise<unknown[]>>();

  async function ask<T>(
    type: string,
    name: string,
    look: () => Promise<{ records: T[]; ttlS?: number }>,
  ): Promise<T[]> {
    const key = `${type} ${name.toLowerCase().replace(/\.$/, '')}`;
    const kept = cache.get(key);
    if (kept !== undefined && kept.until > Date.now()) {
      if ('error' in kept) throw kept.error;
      return kept.records as T[];
    }
    const running = asking.get(key);
    if (running !== undefined) return running as Promise<T[]>;
    const question = (async () => {
      try {
        const { records, ttlS } = await look();
        if (records.length === 0) throw Object.assign(new Error('no records'), { code: 'ENODATA' });
        keep(key, {
          records,
          until: Date.now() + Math.min(Math.max((ttlS ?? KEPT_MS / 1000) * 1000, 1000), 3_600_000),
        });
        return records;
      } catch (cause) {
        const error = new DnsError(codeOf(cause), key, cause);
        if (!error.temporary) keep(key, { error, until: Date.now() + KEPT_ABSENT_MS });
        throw error;
      } finally {
        asking.delete(key);
      }
    })();
    asking.set(key, question);
    return question;
  }

  function keep(key: string, answer: Answer): void {
    cache.delete(key);
    cache.set(key, answer);
    if (cache.size > ENTRIES) cache.delete(cache.keys().next().value as string);
  }

  const servers = resolverAddresses(options.servers);
  const isTrusted =
    options.trust_ad === 'yes' || ((options.trust_ad ?? 'auto') === 'auto' && areLocal(servers));

  const addresses = (records: { address: string; ttl: number }[]) => ({
    records: records.map((record) => record.address),
    ttlS: Math.min(...records.map((record) => record.ttl)),
  });

  return {
    mx: (name) => ask('MX', name, async () => ({ records: await node.resolveMx(name) })),
    a: (name) => ask('A', name, async () => addresses(await node.resolve4(name, { ttl: true }))),
    aaaa: (name) => ask('AAAA', name, async () => addresses(await node.resolve6(name, { ttl: true }))),
    txt: (name) =>
      ask('TXT', name, async () => ({
        records: (await node.resolveTxt(name)).map((parts) => parts.join('')),
      })),
    cname: (name) => ask('CNAME', name, async () => ({ records: await node.resolveCname(name) })),
    // Not `reverse`: that answers from the hosts file first, and what this machine calls itself is nobody else's word.
    ptr: (ip) => ask('PTR', ip, async () => ({ records: await node.resolvePtr(reverseName(ip)) })),
    ...(isTrusted && { secure: secureResolver(servers, options.timeout_ms) }),
    forget(name) {
      if (name === undefined) return cache.clear();
      const wanted = name.toLowerCase();
      for (const key of cache.keys()) if (key.endsWith(` ${wanted}`)) cache.delete(key);
    },
  };
}

function codeOf(error: unknown): DnsErrorCode {
  switch ((error as { code?: string }).code) {
    case 'ENOTFOUND':
      return 'NXDOMAIN';
    case 'ENODATA':
      return 'NODATA';
    case 'ETIMEOUT':
    case 'ECANCELLED':
      return 'TIMEOUT';
    case 'EREFUSED':
    case 'ECONNREFUSED':
      return 'REFUSED';
    case 'EBADNAME':
    case 'EBADQUERY':
    case 'EINVAL':
      return 'INVALID';
    default:
      return 'SERVFAIL';
  }
}
