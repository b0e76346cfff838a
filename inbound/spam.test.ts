import { describe, expect, test } from 'vitest';
import { eachEngine } from '../core/store/testing.ts';
import { fromJson } from '../core/store/json.ts';
import type { Resolver } from '../core/dns.ts';
import { nothingKnown, type Authentication } from './authenticate.ts';
import { listedIn } from './block-list.ts';
import { weighSpam, type SpamSigns } from './spam.ts';
import { FROM_DOMAIN, openHouse, silentDns } from './testing.ts';

const person = (address: string, name = '') => ({ address, name }) as SpamSigns['letter']['from'][number];
const file = (fileName: string) => ({ part: '2', fileName, mediaType: 'x/y', size: 1, contentId: null });
const dmarc = (policy: string): Authentication => ({
  ...nothingKnown('none'),
  dmarc: { result: 'fail', policy, domain: 'bank.example' },
});
const plain: SpamSigns = {
  letter: {
    from: [person('ana@remote.example', 'Ana')],
    to: [person('us@shop.example')],
    cc: [],
    attachments: [],
  },
  authentication: nothingKnown('none'),
  listedIn: [],
  hasToken: false,
  isAnswer: false,
  isKnown: false,
  isProved: false,
  isFromUs: false,
  filters: [],
};
const letter = (part: Partial<SpamSigns['letter']>) => ({ letter: { ...plain.letter, ...part } });
const bad = { authentication: nothingKnown('none'), listedIn: ['a.example', 'b.example'] };

describe('spam by points', () => {
  test.each<[string, Partial<SpamSigns>, number, boolean]>([
    ['a stranger who proves nothing is no spam', {}, 0, false],
    ['a domain whose owner refuses forgeries', { authentication: dmarc('reject') }, 6, true],
    ['one that asks for quarantine is not enough alone', { authentication: dmarc('quarantine') }, 3, false],
    ['a DMARC failure without a policy is a small sign', { authentication: dmarc('none') }, 1, false],
    ['one block list is not enough', { listedIn: ['a.example'] }, 3, false],
    ['two block lists are', bad, 5, true],
    ['no From that one could answer', letter({ from: [] }), 3, false],
    ['two people in From', letter({ from: [person('a@x.example'), person('b@x.example')] }), 2, false],
    [
      'a name that shows another address',
      letter({ from: [person('x@evil.example', 'service@bank.example')] }),
      3,
      false,
    ],
    [
      'a name that shows the address itself',
      letter({ from: [person('x@mail.bank.example', 'x@bank.example')] }),
      0,
      false,
    ],
    [
      'thirty recipients and a program',
      letter({
        to: Array.from({ length: 30 }, (_, i) => person(`p${i}@x.example`)),
        attachments: [file('a.JS')],
      }),
      6,
      true,
    ],
    ['a program that poses as a document', letter({ attachments: [file('facture.pdf.exe')] }), 6, true],
    ['a document', letter({ attachments: [file('facture.v2.pdf')] }), 0, false],
    ['our own name without proof, with a block list', { isFromUs: true, listedIn: ['a.example'] }, 6, true],
    ['an answer to our mail is never spam', { ...bad, isAnswer: true }, 5, false],
    ['nor is a person whom we know', { ...bad, isKnown: true }, 5, false],
    ['a known name that DMARC refutes is', { authentication: dmarc('reject'), isKnown: true }, 6, true],
    ['but a token of ours spares even that', { authentication: dmarc('reject'), hasToken: true }, 6, false],
  ])('%s', (_, signs, points, isSpam) => {
    const found = weighSpam({ ...plain, ...signs }, 5);
    expect([found.points, found.isSpam]).toEqual([points, isSpam]);
    expect(found.rules.length > 0).toBe(points > 0);
  });
});

const dnsOf = (listed: Record<string, string[] | 'never'>) => {
  const asked: string[] = [];
  const a = (name: string): Promise<string[]> => {
    asked.push(name);
    const answer = listed[name];
    if (answer === 'never') return new Promise(() => undefined);
    return answer === undefined ? silentDns.a(name) : Promise.resolve(answer);
  };
  return { asked, dns: { a } };
};

