/**
 * The checks on what the DNS says of us now: whether SPF lets each of our addresses send, whether the published DKIM key
 * verifies what we sign, whether DMARC is valid and our mail is aligned with it, whether each address has a name that
 * leads back to it, and, where zones are configured, whether a block list names one. Looking and judging are apart.
 */
import { createPublicKey, randomBytes, sign, verify, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { DnsError, type Resolver } from '../dns.ts';
import { examineRecords, type DnsRecord } from '../identity.ts';
import { readDkimKey, dkimRecordName } from '../mail/dkim-key.ts';
import { organisationalDomain } from '../mail/domain.ts';
import { spfOf, type SpfFinding } from '../mail/spf.ts';
import type { Runtime } from '../runtime.ts';
import { activeDkimKeys } from '../store/dkim-key.ts';
import { sources } from '../store/identity.ts';
import type { Row } from '../store/tables.ts';
import { check, type Check, type Level } from './check.ts';

type Needs = Pick<Runtime, 'store' | 'config' | 'dns' | 'secrets' | 'clock' | 'wake'>;

export interface KeyFinding {
  name: string;
  /** 0 for a key that is not RSA. */
  bits: number;
  /** `unpublished`: the record check speaks of it. */
  verifies: 'yes' | 'no' | 'unpublished';
}

export interface SourceFinding {
  name: string;
  ip: string;
  ehlo: string;
  /** Names that the address has; those of them that lead back to it. */
  ptr: string[];
  confirmed: string[];
  ehloLeadsHere: boolean;
  /** The DNS did not answer. */
  unknown: boolean;
}

export interface DnsFacts {
  domain: string;
  bounceHost: string;
  records: DnsRecord[];
  keys: KeyFinding[];
  spf: SpfFinding[];
  dmarc: string | undefined;
  sources: SourceFinding[];
  listed: { zone: string; what: string }[];
}

/** How long the name servers may keep us, and how long an answer serves a person who is writing. */
const PATIENCE_MS = 10_000;
const KEPT_MS = 60_000;
const kept = new WeakMap<Resolver, Map<number, { at: number; facts: Promise<DnsFacts | undefined> }>>();

/** What the DNS says of a sending domain now; undefined when it kept us waiting too long. */
export function dnsFacts(
  runtime: Needs,
  domain: Row<'sending_domain'>,
  { fresh = false }: { fresh?: boolean } = {},
): Promise<DnsFacts | undefined> {
  const known = kept.get(runtime.dns) ?? new Map();
  kept.set(runtime.dns, known);
  const last = known.get(domain.id);
  if (!fresh && last !== undefined && Date.now() - last.at < KEPT_MS) return last.facts;
  const facts = inTime(look(runtime, domain));
  known.set(domain.id, { at: Date.now(), facts });
  facts.catch(() => known.delete(domain.id));
  return facts;
}

async function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function look(runtime: Needs, domain: Row<'sending_domain'>): Promise<DnsFacts> {
  const { store, dns, secrets, config } = runtime;
  const [records, keys, egress] = await Promise.all([
    examineRecords(runtime, domain.id),
    activeDkimKeys(store.read, domain.id),
    sources(store.read),
  ]);
  const pool = egress.filter((one) => one.paused === 0 && isIP(one.ip) !== 0);
  const dmarc = records.find((one) => one.purpose === 'dmarc');
  const [spf, found, listed] = await Promise.all([
    Promise.all(pool.map((one) => spfOf(dns, one.ip, domain.bounce_host, one.ehlo))),
    Promise.all(pool.map((one) => lookAtSource(dns, one))),
    blockLists(
      dns,
      config.safety.block_lists,
      pool.map((one) => one.ip),
      domain.name,
    ),
  ]);
  return {
    domain: domain.name,
    bounceHost: domain.bounce_host,
    records,
    keys: keys.map((row) => {
      const name = dkimRecordName(row.selector, domain.name);
      const published = records.find((one) => one.purpose === 'dkim' && one.name === name)?.found ?? [];
      return keyFinding(name, secrets.open('dkim', row.sealed), published);
    }),
    spf,
    dmarc: dmarc?.found.length === 1 ? dmarc.found[0] : undefined,
    sources: found,
    listed,
  };
}

/** Signs something with our key, and verifies it with the one that the DNS publishes. */
export function keyFinding(name: string, privateDer: Uint8Array, published: readonly string[]): KeyFinding {
  const { key, algorithm } = readDkimKey(privateDer);
  const bits = algorithm === 'rsa-sha256' ? (key.asymmetricKeyDetails?.modulusLength ?? 0) : 0;
  if (published.length === 0) return { name, bits, verifies: 'unpublished' };
  const text = randomBytes(64);
  const digest = algorithm === 'rsa-sha256' ? 'sha256' : null;
  const signature = sign(digest, text, key);
  const isGood = published.some((record) => {
    const publicKey = publishedKey(record);
    return publicKey !== undefined && verify(digest, text, publicKey, signature);
  });
  return { name, bits, verifies: isGood ? 'yes' : 'no' };
}

function publishedKey(record: string): KeyObject | undefined {
  const value = (tag: string) =>
    new RegExp(`(?:^|;)\\s*${tag}\\s*=([^;]*)`).exec(record)?.[1]?.replace(/\s+/g, '') ?? '';
  const bytes = Buffer.from(value('p'), 'base64');
  try {
    return value('k') === 'ed25519'
      ? createPublicKey({
          key: { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') },
          format: 'jwk',
        })
      : createPublicKey({ key: bytes, format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

async function lookAtSource(dns: Resolver, { name, ip, ehlo }: Row<'source'>): Promise<SourceFinding> {
  let unknown = false;
  for (const asked of [ip, ehlo]) dns.forget(asked);
  const ask = async (question: Promise<string[]>): Promise<string[]> => {
    try {
      return await question;
    } catch (error) {
      if (!(error instanceof DnsError) || error.temporary) unknown = true;
      return [];
    }
  };
  const addresses = (host: string) => ask(isIP(ip) === 6 ? dns.aaaa(host) : dns.a(host));
  const ptr = (await ask(dns.ptr(ip))).slice(0, 5).map((host) => host.replace(/\.$/, '').toLowerCase());
  const forward = await Promise.all(ptr.map(addresses));
  const confirmed = ptr.filter((_, at) => forward[at]?.includes(ip));
  const ehloLeadsHere = (await addresses(ehlo)).includes(ip);
  return { name, ip, ehlo, ptr, confirmed, ehloLeadsHere, unknown };
}

/** RFC 5782: a listed IPv4 address or domain answers with an address in 127.0.0.0/8; a refusal to us is in 127.255. */
async function blockLists(
  dns: Resolver,
  zones: readonly string[],
  ips: readonly string[],
  domain: string,
): Promise<DnsFacts['listed']> {
  const questions = zones.flatMap((zone) => [
    ...ips
      .filter((ip) => isIP(ip) === 4)
      .map((ip) => ({ zone, what: ip, name: `${ip.split('.').toReversed().join('.')}.${zone}` })),
    { zone, what: domain, name: `${domain}.${zone}` },
  ]);
  const answers = await Promise.all(questions.map(({ name }) => dns.a(name).catch((): string[] => [])));
  return questions.flatMap(({ zone, what }, at) =>
    answers[at]?.some((one) => one.startsWith('127.') && !one.startsWith('127.255.')) ? [{ zone, what }] : [],
  );
}

/** Of these domains those that take no mail: a null MX (RFC 7505), or no such name. */
export async function takeNoMail(dns: Resolver, names: readonly string[]): Promise<Set<string>> {
  const asked = names.map(async (name): Promise<string[]> => {
    try {
      const found = await dns.mx(name);
      return found.length === 1 && ['', '.'].includes(found[0]?.exchange ?? '') ? [name] : [];
    } catch (error) {
      return error instanceof DnsError && error.code === 'NXDOMAIN' ? [name] : [];
    }
  });
  return new Set((await inTime(Promise.all(asked)))?.flat());
}

// ── judging ───────────────────────────────────────────────────────────────────────────────────────────────────────

const inDns = (id: string, level: Level, says: string, fix = '', about = ''): Check =>
  check('checks', id, level, says, { fix, about });

export function dnsChecks(facts: DnsFacts | undefined): Check[] {
  if (facts === undefined)
    return [inDns('dns.silent', 'block', 'the name servers did not answer in time', 'check again')];
  const checks = [
    ...recordChecks(facts),
    ...keyChecks(facts),
    ...spfChecks(facts),
    ...dmarcChecks(facts),
    ...sourceChecks(facts),
    ...facts.listed.map(({ zone, what }) =>
      inDns(
        'dns.listed',
        'warn',
        `${what} stands on the block list ${zone}`,
        'find out why and ask to be taken off',
        `${what} · ${zone}`,
      ),
    ),
  ];
  if (checks.every((one) => one.level !== 'block'))
    checks.push(inDns('sender.dns', 'ok', `all DNS records of ${facts.domain} are right`, '', facts.domain));
  return checks;
}

const recordChecks = ({ records }: DnsFacts): Check[] =>
  records
    .filter((record) => record.status !== 'ok')
    .map((record) =>
      inDns(
        `sender.dns.${record.purpose}`,
        'block',
        record.fault,
        `set ${record.type} ${record.name}`,
        record.name,
      ),
    );

const keyChecks = ({ keys }: DnsFacts): Check[] =>
  keys.flatMap(({ name, bits, verifies }) => [
    ...(bits > 0 && bits < 2048
      ? [
          inDns(
            'dkim.short',
            'block',
            `the DKIM key ${name} has ${bits} bits, fewer than 2048`,
            'make a new key',
            name,
          ),
        ]
      : []),
    ...(verifies === 'no'
      ? [
          inDns(
            'dkim.verify',
            'block',
            `what we sign does not verify with the key at ${name}`,
            `set TXT ${name} as the domain's page says`,
            name,
          ),
        ]
      : []),
  ]);

function spfChecks({ spf, bounceHost, records }: DnsFacts): Check[] {
  if (records.some((record) => record.purpose === 'bounce-spf' && record.status !== 'ok')) return [];
  return spf.flatMap(({ ip, result, comment }) => {
    const fix = `set TXT ${bounceHost} so that it allows ${ip}`;
    if (result === 'pass') return [];
    if (result === 'permerror')
      return [
        inDns(
          'spf.broken',
          'block',
          `the SPF record of ${bounceHost} cannot be used: ${comment || 'more than ten look-ups'}`,
          fix,
          bounceHost,
        ),
      ];
    if (result === 'temperror')
      return [
        inDns(
          'spf.silent',
          'block',
          `SPF of ${bounceHost} could not be looked up`,
          'check again',
          bounceHost,
        ),
      ];
    return [
      inDns('spf.source', 'block', `SPF of ${bounceHost} does not let ${ip} send (${result})`, fix, ip),
    ];
  });
}

/** RFC 9989: tags by semicolon, v first; p is one of three; adkim and aspf are r or s. */
export function readDmarc(record: string): { policy: string; adkim: 'r' | 's'; aspf: 'r' | 's' } | undefined {
  const tags = record.split(';').map((part) => part.split('=').map((text) => text.trim()));
  if (tags[0]?.[0] !== 'v' || tags[0]?.[1] !== 'DMARC1') return undefined;
  const value = (tag: string) => tags.find(([name]) => name?.toLowerCase() === tag)?.[1]?.toLowerCase();
  const policy = value('p') ?? 'none';
  const adkim = value('adkim') ?? 'r';
  const aspf = value('aspf') ?? 'r';
  if (!['none', 'quarantine', 'reject'].includes(policy)) return undefined;
  if (!['r', 's'].includes(adkim) || !['r', 's'].includes(aspf)) return undefined;
  return { policy, adkim: adkim as 'r' | 's', aspf: aspf as 'r' | 's' };
}

/** What a receiver would find for a message of ours, had the record asked for relaxed or for strict alignment. */
export function alignment(
  from: string,
  { dkim, spf }: { dkim: string | undefined; spf: string | undefined },
): { relaxed: boolean; strict: boolean } {
  const related = (name: string | undefined) =>
    name !== undefined && organisationalDomain(name) === organisationalDomain(from);
  return {
    relaxed: related(dkim) || related(spf),
    strict: dkim === from || spf === from,
  };
}

function dmarcChecks(facts: DnsFacts): Check[] {
  if (facts.dmarc === undefined) return [];
  if (readDmarc(facts.dmarc) === undefined)
    return [
      inDns(
        'dmarc.invalid',
        'block',
        `the DMARC record of ${facts.domain} is not valid: ${facts.dmarc}`,
        `set TXT _dmarc.${facts.domain}`,
        `_dmarc.${facts.domain}`,
      ),
    ];
  const signs = facts.keys.some((key) => key.verifies === 'yes');
  const passes = facts.spf.length > 0 && facts.spf.every((one) => one.result === 'pass');
  const aligned = alignment(facts.domain, {
    dkim: signs ? facts.domain : undefined,
    spf: passes ? facts.bounceHost : undefined,
  });
  if (aligned.relaxed && aligned.strict) return [];
  return [
    inDns(
      'dmarc.aligned',
      'block',
      `our mail would ${aligned.relaxed ? 'pass DMARC only while alignment is relaxed' : 'not pass DMARC'}`,
      `publish the DKIM key of ${facts.domain}`,
      facts.domain,
    ),
  ];
}

function sourceChecks({ sources: found }: DnsFacts): Check[] {
  if (found.length === 0)
    return [
      inDns(
        'source.none',
        'warn',
        'no sending address is set, so SPF and reverse DNS cannot be checked',
        'add it in Sending, Sources',
      ),
    ];
  return found.flatMap(({ name, ip, ehlo, ptr, confirmed, ehloLeadsHere, unknown }) => {
    if (unknown)
      return [
        inDns('source.silent', 'block', `the DNS does not answer for ${ip} (${name})`, 'check again', ip),
      ];
    const faults: Check[] = [];
    if (ptr.length === 0)
      faults.push(
        inDns(
          'source.ptr',
          'block',
          `${ip} (${name}) has no reverse DNS name`,
          `have your provider set its PTR to ${ehlo}`,
          `${ip} · ${ehlo}`,
        ),
      );
    else if (confirmed.length === 0)
      faults.push(
        inDns(
          'source.fcrdns',
          'block',
          `${ip} (${name}) is called ${ptr[0]}, which does not lead back to it`,
          `set A ${ptr[0]} to ${ip}`,
          `${ip} · ${ptr[0]}`,
        ),
      );
    if (!ehloLeadsHere)
      faults.push(
        inDns(
          'source.ehlo',
          'block',
          `the EHLO name ${ehlo} does not lead to ${ip} (${name})`,
          `set A ${ehlo} to ${ip}`,
          `${ehlo} · ${ip}`,
        ),
      );
    return faults;
  });
}
