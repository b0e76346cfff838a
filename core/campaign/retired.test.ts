/** Ended deliveries step out of the way, and nobody who reads about them or mails again can tell the difference. */
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import {
  addCampaign,
  campaignById,
  campaignCounts,
  campaignLedger,
  changeCampaign,
} from '../store/campaign.ts';
import { firstBrand } from '../identity.ts';
import { addContacts } from '../store/contact.ts';
import { addList, joinList } from '../store/list.ts';
import { deliveriesTo, deliveryStory } from '../store/delivery.ts';
import type { Store } from '../store/open.ts';
import { retirable, retire, DELIVERY_COLUMNS } from '../store/retired.ts';
import { suppressIn } from '../audience/suppress.ts';
import { suppressionList } from '../store/suppression.ts';
import type { NewRow } from '../store/tables.ts';
import { eachEngine } from '../store/testing.ts';
import { answeredDelivery, markBouncedAfter } from '../store/thread.ts';
import { fanOutSlice } from './fan-out.ts';
import { campaignReport } from './report.ts';

const NOW = Date.UTC(2026, 0, 5, 9);
const HOUR = 3_600_000;

/** A campaign to `count` people of which the first slice is queued and everybody in it has it. */
async function halfQueued(store: Store, count = 10): Promise<number> {
  const id = await store.write(async (tx) => {
    const contacts = await addContacts(
      tx,
      Array.from({ length: count }, (_, at) => ({ email: `p${at}@d.example`, fields: '{}', source: '' })),
      1,
    );
    const brand = await firstBrand(tx, 1);
    const list = await addList(tx, { name: 'News', brand_id: brand }, 1);
    await joinList(tx, list, [...contacts.values()], 'test', 1);
    const campaign = await addCampaign(tx, {
      name: 'Winter',
      state: 'queueing',
      brand_id: brand,
      sending_domain_id: 1,
      audience: JSON.stringify({ lists: [list], upTo: Math.max(...contacts.values()) }),
      template_version_id: 1,
      started_at: NOW,
      created_at: NOW,
      updated_at: NOW,
    } as NewRow<'campaign'>);
    return campaign.id;
  });
  await fanOutSlice(store, id, NOW, count / 2);
  await finish(store, NOW);
  return id;
}

const finish = (store: Store, at: number) =>
  store.write((tx) =>
    tx
      .updateTable('delivery')
      .set({ state: 'delivered', finished_at: at })
      .where('state', '=', 'queued')
      .execute(),
  );

/** As the sweeper does, from the beginning, a few at a time. */
async function retireAll(store: Store, before: number): Promise<number> {
  let went = 0;
  for (let from: Parameters<typeof retirable>[2] | null = { finishedAt: 0, id: 0 }; from !== null;) {
    const found = await retirable(store.read, before, from, 3);
    went += await store.write((tx) => retire(tx, found.ids));
    from = found.next;
  }
  return went;
}

const live = async (store: Store): Promise<string[]> =>
  (await store.read.selectFrom('delivery').select('address').orderBy('id').execute()).map(
    (row) => row.address,
  );

