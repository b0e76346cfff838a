/**
 * Staff answer a person: who it goes to is worked out here, from the message that is answered, and never from what a
 * browser sent alone. The message, its Message-ID and its deliveries are one transaction, so an answer that was shown
 * as sent is in the queue.
 */
import { Problem } from '../errors.ts';
import { checkAddress, cleanText } from '../mail/address.ts';
import { messageIdFor, readRecipient } from '../mail/identifiers.ts';
import type { Tokens } from '../mail/tokens.ts';
import { ownerOf } from './address.ts';
import { changeConversation, indexMessage, rememberIdentifiers, sendingDomainOf } from './conversation.ts';
import { fromJson, toJson } from './json.ts';
import { enqueueMessage } from './queue.ts';
import type { Db, Row } from './tables.ts';

export interface ReplyRecipients {
  /** The shared mailbox that answers. */
  from: string;
  to: string[];
  /** Everyone else who was on it, without ourselves and our token addresses. A suggestion: staff may leave them out. */
  cc: string[];
  subject: string;
  inReplyTo: string | null;
  references: string[];
}

/**
 * Who an answer goes to and what it threads on: the last message that came in; To is its Reply-To, else its From.
 * The answer goes out under the last inbound subject, which the customer may have changed.
 */
export async function replyRecipients(db: Db, conversationId: number): Promise<ReplyRecipients> {
  const conversation = await db
    .selectFrom('conversation')
    .innerJoin('mailbox', 'mailbox.id', 'conversation.mailbox_id')
    .selectAll('conversation')
    .select('mailbox.address as mailbox_address')
    .where('conversation.id', '=', conversationId)
    .executeTakeFirst();
  if (conversation === undefined) throw new Problem('not-found', 'there is no such conversation');
  const turns = await db
    .selectFrom('message')
    .leftJoin('inbound', 'inbound.id', 'message.inbound_id')
    .selectAll('message')
    .select('inbound.facts')
    .where('message.conversation_id', '=', conversationId)
    .where('message.direction', '!=', 'note')
    .orderBy('message.id', 'desc')
    .limit(20)
    .execute();
  const last = turns.find((turn) => turn.direction === 'in');
  const newest = turns[0];
  const replyTo = fromJson<{ replyTo?: string[] }>(last?.facts, {}).replyTo ?? [];
  const to = only(replyTo.length > 0 ? replyTo : [last?.from_address || conversation.address]);
  const others = only([
    ...fromJson<string[]>(last?.to_addresses, []),
    ...fromJson<string[]>(last?.cc_addresses, []),
  ]);
  const ours = await ownAmong(db, others);
  // RFC 5322 3.6.4: References are the parent's and its Message-ID; the oldest and the newest ten are enough for threads.
  const references = fromJson<string[]>(newest?.references, []);
  const parent = newest?.message_id ?? null;
  return {
    from: conversation.mailbox_address,
    to,
    cc: others.filter((address) => !ours.has(address) && !to.includes(address)),
    subject: withRe(last?.subject || conversation.subject),
    inReplyTo: parent,
    references: [
      ...references.slice(0, 1),
      ...references.slice(1).slice(-9),
      ...(parent === null ? [] : [parent]),
    ],
  };
}

function only(addresses: string[]): string[] {
  const keys = addresses.flatMap((address) => {
    const reading = checkAddress(address);
    return reading.kind === 'address' ? [reading.address.key as string] : [];
  });
  return [...new Set(keys)];
}

/** Our mailboxes and token addresses never get a copy: mail to ourselves would come back as a reply. */
async function ownAmong(db: Db, addresses: string[]): Promise<Set<string>> {
  if (addresses.length === 0) return new Set();
  const mailboxes = await db
    .selectFrom('mailbox')
    .select('address')
    .where('address', 'in', addresses)
    .execute();
  const tokens = addresses.filter((address) => readRecipient(address).kind === 'token');
  return new Set([...mailboxes.map((row) => row.address), ...tokens]);
}

const withRe = (subject: string): string =>
  cleanText(/^\s*(re|aw|sv|réf|tr|wg|rv|odp)\s*(\[\d+\])?:/i.test(subject) ? subject : `Re: ${subject}`);

