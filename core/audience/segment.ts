/**
 * The segment language: who is meant, as JSON that a person can build and a sentence can tell.
 *
 *   { "root": { "all": [
 *       { "field": "fields.sex", "op": "eq", "value": "F" },
 *       { "field": "fields.city", "op": "eq", "value": "Lyon" },
 *       { "field": "fields.last_order", "op": "since", "value": { "rel": "-90d" } },
 *       { "not": { "message": { "did": "replied", "campaign": "any", "window": { "last": "7d" } } } } ] } }
 *
 * Groups are `all`, `any`, `not` and `{ "atLeast": 2, "of": […] }`; a negation is always against everybody, so "not Lyon" has those without a city, too.
 * Text is compared without regard to the case of the letters A-Z. `segment-sql.ts` compiles it,
 * `segment-day.ts` says which days are meant.
 */
import { z } from 'zod';
import { Problem } from '../errors.ts';
import { fromJson } from '../store/json.ts';
import { organisationSettings } from '../store/setting.ts';
import { aggregate, predicates } from './property.ts';
import { commonZone, eachOwn, localDay } from './segment-day.ts';
import { personaById, personas } from '../store/persona.ts';
import { segmentById } from '../store/segment.ts';
import type { Db } from '../store/tables.ts';

export const DEEPEST = 6;
export const MOST_CONDITIONS = 200;

const id = z.int().min(1);
const text = z.string().max(500);
/** `90d`, `2w`, `3m`, `1y`; windows also know hours. */
const duration = z.string().regex(/^[1-9]\d{0,4}[hdwmy]$/, 'is not a duration such as 24h, 7d, 2w, 3m, 1y');
const day = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/, 'is not a day such as 2026-01-31')
  .refine((value) => !Number.isNaN(Date.parse(value)), 'is not a day of the calendar');
/** A day, one counted from today (`-90d`, `0d`, `+1m`), or the days of this, the last or the next month and so on. */
const date = z.union([
  day,
  z.strictObject({ rel: z.string().regex(/^[+-]?\d{1,5}[dwmy]$/, 'is not a distance such as -90d') }),
  z.strictObject({
    unit: z.enum(['day', 'week', 'month', 'quarter', 'year']),
    /** start and end: the first and the last day of this one. */
    at: z.enum(['this', 'last', 'next', 'start', 'end']),
  }),
]);
/**
 * Whose midnight days turn at: the organisation's, each contact's own, or a zone's; without it, that of UTC. Where
 * references are inlined it is a zone, or `contact:ZONE` with the zone of those who have none.
 */
const zone = z.string().max(80).refine(isZone, 'is not account, contact or a time zone such as Europe/Paris');
function isZone(name: string): boolean {
  if (name === 'account' || name === 'contact') return true;
  try {
    localDay(0, commonZone(name));
    return true;
  } catch {
    return false;
  }
}
export type DateValue = z.infer<typeof date>;

const window = z.union([
  z.strictObject({ last: duration }),
  z.strictObject({ from: date, to: date }),
  z.strictObject({ before: date }),
  z.strictObject({ after: date }),
]);
export type Window = z.infer<typeof window>;

const count = z.strictObject({ op: z.enum(['eq', 'gte', 'lte']), n: z.int().min(0).max(1_000_000) });
export type Count = z.infer<typeof count>;

// ── fields ────────────────────────────────────────────────────────────────────────────────────────────────────────

export type FieldKind = 'text' | 'number' | 'boolean' | 'date' | 'place';

/** Columns that every contact has and conditions may speak of. */
export const standardFields = {
  email: 'text',
  email_domain: 'text',
  first_name: 'text',
  last_name: 'text',
  language: 'text',
  timezone: 'text',
  external_id: 'text',
  source: 'text',
  tracking: 'text',
  reply_intent_last: 'text',
  soft_bounces: 'number',
  created_at: 'date',
  updated_at: 'date',
  last_human_reply_at: 'date',
  away_until: 'date',
} as const satisfies Record<string, FieldKind>;
export type StandardField = keyof typeof standardFields;

export const operators = {
  text: ['eq', 'ne', 'in', 'nin', 'contains', 'ncontains', 'starts', 'ends', 'empty', 'nempty'],
  number: ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'between', 'empty', 'nempty'],
  boolean: ['eq', 'ne', 'empty', 'nempty'],
  date: [
    'on',
    'before',
    'after',
    'since',
    'until',
    'between',
    'age_gte',
    'age_lte',
    'age_between',
    'anniversary',
    'empty',
    'nempty',
  ],
  place: ['near', 'postcode', 'country', 'empty', 'nempty'],
} as const satisfies Record<FieldKind, readonly string[]>;
export type Operator = (typeof operators)[FieldKind][number];

