import { expect, test } from 'vitest';
import { startWeb } from '../testing.ts';

test('the health of an audience tells fill rates, distributions, doubtful addresses and what is worth keeping', async () => {
  const server = await startWeb();
  const marketer = await server.as('marketer');
  for (const [email, first_name, city] of [
    ['a@client.example', 'Léa', 'Lyon'],
    ['b@client.example', 'Léa', 'Lyon'],
    ['info@client.example', 'Paul', 'Metz'],
    ['d@yopmail.com', 'Zoé', undefined],
  ] as const)
    await marketer.post('/api/contacts', {
      email,
      first_name,
      last_name: 'Martin',
      fields: city === undefined ? {} : { city },
    });
  const owner = await server.as('owner');
  expect((await owner.post('/api/fields', { name: 'city', label: 'City', kind: 'text' })).status).toBe(200);
  const ask = async () => (await marketer.get('/api/audience/health')).body;
  const first = await ask();
  expect(first).toMatchObject({ total: 4, sampled: 4, roles: 1, disposable: 1 });
  const city = first.fields.find((one: { name: string }) => one.name === 'fields.city');
  expect(city).toMatchObject({ filled: 3, top: [] });
  expect(first.suggestions).toContainEqual(
    expect.objectContaining({ what: 'missing', field: 'fields.city', count: 1 }),
  );
  // What everybody is asked for comes beside.
  await expect.poll(async () => (await ask()).whole?.sharing).toEqual({ people: 2, names: 1 });
  expect((await ask()).whole.growth).toEqual([{ month: expect.stringMatching(/^\d{4}-\d{2}$/), added: 4 }]);
  const [suggested] = first.suggestions;
  const kept = await marketer.post('/api/segments', { name: 'kept', definition: suggested.definition });
  expect(kept.body.count).toBe(suggested.count);
});
