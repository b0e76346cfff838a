/**
 * How fast the queue moves now, by destination and by source, and when it will be empty at that pace. Taken from what ended
 * on the wire in the last minute, by an index over ends: the queue itself is not read.
 */
import { sql } from 'kysely';
import type { Db } from './tables.ts';

const WINDOW_MS = 60_000;
/** At full speed the newest so many tell the pace as well as all of them. */
const SAMPLE = 20_000;
/** A pace over a shorter time than this is chance. */
const LEAST_MS = 5000;

export interface Paces {
  /** Messages a minute. */
  ofDomain(id: number): number;
  ofSource(id: number): number;
}

/** Index: delivery_finished. */
export async function paces(db: Db, now: number): Promise<Paces> {
  const { rows } = await sql<{ domain_id: number; source_id: number; n: number; since: number }>`
    select domain_id, source_id, count(*) as n, min(finished_at) as since from
      (select domain_id, source_id, finished_at from delivery
        where finished_at is not null and finished_at > ${now - WINDOW_MS} and finished_at <= ${now}
        order by finished_at desc limit ${SAMPLE}) as newest
    where source_id is not null group by domain_id, source_id`.execute(db);
  const all = rows.reduce((sum, row) => sum + Number(row.n), 0);
  const since = all >= SAMPLE ? Math.min(...rows.map((row) => Number(row.since))) : now - WINDOW_MS;
  const minutes = Math.max(now - since, LEAST_MS) / 60_000;
  const sum = (column: 'domain_id' | 'source_id', id: number) =>
    rows.reduce((n, row) => (row[column] === id ? n + Number(row.n) : n), 0) / minutes;
  return { ofDomain: (id) => sum('domain_id', id), ofSource: (id) => sum('source_id', id) };
}

export interface Ahead {
  waiting: number;
  /** When the first of it is due. */
  nextAt: number | null;
  perMinute: number;
  /** Nobody moves it until a person lets go. */
  isStopped: boolean;
}

/** When it is done at the present pace; null when nothing waits, or nothing moves. */
export function etaOf({ waiting, nextAt, perMinute, isStopped }: Ahead, now: number): number | null {
  if (waiting === 0 || isStopped || perMinute <= 0) return null;
  return Math.max(now, nextAt ?? now) + Math.ceil((waiting / perMinute) * 60_000);
}
