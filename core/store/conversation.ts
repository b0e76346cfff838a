/**
 * The shared inbox as rows: what a view lists and counts, one conversation with its turns, and what staff do to it. Every
 * change gives the conversation a higher `version`, so that a live list catches up by asking for what is newer.
 */
import { sql, type ExpressionBuilder, type SqlBool } from 'kysely';
import { asciiDomain } from '../mail/domain.ts';
import { Problem } from '../errors.ts';
import { engineOf, jsonOfRows, rowsFromJson, type ColumnKind } from './batch.ts';
import { fromJson, toJson } from './json.ts';
import { prepared, preparedByColumns } from './prepared.ts';
import type { Db, DeliveryState, NewRow, Row, RowPatch, Tables } from './tables.ts';

/** People's mail first; machine mail is out of sight but counted and one click away. */
export const views = [
  'mine',
  'unassigned',
  'waiting-on-us',
  'waiting-on-them',
  'all',
  'closed',
  'auto-replies',
  'bounces',
  'newsletters',
  'unverified',
  'other',
  'spam',
] as const;
export type View = (typeof views)[number];

/** A conversation as a list shows it. */
export interface ConversationSummary extends Row<'conversation'> {
  contact_name: string;
  assignee_name: string | null;
  mailbox_name: string;
  campaign_name: string | null;
}

export interface Page<T> {
  rows: T[];
  /** Hand it in to get what comes after; null at the end. */
  next: string | null;
}

export interface ViewQuestion {
  view: View;
  /** Who asks: "mine" is theirs. */
  userId: number;
  mailboxId?: number | undefined;
  limit?: number | undefined;
  cursor?: string | null | undefined;
}

/** Where one recipient of our answer stands, for the line under the message. */
export interface AnswerDelivery {
  id: number;
  origin_id: number;
  address: string;
  state: DeliveryState;
  due_at: number;
  last_reply: string | null;
  last_mx: string | null;
  finished_at: number | null;
  bounced_after_at: number | null;
}

export interface Segment {
  kind: 'new' | 'quoted' | 'signature' | 'forwarded' | 'disclaimer';
  start: number;
  end: number;
  /** Not new, yet to be seen: a quotation that the writer answers below it, or all that there is. */
  shown?: boolean;
}

/** One turn, with what hangs on it. */
export interface ConversationMessage extends Omit<
  Row<'message'>,
  'to_addresses' | 'cc_addresses' | 'references' | 'segments'
> {
  to_addresses: string[];
  cc_addresses: string[];
  references: string[];
  segments: Segment[];
  author_name: string | null;
  attachments: Row<'attachment'>[];
  deliveries: AnswerDelivery[];
  /** How the received message was judged, for "why": rules as [{id, why}], and what SPF, DKIM and DMARC said. */
  rules: { id: string; why: string }[];
  authentication: Record<string, unknown> | null;
  trust: string | null;
}

type In<T extends keyof Tables> = ExpressionBuilder<Tables, T>;

function inView(view: View, userId: number) {
  return (eb: In<'conversation'>) => {
    const people = [eb('conversation.category', '=', 'human'), eb('conversation.state', '=', 'open')];
    const machine = (category: Row<'conversation'>['category']) =>
      eb.and([eb('conversation.category', '=', category), eb('conversation.state', '!=', 'spam')]);
    switch (view) {
      case 'mine':
        return eb.and([...people, eb('conversation.assignee_id', '=', userId)]);
      case 'unassigned':
        return eb.and([...people, eb('conversation.assignee_id', 'is', null)]);
      case 'waiting-on-us':
        return eb.and([...people, eb('conversation.waiting_on', '=', 'us')]);
      case 'waiting-on-them':
        return eb.and([...people, eb('conversation.waiting_on', '=', 'them')]);
      case 'all':
        return eb.and(people);
      case 'closed':
        return eb.and([eb('conversation.category', '=', 'human'), eb('conversation.state', '=', 'closed')]);
      case 'auto-replies':
        return machine('autoreply');
      case 'bounces':
        return machine('bounce');
      case 'newsletters':
        return machine('list');
      case 'unverified':
        return machine('unverified');
      case 'other':
        return machine('other');
      case 'spam':
        return eb('conversation.state', '=', 'spam');
      default:
        return view satisfies never;
    }
  };
}

