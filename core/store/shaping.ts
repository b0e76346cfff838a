/**
 * A team's own numbers and reply rules, laid over the table of providers. One row of numbers for each place and source;
 * a null column means "as in the table".
 */
import { sql } from 'kysely';
import { fromJson, toJson } from './json.ts';
import type { Db, Row } from './tables.ts';

export type Override = Row<'shaping_override'>;

/** The numbers that may be set. */
export type OverrideNumbers = Pick<
  Override,
  'connections' | 'messages_per_connection' | 'rate_messages' | 'rate_per_ms' | 'tls' | 'note'
>;

export interface TeamRule<Action = unknown> extends Omit<Row<'shaping_rule'>, 'action'> {
  action: Action;
}

export type NewTeamRule<Action> = Omit<TeamRule<Action>, 'id' | 'set_by' | 'at'>;

/** Who set what, and when. */
export interface Hand {
  by: number | null;
  at: number;
}

export const overrides = (db: Db): Promise<Override[]> =>
  db.selectFrom('shaping_override').selectAll().orderBy('place').orderBy('source_id').execute();

export async function setOverride(
  db: Db,
  { place, sourceId }: { place: string; sourceId: number | null },
  numbers: OverrideNumbers,
  { by, at }: Hand,
): Promise<void> {
  await removeOverride(db, { place, sourceId });
  await db
    .insertInto('shaping_override')
    .values({ place, source_id: sourceId, ...numbers, set_by: by, at })
    .execute();
}

/** Whether there was one. */
export async function removeOverride(
  db: Db,
  { place, sourceId }: { place: string; sourceId: number | null },
): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('shaping_override')
    .where('place', '=', place)
    .where(sql<boolean>`coalesce(source_id, 0) = ${sourceId ?? 0}`)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** Oldest first, as they are asked. */
export async function teamRules<Action>(db: Db): Promise<TeamRule<Action>[]> {
  const rows = await db.selectFrom('shaping_rule').selectAll().orderBy('id').execute();
  return rows.map((row) => ({ ...row, action: fromJson<Action>(row.action, null as Action) }));
}

export async function addTeamRule<Action>(
  db: Db,
  { action, ...rule }: NewTeamRule<Action>,
  { by, at }: Hand,
): Promise<number> {
  const { id } = await db
    .insertInto('shaping_rule')
    .values({ ...rule, action: toJson(action), set_by: by, at })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

/** Whether there was one. */
export async function removeTeamRule(db: Db, id: number): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom('shaping_rule').where('id', '=', id).executeTakeFirst();
  return numDeletedRows > 0n;
}

/** The providers that sites belong to, to tell a site whose limits hold over all of its provider. */
export const providerOfSite = async (db: Db, site: string): Promise<string | null | undefined> =>
  (await db.selectFrom('domain').select('provider').where('site', '=', site).limit(1).executeTakeFirst())
    ?.provider;
