import { request } from 'node:http';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startWeb } from './testing.ts';

test('what is wrong is told by field, and nothing of it is kept', async () => {
  const { as } = await startWeb();
  const owner = await as('owner');
  const answer = await owner.post('/api/fields', {
    name: 'Bad Name',
    label: '',
    kind: 'colour',
    role: 'admin',
  });
  expect(answer.status).toBe(422);
  expect(Object.keys(answer.body.error.fields).sort()).toEqual(['kind', 'label', 'name', 'role']);
  expect((await owner.get('/api/fields')).body.rows).toEqual([]);
});

test.each([
  ['deep', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 400],
  ['a prototype', '{"name":"x","__proto__":{"role":"admin"}}', 400],
  ['an escaped prototype', '{"\\u005f_proto__":1}', 400],
  ['a number too large', '{"name":1e400}', 400],
  ['half a character', '{"name":"\\ud800"}', 400],
  ['not JSON', '{name}', 400],
  ['too large', `{"name":"${'x'.repeat(5 * 1024 * 1024)}"}`, 413],
])('a body that is %s', async (_, body, status) => {
  const { as } = await startWeb();
  const owner = await as('owner');
  const began = performance.now();
  const answer = await owner.post('/api/campaigns', body, { 'content-type': 'application/json' });
  expect(answer.status).toBe(status);
  expect(performance.now() - began).toBeLessThan(1000);
});

test('JSON under another name is 415', async () => {
  const { as } = await startWeb();
  const owner = await as('owner');
  const answer = await owner.post('/api/campaigns', '{"name":"x"}', { 'content-type': 'text/plain' });
  expect(answer.status).toBe(415);
});

test.each(['0', 'abc', '1e3', '99999999999999999999', '-1', '%00'])(
  'an id like %s leads nowhere',
  async (id) => {
    const { as } = await startWeb();
    const owner = await as('owner');
    for (const noun of ['conversations', 'contacts', 'campaigns', 'segments', 'deliveries', 'domains'])
      expect((await owner.get(`/api/${noun}/${id}`)).status).toBe(404);
  },
);

test('a parameter given twice or unknown is refused by name', async () => {
  const { as } = await startWeb();
  const owner = await as('owner');
  expect((await owner.get('/api/contacts?sort=email&sort=newest')).body.error.fields).toEqual({
    sort: 'is given twice',
  });
  expect((await owner.get('/api/contacts?admin=1')).body.error.fields).toEqual({
    admin: 'is not known here',
  });
});

test.each([
  ['evil.example', 400],
  ['evil.example:8080', 400],
  ['parley.example.org.evil.example', 400],
  ['localhost:1234', 200],
  ['[::1]:80', 200],
  ['parley.example.org', 200],
])('a request for the host %j', async (host, status) => {
  const { url } = await startWeb({ http: { base_url: 'https://parley.example.org' } });
  const answered = await new Promise<number>((resolve, reject) => {
    const { hostname, port } = new URL(url);
    request({ hostname, port, path: '/api/session', headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
  expect(answered).toBe(status);
});

test('our pages carry a policy that lets nothing else in', async () => {
  const { browser } = await startWeb();
  const { headers } = await browser().get('/api/session');
  expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('cache-control')).toBe('no-store');
});

test('the interface: hashed files for ever, the page for every address, a clear word when it is not built', async () => {
  const { browser, rt } = await startWeb();
  const before = await browser().get('/inbox');
  expect(before.status).toBe(503);
  expect(before.body).toContain('npm run build');
  const dist = join(rt.config.data_dir, 'dist');
  mkdirSync(join(dist, 'assets'), { recursive: true });
  writeFileSync(join(dist, 'index.html'), '<!doctype html>the app');
  writeFileSync(join(dist, 'assets', 'app-abc123.js'), `export const x = ${'1'.repeat(3000)}`);
  const page = await browser().get('/conversations/3');
  expect([page.status, page.body]).toEqual([200, '<!doctype html>the app']);
  expect(page.headers.get('cache-control')).toBe('no-cache');
  const file = await browser().get('/assets/app-abc123.js');
  expect(file.headers.get('cache-control')).toContain('immutable');
  expect(file.headers.get('content-encoding')).toBe('gzip');
  expect((await browser().get('/assets/old-000000.js')).status).toBe(404);
  expect((await browser().get('/assets/..%2f..%2fmaster.key')).status).toBe(404);
});

test('health, readiness and metrics', async () => {
  const { browser } = await startWeb();
  expect((await browser().get('/health')).body).toEqual({ status: 'ok' });
  expect((await browser().get('/ready')).body).toEqual({ status: 'ready' });
  expect((await browser().get('/metrics')).body).toContain('parley_http_requests');
  expect((await browser().get('/metrics', { 'x-forwarded-for': '203.0.113.5' })).status).toBe(404);
});

test('the API describes itself', async () => {
  const { browser } = await startWeb();
  const { body } = await browser().get('/api/openapi.json');
  expect(body.openapi).toBe('3.1.0');
  expect(body.paths['/api/conversations/{id}'].get.operationId).toBe('conversation');
});
