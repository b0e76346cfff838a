import fc from 'fast-check';
import { expect, test } from 'vitest';
import { manualClock } from '../clock.ts';
import { Problem } from '../errors.ts';
import { rowsFrom } from '../store/batch.ts';
import { addConsents } from '../store/consent.ts';
import { addContacts } from '../store/contact.ts';
import { addEvents, type NewEvent } from '../store/event.ts';
import type { Store } from '../store/open.ts';
import { addSegment } from '../store/segment.ts';
import { addSuppression } from '../store/suppression.ts';
import type { SuppressionReason } from '../store/tables.ts';
import type { Aggregate, Predicate } from './property.ts';
import { eachEngine, openTestStore } from '../store/testing.ts';
import { sql } from 'kysely';
import { commonZone, dayBegin, dayOf, isEachOwn, localDay, shifted, turnOf } from './segment-day.ts';
import {
  inlineSegments,
  kindOf,
  leavesOf,
  readDefinition,
  type Count,
  type DateValue,
  type FieldLeaf,
  type Leaf,
  type Near,
  type Node,
  type Window,
} from './segment.ts';
import { conditionOf, countEach, countMembers, membersPage, whyMember } from './segment-sql.ts';

const NOW = Date.UTC(2026, 2, 31, 15, 30);
const DAY = 86_400_000;

// ── people ────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Person {
  id: number;
  email: string;
  first_name: string;
  fields: Record<string, unknown>;
  tags: string[];
  created_at: number;
  away_until: number | null;
  soft_bounces: number;
  lists: Map<number, { status: string; since: number }>;
  timezone: string | null;
  suppressed: SuppressionReason[];
  events: { kind: string; at: number; campaign_id: number | null; data: Record<string, unknown> }[];
  conversations: { state: string; category: string; intent: string | null; at: number }[];
  consents: { purpose: string; state: 'given' | 'withdrawn'; at: number }[];
}

/** Small worlds with few values each, so that conditions meet people and edges are hit. */
const when = fc.constantFrom(
  ...[-400, -90, -89.99, -30, -7, -1, -0.5, 0, 1].map((days) => NOW + days * DAY),
  // Midnights of Paris before and after its clocks change, and just before them; one of Santiago that does not exist.
  ...['2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z', '2025-09-07T04:00:00Z', '2026-03-30T22:00:00Z'].flatMap(
    (time) => [Date.parse(time), Date.parse(time) - 1],
  ),
);
const ZONES = [
  'Europe/Paris',
  'America/Santiago',
  'Asia/Kolkata',
  'Pacific/Kiritimati',
  'Pacific/Pago_Pago',
  'Nowhere/At_All',
];
const days = fc.constantFrom('2025-12-31', '2026-01-31', '2026-02-28', '2026-03-31', '2026-04-01');
const words = fc.constantFrom('Lyon', 'lyon', 'LYON 2', 'Paris', 'Évry', 'évry', '', 'a_b%', "l'o");
const kinds = fc.constantFrom('delivered', 'replied', 'clicked', 'order', 'bounced');
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const line = fc.oneof(
  fc.record(
    { brand: fc.constantFrom('X', 'x', 'Y'), quantity: fc.constantFrom(1, 2, 2.5, '3') },
    { requiredKeys: [] },
  ),
  fc.constantFrom(7, 'X'),
);
const properties = fc.record(
  {
    brand: fc.constantFrom('X', 'xé', 'Y', 3, null),
    total: fc.constantFrom(0, 20, 49.5, 200, '50', -3),
    paid: fc.oneof(fc.boolean(), fc.constant('true')),
    products: fc.oneof(fc.array(line, { maxLength: 3 }), fc.constantFrom('none', 2)),
  },
  { requiredKeys: [] },
);

const person = fc.record({
  first_name: words,
  fields: fc.record(
    {
      city: fc.oneof(words, fc.constant(null), fc.integer({ min: 0, max: 3 })),
      n: fc.oneof(
        fc.integer({ min: -2, max: 3 }),
        fc.constantFrom(2.5, 0.1),
        fc.constantFrom('2', 'x'),
        fc.boolean(),
      ),
      vip: fc.oneof(fc.boolean(), fc.constantFrom('true', 1)),
      home: fc.oneof(
        fc.record({
          lat: fc.constantFrom(48.8566, 45.764, -33.45, 89.9, '48'),
          lon: fc.constantFrom(2.3522, 4.8357, -70.66, 179.9, -179.9),
        }),
        fc.record(
          {
            postcode: fc.constantFrom('75011', '750 11', 'sw1a 2aa', '69-002'),
            country: fc.constantFrom('FR', 'gb'),
          },
          { requiredKeys: ['postcode'] },
        ),
        fc.constantFrom('Paris', 75),
      ),
      day: fc.oneof(days, fc.constantFrom('soon', '2026-03-31T23:59:00.000Z', '')),
    },
    { requiredKeys: [] },
  ),
  tags: fc.subarray(['vip', 'Ünder', 'x"y']),
  created_at: when,
  away_until: fc.option(when),
  soft_bounces: fc.integer({ min: 0, max: 3 }),
  timezone: fc.option(fc.constantFrom(...ZONES)),
  lists: fc.array(
    fc.tuple(
      fc.integer({ min: 1, max: 2 }),
      fc.record({ status: fc.constantFrom('subscribed', 'pending', 'unsubscribed'), since: when }),
    ),
    {
      maxLength: 2,
    },
  ),
  suppressed: fc.uniqueArray(fc.constantFrom<SuppressionReason>('hard-bounce', 'complaint'), {
    maxLength: 2,
  }),
  events: fc.array(
    fc.record({
      kind: kinds,
      at: when,
      campaign_id: fc.option(fc.integer({ min: 1, max: 2 })),
      data: properties,
    }),
    {
      maxLength: 5,
    },
  ),
  conversations: fc.array(
    fc.record({
      state: fc.constantFrom('open', 'closed', 'spam'),
      category: fc.constantFrom('human', 'autoreply'),
      intent: fc.option(fc.constantFrom('interested', 'question')),
      at: when,
    }),
    { maxLength: 2 },
  ),
  consents: fc.array(
    fc.record({
      purpose: fc.constantFrom('marketing', 'tracking'),
      state: fc.constantFrom('given' as const, 'withdrawn' as const),
      at: when,
    }),
    { maxLength: 3 },
  ),
});

