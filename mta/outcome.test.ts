import { expect, test } from 'vitest';
import { providerById } from '../config/providers.ts';
import { outcomeOf } from './outcome.ts';
import { ProtocolError, readReply } from './reply.ts';
import { Timeout, TlsFailure } from './transaction.ts';
import type { Dropped, Refused, Stage } from './transaction.ts';

const other = providerById(null);
const refused = (stage: Stage, code: number, ...lines: string[]): Refused => ({
  kind: 'refused',
  stage,
  reply: readReply(code, lines),
});
const dropped = (stage: Stage, error: Error, dotSent = false): Dropped => ({
  kind: 'dropped',
  stage,
  error,
  dotSent,
});

test('an accepted message is delivered, with the receiver’s words', () => {
  const reply = readReply(250, ['2.0.0 Ok: queued as 4Xy']);
  expect(outcomeOf({ kind: 'accepted', reply }, other)).toEqual({
    state: 'delivered',
    class: null,
    temporary: false,
    blame: null,
    suppress: 'never',
    action: null,
    reason: 'accepted by the receiver',
    code: 250,
    enhanced: '2.0.0',
    text: 'Ok: queued as 4Xy',
    inDoubt: false,
  });
});

// stage, reply → state, class, suppress
const refusals: [Refused, string, string, string][] = [
  [refused('rcpt', 550, '5.1.1 User unknown'), 'bounced', 'invalid-recipient', 'now'],
  [refused('rcpt', 450, '4.2.0 Greylisted'), 'deferred', 'greylisted', 'never'],
  [refused('rcpt', 552, '5.2.2 Mailbox full'), 'bounced', 'mailbox-full', 'after-repeats'],
  [refused('rcpt', 452, '4.2.2 Mailbox full'), 'deferred', 'mailbox-full', 'after-repeats'],
  [refused('rcpt', 552, 'sorry'), 'bounced', 'mailbox-full', 'after-repeats'],
  [refused('rcpt', 452, '4.5.3 Too many recipients'), 'deferred', 'too-many-recipients', 'never'],
  // A 552 for size is permanent, a 452 is not.
  [refused('mail', 552, '5.3.4 Message size exceeds fixed limit'), 'bounced', 'message-too-large', 'never'],
  [refused('mail', 452, '4.3.4 Message size exceeds what is left'), 'deferred', 'message-too-large', 'never'],
  [refused('mail', 552, 'exceeded storage allocation'), 'bounced', 'message-too-large', 'never'],
  [refused('dot', 552, '5.3.4 too big'), 'bounced', 'message-too-large', 'never'],
  [refused('dot', 552, ''), 'bounced', 'message-too-large', 'never'],
  [refused('dot', 552, '5.2.2 over quota'), 'bounced', 'mailbox-full', 'after-repeats'],
  // Before RCPT nothing is about the recipient.
  [refused('greeting', 554, '5.1.1 go away'), 'deferred', 'policy-refused', 'never'],
  [refused('greeting', 554, '5.7.1 blocked using zen.spamhaus.org'), 'deferred', 'source-listed', 'never'],
  [refused('greeting', 521, 'this host does not accept mail'), 'bounced', 'invalid-domain', 'now'],
  [refused('ehlo', 550, 'unknown user'), 'deferred', 'policy-refused', 'never'],
  [refused('mail', 550, '5.1.1 unknown user'), 'bounced', 'sender-refused', 'never'],
  [refused('mail', 550, '5.7.1 SPF fail'), 'bounced', 'spf-failed', 'never'],
  [refused('mail', 421, '4.7.0 too many connections'), 'deferred', 'too-many-connections', 'never'],
  [refused('starttls', 554, '5.7.3 no TLS here'), 'deferred', 'tls-failed', 'never'],
  [{ ...refused('starttls', 450, '4.7.10 none'), local: true }, 'deferred', 'tls-required', 'never'],
  [refused('dot', 550, '5.7.1 message classified as spam'), 'bounced', 'spam-content', 'never'],
  [refused('dot', 554, '5.7.1 [192.0.2.1] is on a blacklist'), 'bounced', 'source-listed', 'never'],
  [refused('dot', 550, '5.1.1 no such user'), 'bounced', 'invalid-recipient', 'now'],
  [refused('data', 451, '4.3.0 later'), 'deferred', 'server-fault', 'never'],
  [refused('data', 503, '5.5.1 Bad sequence of commands'), 'bounced', 'protocol-error', 'never'],
  [refused('mail', 553, '5.6.7 no SMTPUTF8'), 'bounced', 'smtputf8-unsupported', 'never'],
];
test.each(refusals)('%o is %s, %s, suppress %s', (transaction, state, name, suppress) => {
  const outcome = outcomeOf(transaction, other);
  expect(outcome).toMatchObject({ state, class: name, suppress, inDoubt: false });
  expect(outcome.temporary).toBe(state === 'deferred');
  expect(outcome.reason).toMatch(/^[a-zA-Z].{5,}/);
  expect(outcome.code).toBe(transaction.reply.code);
});

test('the provider decides what its own words mean', () => {
  const full = refused('rcpt', 552, '5.1.1 La boite du destinataire est pleine. OFR_417 [417]');
  expect(outcomeOf(full, providerById('orange'))).toMatchObject({
    class: 'mailbox-full',
    suppress: 'after-repeats',
  });
  const gone = refused('rcpt', 550, '5.5.0 Requested action not taken: mailbox unavailable (S2017062302).');
  expect(outcomeOf(gone, providerById('outlook'))).toMatchObject({
    class: 'invalid-recipient',
    suppress: 'now',
  });
});

test.each([
  [dropped('connect', new Error('connect ECONNREFUSED 192.0.2.1:25')), 'connection-failed', false],
  [dropped('greeting', new Timeout(300_000)), 'connection-dropped', false],
  [dropped('starttls', new TlsFailure('tls handshake failed')), 'tls-failed', false],
  [dropped('mail', new ProtocolError('reply without a code: what?')), 'protocol-error', false],
  [dropped('dot', new Error('the remote closed the connection'), true), 'connection-dropped', true],
  [dropped('dot', new ProtocolError('NUL in a reply'), true), 'protocol-error', true],
] as [Dropped, string, boolean][])('%o is deferred as %s', (transaction, name, inDoubt) => {
  expect(outcomeOf(transaction, other)).toMatchObject({
    state: 'deferred',
    class: name,
    temporary: true,
    suppress: 'never',
    code: null,
    inDoubt,
  });
});

test('what we kept back ourselves is nobody’s refusal', () => {
  expect(outcomeOf({ kind: 'withheld', reason: 'campaign paused' }, other)).toMatchObject({
    state: 'deferred',
    class: null,
    suppress: 'never',
    reason: 'campaign paused',
  });
});
