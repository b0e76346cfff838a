/**
 * What conditions say about the properties of an event, and how they are read:
 *
 *   { "prop": "total", "op": "gte", "value": 50 }              a property of the event
 *   { "prop": "products[].brand", "op": "eq", "value": "X" }   of one line of a list in it
 *   { "fn": "sum", "prop": "products[].quantity", "op": "gte", "n": 6 }   a number over all events that match
 *
 * Conditions on the same list are met by one line together: brand X and a price above 100 are of the same product.
 */
import { z } from 'zod';
import { sql, type RawBuilder } from 'kysely';
import { engineOf } from '../store/batch.ts';
import type { Db } from '../store/tables.ts';

const NAME = '[A-Za-z_]\\w{0,39}';
const path = z
  .string()
  .regex(
    new RegExp(`^(?:${NAME}\\[\\]\\.)?${NAME}(?:\\.${NAME}){0,3}$`),
    'is not a property such as total or products[].brand',
  );

/** Whether conditions can speak of a property of that name. */
export const isReadable = (prop: string): boolean => path.safeParse(prop).success;

const text = z.string().max(500);
export const predicate = z.union([
  z.strictObject({ prop: path, op: z.enum(['eq', 'ne', 'contains', 'starts']), value: text }),
  z.strictObject({ prop: path, op: z.literal('in'), value: z.array(text).min(1).max(100) }),
  z.strictObject({
    prop: path,
    op: z.enum(['eq', 'ne', 'gt', 'gte', 'lt', 'lte']),
    value: z.number().finite(),
  }),
  z.strictObject({ prop: path, op: z.enum(['eq', 'ne']), value: z.boolean() }),
  z.strictObject({ prop: path, op: z.literal('exists') }),
]);
export type Predicate = z.infer<typeof predicate>;
export const predicates = z.array(predicate).min(1).max(10);

export const aggregate = z.strictObject({
  fn: z.enum(['sum', 'avg', 'min', 'max', 'distinct']),
  prop: path,
  op: z.enum(['gt', 'gte', 'lt', 'lte', 'eq']),
  n: z.number().finite(),
});
export type Aggregate = z.infer<typeof aggregate>;

/** `products[].brand` → the list it is in and the path below; no list: undefined. */
export function readPath(prop: string): { list: string | undefined; keys: string[] } {
  const at = prop.indexOf('[].');
  return at < 0
    ? { list: undefined, keys: prop.split('.') }
    : { list: prop.slice(0, at), keys: prop.slice(at + 3).split('.') };
}

// ── as SQL ────────────────────────────────────────────────────────────────────────────────────────────────────────

type Condition = RawBuilder<boolean>;
type Kind = 'string' | 'number' | 'boolean';

/** A value in a JSON document when it is of that kind, else null; a boolean as the word. */
export function valueAs(
  db: Db,
  document: RawBuilder<unknown>,
  keys: readonly string[],
  kind: Kind,
): RawBuilder<unknown> {
  if (engineOf(db) === 'sqlite') {
    const at = sql.lit(`$${keys.map((key) => `."${key}"`).join('')}`);
    const kinds = { string: ['text'], number: ['integer', 'real'], boolean: ['true', 'false'] }[kind];
    const is = sql`json_type(${document}, ${at}) in (${sql.join(kinds.map((one) => sql.lit(one)))})`;
    const value = kind === 'boolean' ? sql`json_type(${document}, ${at})` : sql`${document} ->> ${at}`;
    return sql`(case when ${is} then ${value} end)`;
  }
  const at = sql.lit(`{${keys.join(',')}}`);
  const value =
    kind === 'number' ? sql`(${document} #>> ${at})::double precision` : sql`${document} #>> ${at}`;
  return sql`(case when jsonb_typeof(${document} #> ${at}) = ${sql.lit(kind)} then ${value} end)`;
}

/** The lines of a list in an event; none where there is no list. */
const linesOf = (db: Db, list: string): RawBuilder<unknown> =>
  engineOf(db) === 'sqlite'
    ? sql`json_each(case when json_type(event.data, ${sql.lit(`$."${list}"`)}) = 'array' then event.data -> ${sql.lit(`$."${list}"`)} else '[]' end) as line`
    : sql`jsonb_array_elements(case when jsonb_typeof(event.data -> ${sql.lit(list)}) = 'array' then event.data -> ${sql.lit(list)} else '[]'::jsonb end) as line(value)`;

/** A line is a document only when it is an object. */
const lineOf = (db: Db): RawBuilder<unknown> =>
  engineOf(db) === 'sqlite' ? sql`(case when line.type = 'object' then line.value end)` : sql`line.value`;

