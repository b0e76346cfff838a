import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { issueCredential, type Scope } from '../../core/submission/credential.ts';
import { startWeb } from '../testing.ts';

async function shop(scopes: readonly Scope[] = ['events']) {
  const server = await startWeb();
  const { rt, clock } = server;

  const issued = await rt.store.write((tx) =>
    issueCredential(tx, { name: 'Shop', kind: 'api', senders: [], scopes }, clock.now()),
  );
  const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${issued.secret}`,
        'Content-Type': 'application/json',
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: answer.status, headers: answer.headers, body: (await answer.json()) as never as Any };
  };
  const events = () =>
    rt.store.read
      .selectFrom('event')
      .selectAll()
      .where('kind', '<>', 'credential_made')
      .orderBy('id')
      .execute();
  return { server, rt, clock, post, events, ...issued };
}
// oxlint-disable-next-line typescript/no-explicit-any
type Any = any;

test('track keeps what a person did; the same messageId again changes nothing', async () => {
  const { post, events, clock } = await shop();
  const call = {
    userId: 'u1',
    event: 'order_placed',
    messageId: 'm1',
    properties: { total: 25.5, products: [{ sku: 'A' }] },
  };
  expect(await post('/v1/track', call)).toMatchObject({
    status: 200,
    body: { success: true, duplicate: false, contact: null },
  });
  expect(await post('/v1/track', call)).toMatchObject({ status: 200, body: { duplicate: true } });
  const rows = await events();
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({ kind: 'order_placed', at: clock.now(), contact_id: null });
  expect(JSON.parse(String(rows[0]?.data))).toEqual(call.properties);
});

test('a key opens what it was made for, as Bearer and as the user name of Basic', async () => {
  const { post, secret } = await shop();
  const call = { userId: 'u1', event: 'page_viewed' };
  const basic = `Basic ${Buffer.from(`${secret}:`).toString('base64')}`;
  expect((await post('/v1/track', call, { Authorization: basic })).status).toBe(200);
  expect((await post('/v1/track', call, { Authorization: 'Bearer parley_x' })).status).toBe(401);
  expect(await post('/v1/messages', {})).toMatchObject({
    status: 403,
    body: { error: { code: 'forbidden' } },
  });
});

test('of a batch the right entries are taken and each wrong one is named', async () => {
  const { post, events } = await shop();
  const answer = await post('/v1/batch', {
    batch: [
      { type: 'track', userId: 'u1', event: 'cart_updated', messageId: 'a' },
      { type: 'track', userId: 'u1', event: 'Delivered', messageId: 'b' },
      { type: 'track', event: 'cart_updated' },
      { type: 'group', userId: 'u1', groupId: 'g' },
      { type: 'track', userId: 'u1', event: 'cart_updated', messageId: 'a' },
      { type: 'track', userId: 'u1', event: 'x'.repeat(65) },
      { type: 'page', anonymousId: 'n', name: 'Home' },
      { type: 'track', userId: 'u1', event: 'big', properties: { text: 'x'.repeat(33_000) } },
    ],
  });
  expect(answer).toMatchObject({ status: 200, body: { taken: 2, duplicates: 1 } });
  expect(answer.body.refused.map((one: Any) => [one.index, one.field, one.messageId])).toEqual([
    [1, 'event', 'b'],
    [2, 'userId', null],
    [3, 'type', null],
    [5, 'event', null],
    [7, '', null],
  ]);
  expect(answer.body.refused[0].message).toContain("a name of Parley's own");
  expect((await events()).map((row) => row.kind)).toEqual(['cart_updated', 'page_viewed']);
});

test('a batch of nothing right, of too many, or too large is refused whole with the reason', async () => {
  const { post } = await shop();
  const track = { type: 'track', userId: 'u', event: 'e' };
  expect(await post('/v1/batch', { batch: [{ type: 'track' }] })).toMatchObject({
    status: 422,
    body: { error: { fields: { 'batch.0.userId': expect.stringContaining('userId') } } },
  });
  expect(
    (await post('/v1/batch', { batch: Array.from({ length: 101 }, () => track) })).body.error.message,
  ).toContain('100');
  expect((await post('/v1/batch', { batch: [] })).status).toBe(422);
  expect((await post('/v1/batch', { batch: [track], pad: 'x'.repeat(513 * 1024) })).status).toBe(413);
  expect((await post('/v1/track', { ...track, properties: { x: 'y'.repeat(33_000) } })).status).toBe(413);
  expect((await post('/v1/track', '{', {})).status).toBe(400);
  expect((await post('/v1/track', track, { 'Content-Type': 'text/plain' })).status).toBe(415);
});

test('forty batches at once, half of them repeated, leave each event once', async () => {
  const { post, events } = await shop();
  const batches = Array.from({ length: 20 }, (_, at) => ({
    batch: Array.from({ length: 20 }, (_, n) => ({
      type: 'track',
      userId: `u${n}`,
      event: 'page_viewed',
      messageId: `${at}.${n}`,
    })),
  }));
  const answers = await Promise.all([...batches, ...batches].map((body) => post('/v1/batch', body)));
  expect(answers.every((one) => one.status === 200)).toBe(true);
  const sum = (key: string) => answers.reduce((all, one) => all + one.body[key], 0);
  expect([sum('taken'), sum('duplicates')]).toEqual([400, 400]);
  expect(await events()).toHaveLength(400);
});

test('the calls that docs/events.md shows are taken, and the visitor’s events become the customer’s', async () => {
  const { post, events, rt, clock } = await shop();
  await clock.advance(3_600_000);
  const text = readFileSync(new URL('../../docs/events.md', import.meta.url), 'utf8');
  const calls = [...text.matchAll(/curl \$URL(\/v1\/\w+) [^']*'[^']*' -d '([^']+)'/g)];
  expect(calls.map(([, path]) => path)).toEqual(['/v1/identify', '/v1/track', '/v1/batch']);
  for (const [, path = '', body = ''] of calls.toReversed()) {
    const answer = await post(path, body);
    expect([answer.status, answer.body.refused ?? [], answer.body.ignored]).toEqual([200, [], []]);
  }
  const contact = await rt.store.read.selectFrom('contact').selectAll().executeTakeFirstOrThrow();
  expect(contact).toMatchObject({ email: 'ana@example.org', external_id: '42', first_name: 'Ana' });
  const rows = await events();
  expect(rows.filter((row) => row.kind !== 'identified')).toHaveLength(8);
  expect(rows.every((row) => row.contact_id === contact.id)).toBe(true);
});
