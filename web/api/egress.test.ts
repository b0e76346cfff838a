import { expect, test } from 'vitest';
import type { Answer } from '../contract.ts';
import { startWeb } from '../testing.ts';

const relay = { name: 'relay', host: 'smtp.example.com', username: 'us', password: 'gone in and not out' };

test('a smarthost is added, given to a pool, tested on demand and removed, and its password never comes out', async () => {
  const server = await startWeb();
  const browser = await server.as('admin');
  const made = await browser.call('POST', '/api/smarthosts', relay);
  expect(made.body).toMatchObject({ name: 'relay', has_password: true, tls: 'starttls', verify: true });
  const { id } = made.body as Answer<'addSmarthost'>;
  const before = (await browser.call('GET', '/api/egress')).body as Answer<'egress'>;
  const pool = before.pools.find((one) => one.name === 'marketing')!;
  const use = (body: object) => browser.call('PATCH', `/api/pools/${pool.id}`, body);
  expect((await use({ smarthost_mode: 'share' })).status).toBe(422);
  expect((await use({ smarthost_id: id, smarthost_mode: 'share', smarthost_share: 30 })).body).toMatchObject({
    smarthost_mode: 'share',
    smarthost_share: 30,
  });
  const asked = await browser.call('POST', `/api/smarthosts/${id}/test`);
  expect(asked.body).toMatchObject({ test: { state: 'asked' } });
  const all = await browser.call('GET', '/api/egress');
  for (const answer of [made, asked, all]) {
    expect(JSON.stringify(answer.body)).not.toContain('gone in');
    expect(JSON.stringify(answer.body)).not.toContain('sealed');
  }
  expect((await browser.call('DELETE', `/api/smarthosts/${id}`)).status).toBe(200);
  const after = (await browser.call('GET', '/api/egress')).body as Answer<'egress'>;
  expect(after.smarthosts).toEqual([]);
  expect(after.pools.find((one) => one.id === pool.id)).toMatchObject({ smarthost_mode: 'off' });
});

test('the host of a smarthost does not change without its password, and nothing goes in clear to another machine', async () => {
  const browser = await (await startWeb()).as('admin');
  const { id } = (await browser.call('POST', '/api/smarthosts', relay)).body as Answer<'addSmarthost'>;
  const change = (body: object) => browser.call('PATCH', `/api/smarthosts/${id}`, body);
  expect((await change({ host: 'evil.example.net' })).body).toMatchObject({
    error: { fields: { password: expect.any(String) } },
  });
  expect((await change({ tls: 'none' })).status).toBe(422);
  expect((await change({ verify: false })).status).toBe(422);
  expect((await change({ max_connections: 4 })).body).toMatchObject({
    max_connections: 4,
    has_password: true,
  });
});

test('a source is put into pools with weights and looked up, and a pool that is chosen cannot go', async () => {
  const browser = await (await startWeb()).as('admin');
  const source = (
    await browser.call('POST', '/api/sources', { name: 'a', ip: '127.0.0.2', ehlo: 'mail.example.com' })
  ).body as { id: number };
  const pool = (await browser.call('POST', '/api/pools', { name: 'brand-b' })).body as Answer<'addPool'>;
  const shares = [
    { pool: 'marketing', weight: 3 },
    { pool: 'brand-b', weight: 1 },
  ];
  const put = await browser.call('PUT', `/api/sources/${source.id}/pools`, { pools: shares });
  expect(put.body).toMatchObject({ pools: shares });
  const checked = await browser.call('POST', `/api/sources/${source.id}/check`);
  expect((checked.body as Answer<'checkSource'>).ticks[0]).toMatchObject({ what: 'local', status: 'ok' });
  expect((await browser.call('DELETE', `/api/pools/${pool.id}`)).status).toBe(200);
  const rest = (await browser.call('GET', '/api/egress')).body as Answer<'egress'>;
  expect(rest.sources[0]?.pools).toEqual([{ pool: 'marketing', weight: 3 }]);
  const marketing = rest.pools.find((one) => one.name === 'marketing')!;
  expect((await browser.call('DELETE', `/api/pools/${marketing.id}`)).status).toBe(409);
});