const people = fc.array(person, { minLength: 8, maxLength: 25 }).map((all): Person[] =>
  all.map((one, at) => ({
    ...one,
    id: at + 1,
    email: `p${at + 1}@d${at % 3}.example`,
    lists: new Map(one.lists),
  })),
);

async function store(into: Store, all: readonly Person[]): Promise<void> {
  await into.write(async (tx) => {
    for (const table of [
      'contact',
      'list_member',
      'suppression',
      'event',
      'delivery',
      'conversation',
      'consent',
      'domain',
    ] as const)
      await tx.deleteFrom(table).execute();
    for (const n of [0, 1, 2])
      await tx
        .insertInto('domain')
        .values({ name: `d${n}.example`, provider: `provider-${n}`, held: 0 })
        .execute();
    const ids = await addContacts(
      tx,
      all.map((one) => ({
        email: one.email,
        first_name: one.first_name,
        fields: JSON.stringify(one.fields),
        tags: JSON.stringify(one.tags),
        timezone: one.timezone,
        source: 'test',
      })),
      NOW,
    );
    const events: NewEvent[] = [];
    for (const one of all) {
      // Ids differ from run to run on one store; what is told apart is the address.
      const contact_id = (one.id = ids.get(one.email) as number);
      await tx
        .updateTable('contact')
        .set({ created_at: one.created_at, away_until: one.away_until, soft_bounces: one.soft_bounces })
        .where('id', '=', contact_id)
        .execute();
      for (const [list_id, { status, since }] of one.lists)
        await tx
          .insertInto('list_member')
          .values({ list_id, contact_id, status: status as 'subscribed', since, source: '' })
          .execute();
      for (const [at, reason] of one.suppressed.entries())
        await addSuppression(
          tx,
          { address: one.email, scope: at === 0 ? 'everything' : 'marketing', reason, evidence: '' },
          1,
        );
      events.push(...one.events.map((event) => ({ ...event, contact_id })));
      await addConsents(
        tx,
        one.consents.map((consent) => ({
          ...consent,
          contact_id,
          method: '',
          source: '',
          text: '',
          evidence: {},
        })),
      );
    }
    await addEvents(tx, events);
    const turns = all.flatMap((one) =>
      one.conversations.map((row) => ({ ...row, contact_id: one.id, address: one.email })),
    );
    if (turns.length > 0)
      await sql`insert into conversation (mailbox_id, contact_id, address, subject, state, category, waiting_on, intent,
          last_message_at, created_at)
        select 1, contact_id, address, '', state, category, 'us', intent, at, at
        from ${rowsFrom(tx, turns, { contact_id: 'int', address: 'text', state: 'text', category: 'text', intent: 'text', at: 'int' })} as r
        where true`.execute(tx);
  });
}

// ── the oracle: the language once more, over plain objects ────────────────────────────────────────────────────────

const ascii = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

