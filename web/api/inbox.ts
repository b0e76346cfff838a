/** The shared inbox over HTTP. What staff may do, and to whom an answer goes, is decided in core/store. */
import { Problem } from '../../core/errors.ts';
import { answer, replyRecipients } from '../../core/store/answer.ts';
import { inlineAttachments } from '../../core/store/attachment.ts';
import {
  addNote,
  assign,
  attachmentById,
  closeConversation,
  conversationById,
  conversationCounts,
  conversationsChangedSince,
  conversationsInView,
  conversationVersion,
  markRead,
  markSpam,
  messageHtml,
  messagesOf,
  reopenConversation,
  type ConversationMessage,
  type ConversationSummary,
} from '../../core/store/conversation.ts';
import { neighboursOf } from '../../core/store/continuation.ts';
import { subjectsBefore } from '../../core/mail/subject.ts';
import { extractPart } from '../../core/mail/mime-part.ts';
import { mailboxById } from '../../core/store/identity.ts';
import { readRawMessage } from '../../core/store/raw-message.ts';
import type { Db } from '../../core/store/tables.ts';
import { userById } from '../../core/store/user.ts';
import { inertDownload, strangersMail, textAsHtml } from '../http/frame.ts';
import { withInlineImages } from '../http/inline-image.ts';
import type { Call, SomeHandlers } from '../http/route.ts';
import type { RouteName } from '../contract.ts';
import { decideWish } from '../../core/audience/wish.ts';
import { wishesIn, type Wish } from '../../core/store/suppression.ts';
import type { Runtime } from '../../core/runtime.ts';
import { intentReadings } from './learnt.ts';
import { panelFor } from './panel.ts';

const MOST_CHANGES = 200;

export const conversationLine = (row: ConversationSummary) => ({ ...row, unread: row.unread === 1 });

async function turns(rt: Runtime, messages: readonly ConversationMessage[], now: number) {
  const before = subjectsBefore(messages);
  const readings = await intentReadings(rt, messages, now);
  return messages.map(({ html, ...message }) => ({
    ...message,
    ...(readings.get(message.id) ?? { intents: [], intent_proposed: null, intent_corrected: null }),
    has_html: html !== null && message.malware === null,
    subject_before: before.get(message.id) ?? null,
  }));
}

