/** What programs tell of people, on every store: each call once, whoever it is about, in whatever order it comes. */
import { expect, test } from 'vitest';
import { addContact, addFields, contactByEmail, contactRow, fields } from '../store/contact.ts';
import { eventTypes, propertiesOf } from '../store/event-schema.ts';
import type { Store } from '../store/open.ts';
import { eachEngine } from '../store/testing.ts';
import { readCall, type EventCall } from './event-call.ts';
import { takeCalls, type CallOutcome } from './event-group.ts';

const NOW = Date.UTC(2026, 0, 5, 9);
const DAY = 86_400_000;

const call = (given: object, now = NOW): EventCall => {
  const read = readCall(given, { now });
  if ('words' in read) throw new Error(`${read.field} ${read.words}`);
  return read;
};

async function tell(
  store: Store,
  given: readonly object[],
  now = NOW,
  credentialId = 1,
): Promise<CallOutcome[]> {
  const calls = given.map((one) => call(one, now));
  const [judged] = await store.write((tx) => takeCalls(tx, [{ credentialId, calls }], now));
  if (judged === undefined || 'refused' in judged) throw new Error('refused');
  return judged.done;
}

const told = (store: Store) =>
  store.read
    .selectFrom('event')
    .select(['kind', 'at', 'contact_id', 'data'])
    .where('kind', '<>', 'identified')
    .orderBy('id')
    .execute();

