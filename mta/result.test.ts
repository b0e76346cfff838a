/** What an attempt comes to as a row: state, next time, words, and whether the address may be mailed again. */
import { expect, test } from 'vitest';
import { defaultProvider } from '../config/providers.ts';
import type { Delivery } from '../core/store/queue.ts';
import { outcomeOf } from './outcome.ts';
import { readReply } from './reply.ts';
import { faultyResult, refusedResult, resultOf, unroutedResult } from './result.ts';
import type { Transaction } from './transaction.ts';

const NOW = Date.UTC(2026, 0, 5, 9);
const DAY = 86_400_000;
const at = { node: 'north', now: NOW, maxAgeMs: 4 * DAY, minAttempts: 6 };

const delivery = (more: Partial<Delivery> = {}) =>
  ({
    id: 9,
    attempt: 1,
    address: 'ana@a.example',
    contact_id: 4,
    queued_at: NOW - 1000,
    ...more,
  }) as Delivery;

function result(transaction: Exclude<Transaction, { kind: 'withheld' }>, more: Partial<Delivery> = {}) {
  const outcome = outcomeOf(transaction, defaultProvider);
  const attempted = {
    transaction,
    outcome,
    messageId: '<M.x@Example.org>',
    sourceId: 1,
    mx: 'mx.a.example',
    session: undefined,
    beganAt: NOW - 50,
    ms: 49.6,
  };
  return resultOf(delivery(more), attempted, at);
}

const refused = (code: number, text: string, stage: 'rcpt' | 'dot' | 'greeting' | 'mail' = 'rcpt') =>
  ({ kind: 'refused', stage, reply: readReply(code, [text]) }) as const;
const dropped = (dotSent: boolean) =>
  ({
    kind: 'dropped',
    stage: dotSent ? 'dot' : 'data',
    dotSent,
    error: new Error('the line broke'),
  }) as const;

test.each([
  [
    'an accepted message is delivered',
    { kind: 'accepted', reply: readReply(250, ['2.0.0 ok']) } as const,
    'delivered',
    false,
  ],
  ['an unknown user is bounced and suppressed', refused(550, '5.1.1 no such user'), 'bounced', true],
  ['greylisting is deferred', refused(450, '4.7.1 greylisted, try again later'), 'deferred', false],
  ['a full mailbox is no reason to suppress', refused(452, '4.2.2 mailbox full'), 'deferred', false],
  [
    'spam is bounced and suppresses nobody',
    refused(554, '5.7.1 message looks like spam', 'dot'),
    'bounced',
    false,
  ],
  [
    'a refusal in the greeting is about us: it waits',
    refused(554, '5.7.1 blocked by policy', 'greeting'),
    'deferred',
    false,
  ],
  ['an unknown sender suppresses no recipient', refused(550, '5.1.0 unknown user', 'mail'), 'bounced', false],
  ['a line that broke is deferred', dropped(false), 'deferred', false],
  ['a line that broke after the dot is deferred, in doubt', dropped(true), 'deferred', false],
])('%s', (_, transaction, state, suppresses) => {
  const { settlement, suppress } = result(transaction);
  expect(settlement.state).toBe(state);
  expect(suppress !== undefined).toBe(suppresses);
  if (state === 'deferred') expect(settlement.due_at).toBeGreaterThan(NOW);
});

test('the row has the whole answer, code first, once', () => {
  expect(result(refused(550, '5.1.1 no such user')).settlement).toMatchObject({
    id: 9,
    attempt: 1,
    owner: 'north',
    code: 550,
    enhanced: '5.1.1',
    reply: '550 5.1.1 no such user',
    message_id: 'm.x@example.org',
    mx: 'mx.a.example',
    outcome: 'bounced',
    class: 'invalid-recipient',
    ms: 50,
  });
});

test('a hard bounce stops everything to the address, with the words as evidence', () => {
  expect(result(refused(550, '5.1.1 no such user')).suppress).toEqual({
    address: 'ana@a.example',
    scope: 'everything',
    reason: 'hard-bounce',
    contact_id: 4,
    delivery_id: 9,
    evidence: '550 5.1.1 no such user',
  });
});

test('old age and enough attempts expire a delivery; a clock that jumped does not', () => {
  const old = { queued_at: NOW - 5 * DAY };
  expect(result(dropped(false), { ...old, attempt: 12 }).settlement.state).toBe('expired');
  expect(result(dropped(false), { ...old, attempt: 1 }).settlement.state).toBe('deferred');
  expect(result(dropped(false), { attempt: 12 }).settlement.state).toBe('deferred');
});

test('a domain that takes no mail is a hard bounce, a name server that is silent is not', () => {
  const no = unroutedResult(
    delivery(),
    { kind: 'refused', temporary: false, enhanced: '5.1.10', reason: 'a.example takes no mail (null MX)' },
    at,
  );
  expect(no.settlement).toMatchObject({ state: 'bounced', enhanced: '5.1.10', class: 'invalid-domain' });
  expect(no.suppress).toMatchObject({ reason: 'hard-bounce', evidence: 'a.example takes no mail (null MX)' });
  const later = unroutedResult(
    delivery(),
    { kind: 'refused', temporary: true, enhanced: '4.4.3', reason: 'SERVFAIL' },
    at,
  );
  expect(later.settlement).toMatchObject({ state: 'deferred', class: 'dns-failure' });
  expect(later.suppress).toBeUndefined();
});

test('who may not be mailed any more, after an attempt that was cut off, may have it: that is said', () => {
  const refusal = { kind: 'suppressed', reason: 'complained' } as const;
  const reason = (more: Partial<Delivery>) => refusedResult(delivery(more), refusal, at).settlement.reason;
  expect(reason({ attempt: 2, last_reply: null })).toMatch(/complained; .*may have arrived/);
  expect(reason({ attempt: 1, last_reply: null })).toBe('complained');
  expect(reason({ attempt: 2, last_reply: '451 later' })).toBe('complained');
});

test('who may not be mailed ends there, without an attempt on the wire', () => {
  const suppressed = refusedResult(
    delivery(),
    { kind: 'suppressed', reason: 'suppressed for marketing: unsubscribe' },
    at,
  );
  expect(suppressed.settlement).toMatchObject({ state: 'suppressed', outcome: 'withheld', code: null });
  expect(
    refusedResult(delivery(), { kind: 'cancelled', reason: 'the campaign was cancelled' }, at).settlement
      .state,
  ).toBe('cancelled');
});

test('a fault of ours waits with its reason and suppresses nobody', () => {
  const { settlement, suppress } = faultyResult(delivery(), 'the template is too deep', at);
  expect(settlement).toMatchObject({
    state: 'deferred',
    reason: 'the template is too deep',
    outcome: 'withheld',
  });
  expect(suppress).toBeUndefined();
});
