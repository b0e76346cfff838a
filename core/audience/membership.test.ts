/**
 * The engine against the store's own answer: whatever happens to people, in whatever order, after each batch every
 * segment has exactly whom a query over everything finds, and the log of who came and went leads there.
 */
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { stream } from '../../lab/random.ts';
import { manualClock, type ManualClock } from '../clock.ts';
import { silentLog } from '../log.ts';
import type { Runtime } from '../runtime.ts';
import { addContacts } from '../store/contact.ts';
import { addEvents } from '../store/event.ts';
import { fromJson } from '../store/json.ts';
import { everyoneWho, segmentChangesAfter, segmentDays } from '../store/membership.ts';
import type { Store } from '../store/open.ts';
import { keepPersonaSet, personas } from '../store/persona.ts';
import { addSegment, changeSegment, removeSegment, segments } from '../store/segment.ts';
import { eachEngine, openTestStore } from '../store/testing.ts';
import { createWake } from '../wake.ts';
import { joined } from './atom.ts';
import type { Bits } from './bits.ts';
import { Membership } from './membership.ts';
import { conditionOf } from './segment-sql.ts';
import { inlineSegments, readDefinition, type Node } from './segment.ts';

const DAY = 86_400_000;
// The night of a clock change in France, just before 29 February is a year away.
const BEGIN = Date.UTC(2028, 1, 27, 22, 30);

function engineFor(store: Store, clock: ManualClock): Membership {
  return new Membership({
    store,
    clock,
    log: silentLog,
    wake: createWake(),
    node: 'test',
  } as unknown as Runtime);
}

const member = (engine: Membership, id: number): number[] => {
  const segment = engine.segment(id);
  if (segment === undefined) throw new Error(`segment ${id} is not known`);
  return [...joined(segment.tree, (atom) => engine.bitsOf(atom) as Bits, engine.everybody)];
};

async function byQuery(store: Store, id: number, now: number): Promise<number[]> {
  const row = await store.read
    .selectFrom('segment')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  const root = await inlineSegments(
    store.read,
    readDefinition(typeof row.definition === 'string' ? JSON.parse(row.definition) : row.definition).root,
  );
  return (await everyoneWho(store.read, conditionOf(store.read, root, now))).sort((a, b) => a - b);
}

type Random = () => number;
const one = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
const KINDS = ['delivered', 'replied', 'clicked', 'order_placed'];
const WINDOWS = [
  { last: '2d' },
  { last: '1m' },
  { last: '36h' },
  { from: { rel: '-3d' }, to: { rel: '0d' } },
  { before: { rel: '-1d' } },
  { after: '2028-02-28' },
  { from: { unit: 'week', at: 'this' }, to: { unit: 'week', at: 'this' } },
];
const ZONES = ['Europe/Paris', 'contact', 'Asia/Kolkata'];

