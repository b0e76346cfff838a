/**
 * A customer file as a shop would export it: ten thousand people with accents and gaps, some of them twice, and rows
 * that are broken. It tells what it planted, so that an import can be held against it.
 */
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { stringify } from 'csv-stringify/sync';
import {
  CONSENT_SOURCES,
  LAST_EN,
  LAST_FR,
  MAIL_DOMAINS,
  MEN_EN,
  MEN_FR,
  TAGS,
  TOWNS_EN,
  TOWNS_FR,
  WOMEN_EN,
  WOMEN_FR,
} from './audience-names.ts';
import { pick, stream, weigh } from './random.ts';

export interface AudienceOptions {
  /** Distinct people with a good address. */
  count: number;
  seed?: number;
  /** The day of the export, ms: orders lie before it. */
  now?: number;
  /** Rows that repeat somebody, in other letters. */
  duplicates?: number;
  /** Also people at domains that cannot be mailed: no such domain, null MX. */
  deadDomains?: boolean;
}

export interface Customer {
  email: string;
  first_name: string;
  last_name: string;
  sex: 'f' | 'm' | '';
  birthdate: string;
  city: string;
  country: 'FR' | 'GB';
  language: 'fr' | 'en';
  last_order_at: string;
  orders: number;
  total_spent: string;
  tags: string;
  consent_source: string;
  consent_at: string;
}

export type Breakage =
  | 'no-at-sign'
  | 'two-at-signs'
  | 'space-in-address'
  | 'empty-address'
  | 'missing-columns'
  | 'too-many-columns'
  | 'stray-quote'
  | 'unbalanced-quote'
  | 'control-character'
  | 'line-break-in-address';

export interface Planted {
  /** Records in the file, without its header. */
  rows: number;
  /** Good, distinct addresses in lower case, in the order of the file. */
  addresses: string[];
  /** Good rows that repeat an earlier address; `line` is the line of the file, the header being 1. */
  duplicates: { line: number; address: string }[];
  broken: { line: number; breakage: Breakage }[];
  customers: Customer[];
  unmailable: { nullMx: string[]; noSuchDomain: string[] };
  /** Women in Lyon who ordered in the last 90 days before `now`. */
  lyonWomenRecent: string[];
}

export const COLUMNS = [
  'email',
  'first_name',
  'last_name',
  'sex',
  'birthdate',
  'city',
  'country',
  'language',
  'last_order_at',
  'orders',
  'total_spent',
  'tags',
  'consent_source',
  'consent_at',
] as const satisfies readonly (keyof Customer)[];

const DAY = 86_400_000;
const BREAKAGES: readonly Breakage[] = [
  'no-at-sign',
  'two-at-signs',
  'space-in-address',
  'empty-address',
  'missing-columns',
  'too-many-columns',
  'stray-quote',
  'control-character',
  'line-break-in-address',
];

export async function writeContactsCsv(path: string, options: AudienceOptions): Promise<Planted> {
  const {
    count,
    seed = 1,
    now = Date.now(),
    duplicates = Math.ceil(count / 200),
    deadDomains = true,
  } = options;
  const next = stream(seed);
  const customers = gather(count, now, next);
  const unmailable = deadDomains ? bury(customers) : { nullMx: [], noSuchDomain: [] };
  const file = createWriteStream(path);
  const planted: Planted = {
    rows: 0,
    addresses: customers.map((one) => one.email),
    duplicates: [],
    broken: [],
    customers,
    unmailable,
    lyonWomenRecent: [],
  };
  let line = 1;
  const write = (record: string): number => {
    const at = line;
    file.write(record);
    planted.rows++;
    line += record.split('\n').length - 1;
    return at;
  };
  file.write(row(COLUMNS));
  line++;
  planted.rows = 0;
  const everyDuplicate = Math.max(1, Math.floor(count / Math.max(1, duplicates)));
  const everyBroken = Math.max(1, Math.floor(count / BREAKAGES.length));
  for (const [at, customer] of customers.entries()) {
    write(rowOf(customer));
    if (at % everyDuplicate === everyDuplicate - 1 && planted.duplicates.length < duplicates) {
      const twin = customers[Math.floor(next() * (at + 1))] ?? customer;
      planted.duplicates.push({
        line: write(rowOf({ ...twin, email: otherLetters(twin.email) })),
        address: twin.email,
      });
    }
    const breakage =
      at % everyBroken === everyBroken - 1 ? BREAKAGES[Math.floor(at / everyBroken)] : undefined;
    if (breakage !== undefined) planted.broken.push({ line: write(broken(breakage, customer)), breakage });
  }
  // The last one: a quote that is never closed, so that it swallows nobody but itself.
  const last = customers.at(-1);
  if (last !== undefined) {
    planted.broken.push({ line: write(broken('unbalanced-quote', last)), breakage: 'unbalanced-quote' });
  }
  planted.lyonWomenRecent = customers.filter((one) => isLyonWomanRecent(one, now)).map((one) => one.email);
  file.end();
  await finished(file);
  return planted;
}

export function isLyonWomanRecent(customer: Customer, now: number): boolean {
  // A segment counts in days, so this does too.
  const ordered = customer.last_order_at.slice(0, 10);
  const day = (at: number) => new Date(at).toISOString().slice(0, 10);
  return customer.sex === 'f' && customer.city === 'Lyon' && ordered >= day(now - 90 * DAY);
}

