import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  clickUrl,
  linksFor,
  messageIdFor,
  readLink,
  readMessageId,
  readOwnMessageId,
  readRecipient,
  replyAddress,
  returnPath,
  unsubscribeAddress,
} from './identifiers.ts';
import { createTokens, type Purpose } from './tokens.ts';

const DAY = 86_400_000;
const now = Date.UTC(2026, 10, 22, 13);
const domain = 'bounces.example.org';
const secret = (name: string) => createHash('sha256').update(name).digest();
const tokens = createTokens([{ id: 3, secret: secret('one') }]);
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

const purpose = fc.constantFrom<Purpose>('r', 'b', 'u', 'f', 'm', 'c', 'v');
const id = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

test('every token reads back as what it was made of, in either case', () => {
  fc.assert(
    fc.property(purpose, id, fc.integer({ min: 0, max: 3000 }), (purpose, id, days) => {
      const minted = now + days * DAY;
      const token = tokens.mint({ purpose, id, domain, now: minted });
      expect(token).toMatch(/^[0-9a-z]{32}$/);
      const expected = { kind: 'valid', id, purpose, issuedDay: Math.floor(minted / DAY), link: undefined };
      expect(tokens.read(token, { domain, now: minted, purpose })).toEqual(expected);
      expect(
        tokens.read(token.toUpperCase(), { domain: domain.toUpperCase(), now: minted, purpose }),
      ).toEqual(expected);
    }),
    { numRuns: 500, seed: 1 },
  );
});

test('one changed bit anywhere is refused', () => {
  fc.assert(
    fc.property(purpose, id, (purpose, id) => {
      const token = tokens.mint({ purpose, id, domain, now });
      for (let bit = 0; bit < 160; bit++) {
        const at = Math.floor(bit / 5);
        const changed = ALPHABET.indexOf(token[at]!) ^ (1 << (bit % 5));
        const tampered = token.slice(0, at) + ALPHABET[changed] + token.slice(at + 1);
        expect(tokens.read(tampered, { domain, now, purpose }).kind, `bit ${bit}`).toBe('invalid');
      }
    }),
    { numRuns: 40, seed: 2 },
  );
});

test('a hundred thousand random forgeries are refused', () => {
  let state = 12345;
  const random = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32;
  const head = tokens.mint({ purpose: 'b', id: 42, domain, now }).slice(0, 16);
  let valid = 0;
  for (let i = 0; i < 100_000; i++) {
    let token = i % 2 === 0 ? head : '';
    while (token.length < 32) token += ALPHABET[Math.floor(random() * 32)];
    if (tokens.read(token, { domain, now, purpose: 'b' }).kind === 'valid') valid++;
  }
  expect(valid).toBe(0);
});

test('a token says why it is refused', () => {
  const token = tokens.mint({ purpose: 'b', id: 42, domain, now });
  const reason = (token: string, terms: Partial<Parameters<typeof tokens.read>[1]> = {}) => {
    const reading = tokens.read(token, { domain, now, purpose: 'b', ...terms });
    return reading.kind === 'invalid' ? reading.reason : 'valid';
  };
  expect(reason(token)).toBe('valid');
  expect(reason(token, { domain: 'other.example' })).toBe('forged');
  expect(reason(token, { purpose: 'r' })).toBe('wrong-purpose');
  expect(reason(token, { purpose: ['r', 'b'] })).toBe('valid');
  expect(reason(token, { now: now + 30 * DAY })).toBe('valid');
  expect(reason(token, { now: now + 31 * DAY })).toBe('expired');
  for (const bad of [
    '',
    'x',
    token.slice(1),
    `${token}0`,
    token.replace(/^./, 'u'),
    `${token.slice(0, 31)}é`,
    token.slice(0, 31) + ' ',
  ])
    expect(reason(bad), bad).toBe('malformed');
  const stranger = createTokens([{ id: 3, secret: secret('two') }]);
  expect(reason(stranger.mint({ purpose: 'b', id: 42, domain, now }))).toBe('forged');
  const other = createTokens([{ id: 4, secret: secret('one') }]);
  expect(reason(other.mint({ purpose: 'b', id: 42, domain, now }))).toBe('unknown-key');
});

test('replies and unsubscribes act for 400 days', () => {
  for (const purpose of ['r', 'u', 'm'] as const) {
    const token = tokens.mint({ purpose, id: 1, domain, now });
    expect(tokens.read(token, { purpose, domain, now: now + 400 * DAY }).kind).toBe('valid');
    expect(tokens.read(token, { purpose, domain, now: now + 401 * DAY })).toMatchObject({
      reason: 'expired',
    });
  }
});

test('after a rotation the new key signs, the old one is still read, and a retry makes the old token again', () => {
  const token = tokens.mint({ purpose: 'm', id: 7, domain, now });
  const rotated = createTokens([
    { id: 3, secret: secret('one') },
    { id: 4, secret: secret('two') },
  ]);
  expect(rotated.currentKey).toBe(4);
  expect(rotated.read(token, { purpose: 'm', domain, now }).kind).toBe('valid');
  expect(rotated.mint({ purpose: 'm', id: 7, domain, now })).not.toBe(token);
  expect(rotated.mint({ purpose: 'm', id: 7, domain, now: now + 1000, key: 3 })).toBe(token);
});

