import { expect, test } from 'vitest';
import { TRAP } from '../../core/campaign/link-table.ts';
import { clickUrl, pixelUrl } from '../../core/mail/identifiers.ts';
import { addConsents } from '../../core/store/consent.ts';
import { contactById } from '../../core/store/contact.ts';
import { fixture } from '../fixture.testing.ts';
import { startWeb, type TestServer } from '../testing.ts';

const PAGE = `<p>Hi</p><a href="https://shop.example/{{ contact.first_name }}?a=1&amp;b=2" data-brand="Nord" data-product="P-7">1</a>
<a href="{{ unsubscribe_url }}">leave</a><a href="https://shop.example/two" data-category="coats">3</a><a href="https://shop.example/four">4</a>`;
const BROWSER = {
  'user-agent':
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36',
  'accept-language': 'fr',
};

async function sent(tracking: 'none' | 'hygiene' | 'full', options: { test?: boolean } = {}) {
  const server = await startWeb();
  const ids = await fixture(server.rt, { html: PAGE, tracking, ...options });
  const origin = { id: ids.delivery, now: server.clock.now() };
  const link = (number: number) => clickUrl(server.rt.tokens, origin, '', number);
  const pixel = pixelUrl(server.rt.tokens, origin, '');
  const ask = (path: string, headers: Record<string, string> = BROWSER, method = 'GET') =>
    fetch(server.url + path, { redirect: 'manual', method, headers });
  return { ...ids, server, link, pixel, ask };
}

/** What is written once everything is judged. */
async function events({ rt, clock, counter }: TestServer) {
  await counter.flush();
  await clock.advance(11_000);
  await counter.judgeDue();
  const rows = await rt.store.read
    .selectFrom('event')
    .selectAll()
    .where('kind', 'in', ['opened', 'opened_machine', 'clicked', 'clicked_machine'])
    .orderBy('id')
    .execute();
  return rows.map(({ kind, at, contact_id, campaign_id, delivery_id, data }) => ({
    kind,
    at,
    contact_id,
    campaign_id,
    delivery_id,
    data: JSON.parse(data) as Record<string, unknown>,
  }));
}

test('a person’s open and click become events of theirs, with what the link is about', async () => {
  const { server, link, pixel, ask, contact, campaign, delivery } = await sent('full');
  await server.clock.advance(60_000);
  const at = server.clock.now();
  const picture = await ask(pixel);
  expect([picture.status, picture.headers.get('content-type')]).toEqual([200, 'image/gif']);
  expect(picture.headers.get('cross-origin-resource-policy')).toBe('cross-origin');
  const answer = await ask(link(1));
  expect([answer.status, answer.headers.get('location')]).toEqual([
    302,
    'https://shop.example/Camille?a=1&b=2',
  ]);
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.getSetCookie()).toEqual([]);
  const whose = { at, contact_id: contact, campaign_id: campaign, delivery_id: delivery };
  expect(await events(server)).toEqual([
    { kind: 'opened', ...whose, data: { timed: true } },
    {
      kind: 'clicked',
      ...whose,
      data: {
        link: 1,
        url: 'https://shop.example/{{ contact.first_name }}?a=1&b=2',
        brand: 'Nord',
        product: 'P-7',
      },
    },
  ]);
  expect(await server.rt.store.read.selectFrom('tracking_hit').selectAll().execute()).toHaveLength(2);
  await server.clock.advance(120_000);
  await ask(link(3));
  await events(server);
  // Judged a minute ago: forgotten.
  expect(await server.rt.store.read.selectFrom('tracking_hit').selectAll().execute()).toHaveLength(1);
});

test('machines are counted apart: HEAD, all links at once, the trap', async () => {
  const { server, link, ask } = await sent('full');
  await server.clock.advance(60_000);
  expect((await ask(link(3), BROWSER, 'HEAD')).status).toBe(302);
  await server.clock.advance(60_000);
  for (const number of [1, 3, 4])
    await ask(link(number), { ...BROWSER, 'user-agent': 'Mozilla/5.0 (X11) Firefox/143.0' });
  await server.clock.advance(60_000);
  expect(
    (await ask(link(TRAP), { ...BROWSER, 'user-agent': 'Mozilla/5.0 (X12) Firefox/143.0' })).status,
  ).toBe(200);
  expect((await events(server)).map(({ kind, data }) => [kind, data['link'], data['reason']])).toEqual([
    ['clicked_machine', 3, 'head'],
    ['clicked_machine', 1, 'burst'],
    ['clicked_machine', 3, 'burst'],
    ['clicked_machine', 4, 'burst'],
    ['clicked_machine', TRAP, 'trap'],
  ]);
});

test('hygiene keeps one date and no event, and a click leads on uncounted', async () => {
  const { server, link, pixel, ask, contact } = await sent('hygiene');
  await server.clock.advance(60_000);
  await ask(pixel);
  expect((await ask(link(3))).headers.get('location')).toBe('https://shop.example/two');
  expect(await events(server)).toEqual([]);
  expect((await contactById(server.rt.store.read, contact))?.last_open_day).toBe(
    Math.floor(server.clock.now() / 86_400_000),
  );
});

