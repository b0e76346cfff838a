/** The sign-up pages as a stranger, a scanner and a bot see them. */
import { expect, test } from 'vitest';
import { consentsOf } from '../../core/store/consent.ts';
import { addFields, contactByEmail } from '../../core/store/contact.ts';
import { readRawMessage } from '../../core/store/raw-message.ts';
import { fixture } from '../fixture.testing.ts';
import { startWeb, type TestServer } from '../testing.ts';
import { LONGEST_MS, SHORTEST_MS } from './stamp.ts';

const text = (title: string) => ({
  title,
  intro: 'Une fois par mois.',
  button: 'M’inscrire',
  done: 'Merci !',
});

async function stand(more: Record<string, unknown> = {}) {
  const server = await startWeb();
  const { list } = await fixture(server.rt);
  await server.rt.store.write((tx) =>
    addFields(tx, [{ name: 'city', label: 'Ville <b>', kind: 'text' }], server.clock.now()),
  );
  const marketer = await server.as('marketer');
  const made = await marketer.post('/api/forms', {
    name: 'Site',
    list_id: list,
    purposes: ['marketing', 'tracking'],
    fields: ['first_name', 'city'],
    texts: { fr: text('La lettre <i>'), en: text('The letter') },
    privacy_url: 'https://maison.example/privacy',
    redirect: '',
    ...more,
  });
  expect(made.status).toBe(200);
  return { server, marketer, list, form: made.body };
}

const pathOf = (form: { url: string }) => new URL(form.url).pathname;
const look = (server: TestServer, path: string, headers: Record<string, string> = {}) =>
  fetch(server.url + path, { headers, redirect: 'manual' });
const send = (server: TestServer, path: string, fields: [string, string][]) =>
  fetch(server.url + path, {
    method: 'POST',
    body: new URLSearchParams(fields),
    redirect: 'manual',
    headers: { origin: 'https://elsewhere.example' },
  });
const stampIn = (html: string) => /name="stamp" value="([^"]+)"/.exec(html)?.[1] ?? '';

async function fillIn(
  server: TestServer,
  form: { url: string },
  fields: [string, string][] = [['email', 'Ana@Example.org']],
  wait = 5000,
) {
  const html = await (await look(server, pathOf(form))).text();
  await server.clock.advance(wait);
  const answer = await send(server, pathOf(form), [['stamp', stampIn(html)], ['lang', 'fr'], ...fields]);
  return { status: answer.status, html: await answer.text() };
}

