/** How fast we go at a place: pace, connections, what replies ask for, and that all of it releases itself. */
import { expect, test } from 'vitest';
import { defaultProvider, providerById, type Provider } from '../config/providers.ts';
import { Place, type WrittenThrottle } from './place.ts';
import { Shaper } from './shaper.ts';

const NOW = Date.UTC(2026, 0, 5, 9);
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const paced = (messages: number, perMs: number, more: Partial<Provider> = {}): Place =>
  new Place(1, 'mx.example', { ...defaultProvider, rate: { messages, perMs }, ...more });

/** How many messages leave in a span, when each leaves as soon as it may. */
function sentWithin(place: Place, from: number, ms: number): number {
  let now = from;
  for (let sent = 0; ; sent++) {
    now = Math.max(now, place.nextMessageAt(now));
    if (now >= from + ms) return sent;
    place.took(now);
  }
}

test.each([
  ['12 a minute', 12, MINUTE, HOUR, 720],
  ['1 a second', 1, SECOND, MINUTE, 60],
  ['2,000 an hour', 2000, HOUR, HOUR, 2000],
  ['100 a second, of which one second may be at once', 100, SECOND, 10 * SECOND, 1099],
])('a pace of %s is kept', (_, messages, perMs, span, most) => {
  const sent = sentWithin(paced(messages, perMs), NOW, span);
  expect(sent).toBeLessThanOrEqual(most + 1);
  expect(sent).toBeGreaterThanOrEqual(messages * (span / perMs) - 1);
});

test('time that passed without messages is not saved up beyond a second', () => {
  const place = paced(10, SECOND);
  sentWithin(place, NOW, 10 * SECOND);
  expect(sentWithin(place, NOW + HOUR, 1)).toBeLessThanOrEqual(10);
});

test('connections grow with what waits, up to the limit of the provider', () => {
  const place = paced(100, SECOND, { connections: 10 });
  expect([1, 4, 5, 20, 1000].map((waiting) => place.maxConnections(waiting, NOW))).toEqual([1, 1, 2, 5, 10]);
});

const RATE = '450 4.7.1 Error: too much mail from 192.0.2.1';
const CONNECTIONS = '421 4.7.0 mx.example.net Error: too many connections from 192.0.2.1';
const DEFERRED = '421 4.7.0 Messages from 192.0.2.1 temporarily deferred due to user complaints';

test('one reply is not enough where the rule asks for more, and old ones do not count', () => {
  const place = paced(100, SECOND);
  expect(place.heard(RATE, null, NOW)).toBeUndefined();
  expect(place.heard(RATE, null, NOW + MINUTE)).toBeUndefined();
  expect(place.heard(RATE, null, NOW + 2 * HOUR)).toBeUndefined();
  expect(place.heard(RATE, null, NOW + 2 * HOUR + 1)).toBeUndefined();
  const notice = place.heard(RATE, null, NOW + 2 * HOUR + 2);
  expect(notice).toMatchObject({
    kind: 'slow',
    rule: 'default-rate',
    reply: RATE,
    until: NOW + 2.5 * HOUR + 2,
  });
});

test('a throttle says why and until when, holds, and releases itself', () => {
  const place = paced(100, SECOND);
  expect(place.whyWaiting(NOW)).toBeUndefined();
  place.heard(DEFERRED, null, NOW);
  expect(place.whyWaiting(NOW)).toEqual({
    kind: 'slow',
    until: NOW + 90 * MINUTE,
    rule: 'default-deferred',
    reply: DEFERRED,
  });
  expect(place.maxConnections(1000, NOW)).toBe(1);
  expect(sentWithin(place, NOW, HOUR)).toBeLessThanOrEqual(61);
  expect(place.whyWaiting(NOW + 91 * MINUTE)).toBeUndefined();
  expect(place.maxConnections(1000, NOW + 91 * MINUTE)).toBe(10);
});

test('too many connections leaves one', () => {
  const place = paced(100, SECOND);
  place.heard(CONNECTIONS, null, NOW);
  expect(place.maxConnections(1000, NOW)).toBe(10);
  expect(place.heard(CONNECTIONS, null, NOW)).toMatchObject({ kind: 'one-connection' });
  expect(place.maxConnections(1000, NOW)).toBe(1);
});

test('a suspension stops all until its end', () => {
  const yahoo = new Place(1, 'mta5.am0.yahoodns.net', providerById('yahoo'));
  const notice = yahoo.heard('421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred', null, NOW);
  expect(notice).toMatchObject({ kind: 'suspended', until: NOW + 2 * HOUR });
  expect(yahoo.maxConnections(1000, NOW)).toBe(0);
  expect(yahoo.nextMessageAt(NOW)).toBe(NOW + 2 * HOUR);
  expect(yahoo.nextMessageAt(NOW + 2 * HOUR)).toBeLessThanOrEqual(NOW + 2 * HOUR);
});

