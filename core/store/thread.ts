/** What received mail belongs to: the questions that threading asks of the store. */
import { sql } from 'kysely';
import { fromJson } from './json.ts';
import { prepared } from './prepared.ts';
import type { Db, Row } from './tables.ts';

/** One of our deliveries, with what its answer needs to know. */
export interface AnsweredDelivery {
  id: number;
  address: string;
  contact_id: number | null;
  origin_kind: Row<'delivery'>['origin_kind'];
  origin_id: number;
  state: Row<'delivery'>['state'];
  message_id: string | null;
  template_version_id: number | null;
  campaign_id: number | null;
  list_id: number | null;
  mailbox_id: number | null;
  /** For a message of ours in a conversation. */
  conversation_id: number | null;
  subject: string;
}

type AnsweredRow = Omit<AnsweredDelivery, 'subject'> & {
  campaign_subject: string | null;
  message_subject: string | null;
};

const answeredRow = prepared<{ id: number }, AnsweredRow>((db, of) =>
  db
    .selectFrom('any_delivery as delivery')
    .leftJoin('campaign', (join) =>
      join.onRef('campaign.id', '=', 'delivery.origin_id').on('delivery.origin_kind', '=', 'campaign'),
    )
    .leftJoin('message', (join) =>
      join.onRef('message.id', '=', 'delivery.origin_id').on('delivery.origin_kind', '=', 'message'),
    )
    .select([
      'delivery.id',
      'delivery.address',
      'delivery.contact_id',
      'delivery.origin_kind',
      'delivery.origin_id',
      'delivery.state',
      'delivery.message_id',
      'delivery.template_version_id',
      'campaign.id as campaign_id',
      'campaign.list_id',
      'campaign.mailbox_id',
      'message.conversation_id',
      'campaign.subject as campaign_subject',
      'message.subject as message_subject',
    ])
    .where('delivery.id', '=', of.id),
);

export async function answeredDelivery(db: Db, id: number): Promise<AnsweredDelivery | undefined> {
  const [row] = (await answeredRow(db, { id })).rows;
  if (row === undefined) return undefined;
  const { campaign_subject, message_subject, ...delivery } = row;
  return { ...delivery, subject: campaign_subject ?? message_subject ?? '' };
}

interface WordsRow {
  template_text: string | null;
  template_html: string | null;
  message_text: string | null;
}

const wordsRow = prepared<{ id: number }, WordsRow>((db, of) =>
  db
    .selectFrom('any_delivery as delivery')
    .leftJoin('template_version', 'template_version.id', 'delivery.template_version_id')
    .leftJoin('message', (join) =>
      join.onRef('message.id', '=', 'delivery.origin_id').on('delivery.origin_kind', '=', 'message'),
    )
    .select([
      'template_version.text as template_text',
      'template_version.html as template_html',
      'message.text as message_text',
    ])
    .where('delivery.id', '=', of.id),
);

/** The words that we sent, without the values that were merged: enough to know them again in a quotation. */
export async function ownWords(
  db: Db,
  deliveryId: number,
): Promise<{ text: string; html: string } | undefined> {
  const [row] = (await wordsRow(db, { id: deliveryId })).rows;
  if (row === undefined) return undefined;
  return { text: row.template_text ?? row.message_text ?? '', html: row.template_html ?? '' };
}

/** What staff wrote in a message of the inbox. */
export async function wordsOfMessage(db: Db, messageId: number): Promise<string | undefined> {
  const row = await db
    .selectFrom('message')
    .select('text')
    .where('id', '=', messageId)
    .where('direction', '=', 'out')
    .executeTakeFirst();
  return row?.text;
}

/** The conversation of a message of ours, by the message's id. */
export async function conversationOfMessage(db: Db, messageId: number): Promise<number | undefined> {
  const row = await db
    .selectFrom('message')
    .select('conversation_id')
    .where('id', '=', messageId)
    .executeTakeFirst();
  return row?.conversation_id;
}

export interface KnownIdentifier {
  value: string;
  conversation_id: number | null;
  delivery_id: number | null;
}

/** Which of these Message-IDs we know, in the order asked. Index: message_identifier (value). */
export async function knownIdentifiers(db: Db, values: readonly string[]): Promise<KnownIdentifier[]> {
  if (values.length === 0) return [];
  // Kept as written, since an answer must repeat them; looked up in lower case, since some clients change it.
  const wanted = values.map((value) => value.toLowerCase());
  const rows = await db
    .selectFrom('message_identifier')
    .select(['value', 'conversation_id', 'delivery_id'])
    .where('value', 'in', wanted)
    .execute();
  return wanted.flatMap((value) => rows.filter((row) => row.value === value));
}

