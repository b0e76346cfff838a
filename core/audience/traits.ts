/**
 * What a program says of a person, made into what we keep: names as fields are named, values of the field's kind. A value
 * is replaced only by what was true later, so that calls may come in any order and end the same.
 */
import { fromJson } from '../store/json.ts';
import type { Row } from '../store/tables.ts';
import { instantOf, isObject } from './event-call.ts';
import { isTimezone, valueOf, type FieldKind } from './import-mapping.ts';

export type TraitValue = string | number | boolean | unknown[] | Record<string, unknown> | null;
/** By the name of a column, or `fields.NAME`. */
export type Traits = Map<string, TraitValue>;
export interface Ignored {
  trait: string;
  reason: string;
}

/** Under whose names columns of a contact go. Segment's libraries write camelCase; others do not. */
const columns: Readonly<Record<string, 'first_name' | 'last_name' | 'language' | 'timezone'>> = {
  first_name: 'first_name',
  firstname: 'first_name',
  last_name: 'last_name',
  lastname: 'last_name',
  language: 'language',
  locale: 'language',
  timezone: 'timezone',
  time_zone: 'timezone',
};
/** Who a person is comes from elsewhere: these are no fields. */
const identity = new Set(['email', 'id', 'user_id', 'userid', 'anonymous_id', 'external_id']);
const MOST_TRAITS = 200;
const LONGEST_VALUE = 2000;

/** `firstName`, `First name` and `first_name` are one; undefined when nothing is left of it. */
export function fieldName(trait: string): string | undefined {
  const name = trait
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replace(/^[_0-9]+/, '')
    .slice(0, 63)
    .replace(/_+$/, '');
  return name === '' ? undefined : name;
}

/** Names and sizes of what was said; objects such as an address are taken apart: `address_city`. Kinds come later. */
export function readTraits(given: Record<string, unknown>): { traits: Traits; ignored: Ignored[] } {
  const traits: Traits = new Map();
  const ignored: Ignored[] = [];
  const flat = Object.entries(given).flatMap(([name, value]): [string, unknown][] =>
    isObject(value)
      ? Object.entries(value).map(([inner, one]) => [`${name}_${inner}`, one])
      : [[name, value]],
  );
  for (const [trait, value] of flat) {
    const name = fieldName(trait);
    if (name !== undefined && identity.has(name)) continue;
    const column = name === undefined ? undefined : (columns[name] ?? columns[name.replaceAll('_', '')]);
    const leaveOut = (reason: string) => ignored.push({ trait: trait.slice(0, 80), reason });
    if (name === undefined) leaveOut('has no letter in its name');
    else if (traits.size >= MOST_TRAITS) leaveOut(`is beyond ${MOST_TRAITS} traits`);
    else if (value === undefined) continue;
    else if (typeof value === 'string' && value.length > LONGEST_VALUE)
      leaveOut(`is longer than ${LONGEST_VALUE} characters`);
    else if (typeof value === 'object' && value !== null && JSON.stringify(value).length > LONGEST_VALUE)
      leaveOut(`is longer than ${LONGEST_VALUE} characters`);
    else traits.set(column ?? `fields.${name}`, value as TraitValue);
  }
  return { traits, ignored };
}

/** The kind of a field that nobody declared. Digits in quotes stay text: they are codes as often as numbers. */
export function guessedKind(value: TraitValue): FieldKind {
  if (typeof value === 'number') return 'number';
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'object') return 'json';
  return /^\d{4}-\d{2}-\d{2}/.test(value) && instantOf(value) !== undefined ? 'date' : 'text';
}

/** A value in the form that its field keeps; undefined when it is none of that kind. */
export function valueFor(kind: FieldKind, value: Exclude<TraitValue, null>): unknown {
  switch (kind) {
    case 'json':
      return value;
    case 'number':
      return typeof value === 'number'
        ? value
        : typeof value === 'string'
          ? valueOf('number', value)
          : undefined;
    case 'boolean':
      if (value === 0 || value === 1) return value === 1;
      return typeof value === 'boolean'
        ? value
        : typeof value === 'string'
          ? valueOf('boolean', value)
          : undefined;
    case 'date':
      // Libraries write instants as milliseconds, too.
      if (typeof value === 'number')
        return Math.abs(value) < 8.64e15 ? new Date(value).toISOString() : undefined;
      return typeof value === 'string' ? valueOf('date', value) : undefined;
    default:
      return typeof value === 'object' ? undefined : String(value);
  }
}

export type Person = Pick<
  Row<'contact'>,
  'first_name' | 'last_name' | 'language' | 'timezone' | 'fields' | 'set_at' | 'created_at'
>;

/**
 * Puts traits into a row, in place: what is older than the value there is left as it is. A value that nobody dated has
 * been there since the contact was made. `null` takes a value away. Answers whether anything changed, and what was no value
 * of its field's kind.
 */
export function applyTraits(
  person: Person,
  traits: ReadonlyMap<string, { value: TraitValue; at: number }>,
  kinds: ReadonlyMap<string, FieldKind>,
): { changed: boolean; ignored: Ignored[] } {
  const setAt = fromJson<Record<string, number>>(person.set_at, {});
  const fields = fromJson<Record<string, unknown>>(person.fields, {});
  const ignored: Ignored[] = [];
  let changed = false;
  for (const [name, { value, at }] of traits) {
    const custom = name.startsWith('fields.') ? name.slice('fields.'.length) : undefined;
    const present = custom === undefined ? person[name as 'first_name'] : fields[custom];
    const known =
      setAt[name] ?? (present === undefined || present === '' || present === null ? -1 : person.created_at);
    if (at < known) continue;
    const kept =
      value === null
        ? null
        : custom === undefined
          ? columnValue(name, value)
          : valueFor(kinds.get(custom) ?? 'text', value);
    if (kept === undefined) {
      const kind = custom === undefined ? name : `${kinds.get(custom) ?? 'text'}, which the field is`;
      ignored.push({ trait: custom ?? name, reason: `is no ${kind}` });
      continue;
    }
    if (custom === undefined) {
      const column = name as 'first_name' | 'timezone';
      person[column] = (kept ?? (column === 'timezone' ? null : '')) as string;
    } else if (kept === null) delete fields[custom];
    else fields[custom] = kept;
    setAt[name] = at;
    changed = true;
  }
  if (changed) {
    person.set_at = JSON.stringify(setAt);
    person.fields = JSON.stringify(fields);
  }
  return { changed, ignored };
}

function columnValue(name: string, value: Exclude<TraitValue, null>): string | undefined {
  if (typeof value === 'object') return undefined;
  const text = String(value).trim().replaceAll(/\s+/g, ' ');
  if (name === 'timezone') return isTimezone(text) ? text : undefined;
  if (name === 'language')
    return /^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$/.test(text)
      ? text.replaceAll('_', '-').toLowerCase()
      : undefined;
  return text.slice(0, 200);
}

/** Marks what a person or a file said at a time, in the form of `contact.set_at`. */
export const stamped = (setAt: string, names: readonly string[], at: number): string =>
  JSON.stringify({
    ...fromJson<Record<string, number>>(setAt, {}),
    ...Object.fromEntries(names.map((name) => [name, at])),
  });
