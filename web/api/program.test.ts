import { expect, test } from 'vitest';
import { addBrand, addSendingDomain } from '../../core/store/identity.ts';
import { startWeb } from '../testing.ts';

test('a credential is made, held, released and revoked; its secret is told once', async () => {
  const server = await startWeb();
  await server.rt.store.write(async (tx) => {
    const brand = await addBrand(tx, { name: 'S', language: 'en', postal_address: '', created_at: 0 });
    await addSendingDomain(tx, {
      brand_id: brand,
      name: 'shop.example',
      bounce_host: 'b.shop.example',
      reply_host: 'r.shop.example',
      created_at: 0,
    });
  });
  const owner = await server.as('owner');
  const wrong = await owner.call('POST', '/api/programs', {
    name: 'x',
    kind: 'api',
    senders: ['@else.example'],
  });
  expect(wrong.status).toBe(422);
  const made = await owner.call('POST', '/api/programs', {
    name: 'Shop',
    kind: 'api',
    senders: ['@shop.example'],
    daily_cap: 5,
  });
  expect(made.status).toBe(200);
  const { secret } = made.body as { secret: string };
  expect(secret).toMatch(/^parley_/);
  const list = async () =>
    (await owner.get('/api/programs')).body as { rows: { id: number; state: string }[] };
  const before = await list();
  expect(before.rows).toMatchObject([
    { name: 'Shop', state: 'active', daily_cap: 5, new_recipients_per_hour: 100 },
  ]);
  expect(JSON.stringify(before)).not.toContain(secret.slice(-43));
  const path = `/api/programs/${before.rows[0]!.id}`;
  const states = [];
  for (const [what, body] of [
    ['hold', { reason: 'odd' }],
    ['release', {}],
    ['revoke', { cancel: true }],
  ] as const) {
    expect((await owner.call('POST', `${path}/${what}`, body)).status).toBe(200);
    states.push((await list()).rows[0]!.state);
  }
  expect(states).toEqual(['held', 'active', 'revoked']);
  const call = await fetch(`${server.url}/v1/messages`, { headers: { Authorization: `Bearer ${secret}` } });
  expect(call.status).toBe(401);
});

test('a webhook is added, listed without its secret, replayed and removed', async () => {
  const server = await startWeb();
  const owner = await server.as('owner');
  const bad = await owner.call('POST', '/api/webhooks', { name: 'x', url: 'ftp://x.example' });
  expect(bad.status).toBe(422);
  const made = await owner.call('POST', '/api/webhooks', { name: 'Shop', url: 'http://127.0.0.1:9/' });
  const { id, secret } = made.body as { id: number; secret: string };
  expect(secret).toMatch(/^whsec_/);
  const { body } = await owner.get('/api/webhooks');
  expect(body).toMatchObject({ rows: [{ name: 'Shop', state: 'active' }] });
  expect(JSON.stringify(body)).not.toContain(secret.slice(6));
  // Outside the lab the inside of the network is not called.
  const tested = await owner.call('POST', `/api/webhooks/${id}/test`, {});
  expect(tested.body).toMatchObject({ ok: false, status: null });
  const log = (await owner.get(`/api/webhooks/${id}/attempts`)).body as { rows: unknown[] };
  expect(log.rows).toHaveLength(1);
  expect((await owner.call('POST', `/api/webhooks/${id}/replay`, { hours: 1 })).status).toBe(200);
  expect((await owner.call('DELETE', `/api/webhooks/${id}`)).status).toBe(200);
  expect((await owner.get(`/api/webhooks/${id}/attempts`)).status).toBe(404);
});
