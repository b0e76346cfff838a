import { expect, test } from 'vitest';
import { enqueueMessage } from '../../core/store/queue.ts';
import { addSource } from '../../core/store/identity.ts';
import { startWeb, type TestServer } from '../testing.ts';

async function waiting({ rt }: TestServer): Promise<number[]> {
  const now = rt.clock.now();
  return rt.store.write(async (tx) => {
    await addSource(tx, {
      name: 'lyon',
      ip: '127.0.0.1',
      ehlo: 'lyon.example.org',
      pool: 'transactional',
      paused: 0,
      note: '',
      created_at: now,
    });
    return enqueueMessage(
      tx,
      {
        messageId: 1,
        recipients: ['a@slow.example', 'b@slow.example', 'c@quick.example'],
        sendingDomainId: 1,
      },
      now,
    );
  });
}

test('an order is counted, given, listed with who gave it, and let go of; only whoever may write may give it', async () => {
  const server = await startWeb();
  await waiting(server);
  const admin = await server.as('admin');
  const asked = { kind: 'hold', by: 'destination', name: 'slow.example' };
  const count = await admin.get('/api/queue/orders/count?kind=hold&by=destination&name=slow.example');
  expect(count.body).toEqual({ deliveries: 2 });
  const given = await admin.post('/api/queue/orders', { ...asked, reason: 'too fast' });
  expect(given.body).toMatchObject({ kind: 'hold', target: 'slow.example', expected: 2, reason: 'too fast' });
  const listed = (await admin.get('/api/queue/orders')).body;
  expect(listed.rows[0]).toMatchObject({ id: given.body.id, released_at: null, done_at: null });
  expect(listed.rows[0].made_by_name).not.toBeNull();
  expect(listed.pools).toEqual(['transactional']);
  expect(listed.sources).toMatchObject([{ name: 'lyon', waiting: 0, reason: 'idle' }]);
  const queue = (await admin.get('/api/queue')).body;
  expect(queue.rows.find((row: { name: string }) => row.name === 'slow.example')).toMatchObject({
    held: true,
    reason: 'held',
    eta_at: null,
  });
  expect((await admin.post(`/api/queue/orders/${given.body.id}/release`)).body.released_at).not.toBeNull();
  expect((await admin.get('/api/queue')).body.rows.every((row: { held: boolean }) => !row.held)).toBe(true);
  const viewer = await server.as('viewer');
  expect((await viewer.post('/api/queue/orders', asked)).status).toBe(403);
});

test('what the room of the queue holds with its button is an order like any other', async () => {
  const server = await startWeb();
  await waiting(server);
  const admin = await server.as('admin');
  const { domain_id: id } = (await admin.get('/api/queue?search=slow')).body.rows[0];
  expect((await admin.post(`/api/queue/destinations/${id}/hold`, { held: true })).body).toEqual({ moved: 2 });
  expect((await admin.get('/api/queue/orders')).body.rows).toMatchObject([
    { kind: 'hold', target: 'slow.example' },
  ]);
  await admin.post(`/api/queue/destinations/${id}/hold`, { held: false });
  expect((await admin.get('/api/queue/orders')).body.rows[0].done_at).not.toBeNull();
});

test.each([
  [{ kind: 'reroute', by: 'destination', name: 'slow.example', to_pool: 'nowhere' }, 422],
  [{ kind: 'drain', by: 'pool', name: 'transactional' }, 422],
  [{ kind: 'cancel', by: 'destination', name: 'nobody.example' }, 404],
  [{ kind: 'cancel', by: 'campaign', name: 'x' }, 404],
])('%j is refused with %d', async (body, status) => {
  const server = await startWeb();
  await waiting(server);
  expect((await (await server.as('admin')).post('/api/queue/orders', body)).status).toBe(status);
});

test('one delivery is held, released, tried again and cancelled', async () => {
  const server = await startWeb();
  const [id] = await waiting(server);
  const admin = await server.as('admin');
  const act = async (act: string) => (await admin.post(`/api/deliveries/${id}/act`, { act })).body.moved;
  expect(await act('hold')).toBe(1);
  expect((await admin.get(`/api/deliveries/${id}`)).body.waiting.reason).toBe('held');
  expect(await act('release')).toBe(1);
  expect(await act('cancel')).toBe(1);
  expect(await act('retry')).toBe(0);
  expect((await admin.get(`/api/deliveries/${id}`)).body.state).toBe('cancelled');
  expect((await admin.post('/api/deliveries/999/act', { act: 'hold' })).status).toBe(404);
});
