import { expect, test } from 'vitest';
import { runImport } from '../../core/audience/import.ts';
import { fixture } from '../fixture.testing.ts';
import { startWeb } from '../testing.ts';

test('what somebody said by phone is written down, shown on their page, and comes out as a file', async () => {
  const server = await startWeb();
  const { contact } = await fixture(server.rt);
  const marketer = await server.as('marketer');
  const path = `/api/contacts/${contact}`;
  const said = {
    purpose: 'marketing',
    state: 'given',
    source: 'by phone with Léa',
    text: 'May we write to you?',
  };
  expect((await marketer.post(`${path}/consents`, { ...said, purpose: 'unheard-of' })).status).toBe(422);
  const made = await marketer.post(`${path}/consents`, said);
  expect(made.body.rows).toMatchObject([{ ...said, method: 'by hand', evidence: { name: 'The marketer' } }]);
  expect(made.body.rows[0].text_hash).toMatch(/^[0-9a-f]{64}$/);
  expect((await marketer.get(path)).body.consents).toEqual(made.body.rows);
  const csv = await marketer.get(`${path}/consents.csv`);
  expect(String(csv.body)).toContain('by phone with Léa');
  const viewer = await server.as('viewer');
  expect((await viewer.post(`${path}/consents`, said)).status).toBe(403);
});

test('purposes are changed by who may change settings, and a retired one says since when', async () => {
  const server = await startWeb();
  const owner = await server.as('owner');
  const words = { name_fr: 'Salons', name_en: 'Fairs', description_fr: 'Oui.', description_en: 'Yes.' };
  const made = await owner.post('/api/purposes', { name: 'fairs', ...words });
  expect(made.body).toMatchObject({ name: 'fairs', retired_at: null });
  expect((await owner.post('/api/purposes', { name: 'fairs', ...words })).status).toBe(409);
  const path = `/api/purposes/${made.body.id}`;
  expect((await owner.call('PATCH', path, { retired: true })).body.retired_at).toBe(server.clock.now());
  expect((await owner.call('PATCH', path, { retired: false })).body.retired_at).toBeNull();
  expect((await (await server.as('marketer')).call('PATCH', path, words)).status).toBe(403);
});

test('a person is exported as a file, and erased only by who may and by typing the address; no import brings them back', async () => {
  const server = await startWeb();
  const { contact, list } = await fixture(server.rt);
  const marketer = await server.as('marketer');
  const owner = await server.as('owner');
  const path = `/api/contacts/${contact}`;
  const found = (await marketer.get(`${path}/export`)).body;
  expect(found).toMatchObject({
    address: 'camille@client.example',
    contact: [{ first_name: 'Camille' }],
    messages: [{ text: 'Bonjour, la robe est-elle bleue ?' }],
  });
  const typed = { address: 'Camille@client.example' };
  expect((await marketer.post(`${path}/erase`, typed)).status).toBe(403);
  expect((await owner.post(`${path}/erase`, { address: 'somebody@else.example' })).status).toBe(422);
  const erased = await owner.post(`${path}/erase`, typed);
  expect(erased.body).toMatchObject({ rewritten: true, counts: { contact: 1, conversation: 1 } });
  expect((await owner.get(path)).status).toBe(404);
  expect((await owner.post('/api/contacts', { email: 'camille@client.example' })).status).toBe(409);
  const upload = await owner.post(
    '/api/imports?file_name=p.csv',
    'email\ncamille@client.example\nzoe@client.example\n',
    { 'content-type': 'text/csv' },
  );
  const { id } = upload.body.import;
  await owner.post(`/api/imports/${id}/start`, { mapping: { email: 'email' }, list_id: list });
  await runImport(server.rt, id, new AbortController().signal);
  expect((await owner.get(`/api/imports/${id}`)).body).toMatchObject({ created: 1, failed: 1 });
  expect((await owner.get(`/api/imports/${id}/errors`)).body.rows).toMatchObject([
    { raw: '', reason: expect.stringContaining('asked to be erased') },
  ]);
});
