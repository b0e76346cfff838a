/** The watch over providers, with a real store: stops in the same tick, holds by its row, believes no provider at fault. */
import { expect, test } from 'vitest';
import { schema } from '../config/schema.ts';
import { suppressIn, SuppressionView } from '../core/audience/suppress.ts';
import { endStop } from '../core/campaign/stop.ts';
import { manualClock } from '../core/clock.ts';
import { silentLog } from '../core/log.ts';
import type { Runtime } from '../core/runtime.ts';
import { addCampaign } from '../core/store/campaign.ts';
import { stopsOf } from '../core/store/campaign-stop.ts';
import { addBrand } from '../core/store/identity.ts';
import { addSeen, incidents } from '../core/store/incident.ts';
import type { Delivery } from '../core/store/queue.ts';
import { openTestStore } from '../core/store/testing.ts';
import { createWake } from '../core/wake.ts';
import type { Outcome } from './outcome.ts';
import type { Attempted, Result } from './result.ts';
import { Watch } from './watch.ts';

async function house() {
  const clock = manualClock();
  const store = await openTestStore(clock);
  const now = clock.now();
  await store.write(async (tx) => {
    const brand = await addBrand(tx, { name: 'B', language: 'en', postal_address: '', created_at: now });
    await addCampaign(tx, {
      name: 'one',
      state: 'sending',
      brand_id: brand,
      audience: '{}',
      from_name: '',
      from_local: '',
      subject: '',
      preheader: '',
      html: '',
      text: '',
      pool: 'marketing',
      paused: 0,
      created_at: now,
      updated_at: now,
    });
  });
  const runtime = {
    store,
    clock,
    wake: createWake(),
    log: silentLog,
    config: schema.parse({}),
    suppressions: new SuppressionView(),
  } as unknown as Runtime;
  const watch = new Watch(runtime);
  await watch.start();
  let id = 0;
  /** One attempt, heard and written down as the settler does it. */
  const heard = async (says: 'delivered' | 'unknown' | 'blocked', place = 'gmail') => {
    const row = { id: ++id, address: `p${id}@gmail.com`, origin_kind: 'campaign', origin_id: 1 } as Delivery;
    const isBounce = says !== 'delivered';
    const suppress =
      says === 'unknown'
        ? ({
            address: row.address,
            scope: 'everything',
            reason: 'hard-bounce',
            delivery_id: id,
            evidence: '550 5.1.1',
          } as const)
        : undefined;
    const result = {
      settlement: { state: isBounce ? 'bounced' : 'delivered', reply: isBounce ? `550 ${says}` : '250' },
      suppress,
    } as Result;
    const name = says === 'unknown' ? 'invalid-recipient' : says === 'blocked' ? 'source-blocked' : null;
    const outcome = { state: result.settlement.state, class: name } as Outcome;
    const transaction = {
      kind: isBounce ? 'refused' : 'accepted',
      stage: 'rcpt',
    } as Attempted['transaction'];
    watch.heard(row, result, { outcome, transaction }, place);
    if (suppress === undefined) return;
    const bounces = [{ suppress, place: result.place }];
    await store.write(async (tx) => {
      const divided = await watch.incidents.divideIn(tx, bounces, clock.now());
      await suppressIn(tx, divided.suppress, clock.now());
    });
  };
  const suppressed = async () =>
    (await store.read.selectFrom('suppression').select('address').where('lifted_at', 'is', null).execute())
      .length;
  const row = { origin_kind: 'campaign', origin_id: 1 } as Delivery;
  return { watch, runtime, store, clock, heard, suppressed, row };
}

test('a block stops the campaign there in the same tick, and nowhere else, with the words', async () => {
  const { watch, store, heard, row } = await house();
  expect(watch.refuses(row, 'gmail')).toBeUndefined();
  await heard('blocked');
  expect(watch.refuses(row, 'gmail')).toMatchObject({ kind: 'not-now' });
  expect(watch.refuses(row, 'yahoo')).toBeUndefined();
  expect(watch.stoppedAt('gmail')).toEqual([1]);
  await expect
    .poll(async () => (await stopsOf(store.read, 1))[0])
    .toMatchObject({
      reason: 'block',
      replies: ['550 blocked'],
    });
});

test('let go on, it leaves at the rate, counts anew, and stops again when it must', async () => {
  const { watch, runtime, store, heard, row, clock } = await house();
  await heard('blocked');
  await expect.poll(async () => (await stopsOf(store.read, 1)).length).toBe(1);
  await watch.refresh();
  const id = (await stopsOf(store.read, 1))[0]?.id ?? 0;
  await endStop(runtime, id, { kind: 'slower', ratePerHour: 60 }, null);
  await watch.refresh();
  expect(watch.refuses(row, 'gmail')).toBeUndefined();
  const items = [1, 2, 3].map((one) => ({ row: { ...row, id: one } as Delivery }));
  const { go, later } = watch.paced(items, 'gmail', clock.now());
  expect(go).toHaveLength(1);
  expect(later.map((one) => one.dueAt - clock.now())).toEqual([60_000, 120_000]);
  expect(watch.paced(items, 'yahoo', clock.now()).go).toHaveLength(3);
  await heard('blocked');
  expect(watch.refuses(row, 'gmail')).toMatchObject({ kind: 'not-now' });
});

test('cancelled there, what is left is taken back', async () => {
  const { watch, runtime, store, heard, row } = await house();
  await heard('blocked');
  await expect.poll(async () => (await stopsOf(store.read, 1)).length).toBe(1);
  await endStop(runtime, (await stopsOf(store.read, 1))[0]?.id ?? 0, { kind: 'cancelled' }, null);
  await watch.refresh();
  expect(watch.refuses(row, 'gmail')).toMatchObject({ kind: 'cancelled' });
  expect(watch.stoppedAt('gmail')).toContain(1);
});

test('a provider far above its usual opens an incident: nobody stays suppressed, those before it are taken back', async () => {
  const { watch, store, clock, heard, suppressed } = await house();
  await store.write((tx) =>
    addSeen(tx, [{ provider: 'gmail', attempts: 10_000, unknown: 100 }], clock.now()),
  );
  await clock.advance(3_600_000);
  for (let n = 0; n < 45; n++) await heard('delivered');
  await watch.refresh();
  for (let n = 0; n < 5; n++) await heard('unknown');
  expect(await suppressed()).toBe(5);
  await heard('unknown');
  expect(await suppressed()).toBe(0);
  const [incident] = await incidents(store.read);
  expect(incident).toMatchObject({ provider: 'gmail', unknown: 6, usual_unknown: 100, waiting: 6 });
  await watch.refresh();
  for (let n = 0; n < 60; n++) await heard('delivered');
  await expect
    .poll(async () => (await incidents(store.read))[0])
    .toMatchObject({ outcome: 'over', waiting: 0 });
  await watch.refresh();
  expect(await suppressed()).toBe(0);
  await heard('unknown');
  expect(await suppressed()).toBe(1);
});
