/**
 * Mail that a host which we trust has forwarded. Its own address says nothing about who wrote, and SPF cannot pass at the
 * last hop, so neither is held against the message. In their place: the host before the forwarder (trusted by address), or
 * what the forwarder found and sealed (trusted by ARC, RFC 8617). DKIM is checked by ourselves in any case.
 */
import { BlockList, isIP } from 'node:net';
import type { Authentication } from './authenticate.ts';
import { readAuthenticationResults, statedAddress, type StatedResult } from './authentication-results.ts';
import { readAddresses, type Headers } from './header.ts';
import { firstStranger } from './received-path.ts';
import { originalAddress, undoRewriting } from './rewritten-address.ts';

/** How a message came through a trusted forwarder; kept with what was found, and shown in "why". */
export interface Forwarding {
  how: 'address' | 'arc';
  /** The forwarder's address or the domain that sealed. */
  by: string;
  /** The host that handed the message to the forwarder; empty when nobody wrote it down. */
  origin: string;
  /** The sealer's own findings say that the From domain answers for the message. */
  isProved?: boolean;
  why: string;
}

export class Forwarders {
  readonly #networks = new BlockList();
  readonly #arcDomains: string[];
  readonly #isEmpty: boolean;

  constructor({ addresses, arc_domains }: { addresses: readonly string[]; arc_domains: readonly string[] }) {
    for (const network of addresses) {
      const [address = '', bits] = network.split('/');
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      this.#networks.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
    }
    this.#arcDomains = arc_domains.map((domain) => domain.toLowerCase());
    this.#isEmpty = addresses.length === 0;
  }

