/**
 * Which host handed a message over before the forwarders that we trust: read from the Received fields, of which those that
 * trusted hosts wrote are believed and the first that names a stranger ends the walk. What lies below it the stranger may
 * have made up.
 */
import { isIP } from 'node:net';
import { isPrivateAddress } from '../core/private-address.ts';
import { readHeaders, type Headers } from './header.ts';

export interface Hop {
  /** Of the connection, never what the client called itself; undefined when the host wrote none. */
  ip: string | undefined;
  /** The name that it gave in its greeting. */
  helo: string;
}

const HEAD_BYTES = 128 * 1024;
const MOST_HOPS = 30;

/** The header of a message, bounded: a forwarder's fields stand at its top. */
export function headOf(raw: Buffer): Headers {
  const end = raw.indexOf('\r\n\r\n');
  return readHeaders(raw.subarray(0, Math.min(end < 0 ? raw.length : end, HEAD_BYTES)).toString('latin1'));
}

/** The first host that is neither trusted nor inside a private network; undefined when the fields do not say. */
export function firstStranger(
  received: readonly string[],
  isTrusted: (ip: string) => boolean,
): Hop | undefined {
  for (const field of received.slice(0, MOST_HOPS)) {
    const hop = readReceived(field);
    // "from" without an address is a form that we cannot read; no "from" at all is a step within one host.
    if (hop === undefined) continue;
    if (hop.ip === undefined) return undefined;
    // Google numbers its own machines by 6to4 addresses, which count as private.
    if (!isTrusted(hop.ip) && !isPrivateAddress(hop.ip)) return hop;
  }
  return undefined;
}

/** The client of one Received field (RFC 5321 4.4); undefined when it names none. */
export function readReceived(field: string): Hop | undefined {
  const from = /^\s*from\s+(\S{1,255})([\s\S]{0,2000}?)(?:\sby\s|;|$)/i.exec(field);
  if (from === null) return undefined;
  const [, name = '', rest = ''] = from;
  const helo = (/\bhelo[= ]\[?([^\s()\]]+)/i.exec(rest)?.[1] ?? name).replace(/^\[|\]$/g, '');
  // What the client said of itself stands in the comments of Exim and qmail too.
  const comments = [
    ...rest.replace(/\behlo[= ][^\s()]+|\bhelo[= ][^\s()]+/gi, ' ').matchAll(/\(([^()]*)\)/g),
  ].map((match) => match[1]!);
  for (const comment of comments.toReversed()) {
    const ip = addressIn(comment);
    if (ip !== undefined) return { ip, helo };
  }
  // Exim without a name for the address: from [192.0.2.1] (helo=client)
  if (/\bhelo=/i.test(rest)) return { ip: addressIn(name), helo };
  return { ip: undefined, helo };
}

/** `[192.0.2.1]`, `[IPv6:2001:db8::1]`, `(192.0.2.1)`, `user@192.0.2.1`: the bracketed before the bare. */
function addressIn(text: string): string | undefined {
  const bracketed = [...text.matchAll(/\[(?:ipv6:)?([0-9a-f:.]{2,45})\]/gi)].map((match) => match[1]!);
  const bare = text
    .split(/[\s,@]+/)
    .map((word) => word.replace(/:\d+$/, (port) => (isIP(word) === 0 ? '' : port)));
  return [...bracketed, ...bare].find((word) => isIP(word) !== 0);
}
