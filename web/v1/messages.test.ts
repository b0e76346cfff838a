import { expect, test } from 'vitest';
import { addBrand, addSendingDomain } from '../../core/store/identity.ts';
import { readRawMessage } from '../../core/store/raw-message.ts';
import { issueCredential, type NewCredential } from '../../core/submission/credential.ts';
import { pressureOf } from '../../core/submission/pressure.ts';
import { startWeb } from '../testing.ts';

async function shop(more: Partial<NewCredential> = {}) {
  const server = await startWeb();
  const { rt, clock } = server;
  const issued = await rt.store.write(async (tx) => {
    const brand = await addBrand(tx, { name: 'S', language: 'en', postal_address: '', created_at: 0 });
    await addSendingDomain(tx, {
      brand_id: brand,
      name: 'shop.example',
      bounce_host: 'bounces.shop.example',
      reply_host: 'replies.shop.example',
      created_at: 0,
    });
    return issueCredential(
      tx,
      { name: 'Shop', kind: 'api', senders: ['@shop.example'], ...more },
      clock.now(),
    );
  });
  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${issued.secret}`,
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: answer.status, headers: answer.headers, body: (await answer.json()) as never as Any };
  };
  const post = (body: unknown, headers?: Record<string, string>) =>
    call('POST', '/v1/messages', body, headers);
  const contentOf = async (id: string) => {
    const row = await rt.store.read
      .selectFrom('submission')
      .selectAll()
      .where('public_id', '=', id)
      .executeTakeFirstOrThrow();
    return String(await readRawMessage(rt.store.read, rt.config.data_dir, row.raw_hash));
  };
  return { server, rt, clock, call, post, contentOf, ...issued };
}
// oxlint-disable-next-line typescript/no-explicit-any
type Any = any;

const ORDER = {
  from: 'Till <till@shop.example>',
  to: 'Ana <ana@client.example>',
  subject: 'Your order',
  text: 'Thank you.',
};

test('a message is answered 202 with its id, stands in the queue, and its own key finds it', async () => {
  const { post, call, rt } = await shop();
  const answer = await post({ ...ORDER, bcc: ['copy@shop.example'], tags: ['order'], metadata: { n: '7' } });
  expect(answer.status).toBe(202);
  expect(answer.body).toMatchObject({
    status: 'queued',
    recipients: [
      { address: 'ana@client.example', status: 'queued' },
      { address: 'copy@shop.example', status: 'queued' },
    ],
  });
  const rows = await rt.store.read.selectFrom('delivery').selectAll().execute();
  expect(rows.map((row) => [row.lane, row.state])).toEqual([
    ['transactional', 'queued'],
    ['transactional', 'queued'],
  ]);
  const { body } = await call('GET', `/v1/messages/${answer.body.id}`);
  expect(body).toMatchObject({ subject: 'Your order', tags: ['order'], metadata: { n: '7' } });
  expect(body.events.map((event: { type: string }) => event.type)).toEqual(['queued', 'queued']);
  expect((await call('GET', '/v1/messages?tag=order')).body.messages).toHaveLength(1);
  expect((await call('GET', '/v1/messages?tag=other')).body.messages).toEqual([]);
});

test('require_tls is kept with the message, and is off when nothing is said', async () => {
  const { post, rt } = await shop();
  expect((await post({ ...ORDER, require_tls: true })).status).toBe(202);
  expect((await post(ORDER)).status).toBe(202);
  const rows = await rt.store.read.selectFrom('submission').select('require_tls').orderBy('id').execute();
  expect(rows.map((row) => row.require_tls)).toEqual([1, 0]);
});

test('attachments, a picture inside, own header fields; bcc leaves no trace', async () => {
  const { post, contentOf } = await shop();
  const { body } = await post({
    ...ORDER,
    bcc: 'secret@shop.example',
    html: '<p>Thank you <img src="cid:logo"></p>',
    reply_to: 'help@shop.example',
    headers: { 'X-Order': '7' },
    attachments: [
      { name: 'bill.pdf', type: 'application/pdf', content: Buffer.from('%PDF').toString('base64') },
      { name: 'logo.png', type: 'image/png', content: 'AAAA', cid: 'logo' },
    ],
  });
  const content = await contentOf(body.id);
  expect(content).toContain('X-Order: 7');
  expect(content).toContain('filename="bill.pdf"');
  expect(content).toContain('Content-ID: <logo>');
  expect(content).toContain('Reply-To: help@shop.example');
  expect(content).not.toContain('secret@');
});

test('many at once: all of them or none, and the fault says which', async () => {
  const { post, rt } = await shop();
  const good = await post({ messages: Array.from({ length: 50 }, () => ORDER) });
  expect([good.status, good.body.messages.length]).toEqual([202, 50]);
  const bad = await post({ messages: [ORDER, { ...ORDER, from: 'x@other.example' }] });
  expect(bad.status).toBe(422);
  expect(Object.keys(bad.body.error.fields)).toEqual(['messages.1.from']);
  const { n } = await rt.store.read
    .selectFrom('submission')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow();
  expect(Number(n)).toBe(50);
});

test('a raw message is taken as it is; what would be ambiguous is refused', async () => {
  const { post, contentOf } = await shop();
  const raw =
    'From: till@shop.example\r\nMessage-ID: <own@shop.example>\r\nBcc: b@x.example\r\n\r\nhello\r\n';
  const base64 = Buffer.from(raw).toString('base64');
  const { body, status } = await post({ to: 'ana@client.example', raw: base64 });
  expect([status, body.message_id]).toEqual([202, '<own@shop.example>']);
  expect(await contentOf(body.id)).not.toContain('Bcc');
  expect((await post({ to: 'a@x.example', raw: base64, subject: 'x' })).status).toBe(422);
  const bare = Buffer.from(raw.replaceAll('\r', '')).toString('base64');
  expect((await post({ to: 'a@x.example', raw: bare })).body.error.message).toContain('CR LF');
});

test('a template is a campaign’s content, filled with the values of the request and escaped', async () => {
  const { post, rt, contentOf } = await shop();
  const campaign = await rt.store.write((tx) =>
    tx
      .insertInto('campaign')
      .values({
        name: 'Receipt',
        state: 'draft',
        brand_id: 1,
        from_name: '',
        from_local: '',
        subject: 'Order {{ data.number }}',
        preheader: '',
        html: '<p>Hello {{ data.name }}</p>',
        text: 'Hello {{ data.name }}',
        audience: '{}',
        pool: 'transactional',
        paused: 0,
        created_at: 0,
        updated_at: 0,
      } as never)
      .returning('id')
      .executeTakeFirstOrThrow(),
  );
  const template = { campaign: campaign.id, data: { number: 7, name: '<Ana>' } };
  const { body, status } = await post({ from: ORDER.from, to: ORDER.to, template });
  expect(status).toBe(202);
  const content = await contentOf(body.id);
  expect(content).toContain('Subject: Order 7');
  expect(content).toContain('&lt;Ana&gt;');
  expect((await post({ from: ORDER.from, to: ORDER.to, template: { campaign: 999 } })).status).toBe(422);
});

test('a scheduled message waits, and is taken back while it does', async () => {
  const { post, call, clock } = await shop();
  const { body } = await post({ ...ORDER, send_at: clock.now() + 3_600_000 });
  expect((await call('DELETE', `/v1/messages/${body.id}`)).body.recipients[0].status).toBe('cancelled');
  expect((await call('DELETE', `/v1/messages/${body.id}`)).status).toBe(409);
});

test('D9: a retry after the answer was lost between commit and response gets the same id, and one message', async () => {
  const { post, rt } = await shop();
  const headers = { 'Idempotency-Key': 'order-7' };
  const real = rt.store.write;
  let crashes = 1;
  // The commit is on disk; the answer to it is lost.
  rt.store.write = (async (...given: Parameters<typeof real>) => {
    const value = await real(...given);
    if (crashes-- > 0) throw Object.assign(new Error('killed'), { code: 'SQLITE_IOERR' });
    return value;
  }) as typeof real;
  const first = await post(ORDER, headers);
  const again = await post(ORDER, headers);
  expect(again.status).toBe(202);
  expect(first.status).toBe(503);
  expect(await rt.store.read.selectFrom('submission').select('id').execute()).toHaveLength(1);
  expect((await post(ORDER, headers)).body.id).toBe(again.body.id);
  expect((await post({ ...ORDER, subject: 'other' }, headers)).status).toBe(409);
});

test.each([
  ['row 13: a line break in subject', { subject: 'a\r\nBcc: x@y.example' }, 'subject'],
  ['row 13: in the name of from', { from: 'a\r\nb <till@shop.example>' }, 'from'],
  ['row 12: in an address', { to: 'a@b.example>\rRCPT TO:<x@y.example' }, 'to'],
  ['row 13: in a header value', { headers: { 'X-A': 'b\nc' } }, 'headers.X-A'],
  ['row 13: in a header name', { headers: { 'X-A\r\nBcc': 'c' } }, 'headers.X-A??Bcc'],
  ['a header that we set', { headers: { 'DKIM-Signature': 'x' } }, 'headers.DKIM-Signature'],
  ['row 13: in a file name', { attachments: [{ name: 'a\r\nb', content: 'AAAA' }] }, 'attachment.fileName'],
  ['row 24: a second address', { to: 'a@b.example, c@d.example' }, 'to'],
  ['row 25: nested groups', { to: 'g:'.repeat(190) }, 'to'],
  ['no recipient', { to: [] }, 'to'],
  ['a field that does not exist', { require: 1 }, 'require'],
  ['somebody else’s From', { from: 'ceo@bank.example' }, 'from'],
  ['a time too far', { send_at: 9e15 }, 'send_at'],
  ['two contents', { raw: 'AAAA' }, 'text'],
])('%s is 422 and names the field', async (_, part, field) => {
  const { post } = await shop();
  const answer = await post({ ...ORDER, ...part });
  expect([answer.status, Object.keys(answer.body.error.fields ?? {})]).toEqual([422, [field]]);
});

test('without a key, with a wrong one, or with an SMTP login it is 401; after twenty wrong ones 429', async () => {
  const { call, post } = await shop();
  expect((await call('GET', '/v1/messages', undefined, { Authorization: '' })).status).toBe(401);
  for (let n = 0; n < 19; n++)
    expect((await call('GET', '/v1/messages', undefined, { Authorization: 'Bearer x' })).status).toBe(401);
  const locked = await post(ORDER);
  expect([locked.status, Number(locked.headers.get('retry-after')) > 0]).toEqual([429, true]);
});

test('a session opens nothing here, and a key opens nothing of the interface', async () => {
  const { server, call } = await shop();
  const owner = await server.as('owner');
  expect((await owner.get('/v1/messages')).status).toBe(401);
  expect((await call('GET', '/api/campaigns')).status).toBe(401);
});

test('more writes than the disk takes are 429 with Retry-After', async () => {
  const { post, rt } = await shop();
  const leave = Array.from({ length: 2000 }, () => pressureOf(rt).enter());
  const busy = await post(ORDER);
  expect([busy.status, busy.headers.get('retry-after')]).toEqual([429, '5']);
  for (const one of leave) one();
  expect((await post(ORDER)).status).toBe(202);
});

test('a request that is too large is 413, one that is no JSON 400 or 415', async () => {
  const { post } = await shop();
  expect((await post('{', {})).status).toBe(400);
  expect((await post('{}', { 'Content-Type': 'text/plain' })).status).toBe(415);
  expect((await post(`"${'x'.repeat(48 * 1024 * 1024)}"`)).status).toBe(413);
});

test('nobody finds the message of another key', async () => {
  const { rt, post, call } = await shop();
  const other = await rt.store.write((tx) =>
    issueCredential(tx, { name: 'O', kind: 'api', senders: ['@shop.example'] }, 0),
  );
  const { body } = await post(ORDER);
  const theirs = { Authorization: `Bearer ${other.secret}` };
  expect((await call('GET', `/v1/messages/${body.id}`, undefined, theirs)).status).toBe(404);
  expect((await call('DELETE', `/v1/messages/${body.id}`, undefined, theirs)).status).toBe(404);
});
