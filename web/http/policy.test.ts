import { expect, test } from 'vitest';
import { routes, type Permission, type Role, type RouteName } from '../contract.ts';
import { startWeb, type Browser } from '../testing.ts';
import { policy } from './policy.ts';

/** Who may use which permission, written out a second time: the policy must agree with it. */
const expected: Record<Exclude<Permission, 'public' | 'signed-in'>, string> = {
  'inbox.read': 'owner admin marketer agent deliverability viewer',
  'inbox.write': 'owner admin marketer agent',
  'audience.read': 'owner admin marketer agent deliverability viewer',
  'audience.write': 'owner admin marketer',
  'campaign.read': 'owner admin marketer agent deliverability viewer',
  'campaign.write': 'owner admin marketer',
  'campaign.send': 'owner admin marketer',
  'campaign.brake': 'owner admin marketer deliverability',
  'campaign.override': 'owner admin deliverability',
  'suppression.read': 'owner admin marketer agent deliverability viewer',
  'suppression.add': 'owner admin marketer agent deliverability',
  'suppression.lift': 'owner admin deliverability',
  'sending.read': 'owner admin marketer deliverability viewer',
  'sending.write': 'owner admin deliverability',
  'team.manage': 'owner admin',
  'settings.write': 'owner admin',
};
const roles = Object.keys(policy) as Role[];
const names = Object.keys(routes) as RouteName[];
/** Streams never end, and signing out ends the walk. */
const apart: RouteName[] = ['stream', 'logout'];

const concrete = (name: RouteName) => routes[name].path.replace(/:\w+/g, '999999');

test.each(names)('the route %s has a permission that the table knows', (name) => {
  const { permission } = routes[name];
  expect(['public', 'signed-in', ...Object.keys(expected)]).toContain(permission);
});

test('every route with every role: who may not is told so before anything else is looked at', async () => {
  const server = await startWeb();
  const visit = async (browser: Browser, name: RouteName) =>
    (await browser.call(routes[name].method, concrete(name), routes[name].method === 'GET' ? undefined : {}))
      .status;
  const wrong: string[] = [];
  for (const role of [null, ...roles]) {
    const browser = role === null ? server.browser() : await server.as(role);
    for (const name of names) {
      if (apart.includes(name) && role !== null) continue;
      const { permission } = routes[name];
      const allowed =
        permission === 'public' ||
        (role !== null && (permission === 'signed-in' || expected[permission].split(' ').includes(role)));
      const status = await visit(browser, name);
      const refused = role === null ? status === 401 : status === 403;
      // A wrong password is 401, too: signing in with nothing is not a refusal of the route.
      const isLogin = name === 'login' || name === 'welcome';
      if (!isLogin && refused === allowed) wrong.push(`${name} as ${role ?? 'nobody'}: ${status}`);
      if (status === 500) wrong.push(`${name} as ${role ?? 'nobody'} broke`);
    }
  }
  expect(wrong).toEqual([]);
}, 60_000);

test('an address of the API that is not in the contract is 404, a wrong method 405 with what is allowed', async () => {
  const server = await startWeb();
  const browser = await server.as('owner');
  expect((await browser.get('/api/nothing')).status).toBe(404);
  const wrong = await browser.call('DELETE', '/api/views');
  expect(wrong.status).toBe(405);
  expect(wrong.headers.get('allow')).toBe('GET');
});
