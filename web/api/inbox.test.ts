import { expect, test } from 'vitest';
import { addNote, openConversation } from '../../core/store/conversation.ts';
import { fixture } from '../fixture.testing.ts';
import { startWeb } from '../testing.ts';

test('a view lists, counts and opens a conversation, with the person and the recipients of a reply', async () => {
  const server = await startWeb();
  const { conversation, contact, campaign } = await fixture(server.rt);
  const agent = await server.as('agent');
  const views = await agent.get('/api/views');
  expect(views.body.counts).toMatchObject({ unassigned: 1, mine: 0, 'waiting-on-us': 1, all: 1 });
  const list = await agent.get('/api/conversations?view=unassigned');
  expect(list.body.rows).toHaveLength(1);
  expect(list.body.rows[0]).toMatchObject({ id: conversation, contact_name: 'Camille', unread: true });
  const whole = (await agent.get(`/api/conversations/${conversation}`)).body;
  expect(whole.messages[0]).toMatchObject({ direction: 'in', has_html: true, intent: 'question' });
  expect(whole.messages[0]).not.toHaveProperty('html');
  expect(whole.contact).toMatchObject({ id: contact, lists: [{ status: 'subscribed' }, {}] });
  expect(whole.contact.campaigns[0]).toMatchObject({ id: campaign, replied: true });
  expect(whole.reply).toMatchObject({ from: 'contact@maison.example', to: ['camille@client.example'] });
  expect(whole.signature).toBe('La Maison');
});

test('an answer is queued and shown under the conversation, which is then waiting on them', async () => {
  const server = await startWeb();
  const { conversation, message } = await fixture(server.rt);
  const agent = await server.as('agent');
  const sent = await agent.post(`/api/conversations/${conversation}/reply`, {
    text: 'Oui, elle est bleue.',
    seen_message_id: message,
  });
  expect(sent.status).toBe(200);
  expect(sent.body.delivery_ids).toHaveLength(1);
  expect(sent.body.conversation).toMatchObject({ waiting_on: 'them', assignee_name: 'The agent' });
  const { messages } = (await agent.get(`/api/conversations/${conversation}`)).body;
  expect(messages[1]).toMatchObject({ direction: 'out', text: 'Oui, elle est bleue.' });
  expect(messages[1].deliveries[0]).toMatchObject({ address: 'camille@client.example', state: 'queued' });
});

test('a message that came while one wrote stops the answer, once', async () => {
  const server = await startWeb();
  const { conversation, message } = await fixture(server.rt);
  const agent = await server.as('agent');
  const reply = { text: 'Bonjour', seen_message_id: message - 1 };
  const stale = await agent.post(`/api/conversations/${conversation}/reply`, reply);
  expect(stale.status).toBe(409);
  const sure = await agent.post(`/api/conversations/${conversation}/reply`, { ...reply, anyway: true });
  expect(sure.status).toBe(200);
});

test('note, assign, close, reopen, spam, read: each is a new version that the changes tell', async () => {
  const server = await startWeb();
  const { conversation } = await fixture(server.rt);
  const agent = await server.as('agent');
  const { id } = (await agent.get('/api/session')).body.user;
  const steps: [string, unknown, Record<string, unknown>][] = [
    ['notes', { text: 'Voir avec Léa' }, { message_count: 2 }],
    ['assign', { user_id: id }, { assignee_id: id }],
    ['read', { read: true }, { unread: false }],
    ['close', {}, { state: 'closed' }],
    ['reopen', {}, { state: 'open' }],
    ['spam', {}, { state: 'spam' }],
    ['assign', { user_id: null }, { assignee_id: null }],
  ];
  let version = (await agent.get('/api/views')).body.version as number;
  for (const [verb, body, expected] of steps) {
    const answer = await agent.post(`/api/conversations/${conversation}/${verb}`, body);
    expect(answer.body.conversation).toMatchObject(expected);
    const changes = (await agent.get(`/api/conversations/changes?since=${version}`)).body;
    expect(changes.rows.map((row: { id: number }) => row.id)).toEqual([conversation]);
    expect(changes.version).toBeGreaterThan(version);
    version = changes.version;
  }
  expect((await agent.post(`/api/conversations/${conversation}/assign`, { user_id: 999 })).status).toBe(422);
});

