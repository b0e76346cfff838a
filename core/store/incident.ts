/**
 * Incidents at providers: one that says "no such user" far more often than it usually does is most likely at fault
 * itself. Its usual is kept by the hour; while an incident is open its hard bounces are kept apart and suppress nobody.
 */
import { sql } from 'kysely';
import { rowsFrom } from './batch.ts';
import { fromJson, toJson } from './json.ts';
import type { Db, Row } from './tables.ts';

const HOUR_MS = 3_600_000;

export interface Seen {
  attempts: number;
  unknown: number;
}

export interface Incident extends Omit<Row<'provider_incident'>, 'replies'> {
  replies: string[];
}

export type Quarantined = Row<'bounce_quarantine'>;
export type NewQuarantined = Pick<Quarantined, 'address' | 'contact_id' | 'delivery_id' | 'evidence'>;

const read = (row: Row<'provider_incident'>): Incident => ({
  ...row,
  replies: fromJson<string[]>(row.replies, []),
});

/** Adds what was seen to the hour of `now`. */
export async function addSeen(
  db: Db,
  seen: readonly (Seen & { provider: string })[],
  now: number,
): Promise<void> {
  if (seen.length === 0) return;
  const rows = seen.map((one) => ({ ...one, hour: Math.floor(now / HOUR_MS) }));
  await sql`insert into provider_hour (provider, hour, attempts, unknown)
    select provider, hour, attempts, unknown
    from ${rowsFrom(db, rows, { provider: 'text', hour: 'int', attempts: 'int', unknown: 'int' })} as r where true
    on conflict (provider, hour) do update set attempts = provider_hour.attempts + excluded.attempts,
      unknown = provider_hour.unknown + excluded.unknown`.execute(db);
}

/** What is usual at a provider: the last `days`, the current hour left out. */
export async function usualAt(db: Db, provider: string, now: number, days: number): Promise<Seen> {
  const hour = Math.floor(now / HOUR_MS);
  const row = await db
    .selectFrom('provider_hour')
    .select(({ fn }) => [fn.sum<number>('attempts').as('attempts'), fn.sum<number>('unknown').as('unknown')])
    .where('provider', '=', provider)
    .where('hour', '>=', hour - 24 * days)
    .where('hour', '<', hour)
    .executeTakeFirst();
  return { attempts: Number(row?.attempts ?? 0), unknown: Number(row?.unknown ?? 0) };
}

/** Forgets hours that no usual is made of any more. */
export async function forgetHours(db: Db, now: number, days: number): Promise<void> {
  await db
    .deleteFrom('provider_hour')
    .where('hour', '<', Math.floor(now / HOUR_MS) - 24 * days)
    .execute();
}

/** Opens an incident; null when one is open there. */
export async function openIncident(
  db: Db,
  { provider, seen, usual, replies }: { provider: string; seen: Seen; usual: Seen; replies: string[] },
  now: number,
): Promise<Incident | null> {
  const row = await db
    .insertInto('provider_incident')
    .values({
      provider,
      opened_at: now,
      attempts: seen.attempts,
      unknown: seen.unknown,
      usual_attempts: usual.attempts,
      usual_unknown: usual.unknown,
      replies: toJson(replies.map((reply) => reply.slice(0, 500))),
      closed_at: null,
      closed_by: null,
      outcome: null,
    })
    .onConflict((conflict) => conflict.columns(['provider']).where('closed_at', 'is', null).doNothing())
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? null : read(row);
}

export const openIncidents = async (db: Db): Promise<Incident[]> =>
  (await db.selectFrom('provider_incident').selectAll().where('closed_at', 'is', null).execute()).map(read);

/** The open incident of a provider. */
export async function incidentAt(db: Db, provider: string): Promise<Incident | undefined> {
  const row = await db
    .selectFrom('provider_incident')
    .selectAll()
    .where('provider', '=', provider)
    .where('closed_at', 'is', null)
    .executeTakeFirst();
  return row === undefined ? undefined : read(row);
}

export async function incidentById(db: Db, id: number): Promise<Incident | undefined> {
  const row = await db.selectFrom('provider_incident').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? undefined : read(row);
}

export interface IncidentLine extends Incident {
  /** How many hard bounces are kept apart, and how many of those wait for a decision. */
  quarantined: number;
  waiting: number;
}

/** The newest incidents, open ones first. */
export async function incidents(db: Db, limit = 50): Promise<IncidentLine[]> {
  const rows = await db
    .selectFrom('provider_incident')
    .selectAll()
    .select(({ selectFrom }) => [
      selectFrom('bounce_quarantine')
        .select(({ fn }) => fn.countAll<number>().as('n'))
        .whereRef('incident_id', '=', 'provider_incident.id')
        .as('quarantined'),
      selectFrom('bounce_quarantine')
        .select(({ fn }) => fn.countAll<number>().as('n'))
        .whereRef('incident_id', '=', 'provider_incident.id')
        .where('decided_at', 'is', null)
        .as('waiting'),
    ])
    .orderBy(sql`closed_at is null`, 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ quarantined, waiting, ...row }) => ({
    ...read(row),
    quarantined: Number(quarantined ?? 0),
    waiting: Number(waiting ?? 0),
  }));
}

/** Ends an incident; false when it was over. */
export async function closeIncident(
  db: Db,
  id: number,
  outcome: NonNullable<Incident['outcome']>,
  by: number | null,
  now: number,
): Promise<boolean> {
  const row = await db
    .updateTable('provider_incident')
    .set({ closed_at: now, closed_by: by, outcome })
    .where('id', '=', id)
    .where('closed_at', 'is', null)
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
}

/** Keeps hard bounces apart. */
export async function quarantine(
  db: Db,
  rows: readonly (NewQuarantined & { incident_id: number })[],
  now: number,
): Promise<void> {
  if (rows.length === 0) return;
  await db
    .insertInto('bounce_quarantine')
    .values(
      rows.map((row) => ({
        ...row,
        evidence: row.evidence.slice(0, 2048),
        at: now,
        decided_at: null,
        decided_by: null,
        decision: null,
      })),
    )
    .execute();
}

/** A page of what one incident keeps apart, newest first. */
export const quarantined = (
  db: Db,
  incidentId: number,
  { beforeId, limit }: { beforeId?: number | undefined; limit: number },
): Promise<Quarantined[]> => {
  let query = db.selectFrom('bounce_quarantine').selectAll().where('incident_id', '=', incidentId);
  if (beforeId !== undefined) query = query.where('id', '<', beforeId);
  return query.orderBy('id', 'desc').limit(limit).execute();
};

/** Decides one slice of what waits in an incident, and hands it back; repeat until it is empty. */
export const decideQuarantined = (
  db: Db,
  incidentId: number,
  decision: NonNullable<Quarantined['decision']>,
  by: number | null,
  now: number,
): Promise<Quarantined[]> =>
  db
    .updateTable('bounce_quarantine')
    .set({ decided_at: now, decided_by: by, decision })
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('bounce_quarantine')
        .select('id')
        .where('incident_id', '=', incidentId)
        .where('decided_at', 'is', null)
        .limit(500),
    )
    .returningAll()
    .execute();