const number = z.number().finite();
const none = z.undefined();
const years = z.int().min(0).max(150);
/** Counted from today: [0, 7] is today and the week to come, [-1, -1] was yesterday. */
const daysFromToday = z.int().min(-366).max(366);
/** Within so many kilometres as the crow flies. */
const near = z.strictObject({
  lat: z.number().min(-90).max(90),
  lon: z.number().min(-180).max(180),
  km: z.number().min(0.1).max(20_000),
});
export type Near = z.infer<typeof near>;
/** Beginnings of postcodes, such as 75 or SW1A; spaces and the case of letters do not matter. */
const postcodes = z
  .array(z.string().regex(/^[\p{L}\d][\p{L}\d -]{0,14}$/u, 'is not the beginning of a postcode'))
  .min(1)
  .max(500);
const countries = z
  .array(z.string().regex(/^[A-Za-z]{2}$/, 'is not a country such as FR'))
  .min(1)
  .max(250);
/** What each operator compares with, by the kind of its field. */
const values: Record<FieldKind, Partial<Record<Operator, z.ZodType>>> = {
  text: {
    eq: text,
    ne: text,
    in: z.array(text).min(1).max(500),
    nin: z.array(text).min(1).max(500),
    contains: text.min(1),
    ncontains: text.min(1),
    starts: text.min(1),
    ends: text.min(1),
    empty: none,
    nempty: none,
  },
  number: {
    eq: number,
    ne: number,
    gt: number,
    gte: number,
    lt: number,
    lte: number,
    between: z.tuple([number, number]),
    empty: none,
    nempty: none,
  },
  boolean: { eq: z.boolean(), ne: z.boolean(), empty: none, nempty: none },
  date: {
    on: date,
    before: date,
    after: date,
    since: date,
    until: date,
    between: z.tuple([date, date]),
    age_gte: years,
    age_lte: years,
    age_between: z.tuple([years, years]),
    anniversary: z.tuple([daysFromToday, daysFromToday]),
    empty: none,
    nempty: none,
  },
  place: { near, postcode: postcodes, country: countries },
};

export interface FieldLeaf {
  /** A standard field, or `fields.NAME`. */
  field: string;
  op: Operator;
  value?: string | string[] | number | [number, number] | boolean | DateValue | [DateValue, DateValue] | Near;
  tz?: string | undefined;
}

/**
 * How a field is compared. A custom field goes by what it is compared with, so that a definition means the same whatever
 * becomes of the field's own kind.
 */
export function kindOf({ field, op, value }: FieldLeaf): FieldKind {
  if (field in standardFields) return standardFields[field as StandardField];
  if (DATE_OPERATORS.has(op)) return 'date';
  if (op === 'near' || op === 'postcode' || op === 'country') return 'place';
  const sample: unknown = Array.isArray(value) ? value[0] : value;
  if (typeof sample === 'number') return 'number';
  if (typeof sample === 'boolean') return 'boolean';
  return op === 'between' ? 'date' : 'text';
}

const DATE_OPERATORS: ReadonlySet<Operator> = new Set([
  'on',
  'before',
  'after',
  'since',
  'until',
  'age_gte',
  'age_lte',
  'age_between',
  'anniversary',
] as const);

/** The name of a custom field, or undefined for a standard one. */
export const customName = (field: string): string | undefined =>
  field.startsWith('fields.') ? field.slice('fields.'.length) : undefined;

// ── leaves ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What can have become of a message to somebody. */
export const deeds = [
  'sent',
  'delivered',
  'deferred',
  'bounced',
  'expired',
  'replied',
  'auto_replied',
  'complained',
  'unsubscribed',
  'opened',
  'clicked',
] as const;