function leaf(random: Random): Node {
  const tz = random() < 0.4 ? { tz: one(random, ZONES) } : {};
  const window = random() < 0.6 ? { window: one(random, WINDOWS), ...tz } : {};
  const count =
    random() < 0.5
      ? { count: { op: one(random, ['gte', 'lte', 'eq'] as const), n: one(random, [0, 1, 2]) } }
      : {};
  return one<() => Node>(random, [
    () => ({ field: 'fields.city', op: one(random, ['eq', 'ne', 'starts']), value: 'Lyon' }) as Node,
    () => ({ field: 'fields.city', op: 'empty' }) as Node,
    () => ({ field: 'fields.n', op: one(random, ['gt', 'lte']), value: 2 }) as Node,
    () =>
      ({
        field: 'fields.day',
        op: one(random, ['on', 'before', 'since']),
        value: one(random, [{ rel: '0d' }, { rel: '-1d' }, { rel: '+1d' }, { unit: 'month', at: 'end' }]),
        ...tz,
      }) as Node,
    () =>
      ({ field: 'created_at', op: one(random, ['since', 'before']), value: { rel: '-2d' }, ...tz }) as Node,
    () =>
      ({
        list: 1,
        status: 'any',
        since: one(random, [{ last: '2d' }, { last: '30h' }, { after: { rel: '-1d' } }]),
        ...tz,
      }) as Node,
    () => ({ consent: { purpose: 'marketing', state: 'given', age: one(random, ['1d', '3d']) } }) as Node,
    () => ({ field: 'fields.home', op: 'postcode', value: ['75'] }) as Node,
    () => ({ field: 'fields.home', op: 'near', value: { lat: 48.8, lon: 2.3, km: 30 } }) as Node,
    () => ({ tag: [one(random, ['vip', 'new'])], mode: one(random, ['any', 'none']) }) as Node,
    () => ({ list: one(random, [1, 2]), status: one(random, ['subscribed', 'any']) }) as Node,
    () => ({ suppressed: random() < 0.5 }) as Node,
    () => ({ event: one(random, KINDS), ...count, ...window }) as Node,
    () =>
      ({
        message: {
          did: one(random, ['replied', 'clicked', 'delivered']),
          campaign: one(random, [1, 'any']),
          ...count,
          ...('window' in window && { window: window.window }),
        },
        ...tz,
      }) as Node,
    () =>
      ({
        event: one(random, KINDS),
        where: [{ prop: 'total', op: 'gte', value: 20 }],
        agg: { fn: one(random, ['sum', 'avg']), prop: 'total', op: one(random, ['gte', 'lt']), n: 50 },
        ...window,
      }) as Node,
    () => ({ lastEvent: one(random, KINDS), has: [{ prop: 'total', op: 'lt', value: 40 }] }) as Node,
    () => ({ field: 'fields.day', op: 'anniversary', value: [0, 1], ...tz }) as Node,
    () => ({ bucket: { salt: 'a', from: 0, to: 40 } }) as Node,
    () => ({ message: { did: 'sent', campaign: 'any', window: { last: '2d' } } }) as Node,
    () =>
      ({
        conversation: {
          state: one(random, ['open', 'closed', 'any']),
          ...('window' in window && { window: window.window }),
        },
        ...tz,
      }) as Node,
    () => ({ consent: { purpose: 'marketing', state: one(random, ['given', 'withdrawn']) } }) as Node,
  ])();
}

function node(random: Random, depth = 0): Node {
  if (depth > 2 || random() < 0.4) return leaf(random);
  const parts = () => Array.from({ length: 1 + Math.floor(random() * 3) }, () => node(random, depth + 1));
  return one<() => Node>(random, [
    () => ({ all: parts() }),
    () => ({ any: parts() }),
    () => ({ not: node(random, depth + 1) }),
    () => ({ atLeast: 1 + Math.floor(random() * 3), of: [...parts(), ...parts()] }),
  ])();
}

