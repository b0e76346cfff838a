import { expect, test } from 'vitest';
import { limitClaim } from '../../core/pressure/limit.ts';
import { claimDue } from '../../core/store/queue.ts';
import { fixture } from '../fixture.testing.ts';
import { startWeb } from '../testing.ts';

const CAP = { most: 1, days: 7, wait_days: 2, segment_id: null, list_id: null, brand_id: null };
const DAY = 86_400_000;

test('a cap is made, shown, changed and lifted; what it names must be there, and a viewer only looks', async () => {
  const server = await startWeb();
  const marketer = await server.as('marketer');
  expect((await marketer.post('/api/pressure/caps', { ...CAP, list_id: 77 })).status).toBe(422);
  expect((await marketer.post('/api/pressure/caps', { ...CAP, most: 0 })).status).toBe(422);
  const segment = (
    await marketer.post('/api/segments', { name: 'VIP', definition: { root: { tag: ['vip'] } } })
  ).body.id;
  const made = await marketer.post('/api/pressure/caps', { ...CAP, segment_id: segment });
  expect(made.body).toMatchObject({ most: 1, days: 7, wait_days: 2, segment_id: segment });
  // The segment stays while a cap is about it.
  expect((await marketer.call('DELETE', `/api/segments/${segment}`)).status).toBe(409);
  const path = `/api/pressure/caps/${made.body.id}`;
  expect((await marketer.call('PUT', path, { ...CAP, most: 3 })).body).toMatchObject({
    most: 3,
    segment_id: null,
  });
  const viewer = await server.as('viewer');
  expect((await viewer.get('/api/pressure')).body.caps).toMatchObject([{ most: 3, days: 7 }]);
  expect((await viewer.call('DELETE', path)).status).toBe(403);
  expect((await marketer.call('DELETE', path)).status).toBe(200);
  expect((await marketer.call('DELETE', path)).status).toBe(404);
  expect((await marketer.call('DELETE', `/api/segments/${segment}`)).status).toBe(200);
});

test('what was put off and left out is told of the campaign, the person, the delivery and the whole; a lifted cap lets go', async () => {
  const server = await startWeb();
  const { rt } = server;
  const marketer = await server.as('marketer');
  await fixture(rt);
  const now = rt.clock.now();
  const { id: contact } = (await marketer.get('/api/contacts?search=camille')).body.rows[0];
  // Two campaigns more to somebody who just had one.
  const sent = await rt.store.read
    .selectFrom('delivery')
    .selectAll()
    .where('origin_kind', '=', 'campaign')
    .executeTakeFirstOrThrow();
  await rt.store.write(async (tx) => {
    await tx
      .insertInto('mail_got')
      .values({ contact_id: contact, at: now - 6 * DAY, delivery_id: sent.id, list_id: null, brand_id: 1 })
      .execute();
    for (const queued_at of [now, now - 3 * DAY]) {
      const { id: _, ...row } = sent;
      await tx
        .insertInto('delivery')
        .values({
          ...row,
          recipient_key: `again ${queued_at}`,
          state: 'queued',
          attempt: 0,
          due_at: now - 1,
          queued_at,
          finished_at: null,
        })
        .execute();
    }
  });
  const cap = (await marketer.post('/api/pressure/caps', CAP)).body;
  const claim = () =>
    rt.store.write(async (tx) => {
      const due = await claimDue(tx, {
        domainIds: [sent.domain_id],
        lane: 'bulk',
        limit: 10,
        now,
        owner: 'n',
        leaseMs: 1000,
        nextAt: now + 1000,
        exceptCampaigns: [],
      });
      return limitClaim(tx, 'n', due, now);
    });
  expect(await claim()).toEqual([]);
  expect((await marketer.get(`/api/campaigns/${sent.origin_id}/pressure`)).body).toEqual({
    put_off: 1,
    next_at: now + DAY,
    left_out: [{ reason: 'frequency: at most 1 in 7 days', count: 1 }],
  });
  expect((await marketer.get(`/api/contacts/${contact}/pressure`)).body).toMatchObject({
    week: 1,
    month: 1,
    last_at: now - 6 * DAY,
    caps: [{ id: cap.id, most: 1, got: 1, room_at: now + DAY }],
  });
  const whole = (await marketer.get('/api/pressure')).body;
  expect(whole).toMatchObject({ waiting: 1, left_out: [{ campaign_id: sent.origin_id, count: 1 }] });
  expect(whole.week[1]).toEqual({ mails: 1, people: 1 });
  const waiting = await rt.store.read
    .selectFrom('delivery')
    .select('id')
    .where('state', '=', 'queued')
    .executeTakeFirstOrThrow();
  const story = await (await server.as('admin')).get(`/api/deliveries/${waiting.id}`);
  expect(story.body.waiting).toEqual({ reason: 'frequency', until: now + DAY });

  expect((await marketer.call('DELETE', `/api/pressure/caps/${cap.id}`)).status).toBe(200);
  expect((await claim()).map((row) => row.id)).toEqual([waiting.id]);
});