describe('block lists', () => {
  test('name a host by its address turned round; refusals, parked zones and silence say nothing', async () => {
    const { dns, asked } = dnsOf({
      '4.3.2.9.listed.example': ['127.0.0.4'],
      '4.3.2.9.refusing.example': ['127.255.255.254'],
      '4.3.2.9.parked.example': ['93.184.216.34'],
      '4.3.2.9.late.example': 'never',
    });
    const zones = ['clean', 'listed', 'refusing', 'parked', 'late'].map((zone) => `${zone}.example`);
    expect(await listedIn('::ffff:9.2.3.4', zones, { dns, timeoutMs: 20 })).toEqual(['listed.example']);
    expect(asked).toHaveLength(5);
  });

  test('are not asked about private addresses, mail that was pulled, or when none is set', async () => {
    const { dns, asked } = dnsOf({});
    for (const ip of ['', '127.0.0.1', '10.1.2.3', '::1'])
      expect(await listedIn(ip, ['a.example'], { dns, timeoutMs: 20 })).toEqual([]);
    expect(await listedIn('9.2.3.4', [], { dns, timeoutMs: 20 })).toEqual([]);
    expect(asked).toEqual([]);
  });

  test('are asked about IPv6 by nibbles', async () => {
    const name = `2.${'0.'.repeat(29)}6.2.a.example`;
    const { dns, asked } = dnsOf({});
    await listedIn('2600::2', ['a.example'], { dns, timeoutMs: 20 });
    expect(asked[0]).toHaveLength(64 + 'a.example'.length);
    expect(asked[0]).toBe(name);
  });
});

eachEngine((_, open) => {
  const raw = (from: string, more: string[] = []) =>
    [`From: ${from}`, `To: support@${FROM_DOMAIN}`, 'Subject: An offer', ...more, '', 'Buy now.', ''].join(
      '\n',
    );
  const listing = new Proxy({} as Resolver, {
    get: (_, name) =>
      name === 'a' ? () => Promise.resolve(['127.0.0.2']) : silentDns[name as keyof Resolver],
  });
  const openListed = async () => {
    const house = await openHouse({ open, dns: listing });
    house.rt.config.inbound.spam.block_lists.push('one.example', 'two.example');
    return house;
  };

  test('a listed stranger is kept in spam, says why, and nothing is suppressed', async () => {
    const house = await openListed();
    await house.receive({
      from: 'x@evil.example',
      to: `support@${FROM_DOMAIN}`,
      raw: raw('x@evil.example'),
      ip: '9.2.3.4',
    });
    await house.settle();
    const row = await house.store.read.selectFrom('inbound').selectAll().executeTakeFirstOrThrow();
    expect(row).toMatchObject({ kind: 'spam', detail_kind: 'reply', state: 'applied' });
    expect(fromJson<{ id: string }[]>(row.rules, []).map((rule) => rule.id)).toContain('spam-block-list');
    expect(await house.store.read.selectFrom('conversation').selectAll().execute()).toMatchObject([
      { state: 'spam', unread: 0, message_count: 1 },
    ]);
    expect(await house.store.read.selectFrom('suppression').selectAll().execute()).toEqual([]);
    expect(await house.store.read.selectFrom('event').selectAll().execute()).toEqual([]);
  });

  test('a reply to our campaign through the same host is a conversation, and so is any mail of a contact', async () => {
    const house = await openListed();
    const sent = await house.delivery('ana@remote.example');
    await house.receive({ from: sent.address, to: sent.replyTo, raw: raw(sent.address), ip: '9.2.3.4' });
    await house.receive({
      from: sent.address,
      to: `support@${FROM_DOMAIN}`,
      raw: raw(sent.address, ['X-N: 2']),
      ip: '9.2.3.4',
    });
    await house.settle();
    const states = await house.store.read.selectFrom('conversation').select('state').execute();
    expect(states.length).toBeGreaterThan(0);
    expect(states.every((row) => row.state === 'open')).toBe(true);
  });
});
