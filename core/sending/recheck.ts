/**
 * Looks again at our own side of a block. What a provider thinks of us cannot be asked; what stands in the DNS can: the
 * records of the domain and the names of the address when it refused our authentication, the block list that it named
 * when that is one of those in the settings. A look that was red and is green now ends the block; one that was green from
 * the start proves nothing, and then only an accepted message or a person does.
 */
import { reverseName, type Resolver } from '../dns.ts';
import { examineRecords } from '../identity.ts';
import type { Runtime } from '../runtime.ts';
import type { BlockCause } from '../store/tables.ts';
import {
  noteRecheck,
  releaseThrottle,
  type BlockFacts,
  type Recheck,
  type Throttle,
} from '../store/throttle.ts';

type Needs = Pick<Runtime, 'store' | 'clock' | 'wake' | 'dns' | 'config' | 'secrets'>;
type Finding = Recheck['findings'][number];

/** Looks, writes down what was found, and answers whether the block ended with it. */
export async function lookAgain(
  runtime: Needs,
  block: Throttle,
): Promise<{ check: Recheck; ended: boolean }> {
  const check = await recheck(runtime, block.cause ?? 'policy', block.facts);
  const ended = isCured(block.check, check);
  await runtime.store.write(async (tx) => {
    if (ended) await releaseThrottle(tx, block.id);
    else await noteRecheck(tx, block.id, check, runtime.clock.now());
  });
  if (ended) runtime.wake.ring('settings');
  return { check, ended };
}

/** What was wrong is right now. */
export const isCured = (before: Recheck | null, now: Recheck): boolean =>
  before !== null && !before.green && now.green;

async function recheck(runtime: Needs, cause: BlockCause, facts: BlockFacts | null): Promise<Recheck> {
  const findings = facts === null ? [] : await findingsOf(runtime, cause, facts);
  return { green: findings.length > 0 && findings.every((one) => one.ok), findings };
}

async function findingsOf(runtime: Needs, cause: BlockCause, facts: BlockFacts): Promise<Finding[]> {
  switch (cause) {
    case 'authentication':
      return [
        ...(await domainFindings(runtime, facts)),
        await namesOfAddress(runtime.dns, facts.ip, facts.ehlo),
      ];
    case 'listing':
      return Promise.all(
        zonesNamed(facts.reply, runtime.config.mta.block_list_zones).map((zone) =>
          listedIn(runtime.dns, zone, facts.ip),
        ),
      );
    case 'policy':
      return [];
    default:
      return cause satisfies never;
  }
}

async function domainFindings(runtime: Needs, { domainId, domain }: BlockFacts): Promise<Finding[]> {
  if (domainId === null) return [];
  const records = await examineRecords(runtime, domainId).catch(() => []);
  return records
    .filter(({ purpose }) => ['spf', 'bounce-spf', 'dkim', 'dmarc'].includes(purpose))
    .map(({ purpose, name, status, fault }) => ({
      what: purpose === 'bounce-spf' ? 'SPF' : purpose.toUpperCase(),
      ok: status === 'ok',
      words: status === 'ok' ? `${name} is right` : fault || `${name} of ${domain} is not right`,
    }));
}

/** RFC 1912 2.1, and what large receivers ask for: the address has a name, and the name has the address. */
export async function namesOfAddress(dns: Resolver, ip: string, ehlo: string): Promise<Finding> {
  const finding = (ok: boolean, words: string): Finding => ({ what: 'PTR', ok, words });
  if (ip === '') return finding(true, 'no address of ours is fixed: nothing to compare');
  dns.forget(ip);
  dns.forget(ehlo);
  try {
    const names = (await dns.ptr(ip)).map((name) => name.replace(/\.$/, '').toLowerCase());
    for (const name of names) {
      const back = await (ip.includes(':') ? dns.aaaa(name) : dns.a(name)).catch((): string[] => []);
      if (back.includes(ip))
        return name === ehlo.toLowerCase()
          ? finding(true, `${ip} is ${name}, and that is the name it says`)
          : finding(false, `${ip} is ${name}, but says ${ehlo}`);
    }
    return finding(false, `${ip} is called ${names.join(', ')}, which does not lead back to it`);
  } catch {
    return finding(false, `${ip} has no name (PTR)`);
  }
}

/** The zones of the settings whose operator a reply names: `zen.spamhaus.org` when it says "spamhaus". */
export function zonesNamed(reply: string, zones: readonly string[]): string[] {
  const words = reply.toLowerCase();
  return zones.filter((zone) => {
    const labels = zone.toLowerCase().split('.');
    const operator = labels.at(-2) ?? '';
    return operator.length > 3 && words.includes(operator);
  });
}

/** RFC 5782 2.1: an address of 127.0.0.0/8 says "listed"; 127.255.255.x says that the question was not allowed. */
export async function listedIn(dns: Resolver, zone: string, ip: string): Promise<Finding> {
  const finding = (ok: boolean, words: string): Finding => ({ what: zone, ok, words });
  if (ip === '') return finding(false, 'no address of ours is fixed: nothing to ask for');
  const name = `${reverseName(ip).replace(/\.(in-addr|ip6)\.arpa$/, '')}.${zone}`;
  dns.forget(name);
  try {
    const answers = await dns.a(name);
    if (answers.every((one) => one.startsWith('127.255.255.')))
      return finding(false, `${zone} does not answer questions from here`);
    return finding(false, `${zone} lists ${ip}`);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'NXDOMAIN' || code === 'NODATA') return finding(true, `${zone} does not list ${ip}`);
    return finding(false, `${zone} did not answer`);
  }
}