function meets(node: Node, one: Person): boolean {
  if ('all' in node) return node.all.every((part) => meets(part, one));
  if ('any' in node) return node.any.some((part) => meets(part, one));
  if ('not' in node) return !meets(node.not, one);
  if ('atLeast' in node) return node.of.filter((part) => meets(part, one)).length >= node.atLeast;
  if ('field' in node) return fieldMeets(node, one);
  if ('list' in node) {
    const place = one.lists.get(node.list);
    return (
      place !== undefined &&
      (node.status === 'any' || node.status === place.status) &&
      isWithin(place.since, node.since, zoneOf(node.tz, one))
    );
  }
  if ('tag' in node) {
    const has = (tag: string) => one.tags.includes(tag);
    return node.mode === 'all' ? node.tag.every(has) : node.tag.some(has) === (node.mode === 'any');
  }
  if ('suppressed' in node) {
    const { reason } = node;
    const is = reason === undefined ? one.suppressed.length > 0 : one.suppressed.includes(reason);
    return is === node.suppressed;
  }
  if ('event' in node) {
    const those = one.events.filter(
      (event) => event.kind === node.event && eventHas(event.data, node.where ?? []),
    );
    const zone = zoneOf(node.tz, one);
    return node.agg === undefined ? enough(those, node, zone) : amounts(those, node.agg, node, zone);
  }
  if ('message' in node) {
    const { did, campaign } = node.message;
    const isOf = (id: number | null) => (campaign === 'any' ? id !== null : id === campaign);
    const rows =
      did === 'sent'
        ? one.events.filter(
            (event) => ['delivered', 'deferred', 'bounced'].includes(event.kind) && isOf(event.campaign_id),
          )
        : one.events.filter((event) => event.kind === did && isOf(event.campaign_id));
    return enough(rows, node.message, zoneOf(node.tz, one));
  }
  if ('conversation' in node) {
    const { state, intent, window } = node.conversation;
    return enough(
      one.conversations.filter(
        (row) =>
          row.category === 'human' &&
          (state === 'any' ? row.state !== 'spam' : row.state === state) &&
          (intent === undefined || intent.includes(row.intent ?? '')),
      ),
      { window },
      zoneOf(node.tz, one),
    );
  }
  if ('consent' in node) {
    const { purpose, state, age } = node.consent;
    const said = one.consents.filter((row) => row.purpose === purpose).toSorted((a, b) => a.at - b.at);
    const contrary = said.findLastIndex((row) => row.state !== state);
    // The first of the last run of the same answer.
    const begun = said[contrary + 1];
    return begun !== undefined && (age === undefined || begun.at <= shifted(NOW, `-${age}`));
  }
  if ('everyone' in node) return true;
  if ('lastEvent' in node) {
    const those = one.events.filter((event) => event.kind === node.lastEvent);
    // The later written of two at the same instant is the last.
    const last = those.reduce(
      (newest, event) => (event.at >= (newest?.at ?? -Infinity) ? event : newest),
      those[0],
    );
    return last !== undefined && eventHas(last.data, node.has);
  }
  if ('bucket' in node) {
    const hash = [...Buffer.from(node.bucket.salt)].reduce(
      (sum, byte) => Math.imul(sum ^ byte, 0x01000193) >>> 0,
      0x811c9dc5,
    );
    const mixed = (((BigInt(one.id) * 2654435761n + BigInt(hash)) % 4294967296n) * 40503n) % 4294967296n;
    const share = Number(mixed / 65536n);
    return share >= Math.round(node.bucket.from * 655.36) && share < Math.round(node.bucket.to * 655.36);
  }
  if ('provider' in node) return node.provider.includes(`provider-${one.email.slice(-9, -8)}`);
  throw new Error(`not in the oracle: ${JSON.stringify(node)}`);
}

/** The calendar on a contact's wall; a zone that nobody knows is none. */
function zoneOf(tz: string | undefined, one: Person): string {
  const own = one.timezone !== null && one.timezone !== 'Nowhere/At_All' ? one.timezone : undefined;
  return isEachOwn(tz) ? (own ?? commonZone(tz)) : commonZone(tz);
}

/** By the days that walls show, not by instants. */
function isWithin(at: number | null, window: Window | undefined, zone: string): boolean {
  if (window === undefined) return true;
  if (at === null) return false;
  if ('last' in window) return at >= shifted(NOW, `-${window.last}`);
  const day = localDay(at, zone);
  if ('from' in window)
    return day >= dayOf(window.from, NOW, zone).name && day <= dayOf(window.to, NOW, zone).last;
  if ('before' in window) return day < dayOf(window.before, NOW, zone).name;
  return day > dayOf(window.after, NOW, zone).last;
}

type Data = Record<string, unknown>;
const isObject = (value: unknown): value is Data =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const linesOf = (data: Data): unknown[] => (Array.isArray(data['products']) ? data['products'] : []);

function eventHas(data: Data, all: readonly Predicate[]): boolean {
  const ofLines = all.filter(({ prop }) => prop.startsWith('products[].'));
  return (
    all.filter((part) => !ofLines.includes(part)).every((part) => has(data, part.prop, part)) &&
    (ofLines.length === 0 || linesOf(data).some((one) => lineHas(one, all)))
  );
}

const lineHas = (one: unknown, all: readonly Predicate[]): boolean =>
  all
    .filter(({ prop }) => prop.startsWith('products[].'))
    .every((part) => has(isObject(one) ? one : {}, part.prop.slice('products[].'.length), part));

function has(document: Data, key: string, part: Predicate): boolean {
  const have = document[key];
  if (part.op === 'exists') return ['string', 'number', 'boolean'].includes(typeof have);
  const { op, value } = part;
  if (typeof value === 'boolean') return (have === value) === (op === 'eq');
  if (typeof value === 'number') {
    if (typeof have !== 'number') return op === 'ne';
    return {
      eq: have === value,
      ne: have !== value,
      gt: have > value,
      gte: have >= value,
      lt: have < value,
      lte: have <= value,
    }[op as 'eq'];
  }
  const text = ascii(typeof have === 'string' ? have : '');
  if (Array.isArray(value)) return value.map(ascii).includes(text);
  const wanted = ascii(value);
  return {
    eq: text === wanted,
    ne: text !== wanted,
    contains: text.includes(wanted),
    starts: text.startsWith(wanted),
  }[op as 'eq'];
}

