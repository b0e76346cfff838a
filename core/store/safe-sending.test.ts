/** Stops at a provider, and what is kept apart while one is at fault, as rows on every engine. */
import { expect, test } from 'vitest';
import { manualClock } from '../clock.ts';
import { addCampaign } from './campaign.ts';
import {
  countsAtProviders,
  moveStopped,
  releaseStop,
  reportedOf,
  stopCampaignAt,
  stopsInForce,
  stopsOf,
  type NewStop,
} from './campaign-stop.ts';
import { addBrand, addSendingDomain } from './identity.ts';
import { addEvents } from './event.ts';
import {
  addSeen,
  closeIncident,
  decideQuarantined,
  forgetHours,
  incidentAt,
  incidents,
  openIncident,
  openIncidents,
  quarantine,
  quarantined,
  usualAt,
} from './incident.ts';
import { placeOf } from './place.ts';
import { domainIds } from './queue.ts';
import { giveBackEach } from './queue-sweep.ts';
import type { DeliveryState } from './tables.ts';
import { eachEngine, type OpenStore } from './testing.ts';

const STOP: NewStop = {
  campaignId: 1,
  provider: 'gmail',
  reason: 'hard-bounces',
  attempts: 200,
  hard: 20,
  complaints: 0,
  replies: ['550 5.1.1 no such user'],
  pacePerHour: 4000,
  by: null,
};