test('mail is shown by its own response, in a sandbox that loads nothing, to people who are signed in', async () => {
  const server = await startWeb();
  const { message, delivery } = await fixture(server.rt);
  for (const path of [`/api/messages/${message}/body`, `/api/deliveries/${delivery}/body`])
    expect((await server.browser().get(path)).status).toBe(401);
  const agent = await server.as('agent');
  const { headers, body } = await agent.get(`/api/messages/${message}/body`);
  const csp = headers.get('content-security-policy') ?? '';
  for (const part of [
    'sandbox',
    "default-src 'none'",
    'img-src data:;',
    "form-action 'none'",
    "base-uri 'none'",
  ])
    expect(csp).toContain(part);
  expect(csp).not.toMatch(/allow-scripts|allow-same-origin|allow-forms|script-src/);
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('x-parley-remote-images')).toBe('blocked');
  expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
  expect(body).toContain('<b>la robe</b>');
  expect((await agent.get(`/api/deliveries/${delivery}/body`)).body).toContain('Bonjour Camille');
  expect((await agent.get('/api/messages/999/body')).status).toBe(404);
});

test('the stream tells what changed at once, and catches up from the last event that was seen', async () => {
  const server = await startWeb();
  const { conversation } = await fixture(server.rt);
  const agent = await server.as('agent');
  const listen = async (lastEventId?: string) => {
    const abort = new AbortController();
    const response = await fetch(`${server.url}/api/stream`, {
      signal: abort.signal,
      headers: { cookie: agent.cookie, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) },
    });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let text = '';
    return {
      response,
      close: () => abort.abort(),
      async until(pattern: RegExp): Promise<string> {
        while (!pattern.test(text)) text += new TextDecoder().decode((await reader.read()).value);
        return text;
      },
    };
  };
  const first = await listen();
  expect(first.response.headers.get('content-type')).toContain('text/event-stream');
  await first.until(/event: hello/);
  await agent.post(`/api/conversations/${conversation}/close`);
  expect(await first.until(/event: conversation\n.*\n\n/)).toContain('"state":"closed"');
  first.close();

  await server.rt.store.write((tx) =>
    addNote(tx, { conversationId: conversation, authorId: 1, text: 'while away' }, server.clock.now()),
  );
  const second = await listen('0');
  expect(await second.until(/event: conversation\n.*\n\n/)).toContain(`"id":${conversation}`);
  second.close();
  expect((await fetch(`${server.url}/api/stream`)).status).toBe(401);
});

test('search finds conversations, contacts and campaigns', async () => {
  const server = await startWeb();
  await fixture(server.rt);
  const agent = await server.as('agent');
  const hits = (await agent.get('/api/search?q=camille')).body;
  expect(hits.contacts).toHaveLength(1);
  expect((await agent.get(`/api/search?q=${encodeURIComponent('été')}`)).body.campaigns).toHaveLength(1);
});

test('a conversation names the one it goes on from and those that go on from it, and where the subject changed', async () => {
  const server = await startWeb();
  const { conversation } = await fixture(server.rt);
  const agent = await server.as('agent');
  const next = await server.rt.store.write(async (tx) => {
    const {
      id,
      version: _,
      ...row
    } = await tx
      .selectFrom('conversation')
      .selectAll()
      .where('id', '=', conversation)
      .executeTakeFirstOrThrow();
    const mail = await tx
      .selectFrom('message')
      .selectAll()
      .where('conversation_id', '=', id)
      .executeTakeFirstOrThrow();
    await tx
      .insertInto('message')
      .values({
        ...mail,
        id: mail.id + 100,
        subject: 'La facture',
        kind: 'reply',
        created_at: mail.created_at + 1,
      })
      .execute();
    return openConversation(tx, { ...row, continues_id: id });
  });
  const old = (await agent.get(`/api/conversations/${conversation}`)).body;
  expect(old).toMatchObject({ before: null, after: [{ id: next }] });
  expect(old.messages.map((one: { subject_before: string | null }) => one.subject_before)).toEqual([
    null,
    old.messages[0].subject,
  ]);
  const whole = (await agent.get(`/api/conversations/${next}`)).body;
  expect(whole).toMatchObject({ before: { id: conversation, subject: old.conversation.subject }, after: [] });
});
