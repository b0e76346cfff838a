/**
 * A definition as SQL for both engines: a condition on a row of `contact`, or the sub-query of ids that it means. All
 * values are parameters. Two forms, because they are asked in two ways: `whole` looks through an index once for
 * everybody, `slice` looks up each contact of a slice, so that a campaign's hundredth slice costs what its first did.
 */
import { sql, type RawBuilder } from 'kysely';
import { engineOf } from '../store/batch.ts';
import { contactPage, contactsById, countContacts, hasTag, type ContactPage } from '../store/contact.ts';
import type { Db, Row } from '../store/tables.ts';
import { aggregated, comparison, eventMeets, holdsForNone, valueAs, type Aggregate } from './property.ts';
import {
  DAY,
  commonZone,
  dayBegin,
  dayOf,
  daysOfYear,
  isEachOwn,
  localDay,
  shifted,
  spanOf,
  zonesBy,
  type Day,
} from './segment-day.ts';
import {
  customName,
  inlineSegments,
  kindOf,
  leavesOf,
  windowOf,
  type Count,
  type DateValue,
  type Definition,
  type FieldLeaf,
  type Leaf,
  type Near,
  type Node,
  type Window,
} from './segment.ts';

type Condition = RawBuilder<boolean>;

interface Compiling {
  db: Db;
  now: number;
  form: 'whole' | 'slice';
}

const TRUE: Condition = sql<boolean>`1 = 1`;
const FALSE: Condition = sql<boolean>`1 = 0`;

/** The condition that `contact` meets when somebody is in it. References must be inlined. */
export const conditionOf = (db: Db, node: Node, now: number, form: 'whole' | 'slice' = 'whole'): Condition =>
  compile({ db, now, form }, node);

/** The ids that a node means, as a sub-query in brackets. References must be inlined. */
export const idsOf = (db: Db, node: Node, now: number): RawBuilder<unknown> =>
  sql`(select contact.id from contact where ${conditionOf(db, node, now)})`;

// Three-valued logic never gets beyond a leaf: each leaf answers true or false, also for a null.
function compile(at: Compiling, node: Node): Condition {
  if ('all' in node) return joined(at, node.all, 'and') ?? TRUE;
  if ('any' in node) return joined(at, node.any, 'or') ?? FALSE;
  if ('not' in node) return sql<boolean>`not ${compile(at, node.not)}`;
  if ('atLeast' in node) {
    if (node.atLeast > node.of.length) return FALSE;
    const each = node.of.map((part) => sql`case when ${compile(at, part)} then 1 else 0 end`);
    return sql<boolean>`(${sql.join(each, sql.raw(' + '))} >= ${sql.lit(node.atLeast)})`;
  }
  return sql<boolean>`(${leafOf(at, node)})`;
}

function joined(at: Compiling, parts: Node[], word: 'and' | 'or'): Condition | undefined {
  if (parts.length === 0) return undefined;
  return sql<boolean>`(${sql.join(
    parts.map((part) => compile(at, part)),
    sql.raw(` ${word} `),
  )})`;
}

function leafOf(at: Compiling, leaf: Leaf): Condition {
  if (!('tz' in leaf) || !isEachOwn(leaf.tz)) return zonedLeaf(at, leaf);
  return byZone(leaf, at.now, (zone) => zonedLeaf(at, { ...leaf, tz: zone }));
}

