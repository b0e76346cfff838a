import { expect, test } from 'vitest';
import { manualClock } from '../clock.ts';
import { createTokens } from '../mail/tokens.ts';
import { answer, replyRecipients } from './answer.ts';
import {
  addNote,
  assign,
  closeConversation,
  conversationById,
  conversationCounts,
  conversationsChangedSince,
  conversationsInView,
  conversationVersion,
  indexMessage,
  markRead,
  messagesOf,
  openConversation,
  rememberIdentifiers,
  reopenConversation,
  searchConversations,
} from './conversation.ts';
import { toJson } from './json.ts';
import type { Store } from './open.ts';
import type { NewRow } from './tables.ts';
import { eachEngine } from './testing.ts';

const clock = manualClock();
const now = clock.now();
const tokens = createTokens([{ id: 1, secret: Buffer.alloc(32, 7) }]);

async function seeded(store: Store) {
  return store.write(async (tx) => {
    const brand = await tx
      .insertInto('brand')
      .values({ name: 'Shop', language: 'fr', postal_address: '', created_at: now })
      .returning('id')
      .executeTakeFirstOrThrow();
    await tx
      .insertInto('sending_domain')
      .values({
        brand_id: brand.id,
        name: 'shop.example',
        bounce_host: 'b.shop.example',
        reply_host: 'r.shop.example',
        created_at: now,
        checked_at: null,
        check: null,
      })
      .execute();
    const mailbox = await tx
      .insertInto('mailbox')
      .values({
        brand_id: brand.id,
        name: 'Support',
        address: 'support@shop.example',
        signature: '',
        created_at: now,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    const user = await tx
      .insertInto('user')
      .values({
        email: 'eve@shop.example',
        name: 'Eve',
        password_hash: null,
        role: 'agent',
        language: 'fr',
        theme: 'system',
        created_at: now,
        disabled_at: null,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    return { mailboxId: mailbox.id, userId: user.id };
  });
}

const conversation = (store: Store, mailboxId: number, changes: Partial<NewRow<'conversation'>> = {}) =>
  store.write((tx) =>
    openConversation(tx, {
      mailbox_id: mailboxId,
      contact_id: null,
      address: 'ana@remote.example',
      subject: 'Summer',
      state: 'open',
      category: 'human',
      assignee_id: null,
      waiting_on: 'us',
      unread: 1,
      intent: null,
      campaign_id: null,
      delivery_id: null,
      preview: '',
      message_count: 0,
      last_message_at: now,
      created_at: now,
      closed_at: null,
      ...changes,
    }),
  );

const received = (store: Store, conversationId: number, changes: Partial<NewRow<'message'>> = {}) =>
  store.write(async (tx) => {
    const row: NewRow<'message'> = {
      conversation_id: conversationId,
      direction: 'in',
      kind: 'reply',
      author_id: null,
      from_name: 'Ana',
      from_address: 'ana@remote.example',
      to_addresses: toJson(['support@shop.example', 'bob@remote.example']),
      cc_addresses: toJson([]),
      subject: 'Re: Summer',
      message_id: 'a1@remote.example',
      in_reply_to: null,
      references: toJson(['m0@shop.example']),
      text: 'Où est ma commande ?',
      segments: toJson([]),
      html: null,
      intent: null,
      intent_evidence: null,
      inbound_id: null,
      delivery_id: null,
      created_at: now,
      ...changes,
    };
    const { id } = await tx.insertInto('message').values(row).returning('id').executeTakeFirstOrThrow();
    await indexMessage(tx, id, {
      subject: row.subject ?? '',
      text: row.text ?? '',
      from: row.from_address ?? '',
    });
    return id;
  });

eachEngine((_name, open) => {
  test('each view lists what it counts', async () => {
    const store = await open();
    const { mailboxId, userId } = await seeded(store);
    await conversation(store, mailboxId);
    await conversation(store, mailboxId, { assignee_id: userId, waiting_on: 'them' });
    await conversation(store, mailboxId, { state: 'closed' });
    await conversation(store, mailboxId, { category: 'autoreply' });
    await conversation(store, mailboxId, { category: 'bounce' });
    await conversation(store, mailboxId, { state: 'spam' });
    const counts = await conversationCounts(store.read, userId);
    expect(counts).toEqual({
      mine: 1,
      unassigned: 1,
      'waiting-on-us': 1,
      'waiting-on-them': 1,
      all: 2,
      closed: 1,
      'auto-replies': 1,
      bounces: 1,
      newsletters: 0,
      unverified: 0,
      other: 0,
      spam: 1,
    });
    for (const [view, count] of Object.entries(counts)) {
      const page = await conversationsInView(store.read, { view: view as never, userId });
      expect([view, page.rows.length]).toEqual([view, count]);
    }
  });

  test('pages follow each other without a gap, also among equal times', async () => {
    const store = await open();
    const { mailboxId, userId } = await seeded(store);
    for (let i = 0; i < 5; i++)
      await conversation(store, mailboxId, { last_message_at: now + (i < 3 ? 0 : i) });
    const seen: number[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof conversationsInView>> = await conversationsInView(store.read, {
        view: 'all',
        userId,
        limit: 2,
        cursor,
      });
      seen.push(...page.rows.map((row) => row.id));
      cursor = page.next;
    } while (cursor !== null);
    expect(seen).toEqual([5, 4, 3, 2, 1]);
  });

  test('every change gives a higher version, so that a live list misses none', async () => {
    const store = await open();
    const { mailboxId, userId } = await seeded(store);
    const first = await conversation(store, mailboxId);
    const second = await conversation(store, mailboxId);
    const since = await conversationVersion(store.read);
    await store.write((tx) => assign(tx, first, userId));
    await store.write((tx) => closeConversation(tx, second, now));
    await store.write((tx) => markRead(tx, first));
    expect((await conversationsChangedSince(store.read, since)).map((row) => row.id)).toEqual([
      second,
      first,
    ]);
    await store.write((tx) => reopenConversation(tx, second));
    expect(await conversationById(store.read, second)).toMatchObject({ state: 'open', closed_at: null });
    await expect(store.write((tx) => assign(tx, 999, userId))).rejects.toThrow('no such conversation');
  });

  test('search finds words in any case and without accents, and takes operators for words', async () => {
    const store = await open();
    const { mailboxId } = await seeded(store);
    const id = await conversation(store, mailboxId);
    await received(store, id);
    for (const [words, found] of [
      ['ou commande', 1],
      ['OÙ COMM', 1],
      ['ana@remote', 1],
      ['commande "', 1],
      ['zebra', 0],
      ['commande AND NOT', 0],
      ['*', 0],
    ] as const)
      expect([words, (await searchConversations(store.read, words)).length]).toEqual([words, found]);
  });

  test('an answer is stored, threaded and queued in one go', async () => {
    const store = await open();
    const { mailboxId, userId } = await seeded(store);
    const id = await conversation(store, mailboxId);
    await received(store, id);
    await store.write((tx) => addNote(tx, { conversationId: id, authorId: userId, text: 'VIP' }, now));
    const { messageId, deliveryIds } = await store.write((tx) =>
      answer(
        tx,
        { conversationId: id, authorId: userId, text: 'Elle est partie hier.', cc: ['bob@remote.example'] },
        { tokens, now: now + 1000 },
      ),
    );
    const [, note, sent] = await messagesOf(store.read, id);
    expect(note).toMatchObject({ direction: 'note', author_name: 'Eve', text: 'VIP' });
    expect(sent).toMatchObject({
      id: messageId,
      direction: 'out',
      kind: 'answer',
      from_address: 'support@shop.example',
      to_addresses: ['ana@remote.example'],
      cc_addresses: ['bob@remote.example'],
      subject: 'Re: Summer',
      in_reply_to: 'a1@remote.example',
      references: ['m0@shop.example', 'a1@remote.example'],
    });
    expect(sent?.message_id).toMatch(/^c\.[0-9a-z]{32}@shop\.example$/);
    expect(sent?.deliveries.map((delivery) => [delivery.address, delivery.state])).toEqual([
      ['ana@remote.example', 'queued'],
      ['bob@remote.example', 'queued'],
    ]);
    expect(deliveryIds).toHaveLength(2);
    expect(await conversationById(store.read, id)).toMatchObject({
      waiting_on: 'them',
      assignee_id: userId,
      unread: 0,
    });
  });

  test('an answer goes to Reply-To, never to ourselves, and takes the last subject', async () => {
    const store = await open();
    const { mailboxId } = await seeded(store);
    const id = await conversation(store, mailboxId);
    await received(store, id, { subject: 'New subject' });
    expect(await replyRecipients(store.read, id)).toMatchObject({
      from: 'support@shop.example',
      to: ['ana@remote.example'],
      cc: ['bob@remote.example'],
      subject: 'Re: New subject',
    });
  });

  test('the first owner of a Message-ID keeps it', async () => {
    const store = await open();
    const { mailboxId } = await seeded(store);
    const [one, two] = [await conversation(store, mailboxId), await conversation(store, mailboxId)];
    await store.write((tx) =>
      rememberIdentifiers(tx, ['A@x.example', 'a@x.example'], { conversationId: one }, now),
    );
    await store.write((tx) => rememberIdentifiers(tx, ['a@x.example'], { conversationId: two }, now));
    expect(
      await store.read.selectFrom('message_identifier').select(['value', 'conversation_id']).execute(),
    ).toEqual([{ value: 'a@x.example', conversation_id: one }]);
  });
});
