/**
 * Who we are to the world: a sending domain with its keys and the DNS records that must stand for it, the shared mailboxes
 * that staff answer from, the addresses that mail leaves from. The check tells, record by record, what the DNS really says.
 */
import { isIP } from 'node:net';
import { Problem } from './errors.ts';
import { checkAddress } from './mail/address.ts';
import { dkimRecordName, generateDkimKey, hasDkimKey } from './mail/dkim-key.ts';
import { asciiDomain } from './mail/domain.ts';
import type { Runtime } from './runtime.ts';
import { activeDkimKeys, addDkimKey } from './store/dkim-key.ts';
import {
  addBrand,
  addMailbox,
  addSendingDomain,
  addSource,
  brandById,
  brands,
  mailboxByAddress,
  sendingDomainById,
  sendingDomainByName,
  setDomainCheck,
  sources,
} from './store/identity.ts';
import { toJson } from './store/json.ts';
import type { Db, Row } from './store/tables.ts';

type Needs = Pick<Runtime, 'store' | 'secrets' | 'clock' | 'wake' | 'dns' | 'config'>;

/** One record that must be in the DNS, and what is there. */
export interface DnsRecord {
  purpose: 'spf' | 'bounce-spf' | 'bounce-mx' | 'reply-mx' | 'dkim' | 'dmarc';
  type: 'TXT' | 'MX';
  name: string;
  value: string;
  /** `differs`: something else is there. `unknown`: the DNS did not answer. */
  status: 'ok' | 'missing' | 'differs' | 'unknown' | 'unchecked';
  found: string[];
  /** The fault in one sentence, English; the interface has its own by purpose and status. */
  fault: string;
}

export interface DomainCheck {
  at: number;
  records: DnsRecord[];
}

export interface NewDomain {
  name: string;
  brandId?: number | undefined;
  /** Default: bounces.NAME. */
  bounceHost?: string | undefined;
  /** Default: replies.NAME. */
  replyHost?: string | undefined;
}

/** The brand of an installation that has none yet. */
export async function firstBrand(db: Db, now: number): Promise<number> {
  const known = (await brands(db))[0];
  return known?.id ?? addBrand(db, { name: 'Parley', language: 'fr', postal_address: '', created_at: now });
}

/** Makes the domain with an RSA-2048 and an Ed25519 key. Conflict when it is there already. */
export async function createSendingDomain(
  { store, secrets, clock, wake }: Needs,
  wanted: NewDomain,
): Promise<number> {
  const name = hostName(wanted.name, 'name');
  const bounceHost = hostName(wanted.bounceHost || `bounces.${name}`, 'bounce_host');
  const replyHost = hostName(wanted.replyHost || `replies.${name}`, 'reply_host');
  const now = clock.now();
  const stamp = new Date(now).toISOString().slice(0, 7).replace('-', '');
  const keys = await Promise.all((['rsa-sha256', 'ed25519-sha256'] as const).map(generateDkimKey));
  const id = await store.write(async (tx) => {
    if ((await sendingDomainByName(tx, name)) !== undefined)
      throw new Problem('conflict', `${name} is a sending domain already`);
    const brandId = wanted.brandId ?? (await firstBrand(tx, now));
    if ((await brandById(tx, brandId)) === undefined)
      throw new Problem('not-found', 'there is no such brand');
    const added = await addSendingDomain(tx, {
      brand_id: brandId,
      name,
      bounce_host: bounceHost,
      reply_host: replyHost,
      created_at: now,
    });
    for (const key of keys) {
      await addDkimKey(tx, {
        sending_domain_id: added,
        selector: `${key.algorithm === 'rsa-sha256' ? 'pr' : 'pe'}${stamp}`,
        algorithm: key.algorithm,
        sealed: secrets.seal('dkim', key.privateDer),
        record: key.record,
        state: 'active',
        created_at: now,
        activated_at: now,
      });
    }
    return added;
  });
  wake.ring('settings');
  return id;
}

function hostName(text: string, field: string): string {
  const name = asciiDomain(text.trim());
  if (name === undefined || !name.includes('.')) {
    throw new Problem('invalid', `${text} is not a domain name`, {
      fields: { [field]: 'is not a domain name' },
    });
  }
  return name;
}