/** A question whose days turn at each contact's own midnight: once for the zones that mean the same days by it. */
function byZone(
  leaf: Leaf & { tz?: string | undefined },
  now: number,
  ask: (zone: string) => Condition,
): Condition {
  const fallback = commonZone(leaf.tz);
  // On which day of whose calendar an instant was cannot be asked of a store zone by zone: by the common one, then.
  if ('field' in leaf && leaf.op === 'anniversary' && customName(leaf.field) === undefined)
    return ask(fallback);
  const meaning = (zone: string): string => {
    // A custom field holds days as they were told: all that varies is which day it is now.
    if ('field' in leaf && customName(leaf.field) !== undefined) return localDay(now, zone);
    if ('field' in leaf && leaf.op.startsWith('age_'))
      return JSON.stringify(dayBegin(localDay(now, zone), zone));
    if ('field' in leaf) {
      const { first, last } = daysOf(leaf, now, zone);
      return `${first.begin} ${first.end} ${last.end}`;
    }
    return JSON.stringify(spanOf(windowOf(leaf), now, zone));
  };
  const other = meaning(fallback);
  const branches = [...zonesBy(meaning)].flatMap(([answer, [zone = fallback, ...more]]) =>
    answer === other
      ? []
      : [
          sql`when contact.timezone in (${sql.join([zone, ...more].map((one) => sql.lit(one)))}) then ${truth(ask(zone))}`,
        ],
  );
  if (branches.length === 0) return ask(fallback);
  return sql<boolean>`(case ${sql.join(branches, sql` `)} else ${truth(ask(fallback))} end) = 1`;
}

const truth = (is: Condition): RawBuilder<number> => sql<number>`(case when ${is} then 1 else 0 end)`;

function zonedLeaf(at: Compiling, leaf: Leaf): Condition {
  if ('field' in leaf) return fieldOf(at, leaf);
  if ('list' in leaf) {
    const status = leaf.status === 'any' ? sql`` : sql`and list_member.status = ${leaf.status}`;
    const { begin, end } = spanOf(leaf.since, at.now, commonZone(leaf.tz));
    const from = begin === undefined ? sql`` : sql`and list_member.since >= ${begin}`;
    const to = end === undefined ? sql`` : sql`and list_member.since < ${end}`;
    return sql<boolean>`exists (select 1 from list_member where list_member.list_id = ${leaf.list}
      and list_member.contact_id = contact.id ${status} ${from} ${to})`;
  }
  if ('tag' in leaf) {
    const each = leaf.tag.map((tag) => hasTag(at.db, tag));
    const some = sql.join(each, leaf.mode === 'all' ? sql` and ` : sql` or `);
    return leaf.mode === 'none' ? sql<boolean>`not (${some})` : sql<boolean>`${some}`;
  }
  if ('suppressed' in leaf) {
    const reason = leaf.reason === undefined ? sql`` : sql`and suppression.reason = ${leaf.reason}`;
    const has = (address: string, why = sql``) => sql<boolean>`exists (select 1 from suppression
      where suppression.address = ${sql.ref(address)} and suppression.lifted_at is null ${why})`;
    // Whose mail goes to another address of theirs is not out of reach.
    const is = sql<boolean>`(${has('contact.email', reason)} and not exists (select 1 from contact_address as other
      where other.contact_id = contact.id and other.state = 'active' and not ${has('other.address')}))`;
    return leaf.suppressed ? is : sql<boolean>`not ${is}`;
  }
  if ('event' in leaf) {
    if (leaf.agg !== undefined) return amounted(at, leaf, leaf.agg);
    const where = leaf.where === undefined ? sql`` : sql`and ${eventMeets(at.db, leaf.where)}`;
    return happened(at, sql`event`, sql`event.kind = ${leaf.event} ${where}`, sql.ref('event.at'), {
      ...leaf,
      zone: commonZone(leaf.tz),
    });
  }
  if ('lastEvent' in leaf)
    // Index: event_contact, from its end.
    return sql<boolean>`exists (select 1 from (select event.data from event where event.contact_id = contact.id
      and event.kind = ${leaf.lastEvent} order by event.at desc, event.id desc limit 1) as event
      where ${eventMeets(at.db, leaf.has)})`;
  if ('provider' in leaf)
    return sql<boolean>`exists (select 1 from domain where domain.name = contact.email_domain
      and domain.provider in (${sql.join(leaf.provider)}))`;
  if ('bucket' in leaf) {
    const { salt, from, to } = leaf.bucket;
    const share = sql`(((contact.id * 2654435761 + ${saltOf(salt)}) % 4294967296) * 40503 % 4294967296 / 65536)`;
    return sql<boolean>`(${share} >= ${Math.round(from * 655.36)} and ${share} < ${Math.round(to * 655.36)})`;
  }
  if ('message' in leaf) return messageOf(at, leaf.message, commonZone(leaf.tz));
  if ('conversation' in leaf) {
    const { state, intent, window } = leaf.conversation;
    const parts = [
      state === 'any' ? sql`conversation.state <> 'spam'` : sql`conversation.state = ${state}`,
      sql`conversation.category = 'human'`,
      ...(intent === undefined ? [] : [sql`conversation.intent in (${sql.join(intent)})`]),
    ];
    const what = sql.join(parts, sql` and `);
    return happened(at, sql`conversation`, what, sql.ref('conversation.last_message_at'), {
      window,
      zone: commonZone(leaf.tz),
    });
  }
  if ('consent' in leaf) {
    const { purpose, state, age } = leaf.consent;
    const now = sql<boolean>`coalesce((select consent.state from consent where consent.contact_id = contact.id
      and consent.purpose = ${purpose} order by consent.at desc, consent.id desc limit 1), '') = ${state}`;
    if (age === undefined) return now;
    // It has been so for that long when it was so then, and nothing else was said since.
    const then = shifted(at.now, `-${age}`);
    return sql<boolean>`${now} and coalesce((select consent.state from consent where consent.contact_id = contact.id
      and consent.purpose = ${purpose} and consent.at <= ${then} order by consent.at desc, consent.id desc limit 1), '') = ${state}
      and not exists (select 1 from consent where consent.contact_id = contact.id and consent.purpose = ${purpose}
      and consent.at > ${then} and consent.state <> ${state})`;
  }
  if ('segment' in leaf || 'persona' in leaf)
    throw new Error('a reference reached the compiler: inline it first');
  if ('everyone' in leaf) return TRUE;
  return leaf satisfies never;
}

