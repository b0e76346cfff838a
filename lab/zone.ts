/**
 * What the lab's DNS knows: the real providers' names on loopback addresses, an answer for every other name, the
 * records that Parley's own domains publish, and the names that were told to fail.
 */
import { getDomain } from 'tldts';
import { LAB_SELECTOR, labDkimRecord } from './ca.ts';
import { PROVIDERS, SMALL, providerOf, type Provider } from './providers.ts';

export type LabRecord =
  | { name: string; type: 'A' | 'AAAA' | 'CNAME' | 'NS' | 'PTR'; ttl?: number; data: string }
  | { name: string; type: 'TXT'; ttl?: number; data: string }
  | { name: string; type: 'MX'; ttl?: number; data: { preference: number; exchange: string } }
  | {
      name: string;
      type: 'TLSA';
      ttl?: number;
      data: { usage: number; selector: number; matchingType: number; certificate: Buffer };
    };

/** How a name may be told to fail. `truncated` answers UDP with the TC bit, so that the asker must come by TCP. */
export type DnsFault = 'NXDOMAIN' | 'NODATA' | 'SERVFAIL' | 'timeout' | 'truncated';

export interface ZoneAnswer {
  rcode: 'NOERROR' | 'NXDOMAIN' | 'SERVFAIL';
  answers: LabRecord[];
}

export class Zone {
  readonly #published = new Map<string, LabRecord[]>();
  readonly #domains = new Set<string>();
  readonly #builtIn = new Map<string, LabRecord[]>();
  readonly #faults = new Map<string, DnsFault>();
  readonly #proved = new Set<string>();

  constructor() {
    for (const provider of PROVIDERS) this.#settle(provider);
    this.#settle(SMALL);
    this.#faults.set('servfail.test', 'SERVFAIL');
    this.#faults.set('timeout.test', 'timeout');
    this.#faults.set('nxdomain.test', 'NXDOMAIN');
  }

  /** Adds records; those of the same name and type are replaced. */
  publish(records: readonly LabRecord[]): void {
    const fresh = new Set<string>();
    for (const record of records) {
      const name = key(record.name);
      if (!name.endsWith('.arpa')) this.#domains.add(getDomain(name) ?? name);
      const kept = this.#published.get(name) ?? [];
      const slot = `${name} ${record.type}`;
      const others = fresh.has(slot) ? kept : kept.filter((one) => one.type !== record.type);
      fresh.add(slot);
      this.#published.set(name, [...others, { ...record, name }]);
    }
  }

