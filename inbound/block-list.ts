/**
 * Which DNS block lists name the host that sent a message (RFC 5782), asked through the configured resolver, which caches.
 * A list that is late, broken or refuses to answer says nothing: mail never waits for it longer than its time-out.
 */
import { isIP } from 'node:net';
import { reverseName, type Resolver } from '../core/dns.ts';
import { isPrivateAddress } from '../core/private-address.ts';

/** The zones, of those given, that list the address. */
export async function listedIn(
  ip: string,
  zones: readonly string[],
  { dns, timeoutMs }: { dns: Pick<Resolver, 'a'>; timeoutMs: number },
): Promise<string[]> {
  const address = ip.replace(/^::ffff:(?=\d+\.)/i, '');
  if (zones.length === 0 || isIP(address) === 0 || isPrivateAddress(address)) return [];
  // RFC 5782 2.1 and 2.4: the address turned round, before the name of the zone.
  const turned = reverseName(address).replace(/\.(?:in-addr|ip6)\.arpa$/, '');
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  try {
    const answers = await Promise.all(
      zones.map((zone) =>
        Promise.race([
          dns.a(`${turned}.${zone}`).then(
            (records) => records.some(isListing),
            () => false,
          ),
          late,
        ]),
      ),
    );
    return zones.filter((_, at) => answers[at]);
  } finally {
    clearTimeout(timer);
  }
}

// RFC 5782 2.1: within 127.0.0.0/8. 127.255.255.0/24 is how lists say "you may not ask"; anything else is a parked domain.
const isListing = (record: string): boolean =>
  record.startsWith('127.') && !record.startsWith('127.255.255.') && record !== '127.0.0.1';