test('where a provider has no rule for the words, the class of the refusal decides', () => {
  const place = paced(100, SECOND);
  const words = '554 5.7.1 go away';
  for (let times = 1; times < 5; times++) expect(place.heard(words, 'block', NOW)).toBeUndefined();
  expect(place.heard(words, 'block', NOW, { class: 'policy-refused' })).toMatchObject({
    kind: 'blocked',
    rule: 'class-block-policy',
    until: null,
    cause: 'policy',
  });
  expect(paced(1, SECOND).heard('550 5.1.1 no such user', 'give-up', NOW)).toBeUndefined();
});

const written = (more: Partial<WrittenThrottle>): WrittenThrottle => ({
  source_id: 1,
  site: 'mx.example',
  provider: null,
  kind: 'slow',
  rule: 'default-deferred',
  reply: DEFERRED,
  since: NOW,
  until: NOW + HOUR,
  cause: null,
  probed_at: null,
  ...more,
});

test('what was written down before a restart holds for the rest of its time', () => {
  const place = paced(100, SECOND);
  place.restore(written({ since: NOW - HOUR, until: NOW + 30 * MINUTE }));
  expect(place.whyWaiting(NOW)).toMatchObject({ kind: 'slow', until: NOW + 30 * MINUTE });
  expect(place.whyWaiting(NOW + 30 * MINUTE)).toBeUndefined();
});

test('a throttle that a person took away is let go, one that is not written down yet is not', () => {
  const shaper = new Shaper();
  const place = shaper.place(1, 'mx.example', defaultProvider);
  place.heard(DEFERRED, null, NOW);
  const table = () => defaultProvider;
  expect(shaper.mirror([], table)).toEqual([]);
  place.confirm('default-deferred');
  expect(shaper.mirror([written({})], table)).toEqual([]);
  expect(shaper.mirror([], table)).toEqual([place]);
  expect(place.whyWaiting(NOW)).toBeUndefined();
});

test('limits hold for a whole provider or for each site, as its row says, and for each source apart', () => {
  const shaper = new Shaper();
  const google = providerById('google');
  const yahoo = providerById('yahoo');
  expect(shaper.place(1, 'aspmx.l.google.com', google)).toBe(
    shaper.place(1, 'gmail-smtp-in.l.google.com', google),
  );
  expect(shaper.place(1, 'aspmx.l.google.com', google)).not.toBe(
    shaper.place(2, 'aspmx.l.google.com', google),
  );
  expect(shaper.place(1, 'a.yahoodns.net', yahoo)).not.toBe(shaper.place(1, 'b.yahoodns.net', yahoo));
});

test('a throttle that another node wrote holds here too, once', () => {
  const shaper = new Shaper();
  const place = shaper.place(1, 'mx.example', defaultProvider);
  shaper.mirror([written({})], () => defaultProvider);
  expect(place.whyWaiting(NOW)).toMatchObject({ kind: 'slow', rule: 'default-deferred', until: NOW + HOUR });
});

const LISTED = '554 5.7.1 192.0.2.1 is listed by zen.spamhaus.org';

/** A source that was blocked now, and the book knows it. */
function blocked(): Place {
  const place = paced(100, SECOND);
  for (let times = 0; times < 5; times++) place.heard(LISTED, 'block', NOW, { class: 'source-listed' });
  place.confirm('class-block-listing');
  return place;
}

test('a block has no end: nothing goes but one message an hour', () => {
  const place = blocked();
  expect(place.whyWaiting(NOW)).toEqual({
    kind: 'blocked',
    until: null,
    rule: 'class-block-listing',
    reply: LISTED,
  });
  expect(place.maxConnections(1000, NOW + 59 * MINUTE)).toBe(0);
  expect(place.nextMessageAt(NOW)).toBe(NOW + HOUR);
  expect(place.maxConnections(1000, NOW + HOUR)).toBe(1);
  expect(sentWithin(place, NOW, 10 * HOUR)).toBe(9);
  expect(place.whyWaiting(NOW + 365 * 24 * HOUR)).toMatchObject({ kind: 'blocked' });
});

test('a message that was sent to see and was accepted ends a block; one that was on its way before does not', () => {
  const place = blocked();
  expect(place.accepted()).toEqual([]);
  expect(place.whyWaiting(NOW)).toMatchObject({ kind: 'blocked' });
  place.took(NOW + HOUR);
  expect(place.accepted()).toEqual([{ site: 'mx.example', rule: 'class-block-listing' }]);
  expect(place.whyWaiting(NOW + HOUR)).toBeUndefined();
  expect(place.maxConnections(1000, NOW + HOUR)).toBe(10);
});