const leaves = {
  field: z.strictObject({
    field: z.string(),
    op: z.string(),
    value: z.unknown().optional(),
    tz: zone.optional(),
  }),
  list: z.strictObject({
    list: id,
    status: z.enum(['subscribed', 'pending', 'unsubscribed', 'any']).default('subscribed'),
    /** When the status became so. */
    since: window.optional(),
    tz: zone.optional(),
  }),
  tag: z.strictObject({
    tag: z.array(text.min(1)).min(1).max(100),
    mode: z.enum(['any', 'all', 'none']).default('any'),
  }),
  suppressed: z.strictObject({
    suppressed: z.boolean(),
    reason: z
      .enum([
        'hard-bounce',
        'complaint',
        'unsubscribe',
        'unsubscribe-in-words',
        'manual',
        'import',
        'left-company',
      ])
      .optional(),
  }),
  event: z.strictObject({
    event: z.string().min(1).max(100),
    /** Only events whose properties are so. */
    where: predicates.optional(),
    count: count.optional(),
    /** Instead of how many: a number over all of them. */
    agg: aggregate.optional(),
    window: window.optional(),
    tz: zone.optional(),
  }),
  /** The last event of that name, whenever it was, is so. */
  lastEvent: z.strictObject({ lastEvent: z.string().min(1).max(100), has: predicates }),
  /** Who takes mail for the address: the provider of its domain, as shaping knows it. */
  provider: z.strictObject({ provider: z.array(text.min(1)).min(1).max(50) }),
  /** A share of everybody by chance, from a percentage to another; the same people as long as the salt is the same. */
  bucket: z.strictObject({
    bucket: z.strictObject({
      salt: text.min(1).max(40),
      from: z.number().min(0).max(100),
      to: z.number().min(0).max(100),
    }),
  }),
  message: z.strictObject({
    message: z.strictObject({
      did: z.enum(deeds),
      campaign: z.union([id, z.literal('any')]).default('any'),
      count: count.optional(),
      window: window.optional(),
    }),
    tz: zone.optional(),
  }),
  conversation: z.strictObject({
    conversation: z.strictObject({
      state: z.enum(['open', 'closed', 'any']).default('open'),
      intent: z.array(text.min(1)).min(1).max(50).optional(),
      window: window.optional(),
    }),
    tz: zone.optional(),
  }),
  consent: z.strictObject({
    consent: z.strictObject({
      purpose: text.min(1),
      state: z.enum(['given', 'withdrawn']).default('given'),
      /** For how long it has been so, at least. */
      age: duration.optional(),
    }),
  }),
  segment: z.strictObject({ segment: id, member: z.boolean().default(true) }),
  /** One of an ordered set, of which everybody is in exactly one. */
  persona: z.strictObject({ persona: id, member: z.boolean().default(true) }),
  everyone: z.strictObject({ everyone: z.literal(true) }),
};

export type LeafKind = keyof typeof leaves;
export type Leaf =
  FieldLeaf | { [K in Exclude<LeafKind, 'field'>]: z.infer<(typeof leaves)[K]> }[Exclude<LeafKind, 'field'>];
export type Node = { all: Node[] } | { any: Node[] } | { not: Node } | { atLeast: number; of: Node[] } | Leaf;
export interface Definition {
  root: Node;
  /** Of every condition that speaks of days. */
  tz?: string | undefined;
}

export const isLeaf = (node: Node): node is Leaf =>
  !('all' in node || 'any' in node || 'not' in node || 'atLeast' in node);

/** The nodes that a group joins, each with the place it stands at; of a condition, none. */
export function partsOf(node: Node, place = 'root'): { place: string; part: Node }[] {
  if ('not' in node) return [{ place: `${place}.not`, part: node.not }];
  const name = 'all' in node ? 'all' : 'any' in node ? 'any' : 'of';
  const parts = 'all' in node ? node.all : 'any' in node ? node.any : 'atLeast' in node ? node.of : [];
  return parts.map((part, at) => ({ place: `${place}.${name}.${at}`, part }));
}

// ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Reads a definition that somebody sent: `{ root }`, or a node alone. Throws a Problem whose fields are the places of
 * what is wrong, such as `root.all.0.value`.
 */
export function readDefinition(given: unknown): Definition {
  const faults: Record<string, string> = {};
  const state = { conditions: 0, faults };
  const isWhole = isObject(given) && 'root' in given;
  const tz = isWhole && given['tz'] !== undefined ? zone.safeParse(given['tz']) : undefined;
  if (tz?.success === false) faults['tz'] = wordsOf(tz.error.issues[0] as z.core.$ZodIssue);
  const root = readNode(isWhole ? given['root'] : given, 'root', 1, state);
  if (state.conditions > MOST_CONDITIONS) faults['root'] = `has more than ${MOST_CONDITIONS} conditions`;
  const [place, words] = Object.entries(faults)[0] ?? [];
  if (place !== undefined) throw new Problem('invalid', `${place} ${words}`, { fields: faults });
  return tz === undefined
    ? { root: root as Node }
    : { root: inZone(root as Node, tz.data as string), tz: tz.data };
}

