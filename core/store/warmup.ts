/** Warm-ups as rows: where each source stands at each provider, what it has used of today, and how its days went. */
import { sql } from 'kysely';
import type { DayCounts, Standing, Verdict } from '../sending/warmup.ts';
import { OTHER_PROVIDER } from './answer-slot.ts';
import { engineOf } from './batch.ts';
import { fromJson, toJson } from './json.ts';
import type { Db, Row } from './tables.ts';

export interface Warmup extends Standing {
  sourceId: number;
  provider: string;
  /** The local midnight that `sent` counts from. */
  day: number;
  sent: number;
  startedAt: number;
}

const read = (row: Row<'warmup'>): Warmup => ({
  sourceId: row.source_id,
  provider: row.provider,
  plan: fromJson<number[]>(row.plan, []),
  step: row.step,
  state: row.state,
  idleDays: row.idle_days,
  day: row.day,
  sent: row.sent,
  startedAt: row.started_at,
});

export async function warmups(db: Db, sourceId?: number): Promise<Warmup[]> {
  let query = db.selectFrom('warmup').selectAll().orderBy('source_id').orderBy('provider');
  if (sourceId !== undefined) query = query.where('source_id', '=', sourceId);
  return (await query.execute()).map(read);
}

/** One warm-up, locked where two nodes could count at once. */
export async function lockedWarmup(tx: Db, sourceId: number, provider: string): Promise<Warmup | undefined> {
  const query = tx
    .selectFrom('warmup')
    .selectAll()
    .where('source_id', '=', sourceId)
    .where('provider', '=', provider);
  const row = await (engineOf(tx) === 'postgres' ? query.forUpdate() : query).executeTakeFirst();
  return row === undefined ? undefined : read(row);
}

export async function saveWarmup(tx: Db, one: Warmup, now: number): Promise<void> {
  const values = {
    plan: toJson(one.plan),
    step: one.step,
    state: one.state,
    idle_days: one.idleDays,
    day: one.day,
    sent: one.sent,
    updated_at: now,
  };
  await tx
    .insertInto('warmup')
    .values({ source_id: one.sourceId, provider: one.provider, started_at: one.startedAt, ...values })
    .onConflict((conflict) => conflict.columns(['source_id', 'provider']).doUpdateSet(values))
    .execute();
}

/** Counts claims of a day, or takes them back. A day that is over is left as it was judged. */
export async function countSent(
  tx: Db,
  { sourceId, provider, day }: Pick<Warmup, 'sourceId' | 'provider' | 'day'>,
  messages: number,
): Promise<void> {
  await sql`update warmup set sent = case when sent + ${messages} < 0 then 0 else sent + ${messages} end
    where source_id = ${sourceId} and provider = ${provider} and day = ${day}`.execute(tx);
}

export interface WarmupDay extends DayCounts {
  day: number;
  step: number;
  cap: number | null;
  verdict: Verdict;
}

export async function addWarmupDay(
  tx: Db,
  { sourceId, provider }: Pick<Warmup, 'sourceId' | 'provider'>,
  day: WarmupDay,
): Promise<void> {
  await tx
    .insertInto('warmup_day')
    .values({ source_id: sourceId, provider, ...day })
    .onConflict((conflict) => conflict.columns(['source_id', 'provider', 'day']).doUpdateSet({ ...day }))
    .execute();
}

export const warmupDays = (db: Db, since: number): Promise<Row<'warmup_day'>[]> =>
  db.selectFrom('warmup_day').selectAll().where('day', '>=', since).orderBy('day').execute();

/** Complaints about a source's mail that came in between two moments, by provider. */
export async function complaintsAbout(
  db: Db,
  sourceId: number,
  from: number,
  to: number,
): Promise<{ provider: string; complaints: number }[]> {
  const { rows } = await sql<{ provider: string | null; n: number }>`select domain.provider, count(*) as n
    from event join any_delivery as delivery on delivery.id = event.delivery_id join domain on domain.id = delivery.domain_id
    where event.kind = 'complained' and event.at >= ${from} and event.at < ${to} and delivery.source_id = ${sourceId}
    group by domain.provider`.execute(db);
  return rows.map((row) => ({ provider: row.provider ?? OTHER_PROVIDER, complaints: Number(row.n) }));
}

/** Whether a campaign is being queued now: a warm-up waits for its most engaged readers to be in the queue. */
export async function queueingCampaigns(db: Db): Promise<{ id: number; pool: string }[]> {
  return db.selectFrom('campaign').select(['id', 'pool']).where('state', '=', 'queueing').execute();
}
