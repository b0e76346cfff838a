import { expect, test } from 'vitest';
import { genericPhrases, providerPhrases } from '../../config/bounce-phrases.ts';
import { codeRules, providerStatusRules, statusRules } from '../../config/bounce-rules.ts';
import { providers } from '../../config/providers.ts';
import { isBounceClass } from './bounce-class.ts';
import { classifyReply } from './classify-reply.ts';

/** A whole reply in one line, as logs and bounces have it. */
function classify(reply: string, provider?: string) {
  const [, code = '0', enhanced, text = ''] =
    /^(\d{3})?[ -]?(?:([245]\.\d+\.\d+)\s*)?(.*)$/.exec(reply) ?? [];
  return classifyReply(Number(code), enhanced, text, provider);
}

const rules = [...providerPhrases, ...genericPhrases];

test('every rule names a class and a provider that exist', () => {
  const ids = new Set(providers.map((row) => row.id));
  for (const rule of rules) {
    expect(isBounceClass(rule.class), rule.class).toBe(true);
    expect(rule.provider === undefined || ids.has(rule.provider), rule.provider).toBe(true);
    expect(rule.pattern.flags).not.toContain('g');
  }
  const named = [
    ...Object.values(statusRules),
    ...Object.values(providerStatusRules).flatMap((table) => Object.values(table)),
  ].map((rule) => rule.class);
  for (const name of [...named, ...Object.values(codeRules)])
    expect(name === 'unknown' || isBounceClass(name), name).toBe(true);
  expect(Object.keys(providerStatusRules).filter((id) => !ids.has(id))).toEqual([]);
});

test.each(
  rules.flatMap((rule) => rule.samples.map((sample) => [rule.class, rule.provider, sample] as const)),
)('%s (%s): %s', (name, provider, sample) => {
  expect(classify(sample, provider).class).toBe(name);
  // A bounce often hides who refused: the words alone lead to the same class.
  expect(classify(sample).class).toBe(name);
});

test.each(rules.flatMap((rule) => rule.samples.map((sample) => [rule, sample] as const)))(
  'a sample is decided by its own rule, or by one of the same class',
  (rule, sample) => {
    const list = rule.provider
      ? providerPhrases.filter((other) => other.provider === rule.provider)
      : genericPhrases;
    expect(rule.pattern.test(sample), sample).toBe(true);
    expect(list.find((other) => other.pattern.test(sample))?.class, sample).toBe(rule.class);
  },
);

// What others get wrong (reference, "Bounce rules"), and what would suppress the living.
const verdicts: [string, string | undefined, string, temporary: boolean, suppress: string][] = [
  [
    '450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents delivery',
    'google',
    'recipient-rate',
    true,
    'never',
  ],
  [
    '552 5.2.2 The email account that you tried to reach is over quota',
    'google',
    'mailbox-full',
    false,
    'after-repeats',
  ],
  [
    '452 4.2.2 The email account that you tried to reach is over quota',
    'google',
    'mailbox-full',
    true,
    'after-repeats',
  ],
  [
    "550 5.7.1 Unauthenticated email from a.net is not accepted due to domain's DMARC policy",
    'google',
    'dmarc-failed',
    false,
    'never',
  ],
  [
    '550 5.7.26 This mail has been blocked because the sender is unauthenticated',
    'google',
    'authentication-failed',
    false,
    'never',
  ],
  [
    '550 5.7.1 Service unavailable; client [192.0.2.1] blocked using Spamhaus',
    undefined,
    'source-listed',
    false,
    'never',
  ],
  ['550 5.7.1', undefined, 'policy-refused', false, 'never'],
  ['550 5.1.1 User unknown', undefined, 'invalid-recipient', false, 'now'],
  ['450 4.1.1 User unknown', undefined, 'invalid-recipient', true, 'after-repeats'],
  ['450 5.1.1 User unknown', undefined, 'invalid-recipient', true, 'after-repeats'],
  ['550 User unknown', undefined, 'invalid-recipient', false, 'now'],
  ['550 5.1.1 blocked: 192.0.2.1 is on a blacklist', undefined, 'source-listed', false, 'never'],
  ['550 5.1.1 mailbox is full', undefined, 'mailbox-full', false, 'after-repeats'],
  [
    '552 5.1.1 La boite du destinataire est pleine. Recipient overquota. OFR_417 [417]',
    'orange',
    'mailbox-full',
    false,
    'after-repeats',
  ],
  ['552 Message size exceeds fixed limit', undefined, 'message-too-large', false, 'never'],
  ['452 message size exceeds available space', undefined, 'message-too-large', true, 'never'],
  [
    '550 5.4.1 Recipient address rejected: Access denied. [x.prod.outlook.com]',
    'office365',
    'invalid-recipient',
    false,
    'now',
  ],
  ['554 5.7.1 Recipient address rejected: Access denied', undefined, 'policy-refused', false, 'never'],
  ['550 5.2.1 rejected', undefined, 'policy-refused', false, 'never'],
  ['521 5.2.1 :  (HVU:B1) AOL will not accept delivery', undefined, 'policy-refused', false, 'never'],
  [
    '421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred',
    'yahoo',
    'source-reputation',
    true,
    'never',
  ],
  ['421', undefined, 'server-busy', true, 'never'],
  ['451 what', undefined, 'server-fault', true, 'never'],
  ['550', undefined, 'unknown-permanent', false, 'never'],
  ['554 something new', undefined, 'unknown-permanent', false, 'never'],
  ['499 something new', undefined, 'unknown-temporary', true, 'never'],
  ['556 no', undefined, 'invalid-domain', false, 'now'],
  ['553 5.6.7 smtputf8', undefined, 'smtputf8-unsupported', false, 'never'],
  ['5.1.1', undefined, 'invalid-recipient', false, 'now'],
  ['5.4.7 retry time expired', undefined, 'expired-remotely', false, 'never'],
  ['', undefined, 'unknown-permanent', false, 'never'],
];
test.each(verdicts)('%s (%s) is %s', (reply, provider, name, temporary, suppress) => {
  expect(classify(reply, provider)).toMatchObject({ class: name, temporary, suppress });
});

test('no answer that is temporary, and none that blames another than the recipient, suppresses', () => {
  for (const { samples, provider } of rules) {
    for (const sample of samples) {
      for (const code of ['421', '450', '451', '452']) {
        const verdict = classify(
          sample.replace(/^\d{3}/, code).replace(/^(\d{3}) [245]\./, '$1 4.'),
          provider,
        );
        expect(verdict.temporary, sample).toBe(true);
        expect(verdict.suppress, sample).not.toBe('now');
      }
      const verdict = classify(sample, provider);
      if (verdict.blame !== 'recipient') expect(verdict.suppress, sample).toBe('never');
    }
  }
});

test('hostile words are read in linear time', () => {
  for (const piece of [
    'user ',
    'mailbox ',
    'sender domain ',
    'message is ',
    '5.1.1 ',
    'a',
    ' ',
    'your ip ',
    'try again in 9',
  ]) {
    const start = performance.now();
    classifyReply(550, undefined, piece.repeat(100_000));
    expect(performance.now() - start).toBeLessThan(200);
  }
});
