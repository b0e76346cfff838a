import { expect, test } from 'vitest';
import { defaultRules } from './provider-rules.ts';
import { defaultProvider, providerById, providerFor, providers, replyRuleFor } from './providers.ts';

const cases = providers.flatMap((row) =>
  row.rules
    .filter((rule) => !defaultRules.includes(rule))
    .flatMap((rule) => rule.samples.map((sample) => [rule.id, sample, row] as const)),
);

test.each(cases)('%s fires on its sample, and no other rule of its provider does: %s', (id, sample, row) => {
  const own = row.rules.filter((rule) => !defaultRules.includes(rule));
  expect(own.filter((rule) => rule.pattern.test(sample)).map((rule) => rule.id)).toEqual([id]);
  // A default rule may know the reply too; the provider's own comes first.
  expect(replyRuleFor(row, sample)?.id).toBe(id);
});

test.each(defaultRules.flatMap((rule) => rule.samples.map((sample) => [rule.id, sample] as const)))(
  '%s fires on its sample, and no other default rule does: %s',
  (id, sample) => {
    expect(defaultRules.filter((rule) => rule.pattern.test(sample)).map((rule) => rule.id)).toEqual([id]);
  },
);

test('an accepted message slows nobody down, whatever the words', () => {
  const accepted = [
    '250 2.0.0 OK 1700000000 x12si1 - gsmtp',
    '250 2.6.0 <a@example.com> [InternalId=1, Hostname=XX1.prod.outlook.com] 9000 bytes in 0.1, 80 KB/sec Queued mail for delivery -> 250 2.1.5',
    '250 ok dirdel',
    '250 2.0.0 Ok: queued as 4F00-spamhaus',
    '250 Requested mail action okay, completed: id=1MabcD-1kxyz',
    '250 2.5.0 Ok. OFR_000',
    '250 2.0.0 message accepted, not in our block list, for explanation see policy',
  ];
  for (const row of [defaultProvider, ...providers])
    for (const reply of accepted) expect([row.id, replyRuleFor(row, reply)?.id]).toEqual([row.id, undefined]);
});

test('replies about one recipient or one message slow nobody down', () => {
  const ordinary = [
    '250 2.0.0 OK 1234 x12si1 - gsmtp',
    '550 5.1.1 <anna@example.net>: Recipient address rejected: User unknown in virtual mailbox table',
    '552 5.2.2 <anna@example.net>: Mailbox full, quota exceeded',
    '450 4.2.0 <anna@example.net>: Recipient address rejected: Greylisted',
    '550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR204_416 [416]',
  ];
  for (const row of [defaultProvider, ...providers])
    for (const reply of ordinary) expect([row.id, replyRuleFor(row, reply)?.id]).toEqual([row.id, undefined]);
});

// The defects found in others' tables: names that no section has, suffixes that can never match, rules without a sample.
test('every row can match, every rule belongs to a row, and ids are not used twice', async () => {
  const { providerRules } = await import('./provider-rules.ts');
  const ids = [defaultProvider, ...providers].map((row) => row.id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(Object.keys(providerRules).filter((id) => !ids.includes(id))).toEqual([]);
  const ruleIds = providers.flatMap((row) =>
    row.rules.filter((rule) => !defaultRules.includes(rule)).map((rule) => rule.id),
  );
  expect(new Set(ruleIds).size).toBe(ruleIds.length);
  for (const row of providers) {
    expect(row.mxSuffixes.length).toBeGreaterThan(0);
    for (const suffix of row.mxSuffixes) {
      expect(suffix).toMatch(/^(\.[a-z0-9-]+)+$/);
      expect(providerFor([`mx${suffix}`, `alt1.mx${suffix}.`]).id).toBe(row.id);
    }
    expect(row.source).not.toBe('');
    for (const rule of row.rules) {
      expect(rule.pattern.flags).not.toContain('g');
      expect(rule.times).toBeGreaterThan(0);
      expect(rule.forMs).toBeGreaterThan(0);
    }
  }
});

test.each(providers)(
  '$label says where its numbers are from, when that was read, and where to ask',
  (row) => {
    expect(row.source.length).toBeGreaterThan(10);
    expect(row.asOf).toMatch(/^20\d\d-(0[1-9]|1[0-2])-([0-2]\d|3[01])$/);
    for (const page of [row.postmaster, row.release])
      expect(page).toMatch(/^(https?:\/\/[a-z0-9.-]+\/\S*|mailto:[^@\s]+@[a-z0-9.-]+)$/);
    expect(row.connections).toBeGreaterThan(0);
    expect(row.messagesPerConnection).toBeGreaterThan(0);
    expect(row.rate.messages / row.rate.perMs).toBeGreaterThan(0);
    // Nobody whom we know bears more at once than the rest of the world is given.
    expect(row.rate.messages / row.rate.perMs).toBeLessThanOrEqual(
      defaultProvider.rate.messages / defaultProvider.rate.perMs,
    );
  },
);

test("no suffix lies below another row's, so the order of the rows decides nothing that it should not", () => {
  const all = providers.flatMap((row) => row.mxSuffixes.map((suffix) => ({ id: row.id, suffix })));
  const shadowed = all.filter((one) =>
    all.some((other) => other.id !== one.id && one.suffix.endsWith(other.suffix)),
  );
  expect(shadowed).toEqual([]);
});

test.each([
  [['gmail-smtp-in.l.google.com', 'alt1.gmail-smtp-in.l.google.com'], 'google'],
  [['ASPMX.L.GOOGLE.COM.', 'aspmx2.googlemail.com'], 'google'],
  [['mta5.am0.yahoodns.net'], 'yahoo'],
  [['hotmail-com.olc.protection.outlook.com'], 'outlook'],
  [['contoso-com.mail.protection.outlook.com'], 'office365'],
  [['smtp-in.orange.fr'], 'orange'],
  [['smtpz4.laposte.net'], 'laposte'],
  [['mx1.free.fr', 'mx2.free.fr'], 'free'],
  [['smtp-in.sfr.fr'], 'sfr'],
  [['mx00.gmx.net'], 'gmx'],
  [['eu-smtp-inbound-1.mimecast.com'], 'mimecast'],
  [['d1.a.ess.barracudanetworks.com'], 'barracuda'],
  [['aspmx.l.google.com', 'mx.example.net'], 'default'],
  [['notgoogle.com'], 'default'],
  [['google.com.example.net'], 'default'],
  [[], 'default'],
] as [string[], string][])('%j is %s', (hosts, id) => expect(providerFor(hosts).id).toBe(id));

test('an id that is no longer known is treated as any other site', () => {
  expect(providerById('google').label).toBe('Gmail and Google Workspace');
  expect(providerById('gone')).toBe(defaultProvider);
  expect(providerById(null)).toBe(defaultProvider);
});