test('a block that was written down outlives a restart, and its hour goes on', () => {
  const place = paced(100, SECOND);
  const row = { kind: 'blocked', rule: 'class-block-listing', until: null, cause: 'listing' } as const;
  place.restore(written({ ...row, since: NOW - 9 * HOUR, probed_at: NOW - 10 * MINUTE }));
  expect(place.nextMessageAt(NOW)).toBe(NOW + 50 * MINUTE);
  expect(place.whyWaiting(NOW)).toMatchObject({ kind: 'blocked', until: null });
});

test('a block by a rule that is no more still blocks', () => {
  const place = paced(100, SECOND);
  place.restore(written({ kind: 'blocked', rule: 'gone-by-now', until: null, cause: 'policy' }));
  expect(place.maxConnections(1000, NOW)).toBe(0);
});

test('refusals with accepted messages in between are no block', () => {
  const place = paced(100, SECOND);
  for (let times = 0; times < 50; times++) {
    expect(place.heard('554 5.7.1 no', 'block', NOW, { class: 'policy-refused' })).toBeUndefined();
    if (times % 4 === 3) place.accepted();
  }
});

test('each time a message goes out to see is told, so that it is written down', () => {
  const shaper = new Shaper();
  const told: unknown[] = [];
  shaper.onProbe = (place, site, rule, at) => told.push([place.sourceId, site, rule, at]);
  const row = { kind: 'blocked', rule: 'class-block-policy', until: null, cause: 'policy' } as const;
  shaper.mirror([written(row)], () => defaultProvider);
  shaper.place(1, 'mx.example', defaultProvider).took(NOW + HOUR);
  expect(told).toEqual([[1, 'mx.example', 'class-block-policy', NOW + HOUR]]);
});

const own = (more: object) => ({
  id: 1,
  place: 'default',
  source_id: null,
  connections: null,
  messages_per_connection: null,
  rate_messages: null,
  rate_per_ms: null,
  tls: null,
  note: '',
  set_by: null,
  at: NOW,
  ...more,
});

test('a team’s own numbers hold from the next message on, at places that are known and at new ones, and can be taken back', () => {
  const shaper = new Shaper();
  const place = shaper.place(1, 'mx.example', defaultProvider);
  shaper.settle(
    [
      own({ connections: 3, tls: 'required' }),
      own({ source_id: 2, connections: 1 }),
      own({ place: 'mx.other', messages_per_connection: 7 }),
    ],
    [],
  );
  expect(place.maxConnections(1000, NOW)).toBe(3);
  expect(place.provider.tls).toBe('required');
  expect(shaper.place(2, 'mx.example', defaultProvider).maxConnections(1000, NOW)).toBe(1);
  expect(shaper.place(1, 'mx.other', defaultProvider).messagesPerConnection(NOW)).toBe(7);
  expect(shaper.place(1, 'aspmx.l.google.com', providerById('google')).maxConnections(1000, NOW)).toBe(5);
  shaper.settle([], []);
  expect(place.provider).toBe(defaultProvider);
});

test('a new pace does not wait for what the old one had booked', () => {
  const shaper = new Shaper();
  const place = shaper.place(1, 'mx.example', defaultProvider);
  shaper.settle([own({ rate_messages: 1, rate_per_ms: HOUR })], []);
  place.took(NOW);
  expect(place.nextMessageAt(NOW)).toBe(NOW + HOUR);
  shaper.settle([], []);
  expect(place.nextMessageAt(NOW)).toBeLessThanOrEqual(NOW);
});

test('a rule may stop one campaign: it holds no place, and counts for each campaign apart', () => {
  const shaper = new Shaper();
  const place = shaper.place(1, 'mx.example', defaultProvider);
  const rule = {
    id: 'team-1',
    pattern: /campaign id/i,
    action: { kind: 'suspend-campaign' },
    times: 2,
    withinMs: HOUR,
    forMs: HOUR,
    samples: ['550 5.7.1 campaign id'],
  } as const;
  shaper.settle([], [{ place: '', rule }]);
  const reply = '550 5.7.1 campaign id 77 refused';
  expect(place.heard(reply, 'block', NOW, { campaignId: 7 })).toBeUndefined();
  expect(place.heard(reply, 'block', NOW, { campaignId: 8 })).toBeUndefined();
  expect(place.heard(reply, 'block', NOW)).toBeUndefined();
  expect(place.heard(reply, 'block', NOW, { campaignId: 7 })).toEqual({
    kind: 'suspend-campaign',
    site: 'mx.example',
    campaignId: 7,
    rule: 'team-1',
    reply,
  });
  expect(place.whyWaiting(NOW)).toBeUndefined();
});