/** Something happens to somebody, past or to come. */
async function happens(random: Random, store: Store, clock: ManualClock, serial: number): Promise<void> {
  const now = clock.now();
  const ids = (await store.read.selectFrom('contact').select('id').execute()).map((row) => row.id);
  const who = one(random, ids);
  const at = now + Math.round((random() - 0.8) * 4 * DAY);
  const json = (value: unknown) => JSON.stringify(value);
  await store.write(async (tx) => {
    await one<() => Promise<unknown>>(random, [
      async () => {
        await addContacts(
          tx,
          Array.from({ length: 3 }, (_, n) => ({
            email: `p${serial}-${n}@d.example`,
            source: 'test',
            fields: json({ city: one(random, ['Lyon', 'Paris']) }),
          })),
          now,
        );
      },
      () =>
        tx
          .updateTable('contact')
          .set({
            fields: json({
              city: one(random, ['Lyon', 'Lyonnais', '']),
              n: Math.floor(random() * 5),
              day: new Date(at).toISOString().slice(0, 10),
              home: one(random, [{ postcode: '75011' }, { lat: 48.85, lon: 2.35 }, { lat: 45, lon: 4 }]),
            }),
            timezone: one(random, ['Europe/Paris', 'America/Los_Angeles', 'Pacific/Kiritimati', null]),
            tags: json(random() < 0.5 ? ['vip'] : []),
            updated_at: now,
          })
          .where('id', '=', who)
          .execute(),
      () =>
        addEvents(
          tx,
          Array.from({ length: 4 }, () => ({
            kind: one(random, KINDS),
            at: now + Math.round((random() - 0.8) * 4 * DAY),
            contact_id: one(random, ids),
            data: { total: Math.floor(random() * 60) },
            campaign_id: random() < 0.6 ? one(random, [1, 2]) : null,
          })),
        ),
      // Two people turn out to be one.
      () =>
        tx
          .updateTable('event')
          .set({ contact_id: one(random, ids) })
          .where('contact_id', '=', who)
          .execute(),
      () =>
        tx.deleteFrom('event').where('contact_id', '=', who).where('kind', '=', one(random, KINDS)).execute(),
      () => tx.deleteFrom('contact').where('id', '=', who).execute(),
      async () => {
        await tx.deleteFrom('list_member').where('contact_id', '=', who).execute();
        if (random() < 0.7)
          await tx
            .insertInto('list_member')
            .values({
              list_id: one(random, [1, 2]),
              contact_id: who,
              status: one(random, ['subscribed', 'unsubscribed']),
              since: at,
              source: '',
            })
            .execute();
      },
      async () => {
        const { email } = await tx
          .selectFrom('contact')
          .select('email')
          .where('id', '=', who)
          .executeTakeFirstOrThrow();
        if (random() < 0.5)
          await tx.updateTable('suppression').set({ lifted_at: now }).where('address', '=', email).execute();
        else
          await sql`insert into suppression (address, scope, reason, created_at) values (${email}, 'marketing', 'manual', ${now})
            on conflict do nothing`.execute(tx);
      },
      () =>
        tx
          .insertInto('consent')
          .values({
            contact_id: who,
            purpose: 'marketing',
            state: one(random, ['given', 'withdrawn']),
            method: 'form',
            source: '',
            text: '',
            evidence: '{}',
            at,
          })
          .execute(),
      async () => {
        if (random() < 0.5) {
          await tx
            .updateTable('conversation')
            .set({ state: one(random, ['open', 'closed']), last_message_at: at })
            .where('contact_id', '=', who)
            .execute();
          return;
        }
        await sql`insert into conversation (mailbox_id, contact_id, address, subject, state, category, waiting_on, last_message_at, created_at)
          values (1, ${who}, 'a@b.example', 's', ${one(random, ['open', 'closed'])}, ${one(random, ['human', 'autoreply'])}, 'us', ${at}, ${now})`.execute(
          tx,
        );
      },
      async () => {
        await sql`insert into delivery (lane, origin_kind, origin_id, recipient_key, contact_id, address, domain_id, sending_domain_id,
            pool, state, due_at, queued_at, attempt, last_attempt_at)
          values ('bulk', 'campaign', ${serial}, '1', ${who}, 'a@b.example', 1, 1, 'marketing', 'delivered', ${now}, ${now}, 1, ${now})`.execute(
          tx,
        );
        await addEvents(tx, [{ kind: 'delivered', at: now + 1000, contact_id: who, campaign_id: serial }]);
      },
    ])();
  });
}