function summaries(db: Db) {
  return db
    .selectFrom('conversation')
    .innerJoin('mailbox', 'mailbox.id', 'conversation.mailbox_id')
    .leftJoin('contact', 'contact.id', 'conversation.contact_id')
    .leftJoin('user', 'user.id', 'conversation.assignee_id')
    .leftJoin('campaign', 'campaign.id', 'conversation.campaign_id')
    .selectAll('conversation')
    .select([
      'mailbox.name as mailbox_name',
      'user.name as assignee_name',
      'campaign.name as campaign_name',
      sql<string>`trim(coalesce(contact.first_name, '') || ' ' || coalesce(contact.last_name, ''))`.as(
        'contact_name',
      ),
    ]);
}

/** A page of a view, newest first. Index: conversation_view (category, state, last_message_at). */
export async function conversationsInView(
  db: Db,
  { view, userId, mailboxId, limit = 50, cursor }: ViewQuestion,
): Promise<Page<ConversationSummary>> {
  let query = summaries(db).where(inView(view, userId) as never);
  if (mailboxId !== undefined) query = query.where('conversation.mailbox_id', '=', mailboxId);
  const after = readCursor(cursor);
  if (after !== undefined) {
    query = query.where((eb) =>
      eb.or([
        eb('conversation.last_message_at', '<', after.at),
        eb.and([eb('conversation.last_message_at', '=', after.at), eb('conversation.id', '<', after.id)]),
      ]),
    );
  }
  const rows = await query
    .orderBy('conversation.last_message_at', 'desc')
    .orderBy('conversation.id', 'desc')
    .limit(limit + 1)
    .execute();
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    rows: page,
    next: rows.length > limit && last !== undefined ? `${last.last_message_at}.${last.id}` : null,
  };
}

function readCursor(cursor: string | null | undefined): { at: number; id: number } | undefined {
  const match = /^(\d{1,16})\.(\d{1,16})$/.exec(cursor ?? '');
  return match === null ? undefined : { at: Number(match[1]), id: Number(match[2]) };
}

/** How many conversations each view holds, in one pass over the index. */
export async function conversationCounts(db: Db, userId: number): Promise<Record<View, number>> {
  const groups = await db
    .selectFrom('conversation')
    .select((eb) => [
      'category',
      'state',
      'waiting_on',
      eb
        .case()
        .when('assignee_id', 'is', null)
        .then('nobody')
        .when('assignee_id', '=', userId)
        .then('me')
        .else('other')
        .end()
        .as('whose'),
      eb.fn.countAll<number>().as('n'),
    ])
    .groupBy(['category', 'state', 'waiting_on', 'whose'])
    .execute();
  const counts = Object.fromEntries(views.map((view) => [view, 0])) as Record<View, number>;
  for (const { category, state, waiting_on, whose, n } of groups) {
    const add = (view: View) => (counts[view] += Number(n));
    if (state === 'spam') add('spam');
    else if (category === 'autoreply') add('auto-replies');
    else if (category === 'bounce') add('bounces');
    else if (category === 'list') add('newsletters');
    else if (category === 'unverified') add('unverified');
    else if (category === 'other') add('other');
    else if (state === 'closed') add('closed');
    else {
      add('all');
      add(waiting_on === 'us' ? 'waiting-on-us' : 'waiting-on-them');
      if (whose === 'me') add('mine');
      if (whose === 'nobody') add('unassigned');
    }
  }
  return counts;
}

export async function conversationById(db: Db, id: number): Promise<ConversationSummary | undefined> {
  return summaries(db).where('conversation.id', '=', id).executeTakeFirst();
}

export async function conversationsOfContact(
  db: Db,
  contactId: number,
  limit = 50,
): Promise<ConversationSummary[]> {
  return summaries(db)
    .where('conversation.contact_id', '=', contactId)
    .orderBy('conversation.last_message_at', 'desc')
    .limit(limit)
    .execute();
}