function amounts(
  those: readonly { at: number; data: Data }[],
  { fn, prop, op, n }: Aggregate,
  { where = [], window }: { where?: readonly Predicate[] | undefined; window?: Window | undefined },
  zone: string,
): boolean {
  const key = prop.replace('products[].', '');
  const found = those
    .filter(({ at }) => isWithin(at, window, zone))
    .flatMap(({ data }): unknown[] =>
      prop === key
        ? [data[key]]
        : linesOf(data)
            .filter((one) => lineHas(one, where))
            .map((one) => (isObject(one) ? one[key] : undefined)),
    );
  const numbers = found.filter((one) => typeof one === 'number');
  const different = new Set(
    found.filter((one) => typeof one === 'number' || typeof one === 'string').map(String),
  ).size;
  const total = numbers.reduce((sum, one) => sum + one, 0);
  if (numbers.length === 0 && fn !== 'sum' && fn !== 'distinct') return false;
  const have = {
    sum: total,
    avg: total / numbers.length,
    min: Math.min(...numbers),
    max: Math.max(...numbers),
    distinct: different,
  }[fn];
  return { gt: have > n, gte: have >= n, lt: have < n, lte: have <= n, eq: have === n }[op];
}

function enough(
  rows: readonly { at: number | null }[],
  { count, window }: { count?: Count | undefined; window?: Window | undefined },
  zone: string,
): boolean {
  const n = rows.filter(({ at }) => isWithin(at, window, zone)).length;
  if (count === undefined) return n >= 1;
  return count.op === 'gte' ? n >= count.n : count.op === 'lte' ? n <= count.n : n === count.n;
}

function fieldMeets(leaf: FieldLeaf, one: Person): boolean {
  const custom = leaf.field.startsWith('fields.');
  const have = custom ? one.fields[leaf.field.slice(7)] : one[leaf.field as 'first_name'];
  const { op, value } = leaf;
  if (op === 'empty' || op === 'nempty')
    return (have === undefined || have === null || have === '') === (op === 'empty');
  switch (kindOf(leaf)) {
    case 'text': {
      const text = ascii(typeof have === 'string' ? have : '');
      const wanted = typeof value === 'string' ? ascii(value) : '';
      const among = () => (value as string[]).map(ascii).includes(text);
      const answers: Record<string, () => boolean> = {
        eq: () => text === wanted,
        ne: () => text !== wanted,
        in: among,
        nin: () => !among(),
        contains: () => text.includes(wanted),
        ncontains: () => !text.includes(wanted),
        starts: () => text.startsWith(wanted),
        ends: () => text.endsWith(wanted),
      };
      return answers[op]!();
    }
    case 'number': {
      if (typeof have !== 'number') return op === 'ne';
      const to = value as number;
      const answers: Record<string, () => boolean> = {
        eq: () => have === to,
        ne: () => have !== to,
        gt: () => have > to,
        gte: () => have >= to,
        lt: () => have < to,
        lte: () => have <= to,
        between: () => have >= (value as number[])[0]! && have <= (value as number[])[1]!,
      };
      return answers[op]!();
    }
    case 'boolean':
      return (have === value) === (op === 'eq');
    case 'place': {
      const home = isObject(have) ? have : {};
      if (op === 'country')
        return (value as string[]).some((one) => one.toUpperCase() === String(home['country']).toUpperCase());
      if (op === 'postcode') {
        const plain = (text: string) => text.replace(/[\s-]/g, '').toUpperCase();
        return (value as string[]).some(
          (one) => 'postcode' in home && plain(String(home['postcode'])).startsWith(plain(one)),
        );
      }
      const to = value as Near;
      if (typeof home['lat'] !== 'number' || typeof home['lon'] !== 'number') return false;
      return distance(home['lat'], home['lon'], to.lat, to.lon) <= to.km;
    }
    case 'date': {
      const zone = op === 'anniversary' && !custom ? commonZone(leaf.tz) : zoneOf(leaf.tz, one);
      const day =
        typeof have === 'number'
          ? localDay(have, zone)
          : /^\d{4}-\d{2}-\d{2}/.test(String(have ?? ''))
            ? String(have).slice(0, 10)
            : undefined;
      if (day === undefined) return false;
      if (op === 'anniversary') {
        const [from, to] = value as [number, number];
        const today = Date.parse(localDay(NOW, zone));
        for (let at = from; at <= to; at++) {
          const name = new Date(today + at * DAY).toISOString().slice(5, 10);
          // 2026 and 2027 have no 29 February.
          if (day.slice(5) === name || (name === '02-28' && day.slice(5) === '02-29')) return true;
        }
        return false;
      }
      if (op.startsWith('age_')) {
        const now = new Date(localDay(NOW, zone));
        const [y, m, d] = day.split('-').map(Number) as [number, number, number];
        const beforeBirthday =
          now.getUTCMonth() + 1 < m || (now.getUTCMonth() + 1 === m && now.getUTCDate() < d);
        const age = now.getUTCFullYear() - y - (beforeBirthday ? 1 : 0);
        const [least, most] =
          op === 'age_between'
            ? (value as [number, number])
            : op === 'age_gte'
              ? [value as number, 150]
              : [0, value as number];
        return age >= least && age <= most;
      }
      const [from, to] = (op === 'between' ? value : [value, value]) as [DateValue, DateValue];
      const [first, end, last] = [
        dayOf(from, NOW, zone).name,
        dayOf(from, NOW, zone).last,
        dayOf(to, NOW, zone).last,
      ];
      const answers: Record<string, () => boolean> = {
        on: () => day >= first && day <= end,
        before: () => day < first,
        after: () => day > end,
        since: () => day >= first,
        until: () => day <= end,
        between: () => day >= first && day <= last,
      };
      return answers[op]!();
    }
  }
}