export interface Answer {
  conversationId: number;
  authorId: number | null;
  text: string;
  /** Sanitised by the caller; null sends text alone. */
  html?: string | null;
  /** Copies: only addresses that `replyRecipients` suggested or that staff typed. */
  cc?: string[];
}

export interface Answered {
  messageId: number;
  deliveryIds: number[];
}

/**
 * Stores the answer and queues it, in the transaction handed in. Ring `queue` and `conversation` after the commit.
 *
 *     const { messageId } = await store.write((tx) => answer(tx, { conversationId, authorId, text }, { tokens, now }));
 */
export async function answer(
  db: Db,
  { conversationId, authorId, text, html = null, cc = [] }: Answer,
  { tokens, now }: { tokens: Tokens; now: number },
): Promise<Answered> {
  if (text.trim() === '')
    throw new Problem('invalid', 'an answer needs words', { fields: { text: 'is empty' } });
  const reply = await replyRecipients(db, conversationId);
  const copies = only(cc).filter((address) => !reply.to.includes(address));
  if (reply.to.length === 0) {
    throw new Problem('invalid', 'the other side has no address that can be written to');
  }
  const domain = await sendingDomainOf(db, reply.from);
  if (domain === undefined) {
    throw new Problem(
      'conflict',
      `${reply.from} is not at a sending domain of ours, so it cannot be signed for`,
    );
  }
  const mailbox = await mailboxOf(db, conversationId);
  const { id } = await db
    .insertInto('message')
    .values({
      conversation_id: conversationId,
      direction: 'out',
      kind: 'answer',
      author_id: authorId,
      from_name: mailbox.name,
      from_address: reply.from,
      to_addresses: toJson(reply.to),
      cc_addresses: toJson(copies),
      subject: reply.subject,
      message_id: null,
      in_reply_to: reply.inReplyTo,
      references: toJson(reply.references),
      text,
      segments: toJson([{ kind: 'new', start: 0, end: text.length }]),
      html,
      intent: null,
      intent_evidence: null,
      inbound_id: null,
      delivery_id: null,
      created_at: now,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  // DESIGN section 5: conversation mail has one Message-ID for all its recipients, and it is signed.
  const messageId = messageIdFor(tokens, { id, now }, domain.name, 'c').slice(1, -1).toLowerCase();
  await db.updateTable('message').set({ message_id: messageId }).where('id', '=', id).execute();
  await rememberIdentifiers(db, [messageId], { conversationId }, now);
  await indexMessage(db, id, { subject: reply.subject, text, from: reply.from });
  const deliveryIds = await enqueueMessage(
    db,
    {
      messageId: id,
      recipients: [...reply.to, ...copies],
      sendingDomainId: domain.id,
      // Several recipients are not all this person.
      contactId: reply.to.length + copies.length === 1 ? await contactOf(db, reply.to[0] ?? '') : null,
    },
    now,
  );
  const conversation = await db
    .selectFrom('conversation')
    .select(['message_count', 'contact_id', 'campaign_id', 'assignee_id'])
    .where('id', '=', conversationId)
    .executeTakeFirstOrThrow();
  await db
    .insertInto('event')
    .values({
      kind: 'answered',
      at: now,
      contact_id: conversation.contact_id,
      campaign_id: conversation.campaign_id,
      delivery_id: deliveryIds[0] ?? null,
      conversation_id: conversationId,
      inbound_id: null,
      data: toJson({ author: authorId }),
    })
    .execute();
  await changeConversation(db, conversationId, {
    waiting_on: 'them',
    unread: 0,
    state: 'open',
    closed_at: null,
    last_message_at: now,
    message_count: conversation.message_count + 1,
    preview: text.replace(/\s+/g, ' ').trim().slice(0, 200),
    // Who answers first keeps it, until somebody is put in charge.
    ...(conversation.assignee_id === null && authorId !== null ? { assignee_id: authorId } : {}),
  });
  return { messageId: id, deliveryIds };
}

const contactOf = async (db: Db, address: string): Promise<number | null> =>
  (await ownerOf(db, address)) ?? null;

function mailboxOf(db: Db, conversationId: number): Promise<Row<'mailbox'>> {
  return db
    .selectFrom('conversation')
    .innerJoin('mailbox', 'mailbox.id', 'conversation.mailbox_id')
    .selectAll('mailbox')
    .where('conversation.id', '=', conversationId)
    .executeTakeFirstOrThrow();
}
