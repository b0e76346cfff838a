/**
 * Whether the world believes an address: it is on this machine, its PTR gives the name that we greet with, and that name
 * gives the address back (forward-confirmed reverse DNS). Many providers refuse mail from an address without it.
 */
import { createServer } from 'node:net';
import { isIP } from 'node:net';
import { DnsError, type Resolver } from '../dns.ts';
import { isPrivateAddress } from '../private-address.ts';
import type { Runtime } from '../runtime.ts';
import { changeSource } from '../store/identity.ts';
import { fromJson, toJson } from '../store/json.ts';
import { sourcesInPools, type SourceInPools } from '../store/pool.ts';

export interface Tick {
  what: 'local' | 'ptr' | 'forward';
  /** `unknown`: the DNS did not answer. `private`: an address that no DNS of the world knows. */
  status: 'ok' | 'wrong' | 'missing' | 'unknown' | 'private';
  /** What was found. */
  found: string[];
}

const plain = (name: string): string => name.toLowerCase().replace(/\.$/, '');

/** `isLocal` asks this machine; the DNS is asked fresh. */
export async function examineSource(
  dns: Resolver,
  { ip, ehlo }: { ip: string; ehlo: string },
  isLocal: (ip: string) => Promise<boolean>,
): Promise<Tick[]> {
  if (isIP(ip) === 0) return [];
  const local: Tick = { what: 'local', status: (await isLocal(ip)) ? 'ok' : 'wrong', found: [] };
  if (isPrivateAddress(ip) && !(await hasName(dns, ip)))
    return [
      local,
      { what: 'ptr', status: 'private', found: [] },
      { what: 'forward', status: 'private', found: [] },
    ];
  const [ptr, forward] = await Promise.all([
    tick('ptr', dns.ptr(ip), (names) => names.some((name) => plain(name) === plain(ehlo))),
    tick('forward', isIP(ip) === 6 ? dns.aaaa(ehlo) : dns.a(ehlo), (ips) => ips.includes(ip)),
  ]);
  return [local, ptr, forward];
}

const hasName = (dns: Resolver, ip: string): Promise<boolean> =>
  dns.ptr(ip).then(
    () => true,
    () => false,
  );

async function tick(
  what: Tick['what'],
  question: Promise<string[]>,
  isRight: (found: string[]) => boolean,
): Promise<Tick> {
  try {
    const found = await question;
    return { what, status: isRight(found) ? 'ok' : 'wrong', found: found.map(plain) };
  } catch (error) {
    if (!(error instanceof DnsError)) throw error;
    return { what, status: error.temporary ? 'unknown' : 'missing', found: [] };
  }
}

/** Whether an address can be used for a connection from this machine. */
export function isOfThisMachine(ip: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'EADDRNOTAVAIL'));
    server.listen(0, ip, () => server.close(() => resolve(true)));
  });
}

/** Looks at one source, or at all, and writes down what was seen. */
export async function checkSources(
  { store, dns, clock }: Pick<Runtime, 'store' | 'dns' | 'clock'>,
  only?: number,
): Promise<{ source: SourceInPools; ticks: Tick[] }[]> {
  const rows = (await sourcesInPools(store.read)).filter((row) => only === undefined || row.id === only);
  const seen = await Promise.all(
    rows.map(async (source) => {
      dns.forget(source.ehlo);
      return { source, ticks: await examineSource(dns, source, isOfThisMachine) };
    }),
  );
  await store.write(async (tx) => {
    for (const { source, ticks } of seen)
      await changeSource(tx, source.id, { checked_at: clock.now(), check: toJson(ticks) });
  });
  return seen;
}

export const ticksOf = ({ check }: { check: string | null }): Tick[] => fromJson<Tick[]>(check, []);
