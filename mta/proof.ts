/**
 * What the hosts of a route must prove to be given mail for one recipient domain: DANE where the DNS is signed, else
 * MTA-STS where the domain publishes a policy, else nothing beyond the provider's usual (RFC 8461 2: DANE comes first).
 */
import { DnsError, type Resolver } from '../core/dns.ts';
import type { AskSecure, SecureAnswer, SecureQuestion } from '../core/dns-secure.ts';
import type { KeptPolicy } from '../core/store/mta-sts.ts';
import { usableTlsa, type TlsaRecord } from './dane.ts';
import { policyKey } from './handshake.ts';
import type { TlsPolicy } from './policy.ts';
import type { Route, RouteHost } from './route.ts';
import { isNamedMx } from './sts.ts';

type RouteTo = Extract<Route, { kind: 'route' }>;

/** The route with what each host must prove for this domain. */
export async function withProofs(
  route: RouteTo,
  domain: string,
  sts: KeptPolicy | null,
  dns: Resolver,
): Promise<RouteTo> {
  const dane = await danePolicies(route, domain, dns.secure);
  const hosts = route.hosts.map((host, index) => {
    const tls = dane[index] ?? (sts?.mode === 'enforce' ? stsPolicy(host.name, sts) : undefined);
    return tls === undefined ? host : { ...host, tls };
  });
  const proofs = hosts
    .filter((host) => host.tls !== undefined)
    .map((host) => `${host.name} ${policyKey(host.tls as TlsPolicy)}`)
    .sort()
    .join('|');
  return proofs === '' ? route : { ...route, hosts, proofs };
}

// RFC 8461 5: with `enforce` mail goes to hosts of the policy alone, and only when their certificate is valid.
function stsPolicy(host: string, policy: KeptPolicy): TlsPolicy {
  if (isNamedMx(host, policy.mx)) return { kind: 'verified', by: `the MTA-STS policy of ${policy.domain}` };
  return {
    kind: 'barred',
    failure: 'validation-failure',
    reason: `${host} is not a mail host that the MTA-STS policy of ${policy.domain} names`,
  };
}

async function danePolicies(
  route: RouteTo,
  domain: string,
  ask: AskSecure | undefined,
): Promise<(TlsPolicy | undefined)[]> {
  if (ask === undefined) return [];
  try {
    // RFC 7672 2.2.1: only a proved MX makes its host's name worth anything.
    if (!(await ask(domain, 'MX')).secure) return [];
  } catch (error) {
    // RFC 7672 2.1.3: no answer is not "insecure"; whoever could cause it could turn DANE off.
    return route.hosts.map(() => barred(domain, error));
  }
  return Promise.all(route.hosts.map((host) => daneOf(host, domain, ask)));
}

async function daneOf(host: RouteHost, domain: string, ask: AskSecure): Promise<TlsPolicy | undefined> {
  try {
    const base = await tlsaBase(host.name, ask);
    if (base === undefined) return undefined;
    for (const name of base === host.name ? [base] : [base, host.name]) {
      const answer = await ask(`_${host.port}._tcp.${name}`, 'TLSA');
      const records = answer.secure ? tlsaOf(answer) : [];
      if (records.length === 0) continue;
      const usable = usableTlsa(records);
      // RFC 7672 2.2: records that cannot be used still say that this host does TLS.
      if (usable.length === 0) return { kind: 'required', by: `the DNS of ${host.name} (DANE)` };
      // RFC 7672 3.2.3
      return { kind: 'dane', records: usable, names: [...new Set([name, host.name, domain])] };
    }
    return undefined;
  } catch (error) {
    return barred(host.name, error);
  }
}

/** RFC 7672 2.2.2, 2.2.3: the host's name, or what it is an alias of; undefined where its address is not proved. */
async function tlsaBase(host: string, ask: AskSecure): Promise<string | undefined> {
  for (const type of ['A', 'AAAA'] as const) {
    const answer = await ask(host, type);
    if (!answer.secure) return undefined;
    if (!answer.records.some((record) => record.type === type)) continue;
    let name = host;
    for (let hops = 0; hops < 8; hops++) {
      const alias = answer.records.find(
        (record) => record.type === ('CNAME' satisfies SecureQuestion) && sameName(record.name, name),
      );
      if (alias === undefined) return name;
      name = String(alias.data).toLowerCase().replace(/\.$/, '');
    }
  }
  return undefined;
}

function tlsaOf(answer: SecureAnswer): TlsaRecord[] {
  return answer.records
    .filter((record) => record.type === 'TLSA')
    .map((record) => {
      const { certificate, ...rest } = record.data as Omit<TlsaRecord, 'data'> & { certificate: Buffer };
      return { ...rest, data: certificate };
    });
}

function barred(name: string, error: unknown): TlsPolicy {
  if (!(error instanceof DnsError)) throw error;
  return {
    kind: 'barred',
    failure: 'dnssec-invalid',
    reason: `the signed DNS of ${name} cannot be looked up: ${error.code}`,
  };
}

const sameName = (one: string, other: string) => one.toLowerCase().replace(/\.$/, '') === other.toLowerCase();
