/**
 * Calls of programs that wait together are judged and written together. Each call is taken once, by its messageId; who is
 * meant is found by the program's own names, then by address; a program never makes anybody agree to anything.
 */
import { createHash } from 'node:crypto';
import type { Judged } from '../gather.ts';
import { addContacts, addFields, changeContacts, fields } from '../store/contact.ts';
import { DAY_MS } from '../store/credential.ts';
import type { NewEvent } from '../store/event.ts';
import { addShapes, knownKinds } from '../store/event-schema.ts';
import { shapesOf } from '../store/event-shape.ts';
import { attachPending, addPending, changePersonKeys, movePending } from '../store/person-key.ts';
import { addEventsWithIds, firstCalls } from '../store/program-event.ts';
import type { Db } from '../store/tables.ts';
import type { EventCall, TrackCall } from './event-call.ts';
import { dated, People, type Name, type Person } from './people.ts';
import { readTraits, type Ignored } from './traits.ts';

export interface CallRequest {
  credentialId: number;
  calls: readonly EventCall[];
}
export type CallOutcome =
  | { kind: 'taken'; contactId: number | null; ignored: Ignored[] }
  | { kind: 'duplicate' }
  | { kind: 'refused'; field: string; words: string };

/** Names of events: a program that writes a number into the name is told so before the list is of no use to anybody. */
export const MOST_KINDS = 2000;
/** Waiting events that one transaction gives to their contact; the background does the rest. */
const MOST_ATTACHED = 2000;

export async function takeCalls(
  tx: Db,
  requests: readonly CallRequest[],
  now: number,
): Promise<Judged<CallOutcome[]>[]> {
  const entries = requests.flatMap(({ credentialId, calls }) =>
    calls.map((call) => ({ credentialId, call })),
  );
  const strange = await strangeKinds(
    tx,
    entries.map(({ call }) => call),
  );
  const fresh = await freshOf(
    tx,
    entries.filter(({ call }) => !strange.has(call)),
    now,
  );
  const kinds = new Map((await fields(tx)).map((field) => [field.name, field.kind]));
  const people = await People.of(tx, fresh, kinds, now);
  const told: Told[] = [];
  const taken = new Map(fresh.map((call) => [call, takeOne(people, told, call)]));
  await write(tx, people, told, now);
  const outcomes = entries.map(({ call }): CallOutcome => {
    const words = strange.get(call);
    if (words !== undefined) return { kind: 'refused', field: 'event', words };
    const one = taken.get(call);
    return one === undefined
      ? { kind: 'duplicate' }
      : { kind: 'taken', contactId: one.person?.id ?? null, ignored: one.ignored };
  });
  let at = 0;
  return requests.map((request) => ({ done: outcomes.slice(at, (at += request.calls.length)) }));
}

/** Names of events that would be one too many. */
async function strangeKinds(tx: Db, calls: readonly EventCall[]): Promise<Map<EventCall, string>> {
  const tracks = calls.filter((call) => call.type === 'track');
  const names = new Set(tracks.map((call) => call.kind));
  const { known, all } = await knownKinds(tx, [...names]);
  const fresh = [...names].filter((kind) => !known.has(kind));
  const tooMany = new Set(fresh.slice(Math.max(0, MOST_KINDS - all)));
  return new Map(
    tracks
      .filter((call) => tooMany.has(call.kind))
      .map((call) => [
        call,
        `would be name ${MOST_KINDS + 1} of an event: put what varies into properties, not into the name`,
      ]),
  );
}

/** Each call once, however often and by however many doors at once it comes. */
async function freshOf(
  tx: Db,
  entries: readonly { credentialId: number; call: EventCall }[],
  now: number,
): Promise<EventCall[]> {
  const first = new Map<string, EventCall>();
  const unnamed = new Set<EventCall>();
  for (const { credentialId, call } of entries) {
    if (call.messageId === null) unnamed.add(call);
    else {
      const id = messageKey(credentialId, call.messageId);
      if (!first.has(id)) first.set(id, call);
    }
  }
  const added = await firstCalls(tx, [...first.keys()], Math.floor(now / DAY_MS));
  const fresh = new Set([...added].map((id) => first.get(id) as EventCall));
  return entries.flatMap(({ call }) => (unnamed.has(call) || fresh.has(call) ? [call] : []));
}