/** Two campaigns with mail to gmail.com (gmail), a.example (site mx.a) and b.example (never looked up). */
async function house(open: OpenStore) {
  const clock = manualClock();
  const store = await open(clock);
  const now = clock.now();
  const ids = await store.write(async (tx) => {
    const brand = await addBrand(tx, { name: 'B', language: 'en', postal_address: '', created_at: now });
    const domain = await addSendingDomain(tx, {
      brand_id: brand,
      name: 'us.example',
      bounce_host: 'b.us.example',
      reply_host: 'r.us.example',
      created_at: now,
    });
    for (const name of ['one', 'two'])
      await addCampaign(tx, {
        name,
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
    const domains = await domainIds(tx, ['gmail.com', 'a.example', 'b.example']);
    await tx
      .updateTable('domain')
      .set({ provider: 'gmail', site: 'google.com' })
      .where('name', '=', 'gmail.com')
      .execute();
    await tx
      .updateTable('domain')
      .set({ provider: 'default', site: 'mx.a' })
      .where('name', '=', 'a.example')
      .execute();
    return { domain, domains };
  });
  let key = 0;
  const add = (campaign: number, name: string, state: DeliveryState, more: Record<string, unknown> = {}) =>
    store.write((tx) =>
      tx
        .insertInto('delivery')
        .values({
          lane: 'bulk',
          origin_kind: 'campaign',
          origin_id: campaign,
          recipient_key: String(++key),
          address: `p${key}@${name}`,
          domain_id: ids.domains.get(name) as number,
          sending_domain_id: ids.domain,
          pool: 'marketing',
          state,
          due_at: now,
          queued_at: now,
          attempt: 0,
          ...more,
        })
        .returning('id')
        .executeTakeFirstOrThrow(),
    );
  const states = async () =>
    (await store.read.selectFrom('delivery').select(['address', 'state']).orderBy('id').execute()).map(
      (row) => row.state,
    );
  return { clock, store, add, states };
}

eachEngine((_name, open) => {
  test('one stop of a campaign at a provider is open at a time; the newest row is in force', async () => {
    const { store, clock } = await house(open);
    const first = await store.write((tx) => stopCampaignAt(tx, STOP, clock.now()));
    expect(first).toMatchObject({
      state: 'stopped',
      replies: ['550 5.1.1 no such user'],
      pace_per_hour: 4000,
    });
    expect(await store.write((tx) => stopCampaignAt(tx, STOP, clock.now()))).toBeNull();
    const slower = await store.write((tx) =>
      releaseStop(tx, first?.id ?? 0, { state: 'slower', ratePerHour: 100, by: null }, clock.now()),
    );
    expect(slower).toMatchObject({ state: 'slower', rate_per_hour: 100 });
    expect(
      await store.write((tx) =>
        releaseStop(tx, first?.id ?? 0, { state: 'cancelled', ratePerHour: null, by: null }, clock.now()),
      ),
    ).toBeUndefined();
    await store.write((tx) => stopCampaignAt(tx, { ...STOP, reason: 'block' }, clock.now()));
    await store.write((tx) => stopCampaignAt(tx, { ...STOP, campaignId: 2 }, clock.now()));
    expect((await stopsInForce(store.read)).map((row) => [row.campaign_id, row.reason]).toSorted()).toEqual([
      [1, 'block'],
      [2, 'hard-bounces'],
    ]);
    expect(await stopsOf(store.read, 1)).toHaveLength(2);
  });

  test('what waits there steps aside, comes back, or is taken back; nothing else moves', async () => {
    const { store, clock, add, states } = await house(open);
    for (const [campaign, name] of [
      [1, 'gmail.com'],
      [1, 'gmail.com'],
      [1, 'a.example'],
      [2, 'gmail.com'],
    ] as const)
      await add(campaign, name, 'queued');
    const move = (state: 'stopped' | 'slower' | 'cancelled') =>
      store.write((tx) => moveStopped(tx, { campaign_id: 1, provider: 'gmail', state }, clock.now()));
    expect(await move('stopped')).toBe(2);
    expect(await states()).toEqual(['held', 'held', 'queued', 'queued']);
    expect(await move('stopped')).toBe(0);
    expect(await move('slower')).toBe(2);
    expect(await states()).toEqual(['queued', 'queued', 'queued', 'queued']);
    while ((await move('cancelled')) > 0);
    expect(await states()).toEqual(['cancelled', 'cancelled', 'queued', 'queued']);
  });

  test('each that is given back comes at its own time, and the attempt did not happen', async () => {
    const { store, add } = await house(open);
    const active = { attempt: 1, lease_owner: 'n', lease_until: 9e12 };
    const { id } = await add(1, 'gmail.com', 'active', active);
    const { id: other } = await add(1, 'gmail.com', 'active', { ...active, lease_owner: 'm' });
    await store.write((tx) =>
      giveBackEach(tx, 'n', [
        { id, dueAt: 77 },
        { id: other, dueAt: 78 },
      ]),
    );
    const rows = await store.read
      .selectFrom('delivery')
      .select(['state', 'due_at', 'attempt'])
      .orderBy('id')
      .execute();
    expect(rows[0]).toEqual({ state: 'queued', due_at: 77, attempt: 0 });
    expect(rows[1]).toMatchObject({ state: 'active', attempt: 1 });
  });

  test('counts by provider begin anew with a release; small domains are counted by their host', async () => {
    const { store, clock, add } = await house(open);
    const now = clock.now();
    const ended = { finished_at: now };
    await add(1, 'gmail.com', 'delivered', ended);
    const { id } = await add(1, 'gmail.com', 'bounced', { ...ended, class: 'invalid-recipient' });
    await add(1, 'gmail.com', 'bounced', { ...ended, class: 'spam-content' });
    await add(1, 'a.example', 'delivered', ended);
    await add(1, 'b.example', 'queued');
    const counts = async () =>
      (await countsAtProviders(store.read, 1))
        .map((row) => `${row.provider} ${row.attempts} ${row.hard}`)
        .toSorted();
    expect(await counts()).toEqual(['gmail 3 1', 'mx.a 1 0']);
    expect(placeOf('default', 'mx.a', 'a.example')).toBe('mx.a');
    expect(placeOf('gmail', 'google.com', 'gmail.com')).toBe('gmail');
    expect(placeOf(null, '', 'b.example')).toBe('b.example');
    const reports = [
      { kind: 'complained', data: { type: 'abuse', reporter: 'FBL of gmail' } },
      { kind: 'complained', data: { type: 'not-spam' } },
      { kind: 'bounced', inbound_id: 5, data: { class: 'invalid-recipient', words: 'gone' } },
      { kind: 'bounced', data: { class: 'invalid-recipient' } },
    ];
    await store.write((tx) =>
      addEvents(
        tx,
        reports.map((one) => ({ ...one, at: now, campaign_id: 1, delivery_id: id })),
      ),
    );
    expect(await reportedOf(store.read, [1])).toEqual([
      { campaignId: 1, provider: 'gmail', complaints: 1, hard: 1, words: 'gone' },
    ]);
    await clock.advance(1000);
    const stop = await store.write((tx) => stopCampaignAt(tx, STOP, clock.now()));
    await store.write((tx) =>
      releaseStop(tx, stop?.id ?? 0, { state: 'slower', ratePerHour: 1, by: null }, clock.now()),
    );
    expect(await counts()).toEqual(['mx.a 1 0']);
    expect(await reportedOf(store.read, [1])).toEqual([]);
  });

  test('a provider’s usual is its last days without this hour, and old hours are forgotten', async () => {
    const { store, clock } = await house(open);
    await store.write((tx) => addSeen(tx, [{ provider: 'gmail', attempts: 90, unknown: 1 }], clock.now()));
    await store.write((tx) => addSeen(tx, [{ provider: 'gmail', attempts: 10, unknown: 1 }], clock.now()));
    expect(await usualAt(store.read, 'gmail', clock.now(), 14)).toEqual({ attempts: 0, unknown: 0 });
    await clock.advance(3_600_000);
    expect(await usualAt(store.read, 'gmail', clock.now(), 14)).toEqual({ attempts: 100, unknown: 2 });
    await clock.advance(15 * 86_400_000);
    expect(await usualAt(store.read, 'gmail', clock.now(), 14)).toEqual({ attempts: 0, unknown: 0 });
    await store.write((tx) => forgetHours(tx, clock.now(), 14));
    expect(await store.read.selectFrom('provider_hour').selectAll().execute()).toEqual([]);
  });

  test('one incident of a provider is open at a time; what it keeps apart is decided once', async () => {
    const { store, clock } = await house(open);
    const now = clock.now();
    const facts = {
      provider: 'gmail',
      seen: { attempts: 50, unknown: 50 },
      usual: { attempts: 1000, unknown: 10 },
      replies: ['550 5.1.1'],
    };
    const made = await store.write((tx) => openIncident(tx, facts, now));
    const id = made?.id ?? 0;
    expect(await store.write((tx) => openIncident(tx, facts, now))).toBeNull();
    expect(await incidentAt(store.read, 'gmail')).toMatchObject({ id, usual_unknown: 10 });
    const rows = ['a@gmail.com', 'b@gmail.com'].map((address) => ({
      incident_id: id,
      address,
      contact_id: null,
      delivery_id: null,
      evidence: '550',
    }));
    await store.write((tx) => quarantine(tx, rows, now));
    expect((await incidents(store.read))[0]).toMatchObject({
      id,
      quarantined: 2,
      waiting: 2,
      closed_at: null,
    });
    expect((await quarantined(store.read, id, { limit: 1 }))[0]?.address).toBe('b@gmail.com');
    expect(await store.write((tx) => closeIncident(tx, id, 'over', null, now))).toBe(true);
    expect(await store.write((tx) => closeIncident(tx, id, 'forgiven', null, now))).toBe(false);
    expect(await store.write((tx) => decideQuarantined(tx, id, 'forgiven', null, now))).toHaveLength(2);
    expect(await store.write((tx) => decideQuarantined(tx, id, 'forgiven', null, now))).toEqual([]);
    expect(await openIncidents(store.read)).toEqual([]);
    expect((await incidents(store.read))[0]).toMatchObject({ waiting: 0, outcome: 'over' });
  });
});