test('Apple’s proxy moves no date', async () => {
  const { server, pixel, ask, contact } = await sent('hygiene');
  await server.clock.advance(60_000);
  await ask(pixel, { 'user-agent': 'Mozilla/5.0' });
  expect(await events(server)).toEqual([]);
  expect((await contactById(server.rt.store.read, contact))?.last_open_day).toBeNull();
});

const refusals: [string, (sent: { server: TestServer; contact: number }) => Promise<unknown>][] = [
  [
    'their setting is none now',
    ({ server, contact }) =>
      server.rt.store.write((tx) =>
        tx.updateTable('contact').set({ tracking: 'none' }).where('id', '=', contact).execute(),
      ),
  ],
  [
    'they took their consent back',
    ({ server, contact }) =>
      server.rt.store.write((tx) =>
        addConsents(tx, [
          {
            contact_id: contact,
            purpose: 'tracking',
            state: 'withdrawn',
            method: 'preferences',
            source: '',
            text: '',
            evidence: {},
            at: server.clock.now(),
          },
        ]),
      ),
  ],
  [
    'they were erased',
    ({ server, contact }) =>
      server.rt.store.write((tx) => tx.deleteFrom('contact').where('id', '=', contact).execute()),
  ],
];
test.each(refusals)('whoever has said no since is led on, and nothing is written: %s', async (_, refuse) => {
  const mail = await sent('full');
  await mail.server.clock.advance(60_000);
  await refuse(mail);
  expect((await mail.ask(mail.link(3))).headers.get('location')).toBe('https://shop.example/two');
  expect((await mail.ask(mail.pixel)).status).toBe(200);
  await mail.server.counter.flush();
  expect(await mail.server.rt.store.read.selectFrom('tracking_hit').selectAll().execute()).toEqual([]);
  expect(await events(mail.server)).toEqual([]);
});

test('a no between the hit and its verdict counts too', async () => {
  const mail = await sent('full');
  await mail.server.clock.advance(60_000);
  await mail.ask(mail.link(3));
  await refusals[0]![1](mail);
  expect(await events(mail.server)).toEqual([]);
});

test('colleagues, tests and links older than 400 days lead on and count nothing', async () => {
  const mail = await sent('full');
  await mail.server.clock.advance(60_000);
  await mail.ask(mail.link(3), { ...BROWSER, cookie: 'parley=abc' });
  await mail.ask(mail.pixel, { ...BROWSER, cookie: 'theme=x; __Host-parley=abc' });
  await mail.server.clock.advance(402 * 86_400_000);
  expect((await mail.ask(mail.link(3))).headers.get('location')).toBe('https://shop.example/two');
  expect(await events(mail.server)).toEqual([]);

  const trial = await sent('full', { test: true });
  await trial.server.clock.advance(60_000);
  expect((await trial.ask(trial.link(3))).status).toBe(302);
  expect(await events(trial.server)).toEqual([]);
});

// reliability.md 51 and 53.
test('no address makes us send somebody anywhere else, and a forged picture looks like a good one', async () => {
  const { server, link, pixel, ask } = await sent('full');
  const good = link(3);
  const forged = good.slice(0, -1) + (good.endsWith('0') ? '1' : '0');
  for (const path of [
    forged,
    link(99),
    link(0),
    '/l/x',
    '/l/https:%2F%2Fevil.example',
    '/l/%2F%2Fevil.example',
    `${forged}?url=https://evil.example`,
  ]) {
    const answer = await ask(path);
    expect([answer.status, answer.headers.get('location')], path).toEqual([404, null]);
  }
  expect((await ask(`${good}?url=https://evil.example`)).headers.get('location')).toBe(
    'https://shop.example/two',
  );
  const dot = await (await ask(pixel)).arrayBuffer();
  const other = await ask('/o/0000000000000000000000000000000000000000.gif');
  expect([other.status, await other.arrayBuffer()]).toEqual([200, dot]);
  expect((await ask('/l/x', {}, 'POST')).status).toBeGreaterThanOrEqual(400);
  await server.clock.advance(60_000);
});

test('one link that is asked for without end is counted sixty times a minute', async () => {
  const { server, delivery } = await sent('full');
  await server.clock.advance(60_000);
  for (let n = 0; n < 500; n++)
    server.counter.add({
      delivery_id: delivery,
      at: server.clock.now(),
      link: 3,
      facts: { agent: 'browser', visitor: String(n) },
    });
  expect(await events(server)).toHaveLength(60);
});

test('what was taken in before a stop is judged after the next start', async () => {
  const { server, link, ask } = await sent('full');
  await server.clock.advance(60_000);
  await ask(link(3));
  await server.counter.stop();
  expect(await events(server)).toHaveLength(1);
});