  /** By its address alone, as the listener sees it. */
  trusts(ip: string): boolean {
    if (this.#isEmpty) return false;
    const version = isIP(ip);
    return version !== 0 && this.#networks.check(ip, version === 6 ? 'ipv6' : 'ipv4');
  }

  trustsSeal(domain: string): boolean {
    const name = domain.toLowerCase();
    return this.#arcDomains.some((trusted) => name === trusted || name.endsWith(`.${trusted}`));
  }
}

/** What to ask SPF about a message; undefined when the answer could only mislead. */
export interface SpfQuestion {
  ip: string;
  helo: string;
  sender: string;
}

/** For mail from a trusted address: the question about the host before it, and the sender before the rewriting. */
export function beforeForwarder(
  { remoteIp, mailFrom }: { remoteIp: string; mailFrom: string },
  headers: Headers,
  forwarders: Forwarders,
): { question: SpfQuestion | undefined; forwarding: Forwarding } {
  const hop = firstStranger(headers.all('received'), (ip) => forwarders.trusts(ip));
  const origin = hop?.ip ?? '';
  const sender = senderBefore(mailFrom, headers);
  const forwarding = (why: string): Forwarding => ({ how: 'address', by: remoteIp, origin, why });
  const through = `through the trusted forwarder ${remoteIp}`;
  if (hop === undefined)
    return {
      question: undefined,
      forwarding: forwarding(`${through}, which does not say from whom it had it: DKIM decides`),
    };
  if (sender === undefined)
    return {
      question: undefined,
      forwarding: forwarding(`${through}, which put its own envelope sender: DKIM decides`),
    };
  return {
    question: { ip: origin, helo: hop.helo, sender },
    forwarding: forwarding(`${through}: judged by the host before it, ${origin}`),
  };
}

/** Undefined when the forwarder wrote over it in a way that nobody can undo. */
function senderBefore(mailFrom: string, headers: Headers): string | undefined {
  const rewritten = undoRewriting(mailFrom);
  if (rewritten !== undefined) return rewritten.sender === undefined ? undefined : originalAddress(mailFrom);
  const addresses = (name: string) =>
    headers.all(name).flatMap((value) => readAddresses(value).map((one) => one.address.toLowerCase()));
  // The mailbox that forwards, put as the sender: it is whom the mail was for, and not who wrote it.
  const isMailbox = ['delivered-to', 'x-original-to', 'to', 'cc'].some((name) =>
    addresses(name).includes(mailFrom),
  );
  return mailFrom !== '' && isMailbox && !addresses('from').includes(mailFrom) ? undefined : mailFrom;
}

/** One link of a chain that has been verified, the oldest first. */
export interface ArcSet {
  sealedBy: string;
  /** The value of its ARC-Authentication-Results. */
  results: string;
}

/**
 * What the outermost trusted sealer found when the message entered, for a chain that is valid. The sealers from there on
 * must all be trusted: each vouches for the one before it only.
 */
export function sealedResults(
  chain: readonly ArcSet[],
  forwarders: Forwarders,
): { by: string; results: StatedResult[] } | undefined {
  let found: ArcSet | undefined;
  for (const set of chain.toReversed()) {
    if (!forwarders.trustsSeal(set.sealedBy)) break;
    found = set;
  }
  return found && { by: found.sealedBy, results: readAuthenticationResults(found.results) };
}

/** Our own findings, with what a trusted sealer found in place of what the forward broke. */
export function withSealed(
  own: Authentication,
  { by, results }: { by: string; results: StatedResult[] },
  { fromDomain, origin }: { fromDomain: string; origin: string },
): Authentication {
  const dmarc = results.find((one) => one.method === 'dmarc');
  const about = dmarc?.properties['header.from'];
  // Sealed about another From: one that the sealer has put there itself, and that proves itself or does not.
  if (about !== undefined && domainOf(about) !== fromDomain) return own;
  const spf = results.find((one) => one.method === 'spf');
  const spfDomain = domainOf(spf?.properties['smtp.mailfrom'] ?? spf?.properties['smtp.helo'] ?? '');
  const isPass =
    dmarc?.result === 'pass' ||
    (spf?.result === 'pass' && isAligned(spfDomain, fromDomain)) ||
    results.some(
      (one) => one.method === 'dkim' && one.result === 'pass' && isAligned(signer(one), fromDomain),
    );
  const said = results.filter((one) => ['spf', 'dkim', 'dmarc'].includes(one.method)).slice(0, 6);
  const words = said.map(({ method, result }) => `${method}=${result}`).join(', ') || 'nothing';
  const stated = spf === undefined ? undefined : statedAddress(spf);
  return {
    ...own,
    spf: spf === undefined ? { result: 'none', domain: '' } : { result: spf.result, domain: spfDomain },
    dmarc: { ...own.dmarc, result: sealedDmarc(own, isPass, dmarc?.result) },
    forwarding: {
      how: 'arc',
      by,
      origin: stated !== undefined && isIP(stated) !== 0 ? stated : origin,
      isProved: isPass,
      why: `forwarded by ${by}, whose ARC seal is valid: it found ${words}`,
    },
  };
}

/** Our own pass stands; a domain without a policy has no DMARC, whatever anybody says. */
function sealedDmarc({ dmarc }: Authentication, isPass: boolean, stated: string | undefined): string {
  if (dmarc.result === 'pass' || dmarc.policy === '') return dmarc.result;
  if (isPass) return 'pass';
  return stated === 'fail' ? 'fail' : dmarc.result;
}

/** SPF that nobody could ask about is no failure: without a signature of its own that failed, the From is not refuted. */
export function withoutSpf(own: Authentication): Authentication {
  const isRefuted = own.dkim.some((signature) => signature.aligned && signature.result !== 'pass');
  return {
    ...own,
    spf: { result: 'none', domain: '' },
    dmarc: own.dmarc.result === 'fail' && !isRefuted ? { ...own.dmarc, result: 'none' } : own.dmarc,
  };
}

export const domainOf = (address: string): string =>
  address
    .slice(address.lastIndexOf('@') + 1)
    .replace(/[<>\s]/g, '')
    .toLowerCase();

const signer = ({ properties }: StatedResult): string =>
  domainOf(properties['header.d'] ?? properties['header.i'] ?? '');

/** The From domain itself or one above it: a signature of a neighbour below proves nothing here. */
const isAligned = (domain: string, fromDomain: string): boolean =>
  domain.includes('.') && (domain === fromDomain || fromDomain.endsWith(`.${domain}`));