/** What must stand in the DNS for a domain, before looking. */
export async function dnsRecordsFor({ store, config }: Needs, id: number): Promise<DnsRecord[]> {
  const domain = await existingDomain(store.read, id);
  const [keys, egress] = await Promise.all([activeDkimKeys(store.read, id), sources(store.read)]);
  const spf = spfRecord(egress.map((source) => source.ip));
  const mx = `10 ${mailHost(config.inbound.hostname, domain.name)}`;
  const record = (
    purpose: DnsRecord['purpose'],
    type: DnsRecord['type'],
    name: string,
    value: string,
  ): DnsRecord => ({
    purpose,
    type,
    name,
    value,
    status: 'unchecked',
    found: [],
    fault: '',
  });
  return [
    record('spf', 'TXT', domain.name, spf),
    ...keys.map((key) => record('dkim', 'TXT', dkimRecordName(key.selector, domain.name), key.record)),
    record('dmarc', 'TXT', `_dmarc.${domain.name}`, `v=DMARC1; p=none; rua=mailto:postmaster@${domain.name}`),
    record('bounce-mx', 'MX', domain.bounce_host, mx),
    record('bounce-spf', 'TXT', domain.bounce_host, spf),
    record('reply-mx', 'MX', domain.reply_host, mx),
  ];
}

/** The name of this server as MX records give it. */
export const mailHost = (configured: string, domain: string): string =>
  configured.includes('.') ? configured : `mail.${domain}`;

function spfRecord(ips: readonly string[]): string {
  const parts = [...new Set(ips.filter((ip) => isIP(ip) !== 0))].map((ip) => `ip${isIP(ip)}:${ip}`);
  return ['v=spf1', ...(parts.length > 0 ? parts : ['mx']), '~all'].join(' ');
}

/** Looks each record up and writes down what was found. */
export async function checkDomain(runtime: Needs, id: number): Promise<DomainCheck> {
  const { store, clock } = runtime;
  const check = { at: clock.now(), records: await examineRecords(runtime, id) };
  await store.write((tx) => setDomainCheck(tx, id, toJson(check), check.at));
  return check;
}

/** What the DNS says of each record now. */
export async function examineRecords(runtime: Needs, id: number): Promise<DnsRecord[]> {
  const { store, dns } = runtime;
  const expected = await dnsRecordsFor(runtime, id);
  const egress = (await sources(store.read)).map((source) => source.ip).filter((ip) => isIP(ip) !== 0);
  for (const record of expected) dns.forget(record.name);
  return Promise.all(expected.map((record) => look(dns, record, egress)));
}

async function look(dns: Needs['dns'], record: DnsRecord, egress: string[]): Promise<DnsRecord> {
  let found: string[];
  try {
    found =
      record.type === 'MX'
        ? (await dns.mx(record.name)).map(
            (mx) => `${mx.priority} ${mx.exchange.replace(/\.$/, '').toLowerCase()}`,
          )
        : await dns.txt(record.name);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'NXDOMAIN' || code === 'NODATA') return missing(record);
    return {
      ...record,
      status: 'unknown',
      fault: `the DNS does not answer for ${record.name} (${code ?? 'error'})`,
    };
  }
  const ours = found.filter((text) => isOfKind(record, text));
  if (ours.length === 0) return { ...missing(record), found };
  // RFC 7208 4.5 and RFC 9989 4.10: two records are as bad as none.
  if (ours.length > 1 && record.type === 'TXT' && record.purpose !== 'dkim') {
    return {
      ...record,
      status: 'differs',
      found: ours,
      fault: `${record.name} has ${ours.length} ${record.purpose} records; there must be one`,
    };
  }
  const fault = ours.some((text) => isRight(record, text, egress))
    ? ''
    : whyWrong(record, ours[0] as string, egress);
  return { ...record, status: fault === '' ? 'ok' : 'differs', found: ours, fault };
}

const missing = (record: DnsRecord): DnsRecord => ({
  ...record,
  status: 'missing',
  fault: `${record.name} has no ${record.purpose === 'dkim' ? 'DKIM key' : record.type === 'MX' ? 'MX' : record.purpose.replace('bounce-', '').toUpperCase()} record`,
});

