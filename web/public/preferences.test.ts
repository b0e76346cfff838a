/** The preference page as its reader uses it. */
import { expect, test } from 'vitest';
import { contactById } from '../../core/store/contact.ts';
import { changeList, membershipsOf } from '../../core/store/list.ts';
import { fixture } from '../fixture.testing.ts';
import { startWeb } from '../testing.ts';

async function stand(options: Parameters<typeof fixture>[1] = {}) {
  const server = await startWeb();
  const ids = await fixture(server.rt, options);
  const path = server.url + ids.links.preferences.replace(/^https?:\/\/[^/]+/, '');
  const look = async (method = 'GET') => (await fetch(path, { method })).text();
  const send = async (fields: [string, string][]) =>
    (await fetch(path, { method: 'POST', body: new URLSearchParams(fields) })).text();
  const state = async () => ({
    contact: await contactById(server.rt.store.read, ids.contact),
    lists: (await membershipsOf(server.rt.store.read, ids.contact)).map(
      (one) => `${one.list_id} ${one.status}`,
    ),
  });
  return { server, ...ids, look, send, state };
}

test('looking changes nothing; saving what is shown changes nothing either', async () => {
  const { look, send, state, list, other } = await stand();
  const before = await state();
  const page = await look();
  await look('HEAD');
  expect(page).not.toContain('<script');
  expect(page).toContain('Un par mois au plus');
  expect(await state()).toEqual(before);
  await send([
    ['save', '1'],
    ['topics', '1'],
    ['list', String(list)],
    ['list', String(other)],
    ['frequency', 'all'],
    ['tracking', 'none'],
    ['language', 'fr'],
  ]);
  const after = await state();
  expect({ ...after.contact, updated_at: 0 }).toEqual({ ...before.contact, updated_at: 0 });
  expect(after.lists).toEqual(before.lists);
});

test('one form keeps topics, rhythm, measuring and language, and answers in the new one', async () => {
  const { look, send, state, list, other, server } = await stand();
  await server.rt.store.write((tx) => changeList(tx, other, { is_public: 1 }));
  const page = await send([
    ['save', '1'],
    ['topics', '1'],
    ['list', String(other)],
    ['frequency', 'weekly'],
    ['tracking', 'full'],
    ['language', 'en'],
  ]);
  expect(page).toContain('<html lang="en">');
  expect(page).toContain('Saved.');
  const { contact, lists } = await state();
  expect(contact).toMatchObject({ max_frequency: 'weekly', tracking: 'full', language: 'en' });
  expect(lists.toSorted()).toEqual([`${list} unsubscribed`, `${other} subscribed`].toSorted());
  expect(await look()).toMatch(/value="weekly" checked/);
});

test('an invented value is no choice, and without topics on the page none is left', async () => {
  const { send, state, list, other } = await stand();
  await send([
    ['save', '1'],
    ['frequency', 'hourly'],
    ['tracking', 'everything'],
    ['language', 'xx'],
  ]);
  const { contact, lists } = await state();
  expect(contact).toMatchObject({ max_frequency: 'all', tracking: 'none', language: 'fr' });
  expect(lists.toSorted()).toEqual([`${list} subscribed`, `${other} subscribed`].toSorted());
});

test('a pause says until when and is ended by its button; leaving all can be taken back', async () => {
  const { look, send, server } = await stand();
  const may = () => server.rt.suppressions.mayMail({ address: 'camille@client.example', lane: 'bulk' }).kind;
  expect(await send([['pause', '1']])).toContain('En pause jusqu’au <strong>4 février 2026</strong>');
  expect(may()).toBe('suppressed');
  expect(await send([['resume', '1']])).not.toContain('En pause');
  expect(may()).toBe('may');
  expect(await send([['all', '1']])).toContain('plus aucun message commercial');
  expect(await look()).toContain('name="back"');
  await send([['back', '1']]);
  expect(may()).toBe('may');
});

test('who was suppressed by somebody else is not offered the way back, and a made-up POST does not find it', async () => {
  const { look, send, server } = await stand();
  const owner = await server.as('owner');
  await owner.post('/api/suppressions', { address: 'camille@client.example', evidence: 'by letter' });
  expect(await look()).not.toContain('name="back"');
  await send([['back', '1']]);
  expect(server.rt.suppressions.mayMail({ address: 'camille@client.example', lane: 'bulk' }).kind).toBe(
    'suppressed',
  );
});
