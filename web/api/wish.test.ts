/** A wish to leave that is not plain: marketing waits for a person, who decides either way. */
import { expect, test } from 'vitest';
import { suppress } from '../../core/audience/suppress.ts';
import type { Runtime } from '../../core/runtime.ts';
import { addInbound, settleInbound } from '../../core/store/inbound.ts';
import { addRawMessages } from '../../core/store/raw-message.ts';
import { fixture } from '../fixture.testing.ts';
import { startWeb } from '../testing.ts';

const ADDRESS = 'camille@client.example';
const EVIDENCE = 'unsubscribe me, I mean it';

/** What inbound/apply.ts leaves behind when it reads such a reply. */
async function said(rt: Runtime, conversation: number, contact: number): Promise<void> {
  const now = rt.clock.now();
  const inboundId = await rt.store.write(async (tx) => {
    await addRawMessages(tx, [{ hash: 'aa', size: 1, encoding: 'identity', body: Buffer.from('x') }], now);
    const id = await addInbound(
      tx,
      { mailFrom: ADDRESS, rcptTo: [], remoteIp: '', helo: '', tls: '', size: 1, rawHash: 'aa' },
      now,
    );
    await settleInbound(tx, id, { kind: 'reply', conversation_id: conversation }, now);
    return id;
  });
  await suppress(rt, {
    address: ADDRESS,
    scope: 'pause',
    reason: 'pause',
    contact_id: contact,
    inbound_id: inboundId,
    evidence: EVIDENCE,
    until: now + 1000,
  });
}

const mayMail = (rt: Runtime) => rt.suppressions.mayMail({ address: ADDRESS, lane: 'bulk' });

test('an agent who says that they leave unsubscribes them, by name and with their words, and ends the pause', async () => {
  const server = await startWeb();
  const { conversation, contact } = await fixture(server.rt);
  const agent = await server.as('agent');
  const path = `/api/conversations/${conversation}`;
  expect((await agent.get(path)).body.wish).toBeNull();
  await said(server.rt, conversation, contact);
  expect((await agent.get(path)).body.wish).toMatchObject({
    kind: 'asked',
    evidence: EVIDENCE,
    decided_by: null,
  });
  expect((await agent.post(`${path}/wish`, { decision: 'leave' })).status).toBe(200);
  expect(mayMail(server.rt)).toMatchObject({ scope: 'marketing', reason: 'unsubscribe-in-words' });
  expect((await agent.get(path)).body.wish).toMatchObject({
    kind: 'left',
    evidence: EVIDENCE,
    decided_by: 'The agent',
  });
  // Decided is decided: a second pair of eyes hears so.
  expect((await agent.post(`${path}/wish`, { decision: 'stay' })).status).toBe(409);
  expect(mayMail(server.rt).kind).toBe('suppressed');
});

test('an agent who says that they stay ends the pause, and nothing is left of it', async () => {
  const server = await startWeb();
  const { conversation, contact } = await fixture(server.rt);
  await said(server.rt, conversation, contact);
  expect(mayMail(server.rt)).toMatchObject({ scope: 'pause' });
  const agent = await server.as('agent');
  await agent.post(`/api/conversations/${conversation}/wish`, { decision: 'stay' });
  expect(mayMail(server.rt)).toEqual({ kind: 'may' });
  expect((await agent.get(`/api/conversations/${conversation}`)).body.wish).toBeNull();
});

test('a viewer decides nothing', async () => {
  const server = await startWeb();
  const { conversation, contact } = await fixture(server.rt);
  await said(server.rt, conversation, contact);
  const viewer = await server.as('viewer');
  const answer = await viewer.post(`/api/conversations/${conversation}/wish`, { decision: 'stay' });
  expect(answer.status).toBe(403);
  expect(mayMail(server.rt)).toMatchObject({ scope: 'pause' });
});
