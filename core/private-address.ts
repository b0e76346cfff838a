/**
 * Addresses that lead inside: loopback, private networks, link-local (a cloud's metadata), multicast, reserved. A name
 * that a stranger controls, an MX host, a webhook, an image, must never make us connect to one of them.
 */
import { BlockList, isIP } from 'node:net';

// IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and updates): whatever is not globally reachable.
const inside = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  inside.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of [
  ['::', 96], // unspecified, loopback, and the old IPv4-compatible form
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16], // 6to4: an IPv4 address in disguise
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const)
  inside.addSubnet(net, prefix, 'ipv6');

/**
 * Whether an IP address leads inside. What is no IP address does too: the answer is for a socket's address, never for a
 * name.
 *
 *     isPrivateAddress('127.0.0.1')        // true
 *     isPrivateAddress('::ffff:10.0.0.1')  // true: BlockList looks into mapped addresses
 *     isPrivateAddress('192.0.78.9')       // false
 */
export function isPrivateAddress(address: string): boolean {
  const plain = address.replace(/%.*$/, '');
  switch (isIP(plain)) {
    case 4:
      return inside.check(plain, 'ipv4');
    case 6: {
      // RFC 6052: the well-known NAT64 prefix holds an IPv4 address in its last 32 bits.
      const nat64 = /^64:ff9b::([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(plain);
      if (nat64) {
        const [high, low] = [parseInt(nat64[1]!, 16), parseInt(nat64[2]!, 16)];
        return isPrivateAddress(`${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`);
      }
      return inside.check(plain, 'ipv6');
    }
    default:
      return true;
  }
}

/** This very machine. */
export const isLoopback = (address: string): boolean => /^(127\.\d+\.\d+\.\d+|::1)$/.test(address);
