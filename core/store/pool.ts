/** Pools as rows: which addresses a stream of mail leaves from, how much of it each takes, and what replaces them. */
import { sql } from 'kysely';
import type { Db, NewRow, Row, RowPatch } from './tables.ts';

export type Pool = Row<'pool'>;
export type Stream = Pool['stream'];

/** A source's place in a pool. */
export interface Share {
  pool: string;
  weight: number;
}
export type SourceInPools = Row<'source'> & { pools: Share[] };

export const pools = (db: Db): Promise<Pool[]> => db.selectFrom('pool').selectAll().orderBy('id').execute();

export const poolById = (db: Db, id: number): Promise<Pool | undefined> =>
  db.selectFrom('pool').selectAll().where('id', '=', id).executeTakeFirst();

export const poolByName = (db: Db, name: string): Promise<Pool | undefined> =>
  db.selectFrom('pool').selectAll().where('name', '=', name).executeTakeFirst();

export async function addPool(db: Db, row: NewRow<'pool'>): Promise<number> {
  return (await db.insertInto('pool').values(row).returning('id').executeTakeFirstOrThrow()).id;
}

export async function changePool(db: Db, id: number, patch: RowPatch<'pool'>): Promise<void> {
  await db.updateTable('pool').set(patch).where('id', '=', id).execute();
}

export async function removePool(db: Db, id: number): Promise<void> {
  await db.deleteFrom('source_pool').where('pool_id', '=', id).execute();
  await db.deleteFrom('pool').where('id', '=', id).execute();
}

/** Deliveries that are still to leave from a pool, and campaigns that would. */
export async function usesOfPool(db: Db, name: string): Promise<{ waiting: number; campaigns: number }> {
  const [waiting, campaigns] = await Promise.all([
    db
      .selectFrom('delivery')
      .select(({ fn }) => fn.countAll<number>().as('n'))
      .where('pool', '=', name)
      .where(sql<boolean>`state in ('queued', 'active', 'deferred', 'held')`)
      .executeTakeFirstOrThrow(),
    db
      .selectFrom('campaign')
      .select(({ fn }) => fn.countAll<number>().as('n'))
      .where('pool', '=', name)
      .where('state', 'not in', ['sent', 'cancelled'])
      .executeTakeFirstOrThrow(),
  ]);
  return { waiting: Number(waiting.n), campaigns: Number(campaigns.n) };
}

/** The id of a pool by its name; made when it is not there, so that a name that somebody types is a pool. */
export async function poolNamed(db: Db, name: string, now: number): Promise<number> {
  const known = await poolByName(db, name);
  if (known !== undefined) return known.id;
  return addPool(db, {
    name,
    stream: name.startsWith('transactional') ? 'transactional' : 'marketing',
    brand_id: null,
    smarthost_id: null,
    smarthost_mode: 'off',
    smarthost_share: 0,
    note: '',
    created_at: now,
  });
}

/** Every source with the pools that it is in. */
export async function sourcesInPools(db: Db): Promise<SourceInPools[]> {
  const [rows, shares] = await Promise.all([
    db.selectFrom('source').selectAll().orderBy('id').execute(),
    db
      .selectFrom('source_pool')
      .innerJoin('pool', 'pool.id', 'source_pool.pool_id')
      .select(['source_pool.source_id', 'pool.name', 'source_pool.weight'])
      .orderBy('pool.id')
      .execute(),
  ]);
  return rows.map((row) => ({
    ...row,
    pools: shares
      .filter((one) => one.source_id === row.id)
      .map(({ name, weight }) => ({ pool: name, weight })),
  }));
}

/** Puts a source into exactly these pools. */
export async function setPoolsOf(
  db: Db,
  sourceId: number,
  shares: readonly Share[],
  now: number,
): Promise<void> {
  await db.deleteFrom('source_pool').where('source_id', '=', sourceId).execute();
  for (const { pool, weight } of shares) {
    await db
      .insertInto('source_pool')
      .values({ source_id: sourceId, pool_id: await poolNamed(db, pool, now), weight })
      .execute();
  }
}

/** The pool of a stream for a brand: its own, else the one of all brands, else the name of the stream. */
export async function poolFor(db: Db, stream: Stream, brandId: number | null): Promise<string> {
  const rows = await db
    .selectFrom('pool')
    .select(['name', 'brand_id'])
    .where('stream', '=', stream)
    .where((eb) => eb.or([eb('brand_id', 'is', null), eb('brand_id', '=', brandId ?? 0)]))
    .orderBy('id')
    .execute();
  const own = rows.find((row) => row.brand_id !== null);
  return (own ?? rows.find((row) => row.name === stream) ?? rows[0])?.name ?? stream;
}

/** The pool for mail that people and programs write, by the domain that it is from. */
export async function transactionalPoolOf(db: Db, sendingDomainId: number): Promise<string> {
  const domain = await db
    .selectFrom('sending_domain')
    .select('brand_id')
    .where('id', '=', sendingDomainId)
    .executeTakeFirst();
  return poolFor(db, 'transactional', domain?.brand_id ?? null);
}
