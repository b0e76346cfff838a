import { expect, test } from 'vitest';
import { addEvents } from '../../core/store/event.ts';
import { fixture } from '../fixture.testing.ts';
import { startWeb } from '../testing.ts';

const PAGE = `<a href="https://shop.example/one" data-brand="Nord">1</a><a href="https://shop.example/two">2</a>`;

test('a campaign’s report has every link, most pressed first, people beside hits and machines apart', async () => {
  const server = await startWeb();
  const { rt } = server;
  const { campaign, delivery, contact } = await fixture(rt, { html: PAGE, tracking: 'full' });
  const event = (kind: string, data: unknown, to = delivery) => ({
    kind,
    at: rt.clock.now(),
    contact_id: contact,
    campaign_id: campaign,
    delivery_id: to,
    data,
  });
  await rt.store.write((tx) =>
    addEvents(tx, [
      event('opened', { timed: true }),
      event('clicked', { link: 2 }),
      event('clicked', { link: 2 }),
      event('clicked_machine', { link: 1, reason: 'burst' }),
      event('clicked_machine', { link: 1_048_575, reason: 'trap' }),
    ]),
  );
  const reader = await server.as('viewer');
  const { body } = await reader.get(`/api/campaigns/${campaign}/tracking`);
  expect(body).toEqual({
    delivered: 1,
    full: 1,
    hygiene: 0,
    opened: { people: 1, hits: 1 },
    clicked: { people: 1, hits: 2 },
    machines: {
      opened: { people: 0, hits: 0 },
      clicked: { people: 1, hits: 2 },
      reasons: expect.arrayContaining([
        { reason: 'burst', hits: 1 },
        { reason: 'trap', hits: 1 },
      ]),
    },
    links: [
      { number: 2, url: 'https://shop.example/two', clicked: { people: 1, hits: 2 }, machines: 0 },
      {
        number: 1,
        url: 'https://shop.example/one',
        brand: 'Nord',
        clicked: { people: 0, hits: 0 },
        machines: 1,
      },
    ],
  });
  expect((await reader.get('/api/campaigns/999/tracking')).status).toBe(404);
});
