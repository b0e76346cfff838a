/** A reply address that leaked: at the limit, above it, after it, and the person whom it was given to. */
import { describe, expect, test } from 'vitest';
import { DnsError, type Resolver } from '../core/dns.ts';
import { fromJson } from '../core/store/json.ts';
import { countTokenUse, forgetTokenUses } from '../core/store/reply-token.ts';
import { eachEngine } from '../core/store/testing.ts';
import { openHouse, silentDns, type House, type Sent } from './testing.ts';
import { overLimit } from './token-limit.ts';

const HOUR = 3_600_000;
const limits = { messages_per_day: 20, unproved_senders_per_hour: 5 };

describe('the limits', () => {
  test.each<[string, number, number, string | undefined]>([
    ['one message', 1, 1, undefined],
    ['as many as may be', 20, 5, undefined],
    ['one message too many', 21, 1, '21 messages'],
    ['one sender too many', 6, 6, '6 senders'],
    ['both: the senders tell more', 30, 9, '9 senders'],
    ['many messages of people who prove who they are', 21, 0, '21 messages'],
  ])('%s', (_, messages, unprovedSenders, why) => {
    const rule = overLimit({ messages, unprovedSenders }, limits);
    if (why === undefined) expect(rule).toBeUndefined();
    else expect(rule).toMatchObject({ id: 'reply-token-limit', why: expect.stringContaining(why) });
  });
});

let letters = 0;
const raw = (from: string, fields: string[] = []) =>
  [`From: ${from}`, `Subject: Re: Summer letter ${++letters}`, ...fields, '', `Hello ${letters}.`, ''].join(
    '\n',
  );

/** remote.example says in SPF that 9.2.3.4 sends its mail. */
const spfDns = new Proxy({} as Resolver, {
  get: (_, name) =>
    name === 'txt'
      ? (question: string) =>
          question === 'remote.example'
            ? Promise.resolve([['v=spf1 ip4:9.2.3.4 -all']])
            : Promise.reject(new DnsError('NXDOMAIN', question))
      : silentDns[name as keyof Resolver],
});

async function write(house: House, sent: Sent, from: string, more: { ip?: string; fields?: string[] } = {}) {
  await house.receive({
    from,
    to: sent.replyTo,
    raw: raw(from, more.fields),
    ...(more.ip === undefined ? {} : { ip: more.ip }),
  });
}
const rows = (house: House) => house.store.read.selectFrom('inbound').selectAll().orderBy('id').execute();
const kinds = async (house: House) => (await rows(house)).map((row) => row.kind);
const replied = async (house: House) =>
  (await house.store.read.selectFrom('event').select('kind').execute()).filter(
    (event) => event.kind === 'replied',
  ).length;

