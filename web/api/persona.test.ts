import { expect, test } from 'vitest';
import { startWeb } from '../testing.ts';

test('a set of personas is kept in its order, its segments stay while it needs them, and a circle is refused', async () => {
  const server = await startWeb();
  const marketer = await server.as('marketer');
  const segment = async (name: string, root: unknown) =>
    (await marketer.post('/api/segments', { name, definition: { root } })).body.id as number;
  const lyon = await segment('Lyon', { field: 'fields.city', op: 'eq', value: 'Lyon' });
  const vip = await segment('VIP', { tag: ['vip'] });
  for (const [email, city, tags] of [
    ['a@client.example', 'Lyon', ['vip']],
    ['b@client.example', 'Lyon', []],
    ['c@client.example', 'Metz', []],
  ] as const)
    await marketer.post('/api/contacts', { email, fields: { city }, tags });
  const draft = {
    name: 'Value',
    rest: 'Others',
    personas: [
      { name: 'Loyal', segment_id: vip },
      { name: 'Neighbour', segment_id: lyon },
    ],
  };
  const made = await marketer.post('/api/personas', draft);
  const counts = (body: { personas: { name: string; count: number | null }[] }) =>
    body.personas.map(({ name, count }) => [name, count]);
  expect(counts(made.body)).toEqual([
    ['Loyal', 1],
    ['Neighbour', 1],
    ['Others', 1],
  ]);
  expect((await marketer.post('/api/personas', draft)).status).toBe(409);
  expect((await marketer.call('DELETE', `/api/segments/${vip}`)).status).toBe(409);

  const [loyal, neighbour] = made.body.personas;
  const path = `/api/personas/${made.body.id}`;
  const turned = {
    ...draft,
    personas: [neighbour, loyal].map(({ id, name, segment_id }) => ({ id, name, segment_id })),
  };
  const after = await marketer.call('PUT', path, turned);
  expect(counts(after.body)).toEqual([
    ['Neighbour', 2],
    ['Loyal', 0],
    ['Others', 1],
  ]);
  expect(after.body.personas[0].id).toBe(neighbour.id);
  const found = await marketer.get(`/api/contacts?persona_id=${neighbour.id}`);
  expect(found.body.rows.map((row: { email: string }) => row.email)).toEqual([
    'b@client.example',
    'a@client.example',
  ]);

  // A segment that names a persona cannot be what that persona is made of, and the persona stays while it is named.
  const named = await segment('named', { persona: neighbour.id });
  const circle = { ...draft, personas: [{ id: neighbour.id, name: 'Neighbour', segment_id: named }] };
  expect((await marketer.call('PUT', path, circle)).status).toBe(422);
  expect((await marketer.call('DELETE', path)).status).toBe(409);
  expect((await (await server.as('viewer')).call('PUT', path, turned)).status).toBe(403);
  await marketer.call('DELETE', `/api/segments/${named}`);
  expect((await marketer.call('DELETE', path)).status).toBe(200);
  expect((await marketer.get('/api/personas')).body.rows).toEqual([]);
});
