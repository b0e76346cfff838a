/**
 * What staff said a reply means. The words stay in the message alone: whoever is erased takes their corrections along, and
 * what was taught by them is forgotten at the next reading.
 */
import { fromJson } from './json.ts';
import { changeConversation, type Segment } from './conversation.ts';
import type { Db, Row } from './tables.ts';

export interface ReadReply {
  id: number;
  conversation_id: number;
  intent: string;
  intent_evidence: string | null;
  /** The writer's own words: nothing quoted, no signature. */
  words: string;
  created_at: number;
}

/** What of a message its writer wrote anew. */
export function ownWordsOf(text: string, segments: readonly Segment[]): string {
  const own = segments.filter(({ kind }) => kind === 'new');
  return own.length === 0 ? text : own.map(({ start, end }) => text.slice(start, end)).join('\n');
}

const columns = [
  'message.id',
  'message.conversation_id',
  'message.intent',
  'message.intent_evidence',
  'message.text',
  'message.segments',
  'message.created_at',
] as const;

const readReply = (
  row: Pick<
    Row<'message'>,
    'id' | 'conversation_id' | 'intent' | 'intent_evidence' | 'text' | 'segments' | 'created_at'
  >,
): ReadReply => ({
  id: row.id,
  conversation_id: row.conversation_id,
  intent: row.intent ?? 'other',
  intent_evidence: row.intent_evidence,
  words: ownWordsOf(row.text, fromJson<Segment[]>(row.segments, [])),
  created_at: row.created_at,
});

/** A person's reply that was read for what they want; undefined for anything else. */
export async function readReplyById(db: Db, messageId: number): Promise<ReadReply | undefined> {
  const row = await db
    .selectFrom('message')
    .select(columns)
    .where('id', '=', messageId)
    .where('direction', '=', 'in')
    .where('intent', 'is not', null)
    .executeTakeFirst();
  return row && readReply(row);
}

/** The newest replies that the rules read and nobody corrected. Index: message_intent. */
export async function uncorrectedReplies(db: Db, limit: number): Promise<ReadReply[]> {
  const rows = await db
    .selectFrom('message')
    .leftJoin('intent_correction', 'intent_correction.message_id', 'message.id')
    .select(columns)
    .where('message.intent', 'is not', null)
    .where('message.direction', '=', 'in')
    .where('intent_correction.id', 'is', null)
    .orderBy('message.id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(readReply);
}

export interface Correction extends ReadReply {
  correction_id: number;
  was: string;
  made_by: number | null;
  made_by_name: string | null;
  made_at: number;
  from_name: string;
  from_address: string;
  subject: string;
}

/** Newest first; `before` is the id of the last one seen. */
export async function corrections(
  db: Db,
  { before, limit }: { before?: number; limit: number },
): Promise<Correction[]> {
  let query = db
    .selectFrom('intent_correction')
    .innerJoin('message', 'message.id', 'intent_correction.message_id')
    .leftJoin('user', 'user.id', 'intent_correction.made_by')
    .select(columns)
    .select([
      'intent_correction.id as correction_id',
      'intent_correction.intent as corrected',
      'intent_correction.was',
      'intent_correction.made_by',
      'intent_correction.made_at',
      'user.name as made_by_name',
      'message.from_name',
      'message.from_address',
      'message.subject',
    ])
    .orderBy('intent_correction.id', 'desc')
    .limit(limit);
  if (before !== undefined) query = query.where('intent_correction.id', '<', before);
  return (await query.execute()).map((row) => ({
    ...readReply(row),
    intent: row.corrected,
    correction_id: row.correction_id,
    was: row.was,
    made_by: row.made_by,
    made_by_name: row.made_by_name,
    made_at: row.made_at,
    from_name: row.from_name,
    from_address: row.from_address,
    subject: row.subject,
  }));
}

/** Which of these messages staff have spoken about. */
export async function correctedAmong(
  db: Db,
  messageIds: readonly number[],
): Promise<Map<number, Row<'intent_correction'> & { made_by_name: string | null }>> {
  if (messageIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('intent_correction')
    .leftJoin('user', 'user.id', 'intent_correction.made_by')
    .selectAll('intent_correction')
    .select('user.name as made_by_name')
    .where('message_id', 'in', messageIds)
    .execute();
  return new Map(rows.map((row) => [row.message_id, row]));
}

/** Another text whenever the corrections may be others. */
export async function correctionsMark(db: Db): Promise<string> {
  const row = await db
    .selectFrom('intent_correction')
    .select(({ fn }) => [
      fn.countAll<number>().as('n'),
      fn.max('id').as('last'),
      fn.max('made_at').as('made_at'),
    ])
    .executeTakeFirst();
  return `${row?.n ?? 0} ${row?.last ?? 0} ${row?.made_at ?? 0}`;
}

export async function countCorrections(db: Db): Promise<number> {
  const row = await db
    .selectFrom('intent_correction')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .executeTakeFirst();
  return Number(row?.n ?? 0);
}

/** Keeps what staff said; what the rules read is kept from the first time on. */
export async function keepCorrection(
  tx: Db,
  reply: ReadReply,
  { intent, by }: { intent: string; by: number },
  now: number,
): Promise<void> {
  await tx
    .insertInto('intent_correction')
    .values({
      message_id: reply.id,
      was: reply.intent,
      was_evidence: reply.intent_evidence,
      intent,
      made_by: by,
      made_at: now,
    })
    .onConflict((conflict) =>
      conflict.column('message_id').doUpdateSet({ intent, made_by: by, made_at: now }),
    )
    .execute();
}

export const correctionById = (db: Db, id: number): Promise<Row<'intent_correction'> | undefined> =>
  db.selectFrom('intent_correction').selectAll().where('id', '=', id).executeTakeFirst();

export const dropCorrection = async (tx: Db, id: number): Promise<void> => {
  await tx.deleteFrom('intent_correction').where('id', '=', id).execute();
};

/**
 * Gives a reply another intent, and with it its conversation and its writer where this reply is the last word of theirs.
 * Nobody is mailed, paused or suppressed by it.
 */
export async function setReplyIntent(
  tx: Db,
  reply: ReadReply,
  { intent, evidence }: { intent: string; evidence: string | null },
  now: number,
): Promise<void> {
  await tx
    .updateTable('message')
    .set({ intent, intent_evidence: evidence })
    .where('id', '=', reply.id)
    .execute();
  const last = await tx
    .selectFrom('message')
    .select(({ fn }) => fn.max('id').as('id'))
    .where('conversation_id', '=', reply.conversation_id)
    .where('direction', '=', 'in')
    .where('intent', 'is not', null)
    .executeTakeFirst();
  const isLast = Number(last?.id) === reply.id;
  const conversation = await tx
    .selectFrom('conversation')
    .select('contact_id')
    .where('id', '=', reply.conversation_id)
    .executeTakeFirst();
  if (isLast && conversation?.contact_id != null)
    await tx
      .updateTable('contact')
      .set({ reply_intent_last: intent, updated_at: now })
      .where('id', '=', conversation.contact_id)
      // What is noted of them was noted with this very reply: a later one, in another conversation, keeps its own.
      .where('last_human_reply_at', '=', reply.created_at)
      .execute();
  await changeConversation(tx, reply.conversation_id, isLast ? { intent } : {});
}
