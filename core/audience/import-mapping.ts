/** Which column of a file is what, guessed from its name and its values; and how a cell becomes a value. */
import { checkAddress } from '../mail/address.ts';
import type { Row } from '../store/tables.ts';

export type FieldKind = Row<'field'>['kind'];

/** Where a column may go, besides `fields.NAME`. Consent columns say for each person what the import says for all. */
export const targets = [
  'email',
  'first_name',
  'last_name',
  'language',
  'timezone',
  'external_id',
  'tags',
  'consent.source',
  'consent.at',
] as const;
export type Target = (typeof targets)[number] | `fields.${string}`;

/** Names as people write them, French and English, without accents, case and signs. */
const names: Record<(typeof targets)[number], string[]> = {
  email:
    'email mail courriel emailaddress mailaddress adresseemail adressemail adressecourriel adresseelectronique adressedemessagerie e-mail mel contactemail'.split(
      ' ',
    ),
  first_name: 'firstname prenom givenname forename first prenoms'.split(' '),
  last_name: 'lastname nom nomdefamille surname familyname last name'.split(' '),
  language: 'language langue lang locale'.split(' '),
  timezone: 'timezone fuseau fuseauhoraire tz'.split(' '),
  external_id:
    'id externalid customerid clientid contactid numeroclient noclient numclient identifiant idclient reference crmid'.split(
      ' ',
    ),
  tags: 'tags tag etiquettes etiquette labels motscles'.split(' '),
  'consent.source': 'consentsource sourceconsentement sourceduconsentement optinsource sourceoptin'.split(
    ' ',
  ),
  'consent.at':
    'consentat consentdate dateconsentement dateduconsentement optindate dateoptin optinat dateinscription subscribedat'.split(
      ' ',
    ),
};

const plain = (text: string): string =>
  text
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');

/** A name that a custom field may have: `Dernière commande` gives `derniere_commande`. */
export function fieldName(header: string): string {
  const name = header
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, 60);
  if (name === '') return 'column';
  return /^[a-z]/.test(name) ? name : `f_${name}`;
}

export interface Column {
  name: string;
  /** Where it would go; null when it is empty and says nothing. */
  suggestion: Target | null;
  /** Of what kind its values look. */
  kind: FieldKind;
  samples: string[];
}

/** Guesses every column from its header and the first rows. Each target is suggested once. */
export function guessColumns(headers: readonly string[], rows: readonly string[][]): Column[] {
  const taken = new Set<string>();
  const columns = headers.map((name, at): Column => {
    const samples = rows.map((row) => (row[at] ?? '').trim()).filter((value) => value !== '');
    return { name, suggestion: null, kind: guessKind(samples), samples: samples.slice(0, 5) };
  });
  const give = (column: Column, target: Target) => {
    if (column.suggestion !== null || taken.has(target)) return;
    taken.add(target);
    column.suggestion = target;
  };
  for (const target of targets) {
    const column = columns.find((one) => one.suggestion === null && names[target].includes(plain(one.name)));
    if (column !== undefined) give(column, target);
  }
  // No header says so: the column whose values are addresses.
  if (!taken.has('email')) {
    const column = columns.find((one) => one.suggestion === null && areAddresses(one.samples));
    if (column !== undefined) give(column, 'email');
  }
  for (const column of columns) {
    if (column.suggestion === null && column.name.trim() !== '')
      give(column, `fields.${fieldName(column.name)}`);
  }
  return columns;
}

const isAddress = (text: string): boolean => checkAddress(text).kind === 'address';
const areAddresses = (samples: readonly string[]): boolean =>
  samples.length > 0 && samples.filter(isAddress).length * 2 > samples.length;

/** A file without a header begins with a person: some cell of its first row is an address. */
export const isHeader = (cells: readonly string[]): boolean => !cells.some((cell) => isAddress(cell));

function guessKind(samples: readonly string[]): FieldKind {
  if (samples.length === 0) return 'text';
  // 01000 is a postal code and 33612345678901234 an account: digits that nobody adds up.
  if (samples.every((text) => /^-?(0|[1-9]\d{0,14})([.,]\d+)?$/.test(text))) return 'number';
  if (samples.every((text) => valueOf('date', text) !== undefined)) return 'date';
  if (samples.every((text) => valueOf('boolean', text) !== undefined)) return 'boolean';
  return 'text';
}

const YES = new Set(['true', 'yes', 'oui', 'vrai', 'y', 'o', '1', 'x']);
const NO = new Set(['false', 'no', 'non', 'faux', 'n', '0']);

/** A cell as a value of a kind; undefined when it is none. Dates become `2026-01-31`, or an instant in UTC. */
export function valueOf(kind: FieldKind, text: string): string | number | boolean | undefined {
  const trimmed = text.trim();
  switch (kind) {
    case 'text':
    case 'choice':
      return trimmed;
    case 'number': {
      const number = Number(trimmed.replace(/[\s\u00a0\u202f]/g, '').replace(/,(?=\d+$)/, '.'));
      return trimmed !== '' && Number.isFinite(number) ? number : undefined;
    }
    case 'boolean': {
      const word = trimmed.toLowerCase();
      return YES.has(word) ? true : NO.has(word) ? false : undefined;
    }
    case 'date':
      return dateOf(trimmed);
    case 'json':
      try {
        return JSON.stringify(JSON.parse(trimmed));
      } catch {
        return undefined;
      }
    default:
      return kind satisfies never;
  }
}

function dateOf(text: string): string | undefined {
  const iso = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (iso !== null) return dayOrNothing(Number(iso[1]), Number(iso[2]), Number(iso[3]));
  // Day first, as everywhere but in the United States; a month over 12 says that it was the other way round.
  const spoken = /^(\d{1,2})[/.](\d{1,2})[/.](\d{4})$/.exec(text);
  if (spoken !== null) {
    const [a, b, year] = [Number(spoken[1]), Number(spoken[2]), Number(spoken[3])];
    return dayOrNothing(year, b, a) ?? dayOrNothing(year, a, b);
  }
  if (!/^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/.test(text)) return undefined;
  const time = Date.parse(/[zZ]|[+-]\d{2}:?\d{2}$/.test(text) ? text : `${text.replace(' ', 'T')}Z`);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

function dayOrNothing(year: number, month: number, day: number): string | undefined {
  const date = new Date(Date.UTC(year, month - 1, day));
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return date.toISOString().slice(0, 10);
}

/** `vip|paris`, `vip, paris` or `vip;paris`. */
export const tagsOf = (text: string): string[] => [
  ...new Set(
    text
      .split(/[|,;]/)
      .map((tag) => tag.trim().slice(0, 100))
      .filter((tag) => tag !== ''),
  ),
];

const zones = new Map<string, boolean>();
/** Whether a name is a time zone's, such as Europe/Paris. */
export function isTimezone(name: string): boolean {
  const known = zones.get(name);
  if (known !== undefined) return known;
  let valid = true;
  try {
    Intl.DateTimeFormat('en', { timeZone: name });
  } catch {
    valid = false;
  }
  if (zones.size < 1000) zones.set(name, valid);
  return valid;
}