eachEngine((name, open) => {
  test('random segments have exactly whom a query finds, after every batch of what happens', async () => {
    for (const seed of name === 'postgres' ? [11] : [21, 22]) {
      const random = stream(seed);
      const clock = manualClock(BEGIN);
      const store = await open(clock);
      await store.write((tx) =>
        addContacts(
          tx,
          Array.from({ length: 40 }, (_, n) => ({ email: `c${n}@d.example`, source: 'test' })),
          clock.now(),
        ),
      );
      let engine = engineFor(store, clock);
      const ids: number[] = [];
      const make = async (n: number) => {
        const root =
          random() < 0.2 && ids.length > 0
            ? { all: [{ segment: one(random, ids), member: random() < 0.5 }, leaf(random)] }
            : node(random);
        const row = await store.write((tx) =>
          addSegment(tx, { name: `s${n}`, definition: JSON.stringify({ root }) }, clock.now()),
        );
        ids.push(row.id);
      };
      for (let n = 0; n < 14; n++) await make(n);
      // Three of them in an order, and whoever is in none.
      const order = (list: readonly (number | null)[]) =>
        store.write(async (tx) => {
          const there = await personas(tx);
          const drafts = list.map((segment_id) => ({
            id: there.find((row) => row.segment_id === segment_id)?.id,
            name: `persona ${segment_id}`,
            segment_id,
          }));
          await keepPersonaSet(
            tx,
            { ...(there[0] && { id: there[0].set_id }), name: 'value', drafts },
            clock.now(),
          );
        });
      const lyon = { root: { field: 'fields.city', op: 'eq', value: 'Lyon' } };
      const { id: town } = await store.write((tx) =>
        addSegment(tx, { name: 'Lyon', definition: JSON.stringify(lyon) }, clock.now()),
      );
      await order([ids[1] as number, town, ids[7] as number, null]);
      for (const { id } of await personas(store.read)) {
        const root = { any: [{ persona: id, member: true }, leaf(random)] };
        const row = await store.write((tx) =>
          addSegment(tx, { name: `persona ${id}`, definition: JSON.stringify({ root }) }, clock.now()),
        );
        ids.push(row.id);
      }
      await engine.settle();
      const replayed = new Map(ids.map((id) => [id, new Set(member(engine, id))]));
      let cursor = 0;
      for (let batch = 0; batch < 14; batch++) {
        for (let n = 0; n < 8; n++) await happens(random, store, clock, batch * 100 + n + 10);
        // Seconds, hours, or over midnight.
        clock.advance(one(random, [3000, 900_000, 3_600_000, 5 * 3_600_000, DAY]));
        if (batch % 5 === 2) {
          await store.write((tx) =>
            changeSegment(
              tx,
              one(random, ids),
              { definition: JSON.stringify({ root: node(random) }) },
              clock.now(),
            ),
          );
        }
        // Another order, then one more of them.
        if (batch === 4 || batch === 9)
          await order([
            ...(batch === 9 ? [ids[2] as number] : []),
            ids[7] as number,
            town,
            ids[1] as number,
            null,
          ]);
        // Killed, and begun again from what the store has.
        if (batch % 4 === 3) engine = engineFor(store, clock);
        await engine.settle();
        for (const id of ids) {
          const expected = await byQuery(store, id, clock.now());
          expect({ seed, batch, id, members: member(engine, id) }).toEqual({
            seed,
            batch,
            id,
            members: expected,
          });
          expect(engine.segment(id)?.members).toBe(expected.length);
        }
        // Everybody is in exactly one persona, the first that they meet.
        const taken = new Set<number>();
        for (const { id, segment_id } of await personas(store.read)) {
          const those = segment_id === null ? [...engine.everybody] : member(engine, segment_id);
          const first = those.filter((who) => !taken.has(who));
          expect({ seed, batch, persona: member(engine, -id) }).toEqual({ seed, batch, persona: first });
          for (const who of first) taken.add(who);
        }
        expect(taken.size).toBe(engine.everybody.count());
        for (const change of await segmentChangesAfter(store.read, { after: cursor, limit: 100_000 })) {
          cursor = change.id;
          const set = replayed.get(change.segment_id);
          if (set === undefined) continue;
          // Nobody comes who is there, nobody goes who is not.
          expect(set.has(change.contact_id)).toBe(change.entered === 0);
          if (change.entered === 1) set.add(change.contact_id);
          else set.delete(change.contact_id);
        }
        for (const id of ids)
          expect([...(replayed.get(id) ?? [])].sort((a, b) => a - b)).toEqual(member(engine, id));
      }
      // Nothing waits, and what was looked at is forgotten.
      expect(await store.read.selectFrom('audience_change').selectAll().execute()).toEqual([]);
    }
  }, 180_000);

  test('who turns from one persona into another has it in the timeline; who is new has nothing to tell', async () => {
    const clock = manualClock(BEGIN);
    const store = await open(clock);
    const engine = engineFor(store, clock);
    const kept = await store.write(async (tx) => {
      await addContacts(tx, [{ email: 'a@d.example', source: 'test' }], clock.now());
      const vip = { root: { tag: ['vip'], mode: 'any' } };
      const { id } = await addSegment(tx, { name: 'vip', definition: JSON.stringify(vip) }, clock.now());
      const drafts = [
        { name: 'Loyal', segment_id: id },
        { name: 'Others', segment_id: null },
      ];
      return keepPersonaSet(tx, { name: 'Value', drafts }, clock.now());
    });
    await engine.settle();
    const told = () =>
      store.read.selectFrom('event').select(['at', 'data']).where('kind', '=', 'persona_changed').execute();
    expect(await told()).toEqual([]);
    clock.advance(1000);
    await store.write((tx) => tx.updateTable('contact').set({ tags: '["vip"]' }).execute());
    await engine.settle();
    const [event, ...more] = await told();
    expect(more).toEqual([]);
    expect(event?.at).toBe(clock.now());
    expect(fromJson(event?.data, {})).toEqual({ set: 'Value', from: 'Others', to: 'Loyal' });
    const rows = await personas(store.read, kept);
    expect(rows.map((row) => engine.segment(-row.id)?.members)).toEqual([1, 0]);
    const log = await segmentChangesAfter(store.read, {
      after: 0,
      limit: 10,
      segmentId: -(rows[0]?.id ?? 0),
    });
    expect(log).toMatchObject([{ entered: 1, cause: 'change' }]);
  });

  test('a segment that goes takes its conditions along, and those that another needs stay', async () => {
    const clock = manualClock(BEGIN);
    const store = await open(clock);
    const engine = engineFor(store, clock);
    await store.write(async (tx) => {
      await addContacts(tx, [{ email: 'a@d.example', source: 'test', tags: '["vip"]' }], clock.now());
      const shared = { tag: ['vip'], mode: 'any' };
      await addSegment(tx, { name: 'one', definition: JSON.stringify({ root: shared }) }, clock.now());
      await addSegment(
        tx,
        { name: 'two', definition: JSON.stringify({ root: { all: [shared, { suppressed: false }] } }) },
        clock.now(),
      );
    });
    await engine.settle();
    const count = async () => (await store.read.selectFrom('atom').select('id').execute()).length;
    expect(await count()).toBe(3);
    const [one, two] = await segments(store.read);
    await store.write((tx) => removeSegment(tx, (two as { id: number }).id));
    await engine.settle();
    expect(await count()).toBe(2);
    expect(engine.segment((two as { id: number }).id)).toBeUndefined();
    const days = await segmentDays(store.read, (one as { id: number }).id, 5);
    expect(days).toMatchObject([{ day: '2028-02-27', members: 1, entered: 0, departed: 0 }]);
  });
});