/** The window of a condition, of whatever kind it is. */
export function windowOf(leaf: Leaf): Window | undefined {
  if ('message' in leaf) return leaf.message.window;
  if ('conversation' in leaf) return leaf.conversation.window;
  if ('list' in leaf) return leaf.since;
  if ('consent' in leaf) return leaf.consent.age === undefined ? undefined : { last: leaf.consent.age };
  return 'event' in leaf ? leaf.window : undefined;
}

/** Whether it matters where a day begins. */
function isOfDays(leaf: Leaf): boolean {
  if ('field' in leaf) return kindOf(leaf) === 'date' && leaf.op !== 'empty' && leaf.op !== 'nempty';
  const window = windowOf(leaf);
  return window !== undefined && !('last' in window);
}

const inZone = (node: Node, tz: string): Node =>
  mapLeaves(node, (leaf) => (isOfDays(leaf) ? { ...leaf, tz } : leaf));

function mapLeaves(node: Node, map: (leaf: Leaf) => Node): Node {
  if ('all' in node) return { all: node.all.map((part) => mapLeaves(part, map)) };
  if ('any' in node) return { any: node.any.map((part) => mapLeaves(part, map)) };
  if ('atLeast' in node) return { atLeast: node.atLeast, of: node.of.map((part) => mapLeaves(part, map)) };
  if ('not' in node) return { not: mapLeaves(node.not, map) };
  return map(node);
}

interface Reading {
  conditions: number;
  faults: Record<string, string>;
}

function readNode(given: unknown, place: string, depth: number, state: Reading): Node | undefined {
  const wrong = (words: string, at = place) => {
    state.faults[at] ??= words;
    return undefined;
  };
  if (!isObject(given)) return wrong('is not a condition');
  if (depth > DEEPEST) return wrong(`lies deeper than ${DEEPEST} groups`);
  if (state.conditions > MOST_CONDITIONS) return undefined;
  for (const group of ['all', 'any'] as const) {
    if (!(group in given)) continue;
    const parts = given[group];
    if (!Array.isArray(parts) || Object.keys(given).length > 1) return wrong('is not a group');
    const read = parts.map((part, at) => readNode(part, `${place}.${group}.${at}`, depth + 1, state));
    return (group === 'all' ? { all: read } : { any: read }) as Node;
  }
  if ('atLeast' in given) {
    const { atLeast: least, of, ...more } = given;
    if (!Array.isArray(of) || Object.keys(more).length > 0) return wrong('is not a group');
    if (!Number.isInteger(least) || (least as number) < 1 || (least as number) > MOST_CONDITIONS)
      return wrong('is not a number of conditions', `${place}.atLeast`);
    const read = of.map((part, at) => readNode(part, `${place}.of.${at}`, depth + 1, state));
    return { atLeast: least, of: read } as Node;
  }
  if ('not' in given) {
    if (Object.keys(given).length > 1) return wrong('is not a group');
    return { not: readNode(given['not'], `${place}.not`, depth + 1, state) as Node };
  }
  state.conditions++;
  const kind = (Object.keys(leaves) as LeafKind[]).find((name) => name in given);
  if (kind === undefined) return wrong('is not a condition that exists');
  // A single tag may be written without its brackets.
  const whole =
    kind === 'tag' && typeof given['tag'] === 'string' ? { ...given, tag: [given['tag']] } : given;
  const checked = leaves[kind].safeParse(whole);
  if (!checked.success) return faultsOf(checked.error, place, wrong);
  if (kind !== 'field') return checked.data as Leaf;
  const leaf = checked.data as FieldLeaf;
  const custom = customName(leaf.field);
  if (custom === undefined ? !(leaf.field in standardFields) : !/^[a-z][a-z0-9_]{0,62}$/.test(custom))
    return wrong(`names no field: ${leaf.field.slice(0, 80)}`, `${place}.field`);
  const fieldKind = kindOf(leaf);
  const value = values[fieldKind][leaf.op];
  if (value === undefined)
    return wrong(`is not an operator for a ${fieldKind}: ${String(leaf.op).slice(0, 20)}`, `${place}.op`);
  const compared = value.safeParse(leaf.value);
  if (!compared.success) return faultsOf(compared.error, `${place}.value`, wrong);
  const { value: _value, ...rest } = leaf;
  return leaf.value === undefined ? rest : leaf;
}

function faultsOf(
  error: z.ZodError,
  place: string,
  wrong: (words: string, at: string) => undefined,
): undefined {
  for (const issue of error.issues) wrong(wordsOf(issue), [place, ...issue.path].join('.'));
  return undefined;
}

function wordsOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return /received undefined/.test(issue.message) ? 'is missing' : `is not a ${issue.expected}`;
    case 'unrecognized_keys':
      return `has what is not known: ${issue.keys.join(', ').slice(0, 100)}`;
    case 'invalid_union':
      return 'is not a value that is understood here';
    default:
      return issue.message.startsWith('is ') ? issue.message : `is not valid (${issue.message})`;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every condition with its place: `root.all.0`. */
export function leavesOf(node: Node, place = 'root'): { place: string; leaf: Leaf }[] {
  if (isLeaf(node)) return [{ place, leaf: node }];
  return partsOf(node, place).flatMap((inner) => leavesOf(inner.part, inner.place));
}

/** Every group within another, with its place. */
export const groupsOf = (node: Node, place = 'root'): { place: string; group: Node }[] =>
  partsOf(node, place).flatMap((inner) =>
    isLeaf(inner.part) || 'not' in inner.part
      ? groupsOf(inner.part, inner.place)
      : [{ place: inner.place, group: inner.part }, ...groupsOf(inner.part, inner.place)],
  );

// ── references ────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Puts in the place of each reference what the segment it names says now, so that what follows is complete in itself. A
 * circle is refused with the names on it; so is a segment that is gone. `ofSegment` is the one being saved, if it is.
 */
export async function inlineSegments(db: Db, node: Node, ofSegment?: number): Promise<Node> {
  const whole = await inline(
    db,
    node,
    ofSegment === undefined ? [] : [{ id: ofSegment, name: 'this segment' }],
  );
  const isNamed = ({ leaf }: { leaf: Leaf }) =>
    'tz' in leaf && (leaf.tz === 'account' || leaf.tz === 'contact');
  if (!leavesOf(whole).some(isNamed)) return whole;
  const { timezone } = await organisationSettings(db);
  return mapLeaves(whole, (leaf) => {
    if (!isNamed({ leaf })) return leaf;
    return { ...leaf, tz: 'tz' in leaf && leaf.tz === 'contact' ? eachOwn(timezone) : timezone } as Leaf;
  });
}

async function inline(db: Db, node: Node, path: { id: number; name: string }[]): Promise<Node> {
  if ('all' in node) return { all: await Promise.all(node.all.map((part) => inline(db, part, path))) };
  if ('any' in node) return { any: await Promise.all(node.any.map((part) => inline(db, part, path))) };
  if ('atLeast' in node)
    return { atLeast: node.atLeast, of: await Promise.all(node.of.map((part) => inline(db, part, path))) };
  if ('not' in node) return { not: await inline(db, node.not, path) };
  const wrong = (words: string) => new Problem('invalid', words, { fields: { root: words } });
  if ('persona' in node) return inlinePersona(db, node, path, wrong);
  if (!('segment' in node)) return node;
  const row = await segmentById(db, node.segment);
  if (row === undefined) throw wrong(`there is no segment ${node.segment}`);
  if (path.some((one) => one.id === row.id))
    throw wrong(`the segment goes in a circle: ${[...path.map((one) => one.name), row.name].join(' → ')}`);
  if (path.length >= DEEPEST) throw wrong(`segments that name segments lie deeper than ${DEEPEST}`);
  const inner = readDefinition(fromJson<unknown>(row.definition, {})).root;
  const whole = await inline(db, inner, [...path, { id: row.id, name: row.name }]);
  return node.member ? whole : { not: whole };
}

/** In its segment and in none of those before it; everyone else is in none at all. */
async function inlinePersona(
  db: Db,
  leaf: Extract<Leaf, { persona: number }>,
  path: { id: number; name: string }[],
  wrong: (words: string) => Problem,
): Promise<Node> {
  const own = await personaById(db, leaf.persona);
  if (own === undefined) throw wrong(`there is no persona ${leaf.persona}`);
  if (path.some((one) => one.id === -own.id))
    throw wrong(`the segment goes in a circle: ${[...path.map((one) => one.name), own.name].join(' → ')}`);
  const within = [...path, { id: -own.id, name: own.name }];
  const set = await personas(db, own.set_id);
  const asked = set.slice(0, set.findIndex((one) => one.id === own.id) + 1);
  const parts = await Promise.all(
    asked.flatMap(({ id: one, segment_id }) =>
      segment_id === null ? [] : [inline(db, { segment: segment_id, member: one === own.id }, within)],
    ),
  );
  return leaf.member ? { all: parts } : { not: { all: parts } };
}