eachEngine((_name, open) => {
  test('two batches with the same messageId at the same time are one', async () => {
    const store = await open();
    const batch = Array.from({ length: 40 }, (_, at) =>
      call({ type: 'track', userId: `u${at % 7}`, event: 'page_viewed', messageId: `m${at}` }),
    );
    const take = (calls: EventCall[]) =>
      store.write((tx) => takeCalls(tx, [{ credentialId: 1, calls }], NOW));
    const answers = await Promise.all([take(batch), take(batch.toReversed()), take(batch)]);
    const kinds = answers.flatMap(([one]) => (one !== undefined && 'done' in one ? one.done : []));
    expect(kinds.filter((one) => one.kind === 'taken')).toHaveLength(40);
    expect(kinds.filter((one) => one.kind === 'duplicate')).toHaveLength(80);
    expect(await told(store)).toHaveLength(40);
    // Another program may use the same ids.
    expect(
      await tell(store, [{ type: 'track', userId: 'u', event: 'e', messageId: 'm1' }], NOW, 2),
    ).toMatchObject([{ kind: 'taken' }]);
  });

  test('events of a visitor wait, and are the contact’s once identify says who it is', async () => {
    const store = await open();
    await tell(store, [
      { type: 'track', anonymousId: 'a1', event: 'product_viewed', properties: { sku: 'X' } },
      { type: 'identify', anonymousId: 'a1', traits: { firstName: 'Ana', city: 'Lyon' } },
    ]);
    // Known by the shop, but not by address.
    await tell(store, [{ type: 'identify', userId: 'u1', anonymousId: 'a1' }]);
    await tell(store, [{ type: 'track', userId: 'u1', event: 'cart_updated' }]);
    expect((await told(store)).map((row) => row.contact_id)).toEqual([null, null]);
    const [outcome] = await tell(store, [
      { type: 'identify', userId: 'u1', traits: { email: 'Ana@Example.org' } },
      { type: 'track', anonymousId: 'a1', event: 'order_placed' },
    ]);
    const ana = await contactByEmail(store.read, 'ana@example.org');
    expect(outcome).toEqual({ kind: 'taken', contactId: ana?.id, ignored: [] });
    expect(ana).toMatchObject({ external_id: 'u1', first_name: 'Ana', source: 'events', tracking: 'none' });
    expect(JSON.parse(String(ana?.fields))).toEqual({ city: 'Lyon' });
    expect((await told(store)).map((row) => row.contact_id)).toEqual([ana?.id, ana?.id, ana?.id]);
    expect(await store.read.selectFrom('event_pending').selectAll().execute()).toEqual([]);
  });

  test('a contact is found by external id, then by address; nobody is put on a list or agrees to anything', async () => {
    const store = await open();
    const [ida, bo] = await store.write(async (tx) => [
      await addContact(tx, contactRow({ email: 'ida@example.org', external_id: '7', source: 'test' }, NOW)),
      await addContact(tx, contactRow({ email: 'bo@example.org', source: 'test' }, NOW)),
    ]);
    const outcomes = await tell(store, [
      { type: 'track', userId: 7, event: 'login' },
      { type: 'identify', userId: '7', traits: { email: 'other@example.org', lastName: 'Noor' } },
      { type: 'identify', userId: '8', traits: { email: 'bo@example.org' } },
      { type: 'track', userId: '8', event: 'login' },
      { type: 'identify', traits: { email: 'new@example.org' } },
    ]);
    const made = await contactByEmail(store.read, 'new@example.org');
    expect(outcomes.map((one) => one.kind === 'taken' && one.contactId)).toEqual([
      ida,
      ida,
      bo,
      bo,
      made?.id,
    ]);
    expect(await contactByEmail(store.read, 'other@example.org')).toBeUndefined();
    expect((await contactByEmail(store.read, 'bo@example.org'))?.external_id).toBe('8');
    expect(await store.read.selectFrom('list_member').selectAll().execute()).toEqual([]);
    expect(await store.read.selectFrom('consent').selectAll().execute()).toEqual([]);
  });

  test('a device that two people share: what each did stays theirs', async () => {
    const store = await open();
    await tell(store, [
      { type: 'track', anonymousId: 'd', event: 'one' },
      { type: 'identify', userId: 'ana', anonymousId: 'd', traits: { email: 'ana@example.org' } },
      { type: 'track', anonymousId: 'd', event: 'two' },
      { type: 'identify', userId: 'bo', anonymousId: 'd', traits: { email: 'bo@example.org' } },
      { type: 'track', anonymousId: 'd', event: 'three' },
    ]);
    const ana = (await contactByEmail(store.read, 'ana@example.org'))?.id;
    const bo = (await contactByEmail(store.read, 'bo@example.org'))?.id;
    expect((await told(store)).map((row) => row.contact_id)).toEqual([ana, ana, bo]);
  });

  test('traits become typed fields: declared kinds hold, unknown ones are guessed, what does not fit is named', async () => {
    const store = await open();
    await store.write((tx) => addFields(tx, [{ name: 'points', label: 'Points', kind: 'number' }], NOW));
    const [outcome] = await tell(store, [
      {
        type: 'identify',
        userId: 'u1',
        traits: {
          email: 'ana@example.org',
          locale: 'fr_FR',
          timezone: 'Mars/Base',
          points: '12',
          vip: true,
          birthday: '1990-02-28',
          address: { city: 'Lyon' },
          sizes: ['S', 'M'],
          'Nom de jeune fille': 'Durand\0',
        },
      },
    ]);
    expect(outcome).toMatchObject({ ignored: [{ trait: 'timezone', reason: 'is no timezone' }] });
    const ana = await contactByEmail(store.read, 'ana@example.org');
    expect(ana).toMatchObject({ language: 'fr-fr', timezone: null });
    expect(JSON.parse(String(ana?.fields))).toEqual({
      points: 12,
      vip: true,
      birthday: '1990-02-28',
      address_city: 'Lyon',
      sizes: ['S', 'M'],
      nom_de_jeune_fille: 'Durand',
    });
    expect(Object.fromEntries((await fields(store.read)).map((one) => [one.name, one.kind]))).toEqual({
      points: 'number',
      vip: 'boolean',
      birthday: 'date',
      address_city: 'text',
      sizes: 'json',
      nom_de_jeune_fille: 'text',
    });
    const again = await tell(store, [
      { type: 'identify', userId: 'u1', traits: { points: 'many', vip: null, email: 'not an address' } },
    ]);
    expect(again).toMatchObject([
      {
        ignored: [
          { trait: 'email', reason: 'is not an address' },
          { trait: 'points', reason: 'is no number, which the field is' },
        ],
      },
    ]);
    expect(
      JSON.parse(String((await contactByEmail(store.read, 'ana@example.org'))?.fields)),
    ).not.toHaveProperty('vip');
  });

  test('identify in any order, in groups of any size, ends the same: of each value the latest', async () => {
    const random = seeded(7);
    const words = ['a', 'b', 'c', 'd', 'e', null];
    for (let run = 0; run < 3; run++) {
      const store = await open();
      const calls = Array.from({ length: 20 }, (_, at) => ({
        type: 'identify',
        ...(random() < 0.7 && { userId: 'u1' }),
        anonymousId: 'a1',
        timestamp: NOW - at * DAY,
        traits: {
          ...(random() < 0.3 && { email: 'ana@example.org' }),
          ...(random() < 0.5 && { firstName: words[Math.floor(random() * 6)] }),
          ...(random() < 0.5 && { city: words[Math.floor(random() * 6)] }),
          ...(random() < 0.5 && { colour: words[Math.floor(random() * 6)] }),
        } as Record<string, string | null>,
      }));
      calls.push({
        type: 'identify',
        userId: 'u1',
        anonymousId: 'a1',
        timestamp: 0 + NOW - 90 * DAY,
        traits: { email: 'ana@example.org' },
      });
      const expected: Record<string, string | null> = {};
      for (const one of calls.toReversed()) Object.assign(expected, one.traits);
      const shuffled = calls.map((one) => ({ one, key: random() })).toSorted((a, b) => a.key - b.key);
      for (let at = 0; at < shuffled.length;) {
        const size = 1 + Math.floor(random() * 6);
        await tell(
          store,
          shuffled.slice(at, at + size).map(({ one }) => one),
        );
        at += size;
      }
      const ana = await contactByEmail(store.read, 'ana@example.org');
      const kept = JSON.parse(String(ana?.fields)) as Record<string, string>;
      expect([ana?.first_name, kept['city'], kept['colour']]).toEqual([
        expected['firstName'] ?? '',
        expected['city'] ?? undefined,
        expected['colour'] ?? undefined,
      ]);
    }
  });

  test('what a person wrote by hand later is not undone by a late call', async () => {
    const store = await open();
    await tell(store, [
      { type: 'identify', userId: 'u1', traits: { email: 'ana@example.org', plan: 'basic' } },
    ]);
    await store.write(async (tx) => {
      await tx
        .updateTable('contact')
        .set({ first_name: 'Ana', set_at: JSON.stringify({ first_name: NOW + DAY }) })
        .execute();
    });
    await tell(store, [{ type: 'identify', userId: 'u1', traits: { firstName: 'Anna' } }], NOW + DAY / 2);
    expect((await contactByEmail(store.read, 'ana@example.org'))?.first_name).toBe('Ana');
    await tell(store, [{ type: 'identify', userId: 'u1', traits: { firstName: 'Anna' } }], NOW + 2 * DAY);
    expect((await contactByEmail(store.read, 'ana@example.org'))?.first_name).toBe('Anna');
  });

  test('the schema says what properties hold, how often, and their values where they are few', async () => {
    const store = await open();
    await tell(store, [
      {
        type: 'track',
        userId: 'u',
        event: 'order',
        properties: { total: 5, by: 'card', items: [{ sku: 'a' }] },
      },
      { type: 'track', userId: 'u', event: 'order', properties: { total: 'free', by: 'cash', note: '' } },
    ]);
    await tell(store, [
      { type: 'track', userId: 'u', event: 'order', properties: { total: 7.5, by: 'card' } },
    ]);
    expect(await eventTypes(store.read)).toMatchObject([{ kind: 'order', count: 3, last_at: NOW }]);
    const lines = (await propertiesOf(store.read, ['order'])).get('order');
    expect(lines?.get('total')).toMatchObject({ filled: 3, types: { number: 2, text: 1 } });
    expect(lines?.get('by')).toMatchObject({ filled: 3, samples: { card: 2, cash: 1 } });
    expect(lines?.get('note')).toMatchObject({ filled: 0, types: { empty: 1 } });
    expect(lines?.get('items')).toMatchObject({ filled: 1, types: { list: 1 } });
    expect(lines?.get('items[].sku')).toMatchObject({ filled: 1, samples: { a: 1 } });
  });
});

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}