/** On a sphere, by the angle between two vectors. */
function distance(latA: number, lonA: number, latB: number, lonB: number): number {
  const point = (lat: number, lon: number) => {
    const [a, b] = [(lat * Math.PI) / 180, (lon * Math.PI) / 180];
    return [Math.cos(a) * Math.cos(b), Math.cos(a) * Math.sin(b), Math.sin(a)] as const;
  };
  const [one, other] = [point(latA, lonA), point(latB, lonB)];
  const chord = Math.hypot(one[0] - other[0], one[1] - other[1], one[2] - other[2]);
  return 2 * 6371.0088 * Math.asin(Math.min(1, chord / 2));
}

// ── definitions ───────────────────────────────────────────────────────────────────────────────────────────────────

const date: fc.Arbitrary<DateValue> = fc.oneof(
  days,
  fc.constantFrom('-90d', '-1m', '0d', '-1d', '1d', '-1y').map((rel) => ({ rel })),
  fc.record({
    unit: fc.constantFrom('day', 'week', 'month', 'quarter', 'year'),
    at: fc.constantFrom('this', 'last', 'next', 'start', 'end'),
  }),
);
const tz = fc.option(
  fc.constantFrom('Europe/Paris', 'America/Santiago', 'contact:Europe/Paris', 'contact:UTC'),
  { nil: undefined },
);
const window: fc.Arbitrary<Window> = fc.oneof(
  fc.constantFrom('7d', '90d', '24h', '1m', '1y').map((last) => ({ last })),
  fc.record({ from: date, to: date }),
  fc.record({ before: date }),
  fc.record({ after: date }),
);
const count: fc.Arbitrary<Count> = fc.record({
  op: fc.constantFrom('eq' as const, 'gte' as const, 'lte' as const),
  n: fc.integer({ min: 0, max: 3 }),
});
const notEmpty = words.filter((word) => word !== '');
const textField = fc.constantFrom('first_name', 'fields.city', 'email');
const dateField = fc.constantFrom('created_at', 'away_until', 'fields.day');
const fieldLeaf = fc.oneof(
  fc.record({ field: textField, op: fc.constantFrom('eq', 'ne'), value: words }),
  fc.record({
    field: textField,
    op: fc.constantFrom('contains', 'ncontains', 'starts', 'ends'),
    value: notEmpty,
  }),
  fc.record({
    field: textField,
    op: fc.constantFrom('in', 'nin'),
    value: fc.array(words, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    field: fc.constantFrom('fields.n', 'soft_bounces'),
    op: fc.constantFrom('eq', 'ne', 'gt', 'gte', 'lt', 'lte'),
    value: fc.constantFrom(0, 1, 2, 2.5, -1),
  }),
  fc.record({
    field: fc.constant('fields.n'),
    op: fc.constant('between'),
    value: fc.constantFrom([0, 2], [2, 1]),
  }),
  fc.record({ field: fc.constant('fields.vip'), op: fc.constantFrom('eq', 'ne'), value: fc.boolean() }),
  fc.record({
    field: dateField,
    op: fc.constantFrom('on', 'before', 'after', 'since', 'until'),
    value: date,
    tz,
  }),
  fc.record({ field: dateField, op: fc.constant('between'), value: fc.tuple(date, date), tz }),
  fc.record({
    field: fc.constant('fields.home'),
    op: fc.constant('near'),
    value: fc.constantFrom(
      { lat: 48.85, lon: 2.35, km: 5 },
      { lat: 48.85, lon: 2.35, km: 400 },
      { lat: 89.9, lon: 0, km: 50 },
      { lat: 0, lon: 0, km: 20000 },
      { lat: -33, lon: -70, km: 1.5 },
    ),
  }),
  fc.record({
    field: fc.constant('fields.home'),
    op: fc.constant('postcode'),
    value: fc.constantFrom(['75'], ['SW1A', '69'], ['750-1']),
  }),
  fc.record({
    field: fc.constant('fields.home'),
    op: fc.constant('country'),
    value: fc.constantFrom(['fr'], ['GB', 'FR'], ['DE']),
  }),
  fc.record({
    field: fc.constantFrom(
      'fields.n',
      'fields.city',
      'fields.vip',
      'away_until',
      'first_name',
      'fields.gone',
    ),
    op: fc.constantFrom('empty', 'nempty'),
  }),
);
const prop = fc.constantFrom('brand', 'total', 'paid', 'products[].brand', 'products[].quantity', 'gone');
const predicates = fc.array(
  fc.oneof(
    fc.record({
      prop,
      op: fc.constantFrom('eq', 'ne', 'contains', 'starts'),
      value: fc.constantFrom('X', 'x', 'é', '50'),
    }),
    fc.record({
      prop,
      op: fc.constantFrom('eq', 'ne', 'gt', 'gte', 'lt', 'lte'),
      value: fc.constantFrom(0, 2, 49.5, 3),
    }),
    fc.record({ prop, op: fc.constant('in'), value: fc.constantFrom(['X', 'z'], ['y']) }),
    fc.record({ prop, op: fc.constantFrom('eq', 'ne'), value: fc.boolean() }),
    fc.record({ prop, op: fc.constant('exists') }),
  ),
  { minLength: 1, maxLength: 3 },
) as fc.Arbitrary<Predicate[]>;
const agg = fc.record({
  fn: fc.constantFrom('sum', 'avg', 'min', 'max', 'distinct'),
  prop: fc.constantFrom('total', 'products[].quantity', 'brand', 'products[].brand'),
  op: fc.constantFrom('gt', 'gte', 'lt', 'lte', 'eq'),
  n: fc.constantFrom(0, 1, 2, 4.5, 20, 69.5, -1),
}) as fc.Arbitrary<Aggregate>;
const leaf = fc.oneof(
  { weight: 4, arbitrary: fieldLeaf },
  fc.record({
    list: fc.integer({ min: 1, max: 3 }),
    status: fc.constantFrom('subscribed', 'pending', 'unsubscribed', 'any'),
    since: maybe(window),
    tz,
  }),
  fc.record({
    tag: fc.subarray(['vip', 'Ünder', 'x"y', 'none'], { minLength: 1 }),
    mode: fc.constantFrom('any', 'all', 'none'),
  }),
  fc.record({ suppressed: fc.boolean(), reason: maybe(fc.constantFrom('hard-bounce', 'complaint')) }),
  fc.record({ event: kinds, count: maybe(count), window: maybe(window), tz }),
  {
    weight: 3,
    arbitrary: fc.record({
      event: kinds,
      where: maybe(predicates),
      agg: maybe(agg),
      count: maybe(count),
      window: maybe(window),
      tz,
    }),
  },
  fc.record({ lastEvent: kinds, has: predicates }),
  fc.record({ provider: fc.subarray(['provider-0', 'provider-1', 'nobody'], { minLength: 1 }) }),
  fc.record({
    bucket: fc.record({
      salt: fc.constantFrom('a', 'été'),
      from: fc.constantFrom(0, 20),
      to: fc.constantFrom(50, 100),
    }),
  }),
  fc.record({
    field: dateField,
    op: fc.constantFrom('age_gte', 'age_lte'),
    value: fc.constantFrom(0, 1, 2),
    tz,
  }),
  fc.record({ field: dateField, op: fc.constant('age_between'), value: fc.constantFrom([0, 0], [0, 1]), tz }),
  fc.record({
    field: dateField,
    op: fc.constant('anniversary'),
    value: fc.constantFrom([0, 0], [-40, 0], [0, 1], [-366, -60]),
    tz,
  }),
  fc.record({
    message: fc.record({
      did: fc.constantFrom('sent', 'delivered', 'replied', 'bounced', 'clicked'),
      campaign: fc.constantFrom('any', 1, 2, 3),
      count: maybe(count),
      window: maybe(window),
    }),
    tz,
  }),
  fc.record({
    conversation: fc.record({
      state: fc.constantFrom('open', 'closed', 'any'),
      intent: maybe(fc.subarray(['interested', 'question'], { minLength: 1 })),
      window: maybe(window),
    }),
    tz,
  }),
  fc.record({
    consent: fc.record({
      purpose: fc.constantFrom('marketing', 'tracking'),
      state: fc.constantFrom('given', 'withdrawn'),
      age: maybe(fc.constantFrom('7d', '90d', '1y')),
    }),
  }),
  fc.constant({ everyone: true }),
) as fc.Arbitrary<Leaf>;
const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 3, arbitrary: leaf },
    fc.record({ all: fc.array(tie('node'), { maxLength: 3 }) }),
    fc.record({ any: fc.array(tie('node'), { maxLength: 3 }) }),
    fc.record({ not: tie('node') }),
    fc.record({
      atLeast: fc.integer({ min: 1, max: 4 }),
      of: fc.array(tie('node'), { minLength: 1, maxLength: 4 }),
    }),
  ),
}));

