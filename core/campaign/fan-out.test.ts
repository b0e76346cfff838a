import { expect, test } from 'vitest';
import { suppressIn, type Mailing, SuppressionView } from '../audience/suppress.ts';
import { firstBrand } from '../identity.ts';
import { addAddress } from '../store/address.ts';
import { rowsFrom } from '../store/batch.ts';
import {
  addCampaign,
  campaignById,
  campaignCounts,
  campaignLedger,
  ledgerLines,
  type Campaign,
} from '../store/campaign.ts';
import { addContacts, contactsByEmail } from '../store/contact.ts';
import { addList, joinList } from '../store/list.ts';
import type { Store } from '../store/open.ts';
import { addSegment } from '../store/segment.ts';
import type { Db, NewRow } from '../store/tables.ts';
import { eachEngine } from '../store/testing.ts';
import { sql } from 'kysely';
import { stoppingScopes, suppressedCondition } from './audience.ts';
import { fanOutSlice, RecipientsAhead } from './fan-out.ts';
import { moveCampaign } from './states.ts';

const NOW = Date.UTC(2026, 0, 5, 9);

interface House {
  store: Store;
  listId: number;
  brandId: number;
  ids: Map<string, number>;
}

/** People p0 … on one list; every seventh in Lyon. */
async function house(store: Store, count: number): Promise<House> {
  return store.write(async (tx) => {
    const brandId = await firstBrand(tx, 1);
    const listId = await addList(tx, { name: 'News', brand_id: brandId }, 1);
    const ids = await addContacts(
      tx,
      Array.from({ length: count }, (_, at) => ({
        email: `p${at}@d${at % 5}.example`,
        fields: at % 7 === 0 ? '{"city":"Lyon"}' : '{}',
        source: '',
      })),
      1,
    );
    await joinList(tx, listId, [...ids.values()], 'test', 1);
    return { store, listId, brandId, ids };
  });
}

async function queueing(
  { store, brandId, ids }: House,
  audience: object,
  patch: Partial<NewRow<'campaign'>> = {},
): Promise<Campaign> {
  return store.write((tx) =>
    addCampaign(tx, {
      name: 'Winter',
      state: 'queueing',
      brand_id: brandId,
      sending_domain_id: 1,
      audience: JSON.stringify({ upTo: Math.max(...ids.values()), ...audience }),
      template_version_id: 1,
      started_at: NOW,
      created_at: NOW,
      updated_at: NOW,
      ...patch,
    } as NewRow<'campaign'>),
  );
}

async function fanOut(store: Store, id: number, slice: number): Promise<void> {
  const ahead = new RecipientsAhead();
  while ((await fanOutSlice(store, id, NOW, slice, ahead)).kind === 'queued');
}

const addressesOf = async (db: Db, id: number, state?: string): Promise<string[]> => {
  let query = db.selectFrom('delivery').select('address').where('origin_id', '=', id).orderBy('id');
  if (state !== undefined) query = query.where('state', '=', state as 'queued');
  return (await query.execute()).map((row) => row.address);
};