function isOfKind(record: DnsRecord, text: string): boolean {
  switch (record.purpose) {
    case 'spf':
    case 'bounce-spf':
      return /^v=spf1(\s|$)/i.test(text);
    case 'dmarc':
      return /^v=DMARC1\s*(;|$)/i.test(text);
    case 'dkim':
      return /(^|;)\s*p=/.test(text);
    case 'bounce-mx':
    case 'reply-mx':
      return true;
    default:
      return record.purpose satisfies never;
  }
}

function isRight(record: DnsRecord, text: string, egress: string[]): boolean {
  switch (record.purpose) {
    case 'spf':
    case 'bounce-spf':
      // Includes cannot be followed here: an include, a or mx may well cover our addresses.
      return /\b(include:|redirect=|a\b|mx\b)/i.test(text) || egress.every((ip) => text.includes(ip));
    case 'dmarc':
      return /;\s*p=(none|quarantine|reject)\b/i.test(text);
    case 'dkim':
      return hasDkimKey(text, record.value);
    case 'bounce-mx':
    case 'reply-mx':
      return text.split(' ')[1] === record.value.split(' ')[1];
    default:
      return record.purpose satisfies never;
  }
}

function whyWrong(record: DnsRecord, found: string, egress: string[]): string {
  switch (record.purpose) {
    case 'spf':
    case 'bounce-spf':
      return `the SPF record of ${record.name} does not allow ${egress.filter((ip) => !found.includes(ip)).join(', ')}`;
    case 'dmarc':
      return `the DMARC record of ${record.name} has no valid policy (p=)`;
    case 'dkim':
      return `the DKIM key at ${record.name} is not the one we sign with`;
    case 'bounce-mx':
    case 'reply-mx':
      return `the MX of ${record.name} is ${found.split(' ')[1]}, not this server`;
    default:
      return record.purpose satisfies never;
  }
}

async function existingDomain(db: Db, id: number): Promise<Row<'sending_domain'>> {
  const row = await sendingDomainById(db, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such sending domain');
  return row;
}

export interface NewMailbox {
  name: string;
  address: string;
  brandId?: number | undefined;
  signature?: string | undefined;
}

/** A shared address at one of our sending domains. */
export async function createMailbox({ store, clock, wake }: Needs, wanted: NewMailbox): Promise<number> {
  const reading = checkAddress(wanted.address);
  const address = reading.kind === 'address' ? wanted.address.trim().toLowerCase() : undefined;
  if (address === undefined)
    throw new Problem('invalid', `${wanted.address} is not an address`, {
      fields: { address: 'is not an address' },
    });
  const now = clock.now();
  const id = await store.write(async (tx) => {
    const domain = await sendingDomainByName(tx, address.slice(address.lastIndexOf('@') + 1));
    if (domain === undefined) {
      throw new Problem(
        'invalid',
        `${address} is not at a sending domain: answers from it could not be signed`,
        {
          fields: { address: 'is not at one of the sending domains' },
        },
      );
    }
    if ((await mailboxByAddress(tx, address)) !== undefined)
      throw new Problem('conflict', `${address} is a mailbox already`);
    return addMailbox(tx, {
      brand_id: wanted.brandId ?? domain.brand_id,
      name: wanted.name.trim() || address,
      address,
      signature: wanted.signature ?? '',
      created_at: now,
    });
  });
  wake.ring('settings');
  return id;
}

export interface NewSource {
  name: string;
  ip: string;
  ehlo: string;
  pool: string;
  weight?: number | undefined;
}

/** An address that mail leaves from. */
export async function createSource({ store, clock, wake }: Needs, wanted: NewSource): Promise<number> {
  if (isIP(wanted.ip) === 0)
    throw new Problem('invalid', `${wanted.ip} is not an IP address`, {
      fields: { ip: 'is not an IP address' },
    });
  const ehlo = hostName(wanted.ehlo, 'ehlo');
  const id = await store.write(async (tx) => {
    if ((await sources(tx)).some((source) => source.name === wanted.name))
      throw new Problem('conflict', `there is a source ${wanted.name} already`);
    return addSource(tx, {
      name: wanted.name,
      ip: wanted.ip,
      ehlo,
      pool: wanted.pool,
      weight: wanted.weight ?? 1,
      paused: 0,
      note: '',
      created_at: clock.now(),
    });
  });
  wake.ring('settings');
  return id;
}
