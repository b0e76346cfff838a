/**
 * Domain names as mail uses them: lower-case, in A-labels (punycode) for the wire and the store, in letters for people,
 * and the organisational domain that belongs to one owner. The one file that knows the public suffix list.
 */
import { domainToASCII, domainToUnicode } from 'node:url';
import { getDomain } from 'tldts';

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * A domain name ready for DNS, or undefined when it cannot be one: lower-case, IDN in A-labels, no final dot.
 * A mail domain has at least two labels and its last is not a number, so address literals and `localhost` are not.
 *
 *     asciiDomain('Bücher.Example.') // 'xn--bcher-kva.example'
 */
export function asciiDomain(name: string): string | undefined {
  if (name.length === 0 || name.length > 1000) return undefined;
  let ascii = name.endsWith('.') ? name.slice(0, -1) : name;
  // The URL parser would read 0x7f.1 as an IP address and strip tabs: it is only asked about real letters beyond ASCII.
  if (!/^[\x21-\x7e]*$/.test(ascii)) {
    if (/[\s\p{Cc}\p{Cf}\p{Cs}]/u.test(ascii)) return undefined;
    ascii = domainToASCII(ascii);
  }
  ascii = ascii.toLowerCase();
  // RFC 5321 4.5.3.1.2 allows 255 octets; the DNS wire form leaves 253 for the text.
  if (ascii.length === 0 || ascii.length > 253) return undefined;
  const labels = ascii.split('.');
  if (labels.length < 2) return undefined;
  for (const label of labels) {
    if (!LABEL.test(label)) return undefined;
  }
  return /^[0-9]+$/.test(labels.at(-1)!) ? undefined : ascii;
}

/** The name as a person reads it. */
export function unicodeDomain(ascii: string): string {
  return ascii.includes('xn--') ? domainToUnicode(ascii) || ascii : ascii;
}

/**
 * The domain that one organisation holds: `news.shop.example.co.uk` gives `example.co.uk`. Undefined for a public suffix
 * itself. Used to group people by company and to compare From with links; DMARC walks the tree itself (RFC 9989).
 */
export function organisationalDomain(name: string): string | undefined {
  return getDomain(name, { allowPrivateDomains: true, validateHostname: false }) ?? undefined;
}

/** Whether `name` is `parent` or lies below it. Both in ASCII. */
export function isWithin(name: string, parent: string): boolean {
  const a = name.toLowerCase();
  const b = parent.toLowerCase();
  return a === b || a.endsWith(`.${b}`);
}
