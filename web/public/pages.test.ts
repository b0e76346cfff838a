import { expect, test } from 'vitest';
import { suppressionsOf } from '../../core/store/suppression.ts';
import { membershipsOf } from '../../core/store/list.ts';
import { timelineOf } from '../../core/store/timeline.ts';
import { fixture } from '../fixture.testing.ts';
import { startWeb, type TestServer } from '../testing.ts';

const CAMILLE = 'camille@client.example';
const active = async ({ rt }: TestServer) =>
  (await suppressionsOf(rt.store.read, CAMILLE))
    .filter((one) => one.lifted_at === null)
    .map((one) => one.scope);

const bare = (server: TestServer, path: string, init: RequestInit) =>
  fetch(server.url + path, { redirect: 'manual', ...init });

test.each(['GET', 'HEAD', 'OPTIONS'])('%s on the unsubscribe link changes nothing', async (method) => {
  const server = await startWeb();
  const { links } = await fixture(server.rt);
  const answer = await bare(server, links.unsubscribe, { method });
  expect(answer.status).toBeLessThan(500);
  expect(await active(server)).toEqual([]);
});

test('the page asks in the reader’s language, needs no script, and shows no markup of ours', async () => {
  const server = await startWeb();
  const { links } = await fixture(server.rt);
  const answer = await bare(server, links.unsubscribe, {});
  const page = await answer.text();
  expect(answer.status).toBe(200);
  expect(page).toContain('<html lang="fr">');
  expect(page).toContain('Me désabonner');
  expect(page).not.toContain('<script');
  expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(answer.headers.getSetCookie()).toEqual([]);
});

// RFC 8058 3.2: the POST has no cookie and any origin; its content is one of the two form encodings.
test.each([
  ['urlencoded', { 'content-type': 'application/x-www-form-urlencoded' }, 'List-Unsubscribe=One-Click'],
  [
    'multipart',
    { 'content-type': 'multipart/form-data; boundary=b' },
    '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
  ],
  [
    'from anywhere',
    { 'content-type': 'application/x-www-form-urlencoded', origin: 'https://mail.example' },
    'List-Unsubscribe=One-Click',
  ],
])('a one-click request, %s, is done when it is answered, as often as it comes', async (_, headers, body) => {
  const server = await startWeb();
  const { links, list, contact } = await fixture(server.rt);
  for (let n = 0; n < 2; n++) {
    const answer = await bare(server, links.unsubscribe, { method: 'POST', headers, body });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
    expect(answer.headers.get('location')).toBeNull();
    expect(await active(server)).toEqual([`list:${list}`]);
  }
  const asked = { address: CAMILLE, lane: 'bulk', listId: list } as const;
  expect(server.rt.suppressions.mayMail(asked).kind).toBe('suppressed');
  const memberships = await membershipsOf(server.rt.store.read, contact);
  expect(memberships.find((one) => one.list_id === list)?.status).toBe('unsubscribed');
  const kinds = (await timelineOf(server.rt.store.read, contact)).rows.map((one) => one.kind);
  expect(kinds.filter((kind) => kind === 'unsubscribed')).toHaveLength(1);
});

test('mail to a segment alone leaves marketing as a whole', async () => {
  const server = await startWeb();
  const { links } = await fixture(server.rt, { list: false });
  await bare(server, links.unsubscribe, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'List-Unsubscribe=One-Click',
  });
  expect(await active(server)).toEqual(['marketing']);
});

test('the button on the page does the same and says so', async () => {
  const server = await startWeb();
  const { links, list } = await fixture(server.rt, { language: 'en' });
  const answer = await bare(server, links.unsubscribe, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'confirm=1',
  });
  const page = await answer.text();
  expect(page).toContain('will not get messages of “Lettre &#60;b&#62;” any more');
  expect(await active(server)).toEqual([`list:${list}`]);
});

test.each([
  ['another word', 'application/x-www-form-urlencoded', 'List-Unsubscribe=Maybe', 400],
  ['nothing', 'application/x-www-form-urlencoded', '', 400],
  ['JSON', 'application/json', '{"List-Unsubscribe":"One-Click"}', 415],
  ['a broken form', 'multipart/form-data; boundary=b', 'garbage', 400],
  ['a megabyte', 'application/x-www-form-urlencoded', `x=${'y'.repeat(1024 * 1024)}`, 413],
])('a POST with %s changes nothing', async (_, type, body, status) => {
  const server = await startWeb();
  const { links } = await fixture(server.rt);
  const answer = await bare(server, links.unsubscribe, {
    method: 'POST',
    headers: { 'content-type': type },
    body,
  }).catch(() => ({ status: 413 }));
  expect(answer.status).toBe(status);
  expect(await active(server)).toEqual([]);
});

test('a token that is forged, of another purpose, too old or nobody’s gets one and the same answer', async () => {
  const server = await startWeb();
  const { links } = await fixture(server.rt);
  const token = links.unsubscribe.slice(3);
  const changed = token.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
  const nobody = server.rt.tokens.mint({
    purpose: 'u',
    id: 424_242,
    domain: 'links',
    now: server.clock.now(),
  });
  const view = links.view.slice(3);
  const post = async (one: string) => {
    const answer = await bare(server, `/u/${one}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'List-Unsubscribe=One-Click',
    });
    return `${answer.status} ${await answer.text()}`;
  };
  const answers = new Set(await Promise.all([changed, nobody, view, 'x', 'a'.repeat(32)].map(post)));
  expect(answers.size).toBe(1);
  expect([...answers][0]).toMatch(/^404 /);
  await server.clock.advance(401 * 24 * 60 * 60 * 1000);
  expect(answers).toContain(await post(token));
  expect(await active(server)).toEqual([]);
});

test('the links of a test message change nothing', async () => {
  const server = await startWeb();
  const { links } = await fixture(server.rt, { test: true });
  for (const path of [links.unsubscribe, links.preferences]) {
    const answer = await bare(server, path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'confirm=1&all=1',
    });
    expect(answer.status).toBe(200);
  }
  expect(await active(server)).toEqual([]);
});

test('preferences: the lists of the brand that one is on, each to be left, or all', async () => {
  const server = await startWeb();
  const { links, other } = await fixture(server.rt);
  const form = (body: string) =>
    bare(server, links.preferences, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body,
    });
  const page = await (await bare(server, links.preferences, {})).text();
  expect(page).toContain('Soldes');
  expect(page).toContain('Une fois par mois');
  expect(await (await form(`leave=${other}`)).text()).toContain('C’est enregistré');
  expect(await active(server)).toEqual([`list:${other}`]);
  expect((await form('leave=999')).status).toBe(404);
  expect(await (await form('all=1')).text()).toContain('plus aucun message commercial');
  expect((await active(server)).sort()).toEqual([`list:${other}`, 'marketing']);
});

test('the mail in the browser is the one that was sent, in a sandbox', async () => {
  const server = await startWeb();
  const { links } = await fixture(server.rt);
  const answer = await bare(server, links.view, {});
  const page = await answer.text();
  expect(page).toContain('Bonjour Camille');
  expect(page).toContain('https://parley.example.org/u/');
  expect(answer.headers.get('content-security-policy')).toMatch(/^sandbox /);
});