test('a tick that the store does not take leaves nothing behind, and the next one does the same work', async () => {
  const clock = manualClock(BEGIN);
  const store = await openTestStore(clock);
  const engine = engineFor(store, clock);
  await store.write(async (tx) => {
    await addContacts(tx, [{ email: 'a@d.example', source: 'test' }], clock.now());
    await addSegment(
      tx,
      { name: 'clicked', definition: JSON.stringify({ root: { event: 'clicked' } }) },
      clock.now(),
    );
  });
  await engine.settle();
  const [segment] = await segments(store.read);
  const id = (segment as { id: number }).id;
  const contact = await store.read.selectFrom('contact').select('id').executeTakeFirstOrThrow();
  await store.write((tx) => addEvents(tx, [{ kind: 'clicked', at: clock.now(), contact_id: contact.id }]));
  const { write } = store;
  store.write = () => Promise.reject(new Error('disk full'));
  await expect(engine.tick()).rejects.toThrow('disk full');
  expect(engine.segment(id)?.members).toBe(0);
  expect(member(engine, id)).toEqual([]);
  store.write = write;
  await engine.settle();
  expect(member(engine, id)).toEqual([contact.id]);
  expect(await segmentChangesAfter(store.read, { after: 0, limit: 10 })).toMatchObject([
    { segment_id: id, contact_id: contact.id, entered: 1, cause: 'change' },
  ]);
});