async function existing(db: Db, id: number): Promise<ConversationSummary> {
  const row = await conversationById(db, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such conversation');
  return row;
}

/** One change, committed, then told to everybody who looks. */
async function change(call: Call<RouteName>, id: number, work: (tx: Db) => Promise<unknown>) {
  const { rt } = call;
  const row = await rt.store.write(async (tx) => {
    await work(tx);
    return existing(tx, id);
  });
  rt.wake.ring('conversation');
  return { conversation: conversationLine(row) };
}

function wishOf(wish: Wish | undefined) {
  if (wish === undefined) return null;
  return {
    suppression_id: wish.id,
    kind: wish.scope === 'pause' ? ('asked' as const) : ('left' as const),
    scope: wish.scope,
    evidence: wish.evidence,
    at: wish.created_at,
    until: wish.until,
    decided_by: wish.created_by_name,
  };
}

export const inboxHandlers = {
  async views({ rt, user }) {
    const [version, counts] = await Promise.all([
      conversationVersion(rt.store.read),
      conversationCounts(rt.store.read, user.id),
    ]);
    return { counts, version };
  },

  async conversations({ rt, user, query }) {
    // The version first: what changes while we read is then told again, never missed.
    const version = await conversationVersion(rt.store.read);
    const page = await conversationsInView(rt.store.read, {
      view: query.view,
      userId: user.id,
      mailboxId: query.mailbox_id,
      cursor: query.cursor,
      limit: query.limit,
    });
    return { rows: page.rows.map(conversationLine), next: page.next, version };
  },

  async conversationChanges({ rt, query }) {
    const rows = await conversationsChangedSince(rt.store.read, query.since, MOST_CHANGES);
    return {
      rows: rows.map(conversationLine),
      version: rows.at(-1)?.version ?? query.since,
      more: rows.length === MOST_CHANGES,
    };
  },

  async conversation({ rt, params, now }) {
    const db = rt.store.read;
    const row = await existing(db, params.id);
    const [messages, contact, reply, mailbox, wishes, neighbours] = await Promise.all([
      messagesOf(db, params.id),
      panelFor(rt, { contactId: row.contact_id, address: row.address }),
      replyRecipients(db, params.id),
      mailboxById(db, row.mailbox_id),
      wishesIn(db, params.id),
      neighboursOf(db, row),
    ]);
    return {
      conversation: conversationLine(row),
      ...neighbours,
      messages: await turns(rt, messages, now),
      contact,
      reply,
      signature: mailbox?.signature ?? '',
      wish: wishOf(wishes[0]),
    };
  },

  async reply({ rt, params, body, user, now }) {
    const result = await rt.store.write(async (tx) => {
      if (body.seen_message_id !== undefined && !body.anyway) {
        const seen = body.seen_message_id;
        const newer = (await messagesOf(tx, params.id)).some(
          (one) => one.id > seen && one.direction === 'in',
        );
        if (newer) throw new Problem('conflict', 'a new message came since you began to write');
      }
      const sent = await answer(
        tx,
        { conversationId: params.id, authorId: user.id, text: body.text, cc: body.cc },
        { tokens: rt.tokens, now },
      );
      if (body.close) await closeConversation(tx, params.id, now);
      return { sent, row: await existing(tx, params.id) };
    });
    rt.wake.ring('queue');
    rt.wake.ring('conversation');
    return {
      message_id: result.sent.messageId,
      delivery_ids: result.sent.deliveryIds,
      conversation: conversationLine(result.row),
    };
  },

  async note(call) {
    const { params, body, user, now } = call;
    let messageId = 0;
    const changed = await change(call, params.id, async (tx) => {
      messageId = await addNote(tx, { conversationId: params.id, authorId: user.id, text: body.text }, now);
    });
    return { ...changed, message_id: messageId };
  },

  assign: (call) =>
    change(call, call.params.id, async (tx) => {
      const { user_id: userId } = call.body;
      if (userId !== null) {
        const assignee = await userById(tx, userId);
        if (assignee === undefined || assignee.disabled_at !== null)
          throw new Problem('invalid', 'there is no such user', { fields: { user_id: 'is not a user' } });
      }
      await assign(tx, call.params.id, userId);
    }),

  async decideWish({ rt, params, body, user }) {
    await decideWish(rt, { conversationId: params.id, decision: body.decision, by: user.id });
    return { conversation: conversationLine(await existing(rt.store.read, params.id)) };
  },

  closeConversation: (call) =>
    change(call, call.params.id, (tx) => closeConversation(tx, call.params.id, call.now)),
  reopenConversation: (call) => change(call, call.params.id, (tx) => reopenConversation(tx, call.params.id)),
  spamConversation: (call) => change(call, call.params.id, (tx) => markSpam(tx, call.params.id, call.now)),
  readConversation: (call) =>
    change(call, call.params.id, (tx) => markRead(tx, call.params.id, call.body.read)),

  async messageBody({ rt, ctx, params }) {
    const html = await messageHtml(rt.store.read, params.id);
    if (html === undefined) throw new Problem('not-found', 'there is no such message');
    const places = html?.includes('cid:') ? await inlineAttachments(rt.store.read, params.id) : [];
    const shown = await withInlineImages(html ?? textAsHtml(''), places, (hash) =>
      readRawMessage(rt.store.read, rt.config.data_dir, hash),
    );
    strangersMail(ctx, shown);
  },

  async attachment({ rt, ctx, params }) {
    const found = await attachmentById(rt.store.read, params.id);
    const raw = found && (await readRawMessage(rt.store.read, rt.config.data_dir, found.raw_hash));
    const bytes = raw && extractPart(raw, found.part);
    if (found === undefined || bytes === undefined)
      throw new Problem('not-found', 'there is no such attachment');
    if (found.malware !== null)
      throw new Problem(
        'conflict',
        `a scanner found ${found.malware} in this message: only an administrator may take its files, and has to confirm it`,
      );
    inertDownload(ctx, found.file_name, bytes);
  },
} satisfies SomeHandlers;
