/**
 * Whether a message is from whom it says: SPF, DKIM, DMARC and ARC through our own resolver. What it found is kept as
 * facts; a name server that is silent is a "temperror", never a verdict.
 */
import { authenticate as verify } from 'mailauth';
import type { Resolver } from '../core/dns.ts';
import { nodeAnswers } from '../core/mail/node-answers.ts';
import {
  beforeForwarder,
  sealedResults,
  withoutSpf,
  domainOf,
  withSealed,
  type ArcSet,
  type Forwarders,
  type Forwarding,
} from './forwarder.ts';
import { readAddresses } from './header.ts';
import { firstStranger, headOf } from './received-path.ts';

export interface Authentication {
  spf: { result: string; domain: string };
  dkim: { domain: string; selector: string; result: string; aligned: boolean }[];
  dmarc: { result: string; policy: string; domain: string };
  arc: { result: string };
  /** Through a trusted forwarder: what is above is then about the host before it. */
  forwarding?: Forwarding;
}

export interface AuthenticationInput {
  raw: Buffer;
  mailFrom: string;
  remoteIp: string;
  helo: string;
  hostname: string;
  /** Whose forwards are trusted; nobody's when left out. */
  forwarders?: Forwarders | undefined;
}

/** Real time: how long name servers may keep one message waiting. */
const PATIENCE_MS = 15_000;

export const nothingKnown = (result: string): Authentication => ({
  spf: { result, domain: '' },
  dkim: [],
  dmarc: { result, policy: '', domain: '' },
  arc: { result },
});

export async function authenticate(input: AuthenticationInput, dns: Resolver): Promise<Authentication> {
  const { raw, forwarders } = input;
  if (forwarders === undefined) return (await verified(input, dns)).own;
  if (!forwarders.trusts(input.remoteIp)) return believing(await verified(input, dns), forwarders, raw);
  const { question, forwarding } = beforeForwarder(input, headOf(raw), forwarders);
  const { ip = '', helo = '', sender = '' } = question ?? {};
  const { own, chain } = await verified({ ...input, remoteIp: ip, helo, mailFrom: sender }, dns);
  const fair = question === undefined ? withoutSpf(own) : own;
  return believing({ own: { ...fair, forwarding }, chain }, forwarders, raw);
}

interface Verified {
  own: Authentication;
  /** Empty unless it is valid as a whole. */
  chain: ArcSet[];
}

/** RFC 8617 7.2: a valid chain of sealers that we trust speaks for what the message was before them. */
function believing({ own, chain }: Verified, forwarders: Forwarders, raw: Buffer): Authentication {
  const sealed = sealedResults(chain, forwarders);
  if (sealed === undefined) return own;
  const headers = headOf(raw);
  // A seal signs one From: with two, the one that is shown may not be the one that was sealed.
  const fields = headers.all('from');
  const domains = new Set(
    fields.flatMap((value) => readAddresses(value)).map((one) => domainOf(one.address)),
  );
  const [fromDomain = ''] = domains;
  if (fields.length !== 1 || domains.size !== 1) return own;
  const stranger = firstStranger(headers.all('received'), (ip) => forwarders.trusts(ip));
  return withSealed(own, sealed, {
    fromDomain,
    origin: own.forwarding?.origin ?? stranger?.ip ?? '',
  });
}

async function verified(
  { raw, remoteIp, helo, mailFrom, hostname }: AuthenticationInput,
  dns: Resolver,
): Promise<Verified> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), PATIENCE_MS);
  });
  try {
    const found = await Promise.race([
      verify(raw, {
        ip: remoteIp,
        helo,
        sender: mailFrom,
        mta: hostname,
        resolver: nodeAnswers(dns) as never,
        disableBimi: true,
      }),
      patience,
    ]);
    if (found === 'late') return { own: nothingKnown('temperror'), chain: [] };
    const facts = found as unknown as Found;
    return { own: factsOf(facts), chain: chainOf(facts) };
  } catch {
    // A header that mailauth cannot read at all: nothing was proved.
    return { own: nothingKnown('permerror'), chain: [] };
  } finally {
    clearTimeout(timer);
  }
}

interface Found {
  spf?: { status?: { result?: string }; domain?: string } | false;
  dkim?: {
    results?: {
      signingDomain?: string;
      selector?: string;
      status?: { result?: string; aligned?: string | false };
    }[];
  };
  dmarc?:
    { status?: { result?: string; header?: { from?: string } }; policy?: string; domain?: string } | false;
  arc?: { status?: { result?: string }; chain?: unknown } | false;
}

interface ChainLink {
  'arc-seal'?: { parsed?: { d?: { value?: unknown } } };
  'arc-authentication-results'?: { original?: Buffer | string };
}

function chainOf(found: Found): ArcSet[] {
  const { chain, status } = found.arc || {};
  if (status?.result !== 'pass' || !Array.isArray(chain)) return [];
  return (chain as ChainLink[]).map((link) => ({
    sealedBy: String(link['arc-seal']?.parsed?.d?.value ?? ''),
    // The whole field as it came: its value stands behind the first colon.
    results: String(link['arc-authentication-results']?.original ?? '').replace(/^[^:]*:/, ''),
  }));
}

function factsOf(found: Found): Authentication {
  const spf = found.spf || undefined;
  const dmarc = found.dmarc || undefined;
  const arc = found.arc || undefined;
  return {
    spf: { result: spf?.status?.result ?? 'none', domain: spf?.domain ?? '' },
    dkim: (found.dkim?.results ?? [])
      .filter((row) => row.signingDomain)
      .slice(0, 10)
      .map((row) => ({
        domain: row.signingDomain ?? '',
        selector: row.selector ?? '',
        result: row.status?.result ?? 'none',
        aligned: Boolean(row.status?.aligned),
      })),
    dmarc: {
      result: dmarc?.status?.result ?? 'none',
      policy: dmarc?.policy ?? '',
      domain: dmarc?.domain ?? dmarc?.status?.header?.from ?? '',
    },
    arc: { result: arc?.status?.result ?? 'none' },
  };
}

/** Whether the From domain answers for this message: DMARC passed, or a signature or SPF of that very domain did. */
export function isFromProved(authentication: Authentication, fromAddress: string): boolean {
  if (authentication.dmarc.result === 'pass' || authentication.forwarding?.isProved === true) return true;
  if (authentication.dkim.some((signature) => signature.result === 'pass' && signature.aligned)) return true;
  const domain = fromAddress.slice(fromAddress.lastIndexOf('@') + 1);
  return authentication.spf.result === 'pass' && domain !== '' && authentication.spf.domain === domain;
}

/** The From domain's owner says: refuse what fails. */
export function isForged(authentication: Authentication): 'reject' | 'quarantine' | undefined {
  if (authentication.dmarc.result !== 'fail') return undefined;
  const policy = authentication.dmarc.policy;
  return policy === 'reject' || policy === 'quarantine' ? policy : undefined;
}
