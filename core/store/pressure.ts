/**
 * How many mails people got and how many they may get: the caps, what arrived (written in the transaction of the result,
 * so that it can never disagree with it) and what is under way. What a claim does by them is in queue-limit.ts.
 */
import { sql } from 'kysely';
import { engineOf, packed, rowsFrom } from './batch.ts';
import type { Delivery, Settled } from './queue.ts';
import type { Db, NewRow, Row, RowPatch } from './tables.ts';

/** How the reason of a mail begins that came too early for its person. */
export const FREQUENCY = 'frequency';

export type FrequencyCap = Row<'frequency_cap'>;

// ── caps ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export const caps = (db: Db): Promise<FrequencyCap[]> =>
  db.selectFrom('frequency_cap').selectAll().orderBy('id').execute();

export const addCap = (db: Db, cap: NewRow<'frequency_cap'>): Promise<FrequencyCap> =>
  db.insertInto('frequency_cap').values(cap).returningAll().executeTakeFirstOrThrow();

export const changeCap = (
  db: Db,
  id: number,
  patch: RowPatch<'frequency_cap'>,
  now: number,
): Promise<FrequencyCap | undefined> =>
  db
    .updateTable('frequency_cap')
    .set({ ...patch, updated_at: now })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst();

export const removeCap = async (db: Db, id: number): Promise<boolean> =>
  (await db.deleteFrom('frequency_cap').where('id', '=', id).returning('id').executeTakeFirst()) !==
  undefined;

/** Whether a cap is about a segment: such a segment must stay. */
export const capUsesSegment = async (db: Db, segmentId: number): Promise<boolean> =>
  (await db
    .selectFrom('frequency_cap')
    .select('id')
    .where('segment_id', '=', segmentId)
    .limit(1)
    .executeTakeFirst()) !== undefined;

/** All caps, and whether anybody asks for less mail: what a claim asks first, in one look. Index: contact_wish. */
export async function limitsInForce(db: Db): Promise<{ caps: FrequencyCap[]; hasWishes: boolean }> {
  const { rows } = await sql<FrequencyCap & { wished: number | boolean }>`select one.wished, cap.* from
    (select exists (select 1 from contact where max_frequency <> 'all') as wished) as one
    left join frequency_cap as cap on 1 = 1 order by cap.id`.execute(db);
  return { hasWishes: Boolean(rows[0]?.wished), caps: rows.filter((row) => row.id !== null) };
}

/** Who of these people asked for less. */
export async function wishesOf(
  db: Db,
  contactIds: readonly number[],
): Promise<Map<number, 'weekly' | 'monthly'>> {
  const rows = await packed<{ id: number; max_frequency: 'weekly' | 'monthly' }>(
    db,
    ['id', 'max_frequency'],
    (columns) => sql`select ${columns} from contact where max_frequency <> 'all' and +id in (
      select id from ${idRows(db, contactIds)} as r)`,
  );
  return new Map(rows.map((row) => [row.id, row.max_frequency]));
}

const idRows = (db: Db, ids: readonly number[]) =>
  rowsFrom(
    db,
    ids.map((id) => ({ id })),
    { id: 'int' },
  );

// ── what people got ───────────────────────────────────────────────────────────────────────────────────────────────

/** Counts what arrived, with its result. Only bulk mail to contacts: what a person or a program wrote is nobody's pressure. */
export async function countMailsGot(db: Db, delivered: readonly Settled[], now: number): Promise<void> {
  const ids = delivered.filter((row) => row.lane === 'bulk' && row.contact_id !== null).map((row) => row.id);
  if (ids.length === 0) return;
  await sql`insert into mail_got (contact_id, at, delivery_id, list_id, brand_id)
    select delivery.contact_id, cast(${now} as bigint), delivery.id, template_version.list_id, sending_domain.brand_id
    from ${idRows(db, ids)} as r join delivery on delivery.id = r.id
    join template_version on template_version.id = delivery.template_version_id
    join sending_domain on sending_domain.id = delivery.sending_domain_id
    where true on conflict (contact_id, at, delivery_id) do nothing`.execute(db);
}

export interface MailToward {
  contact_id: number;
  delivery_id: number;
  /** Null: under way, it holds a place until it ends. */
  at: number | null;
  list_id: number | null;
  brand_id: number;
}

/**
 * What these people got since a time, and what is on its way to them: every unfinished delivery that was tried at least
 * once, since a mail in doubt may have arrived. One statement, so that what ends meanwhile is never missed.
 * Indexes: the key of mail_got, delivery_contact.
 */
export async function mailsToward(
  db: Db,
  contactIds: readonly number[],
  since: number,
): Promise<MailToward[]> {
  const people = idRows(db, contactIds);
  return packed<MailToward>(
    db,
    ['contact_id', 'delivery_id', 'at', 'list_id', 'brand_id'],
    (columns) => sql`select ${columns} from (
      select g.contact_id, g.delivery_id, g.at, g.list_id, g.brand_id
      from ${people} as r join mail_got as g on g.contact_id = r.id and g.at > cast(${since} as bigint)
      union all
      select d.contact_id, d.id, cast(null as bigint), v.list_id, s.brand_id
      from ${people} as r join delivery as d on d.contact_id = r.id
      join template_version as v on v.id = d.template_version_id
      join sending_domain as s on s.id = d.sending_domain_id
      where d.lane = 'bulk' and d.attempt > 0 and d.state in ('active', 'deferred', 'held', 'queued')) as toward`,
  );
}

/** What each of these deliveries is about, by its template and sender. */
export async function aboutOf(
  db: Db,
  rows: readonly Pick<Delivery, 'template_version_id' | 'sending_domain_id'>[],
): Promise<
  (row: Pick<Delivery, 'template_version_id' | 'sending_domain_id'>) => {
    list_id: number | null;
    brand_id: number;
  }
> {
  const versions = [...new Set(rows.flatMap((row) => row.template_version_id ?? []))];
  const senders = [...new Set(rows.map((row) => row.sending_domain_id))];
  const [lists, brands] = await Promise.all([
    versions.length === 0
      ? []
      : db.selectFrom('template_version').select(['id', 'list_id']).where('id', 'in', versions).execute(),
    senders.length === 0
      ? []
      : db.selectFrom('sending_domain').select(['id', 'brand_id']).where('id', 'in', senders).execute(),
  ]);
  const listOf = new Map(lists.map((row) => [row.id, row.list_id]));
  const brandOf = new Map(brands.map((row) => [row.id, row.brand_id]));
  return (row) => ({
    list_id: listOf.get(row.template_version_id ?? 0) ?? null,
    brand_id: brandOf.get(row.sending_domain_id) ?? 0,
  });
}

/** PostgreSQL: two claims that are about the same people come one after the other. Taken in one order, by claims alone. */
export async function lockPeople(tx: Db, contactIds: readonly number[]): Promise<void> {
  if (engineOf(tx) !== 'postgres' || contactIds.length === 0) return;
  const buckets = [...new Set(contactIds.map((id) => id % BUCKETS))].sort((a, b) => a - b);
  for (const bucket of buckets) await sql`select pg_advisory_xact_lock(${LOCK_CLASS}, ${bucket})`.execute(tx);
}
const BUCKETS = 16;
const LOCK_CLASS = 5_280_028;
