/** What the store did not take back is handed in again, and never takes back a later claim. */
import { expect, onTestFinished, test } from 'vitest';
import { silentLog } from '../core/log.ts';
import { manualClock } from '../core/clock.ts';
import { createWake } from '../core/wake.ts';
import { claimDue, domainIds, giveBackClaims } from '../core/store/queue.ts';
import type { Store } from '../core/store/open.ts';
import { eachEngine } from '../core/store/testing.ts';
import { Owed } from './owed.ts';

const NOW = Date.UTC(2026, 10, 23, 12);

async function claimed(store: Store) {
  await store.write(async (tx) => {
    const domain = (await domainIds(tx, ['client.example'])).get('client.example') as number;
    await tx
      .insertInto('delivery')
      .values({
        lane: 'bulk',
        origin_kind: 'campaign',
        origin_id: 7,
        recipient_key: '1',
        contact_id: null,
        address: 'ana@client.example',
        domain_id: domain,
        sending_domain_id: 1,
        pool: 'marketing',
        state: 'queued',
        due_at: NOW,
        queued_at: NOW,
        attempt: 0,
      } as never)
      .execute();
  });
  return claim(store, NOW + 1000);
}

const claim = (store: Store, now: number) =>
  store.write(async (tx) =>
    claimDue(tx, {
      domainIds: [...(await domainIds(tx, ['client.example'])).values()],
      lane: 'bulk',
      limit: 10,
      now,
      owner: 'node',
      leaseMs: 60_000,
      nextAt: now + 60_000,
      exceptCampaigns: [],
    }),
  );

const stateOf = async (store: Store) =>
  (await store.read.selectFrom('delivery').select(['state', 'attempt']).execute())[0];

eachEngine((_name, open) => {
  test('a delivery goes back when the store answers again', async () => {
    const store = await open();
    const rows = await claimed(store);
    let refusals = 2;
    const flaky: Store = {
      ...store,
      write: (run, urgent) =>
        refusals-- > 0 ? Promise.reject(new Error('database or disk is full')) : store.write(run, urgent),
    };
    const owed = new Owed({
      store: flaky,
      node: 'node',
      clock: manualClock(NOW + 2000),
      log: silentLog,
      wake: createWake(),
    });
    onTestFinished(() => owed.stop());
    owed.add(rows, new Error('disk is full'));
    expect(owed.size).toBe(1);
    while ((await stateOf(store))?.state === 'active')
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await stateOf(store)).toEqual({ state: 'queued', attempt: 0 });
    expect(owed.size).toBe(0);
  });

  test('an attempt that was given back and claimed anew is not taken from whoever has it now', async () => {
    const store = await open();
    const rows = await claimed(store);
    await store.write((tx) => giveBackClaims(tx, 'node', rows, NOW));
    expect(await claim(store, NOW + 2000)).toHaveLength(1);
    await store.write((tx) => giveBackClaims(tx, 'node', rows, NOW));
    expect(await stateOf(store)).toEqual({ state: 'active', attempt: 1 });
  });
});
