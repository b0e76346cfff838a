import { expect, test } from 'vitest';
import { ownerLink } from '../account.ts';
import { PASSWORD, startWeb } from '../testing.ts';

const DAY = 24 * 60 * 60 * 1000;
const tokenOf = (link: string | undefined) => new URL(link ?? '').searchParams.get('token') ?? '';

test('the first run makes the owner by a link that works once, and signs them in', async () => {
  const { rt, browser } = await startWeb();
  const someone = browser();
  expect((await someone.get('/api/session')).body).toMatchObject({ user: null, csrf: null, first_run: true });
  const token = tokenOf(await ownerLink(rt));
  expect((await someone.post('/api/welcome/look', { token })).body).toMatchObject({ purpose: 'owner' });

  const incomplete = await someone.post('/api/welcome', { token, password: PASSWORD });
  expect(incomplete.status).toBe(422);
  expect(incomplete.body.error.fields).toEqual({ email: 'is needed', name: 'is needed' });

  const owner = { token, password: PASSWORD, email: 'Ada@Example.org', name: 'Ada', language: 'fr' };
  const made = await someone.post('/api/welcome', owner);
  expect(made.status).toBe(200);
  expect(made.body.user).toMatchObject({ email: 'ada@example.org', role: 'owner', language: 'fr' });
  expect((await someone.get('/api/session')).body.user.name).toBe('Ada');

  const again = await browser().post('/api/welcome', { ...owner, email: 'eve@example.org' });
  expect(again.status).toBe(404);
  expect(await ownerLink(rt)).toBeUndefined();
});

test('a new owner link makes the earlier one worthless, and a week makes it too old', async () => {
  const { rt, browser, clock } = await startWeb();
  const first = tokenOf(await ownerLink(rt));
  const second = tokenOf(await ownerLink(rt));
  expect((await browser().post('/api/welcome/look', { token: first })).status).toBe(404);
  expect((await browser().post('/api/welcome/look', { token: second })).status).toBe(200);
  await clock.advance(7 * DAY + 1);
  expect((await browser().post('/api/welcome/look', { token: second })).status).toBe(404);
});

test('a wrong password, an unknown user and a disabled one get the same words', async () => {
  const { as, browser, rt } = await startWeb();
  const owner = await as('owner');
  const agent = await as('agent');
  const { id, email } = (await agent.get('/api/session')).body.user;
  expect((await owner.call('PATCH', `/api/users/${id}`, { disabled: true })).status).toBe(200);
  const answers = await Promise.all([
    browser().post('/api/login', { email: 'owner1@staff.example', password: 'wrong' }),
    browser().post('/api/login', { email: 'nobody@staff.example', password: 'wrong' }),
    browser().post('/api/login', { email, password: PASSWORD }),
  ]);
  expect(answers.map((one) => one.status)).toEqual([401, 401, 401]);
  expect(new Set(answers.map((one) => one.body.error.message)).size).toBe(1);
  expect(rt.config.http.base_url).toBe('');
});

test('the cookie is HttpOnly, Lax, of this host; signing in again gives another one and ends the old', async () => {
  const { as, browser } = await startWeb();
  const owner = await as('owner');
  const old = owner.cookie;
  const login = await owner.post('/api/login', { email: 'owner1@staff.example', password: PASSWORD });
  const set = login.headers.getSetCookie()[0] ?? '';
  expect(set).toMatch(/^parley=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+$/);
  expect(owner.cookie).not.toBe(old);
  const thief = browser();
  thief.cookie = old;
  expect((await thief.get('/api/session')).body.user).toBeNull();
});

test('behind https the cookie is a __Host- cookie, and the plain one means nothing there', async () => {
  const { as, browser } = await startWeb({
    http: { base_url: 'https://parley.example.org', trusted_proxies: ['127.0.0.1'] },
  });
  const proxied = { origin: 'https://parley.example.org', 'x-forwarded-proto': 'https' };
  const planted = (await as('owner')).cookie;
  const someone = browser();
  const login = { email: 'owner1@staff.example', password: PASSWORD };
  const answer = await someone.post('/api/login', login, proxied);
  expect(answer.headers.getSetCookie()[0]).toMatch(/^__Host-parley=.*; Secure/);
  expect(answer.headers.get('strict-transport-security')).toContain('max-age');
  expect((await someone.get('/api/session', proxied)).body.user).not.toBeNull();
  someone.cookie = planted;
  expect((await someone.get('/api/session', proxied)).body.user).toBeNull();
  expect(
    (await browser().post('/api/login', login, { ...proxied, origin: 'http://parley.example.org' })).status,
  ).toBe(403);
});

