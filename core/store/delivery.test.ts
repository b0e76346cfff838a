/** What an admin sees of the queue, on every engine: counts, the reason for waiting, one delivery's life. */
import { expect, test } from 'vitest';
import {
  deliveriesTo,
  deliveryStory,
  holdDestination,
  queueByDestination,
  queueTotals,
  waitingDeliveries,
} from './delivery.ts';
import type { Store } from './open.ts';
import { claimDue, domainIds, enqueueMessage, settle } from './queue.ts';
import { holdSlice, pauseSlice, resumeSlice } from './queue-sweep.ts';
import { addThrottle } from './throttle.ts';
import { eachEngine } from './testing.ts';

const NOW = Date.UTC(2026, 0, 5, 9);
const MINUTE = 60_000;

/** Messages to two people at gmail.com and one at each of two others, queued an hour ago. */
async function queueOfFour(store: Store): Promise<number[]> {
  return store.write(async (tx) => {
    const ids = await enqueueMessage(
      tx,
      {
        messageId: 1,
        recipients: ['a@gmail.com', 'b@gmail.com', 'c@firm.example', 'd@other.example'],
        sendingDomainId: 1,
      },
      NOW - 60 * MINUTE,
    );
    await tx
      .updateTable('domain')
      .set({ site: 'mx.google.com', provider: 'google' })
      .where('name', '=', 'gmail.com')
      .execute();
    await tx
      .updateTable('domain')
      .set({ site: 'aspmx.google.com', provider: 'google' })
      .where('name', '=', 'firm.example')
      .execute();
    await tx
      .updateTable('domain')
      .set({ site: 'mx.other.example' })
      .where('name', '=', 'other.example')
      .execute();
    return ids;
  });
}

async function defer(store: Store, id: number, until: number, reply: string): Promise<void> {
  await store.write(async (tx) => {
    const row = await tx.selectFrom('delivery').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
    await claimDue(tx, {
      domainIds: [row.domain_id],
      lane: row.lane,
      limit: 1,
      now: NOW,
      owner: 'me',
      leaseMs: MINUTE,
      nextAt: NOW,
      exceptCampaigns: [],
    });
    await settle(
      tx,
      [
        {
          id,
          attempt: 1,
          owner: 'me',
          state: 'deferred',
          due_at: until,
          source_id: null,
          message_id: null,
          code: 450,
          enhanced: '4.7.1',
          reply,
          mx: 'mx.other.example',
          ip: '127.0.0.9',
          tls: '',
          class: 'greylisted',
          reason: 'the receiver wants to see a second attempt (greylisting)',
          outcome: 'deferred',
          began_at: NOW,
          ms: 42,
        },
      ],
      NOW,
    );
  });
}

const seen = async (store: Store, now = NOW) =>
  Object.fromEntries(
    (await queueByDestination(store.read, now)).map(({ name, reason, until, waiting, deferred }) => [
      name,
      { reason, until, waiting, deferred },
    ]),
  );