/** What changed since a version, oldest change first: what a live list asks after each ring of the bell. */
export async function conversationsChangedSince(
  db: Db,
  version: number,
  limit = 200,
): Promise<ConversationSummary[]> {
  return summaries(db)
    .where('conversation.version', '>', version)
    .orderBy('conversation.version')
    .limit(limit)
    .execute();
}

const highestVersion = prepared<object, { version: number | null }>((db) =>
  db.selectFrom('conversation').select(({ fn }) => fn.max('version').as('version')),
);

/** The highest version there is: where a live list begins. */
export async function conversationVersion(db: Db): Promise<number> {
  const [row] = (await highestVersion(db, {})).rows;
  return Number(row?.version ?? 0);
}

/** Every turn of a conversation, oldest first. Index: message_conversation. */
export async function messagesOf(db: Db, conversationId: number): Promise<ConversationMessage[]> {
  const rows = await db
    .selectFrom('message')
    .leftJoin('user', 'user.id', 'message.author_id')
    .leftJoin('inbound', 'inbound.id', 'message.inbound_id')
    .selectAll('message')
    .select(['user.name as author_name', 'inbound.rules', 'inbound.authentication', 'inbound.trust'])
    .where('message.conversation_id', '=', conversationId)
    .orderBy('message.id')
    .execute();
  const ids = rows.map((row) => row.id);
  if (ids.length === 0) return [];
  const attachments = await db
    .selectFrom('attachment')
    .selectAll()
    .where('message_id', 'in', ids)
    .orderBy('id')
    .execute();
  const sent = rows.filter((row) => row.direction === 'out').map((row) => row.id);
  const deliveries = sent.length === 0 ? [] : await answerDeliveries(db, sent);
  return rows.map((row) => ({
    ...row,
    to_addresses: fromJson<string[]>(row.to_addresses, []),
    cc_addresses: fromJson<string[]>(row.cc_addresses, []),
    references: fromJson<string[]>(row.references, []),
    segments: fromJson<Segment[]>(row.segments, []),
    rules: fromJson<{ id: string; why: string }[]>(row.rules, []),
    authentication: fromJson<Record<string, unknown> | null>(row.authentication, null),
    attachments: attachments.filter((attachment) => attachment.message_id === row.id),
    deliveries: deliveries.filter((delivery) => delivery.origin_id === row.id),
  }));
}

function answerDeliveries(db: Db, messageIds: number[]): Promise<AnswerDelivery[]> {
  return db
    .selectFrom('any_delivery')
    .select([
      'id',
      'origin_id',
      'address',
      'state',
      'due_at',
      'last_reply',
      'last_mx',
      'finished_at',
      'bounced_after_at',
    ])
    .where('origin_kind', '=', 'message')
    .where('origin_id', 'in', messageIds)
    .orderBy('id')
    .execute();
}

/**
 * The sanitised HTML of one message, for its own response; null when it has none or holds malware, whose words are enough,
 * undefined when there is no message.
 */
export async function messageHtml(db: Db, messageId: number): Promise<string | null | undefined> {
  const row = await db
    .selectFrom('message')
    .select(['html', 'malware'])
    .where('id', '=', messageId)
    .executeTakeFirst();
  return row?.malware == null ? row?.html : null;
}

export interface AttachmentPlace extends Row<'attachment'> {
  raw_hash: string;
}

export interface AttachmentOrigin extends AttachmentPlace {
  /** What a scanner found in its message. */
  malware: string | null;
  conversation_id: number;
  inbound_id: number | null;
}

/** An attachment with where its bytes are: which part of which raw message. */
export async function attachmentById(db: Db, id: number): Promise<AttachmentOrigin | undefined> {
  return db
    .selectFrom('attachment')
    .innerJoin('message', 'message.id', 'attachment.message_id')
    .innerJoin('inbound', 'inbound.id', 'message.inbound_id')
    .selectAll('attachment')
    .select(['inbound.raw_hash', 'message.malware', 'message.conversation_id', 'message.inbound_id'])
    .where('attachment.id', '=', id)
    .executeTakeFirst();
}