eachEngine((_, open) => {
  test('the twentieth message of a day is a reply, the next ones are spam without effects, and say why', async () => {
    const house = await openHouse({ open });
    const sent = await house.delivery('ana@remote.example');
    for (let i = 0; i < 20; i++) await write(house, sent, 'one@flood.example');
    await house.settle();
    for (let i = 0; i < 2; i++) await write(house, sent, 'one@flood.example');
    await house.settle();
    expect(await kinds(house)).toEqual([...Array.from({ length: 20 }, () => 'reply'), 'spam', 'spam']);
    expect(await replied(house)).toBe(20);
    const last = (await rows(house)).at(-1)!;
    expect(last).toMatchObject({ state: 'applied', detail_kind: 'reply' });
    expect(fromJson<{ id: string }[]>(last.rules, []).map((rule) => rule.id)).toContain('reply-token-limit');
    const conversations = await house.store.read
      .selectFrom('conversation')
      .selectAll()
      .orderBy('id')
      .execute();
    expect(conversations.map((row) => [row.state, row.message_count])).toEqual([
      ['open', 20],
      ['spam', 1],
      ['spam', 1],
    ]);
    expect(house.rt.metrics.text()).toContain('parley_inbound_token_limited 2');
    // A day later the first are forgotten; what came meanwhile counts no more either.
    await house.clock.advance(24 * HOUR);
    await write(house, sent, 'one@flood.example');
    await house.settle();
    expect((await kinds(house)).at(-1)).toBe('reply');
  });

  test('five strangers within an hour are heard, the sixth is not, nor is anybody after him until an hour has gone', async () => {
    const house = await openHouse({ open });
    const sent = await house.delivery('ana@remote.example');
    for (const name of ['a', 'b', 'c', 'A', 'd', 'e']) await write(house, sent, `${name}@x.example`);
    await house.settle();
    expect(await kinds(house)).not.toContain('spam');
    await write(house, sent, 'f@x.example');
    await house.settle();
    await write(house, sent, 'a@x.example');
    await write(house, sent, 'auto@x.example', { fields: ['Auto-Submitted: auto-replied'] });
    await house.settle();
    expect((await kinds(house)).slice(6)).toEqual(['spam', 'spam', 'spam']);
    await house.clock.advance(HOUR);
    await write(house, sent, 'f@x.example');
    await house.settle();
    expect((await kinds(house)).at(-1)).toBe('reply');
  });

  test('a flood of one address does not touch another', async () => {
    const house = await openHouse({ open });
    const [sent, other] = [
      await house.delivery('ana@remote.example'),
      await house.delivery('b@remote.example'),
    ];
    for (let i = 0; i < 7; i++) await write(house, sent, `s${i}@x.example`);
    await write(house, other, 'b@remote.example');
    await house.settle();
    expect((await kinds(house)).at(-1)).toBe('reply');
  });

  test('the person whom it was given to, when he proves it, is heard through any flood; who only uses his name is not', async () => {
    const house = await openHouse({ open, dns: spfDns });
    const sent = await house.delivery('ana@remote.example');
    for (let i = 0; i < 7; i++) await write(house, sent, `s${i}@x.example`);
    await house.settle();
    for (let i = 0; i < 25; i++) await write(house, sent, sent.address, { ip: '9.2.3.4' });
    await house.settle();
    expect(new Set((await kinds(house)).slice(7))).toEqual(new Set(['reply']));
    await write(house, sent, sent.address, { ip: '9.9.9.9' });
    await house.settle();
    expect((await kinds(house)).at(-1)).toBe('spam');
  });

  test('uses are rows: one message counts once however often it is tried, and a day later it is forgotten', async () => {
    const house = await openHouse({ open });
    const use = { tokenHash: 'h', inboundId: 1, sender: 'A@x.example', isProved: false };
    const count = (more: object, now: number) =>
      house.store.write((tx) => countTokenUse(tx, { ...use, ...more }, now));
    const now = house.clock.now();
    expect(await count({}, now)).toEqual({ messages: 1, unprovedSenders: 1 });
    expect(await count({}, now)).toEqual({ messages: 1, unprovedSenders: 1 });
    expect(await count({ inboundId: 2, sender: 'a@X.example' }, now)).toEqual({
      messages: 2,
      unprovedSenders: 1,
    });
    expect(await count({ inboundId: 3, sender: 'p@x.example', isProved: true }, now)).toEqual({
      messages: 3,
      unprovedSenders: 1,
    });
    expect(await count({ inboundId: 4 }, now + HOUR)).toEqual({ messages: 4, unprovedSenders: 1 });
    expect(await count({ inboundId: 5, tokenHash: 'other' }, now)).toEqual({
      messages: 1,
      unprovedSenders: 1,
    });
    const left = () => house.store.read.selectFrom('reply_token_use').selectAll().execute();
    expect(JSON.stringify(await left())).not.toContain('x.example');
    await house.store.write((tx) => forgetTokenUses(tx, now + 24 * HOUR - 1));
    expect(await left()).toHaveLength(5);
    await house.store.write((tx) => forgetTokenUses(tx, now + 24 * HOUR));
    expect((await left()).map((row) => row.inbound_id)).toEqual([4]);
  });
});
