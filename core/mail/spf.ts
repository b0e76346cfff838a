/** Whether a domain's SPF record lets an address send, as a receiver would find it (RFC 7208), through our own resolver. */
import { spf } from 'mailauth/lib/spf/index.js';
import type { Resolver } from '../dns.ts';
import { nodeAnswers } from './node-answers.ts';

export interface SpfFinding {
  ip: string;
  /** `pass`, `fail`, `softfail`, `neutral`, `none`, `permerror` (also more than ten look-ups), `temperror`. */
  result: string;
  comment: string;
}

export async function spfOf(dns: Resolver, ip: string, domain: string, helo: string): Promise<SpfFinding> {
  try {
    const found = (await spf({
      sender: `postmaster@${domain}`,
      ip,
      helo,
      mta: helo,
      resolver: nodeAnswers(dns) as never,
    })) as { status?: { result?: string; comment?: string } } | false;
    const status = found === false ? undefined : found.status;
    return { ip, result: status?.result ?? 'none', comment: status?.comment ?? '' };
  } catch (error) {
    return { ip, result: 'temperror', comment: error instanceof Error ? error.message : String(error) };
  }
}