test('a session ends when nobody comes for two weeks', async () => {
  const { as, clock } = await startWeb();
  const agent = await as('agent');
  await clock.advance(13 * DAY);
  expect((await agent.get('/api/views')).status).toBe(200);
  await clock.advance(13 * DAY);
  expect((await agent.get('/api/views')).status).toBe(200);
  await clock.advance(14 * DAY + 1);
  expect((await agent.get('/api/views')).status).toBe(401);
});

test('a new password ends every other session; a new role and a disabled account end all', async () => {
  const { as, browser, url } = await startWeb();
  const owner = await as('owner');
  const agent = await as('agent');
  const { id, email } = (await agent.get('/api/session')).body.user;
  const second = browser();
  await second.post('/api/login', { email, password: PASSWORD });

  const refused = await agent.post('/api/me/password', { current: 'wrong', next: 'another password' });
  expect(refused.body.error.fields).toEqual({ current: 'is not right' });
  await agent.post('/api/me/password', { current: PASSWORD, next: 'another password' });
  expect((await agent.get('/api/views')).status).toBe(200);
  expect((await second.get('/api/views')).status).toBe(401);

  await owner.call('PATCH', `/api/users/${id}`, { role: 'viewer' });
  expect((await agent.get('/api/views')).status).toBe(401);
  expect(url).toContain('127.0.0.1');
});

test('somebody must stay owner, and only an owner touches owners', async () => {
  const { as } = await startWeb();
  const owner = await as('owner');
  const admin = await as('admin');
  const { id } = (await owner.get('/api/session')).body.user;
  expect((await owner.call('PATCH', `/api/users/${id}`, { role: 'admin' })).status).toBe(409);
  expect((await owner.call('PATCH', `/api/users/${id}`, { disabled: true })).status).toBe(409);
  expect((await admin.call('PATCH', `/api/users/${id}`, { disabled: true })).status).toBe(403);
  expect((await admin.post(`/api/users/${id}/reset-link`)).status).toBe(403);
  const invitedOwner = await admin.post('/api/users', { email: 'x@example.org', name: 'X', role: 'owner' });
  expect(invitedOwner.status).toBe(422);
});

test('an invitation sets a password once; a reset link replaces it and works once', async () => {
  const { as, browser } = await startWeb();
  const owner = await as('owner');
  const { body } = await owner.post('/api/users', { email: 'lea@example.org', name: 'Léa', role: 'agent' });
  const token = tokenOf(body.link);
  const lea = browser();
  expect((await lea.post('/api/welcome/look', { token })).body).toMatchObject({
    purpose: 'invitation',
    email: 'lea@example.org',
  });
  expect((await lea.post('/api/welcome', { token, password: PASSWORD })).body.user.role).toBe('agent');
  expect((await browser().post('/api/welcome', { token, password: PASSWORD })).status).toBe(404);

  const reset = tokenOf((await owner.post(`/api/users/${body.user_id}/reset-link`)).body.link);
  expect((await browser().post('/api/welcome', { token: reset, password: 'the new password' })).status).toBe(
    200,
  );
  expect((await lea.get('/api/views')).status).toBe(401);
  expect((await browser().post('/api/login', { email: 'lea@example.org', password: PASSWORD })).status).toBe(
    401,
  );
});

test('too many tries are told to wait', async () => {
  const { browser } = await startWeb();
  let last = await browser().post('/api/login', { email: 'a@example.org', password: 'x' });
  for (let n = 0; n < 8; n++)
    last = await browser().post('/api/login', { email: 'a@example.org', password: 'x' });
  expect(last.status).toBe(429);
  expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
}, 20_000);

test.each([
  ['no Origin', { origin: '' }, 403],
  ['another site', { origin: 'https://evil.example' }, 403],
  ['a neighbour', { origin: 'http://sub.127.0.0.1' }, 403],
  ['null, as a sandboxed frame has it', { origin: 'null' }, 403],
  ['no token', { 'x-csrf-token': '' }, 403],
  ['another session’s token', { 'x-csrf-token': 'A'.repeat(43) }, 403],
  ['everything right', {}, 200],
])('a change with %s', async (_, headers, status) => {
  const { as } = await startWeb();
  const owner = await as('owner');
  expect(
    (await owner.post('/api/fields', { name: 'city', label: 'City', kind: 'text' }, headers)).status,
  ).toBe(status);
});
