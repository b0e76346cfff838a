/**
 * Which events programs tell, and what their properties hold: sums over the rows of `event` that are kept. Whoever adds or
 * deletes such rows adds or takes away their shapes in the same transaction.
 */
import { sql } from 'kysely';
import { rowsFrom } from './batch.ts';
import { merge, type PropertyShape, type Shapes, type ShapeType } from './event-shape.ts';
import { fromJson } from './json.ts';
import type { Db, Row, RowPatch } from './tables.ts';

export type EventType = Row<'event_type'>;

/** Properties of one kind: what a shop sends has some tens. Further ones are kept in the events and not summed up. */
export const MOST_PROPERTIES = 200;

export const eventTypes = (db: Db): Promise<EventType[]> =>
  db.selectFrom('event_type').selectAll().orderBy('last_at', 'desc').orderBy('kind').execute();

export const eventType = (db: Db, kind: string): Promise<EventType | undefined> =>
  db.selectFrom('event_type').selectAll().where('kind', '=', kind).executeTakeFirst();

export async function changeEventType(db: Db, kind: string, patch: RowPatch<'event_type'>): Promise<void> {
  await db.updateTable('event_type').set(patch).where('kind', '=', kind).execute();
}

/** Deletes a kind from now on: everything of it that came until this moment. False when there is no such kind. */
export async function eraseKind(db: Db, kind: string): Promise<boolean> {
  const done = await db
    .updateTable('event_type')
    .set(({ selectFrom }) => ({
      erase_to: selectFrom('event')
        .select(({ fn }) => fn.max('id').as('id'))
        .where('kind', '=', kind),
    }))
    .where('kind', '=', kind)
    .returning('kind')
    .execute();
  return done.length > 0;
}

/** How many properties each kind has. */
export async function propertyCounts(db: Db): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('event_schema')
    .select(['kind', ({ fn }) => fn.countAll<number>().as('n')])
    .groupBy('kind')
    .execute();
  return new Map(rows.map((row) => [row.kind, Number(row.n)]));
}

/** Those of the names that were told before, and how many names there are. */
export async function knownKinds(
  db: Db,
  kinds: readonly string[],
): Promise<{ known: Set<string>; all: number }> {
  if (kinds.length === 0) return { known: new Set(), all: 0 };
  const rows = await db.selectFrom('event_type').select('kind').where('kind', 'in', kinds).execute();
  const known = new Set(rows.map((row) => row.kind));
  if (known.size === new Set(kinds).size) return { known, all: known.size };
  const { n } = await db
    .selectFrom('event_type')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow();
  return { known, all: Number(n) };
}

export interface PropertyLine extends PropertyShape {
  property: string;
}

export async function propertiesOf(
  db: Db,
  kinds: readonly string[],
): Promise<Map<string, Map<string, PropertyLine>>> {
  const all = new Map<string, Map<string, PropertyLine>>(kinds.map((kind) => [kind, new Map()]));
  if (kinds.length === 0) return all;
  const rows = await db
    .selectFrom('event_schema')
    .selectAll()
    .where('kind', 'in', kinds)
    .orderBy('filled', 'desc')
    .orderBy('property')
    .execute();
  for (const row of rows)
    all.get(row.kind)?.set(row.property, {
      property: row.property,
      filled: row.filled,
      types: fromJson<Partial<Record<ShapeType, number>>>(row.types, {}),
      samples: fromJson<Record<string, number> | null>(row.samples, null),
      last_at: row.last_at,
    });
  return all;
}

/** Adds what was told. The rows of the kinds are locked first, in one order everywhere. */
export async function addShapes(db: Db, shapes: Shapes): Promise<void> {
  if (shapes.size === 0) return;
  const types = [...shapes]
    .map(([kind, { count, first_at, last_at }]) => ({ kind, count, first_at, last_at }))
    .sort((a, b) => (a.kind < b.kind ? -1 : 1));
  await sql`insert into event_type (kind, count, first_at, last_at) select kind, count, first_at, last_at
    from ${rowsFrom(db, types, { kind: 'text', count: 'int', first_at: 'int', last_at: 'int' })} as r
    where true order by ordinal
    on conflict (kind) do update set count = event_type.count + excluded.count,
      first_at = case when excluded.first_at < event_type.first_at then excluded.first_at else event_type.first_at end,
      last_at = case when excluded.last_at > event_type.last_at then excluded.last_at else event_type.last_at end`.execute(
    db,
  );
  await mergeProperties(db, shapes, true);
}

/** Takes away what was told by rows that go; `shapes` are of sign -1. A kind of which nothing is left goes, too. */
export async function takeShapes(db: Db, shapes: Shapes): Promise<void> {
  if (shapes.size === 0) return;
  for (const [kind, { count }] of [...shapes].sort(([a], [b]) => (a < b ? -1 : 1)))
    await db
      .updateTable('event_type')
      .set({
        count: sql<number>`count + ${count}`,
        first_at: sql<number>`coalesce((select min(at) from event where event.kind = ${kind}), first_at)`,
        last_at: sql<number>`coalesce((select max(at) from event where event.kind = ${kind}), last_at)`,
      })
      .where('kind', '=', kind)
      .execute();
  await mergeProperties(db, shapes, false);
  const kinds = [...shapes.keys()];
  await db
    .deleteFrom('event_schema')
    .where('kind', 'in', kinds)
    .where('filled', '<=', 0)
    .where(emptied)
    .execute();
  const gone = await db
    .deleteFrom('event_type')
    .where('kind', 'in', kinds)
    .where('count', '<=', 0)
    .where('keep_days', 'is', null)
    .returning('kind')
    .execute();
  if (gone.length > 0)
    await db
      .deleteFrom('event_schema')
      .where(
        'kind',
        'in',
        gone.map((row) => row.kind),
      )
      .execute();
}

const emptied = sql<boolean>`(types is null or cast(types as text) = '{}')`;

async function mergeProperties(db: Db, shapes: Shapes, mayAdd: boolean): Promise<void> {
  const known = await propertiesOf(db, [...shapes.keys()]);
  const rows: Record<'kind' | 'property' | 'filled' | 'types' | 'samples' | 'last_at', unknown>[] = [];
  for (const [kind, { properties }] of shapes) {
    const before = known.get(kind) as Map<string, PropertyLine>;
    for (const [property, shape] of properties) {
      const line = before.get(property);
      if (line === undefined && (!mayAdd || before.size >= MOST_PROPERTIES)) continue;
      const now = line ?? { property, filled: 0, types: {}, samples: {}, last_at: shape.last_at };
      merge(now, shape);
      before.set(property, now);
      rows.push({ kind, ...now });
    }
  }
  if (rows.length === 0) return;
  await sql`insert into event_schema (kind, property, filled, types, samples, last_at)
    select kind, property, filled, types, samples, last_at from ${rowsFrom(db, rows, {
      kind: 'text',
      property: 'text',
      filled: 'int',
      types: 'json',
      samples: 'json',
      last_at: 'int',
    })} as r where true
    on conflict (kind, property) do update set filled = excluded.filled, types = excluded.types,
      samples = excluded.samples, last_at = excluded.last_at`.execute(db);
}