/** Whether the event of the row meets all of them. */
export function eventMeets(db: Db, all: readonly Predicate[]): Condition {
  const own = all.filter(({ prop }) => readPath(prop).list === undefined);
  const lists = new Set(all.flatMap(({ prop }) => readPath(prop).list ?? []));
  const parts = [
    ...own.map((one) => holds(db, sql`event.data`, one)),
    ...[...lists].map(
      (list) => sql<boolean>`exists (select 1 from ${linesOf(db, list)} where ${lineMeets(db, list, all)})`,
    ),
  ];
  return parts.length === 0 ? sql<boolean>`1 = 1` : sql<boolean>`${sql.join(parts, sql` and `)}`;
}

function lineMeets(db: Db, list: string, all: readonly Predicate[]): Condition {
  const parts = all
    .filter(({ prop }) => readPath(prop).list === list)
    .map((one) => holds(db, lineOf(db), one));
  return parts.length === 0 ? sql<boolean>`1 = 1` : sql<boolean>`${sql.join(parts, sql` and `)}`;
}

const no = (db: Db): RawBuilder<boolean> =>
  engineOf(db) === 'sqlite' ? sql<boolean>`0` : sql<boolean>`false`;

function holds(db: Db, document: RawBuilder<unknown>, { prop, ...rest }: Predicate): Condition {
  const { keys } = readPath(prop);
  if (rest.op === 'exists') {
    const kinds: Kind[] = ['string', 'number', 'boolean'];
    return sql<boolean>`(${sql.join(
      kinds.map((kind) => sql`${valueAs(db, document, keys, kind)} is not null`),
      sql` or `,
    )})`;
  }
  const { op, value } = rest;
  if (typeof value === 'boolean') {
    const is = sql<boolean>`coalesce(${valueAs(db, document, keys, 'boolean')} = ${String(value)}, ${no(db)})`;
    return op === 'ne' ? sql<boolean>`not ${is}` : is;
  }
  if (typeof value === 'number') {
    const sign = sql.raw({ eq: '=', ne: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' }[op as 'eq']);
    const number = valueAs(db, document, keys, 'number');
    const is = sql<boolean>`coalesce(${number} ${sign} cast(${value} as double precision), ${op === 'ne' ? yes(db) : no(db)})`;
    return is;
  }
  const have = folded(db, sql`coalesce(${valueAs(db, document, keys, 'string')}, '')`);
  if (Array.isArray(value)) return sql<boolean>`${have} in (${sql.join(value.map(ascii))})`;
  const wanted = ascii(value);
  switch (op) {
    case 'eq':
      return sql<boolean>`${have} = ${wanted}`;
    case 'ne':
      return sql<boolean>`${have} <> ${wanted}`;
    case 'contains':
      return engineOf(db) === 'sqlite'
        ? sql<boolean>`instr(${have}, ${wanted}) > 0`
        : sql<boolean>`strpos(${have}, ${wanted}) > 0`;
    default:
      return sql<boolean>`substr(${have}, 1, ${sql.lit([...wanted].length)}) = ${wanted}`;
  }
}

const yes = (db: Db): RawBuilder<boolean> =>
  engineOf(db) === 'sqlite' ? sql<boolean>`1` : sql<boolean>`true`;
const folded = (db: Db, value: RawBuilder<unknown>): RawBuilder<unknown> =>
  engineOf(db) === 'sqlite' ? sql`lower(${value})` : sql`lower((${value}) collate "C")`;
const ascii = (value: string): string => value.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** What stands in `from` beside `event`, and the number over all its rows; lines that do not match do not count. */
export function aggregated(
  db: Db,
  { fn, prop }: Aggregate,
  where: readonly Predicate[],
): { beside: RawBuilder<unknown>; also: Condition; number: RawBuilder<unknown> } {
  const { list, keys } = readPath(prop);
  const document = list === undefined ? sql`event.data` : lineOf(db);
  const number = valueAs(db, document, keys, 'number');
  const distinct = sql`coalesce(${valueAs(db, document, keys, 'string')}, cast(${number} as text))`;
  return {
    beside: list === undefined ? sql`` : sql`, ${linesOf(db, list)}`,
    also: list === undefined ? sql<boolean>`1 = 1` : lineMeets(db, list, where),
    number:
      fn === 'distinct'
        ? sql`count(distinct ${distinct})`
        : fn === 'sum'
          ? sql`coalesce(sum(${number}), 0)`
          : sql`${sql.raw(fn)}(${number})`,
  };
}

/** Whether the number of somebody without any event compares so: a sum and a count of nothing are 0, the others nothing. */
export function holdsForNone({ fn, op, n }: Aggregate): boolean {
  if (fn !== 'sum' && fn !== 'distinct') return false;
  return { gt: 0 > n, gte: 0 >= n, lt: 0 < n, lte: 0 <= n, eq: n === 0 }[op];
}

export const comparison = (op: Aggregate['op']): RawBuilder<unknown> =>
  sql.raw({ gt: '>', gte: '>=', lt: '<', lte: '<=', eq: '=' }[op]);
