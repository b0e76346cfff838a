/** What programs told is forgotten when it should be, and the summary forgets with it. */
import { expect, test } from 'vitest';
import { loadConfig } from '../../config/load.ts';
import { manualClock } from '../clock.ts';
import { silentLog } from '../log.ts';
import { contactByEmail } from '../store/contact.ts';
import { changeEventType, eventTypes, propertiesOf } from '../store/event-schema.ts';
import { shapesOf } from '../store/event-shape.ts';
import type { Store } from '../store/open.ts';
import { personKeysOf } from '../store/person-key.ts';
import { eachEngine } from '../store/testing.ts';
import { createWake } from '../wake.ts';
import { readCall, type EventCall } from './event-call.ts';
import { eraseToldOf, forgetTold } from './event-erase.ts';
import { takeCalls } from './event-group.ts';
import { CALL_DAYS, EventTidy } from './event-tidy.ts';

const DAY = 86_400_000;

eachEngine((_name, open) => {
  async function world() {
    const clock = manualClock();
    const store = await open(clock);
    const config = loadConfig({ environment: {}, overrides: {} });
    const tidy = new EventTidy({ store, clock, config, log: silentLog, wake: createWake() });
    const tell = (given: readonly object[]) =>
      store.write((tx) => {
        const calls = given.map((one) => readCall(one, { now: clock.now() }) as EventCall);
        return takeCalls(tx, [{ credentialId: 1, calls }], clock.now());
      });
    return { clock, store, tidy, tell };
  }
  const kinds = async (store: Store) =>
    (
      await store.read
        .selectFrom('event')
        .select('kind')
        .where('kind', '<>', 'identified')
        .orderBy('id')
        .execute()
    ).map((row) => row.kind);

  test('events are kept as long as their kind says, and as the setting says where it says nothing', async () => {
    const { clock, store, tidy, tell } = await world();
    const ago = (days: number) => clock.now() - days * DAY;
    await tell([
      { type: 'identify', userId: 'u', traits: { email: 'ana@example.org' } },
      { type: 'track', userId: 'u', event: 'view', timestamp: ago(20), properties: { page: 'a' } },
      { type: 'track', userId: 'u', event: 'view', timestamp: ago(2), properties: { page: 'b' } },
      { type: 'track', userId: 'u', event: 'order', timestamp: ago(1095) },
      { type: 'track', userId: 'u', event: 'order', timestamp: ago(1097) },
      { type: 'track', userId: 'u', event: 'paid', timestamp: ago(4000) },
    ]);
    await store.write(async (tx) => {
      await changeEventType(tx, 'view', { keep_days: 10 });
      await changeEventType(tx, 'paid', { keep_days: 0 });
    });
    await tidy.once();
    expect(await kinds(store)).toEqual(['view', 'order', 'paid']);
    const types = await eventTypes(store.read);
    expect(types.map(({ kind, count, first_at }) => [kind, count, first_at])).toEqual([
      ['view', 1, ago(2)],
      ['order', 1, ago(1095)],
      ['paid', 1, ago(4000)],
    ]);
    expect((await propertiesOf(store.read, ['view'])).get('view')?.get('page')).toMatchObject({
      filled: 1,
      samples: { b: 1 },
    });
  });

  test('a kind that was deleted goes with its summary; what came after the order stays', async () => {
    const { store, tidy, tell } = await world();
    await tell(
      Array.from({ length: 30 }, (_, at) => ({ type: 'track', userId: 'u', event: at % 2 ? 'a' : 'b' })),
    );
    const last = await store.read
      .selectFrom('event')
      .select(({ fn }) => fn.max('id').as('id'))
      .executeTakeFirstOrThrow();
    await store.write(async (tx) => {
      await changeEventType(tx, 'a', { erase_to: last.id });
      await changeEventType(tx, 'b', { erase_to: last.id });
    });
    await tell([{ type: 'track', userId: 'u', event: 'b', properties: { x: 1 } }]);
    await tidy.once();
    expect(await kinds(store)).toEqual(['b']);
    expect(await eventTypes(store.read)).toMatchObject([{ kind: 'b', count: 1, erase_to: null }]);
  });

  test('a visitor who never said who they are is forgotten; one who did is not', async () => {
    const { clock, store, tidy, tell } = await world();
    await tell([
      { type: 'track', anonymousId: 'gone', event: 'view' },
      { type: 'track', anonymousId: 'ana', event: 'view' },
      { type: 'identify', anonymousId: 'ana', userId: 'u', traits: { email: 'ana@example.org' } },
    ]);
    await clock.advance(60 * DAY);
    await tell([{ type: 'track', anonymousId: 'back', event: 'view' }]);
    await clock.advance(31 * DAY);
    await tidy.once();
    expect(await kinds(store)).toEqual(['view', 'view']);
    const keys = await store.read.selectFrom('person_key').select('key').orderBy('key').execute();
    expect(keys.map((row) => row.key)).toEqual(['back', 'u']);
    expect(await eventTypes(store.read)).toMatchObject([{ kind: 'view', count: 2 }]);
  });

  test('the ids of calls are forgotten after 400 days', async () => {
    const { clock, store, tidy, tell } = await world();
    const call = { type: 'track', userId: 'u', event: 'e', messageId: 'm' };
    await tell([{ type: 'identify', userId: 'u', traits: { email: 'ana@example.org' } }, call]);
    await clock.advance(CALL_DAYS * DAY);
    await tidy.once();
    await tell([call]);
    expect(await kinds(store)).toHaveLength(1);
    await clock.advance(DAY);
    await tidy.once();
    await tell([call]);
    expect(await kinds(store)).toHaveLength(2);
  });

  test('more waiting events than one transaction takes are attached in the background', async () => {
    const { store, tidy, tell } = await world();
    for (let at = 0; at < 23; at++)
      await tell(Array.from({ length: 100 }, () => ({ type: 'track', anonymousId: 'a', event: 'view' })));
    await tell([{ type: 'identify', anonymousId: 'a', traits: { email: 'ana@example.org' } }]);
    const waiting = () => store.read.selectFrom('event_pending').select('event_id').execute();
    expect(await waiting()).toHaveLength(300);
    await tidy.once();
    expect(await waiting()).toEqual([]);
    const nobodys = await store.read
      .selectFrom('event')
      .select('id')
      .where('contact_id', 'is', null)
      .execute();
    expect(nobodys).toEqual([]);
  });

  test('the summary, after any additions and deletions, is what the events that are left add up to', async () => {
    const { store, tell } = await world();
    const values = [
      1,
      2.5,
      'card',
      'cash',
      '',
      null,
      true,
      ['x', 1],
      { city: 'Lyon' },
      '2026-01-01',
      'ana@example.org',
    ];
    let n = 0;
    const next = () => values[(n = (n * 31 + 7) % 1009) % values.length];
    for (let round = 0; round < 4; round++)
      await tell(
        Array.from({ length: 25 }, (_, at) => ({
          type: 'track',
          userId: `u${at % 5}`,
          event: at % 3 ? 'order' : 'view',
          properties: { a: next(), b: next(), ...(at % 2 && { c: next() }) },
        })),
      );
    await tell(
      Array.from({ length: 5 }, (_, at) => ({
        type: 'identify',
        userId: `u${at}`,
        traits: { email: `u${at}@example.org` },
      })),
    );
    for (const at of [1, 3]) {
      const contact = await contactByEmail(store.read, `u${at}@example.org`);
      expect(await store.write((tx) => eraseToldOf(tx, Number(contact?.id)))).toBe(20);
    }
    const left = await store.read
      .selectFrom('event')
      .select(['kind', 'at', 'data'])
      .where('kind', '<>', 'identified')
      .execute();
    const naive = shapesOf(left.map((row) => ({ ...row, data: JSON.parse(row.data) as unknown })));
    const lines = await propertiesOf(store.read, ['order', 'view']);
    expect(left).toHaveLength(60);
    for (const { kind, count } of await eventTypes(store.read)) {
      const expected = naive.get(kind);
      expect(count).toBe(expected?.count);
      for (const [property, shape] of expected?.properties ?? []) {
        const line = lines.get(kind)?.get(property);
        expect([property, line?.filled, line?.types]).toEqual([property, shape.filled, shape.types]);
        if (line?.samples !== null) expect(line?.samples).toEqual(shape.samples);
      }
    }
  });

  test('a person who is forgotten leaves neither events nor names', async () => {
    const { store, tell } = await world();
    await tell([
      { type: 'track', anonymousId: 'a', event: 'view', properties: { page: 'secret-page' } },
      { type: 'identify', anonymousId: 'a', userId: 'u', traits: { email: 'ana@example.org' } },
      { type: 'track', userId: 'u', event: 'view', properties: { page: 'other' } },
      { type: 'track', userId: 'w', event: 'view', properties: { page: 'home' } },
    ]);
    const ana = Number((await contactByEmail(store.read, 'ana@example.org'))?.id);
    expect(await store.write((tx) => forgetTold(tx, ana))).toBe(2);
    expect(await kinds(store)).toEqual(['view']);
    expect(await personKeysOf(store.read, ana)).toEqual([]);
    expect(await store.read.selectFrom('person_key').select('key').execute()).toEqual([{ key: 'w' }]);
    const everything = JSON.stringify([
      await store.read.selectFrom('event').selectAll().where('kind', '<>', 'identified').execute(),
      await store.read.selectFrom('event_schema').selectAll().execute(),
      await store.read.selectFrom('person_key').selectAll().execute(),
    ]);
    expect(everything).not.toContain('secret');
    expect(everything).toContain('home');
  });
});
