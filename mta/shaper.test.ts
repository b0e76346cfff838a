/** How fast we go at a place: pace, connections, what replies ask for, and that all of it releases itself. */
import { expect, test } from 'vitest';
import { defaultProvider, providerById, type Provider } from '../config/providers.ts';
import { Place, Shaper } from './shaper.ts';

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
  expect(place.heard(words, 'block', NOW)).toMatchObject({
    kind: 'suspended',
    rule: 'class-block',
    until: NOW + HOUR,
  });
  expect(paced(1, SECOND).heard('550 5.1.1 no such user', 'give-up', NOW)).toBeUndefined();
});

test('what was written down before a restart holds for the rest of its time', () => {
  const place = paced(100, SECOND);
  place.restore('default-deferred', DEFERRED, NOW - HOUR, NOW + 30 * MINUTE);
  expect(place.whyWaiting(NOW)).toMatchObject({ kind: 'slow', until: NOW + 30 * MINUTE });
  expect(place.whyWaiting(NOW + 30 * MINUTE)).toBeUndefined();
});

test('a throttle that a person took away is let go, one that is not written down yet is not', () => {
  const shaper = new Shaper();
  const place = shaper.place(1, 'mx.example', defaultProvider);
  place.heard(DEFERRED, null, NOW);
  expect(shaper.releasedByHand([])).toEqual([]);
  place.confirm('default-deferred');
  expect(shaper.releasedByHand([{ source_id: 1, site: 'mx.example' }])).toEqual([]);
  expect(shaper.releasedByHand([])).toEqual([place]);
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
