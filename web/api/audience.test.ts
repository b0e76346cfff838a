import { expect, test } from 'vitest';
import { runImport } from '../../core/audience/import.ts';
import { fixture } from '../fixture.testing.ts';
import { startWeb } from '../testing.ts';

const CSV =
  'Email;Prénom;Ville\nada@example.org;Ada;Lyon\nada@example.org;Ada;Lyon\nnot-an-address;X;Lyon\nbob@example.org;Bob;Paris\n';

test('a file goes from upload to contacts, with a mapping, a list and the rows that were not taken', async () => {
  const server = await startWeb();
  const { list } = await fixture(server.rt);
  const owner = await server.as('owner');
  const upload = await owner.post('/api/imports?file_name=people.csv', CSV, { 'content-type': 'text/csv' });
  expect(upload.status).toBe(200);
  expect(upload.body).toMatchObject({ delimiter: ';', import: { state: 'ready', file_name: 'people.csv' } });
  expect(upload.body.columns.map((one: { suggestion: string }) => one.suggestion)).toEqual([
    'email',
    'first_name',
    'fields.ville',
  ]);
  const { id } = upload.body.import;
  const start = { mapping: { Email: 'email', Prénom: 'first_name', Ville: 'fields.city' }, list_id: list };
  expect((await owner.post(`/api/imports/${id}/start`, { mapping: { Email: null } })).status).toBe(422);
  expect((await owner.post(`/api/imports/${id}/start`, start)).body.state).toBe('running');
  expect((await owner.post(`/api/imports/${id}/start`, start)).status).toBe(409);
  await runImport(server.rt, id, new AbortController().signal);
  expect((await owner.get(`/api/imports/${id}`)).body).toMatchObject({
    state: 'done',
    created: 2,
    failed: 1,
    duplicates: 1,
    rows_total: 4,
  });
  const errors = (await owner.get(`/api/imports/${id}/errors`)).body.rows;
  expect(errors).toHaveLength(1);
  expect(errors[0].line).toBe(4);
  const found = (await owner.get(`/api/contacts?list_id=${list}&search=bob`)).body;
  expect(found).toMatchObject({ total: 1, rows: [{ email: 'bob@example.org', fields: { city: 'Paris' } }] });
});

test('a file under another type, or empty, is refused', async () => {
  const server = await startWeb();
  const owner = await server.as('owner');
  const upload = (body: string, type: string) =>
    owner.post('/api/imports?file_name=x.csv', body, { 'content-type': type });
  expect((await upload(CSV, 'application/json')).status).toBe(415);
  expect((await upload('', 'text/csv')).status).toBe(422);
  expect((await owner.post('/api/imports', CSV, { 'content-type': 'text/csv' })).status).toBe(422);
});

test('a contact: added once, changed by field, put on a list, with a timeline', async () => {
  const server = await startWeb();
  const { other } = await fixture(server.rt);
  const owner = await server.as('owner');
  const made = await owner.post('/api/contacts', { email: ' Ada@Example.org ', fields: { city: 'Lyon' } });
  expect(made.body).toMatchObject({ email: 'ada@example.org', fields: { city: 'Lyon' }, suppressed: null });
  const again = await owner.post('/api/contacts', { email: 'ada@example.org' });
  expect(again.status).toBe(409);
  const path = `/api/contacts/${made.body.id}`;
  const changed = await owner.call('PATCH', path, { first_name: 'Ada', fields: { vip: true } });
  expect(changed.body).toMatchObject({ first_name: 'Ada', fields: { city: 'Lyon', vip: true } });
  const member = await owner.call('PUT', `${path}/lists/${other}`, { status: 'subscribed' });
  expect(member.body.panel.lists).toEqual([{ id: other, name: 'Soldes', status: 'subscribed' }]);
  expect((await owner.get(`${path}/timeline`)).body.rows[0].kind).toBe('joined_list');
  expect((await owner.call('PUT', `${path}/lists/999`, { status: 'subscribed' })).status).toBe(404);
});

test('a segment is counted by condition, kept, asked why, and stays while a campaign uses it', async () => {
  const server = await startWeb();
  const { contact } = await fixture(server.rt);
  const owner = await server.as('owner');
  const definition = {
    root: { all: [{ field: 'first_name', op: 'eq', value: 'camille' }, { everyone: true }] },
  };
  const counted = await owner.post('/api/segments/count', { definition });
  expect(counted.body).toMatchObject({ count: 1, total: 1, leaves: [{ path: 'root.all.0', count: 1 }, {}] });
  const wrong = await owner.post('/api/segments/count', {
    definition: { root: { all: [{ field: 'nothing', op: 'eq', value: 1 }] } },
  });
  expect(wrong.status).toBe(422);
  expect(Object.keys(wrong.body.error.fields)).toEqual(['root.all.0.field']);
  const kept = await owner.post('/api/segments', { name: 'Camilles', definition });
  expect(kept.body).toMatchObject({ name: 'Camilles', count: 1 });
  const why = await owner.get(`/api/segments/${kept.body.id}/why/${contact}`);
  expect(why.body.member).toBe(true);
  const members = await owner.get(`/api/segments/${kept.body.id}/members`);
  expect(members.body.rows[0].email).toBe('camille@client.example');

  const campaign = await owner.post('/api/campaigns', { name: 'Hiver' });
  await owner.call('PATCH', `/api/campaigns/${campaign.body.id}`, {
    audience: { lists: [], segments: [kept.body.id], excludeSegments: [], excludeOpenConversations: false },
  });
  expect((await owner.call('DELETE', `/api/segments/${kept.body.id}`)).status).toBe(409);
  expect((await owner.call('DELETE', `/api/campaigns/${campaign.body.id}`)).status).toBe(200);
  expect((await owner.call('DELETE', `/api/segments/${kept.body.id}`)).status).toBe(200);
});

test('a suppression is in force when it is answered, and lifting it is, too', async () => {
  const server = await startWeb();
  await fixture(server.rt);
  const owner = await server.as('owner');
  const asked = { address: 'camille@client.example', lane: 'bulk' } as const;
  const added = await owner.post('/api/suppressions', {
    address: 'Camille@client.example',
    evidence: 'by phone',
  });
  expect(added.body).toMatchObject({ scope: 'everything', reason: 'manual', created_by_name: 'The owner' });
  expect(server.rt.suppressions.mayMail(asked).kind).toBe('suppressed');
  const list = (await owner.get('/api/suppressions?search=camille')).body;
  expect(list).toMatchObject({ rows: [{ evidence: 'by phone' }], counts: [{ reason: 'manual', count: 1 }] });
  expect((await owner.get('/api/contacts')).body.rows[0].suppressed).toBe('everything');
  expect((await owner.post(`/api/suppressions/${added.body.id}/lift`)).status).toBe(200);
  expect((await owner.post(`/api/suppressions/${added.body.id}/lift`)).status).toBe(404);
  expect(server.rt.suppressions.mayMail(asked).kind).toBe('may');
});
