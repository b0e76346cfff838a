/**
 * Whom the calls of one group speak of: read once, linked and changed in memory, written once. A person is found by
 * userId, then by anonymousId, then by address. An anonymousId belongs to the userId it was last seen with; what waited
 * under it goes along.
 */
import { normaliseAddress } from '../mail/address.ts';
import { contactsByEmail, contactsById } from '../store/contact.ts';
import { fromJson, toJson } from '../store/json.ts';
import {
  contactsByExternalId,
  lockContacts,
  personKeysByIds,
  takePersonKeys,
  type KeyName,
  type PersonKey,
} from '../store/person-key.ts';
import type { Db, Row } from '../store/tables.ts';
import type { EventCall } from './event-call.ts';
import type { FieldKind } from './import-mapping.ts';
import { applyTraits, guessedKind, type Ignored, type Traits, type TraitValue } from './traits.ts';

export type Person = Pick<
  Row<'contact'>,
  | 'email'
  | 'first_name'
  | 'last_name'
  | 'language'
  | 'timezone'
  | 'external_id'
  | 'fields'
  | 'tags'
  | 'set_at'
  | 'created_at'
> & {
  /** Null until it is written. */
  id: number | null;
  changed: boolean;
};

type WaitingTraits = Record<string, { value: TraitValue; at: number }>;

/** A program's name for somebody. */
export interface Name {
  row: PersonKey;
  /** An anonymous one: who it turned out to be. */
  user: Name | null;
  person: Person | null;
  changed: boolean;
  /** It belongs to a contact since now: what waits is attached. */
  linked: boolean;
}

/** Custom fields that there may be: more are values taken for names. */
export const MOST_FIELDS = 500;
const MOST_WAITING_TRAITS = 200;

export class People {
  readonly #now: number;
  readonly #names = new Map<string, Name>();
  /** By every address of theirs that was asked for, and the primary one. */
  readonly #byEmail = new Map<string, Person>();
  readonly #byId = new Map<number, Person>();
  readonly #byExternalId: Map<string, number>;
  readonly kinds: Map<string, FieldKind>;
  readonly newFields: { name: string; label: string; kind: FieldKind }[] = [];
  /** What waited under one name waits under another. */
  readonly moves: { from: Name; to: Name }[] = [];
  /** Who became known, or known by this name, in this group. */
  readonly identified = new Map<Person, { created: boolean }>();

  private constructor(now: number, byExternalId: Map<string, number>, kinds: Map<string, FieldKind>) {
    this.#now = now;
    this.#byExternalId = byExternalId;
    this.kinds = kinds;
  }

  static async of(
    tx: Db,
    calls: readonly EventCall[],
    kinds: Map<string, FieldKind>,
    now: number,
  ): Promise<People> {
    const wanted = new Map<string, KeyName>();
    const want = (kind: KeyName['kind'], key: string | null) => {
      if (key !== null) wanted.set(`${kind} ${key}`, { kind, key });
    };
    for (const call of calls) {
      want('user', call.userId);
      want('anonymous', call.anonymousId);
      // An alias names what was an anonymous id or a user id.
      if (call.type === 'alias') want('anonymous', call.previousId);
    }
    const rows = await takePersonKeys(tx, [...wanted.values()], now);
    const present = new Set(rows.map((row) => row.id));
    const others = rows.flatMap(({ user_key_id: id }) => (id === null || present.has(id) ? [] : [id]));
    rows.push(...(await personKeysByIds(tx, [...new Set(others)])));
    const emails = calls.flatMap(({ email }) => (email === null ? [] : (normaliseAddress(email) ?? [])));
    const known = await contactsByEmail(tx, [...new Set(emails)]);
    const byExternalId = await contactsByExternalId(
      tx,
      rows.flatMap((row) => (row.kind === 'user' ? [row.key] : [])),
    );
    const ids = new Set([
      ...rows.flatMap((row) => row.contact_id ?? []),
      ...byExternalId.values(),
      ...[...known.values()].map((row) => row.id),
    ]);
    await lockContacts(tx, [...ids]);
    const people = new People(now, byExternalId, kinds);
    for (const row of await contactsById(tx, [...ids])) people.#add({ ...row, changed: false });
    for (const [address, { id }] of known) {
      const person = people.#byId.get(id);
      if (person !== undefined) people.#byEmail.set(address, person);
    }
    people.#hold(rows);
    return people;
  }

