/**
 * Conversations that go on: one that was closed long ago stays closed, and who answers it begins a new one that names the
 * old. Both are one click apart, and what answers the old one later lands in the newest.
 */
import { prepared } from './prepared.ts';
import type { Db, Row } from './tables.ts';

/** More than anybody ever makes; a bound against a row that names itself. */
const LONGEST_CHAIN = 50;

const continuedIn = prepared<{ id: number; address: string }, Row<'conversation'>>((db, of) =>
  db
    .selectFrom('conversation')
    .selectAll()
    .where('continues_id', '=', of.id)
    .where('address', '=', of.address)
    .where('id', '>', of.id)
    .orderBy('id', 'desc')
    .limit(1),
);

/** The newest conversation of this address that goes on from this one; itself when there is none. */
export async function newestContinuation(
  db: Db,
  conversation: Row<'conversation'>,
  address: string,
): Promise<Row<'conversation'>> {
  let current = conversation;
  for (let step = 0; step < LONGEST_CHAIN; step++) {
    // Index: conversation_continues.
    const [next] = (await continuedIn(db, { id: current.id, address })).rows;
    if (next === undefined) return current;
    current = next;
  }
  return current;
}

export interface Neighbour {
  id: number;
  subject: string;
  last_message_at: number;
}

/** The conversation that this one goes on from, and those that go on from it. */
export async function neighboursOf(
  db: Db,
  conversation: Pick<Row<'conversation'>, 'id' | 'continues_id'>,
): Promise<{ before: Neighbour | null; after: Neighbour[] }> {
  const neighbours = db.selectFrom('conversation').select(['id', 'subject', 'last_message_at']);
  const [before, after] = await Promise.all([
    conversation.continues_id === null
      ? undefined
      : neighbours.where('id', '=', conversation.continues_id).executeTakeFirst(),
    neighbours.where('continues_id', '=', conversation.id).orderBy('id').limit(20).execute(),
  ]);
  return { before: before ?? null, after };
}