eachEngine((name, open) => {
  test('random segments over random people have exactly whom the oracle says, looked up whole and by slice', async () => {
    const into = await open();
    await fc.assert(
      fc.asyncProperty(people, fc.array(node, { minLength: 12, maxLength: 20 }), async (all, roots) => {
        await store(into, all);
        for (const given of roots) {
          const { root } = readDefinition(JSON.parse(JSON.stringify({ root: given })));
          const expected = all.filter((one) => meets(root, one)).map((one) => one.email);
          for (const form of ['whole', 'slice'] as const) {
            const rows = await into.read
              .selectFrom('contact')
              .select('email')
              .where(conditionOf(into.read, root, NOW, form))
              .orderBy('id')
              .execute();
            expect(
              rows.map((row) => row.email),
              `${form} ${JSON.stringify(root)}`,
            ).toEqual(expected);
          }
        }
      }),
      { seed: 20260105, numRuns: name === 'postgres' ? 20 : 40 },
    );
  }, 120_000);

  test('“why” gives each condition’s own answer, and the counts are those of each condition alone', async () => {
    const into = await open();
    await into.write((tx) =>
      addContacts(
        tx,
        [
          { email: 'a@example.org', fields: '{"city":"Lyon","orders":4}', tags: '["vip"]', source: '' },
          { email: 'b@example.org', fields: '{"city":"Paris"}', source: '' },
        ],
        NOW,
      ),
    );
    const ana = (await into.read.selectFrom('contact').select('id').orderBy('id').executeTakeFirstOrThrow())
      .id;
    const definition = readDefinition({
      root: {
        all: [
          { field: 'fields.city', op: 'eq', value: 'lyon' },
          { not: { field: 'fields.orders', op: 'gte', value: 5 } },
          { any: [{ tag: 'gold' }, { message: { did: 'replied' } }] },
        ],
      },
    });
    expect(await whyMember(into.read, definition, ana, NOW)).toMatchObject({
      member: false,
      leaves: [
        { path: 'root.all.0', matches: true, found: 'Lyon' },
        { path: 'root.all.1.not', matches: false, found: '4' },
        { path: 'root.all.2.any.0', matches: false, found: 'vip' },
        { path: 'root.all.2.any.1', matches: false, found: '0' },
      ],
    });
    const counts = await countEach(into.read, definition, NOW);
    expect([counts.count, counts.total, counts.leaves.map((one) => one.count)]).toEqual([0, 2, [1, 0, 0, 0]]);
    const page = await membersPage(into.read, readDefinition({ everyone: true }), NOW, { limit: 1 });
    expect(page.rows.map((row) => row.email)).toEqual(['b@example.org']);
    expect(
      (await membersPage(into.read, readDefinition({ everyone: true }), NOW, { cursor: page.next })).rows,
    ).toHaveLength(1);
  });

  test('a segment may name another; a circle and one that is gone are refused by name', async () => {
    const into = await open();
    await into.write((tx) =>
      addContacts(
        tx,
        [
          { email: 'a@example.org', fields: '{"city":"Lyon"}', source: '' },
          { email: 'b@example.org', source: '' },
        ],
        NOW,
      ),
    );
    const keep = (name: string, root: unknown) =>
      into.write((tx) => addSegment(tx, { name, definition: JSON.stringify({ root }) }, NOW));
    const lyon = await keep('Lyon', { field: 'fields.city', op: 'eq', value: 'Lyon' });
    const others = await keep('Others', { segment: lyon.id, member: false });
    expect(await countMembers(into.read, readDefinition({ segment: lyon.id }), NOW)).toBe(1);
    expect(await countMembers(into.read, readDefinition({ not: { segment: others.id } }), NOW)).toBe(1);
    await expect(inlineSegments(into.read, { segment: others.id, member: true }, lyon.id)).rejects.toThrow(
      /in a circle: this segment → Others → Lyon/,
    );
    await expect(inlineSegments(into.read, { segment: 999, member: true })).rejects.toThrow(/no segment 999/);
  });
});

// ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────

test.each([
  [{ root: {} }, 'root', 'is not a condition that exists'],
  [{ root: { all: {} } }, 'root', 'is not a group'],
  [{ root: { atLeast: 0, of: [] } }, 'root.atLeast', 'is not a number of conditions'],
  [{ root: { atLeast: 1 } }, 'root', 'is not a group'],
  [{ root: { all: [{ list: 'x' }] } }, 'root.all.0.list', 'is not a number'],
  [{ root: { all: [{ list: 1, extra: 1 }] } }, 'root.all.0', 'has what is not known: extra'],
  [{ root: { field: 'password', op: 'eq', value: '' } }, 'root.field', 'names no field: password'],
  [{ root: { field: "fields.x'y", op: 'eq', value: '' } }, 'root.field', "names no field: fields.x'y"],
  [
    { root: { field: 'created_at', op: 'contains', value: 'a' } },
    'root.op',
    'is not an operator for a date: contains',
  ],
  [
    { root: { field: 'created_at', op: 'on', value: '2026-02-31x' } },
    'root.value',
    'is not a day such as 2026-01-31',
  ],
  [{ root: { field: 'fields.n', op: 'gt' } }, 'root.op', 'is not an operator for a text: gt'],
  [
    { root: { event: 'order', window: { last: 'soon' } } },
    'root.window.last',
    'is not a duration such as 24h, 7d, 2w, 3m, 1y',
  ],
  ['drop table', 'root', 'is not a condition'],
  [null, 'root', 'is not a condition'],
])('%j is refused at %s', (given, place, words) => {
  const error = (() => {
    try {
      readDefinition(given);
    } catch (thrown) {
      return thrown as Problem;
    }
    return undefined;
  })();
  expect(error?.fields).toEqual({ [place]: words });
});