  #add(person: Person): void {
    this.#byEmail.set(person.email, person);
    if (person.id !== null) this.#byId.set(person.id, person);
  }

  #hold(rows: readonly PersonKey[]): void {
    const byId = new Map<number, Name>();
    for (const row of rows) {
      const person = row.contact_id === null ? null : (this.#byId.get(row.contact_id) ?? null);
      const name: Name = { row: { ...row }, user: null, person, changed: false, linked: false };
      byId.set(row.id, name);
      this.#names.set(`${row.kind} ${row.key}`, name);
    }
    for (const name of byId.values())
      if (name.row.user_key_id !== null) name.user = byId.get(name.row.user_key_id) ?? null;
  }

  /** Everybody who was read or made here. */
  all(): Iterable<Person> {
    return new Set(this.#byEmail.values());
  }

  *names(): Iterable<Name> {
    yield* this.#names.values();
  }

  /** Whom a call means, and the name under which to wait for them. Names that are said together are linked. */
  whoIs(call: EventCall): { person: Person | null; name: Name | null } {
    const user = this.#name('user', call.userId);
    const anonymous = this.#name('anonymous', call.anonymousId);
    const previous = call.type === 'alias' ? this.#name('anonymous', call.previousId) : null;
    if (user !== null && user.person === null) {
      const id = this.#byExternalId.get(user.row.key);
      const person = id === undefined ? undefined : this.#byId.get(id);
      if (person !== undefined) this.link(user, person);
    }
    for (const one of [anonymous, previous]) if (user !== null && one !== null) this.#turnOut(one, user);
    const name = user ?? anonymous?.user ?? anonymous;
    if (name?.person != null) return { person: name.person, name };
    const email = call.email === null ? undefined : normaliseAddress(call.email);
    const person = email === undefined ? null : (this.#byEmail.get(email) ?? null);
    if (person !== null && name !== null) this.link(name, person);
    return { person, name };
  }

  #name(kind: KeyName['kind'], key: string | null): Name | null {
    return key === null ? null : (this.#names.get(`${kind} ${key}`) ?? null);
  }

  /** An anonymous visitor is this user from now on. What others did before at the same device stays theirs. */
  #turnOut(anonymous: Name, user: Name): void {
    if (anonymous.user === user) return;
    const isFree = anonymous.user === null;
    if (isFree && user.person === null && anonymous.person !== null && anonymous.person.external_id === null)
      this.link(user, anonymous.person);
    if (isFree && anonymous.person === null) {
      this.moves.push({ from: anonymous, to: user });
      this.#giveTraits(anonymous, user);
      // Its events are attached where the user's are.
      if (user.person !== null) user.linked = true;
    }
    anonymous.user = user;
    anonymous.person = null;
    anonymous.changed = true;
  }

  #giveTraits(from: Name, to: Name): void {
    const traits = fromJson<WaitingTraits>(from.row.traits, {});
    if (Object.keys(traits).length === 0) return;
    from.row.traits = '{}';
    from.changed = true;
    if (to.person === null) this.keep(to, new Map(Object.entries(traits)));
    else this.apply(to.person, new Map(Object.entries(traits)));
  }

  /** A name is this contact's. */
  link(name: Name, person: Person): void {
    name.person = person;
    name.changed = true;
    name.linked = true;
    if (name.row.created_at < this.#now) this.#note(person, false);
    if (name.row.kind === 'user' && person.external_id === null) {
      person.external_id = name.row.key;
      person.changed = true;
      this.#note(person, false);
    }
    const traits = fromJson<WaitingTraits>(name.row.traits, {});
    name.row.traits = '{}';
    if (Object.keys(traits).length > 0) this.apply(person, new Map(Object.entries(traits)));
  }

  #note(person: Person, created: boolean): void {
    this.identified.set(person, { created: created || this.identified.get(person)?.created === true });
  }

  /** A contact that nobody knew: on no list, agreed to nothing. */
  create(email: string): Person {
    const person: Person = {
      id: null,
      email,
      first_name: '',
      last_name: '',
      language: '',
      timezone: null,
      external_id: null,
      fields: '{}',
      tags: '[]',
      set_at: '{}',
      created_at: this.#now,
      changed: true,
    };
    this.#add(person);
    this.#note(person, true);
    return person;
  }

  /** Keeps traits of somebody who is no contact yet: of each the latest. */
  keep(name: Name, traits: ReadonlyMap<string, { value: TraitValue; at: number }>): void {
    const waiting = fromJson<WaitingTraits>(name.row.traits, {});
    for (const [trait, one] of traits) {
      const known = waiting[trait];
      if (known === undefined && Object.keys(waiting).length >= MOST_WAITING_TRAITS) continue;
      if (known === undefined || one.at >= known.at) waiting[trait] = one;
    }
    name.row.traits = toJson(waiting);
    name.changed = true;
  }

  /** Writes traits into the row; fields that nobody declared are, with the kind that the value looks like. */
  apply(person: Person, traits: ReadonlyMap<string, { value: TraitValue; at: number }>): Ignored[] {
    const taken = new Map(traits);
    const tooMany: Ignored[] = [];
    for (const [name, { value }] of traits) {
      const field = name.startsWith('fields.') ? name.slice('fields.'.length) : undefined;
      if (field === undefined || this.kinds.has(field) || value === null) continue;
      if (this.kinds.size >= MOST_FIELDS) {
        taken.delete(name);
        tooMany.push({
          trait: field,
          reason: `would be field ${MOST_FIELDS + 1}: remove fields that nobody uses`,
        });
        continue;
      }
      const kind = guessedKind(value);
      this.kinds.set(field, kind);
      this.newFields.push({ name: field, label: labelOf(field), kind });
    }
    const { changed, ignored } = applyTraits(person, taken, this.kinds);
    person.changed ||= changed;
    return [...tooMany, ...ignored];
  }
}

/** What stands over a column until somebody writes better. */
const labelOf = (field: string): string => {
  const words = field.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};

export const dated = (traits: Traits, at: number): Map<string, { value: TraitValue; at: number }> =>
  new Map([...traits].map(([name, value]) => [name, { value, at }]));