/**
 * The one way to change a conversation. PostgreSQL: the lock makes versions commit in their order, so that no live list
 * skips a late commit; take it late in the transaction. SQLite has one writer.
 */
export async function changeConversation(
  db: Db,
  id: number,
  patch: Omit<RowPatch<'conversation'>, 'version'>,
): Promise<void> {
  await patchRow(db, { ...patch, version: await nextVersion(db), id });
}

const patchRow = preparedByColumns<RowPatch<'conversation'> & { id: number }>((db, { id, ...patch }) =>
  db.updateTable('conversation').set(patch).where('id', '=', id),
);

const VERSION_LOCK = 0x636f6e76;

async function nextVersion(db: Db): Promise<number> {
  if (engineOf(db) === 'postgres') await sql`select pg_advisory_xact_lock(${VERSION_LOCK})`.execute(db);
  return (await conversationVersion(db)) + 1;
}

export async function openConversation(
  db: Db,
  row: Omit<NewRow<'conversation'>, 'id' | 'version'>,
): Promise<number> {
  const version = await nextVersion(db);
  const { id } = await db
    .insertInto('conversation')
    .values({ ...row, version })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

/** `userId` null gives it back to everybody. */
export async function assign(db: Db, id: number, userId: number | null): Promise<void> {
  await existing(db, id);
  await changeConversation(db, id, { assignee_id: userId });
}

export async function closeConversation(db: Db, id: number, now: number): Promise<void> {
  await existing(db, id);
  await changeConversation(db, id, { state: 'closed', closed_at: now, unread: 0 });
}

export async function reopenConversation(db: Db, id: number): Promise<void> {
  await existing(db, id);
  await changeConversation(db, id, { state: 'open', closed_at: null });
}

export async function markSpam(db: Db, id: number, now: number): Promise<void> {
  await existing(db, id);
  await changeConversation(db, id, { state: 'spam', closed_at: now, unread: 0 });
}

export async function markRead(db: Db, id: number, read = true): Promise<void> {
  const row = await existing(db, id);
  if ((row.unread === 0) === read) return;
  await changeConversation(db, id, { unread: read ? 0 : 1 });
}

async function existing(db: Db, id: number): Promise<Row<'conversation'>> {
  const row = await db.selectFrom('conversation').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw new Problem('not-found', 'there is no such conversation');
  return row;
}

const insertMessage = preparedByColumns<NewRow<'message'>, { id: number }>((db, row) =>
  db.insertInto('message').values(row).returning('id'),
);

/** A turn of a conversation, as it is. Returns its id. */
export async function addMessageRow(db: Db, row: NewRow<'message'>): Promise<number> {
  return (await insertMessage(db, row)).rows[0]!.id;
}

/** A private note: only the team sees it. Returns the message id. */
export async function addNote(
  db: Db,
  { conversationId, authorId, text }: { conversationId: number; authorId: number; text: string },
  now: number,
): Promise<number> {
  const conversation = await existing(db, conversationId);
  const id = await addMessageRow(db, {
    conversation_id: conversationId,
    direction: 'note',
    kind: 'note',
    author_id: authorId,
    from_name: '',
    from_address: '',
    to_addresses: toJson([]),
    cc_addresses: toJson([]),
    subject: conversation.subject,
    message_id: null,
    in_reply_to: null,
    references: toJson([]),
    text,
    segments: toJson([{ kind: 'new', start: 0, end: text.length }]),
    html: null,
    intent: null,
    intent_evidence: null,
    inbound_id: null,
    delivery_id: null,
    created_at: now,
  });
  await indexMessage(db, id, { subject: '', text, from: '' });
  await changeConversation(db, conversationId, { message_count: conversation.message_count + 1 });
  return id;
}

const indexText = prepared<{ id: number; subject: string; text: string; from: string }>(
  (_, of) => sql`insert into message_text (rowid, subject, text, from_address)
    values (${of.id}, ${of.subject}, ${of.text}, ${of.from})`,
);

/** Puts a message into the full-text index: FTS5 on SQLite, tsvector on PostgreSQL; accents are folded here for both. */
export async function indexMessage(
  db: Db,
  messageId: number,
  { subject, text, from }: { subject: string; text: string; from: string },
): Promise<void> {
  const [s, t, f] = [fold(subject), fold(text).slice(0, 100_000), fold(from)];
  if (engineOf(db) === 'sqlite') {
    await indexText(db, { id: messageId, subject: s, text: t, from: f });
    return;
  }
  const words = `${s} ${f.replace(/[@.]/g, ' ')} ${t}`;
  await sql`insert into message_text (rowid, document) values (${messageId}, to_tsvector('simple', ${words}))`.execute(
    db,
  );
}

/** What the short runs beyond ASCII become: a language has few of them, and asking ICU costs ten times as much. */
const foldedRuns = new Map<string, string>();
const RUNS_KEPT = 2000;

function foldRun(run: string): string {
  const known = foldedRuns.get(run);
  if (known !== undefined) return known;
  const folded = run.normalize('NFKD').replace(/[\p{M}\u0000]/gu, '');
  if (run.length <= 3 && foldedRuns.size < RUNS_KEPT) foldedRuns.set(run, folded);
  return folded;
}

/** Lower case without accents. Only what is not ASCII is normalised. */
const fold = (text: string): string =>
  text
    // oxlint-disable-next-line no-control-regex
    .replace(/[^\x01-\x7f]+/g, foldRun)
    .toLowerCase()
    .toWellFormed();

/** Conversations with a message that has all these words (the last one may be unfinished), newest first. */
export async function searchConversations(
  db: Db,
  text: string,
  { limit = 50 }: { limit?: number } = {},
): Promise<ConversationSummary[]> {
  const words = fold(text)
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
    .slice(0, 12);
  if (words.length === 0) return [];
  const query = words.map((word) => (engineOf(db) === 'sqlite' ? `"${word}"*` : `${word}:*`));
  const hits =
    engineOf(db) === 'sqlite'
      ? sql<SqlBool>`message.id in (select rowid from message_text where message_text match ${query.join(' ')})`
      : sql<SqlBool>`message.id in (select rowid from message_text where document @@ to_tsquery('simple', ${query.join(' & ')}))`;
  return summaries(db)
    .where('conversation.id', 'in', (eb) =>
      eb.selectFrom('message').select('message.conversation_id').where(hits),
    )
    .orderBy('conversation.last_message_at', 'desc')
    .limit(limit)
    .execute();
}

const IDENTIFIER = { value: 'text' } satisfies Record<string, ColumnKind>;

interface Remembered {
  rows: string;
  conversation: number | null;
  delivery: number | null;
  now: number;
}

const insertIdentifiers = prepared<Remembered>(
  (db, of) => sql`insert into message_identifier (value, conversation_id, delivery_id, created_at)
    select value, ${of.conversation}, ${of.delivery}, ${of.now}
    from ${rowsFromJson(db, of.rows, IDENTIFIER)} as r where true on conflict (value) do nothing`,
);

/** Remembers Message-IDs, ours and theirs; the first owner of an id keeps it. Ids without <>, any case. */
export async function rememberIdentifiers(
  db: Db,
  values: readonly string[],
  owner: { conversationId?: number | null; deliveryId?: number | null },
  now: number,
): Promise<void> {
  const rows = [...new Set(values.map((value) => value.toLowerCase()))].map((value) => ({ value }));
  if (rows.length === 0) return;
  await insertIdentifiers(db, {
    rows: jsonOfRows(rows, IDENTIFIER),
    conversation: owner.conversationId ?? null,
    delivery: owner.deliveryId ?? null,
    now,
  });
}

/** The sending domain that signs for an address of ours: its own, else its organisation's first. */
export async function sendingDomainOf(db: Db, address: string): Promise<Row<'sending_domain'> | undefined> {
  const name = asciiDomain(address.slice(address.lastIndexOf('@') + 1));
  if (name === undefined) return undefined;
  return db.selectFrom('sending_domain').selectAll().where('name', '=', name).executeTakeFirst();
}
