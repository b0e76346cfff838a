import { expect, test } from 'vitest';
import { manualClock } from '../clock.ts';
import { newestContinuation, neighboursOf } from './continuation.ts';
import { conversationRow } from './thread.ts';
import { openConversation } from './conversation.ts';
import { eachEngine } from './testing.ts';

eachEngine((_, open) => {
  test('a conversation is followed to the newest of the same person; its neighbours are named both ways', async () => {
    const store = await open(manualClock());
    const made = await store.write(async (tx) => {
      const brand = await tx
        .insertInto('brand')
        .values({ name: 'Shop', language: 'fr', postal_address: '', created_at: 1 })
        .returning('id')
        .executeTakeFirstOrThrow();
      const mailbox = await tx
        .insertInto('mailbox')
        .values({ brand_id: brand.id, name: 'S', address: 's@shop.example', signature: '', created_at: 1 })
        .returning('id')
        .executeTakeFirstOrThrow();
      const begin = (subject: string, address: string, continues: number | null) =>
        openConversation(tx, {
          mailbox_id: mailbox.id,
          contact_id: null,
          address,
          subject,
          state: 'closed',
          category: 'human',
          assignee_id: null,
          waiting_on: 'us',
          unread: 0,
          intent: null,
          campaign_id: null,
          delivery_id: null,
          continues_id: continues,
          preview: '',
          message_count: 0,
          last_message_at: 5,
          created_at: 1,
          closed_at: 1,
        });
      const first = await begin('First', 'ana@x.example', null);
      const second = await begin('Second', 'ana@x.example', first);
      const third = await begin('Third', 'ana@x.example', second);
      const other = await begin('Other', 'bob@x.example', first);
      return { first, second, third, other };
    });
    const row = async (id: number) => (await conversationRow(store.read, id))!;
    const newest = async (id: number, address: string) =>
      (await newestContinuation(store.read, await row(id), address)).id;
    expect(await newest(made.first, 'ana@x.example')).toBe(made.third);
    expect(await newest(made.third, 'ana@x.example')).toBe(made.third);
    expect(await newest(made.first, 'bob@x.example')).toBe(made.other);
    expect(await newest(made.first, 'eve@x.example')).toBe(made.first);
    expect(await neighboursOf(store.read, await row(made.first))).toEqual({
      before: null,
      after: [
        { id: made.second, subject: 'Second', last_message_at: 5 },
        { id: made.other, subject: 'Other', last_message_at: 5 },
      ],
    });
    expect((await neighboursOf(store.read, await row(made.second))).before?.id).toBe(made.first);
  });
});