const mails = (server: TestServer) => server.rt.store.read.selectFrom('submission').selectAll().execute();
async function linkMailed(server: TestServer): Promise<string> {
  const last = (await mails(server)).at(-1);
  const raw = (await readRawMessage(
    server.rt.store.read,
    server.rt.config.data_dir,
    last!.raw_hash,
  )) as Uint8Array;
  const body = Buffer.from(raw).toString('utf8').replaceAll('=\r\n', '').replaceAll('=3D', '=');
  return new URL(/https?:\/\/\S+\/f\/[^\s"<]+/.exec(body)![0]).pathname;
}

test('the form: no script, no ticked box, the privacy link and how to leave before the button', async () => {
  const { server, form } = await stand();
  const answer = await look(server, `${pathOf(form)}?lang=fr`);
  const html = await answer.text();
  expect(html).not.toMatch(/<script|checked/);
  expect(html).toContain('La lettre &#60;i&#62;');
  expect(html).toContain('Ville &#60;b&#62;');
  const order = [
    'name="email"',
    'J’accepte',
    'désabonner en un clic',
    'https://maison.example/privacy',
    '<button',
  ];
  const places = order.map((part) => html.indexOf(part));
  expect(places.every((at) => at > 0)).toBe(true);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(html.match(/name="agree"/g)).toHaveLength(2);
  expect(answer.headers.get('content-security-policy')).toContain('frame-ancestors *');
  expect(answer.headers.get('x-frame-options')).toBeNull();
  expect(await (await look(server, pathOf(form), { 'accept-language': 'en-GB' })).text()).toContain(
    'The letter',
  );
  expect((await look(server, '/f/unheard-of')).status).toBe(404);
});

test('filled in, mailed, looked at by a scanner, confirmed by a person: only the last puts them on the list', async () => {
  const { server, form, marketer } = await stand();
  const sent = await fillIn(server, form, [
    ['email', 'Ana@Example.org'],
    ['fields.first_name', 'Ana'],
    ['agree', 'marketing'],
    ['agree', 'invented'],
  ]);
  expect(sent).toMatchObject({ status: 200, html: expect.stringContaining('Plus qu’une étape') });
  const link = await linkMailed(server);
  const asked = await look(server, link);
  expect(await asked.text()).toContain('<form method="post">');
  expect(await contactByEmail(server.rt.store.read, 'ana@example.org')).toBeUndefined();
  // A POST without the button, as some scanners try, does not confirm either.
  expect((await send(server, link, [])).status).toBe(200);
  expect(await contactByEmail(server.rt.store.read, 'ana@example.org')).toBeUndefined();
  const done = await send(server, link, [['confirm', '1']]);
  expect(await done.text()).toContain('Merci !');
  const ana = (await contactByEmail(server.rt.store.read, 'ana@example.org'))!;
  const rows = await consentsOf(server.rt.store.read, ana.id);
  expect(rows.map((row) => `${row.purpose} ${row.state}`).toSorted()).toEqual([
    expect.stringMatching(/^list:\d+ given$/),
    'marketing given',
    'tracking refused',
  ]);
  expect(rows.find((row) => row.purpose === 'marketing')?.text).toBe(
    'J’accepte de recevoir vos nouvelles et vos offres par e-mail.',
  );
  expect(rows.find((row) => row.purpose.startsWith('list:'))?.text).toBe(
    'La lettre <i>\nUne fois par mois.\n[M’inscrire]',
  );
  expect((await marketer.get('/api/forms')).body.rows).toMatchObject([{ asked: 1, confirmed: 1 }]);
});

test('the answer is the same for a new, a known, a suppressed and a trapped address', async () => {
  const { server, form } = await stand();
  const owner = await server.as('owner');
  await owner.post('/api/suppressions', { address: 'gone@example.org', evidence: 'bounced' });
  const answers = new Set<string>();
  for (const email of ['new@example.org', 'camille@client.example', 'gone@example.org', 'new@example.org']) {
    const { status, html } = await fillIn(server, form, [['email', email]]);
    answers.add(`${status} ${html.replaceAll(email, 'X')}`);
  }
  const trapped = await fillIn(server, form, [
    ['email', 'bot@example.org'],
    ['website', 'https://spam.example'],
  ]);
  answers.add(`${trapped.status} ${trapped.html.replaceAll('bot@example.org', 'X')}`);
  expect(answers.size).toBe(1);
  expect(await mails(server)).toHaveLength(2);
});

test.each([
  ['faster than a person', SHORTEST_MS - 1, 0],
  ['in a person’s time', SHORTEST_MS, 1],
  ['from a page of the day before', LONGEST_MS + 1, 0],
])('sent %s: %i ms after it was shown, %i mails', async (_how, wait, count) => {
  const { server, form } = await stand();
  await fillIn(server, form, undefined, wait);
  expect(await mails(server)).toHaveLength(count);
});

test('a form pasted into another site comes back filled in, and counts once a person sends it', async () => {
  const { server, form } = await stand();
  expect(form.snippets.fr.html).toContain(`action="${form.url}"`);
  expect(form.snippets.fr.html).not.toMatch(/script|checked/);
  expect(form.snippets.en.frame).toMatch(/^<iframe src="[^"]+\?framed=1&amp;lang=en" title="The letter"/);
  const fields: [string, string][] = [
    ['lang', 'fr'],
    ['email', 'ana@example.org'],
    ['fields.city', 'Lyon "centre"'],
    ['agree', 'marketing'],
  ];
  const again = await (await send(server, pathOf(form), fields)).text();
  expect(again).toContain('value="ana@example.org"');
  expect(again).toContain('Lyon &#34;centre&#34;');
  expect(again.match(/ checked/g)).toHaveLength(1);
  expect(await mails(server)).toHaveLength(0);
  await server.clock.advance(SHORTEST_MS);
  await send(server, pathOf(form), [...fields, ['stamp', stampIn(again)]]);
  expect(await mails(server)).toHaveLength(1);
});

test('one machine cannot send forms without end', async () => {
  const { server, form } = await stand();
  const statuses: number[] = [];
  for (let n = 0; n < 31; n++)
    statuses.push((await send(server, pathOf(form), [['email', `p${n}@example.org`]])).status);
  expect(statuses.slice(0, 30).every((status) => status === 200)).toBe(true);
  expect(statuses[30]).toBe(429);
});

test('a wrong address says so; a closed form takes nobody; a redirect leads where the team says', async () => {
  const { server, form, marketer } = await stand({ redirect: 'https://maison.example/merci' });
  expect(await fillIn(server, form, [['email', 'no address']])).toMatchObject({ status: 422 });
  await fillIn(server, form);
  const link = await linkMailed(server);
  const asked = await look(server, link);
  expect(asked.headers.get('content-security-policy')).toContain(
    "form-action 'self' https://maison.example;",
  );
  const done = await send(server, link, [['confirm', '1']]);
  expect([done.status, done.headers.get('location')]).toEqual([303, 'https://maison.example/merci']);
  const changed = await marketer.call('PATCH', `/api/forms/${form.id}`, { active: false });
  expect(changed.body).toMatchObject({ active: false, version: 1 });
  expect((await look(server, pathOf(form))).status).toBe(410);
  expect((await send(server, pathOf(form), [['email', 'a@example.org']])).status).toBe(410);
});

test('a form that names what is not there is refused, and a change of what is shown is a new version', async () => {
  const { marketer, form } = await stand();
  const path = `/api/forms/${form.id}`;
  expect((await marketer.call('PATCH', path, { purposes: ['unheard-of'] })).status).toBe(422);
  expect((await marketer.call('PATCH', path, { fields: ['password'] })).status).toBe(422);
  expect((await marketer.call('PATCH', path, { list_id: 999 })).status).toBe(422);
  expect((await marketer.call('PATCH', path, { redirect: 'javascript:alert(1)' })).status).toBe(422);
  expect((await marketer.call('PATCH', path, { purposes: ['tracking'] })).body).toMatchObject({
    version: 2,
    purposes: ['tracking'],
  });
});