/** Short, whatever a program takes for an id; two programs may use the same. */
const messageKey = (credentialId: number, messageId: string): string =>
  createHash('sha256').update(`${credentialId} ${messageId}`).digest('base64url').slice(0, 22);

/** What happened, and to whom: with the name it waits under while nobody knows. */
interface Told {
  call: TrackCall;
  person: Person | null;
  name: Name | null;
}

function takeOne(
  people: People,
  told: Told[],
  call: EventCall,
): { person: Person | null; ignored: Ignored[] } {
  const { person, name } = people.whoIs(call);
  if (call.type === 'alias') return { person, ignored: [] };
  if (call.type === 'track') {
    told.push({ call, person, name });
    return { person, ignored: [] };
  }
  const { traits, ignored } = readTraits(call.traits);
  if (call.wrongEmail) ignored.unshift({ trait: 'email', reason: 'is not an address' });
  const known = person ?? (call.email === null ? null : people.create(call.email));
  if (person === null && known !== null && name !== null) people.link(name, known);
  if (known !== null) ignored.push(...people.apply(known, dated(traits, call.at)));
  else if (name !== null) people.keep(name, dated(traits, call.at));
  return { person: known, ignored };
}

async function write(tx: Db, people: People, told: readonly Told[], now: number): Promise<void> {
  await writePeople(tx, people, now);
  const names = [...people.names()];
  for (const name of names) {
    name.row.contact_id = name.person?.id ?? null;
    name.row.user_key_id = name.user?.row.id ?? null;
  }
  await changePersonKeys(
    tx,
    names.filter((name) => name.changed).map((name) => name.row),
  );
  const movedTo = new Map(people.moves.map(({ from, to }) => [from, to]));
  await movePending(
    tx,
    [...movedTo].map(([from, to]) => ({ from_id: from.row.id, to_id: to.row.id })),
  );
  await writeEvents(tx, people, told, movedTo, now);
  await attachPending(
    tx,
    names.filter((name) => name.linked).map((name) => name.row.id),
    MOST_ATTACHED,
  );
}

async function writePeople(tx: Db, people: People, now: number): Promise<void> {
  const changed = [...people.all()].filter((person) => person.changed);
  const made = changed.filter((person) => person.id === null);
  await addFields(tx, people.newFields, now);
  const ids = await addContacts(
    tx,
    made.map(({ email }) => ({ email, source: 'events' })),
    now,
  );
  for (const person of made) {
    const id = ids.get(person.email);
    // Another node made the same person at this moment: each call of the group is taken again, alone.
    if (id === undefined) throw new Error('a contact was made by somebody else at the same time');
    person.id = id;
  }
  await changeContacts(tx, changed as (Person & { id: number })[], now);
}

async function writeEvents(
  tx: Db,
  people: People,
  told: readonly Told[],
  movedTo: ReadonlyMap<Name, Name>,
  now: number,
): Promise<void> {
  const waiting: { at: number; name: Name }[] = [];
  const events: NewEvent[] = told.map(({ call, person, name: first }, at) => {
    const name = first === null ? null : (movedTo.get(first) ?? first);
    const contact = person ?? name?.person ?? null;
    if (contact === null && name !== null) waiting.push({ at, name });
    return { kind: call.kind, at: call.at, contact_id: contact?.id ?? null, data: call.properties };
  });
  const ids = await addEventsWithIds(tx, [
    ...events,
    ...[...people.identified].map(([person, { created }]) => ({
      kind: 'identified',
      at: now,
      contact_id: person.id,
      data: { created, external_id: person.external_id },
    })),
  ]);
  await addPending(
    tx,
    waiting.map(({ at, name }) => ({ event_id: ids[at] as number, person_key_id: name.row.id })),
  );
  await addShapes(
    tx,
    shapesOf(told.map(({ call }) => ({ kind: call.kind, at: call.at, data: call.properties }))),
  );
}