eachEngine((_name, open) => {
  test('destinations come with counts, the longest queue first, and nothing finished is counted', async () => {
    const store = await open();
    await queueOfFour(store);
    const rows = await queueByDestination(store.read, NOW);
    expect(rows.map((row) => row.name)).toEqual(['gmail.com', 'firm.example', 'other.example']);
    expect(rows[0]).toMatchObject({
      waiting: 2,
      active: 0,
      deferred: 0,
      held_back: 0,
      oldest_at: NOW - 60 * MINUTE,
      provider: 'google',
      reason: 'moving',
    });
    expect(await queueTotals(store.read)).toEqual({ queued: 4, active: 0, deferred: 0, held: 0 });
    await store.write((tx) =>
      tx.updateTable('delivery').set({ state: 'delivered' }).where('address', 'like', '%gmail.com').execute(),
    );
    expect((await queueByDestination(store.read, NOW)).map((row) => row.name)).toEqual([
      'firm.example',
      'other.example',
    ]);
    expect((await queueByDestination(store.read, NOW, { search: 'FIRM' })).map((row) => row.name)).toEqual([
      'firm.example',
    ]);
  });

  test('a deferred destination shows the last reply and the next attempt', async () => {
    const store = await open();
    const ids = await queueOfFour(store);
    await defer(store, ids[3] as number, NOW + 5 * MINUTE, '450 4.7.1 come back');
    const [row] = await queueByDestination(store.read, NOW, { search: 'other' });
    expect(row).toMatchObject({
      reason: 'deferred',
      until: NOW + 5 * MINUTE,
      last_reply: '450 4.7.1 come back',
      last_code: 450,
      last_mx: 'mx.other.example',
      deferred: 1,
      waiting: 0,
    });
    expect((await seen(store, NOW + 5 * MINUTE))['other.example']?.reason).toBe('moving');
  });

  test('a throttle is the reason at its site, and at all sites of a provider whose limits hold over all of them', async () => {
    const store = await open();
    await queueOfFour(store);
    await store.write((tx) =>
      addThrottle(tx, {
        sourceId: 1,
        site: 'mx.google.com',
        kind: 'slow',
        rule: 'google-unusual-rate',
        reply: '421',
        since: NOW,
        until: NOW + 30 * MINUTE,
      }),
    );
    const now = await seen(store);
    expect(now['gmail.com']).toMatchObject({ reason: 'throttled', until: NOW + 30 * MINUTE });
    expect(now['firm.example']).toMatchObject({ reason: 'throttled', until: NOW + 30 * MINUTE });
    expect(now['other.example']).toMatchObject({ reason: 'moving' });
    expect((await seen(store, NOW + 31 * MINUTE))['gmail.com']).toMatchObject({ reason: 'moving' });
  });

  test('a held destination says so, also when nothing waits there', async () => {
    const store = await open();
    await store.write(async (tx) => {
      const ids = await domainIds(tx, ['quiet.example']);
      await holdDestination(tx, ids.get('quiet.example') as number, true);
    });
    expect(await seen(store)).toEqual({
      'quiet.example': { reason: 'held', until: null, waiting: 0, deferred: 0 },
    });
  });

  test("one delivery's story has its attempts, its events and the reason it waits", async () => {
    const store = await open();
    const ids = await queueOfFour(store);
    const id = ids[3] as number;
    await defer(store, id, NOW + 5 * MINUTE, '450 4.7.1 come back');
    const story = await deliveryStory(store.read, id, NOW);
    expect(story.delivery).toMatchObject({ id, state: 'deferred', attempt: 1 });
    expect(story.waiting).toEqual({ reason: 'deferred', until: NOW + 5 * MINUTE });
    expect(story.attempts).toHaveLength(1);
    expect(story.attempts[0]).toMatchObject({
      number: 1,
      outcome: 'deferred',
      reply: '450 4.7.1 come back',
      source_name: null,
    });
    expect(story.events.map((event) => event.kind)).toEqual(['queued', 'deferred']);
    await store.write((tx) => holdSlice(tx, { delivery: id }, 'a person', NOW));
    expect((await deliveryStory(store.read, id, NOW)).waiting).toEqual({ reason: 'held', until: null });
    await expect(deliveryStory(store.read, 999_999, NOW)).rejects.toThrow('there is no delivery 999999');
  });

  test('what waits for a destination comes in pages, in the order of its turn', async () => {
    const store = await open();
    const ids = await store.write((tx) =>
      enqueueMessage(
        tx,
        {
          messageId: 1,
          recipients: Array.from({ length: 7 }, (_, at) => `p${at}@a.example`),
          sendingDomainId: 1,
        },
        NOW,
      ),
    );
    const domain = (await store.read.selectFrom('domain').select('id').executeTakeFirstOrThrow()).id;
    const found: number[] = [];
    let cursor: string | null = null;
    let pages = 0;
    do {
      const page: Awaited<ReturnType<typeof waitingDeliveries>> = await waitingDeliveries(
        store.read,
        domain,
        { cursor, limit: 3 },
      );
      found.push(...page.rows.map((row) => row.id));
      cursor = page.next;
      pages++;
    } while (cursor !== null);
    expect(found).toEqual(ids);
    expect(pages).toBe(3);
  });

  test('the latest deliveries to a person are found by address', async () => {
    const store = await open();
    await store.write(async (tx) => {
      const { id } = await tx
        .insertInto('contact')
        .values({
          email: 'ana@a.example',
          email_domain: 'a.example',
          fields: '{}',
          tags: '[]',
          created_at: NOW,
          updated_at: NOW,
        } as never)
        .returning('id')
        .executeTakeFirstOrThrow();
      await enqueueMessage(
        tx,
        { messageId: 1, recipients: ['ana@a.example'], sendingDomainId: 1, contactId: id },
        NOW,
      );
    });
    expect((await deliveriesTo(store.read, 'Ana@A.example')).map((row) => row.address)).toEqual([
      'ana@a.example',
    ]);
    expect(await deliveriesTo(store.read, 'nobody@a.example')).toEqual([]);
  });

  test('the rows of a paused campaign step aside and come back; what a person held stays', async () => {
    const store = await open();
    await store.write(async (tx) => {
      const domain = (await domainIds(tx, ['a.example'])).get('a.example') as number;
      for (let at = 0; at < 5; at++) {
        await tx
          .insertInto('delivery')
          .values({
            lane: 'bulk',
            origin_kind: 'campaign',
            origin_id: 3,
            recipient_key: `${at}`,
            address: `p${at}@a.example`,
            domain_id: domain,
            sending_domain_id: 1,
            pool: 'marketing',
            state: 'queued',
            due_at: NOW,
            queued_at: NOW,
          } as never)
          .execute();
      }
      const [first] = await tx.selectFrom('delivery').select('id').orderBy('id').limit(1).execute();
      await holdSlice(tx, { delivery: first?.id as number }, 'a person', NOW);
      expect(await pauseSlice(tx, 3, NOW)).toBe(4);
      expect(await pauseSlice(tx, 3, NOW)).toBe(0);
      expect(await resumeSlice(tx, 3, NOW + 1)).toBe(4);
      expect(await resumeSlice(tx, 3, NOW + 1)).toBe(0);
    });
    expect(await queueTotals(store.read)).toEqual({ queued: 4, active: 0, deferred: 0, held: 1 });
  });
});
