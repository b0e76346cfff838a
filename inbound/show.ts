/** A received message in the shared inbox: its conversation, its turn, its files, and what search and threading know of it. */
import { readRecipient } from '../core/mail/identifiers.ts';
import {
  addMessageRow,
  changeConversation,
  indexMessage,
  openConversation,
  rememberIdentifiers,
} from '../core/store/conversation.ts';
import { addMailbox, receivingAddresses } from '../core/store/inbound.ts';
import { toJson } from '../core/store/json.ts';
import type { Db, Row } from '../core/store/tables.ts';
import type { Application } from './apply.ts';
import type { Letter } from './parse.ts';
import { mailboxAt } from './recipient.ts';

/** How the inbox shows it; undefined: not at all. */
export interface Shown {
  category: Row<'conversation'>['category'];
  state: Row<'conversation'>['state'];
  waitingOn: 'us' | 'them';
  unread: boolean;
  /** Machine mail joins a conversation without waking it. */
  silent: boolean;
}

/** Out of sight, yet counted and one click away. */
export const machine = (category: Shown['category']): Shown => ({
  category,
  state: 'open',
  waitingOn: 'them',
  unread: false,
  silent: true,
});
/** A person decides. */
export const unverified: Shown = {
  category: 'unverified',
  state: 'open',
  waitingOn: 'us',
  unread: true,
  silent: false,
};

/** Puts the message into the inbox, in its conversation or a new one. */
export async function show(tx: Db, application: Application, shown: Shown, now: number): Promise<number> {
  const { letter, verdict, place } = application;
  const preview = (verdict.reply.visible || letter.text).replace(/\s+/g, ' ').trim().slice(0, 200);
  const joined = place.conversation;
  const conversationId =
    joined?.id ??
    (await openConversation(tx, {
      mailbox_id: await mailboxFor(tx, application, now),
      contact_id: place.contactId,
      address: place.address,
      subject: letter.subject,
      state: shown.state,
      category: shown.category,
      assignee_id: null,
      waiting_on: shown.waitingOn,
      unread: shown.unread ? 1 : 0,
      intent: verdict.intent?.intent ?? null,
      campaign_id: place.delivery?.campaign_id ?? null,
      delivery_id: place.delivery?.id ?? null,
      continues_id: place.continues?.id ?? null,
      preview,
      message_count: 0,
      last_message_at: now,
      created_at: now,
      closed_at: shown.state === 'closed' ? now : null,
    }));
  await addMessage(tx, application, conversationId, now);
  await changeConversation(tx, conversationId, {
    message_count: (joined?.message_count ?? 0) + 1,
    ...(joined !== undefined && shown.silent
      ? {}
      : {
          preview,
          last_message_at: now,
          unread: shown.unread ? 1 : 0,
          waiting_on: shown.waitingOn,
          state: shown.state,
          closed_at: shown.state === 'closed' ? now : null,
          // A person's word lifts machine mail into people's mail, never the other way round.
          ...(shown.category === 'human' ? { category: 'human' as const } : {}),
          ...(verdict.intent === null ? {} : { intent: verdict.intent.intent }),
        }),
  });
  return conversationId;
}

async function addMessage(
  tx: Db,
  { row, letter, verdict, place, malware }: Application,
  conversationId: number,
  now: number,
): Promise<void> {
  const sender = letter.from[0];
  const addresses = (people: Letter['to']) =>
    people.map((person) => person.address).filter((address) => address !== '');
  const id = await addMessageRow(tx, {
    conversation_id: conversationId,
    direction: 'in',
    kind: verdict.kind,
    author_id: null,
    from_name: sender?.name ?? '',
    from_address: sender?.address || row.mail_from,
    to_addresses: toJson(addresses(letter.to)),
    cc_addresses: toJson(addresses(letter.cc)),
    subject: letter.subject,
    message_id: letter.messageId === '' ? null : letter.messageId,
    in_reply_to: letter.inReplyTo[0] ?? null,
    references: toJson(letter.references),
    text: letter.text,
    segments: toJson(verdict.reply.segments),
    html: letter.html,
    intent: verdict.intent?.intent ?? null,
    intent_evidence: verdict.intent?.evidence ?? null,
    malware,
    inbound_id: row.id,
    delivery_id: place.delivery?.id ?? null,
    created_at: now,
  });
  if (letter.attachments.length > 0) {
    await tx
      .insertInto('attachment')
      .values(
        letter.attachments.map((file) => ({
          message_id: id,
          file_name: file.fileName,
          media_type: file.mediaType,
          size: file.size,
          part: file.part,
          content_id: file.contentId,
        })),
      )
      .execute();
  }
  // Unknown ancestors too: a colleague who answers them belongs here.
  const own = verdict.kind === 'reply' || verdict.kind === 'autoreply' || verdict.kind === 'challenge';
  const index = own && letter.threadIndex !== null ? [letter.threadIndex] : [];
  const ids = [letter.messageId, ...index, ...(own ? unclaimed(letter) : [])].filter((value) => value !== '');
  await rememberIdentifiers(tx, ids, { conversationId }, now);
  await indexMessage(tx, id, {
    subject: letter.subject,
    text: letter.text,
    from: `${sender?.name ?? ''} ${sender?.address ?? ''}`,
  });
}

// Ours carry a token of their own and are found by it; a campaign's would wrongly belong to whoever answers first.
const unclaimed = (letter: Letter): string[] =>
  [...letter.inReplyTo, ...letter.references].filter((id) => !/^[mc]\.[0-9a-z]{32}@/.test(id)).slice(-20);

/** Which shared mailbox it lands in. */
async function mailboxFor(tx: Db, { rcptTo, place }: Application, now: number): Promise<number> {
  const known = await receivingAddresses(tx);
  for (const address of rcptTo) {
    const addressed = mailboxAt(known, address);
    if (addressed !== undefined) return addressed.id;
  }
  if (place.delivery?.mailbox_id != null) return place.delivery.mailbox_id;
  for (const address of rcptTo) {
    const found = readRecipient(address);
    if (found.kind !== 'token' || found.mailbox === undefined) continue;
    const named = known.mailboxes.find((mailbox) => mailbox.address.split('@')[0] === found.mailbox);
    if (named !== undefined) return named.id;
  }
  // postmaster@ and abuse@ (RFC 2142), and everything else that is ours: the brand's first mailbox.
  const host = rcptTo[0]?.split('@')[1] ?? '';
  const domain =
    known.domains.find((one) => [one.name, one.bounce_host, one.reply_host].includes(host)) ??
    known.domains[0];
  const ofBrand =
    known.mailboxes.find((mailbox) => mailbox.brand_id === domain?.brand_id) ?? known.mailboxes[0];
  if (ofBrand !== undefined) return ofBrand.id;
  const name = domain?.name ?? host;
  return addMailbox(
    tx,
    { brand_id: domain?.brand_id ?? 1, name: 'Postmaster', address: `postmaster@${name}` },
    now,
  );
}