type MessageLeaf = Extract<Leaf, { message: unknown }>['message'];

/** Each of these tells of an attempt: whoever has one was sent the message. */
export const SENT_EVENTS = ['delivered', 'deferred', 'bounced'] as const;

function messageOf(at: Compiling, { did, campaign, count, window }: MessageLeaf, zone: string): Condition {
  const which =
    campaign === 'any' ? sql`event.campaign_id is not null` : sql`event.campaign_id = ${campaign}`;
  const kind =
    did === 'sent'
      ? sql`event.kind in (${sql.join(SENT_EVENTS.map((one) => sql.lit(one)))})`
      : sql`event.kind = ${did}`;
  return happened(at, sql`event`, sql`${kind} and ${which}`, sql.ref('event.at'), {
    count,
    window,
    zone,
    // A message that was tried three times was sent once.
    each: did === 'sent' ? sql`distinct coalesce(event.delivery_id, -event.id)` : undefined,
  });
}

/** Whether as many rows as asked for belong to the contact. Indexes: event_kind or event_campaign whole, event_contact by slice. */
function happened(
  at: Compiling,
  table: RawBuilder<unknown>,
  what: RawBuilder<unknown>,
  time: RawBuilder<unknown>,
  {
    count = { op: 'gte', n: 1 },
    window,
    zone,
    each = sql`*`,
  }: {
    count?: Count | undefined;
    window?: Window | undefined;
    zone: string;
    each?: RawBuilder<unknown> | undefined;
  },
): Condition {
  const { begin, end } = spanOf(window, at.now, zone);
  const where = sql.join(
    [
      what,
      ...(begin === undefined ? [] : [sql`${time} >= ${begin}`]),
      ...(end === undefined ? [] : [sql`${time} < ${end}`]),
    ],
    sql` and `,
  );
  const least = (n: number): Condition => {
    if (n <= 0) return TRUE;
    if (at.form === 'slice') {
      const mine = sql`from ${table} where ${table}.contact_id = contact.id and ${where}`;
      return n === 1
        ? sql<boolean>`exists (select 1 ${mine})`
        : sql<boolean>`(select count(${each}) ${mine}) >= ${n}`;
    }
    const having = n === 1 ? sql`` : sql`group by ${table}.contact_id having count(${each}) >= ${n}`;
    return sql<boolean>`contact.id in (select ${table}.contact_id from ${table}
      where ${table}.contact_id is not null and ${where} ${having})`;
  };
  switch (count.op) {
    case 'gte':
      return least(count.n);
    case 'lte':
      return sql<boolean>`not (${least(count.n + 1)})`;
    case 'eq':
      return sql<boolean>`(${least(count.n)} and not (${least(count.n + 1)}))`;
    default:
      return count.op satisfies never;
  }
}