test('what is too deep or too large is refused', () => {
  let deep: unknown = { everyone: true };
  for (let at = 0; at < 10; at++) deep = { not: deep };
  expect(() => readDefinition(deep)).toThrow(/deeper than 6/);
  const many = { any: Array.from({ length: 300 }, () => ({ everyone: true })) };
  expect(() => readDefinition(many)).toThrow(/more than 200/);
});

test.each([
  ['2026-03-31', '-1m', '2026-02-28'],
  ['2024-03-31', '-1m', '2024-02-29'],
  ['2026-01-31', '1m', '2026-02-28'],
  ['2024-02-29', '-1y', '2023-02-28'],
  ['2026-01-15', '-2m', '2025-11-15'],
  ['2026-03-29', '-1d', '2026-03-28'],
  ['2026-03-29', '+2w', '2026-04-12'],
])('%s moved by %s is %s', (from, by, to) => {
  expect(new Date(shifted(Date.parse(from) + 5000, by)).toISOString()).toBe(`${to}T00:00:05.000Z`);
});

test('leaves are told by their place', () => {
  const { root } = readDefinition({ all: [{ everyone: true }, { not: { any: [{ tag: 'a' }] } }] });
  expect(leavesOf(root).map((one) => one.place)).toEqual(['root.all.0', 'root.all.1.not.any.0']);
});

test('a store that has nobody answers nobody', async () => {
  const into = await openTestStore(manualClock(NOW));
  expect(await countMembers(into.read, readDefinition({ not: { everyone: true } }), NOW)).toBe(0);
});

test.each([
  ['2026-03-31', { unit: 'week', at: 'this' }, '2026-03-30', '2026-04-05'],
  ['2026-03-29', { unit: 'week', at: 'this' }, '2026-03-23', '2026-03-29'],
  ['2026-03-31', { unit: 'month', at: 'last' }, '2026-02-01', '2026-02-28'],
  ['2028-03-31', { unit: 'month', at: 'last' }, '2028-02-01', '2028-02-29'],
  ['2026-12-15', { unit: 'month', at: 'next' }, '2027-01-01', '2027-01-31'],
  ['2026-05-15', { unit: 'quarter', at: 'this' }, '2026-04-01', '2026-06-30'],
  ['2026-02-15', { unit: 'quarter', at: 'last' }, '2025-10-01', '2025-12-31'],
  ['2026-05-15', { unit: 'year', at: 'next' }, '2027-01-01', '2027-12-31'],
  ['2026-05-15', { unit: 'year', at: 'start' }, '2026-01-01', '2026-01-01'],
  ['2026-05-15', { unit: 'month', at: 'end' }, '2026-05-31', '2026-05-31'],
  ['2026-05-15', { unit: 'day', at: 'last' }, '2026-05-14', '2026-05-14'],
] as [string, DateValue, string, string][])('on %s, %j is %s to %s', (now, value, from, to) => {
  const { name, last } = dayOf(value, Date.parse(`${now}T12:00:00Z`));
  expect([name, last]).toEqual([from, to]);
});

test.each([
  ['2026-03-29', 'Europe/Paris', '2026-03-28T23:00:00Z'],
  ['2026-03-30', 'Europe/Paris', '2026-03-29T22:00:00Z'],
  ['2026-10-26', 'Europe/Paris', '2026-10-25T23:00:00Z'],
  // Clocks went from midnight to one: the day began at one.
  ['2025-09-07', 'America/Santiago', '2025-09-07T04:00:00Z'],
  ['2026-01-01', 'Pacific/Kiritimati', '2025-12-31T10:00:00Z'],
  ['2026-01-01', 'Pacific/Pago_Pago', '2026-01-01T11:00:00Z'],
  ['2026-01-01', 'UTC', '2026-01-01T00:00:00Z'],
])('%s began in %s at %s', (day, zone, at) => {
  expect(new Date(dayBegin(day, zone)).toISOString()).toBe(new Date(at).toISOString());
});

test('a day turns at its zone’s midnight and at no other time; where each has their own, at any zone’s', () => {
  const turns = (tz: string | undefined, before: string, after: string) =>
    turnOf(tz, Date.parse(before)) !== turnOf(tz, Date.parse(after));
  expect(turns('Europe/Paris', '2026-03-28T22:59:59Z', '2026-03-28T23:00:00Z')).toBe(true);
  expect(turns('Europe/Paris', '2026-03-28T23:59:59Z', '2026-03-29T00:00:00Z')).toBe(false);
  expect(turns(undefined, '2026-03-28T23:59:59Z', '2026-03-29T00:00:00Z')).toBe(true);
  expect(turns('contact:UTC', '2026-03-28T22:59:59Z', '2026-03-28T23:00:00Z')).toBe(true);
  expect(turns('contact:UTC', '2026-03-28T18:29:00Z', '2026-03-28T18:30:00Z')).toBe(true);
  expect(turns('contact:UTC', '2026-03-28T18:31:00Z', '2026-03-28T18:44:00Z')).toBe(false);
});