test('a link token carries its number, under the signature', () => {
  const token = tokens.mint({ purpose: 'l', id: 7, domain, now, link: 1_048_575 });
  expect(token).toHaveLength(36);
  expect(tokens.read(token, { purpose: 'l', domain, now })).toMatchObject({
    kind: 'valid',
    id: 7,
    link: 1_048_575,
  });
  for (let bit = 0; bit < 180; bit++) {
    const at = Math.floor(bit / 5);
    const changed = ALPHABET.indexOf(token[at]!) ^ (1 << (bit % 5));
    const tampered = token.slice(0, at) + ALPHABET[changed] + token.slice(at + 1);
    expect(tokens.read(tampered, { purpose: 'l', domain, now }).kind).toBe('invalid');
  }
  expect(() => tokens.mint({ purpose: 'l', id: 7, domain, now })).toThrow('link number');
  expect(() => tokens.mint({ purpose: 'b', id: 7, domain, now, link: 1 })).toThrow('link number');
});

test('ids that are no safe whole number and keys that are too short are refused', () => {
  for (const id of [-1, 1.5, 2 ** 53, Number.NaN]) {
    expect(() => tokens.mint({ purpose: 'b', id, domain, now })).toThrow('2^53');
  }
  expect(() => createTokens([{ id: 16, secret: secret('one') }])).toThrow('0 to 15');
  expect(() => createTokens([{ id: 1, secret: Buffer.alloc(8) }])).toThrow('16 bytes');
  expect(() => createTokens([])).toThrow('at least one');
});

const origin = { id: 123_456_789, now };

test('addresses that come back are read, whatever their case and delimiter', () => {
  for (const delimiter of ['+', '=', '.'] as const) {
    const address = replyAddress(tokens, origin, { mailbox: 'Contact', host: 'r.example.org', delimiter });
    for (const form of [address, address.toUpperCase()]) {
      const found = readRecipient(form);
      expect(found).toMatchObject({
        kind: 'token',
        purpose: 'r',
        domain: 'r.example.org',
        mailbox: 'contact',
      });
      if (found.kind === 'token')
        expect(tokens.read(found.token, { ...found, now })).toMatchObject({ id: origin.id });
    }
  }
  for (const [purpose, address] of [
    ['b', returnPath(tokens, origin, domain)],
    ['u', unsubscribeAddress(tokens, origin, domain)],
  ] as const) {
    const found = readRecipient(address);
    expect(found).toMatchObject({ kind: 'token', purpose, domain });
    if (found.kind === 'token')
      expect(tokens.read(found.token, { ...found, now })).toMatchObject({ id: origin.id });
  }
  expect(readRecipient('Contact@example.org')).toEqual({
    kind: 'plain',
    local: 'contact',
    domain: 'example.org',
  });
  expect(readRecipient('b.short@example.org')).toMatchObject({ kind: 'plain' });
  expect(readRecipient('nothing')).toEqual({ kind: 'invalid' });
});

test('no local part is longer than 64 characters, and every address is one', () => {
  for (const mailbox of ['a', 'a'.repeat(64), `${'a'.repeat(29)}.b`, 'not an atom', 'é', 'first.last']) {
    const address = replyAddress(tokens, origin, { mailbox, host: 'r.example.org' });
    expect(address.indexOf('@')).toBeLessThanOrEqual(64);
    expect(readRecipient(address)).toMatchObject({ kind: 'token', purpose: 'r' });
  }
});

test('our own Message-IDs are known again, with and without brackets', () => {
  const messageId = messageIdFor(tokens, origin, 'example.org');
  expect(messageId).toMatch(/^<m\.[0-9a-z]{32}@example\.org>$/);
  for (const form of [messageId, messageId.slice(1, -1), ` ${messageId.toUpperCase()} `])
    expect(readOwnMessageId(tokens, form, now)).toMatchObject({ kind: 'valid', id: origin.id, purpose: 'm' });
  expect(readOwnMessageId(tokens, messageIdFor(tokens, origin, 'example.org', 'c'), now)).toMatchObject({
    purpose: 'c',
  });
  expect(readMessageId('<abc@example.org>')).toBeUndefined();
  expect(readOwnMessageId(tokens, messageId.replace('example.org', 'example.net'), now)).toMatchObject({
    reason: 'forged',
  });
});

test('links are bound to their use', () => {
  const links = linksFor(tokens, origin, 'https://mail.example.org');
  const token = (url: string) => url.slice(url.lastIndexOf('/') + 1);
  expect(readLink(tokens, token(links.unsubscribe), 'u', now)).toMatchObject({
    kind: 'valid',
    id: origin.id,
  });
  expect(readLink(tokens, token(links.view), 'u', now)).toMatchObject({ reason: 'wrong-purpose' });
  expect(readLink(tokens, token(clickUrl(tokens, origin, 'https://x.example', 9)), 'l', now)).toMatchObject({
    link: 9,
  });
});