  unpublish(name: string, type?: LabRecord['type']): void {
    const kept = (this.#published.get(key(name)) ?? []).filter((one) => type && one.type !== type);
    if (kept.length > 0) this.#published.set(key(name), kept);
    else this.#published.delete(key(name));
  }

  /** Answers about a name, and all below it, count as validated by DNSSEC from now on. */
  prove(name: string): void {
    this.#proved.add(key(name));
  }

  isProved(name: string): boolean {
    const labels = key(name).split('.');
    return labels.some((_, at) => this.#proved.has(labels.slice(at).join('.')));
  }

  fail(name: string, fault: DnsFault | null): void {
    if (fault === null) this.#faults.delete(key(name));
    else this.#faults.set(key(name), fault);
  }

  /** The fault of a name or of the domain above it, as an outage of its name servers would hit both. */
  faultOf(name: string): DnsFault | undefined {
    for (let at = key(name); at !== ''; at = at.slice(at.indexOf('.') + 1)) {
      const fault = this.#faults.get(at);
      if (fault !== undefined) return fault;
      if (!at.includes('.')) break;
    }
    return undefined;
  }

  ask(question: string, type: string): ZoneAnswer {
    const name = key(question);
    const own = this.#published.get(name) ?? this.#builtIn.get(name);
    if (own !== undefined) {
      const hits = own.filter((one) => one.type === type);
      const alias = own.find((one) => one.type === 'CNAME');
      if (hits.length > 0 || alias === undefined) return { rcode: 'NOERROR', answers: hits };
      // RFC 1034 3.6.2: the alias and what its target answers, in one reply
      const target = this.ask(alias.data as string, type);
      return { rcode: target.rcode, answers: [alias, ...target.answers] };
    }
    // A domain that publishes anything is published whole: what it lacks is missing, not made up.
    if (this.#domains.has(getDomain(name) ?? name)) return this.#absent(name);
    return this.#made(name, type);
  }

  /** Addresses of the hosts that take mail for a domain, best first, as a sender would find them. */
  mailHosts(domain: string): string[] {
    const fault = this.faultOf(domain);
    if (fault !== undefined && fault !== 'truncated') return [];
    const mx = this.ask(domain, 'MX').answers.flatMap((one) => (one.type === 'MX' ? [one.data] : []));
    const hosts = mx.sort((a, b) => a.preference - b.preference).map((one) => one.exchange);
    return (hosts.length > 0 ? hosts : [domain]).flatMap((host) => this.addresses(host));
  }

  addresses(host: string): string[] {
    return this.ask(host, 'A').answers.flatMap((one) => (one.type === 'A' ? [one.data] : []));
  }

  #absent(name: string): ZoneAnswer {
    // RFC 8020: a name with names below it exists, even if it has no records of its own
    const isParent = [...this.#published.keys()].some((one) => one.endsWith(`.${name}`));
    return { rcode: isParent ? 'NOERROR' : 'NXDOMAIN', answers: [] };
  }

  /** Every other name exists too: a small host somewhere takes its mail, and its people sign what they send. */
  #made(name: string, type: string): ZoneAnswer {
    const none: ZoneAnswer = { rcode: 'NOERROR', answers: [] };
    if (/(^|\.)nx(\.|$)/.test(name) || name.endsWith('.invalid')) return { rcode: 'NXDOMAIN', answers: [] };
    if (name.endsWith('.in-addr.arpa')) {
      const host = `ip-${name.replace('.in-addr.arpa', '').split('.').reverse().join('-')}.lab.test`;
      return type === 'PTR' ? found({ name, type, data: host }) : none;
    }
    const mail = mailRecords(name, providerOf(name)).filter((one) => one.name === name);
    if (/(^|\.)_/.test(name)) {
      const domain = name.replace(/^.*?_(domainkey|dmarc)\./, '');
      const made = mailRecords(domain, providerOf(domain)).filter((one) => one.name === name);
      if (made.length === 0) return { rcode: 'NXDOMAIN', answers: [] };
      return { rcode: 'NOERROR', answers: made.filter((one) => one.type === type) };
    }
    if (type === 'A') return found({ name, type, data: SMALL.mx[0]?.address ?? '127.0.0.1' });
    return { rcode: 'NOERROR', answers: mail.filter((one) => one.type === type) };
  }

  #settle(provider: Provider): void {
    for (const host of [...provider.mx, provider.out]) {
      this.#add({ name: host.host, type: 'A', data: host.address });
      const reverse = `${host.address.split('.').reverse().join('.')}.in-addr.arpa`;
      this.#add({ name: reverse, type: 'PTR', data: host.host });
    }
    // RFC 7208 2.4: a bounce has no sender, so it is the name in EHLO that is looked up
    this.#add({ name: provider.out.host, type: 'TXT', data: `v=spf1 ip4:${provider.out.address} -all` });
    for (const site of provider.sites) {
      for (const domain of site.domains) {
        for (const record of mailRecords(domain, provider)) this.#add(record);
      }
    }
    for (const domain of provider.alsoSends) {
      for (const record of mailRecords(domain, provider)) this.#add(record);
    }
  }

  #add(record: LabRecord): void {
    const name = key(record.name);
    this.#builtIn.set(name, [...(this.#builtIn.get(name) ?? []), { ...record, name }]);
  }
}

/** The records by which a domain takes mail and proves the mail it sends. */
function mailRecords(domain: string, provider: Provider): LabRecord[] {
  const site = provider.sites.find((one) => one.domains.includes(domain)) ?? provider.sites[0];
  const exchanges = site?.noMx === true ? [] : (site?.mx ?? []);
  return [
    ...exchanges.map(([preference, exchange]): LabRecord => {
      return { name: domain, type: 'MX', data: { preference, exchange } };
    }),
    { name: domain, type: 'TXT', data: `v=spf1 ip4:${provider.out.address} -all` },
    { name: `${LAB_SELECTOR}._domainkey.${domain}`, type: 'TXT', data: labDkimRecord },
    { name: `_dmarc.${domain}`, type: 'TXT', data: 'v=DMARC1; p=quarantine' },
  ];
}

const found = (record: LabRecord): ZoneAnswer => ({ rcode: 'NOERROR', answers: [record] });
const key = (name: string): string => name.toLowerCase().replace(/\.$/, '');
