/**
 * Who owns an address, as far as it matters here: scanners run in the large clouds and change their address from one
 * request to the next, so that all of one cloud's count as one place. Coarse on purpose. A person may sit there too, behind
 * a VPN or at a desktop in the cloud: such an address alone says nothing about who pressed a link.
 */
import { BlockList, isIP } from 'node:net';

/**
 * Direct allocations of ARIN and the owners' own lists: Azure routes of a managed instance (learn.microsoft.com, 2020) and
 * whois of NET-20-33-0-0-1 (2021-12); ip-ranges.amazonaws.com and gstatic.com/ipranges/goog.json in their large blocks (2025).
 */
const OWNERS: Record<string, readonly string[]> = {
  microsoft: [
    '4.144.0.0/12',
    '4.160.0.0/12',
    '4.176.0.0/12',
    '4.192.0.0/10',
    '13.64.0.0/11',
    '13.96.0.0/13',
    '13.104.0.0/14',
    '20.33.0.0/16',
    '20.34.0.0/15',
    '20.36.0.0/14',
    '20.40.0.0/13',
    '20.48.0.0/12',
    '20.64.0.0/10',
    '20.128.0.0/16',
    '20.160.0.0/12',
    '20.184.0.0/13',
    '20.192.0.0/10',
    '23.96.0.0/13',
    '40.64.0.0/10',
    '51.104.0.0/15',
    '51.136.0.0/15',
    '51.140.0.0/14',
    '52.96.0.0/12',
    '52.112.0.0/14',
    '52.145.0.0/16',
    '52.146.0.0/15',
    '52.148.0.0/14',
    '52.152.0.0/13',
    '52.160.0.0/11',
    '52.224.0.0/11',
    '104.40.0.0/13',
    '104.208.0.0/13',
    '104.47.0.0/17',
    '157.54.0.0/15',
    '168.61.0.0/16',
    '168.62.0.0/15',
    '191.232.0.0/13',
    '2603:1000::/24',
    '2a01:110::/31',
  ],
  amazon: [
    '3.0.0.0/8',
    '13.52.0.0/14',
    '13.56.0.0/14',
    '18.128.0.0/9',
    '34.192.0.0/10',
    '35.152.0.0/13',
    '35.160.0.0/12',
    '44.192.0.0/10',
    '52.0.0.0/11',
    '52.32.0.0/11',
    '52.64.0.0/12',
    '52.192.0.0/11',
    '54.64.0.0/11',
    '54.144.0.0/12',
    '54.160.0.0/11',
    '54.192.0.0/10',
    '2600:1f00::/24',
  ],
  google: [
    '34.64.0.0/10',
    '34.128.0.0/10',
    '35.184.0.0/13',
    '35.192.0.0/12',
    '35.208.0.0/12',
    '35.224.0.0/12',
    '64.233.160.0/19',
    '66.102.0.0/20',
    '66.249.64.0/19',
    '72.14.192.0/18',
    '74.125.0.0/16',
    '108.177.0.0/17',
    '142.250.0.0/15',
    '172.217.0.0/16',
    '172.253.0.0/16',
    '209.85.128.0/17',
    '216.58.192.0/19',
    '2001:4860::/32',
    '2600:1900::/28',
  ],
  apple: ['17.0.0.0/8', '2620:149::/32', '2a01:b740::/32'],
};

const lists = Object.entries(OWNERS).map(([owner, networks]) => {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    list.addSubnet(address, Number(prefix), isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
  return { owner, list };
});

/** The cloud that an address belongs to; undefined for everybody else's. */
export function cloudOf(address: string): string | undefined {
  const family = isIP(address);
  if (family === 0) return undefined;
  return lists.find(({ list }) => list.check(address, family === 6 ? 'ipv6' : 'ipv4'))?.owner;
}

/** One place to come from: a cloud, else the network that a household or an office is given. */
export function networkOf(address: string): string {
  const cloud = cloudOf(address);
  if (cloud !== undefined) return cloud;
  if (isIP(address) !== 6) return address.split('.').slice(0, 3).join('.');
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros =
    tail === undefined ? [] : Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0');
  // A household has a /64 at the least, most a /56 or /48.
  return [...front, ...zeros, ...back].slice(0, 3).join(':');
}