eachEngine((name, open) => {
  test('nobody is retired before the fan-out has closed, so a resumed one mails nobody twice', async () => {
    const store = await open();
    const id = await halfQueued(store);
    expect(await retireAll(store, NOW + HOUR)).toBe(0);
    // The crash that the promise is about: the rows are there and the cursor is not.
    await store.write((tx) => changeCampaign(tx, id, ['queueing'], { fanout_cursor: null }, NOW));
    while ((await fanOutSlice(store, id, NOW, 3)).kind === 'queued');
    const all = await live(store);
    expect(all).toHaveLength(10);
    expect(new Set(all).size).toBe(10);
    // Closed: what has ended goes, what waits stays.
    expect(await retireAll(store, NOW + HOUR)).toBe(5);
    expect(await live(store)).toHaveLength(5);
    expect(await fanOutSlice(store, id, NOW, 3)).toEqual({ kind: 'not-now' });
    expect((await campaignCounts(store.read, [id])).get(id)).toMatchObject({
      total: 10,
      delivered: 5,
      queued: 5,
    });
  });

  test('a row goes only when it ended long enough ago, and a cancelled campaign counts as closed', async () => {
    const store = await open();
    const id = await halfQueued(store);
    await store.write((tx) =>
      changeCampaign(tx, id, ['queueing'], { state: 'cancelled', cancelled_at: NOW }, NOW),
    );
    expect(await retireAll(store, NOW)).toBe(0);
    expect(await retireAll(store, NOW + 1)).toBe(5);
    expect(await retireAll(store, NOW + 1)).toBe(0);
    expect((await campaignById(store.read, id))?.state).toBe('cancelled');
  });

  test('ledger, report, story, contact and suppression read retired rows as they read live ones', async () => {
    const store = await open();
    const id = await halfQueued(store);
    while ((await fanOutSlice(store, id, NOW, 5)).kind === 'queued');
    const [first] = await store.read.selectFrom('delivery').selectAll().orderBy('id').limit(1).execute();
    const delivery = first?.id as number;
    await store.write((tx) =>
      suppressIn(
        tx,
        [
          {
            address: 'p0@d.example',
            scope: 'everything',
            reason: 'hard-bounce',
            evidence: '',
            delivery_id: delivery,
          },
        ],
        NOW,
      ),
    );
    const ask = async () => {
      const { rows } = await campaignLedger(store.read, id, {});
      const page = await campaignLedger(store.read, id, { limit: 4, afterId: rows[3]?.delivery_id });
      const { counts, providers } = await campaignReport(store.read, id);
      const { delivery: row, origin_name } = await deliveryStory(store.read, delivery, NOW);
      return {
        rows,
        page,
        counts,
        providers,
        row,
        origin_name,
        to: await deliveriesTo(store.read, 'p0@d.example'),
        answered: await answeredDelivery(store.read, delivery),
        suppressed: await suppressionList(store.read, {}),
      };
    };
    const before = await ask();
    expect(await retireAll(store, NOW + HOUR)).toBe(5);
    expect(await ask()).toEqual(before);
    expect(before.rows).toHaveLength(10);
    expect(before.suppressed[0]?.campaign_id).toBe(id);
    expect(before.to).toHaveLength(1);
  });

  test('a bounce that comes late is written on the retired row, once', async () => {
    const store = await open();
    const id = await halfQueued(store);
    while ((await fanOutSlice(store, id, NOW, 5)).kind === 'queued');
    await retireAll(store, NOW + HOUR);
    const [row] = await store.read.selectFrom('delivery_retired').select('id').limit(1).execute();
    const late = () =>
      store.write((tx) =>
        markBouncedAfter(tx, row?.id as number, { class: 'invalid-recipient', words: '550 gone' }, NOW + 9),
      );
    expect(await late()).toBe(true);
    expect(await late()).toBe(false);
    expect((await campaignCounts(store.read, [id])).get(id)).toMatchObject({
      delivered: 5,
      delivered_then_bounced: 1,
    });
    const { delivery } = await deliveryStory(store.read, row?.id as number, NOW);
    expect(delivery).toMatchObject({
      bounced_after_at: NOW + 9,
      class: 'invalid-recipient',
      reason: '550 gone',
    });
  });

  test('the retired table has every column of the live one', async () => {
    const store = await open();
    const columnsOf = async (table: string) => {
      const answer =
        name === 'postgres'
          ? await sql<{ name: string }>`select column_name as name from information_schema.columns
              where table_name = ${table} and table_schema = 'public'`.execute(store.read)
          : await sql<{ name: string }>`select name from pragma_table_info(${table})`.execute(store.read);
      return answer.rows.map((row) => row.name).toSorted();
    };
    expect(await columnsOf('delivery_retired')).toEqual(await columnsOf('delivery'));
    expect(await columnsOf('any_delivery')).toEqual(await columnsOf('delivery'));
    expect([...DELIVERY_COLUMNS].toSorted()).toEqual(await columnsOf('delivery'));
  });
});
