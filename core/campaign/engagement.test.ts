import { expect, test } from 'vitest';
import { firstBrand } from '../identity.ts';
import { addCampaign } from '../store/campaign.ts';
import { addContacts } from '../store/contact.ts';
import { addEvents } from '../store/event.ts';
import { addList, joinList } from '../store/list.ts';
import type { Store } from '../store/open.ts';
import { claimDue } from '../store/queue.ts';
import type { NewRow } from '../store/tables.ts';
import { eachEngine } from '../store/testing.ts';
import { saveWarmup } from '../store/warmup.ts';
import { fanOutSlice } from './fan-out.ts';

const NOW = Date.UTC(2026, 0, 5, 9);
const DAY = 24 * 60 * 60_000;

/** Forty people; the last ones are the keen ones. */
async function queued(store: Store): Promise<void> {
  await store.write(async (tx) => {
    const listId = await addList(tx, { name: 'News', brand_id: await firstBrand(tx, 1) }, 1);
    const ids = await addContacts(
      tx,
      Array.from({ length: 40 }, (_, at) => ({ email: `p${at}@one.example`, fields: '{}', source: '' })),
      1,
    );
    await joinList(tx, listId, [...ids.values()], 'test', 1);
    const id = (at: number) => ids.get(`p${at}@one.example`) as number;
    const happened = (kind: string, at: number, days: number) => ({
      kind,
      at: NOW - days * DAY,
      contact_id: id(at),
    });
    await addEvents(tx, [
      happened('opened', 36, 10),
      happened('clicked', 37, 10),
      happened('opened', 37, 10),
      happened('opened_machine', 30, 10),
      happened('clicked', 31, 100),
    ]);
    await tx
      .updateTable('contact')
      .set({ last_human_reply_at: NOW - 40 * DAY })
      .where('id', '=', id(39))
      .execute();
    const campaign = await addCampaign(tx, {
      name: 'Winter',
      state: 'queueing',
      brand_id: 1,
      sending_domain_id: 1,
      audience: JSON.stringify({ lists: [listId] }),
      template_version_id: 1,
      started_at: NOW,
      created_at: NOW,
      updated_at: NOW,
    } as NewRow<'campaign'>);
    return campaign.id;
  });
  while ((await fanOutSlice(store, 1, NOW + 5000, 7)).kind === 'queued');
}

const claimed = (store: Store) =>
  store.write(async (tx) => {
    const rows = await claimDue(tx, {
      domainIds: [1],
      lane: 'bulk',
      limit: 4,
      now: NOW + 10_000,
      owner: 'test',
      leaseMs: 1000,
      nextAt: NOW + DAY,
      exceptCampaigns: [],
    });
    return rows.map((row) => row.address.split('@')[0]).toSorted();
  });

eachEngine((_name, open) => {
  test('while an address warms up, who replied, clicked or opened of late is claimed first, from whatever slice', async () => {
    const store = await open();
    await store.write((tx) =>
      saveWarmup(
        tx,
        {
          sourceId: 1,
          provider: 'default',
          plan: [10],
          step: 0,
          state: 'running',
          idleDays: 0,
          day: 0,
          sent: 0,
          startedAt: 1,
        },
        1,
      ),
    );
    await queued(store);
    const ranks = await store.read
      .selectFrom('delivery')
      .select(['address', 'due_at'])
      .where('due_at', '<', NOW)
      .orderBy('due_at')
      .execute();
    expect(ranks.map((row) => row.address.split('@')[0])).toEqual(['p39', 'p37', 'p36']);
    expect(await claimed(store)).toEqual(expect.arrayContaining(['p36', 'p37', 'p39']));
  });

  test('while nothing warms up, everybody is due when they are queued', async () => {
    const store = await open();
    await queued(store);
    const times = await store.read.selectFrom('delivery').select('due_at').distinct().execute();
    expect(times.map((row) => Number(row.due_at))).toEqual([NOW + 5000]);
  });
});