type EventLeaf = Extract<Leaf, { event: string }>;

/** A number over somebody's events: sums, averages, extremes, how many different ones. */
function amounted(at: Compiling, { event, where = [], window, tz }: EventLeaf, agg: Aggregate): Condition {
  const { begin, end } = spanOf(window, at.now, commonZone(tz));
  const { beside, also, number } = aggregated(at.db, agg, where);
  const rows = sql.join(
    [
      sql`event.kind = ${event}`,
      eventMeets(at.db, where),
      also,
      ...(begin === undefined ? [] : [sql`event.at >= ${begin}`]),
      ...(end === undefined ? [] : [sql`event.at < ${end}`]),
    ],
    sql` and `,
  );
  const is = sql<boolean>`${number} ${comparison(agg.op)} cast(${agg.n} as double precision)`;
  if (at.form === 'slice')
    return sql<boolean>`coalesce((select ${is} from event ${beside} where event.contact_id = contact.id and ${rows}), ${no(at.db)})`;
  const those = (which: Condition): Condition =>
    sql<boolean>`contact.id in (select event.contact_id from event ${beside}
      where event.contact_id is not null and ${rows} group by event.contact_id having ${which})`;
  // Who has no event at all is in no group.
  return holdsForNone(agg) ? sql<boolean>`not (${those(sql<boolean>`not (${is})`)})` : those(is);
}

