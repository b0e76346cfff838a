import { createHash, X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { makeCertificate } from '../core/tls.ts';
import { chainOf, daneVerdict, usableTlsa, type TlsaRecord } from './dane.ts';

const NOW = Date.UTC(2030, 0, 1);
const YEAR = 365 * 86_400_000;
const dates = { notBefore: NOW - YEAR, notAfter: NOW + YEAR };
const authorityMade = await makeCertificate({ hostname: 'ca.test', ...dates, authority: true });
const issuer = { hostname: 'ca.test', key: authorityMade.key };
const authority = new X509Certificate(authorityMade.cert);
const leaf = new X509Certificate((await makeCertificate({ hostname: 'mx.test', ...dates, issuer })).cert);
const other = new X509Certificate((await makeCertificate({ hostname: 'mx.test', ...dates })).cert);
const expired = new X509Certificate(
  (await makeCertificate({ hostname: 'mx.test', notBefore: NOW - 2 * YEAR, notAfter: NOW - 1, issuer })).cert,
);

function tlsa(usage: number, selector: number, matchingType: number, of: X509Certificate): TlsaRecord {
  const part = selector === 0 ? of.raw : (of.publicKey.export({ type: 'spki', format: 'der' }) as Buffer);
  const data =
    matchingType === 0
      ? part
      : createHash(matchingType === 1 ? 'sha256' : 'sha512')
          .update(part)
          .digest();
  return { usage, selector, matchingType, data };
}

const kinds = [0, 1].flatMap((selector) =>
  [0, 1, 2].map((matchingType) => [selector, matchingType] as const),
);

test.each(kinds)(
  'usage 3 matches the certificate of the host: selector %i, matching type %i',
  (selector, type) => {
    expect(daneVerdict([tlsa(3, selector, type, leaf)], [leaf, authority], ['mx.test'], NOW).kind).toBe(
      'match',
    );
    expect(daneVerdict([tlsa(3, selector, type, other)], [leaf, authority], ['mx.test'], NOW).kind).toBe(
      'mismatch',
    );
  },
);

test.each(kinds)(
  'usage 2 matches the authority above it: selector %i, matching type %i',
  (selector, type) => {
    const record = tlsa(2, selector, type, authority);
    expect(daneVerdict([record], [leaf, authority], ['mx.test'], NOW).kind).toBe('match');
    expect(daneVerdict([record], [leaf], ['mx.test'], NOW).kind).toBe('mismatch');
  },
);

test('usage 3 asks neither for the name nor for the dates; usage 2 asks for both', () => {
  expect(daneVerdict([tlsa(3, 1, 1, expired)], [expired], ['elsewhere.test'], NOW)).toEqual({
    kind: 'match',
  });
  expect(daneVerdict([tlsa(2, 0, 1, authority)], [expired, authority], ['mx.test'], NOW)).toMatchObject({
    reason: expect.stringContaining('out of date') as string,
  });
  expect(daneVerdict([tlsa(2, 0, 1, authority)], [leaf, authority], ['elsewhere.test'], NOW)).toMatchObject({
    reason: expect.stringContaining('elsewhere.test') as string,
  });
});

test('an authority that did not sign the certificate vouches for nothing', () => {
  expect(daneVerdict([tlsa(2, 0, 1, authority)], [other, authority], ['mx.test'], NOW).kind).toBe('mismatch');
});

test('one record that matches is enough, as while keys are changed', () => {
  expect(daneVerdict([tlsa(3, 1, 1, other), tlsa(3, 1, 1, leaf)], [leaf], ['mx.test'], NOW).kind).toBe(
    'match',
  );
});

test('a host without a certificate does not match', () => {
  expect(daneVerdict([tlsa(3, 1, 1, leaf)], [], ['mx.test'], NOW).kind).toBe('mismatch');
  expect(chainOf(undefined)).toEqual([]);
});

test.each([
  ['usage 0', { usage: 0 }],
  ['usage 1', { usage: 1 }],
  ['usage 4', { usage: 4 }],
  ['an unknown selector', { selector: 2 }],
  ['an unknown matching type', { matchingType: 3 }],
  ['a digest of the wrong length', { data: Buffer.alloc(31) }],
  ['no data', { matchingType: 0, data: Buffer.alloc(0) }],
])('a record with %s is unusable', (_, change) => {
  const record = tlsa(3, 1, 1, leaf);
  expect(usableTlsa([record, { ...record, ...change }])).toEqual([record]);
});
