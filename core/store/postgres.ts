/** PostgreSQL, for several machines: the pool, what its types become, and transactions that retry on conflict. */
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { toldOutside } from './disk-fault.ts';
import type { Store } from './open.ts';
import type { Db, Tables } from './tables.ts';

const INT8 = 20;
const NUMERIC = 1700;
const JSON_TYPE = 114;
const JSONB = 3802;

/** Ids and times stay below 2^53, so they are numbers; JSON columns stay text, as on SQLite. */
const types = {
  getTypeParser(oid: number, format?: string) {
    if (format !== 'binary') {
      if (oid === INT8 || oid === NUMERIC) return Number;
      if (oid === JSON_TYPE || oid === JSONB) return (text: string) => text;
    }
    return pg.types.getTypeParser(oid, format as 'text');
  },
};

/** Serialisation failure and deadlock: PostgreSQL took the transaction back whole, so it may be tried again. */
const RETRIED = new Set(['40001', '40P01']);
const TRIES = 6;

export async function openPostgres(url: string, connections: number): Promise<Store> {
  const pool = new pg.Pool({ connectionString: url, max: connections, types: types as never });
  // A dropped idle connection is the pool's own affair; the next query gets a new one or an error of its own.
  pool.on('error', () => undefined);
  const read: Db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  await refuseUnsafe(read);
  return {
    engine: 'postgres',
    driver: 'pg',
    read,
    glance: read,
    // Its own vacuum gives pages of dead rows back; to write tables anew would lock them.
    shred: () => Promise.resolve(false),
    write: async (work) => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await read.transaction().execute(async (tx) => {
            // Whatever the server's default: an acknowledged write is on disk.
            await sql`set local synchronous_commit = on`.execute(tx);
            return work(tx);
          });
        } catch (error) {
          if (attempt >= TRIES || !RETRIED.has((error as { code?: string }).code ?? ''))
            throw toldOutside(error);
        }
      }
    },
    close: () => read.destroy(),
  };
}

/** A server that does not sync cannot keep the promise behind our 250. */
async function refuseUnsafe(db: Db): Promise<void> {
  for (const name of ['fsync', 'full_page_writes']) {
    const answer = await sql<{ value: string }>`select current_setting(${name}) as value`.execute(db);
    if (answer.rows[0]?.value !== 'on') {
      throw new Error(`PostgreSQL runs with ${name} = off, so accepted mail could be lost. Set it to on`);
    }
  }
}
