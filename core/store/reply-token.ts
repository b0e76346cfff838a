/**
 * How often a reply token was used of late, and by how many: an address that leaked to spammers shows itself so. Rows are
 * kept for a day and hold no address, only its hash.
 */
import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { skipLocked } from './batch.ts';
import { prepared, preparedByColumns } from './prepared.ts';
import type { Db, NewRow } from './tables.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const FORGOTTEN_AT_ONCE = 500;

export interface TokenUse {
  tokenHash: string;
  inboundId: number;
  sender: string;
  /** The sender is who he says. */
  isProved: boolean;
}

export interface TokenUses {
  /** Messages within a day, this one included. */
  messages: number;
  /** Different senders within an hour who prove nothing, this one included. */
  unprovedSenders: number;
}

const insertUse = preparedByColumns<NewRow<'reply_token_use'>>((db, row) =>
  db
    .insertInto('reply_token_use')
    .values(row)
    .onConflict((conflict) => conflict.doNothing()),
);

const countUses = prepared<
  { hash: string; hourAgo: number; dayAgo: number },
  { messages: number; senders: number }
>((db, of) =>
  db
    .selectFrom('reply_token_use')
    .select(({ fn }) => [
      fn.countAll<number>().as('messages'),
      sql<number>`count(distinct case when proved = 0 and at > ${of.hourAgo} then sender end)`.as('senders'),
    ])
    .where('token_hash', '=', of.hash)
    .where('at', '>', of.dayAgo),
);

/** Counts this message, once however often it is tried, and answers how many there are. Index: the primary key. */
export async function countTokenUse(
  db: Db,
  { tokenHash, inboundId, sender, isProved }: TokenUse,
  now: number,
): Promise<TokenUses> {
  await insertUse(db, {
    token_hash: tokenHash,
    inbound_id: inboundId,
    sender: createHash('sha256').update(sender.toLowerCase()).digest('base64url'),
    proved: isProved ? 1 : 0,
    at: now,
  });
  const [row] = (await countUses(db, { hash: tokenHash, hourAgo: now - HOUR, dayAgo: now - DAY })).rows;
  return { messages: Number(row?.messages ?? 0), unprovedSenders: Number(row?.senders ?? 0) };
}

/** Some of what is older than a day. Index: reply_token_use_at. PostgreSQL: rows that another node forgets are left to it. */
export async function forgetTokenUses(db: Db, now: number): Promise<void> {
  await sql`delete from reply_token_use where (token_hash, inbound_id) in (
    select token_hash, inbound_id from reply_token_use where at <= ${now - DAY}
    order by at limit ${FORGOTTEN_AT_ONCE} ${skipLocked(db)})`.execute(db);
}
