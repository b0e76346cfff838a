/** When mail for an address last came in: asked by the examination of a host, over the newest messages only. */
import { sql } from 'kysely';
import type { Db } from './tables.ts';

/** Enough to see what comes daily, few enough to read at once. */
const NEWEST = 5000;

export async function lastArrival(db: Db, addresses: readonly string[]): Promise<number | undefined> {
  // Addresses hold no character that JSON writes otherwise, and none that LIKE reads as more than itself but "_" and "%".
  const named = addresses.map((address) => `%"${address.replace(/[\\%_]/g, '\\$&')}"%`);
  if (named.length === 0) return undefined;
  const row = await db
    .selectFrom((eb) =>
      eb
        .selectFrom('inbound')
        .select(['received_at', sql<string>`cast(rcpt_to as text)`.as('recipients')])
        .orderBy('id', 'desc')
        .limit(NEWEST)
        .as('newest'),
    )
    .select('received_at')
    .where((eb) =>
      eb.or(named.map((pattern) => sql<boolean>`${eb.ref('recipients')} like ${pattern} escape '\\'`)),
    )
    .orderBy('received_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.received_at;
}