eachEngine((name, open) => {
  test('whose primary address takes no mail gets it at the next that does; a wish stands for all of them', async () => {
    const at = await house(await open(), 6);
    const { store, listId, ids } = at;
    const other = (email: string, address: string) =>
      store.write((tx) =>
        addAddress(tx, { contact_id: ids.get(email) as number, address, source: 'test' }, NOW),
      );
    const stop = (address: string, reason: 'hard-bounce' | 'unsubscribe', contact_id: number | null = null) =>
      store.write((tx) =>
        suppressIn(
          tx,
          [
            {
              address,
              scope: reason === 'hard-bounce' ? 'everything' : 'marketing',
              reason,
              contact_id,
              evidence: '',
            },
          ],
          NOW,
        ),
      );
    // Bounced; the first other one too, the second is retired, the third is good.
    for (const part of ['bounced', 'retired', 'good']) await other('p1@d1.example', `p1@${part}.example`);
    await stop('p1@d1.example', 'hard-bounce');
    await stop('p1@bounced.example', 'hard-bounce');
    await store.write((tx) =>
      tx
        .updateTable('contact_address')
        .set({ state: 'retired' })
        .where('address', '=', 'p1@retired.example')
        .execute(),
    );
    // Left, by whichever of their addresses.
    await other('p2@d2.example', 'p2@other.example');
    await stop('p2@d2.example', 'unsubscribe', ids.get('p2@d2.example'));
    await other('p3@d3.example', 'p3@other.example');
    await stop('p3@other.example', 'unsubscribe', ids.get('p3@d3.example'));
    // Nothing else left, and nothing wrong.
    await other('p4@d4.example', 'p4@other.example');
    await stop('p4@d4.example', 'hard-bounce');
    await stop('p4@other.example', 'hard-bounce');
    await other('p0@d0.example', 'p0@other.example');
    const campaign = await queueing(at, { lists: [listId] }, { list_id: listId });
    await fanOut(store, campaign.id, 2);
    expect((await addressesOf(store.read, campaign.id, 'queued')).toSorted()).toEqual([
      'p0@d0.example',
      'p1@good.example',
      'p5@d0.example',
    ]);
    expect((await addressesOf(store.read, campaign.id, 'suppressed')).toSorted()).toEqual([
      'p2@d2.example',
      'p3@d3.example',
      'p4@d4.example',
    ]);
    const { rows } = await sql<{
      name: string;
    }>`select domain.name from delivery join domain on domain.id = domain_id
      where address = 'p1@good.example'`.execute(store.read);
    expect(rows).toEqual([{ name: 'good.example' }]);
    // And so it is foretold.
    const { rows: told } = await sql<{ email: string }>`select email from contact
      where ${suppressedCondition(stoppingScopes(listId, at.brandId))} order by email`.execute(store.read);
    expect(told.map((row) => row.email)).toEqual(['p2@d2.example', 'p3@d3.example', 'p4@d4.example']);
  });

  test('everybody of the audience gets one row, the suppressed ones theirs, and the view says the same', async () => {
    const at = await house(await open(), 250);
    const { store, listId, brandId } = at;
    const stop = (
      address: string,
      scope: 'everything' | 'marketing' | `list:${number}` | `brand:${number}`,
    ) => ({
      address,
      scope,
      reason: 'manual' as const,
      evidence: '',
    });
    const wanted = [
      stop('p1@d1.example', 'everything'),
      stop('p2@d2.example', 'marketing'),
      stop('p3@d3.example', `list:${listId}`),
      stop('p4@d4.example', `brand:${brandId}`),
      stop('p6@d1.example', `list:${listId + 1}`),
      stop('p7@d2.example', `brand:${brandId + 1}`),
    ];
    const view = new SuppressionView();
    for (const row of await store.write((tx) => suppressIn(tx, wanted, NOW))) view.add(row);
    const { id } = await queueing(at, { lists: [listId] }, { list_id: listId });
    await fanOut(store, id, 40);
    const stopped = await addressesOf(store.read, id, 'suppressed');
    expect(stopped).toEqual(['p1@d1.example', 'p2@d2.example', 'p3@d3.example', 'p4@d4.example']);
    const all = await addressesOf(store.read, id);
    expect(new Set(all).size).toBe(250);
    const bulk = (address: string): Mailing => ({ address, lane: 'bulk', listId, brandId });
    expect(all.filter((address) => view.mayMail(bulk(address)).kind === 'suppressed')).toEqual(stopped);
    expect(await campaignById(store.read, id)).toMatchObject({ state: 'sending', fanout_done_at: NOW });
    expect((await campaignCounts(store.read, [id])).get(id)).toMatchObject({
      total: 250,
      queued: 246,
      suppressed: 4,
    });
  });

  test('lists and segments are joined, exclusions and open conversations left out, later contacts not meant', async () => {
    const at = await house(await open(), 70);
    const { store, listId } = at;
    const [lyon, few, frozen] = await store.write(async (tx) => {
      const keep = (label: string, root: unknown) =>
        addSegment(tx, { name: label, definition: JSON.stringify({ root }) }, 1);
      const segments = [
        await keep('Lyon', { field: 'fields.city', op: 'eq', value: 'Lyon' }),
        await keep('Few', {
          field: 'email',
          op: 'in',
          value: ['p1@d1.example', 'p7@d2.example', 'late@d0.example'],
        }),
      ] as const;
      await sql`insert into conversation (mailbox_id, contact_id, address, subject, state, category, waiting_on,
        last_message_at, created_at) values (1, ${at.ids.get('p14@d4.example')}, '', '', 'open', 'human', 'us', 1, 1)`.execute(
        tx,
      );
      return [...segments, Math.max(...at.ids.values())] as const;
    });
    const audience = { segments: [lyon.id, few.id], excludeOpenConversations: true, upTo: frozen };
    const first = await queueing(at, audience);
    await store.write((tx) =>
      addContacts(tx, [{ email: 'late@d0.example', fields: '{"city":"Lyon"}', source: '' }], NOW),
    );
    await fanOut(store, first.id, 3);
    const expected = ['p0@d0.example', 'p1@d1.example', 'p7@d2.example'];
    const got = await addressesOf(store.read, first.id);
    expect(got.slice(0, 3)).toEqual(expected);
    expect(got).toHaveLength(10);
    expect(got).not.toContain('p14@d4.example');
    const second = await queueing(at, { lists: [listId], excludeSegments: [lyon.id] });
    await fanOut(store, second.id, 30);
    expect(await addressesOf(store.read, second.id)).toHaveLength(60);
  });

  test('killed and begun again at any slice, and by two nodes at once, it skips nobody and repeats nobody', async () => {
    const at = await house(await open(), 500);
    const { store, listId } = at;
    const { id } = await queueing(at, { lists: [listId] });
    await fanOutSlice(store, id, NOW, 60);
    // A slice that was written and not committed: nothing of it may stay.
    await expect(
      fanOutSlice(
        {
          ...store,
          write: (work) =>
            store.write(async (tx) => {
              await work(tx);
              throw new Error('killed');
            }),
        },
        id,
        NOW,
        60,
      ),
    ).rejects.toThrow('killed');
    expect(await addressesOf(store.read, id)).toHaveLength(60);
    await Promise.all(
      [fanOut(store, id, 37), fanOut(store, id, 53)].map((one) => one.catch(() => undefined)),
    );
    await fanOut(store, id, 60);
    const all = await addressesOf(store.read, id);
    expect(all).toHaveLength(500);
    expect(new Set(all).size).toBe(500);
    expect((await campaignById(store.read, id))?.state).toBe('sending');
  });

  test('once it is cancelled, no slice adds anybody', async () => {
    const at = await house(await open(), 200);
    const { store, listId } = at;
    const { id } = await queueing(at, { lists: [listId] });
    await Promise.all([
      fanOut(store, id, 10).catch(() => undefined),
      store.write((tx) => moveCampaign(tx, id, 'cancelled', { cancelled_at: NOW }, NOW)),
    ]);
    const seen = (await addressesOf(store.read, id)).length;
    expect(await fanOutSlice(store, id, NOW, 10)).toEqual({ kind: 'not-now' });
    expect(await addressesOf(store.read, id)).toHaveLength(seen);
  });

  test('the ledger has every recipient on exactly one line', async () => {
    const at = await house(await open(), 16);
    const { store, listId } = at;
    const { id } = await queueing(at, { lists: [listId] });
    await fanOut(store, id, 100);
    const states = ['queued', 'active', 'deferred', 'held', 'delivered', 'bounced', 'expired', 'cancelled'];
    await store.write(async (tx) => {
      const rows = await tx.selectFrom('delivery').select('id').orderBy('id').execute();
      const changes = rows.map((row, place) => ({
        id: row.id,
        state: states[place % states.length],
        after: place === 4 ? NOW : null,
      }));
      await sql`update delivery set state = r.state, bounced_after_at = r.after
        from ${rowsFrom(tx, changes, { id: 'int', state: 'text', after: 'int' })} as r where delivery.id = r.id`.execute(
        tx,
      );
    });
    const lines = await Promise.all(
      ledgerLines.map(
        async (line) => [line, (await campaignLedger(store.read, id, { line })).rows.length] as const,
      ),
    );
    expect(Object.fromEntries(lines)).toEqual({
      delivered: 1,
      'delivered-then-bounced': 1,
      bounced: 2,
      expired: 2,
      cancelled: 2,
      suppressed: 0,
      waiting: 8,
    });
    const page = await campaignLedger(store.read, id, { limit: 10 });
    const rest = await campaignLedger(store.read, id, { limit: 10, afterId: page.next! });
    expect(new Set([...page.rows, ...rest.rows].map((row) => row.delivery_id)).size).toBe(16);
    expect(rest.next).toBeNull();
    const known = await contactsByEmail(store.read, ['p0@d0.example']);
    expect(known.get('p0@d0.example')?.id).toBe(at.ids.get('p0@d0.example'));
  });

  // Only PostgreSQL lets two writers meet. A cancel that came between a slice's look and its rows would be followed by mail.
  test.runIf(name === 'postgres')(
    'a cancel that meets a slice waits for its end, so that its rows are swept',
    async () => {
      const at = await house(await open(), 20);
      const { store, listId } = at;
      const { id } = await queueing(at, { lists: [listId] });
      const waiting = async (sessions: number) => {
        const count = sql<{ n: number }>`select count(*) as n from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`;
        while (Number((await count.execute(store.read)).rows[0]?.n) < sessions)
          await new Promise((resolve) => setImmediate(resolve));
      };
      let slice: Promise<unknown> = Promise.resolve();
      let rowsAtCancel: Promise<number> = Promise.resolve(0);
      // Somebody's uncommitted domain row stops the slice after it has looked at its campaign.
      await store.write(async (tx) => {
        await tx
          .insertInto('domain')
          .values({ name: 'd0.example', held: 0 } as NewRow<'domain'>)
          .execute();
        slice = fanOutSlice(store, id, NOW, 10);
        await waiting(1);
        rowsAtCancel = store
          .write((other) => moveCampaign(other, id, 'cancelled', { cancelled_at: NOW }, NOW))
          .then(async () => (await addressesOf(store.read, id)).length);
        await waiting(2);
      });
      expect(await slice).toEqual({ kind: 'queued', recipients: 10 });
      expect(await rowsAtCancel).toBe(10);
    },
  );
});
