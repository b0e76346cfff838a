/** Correcting what a reply means: what changes, what is proposed next time, what never happens, and undo. */
import { expect, test } from 'vitest';
import type { Runtime } from '../../core/runtime.ts';
import { fixture } from '../fixture.testing.ts';
import { startWeb } from '../testing.ts';

const LETTER = 'Passez au showroom samedi, le portail reste ouvert';

/** A reply as inbound leaves it, in the conversation of the fixture; noted with its writer. */
async function replied(
  rt: Runtime,
  ids: { conversation: number; contact: number },
  text: string,
  intent: string,
  segments = '[]',
): Promise<number> {
  const at = rt.clock.now();
  return rt.store.write(async (tx) => {
    const first = await tx.selectFrom('message').selectAll().limit(1).executeTakeFirstOrThrow();
    const { id: _, ...row } = first;
    const { id } = await tx
      .insertInto('message')
      .values({ ...row, text, segments, intent, intent_evidence: 'showroom', created_at: at })
      .returning('id')
      .executeTakeFirstOrThrow();
    await tx.updateTable('conversation').set({ intent }).where('id', '=', ids.conversation).execute();
    await tx
      .updateTable('contact')
      .set({ reply_intent_last: intent, last_human_reply_at: at })
      .where('id', '=', ids.contact)
      .execute();
    return id;
  });
}

const contactOf = async (rt: Runtime, id: number) =>
  rt.store.read.selectFrom('contact').selectAll().where('id', '=', id).executeTakeFirstOrThrow();

test('a corrected reply, its conversation and its writer carry the new intent, by name, and undo gives all of it back', async () => {
  const server = await startWeb();
  const ids = await fixture(server.rt);
  const message = await replied(server.rt, ids, LETTER, 'negative');
  const agent = await server.as('agent');
  const corrected = await agent.call('PUT', `/api/messages/${message}/intent`, { intent: 'interested' });
  expect(corrected.body.conversation).toMatchObject({ id: ids.conversation, intent: 'interested' });
  const { messages } = (await agent.get(`/api/conversations/${ids.conversation}`)).body;
  expect(messages.at(-1)).toMatchObject({
    intent: 'interested',
    intent_evidence: null,
    intent_proposed: null,
    intent_corrected: { was: 'negative', by: 'The agent' },
  });
  expect((await contactOf(server.rt, ids.contact)).reply_intent_last).toBe('interested');
  const page = (await agent.get('/api/learnt')).body;
  expect(page).toMatchObject({
    total: 1,
    taught: [{ intent: 'interested', replies: 1 }],
    rows: [{ was: 'negative', intent: 'interested', excerpt: LETTER, made_by_name: 'The agent' }],
    next: null,
  });
  expect(page.rows[0].words.map((one: { word: string }) => one.word)).toContain('showroom');
  expect((await agent.call('DELETE', `/api/learnt/${page.rows[0].id}`)).status).toBe(200);
  expect((await agent.get('/api/learnt')).body).toMatchObject({ total: 0, taught: [], rows: [] });
  const after = (await agent.get(`/api/conversations/${ids.conversation}`)).body;
  expect(after.conversation.intent).toBe('negative');
  expect(after.messages.at(-1)).toMatchObject({
    intent: 'negative',
    intent_evidence: 'showroom',
    intent_corrected: null,
  });
  expect((await contactOf(server.rt, ids.contact)).reply_intent_last).toBe('negative');
  expect((await agent.call('DELETE', `/api/learnt/${page.rows[0].id}`)).status).toBe(404);
});

test('the same words are proposed the next time, named, first in the picker, and nothing changes by itself', async () => {
  const server = await startWeb();
  const ids = await fixture(server.rt);
  const agent = await server.as('agent');
  const first = await replied(server.rt, ids, LETTER, 'other');
  await agent.call('PUT', `/api/messages/${first}/intent`, { intent: 'interested' });
  await replied(server.rt, ids, LETTER, 'other');
  const whole = (await agent.get(`/api/conversations/${ids.conversation}`)).body;
  const last = whole.messages.at(-1);
  expect(last).toMatchObject({ intent: 'other', intent_proposed: { intent: 'interested' } });
  expect(last.intent_proposed.words).toContainEqual({ word: 'showroom', seen: 1 });
  expect(last.intents[0]).toBe('interested');
  expect(whole.conversation.intent).toBe('other');
  expect((await contactOf(server.rt, ids.contact)).reply_intent_last).toBe('other');
});