/** FNV-1a, so that shares of different salts are different people. */
function saltOf(salt: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(salt)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

// ── fields ────────────────────────────────────────────────────────────────────────────────────────────────────────

function fieldOf({ db, now }: Compiling, leaf: FieldLeaf): Condition {
  const kind = kindOf(leaf);
  const custom = customName(leaf.field);
  const column = sql.ref(`contact.${leaf.field}`);
  if (leaf.op === 'empty' || leaf.op === 'nempty') {
    const shown = custom === undefined ? sql`cast(${column} as text)` : shownCustom(db, custom);
    const filled = sql<boolean>`coalesce(${shown}, '') <> ''`;
    return leaf.op === 'nempty' ? filled : sql<boolean>`not (${filled})`;
  }
  switch (kind) {
    case 'text':
      return textIs(db, custom === undefined ? column : customAs(db, custom, 'string'), leaf);
    case 'number':
      return numberIs(custom === undefined ? column : customAs(db, custom, 'number'), leaf);
    case 'boolean': {
      const is = sql<boolean>`coalesce(${customAs(db, custom ?? '', 'boolean')} = ${leaf.value === true ? 'true' : 'false'}, ${no(db)})`;
      return leaf.op === 'ne' ? sql<boolean>`not ${is}` : is;
    }
    case 'place':
      return custom === undefined ? FALSE : placeIs(db, custom, leaf);
    case 'date':
      if (leaf.op === 'anniversary') return anniversaryIs(db, column, custom, leaf, now);
      if (leaf.op.startsWith('age_')) return ageIs({ db, now, form: 'whole' }, leaf);
      return custom === undefined
        ? sql<boolean>`coalesce(${instantIs(column, leaf, now)}, ${no(db)})`
        : sql<boolean>`coalesce(${dayIs(db, customAs(db, custom, 'string'), leaf, now)}, ${no(db)})`;
    default:
      return kind satisfies never;
  }
}

const no = (db: Db): RawBuilder<boolean> =>
  engineOf(db) === 'sqlite' ? sql<boolean>`0` : sql<boolean>`false`;

/** A custom field as text, whatever it holds; null when it is absent. */
const shownCustom = (db: Db, name: string): RawBuilder<unknown> =>
  engineOf(db) === 'sqlite'
    ? sql`cast(contact.fields ->> ${sql.lit(name)} as text)`
    : sql`contact.fields ->> ${sql.lit(name)}`;

/** A custom field when it holds a value of that JSON type, else null; a boolean as the word. */
function customAs(db: Db, name: string, type: 'string' | 'number' | 'boolean'): RawBuilder<unknown> {
  const key = sql.lit(name);
  if (engineOf(db) === 'sqlite') {
    const path = sql.lit(`$."${name}"`);
    const kinds = { string: ['text'], number: ['integer', 'real'], boolean: ['true', 'false'] }[type];
    const value =
      type === 'boolean' ? sql`json_type(contact.fields, ${path})` : sql`contact.fields ->> ${key}`;
    return sql`(case when json_type(contact.fields, ${path}) in (${sql.join(kinds.map((kind) => sql.lit(kind)))}) then ${value} end)`;
  }
  const value = sql`contact.fields ->> ${key}`;
  return sql`(case when jsonb_typeof(contact.fields -> ${key}) = ${sql.lit(type)} then ${
    type === 'number' ? sql`(${value})::double precision` : value
  } end)`;
}

/** A-Z without regard to case, other letters as they are: the same on every engine and in `ascii`. */
const folded = (db: Db, text: RawBuilder<unknown>): RawBuilder<unknown> =>
  engineOf(db) === 'sqlite' ? sql`lower(${text})` : sql`lower((${text}) collate "C")`;

const ascii = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

function textIs(db: Db, text: RawBuilder<unknown>, { op, value }: FieldLeaf): Condition {
  const have = sql`coalesce(${folded(db, text)}, '')`;
  const wanted = ascii(typeof value === 'string' ? value : '');
  const length = sql.lit([...wanted].length);
  const has =
    engineOf(db) === 'sqlite' ? sql`instr(${have}, ${wanted}) > 0` : sql`strpos(${have}, ${wanted}) > 0`;
  switch (op) {
    case 'eq':
      return sql<boolean>`${have} = ${wanted}`;
    case 'ne':
      return sql<boolean>`${have} <> ${wanted}`;
    case 'in':
    case 'nin': {
      const some = sql`${have} in (${sql.join((value as string[]).map(ascii))})`;
      return op === 'in' ? sql<boolean>`${some}` : sql<boolean>`not (${some})`;
    }
    case 'contains':
      return sql<boolean>`${has}`;
    case 'ncontains':
      return sql<boolean>`not (${has})`;
    case 'starts':
      return sql<boolean>`substr(${have}, 1, ${length}) = ${wanted}`;
    case 'ends':
      return engineOf(db) === 'sqlite'
        ? sql<boolean>`substr(${have}, -${length}) = ${wanted}`
        : sql<boolean>`right(${have}, ${length}) = ${wanted}`;
    default:
      throw new Error(`no such comparison of text: ${op}`);
  }
}

// Told to be a real: PostgreSQL would take 2.5 for a bigint where the column is one.
const real = (value: number): RawBuilder<unknown> => sql`cast(${value} as double precision)`;

function numberIs(number: RawBuilder<unknown>, { op, value }: FieldLeaf): Condition {
  if (op === 'between') {
    const [low, high] = value as [number, number];
    return sql<boolean>`(${number} is not null and ${number} >= ${real(low)} and ${number} <= ${real(high)})`;
  }
  if (op === 'ne') return sql<boolean>`(${number} is null or ${number} <> ${real(value as number)})`;
  const sign = { eq: '=', gt: '>', gte: '>=', lt: '<', lte: '<=' }[op as 'eq' | 'gt' | 'gte' | 'lt' | 'lte'];
  if (sign === undefined) throw new Error(`no such comparison of numbers: ${op}`);
  return sql<boolean>`(${number} is not null and ${number} ${sql.raw(sign)} ${real(value as number)})`;
}

const EARTH_KM = 6371.0088;

/** A place is kept as its point, or as postcode and country, or both; what is not there meets nothing. */
function placeIs(db: Db, name: string, { op, value }: FieldLeaf): Condition {
  const document = sql.ref('contact.fields');
  const part = (key: string, kind: 'string' | 'number') => valueAs(db, document, [name, key], kind);
  if (op === 'country')
    return sql<boolean>`coalesce(upper(${part('country', 'string')}), '') in (${sql.join((value as string[]).map((one) => one.toUpperCase()))})`;
  if (op === 'postcode') {
    const have = sql`coalesce(replace(replace(upper(${part('postcode', 'string')}), ' ', ''), '-', ''), '')`;
    const each = (value as string[]).map((one) => {
      const wanted = one.replace(/[\s-]/g, '').replace(/[a-z]/g, (letter) => letter.toUpperCase());
      return sql`substr(${have}, 1, ${sql.lit([...wanted].length)}) = ${wanted}`;
    });
    return sql<boolean>`(${sql.join(each, sql` or `)})`;
  }
  const { lat, lon, km } = value as Near;
  const [haveLat, haveLon] = [part('lat', 'number'), part('lon', 'number')];
  // Haversine; the latitudes alone rule most people out.
  const reach = (km / EARTH_KM) * (180 / Math.PI) + 1e-9;
  const most = Math.sin(Math.min(Math.PI / 2, km / EARTH_KM / 2)) ** 2;
  const half = (have: RawBuilder<unknown>, at: number) => sql`sin(radians((${have} - ${sql.lit(at)}) / 2.0))`;
  return sql<boolean>`(case when ${haveLat} is null or ${haveLon} is null then 0
    when ${haveLat} < ${sql.lit(lat - reach)} or ${haveLat} > ${sql.lit(lat + reach)} then 0
    when ${half(haveLat, lat)} * ${half(haveLat, lat)} + cos(radians(${haveLat})) * ${sql.lit(Math.cos((lat * Math.PI) / 180))}
      * ${half(haveLon, lon)} * ${half(haveLon, lon)} <= ${sql.lit(most)} then 1 else 0 end) = 1`;
}

/** How many whole years ago it was: between so many and so many, as two comparisons of days. */
function ageIs(at: Compiling, { field, op, value, tz }: FieldLeaf): Condition {
  const [least, most] =
    op === 'age_between'
      ? (value as [number, number])
      : op === 'age_gte'
        ? [value as number, 150]
        : [0, value as number];
  const upTo: FieldLeaf = { field, op: 'until', value: { rel: `-${least}y` }, tz };
  const from: FieldLeaf = { field, op: 'after', value: { rel: `-${most + 1}y` }, tz };
  return sql<boolean>`(${fieldOf(at, upTo)} and ${fieldOf(at, from)})`;
}

/** Whether the day of the year is among those meant, whatever the year. */
function anniversaryIs(
  db: Db,
  column: RawBuilder<unknown>,
  custom: string | undefined,
  { value, tz }: FieldLeaf,
  now: number,
): Condition {
  const zone = commonZone(tz);
  const names = daysOfYear(value as [number, number], now, zone);
  const days = sql.join(names.map((day) => sql.lit(day)));
  if (days === undefined) return FALSE;
  if (custom === undefined && zone !== 'UTC') return instantOnDays(column, names, zone, now);
  const isSqlite = engineOf(db) === 'sqlite';
  const day =
    custom !== undefined
      ? sql`substr(${dayText(db, customAs(db, custom, 'string'))}, 6, 5)`
      : isSqlite
        ? sql`strftime('%m-%d', ${column} / 1000, 'unixepoch')`
        : sql`to_char(to_timestamp(${column} / 1000) at time zone 'UTC', 'MM-DD')`;
  return sql<boolean>`coalesce(${day} in (${days}), ${no(db)})`;
}

/** Instants on days of the year by a zone's calendar: as spans of every year, since a store knows no zones. */
function instantOnDays(
  column: RawBuilder<unknown>,
  names: readonly string[],
  zone: string,
  now: number,
): Condition {
  const last = new Date(now).getUTCFullYear() + 2;
  const days: number[] = [];
  for (let year = 1970; year <= last; year++)
    for (const name of names) {
      const day = Date.parse(`${year}-${name}`);
      if (new Date(day).toISOString().slice(5, 10) === name) days.push(day);
    }
  days.sort((a, b) => a - b);
  const spans: [number, number][] = [];
  for (const day of days) {
    const open = spans.at(-1);
    if (open !== undefined && open[1] === day) open[1] += DAY;
    else spans.push([day, day + DAY]);
  }
  const begin = (day: number) => sql.lit(dayBegin(new Date(day).toISOString().slice(0, 10), zone));
  const each = spans.map(([from, to]) => sql`(${column} >= ${begin(from)} and ${column} < ${begin(to)})`);
  return sql<boolean>`(${column} is not null and (${sql.join(each, sql` or `)}))`;
}

/** The day that a text begins with; null when it begins with none. */
const dayText = (db: Db, text: RawBuilder<unknown>): RawBuilder<unknown> =>
  engineOf(db) === 'sqlite'
    ? sql`(case when ${text} glob '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' then substr(${text}, 1, 10) end)`
    : sql`(case when ${text} ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}' then substr(${text}, 1, 10) end) collate "C"`;

/** A column of milliseconds against days. */
function instantIs(column: RawBuilder<unknown>, leaf: FieldLeaf, now: number): RawBuilder<unknown> {
  const { first, last } = daysOf(leaf, now, commonZone(leaf.tz));
  switch (leaf.op) {
    case 'on':
    case 'between':
      return sql`(${column} >= ${first.begin} and ${column} < ${last.end})`;
    case 'before':
      return sql`${column} < ${first.begin}`;
    case 'after':
      return sql`${column} >= ${first.end}`;
    case 'since':
      return sql`${column} >= ${first.begin}`;
    case 'until':
      return sql`${column} < ${first.end}`;
    default:
      throw new Error(`no such comparison of dates: ${leaf.op}`);
  }
}

/** A custom date is text that begins with its day; what does not look like one is no date. */
function dayIs(db: Db, text: RawBuilder<unknown>, leaf: FieldLeaf, now: number): RawBuilder<unknown> {
  const day = dayText(db, text);
  const { first, last } = daysOf(leaf, now, commonZone(leaf.tz));
  switch (leaf.op) {
    case 'on':
    case 'between':
      return sql`(${day} >= ${first.name} and ${day} <= ${last.last})`;
    case 'before':
      return sql`${day} < ${first.name}`;
    case 'after':
      return sql`${day} > ${first.last}`;
    case 'since':
      return sql`${day} >= ${first.name}`;
    case 'until':
      return sql`${day} <= ${first.last}`;
    default:
      throw new Error(`no such comparison of dates: ${leaf.op}`);
  }
}

function daysOf({ op, value }: FieldLeaf, now: number, zone: string): { first: Day; last: Day } {
  if (op !== 'between') {
    const only = dayOf(value as DateValue, now, zone);
    return { first: only, last: only };
  }
  const [from, to] = value as [DateValue, DateValue];
  return { first: dayOf(from, now, zone), last: dayOf(to, now, zone) };
}

// ── questions ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** How many a definition has. */
export async function countMembers(db: Db, { root }: Definition, now: number): Promise<number> {
  return countContacts(db, { within: idsOf(db, await inlineSegments(db, root), now) });
}

/** How many the whole has, and each condition on its own. */
export async function countEach(
  db: Db,
  { root }: Definition,
  now: number,
): Promise<{ count: number; total: number; leaves: { path: string; leaf: Leaf; count: number }[] }> {
  const [count, total, leaves] = await Promise.all([
    countMembers(db, { root }, now),
    countContacts(db),
    Promise.all(
      leavesOf(root).map(async ({ place, leaf }) => ({
        path: place,
        leaf,
        count: await countMembers(db, { root: leaf }, now),
      })),
    ),
  ]);
  return { count, total, leaves };
}

/** Who is in it, newest contacts first. */
export async function membersPage(
  db: Db,
  { root }: Definition,
  now: number,
  page: { cursor?: string | null | undefined; limit?: number | undefined } = {},
): Promise<ContactPage> {
  return contactPage(db, { within: idsOf(db, await inlineSegments(db, root), now), ...page });
}

export interface Why {
  member: boolean;
  leaves: { path: string; leaf: Leaf; matches: boolean; found: string }[];
}

/** Why somebody is in it or not: every condition with its answer and what was found. */
export async function whyMember(db: Db, { root }: Definition, contactId: number, now: number): Promise<Why> {
  const contact = (await contactsById(db, [contactId]))[0];
  const matches = async (node: Node) => {
    const condition = conditionOf(db, await inlineSegments(db, node), now, 'slice');
    const found = await db
      .selectFrom('contact')
      .select('id')
      .where('id', '=', contactId)
      .where(condition)
      .executeTakeFirst();
    return found !== undefined;
  };
  const leaves = await Promise.all(
    leavesOf(root).map(async ({ place, leaf }) => ({
      path: place,
      leaf,
      matches: await matches(leaf),
      found: contact === undefined ? '' : await foundOf(db, leaf, contact),
    })),
  );
  return { member: await matches(root), leaves };
}

/** What the store has of somebody that a condition looks at, in short: values as they are, times as ISO. */
async function foundOf(db: Db, leaf: Leaf, contact: Row<'contact'>): Promise<string> {
  if ('field' in leaf) {
    const custom = customName(leaf.field);
    const value: unknown =
      custom === undefined
        ? contact[leaf.field as keyof Row<'contact'>]
        : (JSON.parse(contact.fields) as Record<string, unknown>)[custom];
    if (value === undefined || value === null) return '';
    if (custom === undefined && kindOf(leaf) === 'date') return new Date(Number(value)).toISOString();
    return String(typeof value === 'object' ? JSON.stringify(value) : value);
  }
  if ('tag' in leaf) return (JSON.parse(contact.tags) as string[]).join(', ');
  if ('list' in leaf) {
    const row = await db
      .selectFrom('list_member')
      .select('status')
      .where('list_id', '=', leaf.list)
      .where('contact_id', '=', contact.id)
      .executeTakeFirst();
    return row?.status ?? '';
  }
  if ('suppressed' in leaf) {
    const rows = await db
      .selectFrom('suppression')
      .select(['scope', 'reason'])
      .where('address', '=', contact.email)
      .where('lifted_at', 'is', null)
      .execute();
    return rows.map((row) => `${row.scope} (${row.reason})`).join(', ');
  }
  if ('event' in leaf || 'message' in leaf) {
    const kind = 'event' in leaf ? leaf.event : leaf.message.did === 'sent' ? 'delivered' : leaf.message.did;
    const row = await db
      .selectFrom('event')
      .select(({ fn }) => [fn.countAll<number>().as('n'), fn.max('at').as('last')])
      .where('contact_id', '=', contact.id)
      .where('kind', '=', kind)
      .executeTakeFirst();
    const last = row?.last ?? null;
    return last === null ? '0' : `${Number(row?.n)}, ${new Date(Number(last)).toISOString()}`;
  }
  if ('lastEvent' in leaf) {
    const row = await db
      .selectFrom('event')
      .select(['at', 'data'])
      .where('contact_id', '=', contact.id)
      .where('kind', '=', leaf.lastEvent)
      .orderBy('at', 'desc')
      .orderBy('id', 'desc')
      .executeTakeFirst();
    if (row === undefined) return '';
    const shown = leaf.has.map(({ prop }) => prop).join(', ');
    return `${new Date(Number(row.at)).toISOString()} (${shown})`;
  }
  if ('provider' in leaf) {
    const row = await db
      .selectFrom('domain')
      .select('provider')
      .where('name', '=', contact.email_domain)
      .executeTakeFirst();
    return row?.provider ?? '';
  }
  if ('conversation' in leaf) {
    const rows = await db
      .selectFrom('conversation')
      .select('state')
      .where('contact_id', '=', contact.id)
      .where('category', '=', 'human')
      .execute();
    return rows.map((row) => row.state).join(', ');
  }
  if ('consent' in leaf) {
    const row = await db
      .selectFrom('consent')
      .select('state')
      .where('contact_id', '=', contact.id)
      .where('purpose', '=', leaf.consent.purpose)
      .orderBy('at', 'desc')
      .orderBy('id', 'desc')
      .executeTakeFirst();
    return row?.state ?? '';
  }
  return '';
}
