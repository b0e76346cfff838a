/**
 * Whether a message is from whom it says: SPF, DKIM, DMARC and ARC through our own resolver. What it found is kept as
 * facts; a name server that is silent is a "temperror", never a verdict.
 */
import { authenticate as verify } from 'mailauth';
import type { Resolver } from '../core/dns.ts';
import { nodeAnswers } from '../core/mail/node-answers.ts';

export interface Authentication {
  spf: { result: string; domain: string };
  dkim: { domain: string; selector: string; result: string; aligned: boolean }[];
  dmarc: { result: string; policy: string; domain: string };
  arc: { result: string };
}

export interface AuthenticationInput {
  raw: Buffer;
  mailFrom: string;
  remoteIp: string;
  helo: string;
  hostname: string;
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
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), PATIENCE_MS);
  });
  try {
    const found = await Promise.race([
      verify(input.raw, {
        ip: input.remoteIp,
        helo: input.helo,
        sender: input.mailFrom,
        mta: input.hostname,
        resolver: nodeAnswers(dns) as never,
        disableBimi: true,
      }),
      patience,
    ]);
    return found === 'late' ? nothingKnown('temperror') : factsOf(found as unknown as Found);
  } catch {
    // A header that mailauth cannot read at all: nothing was proved.
    return nothingKnown('permerror');
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
  arc?: { status?: { result?: string } } | false;
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
  if (authentication.dmarc.result === 'pass') return true;
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