const aboutDelivery = prepared<{ address: string; delivery: number }, Row<'conversation'>>((db, of) =>
  db
    .selectFrom('conversation')
    .selectAll()
    .where('address', '=', of.address)
    .where('delivery_id', '=', of.delivery)
    .orderBy('id')
    .limit(1),
);

/** The conversation that this address already has about this delivery. Index: conversation_address. */
export async function conversationAbout(
  db: Db,
  address: string,
  deliveryId: number,
): Promise<Row<'conversation'> | undefined> {
  return (await aboutDelivery(db, { address, delivery: deliveryId })).rows[0];
}

export async function conversationRow(db: Db, id: number): Promise<Row<'conversation'> | undefined> {
  return db.selectFrom('conversation').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Everyone who is part of a conversation: who wrote in it, and whom we wrote to. */
export async function participantsOf(db: Db, conversationId: number): Promise<Set<string>> {
  const rows = await db
    .selectFrom('message')
    .select(['direction', 'from_address', 'to_addresses', 'cc_addresses'])
    .where('conversation_id', '=', conversationId)
    .execute();
  const people = new Set<string>();
  for (const row of rows) {
    if (row.direction === 'in') people.add(row.from_address);
    for (const address of [
      ...fromJson<string[]>(row.to_addresses, []),
      ...fromJson<string[]>(row.cc_addresses, []),
    ])
      people.add(address);
  }
  return people;
}

/** Which of these are conversations with this person. */
export async function conversationsOf(db: Db, ids: readonly number[], address: string): Promise<number[]> {
  const rows = await db
    .selectFrom('conversation')
    .select('id')
    .where('id', 'in', ids)
    .where('address', '=', address)
    .execute();
  return rows.map((row) => row.id);
}

/** The newest conversation of an address since a time, for mail that lost its headers. Index: conversation_address. */
export async function recentConversations(
  db: Db,
  address: string,
  since: number,
): Promise<Row<'conversation'>[]> {
  return db
    .selectFrom('conversation')
    .selectAll()
    .where('address', '=', address)
    .where('last_message_at', '>', since)
    .where('category', '=', 'human')
    .orderBy('last_message_at', 'desc')
    .limit(20)
    .execute();
}

type Addressee = Pick<Row<'contact'>, 'id' | 'email'>;

const addressee = prepared<{ address: string }, Addressee>(
  (_db, of) => sql`select id, email from contact where email = ${of.address}
    union all select contact.id, contact.email from contact_address as other
      join contact on contact.id = other.contact_id where other.address = ${of.address}`,
);

/** Whoever has the address, primary or not. */
export async function contactByAddress(db: Db, address: string): Promise<Addressee | undefined> {
  return (await addressee(db, { address })).rows[0];
}

/** Whether staff ever wrote to this address in a conversation with it. Index: conversation_address. */
export async function hasWrittenTo(db: Db, address: string): Promise<boolean> {
  const row = await db
    .selectFrom('conversation')
    .innerJoin('message', 'message.conversation_id', 'conversation.id')
    .select('message.id')
    .where('conversation.address', '=', address)
    .where('message.direction', '=', 'out')
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Whether we send from this domain. */
export async function isOwnDomain(db: Db, domain: string): Promise<boolean> {
  const row = await db
    .selectFrom('sending_domain')
    .select('id')
    .where('name', '=', domain.toLowerCase())
    .executeTakeFirst();
  return row !== undefined;
}

/** Marks what came after the 250: "delivered, then bounced". Once; true when this is the first word of it. */
export async function markBouncedAfter(
  db: Db,
  deliveryId: number,
  { class: className, words }: { class: string; words: string },
  now: number,
): Promise<boolean> {
  // The live row first: one that is being retired meanwhile is then found among the retired.
  for (const table of ['delivery', 'delivery_retired'] as const) {
    const result = await db
      .updateTable(table)
      .set({ bounced_after_at: now, class: className, reason: words.slice(0, 500) })
      .where('id', '=', deliveryId)
      .where('bounced_after_at', 'is', null)
      .where('state', '!=', 'bounced')
      .executeTakeFirst();
    if (Number(result.numUpdatedRows) === 1) return true;
  }
  return false;
}

export interface ContactNews {
  last_human_reply_at?: number;
  reply_intent_last?: string;
  away_until?: number | null;
  /** Added to the count; 0 sets it back. */
  soft_bounces?: 'one-more' | 'none';
}

/** What the person told us about himself. */
export async function noteContact(
  db: Db,
  id: number,
  { soft_bounces, ...news }: ContactNews,
  now: number,
): Promise<void> {
  await db
    .updateTable('contact')
    .set((eb) => ({
      ...news,
      ...(soft_bounces === 'one-more' ? { soft_bounces: eb('soft_bounces', '+', 1) } : {}),
      ...(soft_bounces === 'none' ? { soft_bounces: 0 } : {}),
      updated_at: now,
    }))
    .where('id', '=', id)
    .execute();
}