function gather(count: number, now: number, next: () => number): Customer[] {
  const taken = new Set<string>();
  const customers: Customer[] = [];
  while (customers.length < count) {
    const customer = draw(now, next, taken);
    taken.add(customer.email);
    customers.push(customer);
  }
  return customers;
}

function draw(now: number, next: () => number, taken: ReadonlySet<string>): Customer {
  const isEnglish = next() < 0.14;
  const sex = next() < 0.04 ? '' : next() < 0.56 ? 'f' : 'm';
  const isWoman = sex === 'f' || (sex === '' && next() < 0.5);
  const first_name = pick(isEnglish ? (isWoman ? WOMEN_EN : MEN_EN) : isWoman ? WOMEN_FR : MEN_FR, next());
  const last_name = pick(isEnglish ? LAST_EN : LAST_FR, next()).replace('-', isEnglish ? '-' : ' ');
  const domain = weigh(MAIL_DOMAINS, next());
  const email = freeAddress(first_name, last_name, domain, next, taken);
  const orders = next() < 0.22 ? 0 : 1 + Math.floor(next() ** 3 * 24);
  const lastOrder = now - Math.floor(next() ** 1.7 * 900 * DAY) - 60_000;
  const consent = now - Math.floor((30 + next() * 1800) * DAY);
  return {
    email,
    first_name: next() < 0.05 ? '' : first_name,
    last_name,
    sex,
    birthdate: next() < 0.25 ? '' : isoDay(now - Math.floor((18 + next() * 62) * 365.25 * DAY)),
    city: weigh(isEnglish ? TOWNS_EN : TOWNS_FR, next()),
    country: isEnglish ? 'GB' : 'FR',
    language: isEnglish ? 'en' : 'fr',
    last_order_at: orders === 0 ? '' : new Date(lastOrder).toISOString(),
    orders,
    total_spent: (orders * (12 + next() * 90)).toFixed(2),
    tags: TAGS.filter(() => next() < 0.18).join('|'),
    consent_source: pick(CONSENT_SOURCES, next()),
    consent_at: new Date(consent).toISOString(),
  };
}

function freeAddress(
  first: string,
  last: string,
  domain: string,
  next: () => number,
  taken: ReadonlySet<string>,
): string {
  const [given, family] = [ascii(first), ascii(last)];
  const local = pick(
    [`${given}.${family}`, `${given}${family}`, `${given.charAt(0)}.${family}`, `${family}.${given}`],
    next(),
  );
  for (let tries = 0; ; tries++) {
    const digits =
      tries === 0 && next() < 0.5 ? '' : String(Math.floor(next() * 10 ** Math.min(5, 2 + tries)));
    const email = `${local}${digits}@${domain}`;
    if (!taken.has(email)) return email;
  }
}

/** One in two thousand is at a domain that takes no mail, one at a domain that is gone. */
function bury(customers: Customer[]): Planted['unmailable'] {
  const nullMx: string[] = [];
  const noSuchDomain: string[] = [];
  for (let at = 500; at < customers.length; at += 1000) {
    const [one, other] = [customers[at], customers[at - 250]];
    if (one === undefined || other === undefined) continue;
    one.email = `${one.email.split('@')[0]}.${at}@ancienne-adresse.fr`;
    nullMx.push(one.email);
    other.email = `${other.email.split('@')[0]}.${at}@nxdomain.test`;
    noSuchDomain.push(other.email);
  }
  return { nullMx, noSuchDomain };
}

const row = (values: readonly unknown[]): string => stringify([values as unknown[]]);
const rowOf = (customer: Customer): string => row(COLUMNS.map((column) => customer[column]));

function broken(breakage: Breakage, customer: Customer): string {
  const local = `x${customer.email.split('@')[0] ?? 'x'}`;
  const good = { ...customer, email: `${local}@gmail.com` };
  switch (breakage) {
    case 'no-at-sign':
      return rowOf({ ...good, email: `${local}.gmail.com` });
    case 'two-at-signs':
      return rowOf({ ...good, email: `${local}@@gmail.com` });
    case 'space-in-address':
      return rowOf({ ...good, email: `${local} 2@gmail.com` });
    case 'empty-address':
      return rowOf({ ...good, email: '' });
    case 'missing-columns':
      return row([good.email, good.first_name, good.last_name]);
    case 'too-many-columns':
      return row([...COLUMNS.map((column) => good[column]), 'what', 'is', 'this']);
    case 'stray-quote':
      return `${good.email},Jean "le Grand,${good.last_name},m,,Lyon,FR,fr,,0,0.00,,import-2024,\n`;
    case 'unbalanced-quote':
      return `${good.email},"Jean,${good.last_name},m,,Lyon,FR,fr,,0,0.00,,import-2024,\n`;
    case 'control-character':
      return rowOf({ ...good, email: `${local}\u0000\u0007@gmail.com` });
    case 'line-break-in-address':
      return rowOf({ ...good, email: `${local}@gmail.com\r\nBcc: everybody@gmail.com` });
    default:
      return breakage satisfies never;
  }
}

function otherLetters(email: string): string {
  const [local = '', domain = ''] = email.split('@');
  return `${local.toUpperCase()}@${domain.charAt(0).toUpperCase()}${domain.slice(1)}`;
}

const ascii = (name: string): string =>
  name
    .normalize('NFD')
    .replace(/[^a-zA-Z]/g, '')
    .toLowerCase();
const isoDay = (at: number): string => new Date(at).toISOString().slice(0, 10);
