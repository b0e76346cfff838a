/** How TLS sessions ended, counted by day, recipient domain, policy, host and result: what TLS reports are made of. */
import { sql } from 'kysely';
import type { Db, Row } from './tables.ts';

export type TlsResult = Row<'tls_result'>;

const DAY_MS = 86_400_000;
export const tlsDay = (at: number): number => Math.floor(at / DAY_MS);

/** Adds to what is counted already; in one statement for many rows. */
export async function countTlsResults(db: Db, rows: readonly TlsResult[]): Promise<void> {
  for (let at = 0; at < rows.length; at += 100) {
    await db
      .insertInto('tls_result')
      .values(rows.slice(at, at + 100))
      .onConflict((conflict) =>
        conflict.columns(['day', 'domain', 'policy', 'policy_id', 'mx', 'result']).doUpdateSet({
          sessions: sql`tls_result.sessions + excluded.sessions`,
          detail: sql`excluded.detail`,
          last_at: sql`excluded.last_at`,
        }),
      )
      .execute();
  }
}

export interface TlsResultsAsked {
  /** Days as `tlsDay` counts them, both included. */
  from: number;
  to: number;
  domain?: string | undefined;
  failuresOnly?: boolean | undefined;
  limit: number;
}

/** Failures first, the most frequent at the top. */
export const tlsResults = (db: Db, asked: TlsResultsAsked): Promise<TlsResult[]> =>
  db
    .selectFrom('tls_result')
    .selectAll()
    .where('day', '>=', asked.from)
    .where('day', '<=', asked.to)
    .$if(asked.domain !== undefined, (query) => query.where('domain', '=', asked.domain as string))
    .$if(asked.failuresOnly === true, (query) => query.where('result', '!=', 'success'))
    .orderBy(({ eb }) => eb.case().when('result', '=', 'success').then(1).else(0).end())
    .orderBy('sessions', 'desc')
    .orderBy('day', 'desc')
    .orderBy('domain')
    .orderBy('mx')
    .limit(asked.limit)
    .execute();

/** What is older than reports reach back. */
export async function forgetTlsResults(db: Db, beforeDay: number): Promise<void> {
  await db.deleteFrom('tls_result').where('day', '<', beforeDay).execute();
}