test('staff who keep the reading against a proposal are heard, and it is proposed no more', async () => {
  const server = await startWeb();
  const ids = await fixture(server.rt);
  const agent = await server.as('agent');
  const first = await replied(server.rt, ids, LETTER, 'other');
  await agent.call('PUT', `/api/messages/${first}/intent`, { intent: 'interested' });
  const second = await replied(server.rt, ids, LETTER, 'other');
  await agent.call('PUT', `/api/messages/${second}/intent`, { intent: 'other' });
  await replied(server.rt, ids, LETTER, 'other');
  const { messages } = (await agent.get(`/api/conversations/${ids.conversation}`)).body;
  expect(messages.at(-2)).toMatchObject({ intent: 'other', intent_corrected: { was: 'other' } });
  expect(messages.at(-1).intent_proposed).toBeNull();
});

test('only what the writer wrote themself teaches: a quotation does not', async () => {
  const server = await startWeb();
  const ids = await fixture(server.rt);
  const agent = await server.as('agent');
  const text = 'Volontiers pour jeudi\n> grande promotion showroom';
  const quoted = JSON.stringify([
    { kind: 'new', start: 0, end: 22 },
    { kind: 'quoted', start: 22, end: text.length },
  ]);
  const message = await replied(server.rt, ids, text, 'other', quoted);
  await agent.call('PUT', `/api/messages/${message}/intent`, { intent: 'interested' });
  const { taught, rows } = (await agent.get('/api/learnt')).body;
  expect(taught[0].words.map((one: { word: string }) => one.word)).toEqual(['jeudi', 'volontiers']);
  expect(rows[0].excerpt).toBe('Volontiers pour jeudi');
});

test('saying that somebody wants to leave unsubscribes nobody: that stays its own press', async () => {
  const server = await startWeb();
  const ids = await fixture(server.rt);
  const agent = await server.as('agent');
  for (const intent of ['unsubscribe', 'complaint'])
    await agent.call('PUT', `/api/messages/${ids.message}/intent`, { intent });
  expect(server.rt.suppressions.mayMail({ address: 'camille@client.example', lane: 'bulk' })).toEqual({
    kind: 'may',
  });
  const rows = await server.rt.store.read.selectFrom('suppression').selectAll().execute();
  expect(rows).toEqual([]);
  // Said twice, it is one correction, and what the rules read first is what undo gives back.
  expect((await agent.get('/api/learnt')).body.rows).toMatchObject([
    { was: 'question', intent: 'complaint' },
  ]);
});

test('an earlier reply that is corrected leaves the conversation and the writer to the last one', async () => {
  const server = await startWeb();
  const ids = await fixture(server.rt);
  const agent = await server.as('agent');
  await replied(server.rt, ids, LETTER, 'thanks');
  const answer = await agent.call('PUT', `/api/messages/${ids.message}/intent`, { intent: 'negative' });
  expect(answer.body.conversation.intent).toBe('thanks');
  expect((await contactOf(server.rt, ids.contact)).reply_intent_last).toBe('thanks');
});

test('a viewer corrects nothing, an unknown intent is refused, and what is no reply has none', async () => {
  const server = await startWeb();
  const ids = await fixture(server.rt);
  const viewer = await server.as('viewer');
  const path = `/api/messages/${ids.message}/intent`;
  expect((await viewer.call('PUT', path, { intent: 'thanks' })).status).toBe(403);
  const agent = await server.as('agent');
  expect((await agent.call('PUT', path, { intent: 'spam' })).status).toBe(422);
  expect((await agent.call('PUT', '/api/messages/999/intent', { intent: 'thanks' })).status).toBe(404);
  const note = await agent.post(`/api/conversations/${ids.conversation}/notes`, { text: 'Voir Léa' });
  expect(
    (await agent.call('PUT', `/api/messages/${note.body.message_id}/intent`, { intent: 'thanks' })).status,
  ).toBe(404);
});

test('corrections come in pages, newest first', async () => {
  const server = await startWeb();
  const ids = await fixture(server.rt);
  const agent = await server.as('agent');
  for (const intent of ['thanks', 'question', 'negative'])
    await agent.call('PUT', `/api/messages/${await replied(server.rt, ids, LETTER, 'other')}/intent`, {
      intent,
    });
  const first = (await agent.get('/api/learnt?limit=2')).body;
  expect(first.rows.map((row: { intent: string }) => row.intent)).toEqual(['negative', 'question']);
  const second = (await agent.get(`/api/learnt?limit=2&cursor=${first.next}`)).body;
  expect(second).toMatchObject({ total: 3, rows: [{ intent: 'thanks' }], next: null });
  expect((await agent.get('/api/learnt?cursor=x')).status).toBe(422);
});
