import { expect, test } from 'vitest';
import { readCall, type EventCall } from '../../core/audience/event-call.ts';
import { takeCalls } from '../../core/audience/event-group.ts';
import { EventTidy } from '../../core/audience/event-tidy.ts';
import type { Answer } from '../contract.ts';
import { startWeb } from '../testing.ts';

async function shop() {
  const server = await startWeb();
  const { rt, clock } = server;
  const calls = [
    { type: 'identify', userId: 'u', traits: { email: 'ana@example.org' } },
    { type: 'track', userId: 'u', event: 'Order / paid', properties: { total: 10, by: 'card' } },
    { type: 'track', userId: 'u', event: 'Order / paid', properties: { total: 12 } },
    { type: 'track', userId: 'u', event: 'page_viewed', properties: { url: 'https://shop.example/' } },
  ].map((one) => readCall(one, { now: clock.now() }) as EventCall);
  await rt.store.write((tx) => takeCalls(tx, [{ credentialId: 1, calls }], clock.now()));
  const path = `/api/events/${encodeURIComponent('Order / paid')}`;
  return { server, rt, path, tidy: new EventTidy(rt) };
}

test('the list and the page of an event say how many, what properties hold and how often', async () => {
  const { server, path } = await shop();
  const viewer = await server.as('viewer');
  const list = await viewer.get<Answer<'eventTypes'>>('/api/events');
  expect(list.body.rows.map(({ kind, count, properties }) => [kind, count, properties])).toEqual([
    ['Order / paid', 2, 2],
    ['page_viewed', 1, 1],
  ]);
  const page = await viewer.get<Answer<'eventType'>>(path);
  expect(page.body).toMatchObject({
    count: 2,
    keep_days: null,
    default_keep_days: 1096,
    deleting: false,
    properties: [
      { property: 'total', filled: 2, share: 1, types: [{ type: 'number', count: 2 }] },
      { property: 'by', filled: 1, share: 0.5, samples: [{ value: 'card', count: 1 }] },
    ],
  });
  expect((await viewer.get('/api/events/none')).status).toBe(404);
});

test('who may write sets how long an event is kept, deletes it, and deletes what was told of a person', async () => {
  const { server, rt, path, tidy } = await shop();
  const marketer = await server.as('marketer');
  expect((await marketer.call('PATCH', path, { keep_days: 30 })).status).toBe(200);
  expect((await marketer.get<Answer<'eventType'>>(path)).body.keep_days).toBe(30);
  expect((await marketer.call('PATCH', path, { keep_days: -1 })).status).toBe(422);
  expect((await marketer.call('PATCH', path, { keep_days: null })).status).toBe(200);

  expect((await marketer.call('DELETE', path)).status).toBe(200);
  expect((await marketer.get<Answer<'eventType'>>(path)).body.deleting).toBe(true);
  await tidy.once();
  expect((await marketer.get(path)).status).toBe(404);

  const ana = await rt.store.read.selectFrom('contact').select('id').executeTakeFirstOrThrow();
  const erased = await marketer.call<Answer<'erasePersonEvents'>>('DELETE', `/api/contacts/${ana.id}/events`);
  expect(erased.body).toEqual({ deleted: 1 });
  expect((await marketer.get<Answer<'eventTypes'>>('/api/events')).body.rows).toEqual([]);
  expect((await marketer.call('DELETE', '/api/contacts/999/events')).status).toBe(404);
  const viewer = await server.as('viewer');
  expect((await viewer.call('DELETE', path)).status).toBe(403);
});
