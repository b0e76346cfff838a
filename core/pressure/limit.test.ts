/**
 * Nobody above the cap: random campaigns, claims by two nodes (also at the same moment), results, retries, crashes and
 * leases that end, and after all of it no window of any person holds more mails than their caps and their wish allow.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addContact, contactRow } from '../store/contact.ts';
import { addBrand, addSendingDomain } from '../store/identity.ts';
import type { Store } from '../store/open.ts';
import { addCap, caps, mailsToward } from '../store/pressure.ts';
import { claimDue, domainIds, giveBack, releaseExpired, settle, type Settlement } from '../store/queue.ts';
import type { Delivery } from '../store/queue.ts';
import { addSegment } from '../store/segment.ts';
import type { NewRow } from '../store/tables.ts';
import { eachEngine } from '../store/testing.ts';
import { wishDays } from './cap.ts';
import { limitClaim } from './limit.ts';

const START = Date.UTC(2026, 2, 3, 9);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const LEASE = 5 * 60_000;

type CapSet = Pick<
  NewRow<'frequency_cap'>,
  'most' | 'days' | 'wait_days' | 'list_id' | 'brand_id' | 'segment_id'
>;

interface House {
  store: Store;
  domainId: number;
  people: number[];
}

/** Two brands, a list each, and a template of each; four people, the last of whom is in the segment 1. */
async function house(store: Store): Promise<House> {
  const at = { created_at: START, updated_at: START };
  return store.write(async (tx) => {
    const people: number[] = [];
    for (const n of [1, 2, 3, 4])
      people.push(
        (await addContact(tx, contactRow({ email: `p${n}@d.example`, source: 't' }, START))) as number,
      );
    for (const brand of [1, 2]) {
      await addBrand(tx, { name: `Brand ${brand}`, language: 'en', postal_address: '', created_at: START });
      await addSendingDomain(tx, {
        brand_id: brand,
        name: `m${brand}.example`,
        bounce_host: 'b.example',
        reply_host: 'r.example',
        created_at: START,
      });
      await tx
        .insertInto('template_version')
        .values({
          id: brand,
          campaign_id: brand,
          subject: '',
          preheader: '',
          html: '',
          text: '',
          from_name: '',
          from_address: `a@m${brand}.example`,
          reply_to: '',
          sending_domain_id: brand,
          list_id: brand === 1 ? 1 : null,
          settings: '{}',
          created_at: START,
        })
        .execute();
    }
    await addSegment(
      tx,
      { name: 'the last', definition: '{"field":"email","op":"eq","value":"p4@d.example"}' },
      at.created_at,
    );
    const domainId = (await domainIds(tx, ['d.example'])).get('d.example') as number;
    return { store, domainId, people };
  });
}

const queue = (
  { store, domainId, people }: House,
  { person, brand, lane = 'bulk' }: { person: number; brand: number; lane?: 'bulk' | 'transactional' },
  n: number,
  now: number,
): Promise<unknown> =>
  store.write((tx) =>
    tx
      .insertInto('delivery')
      .values({
        lane,
        origin_kind: lane === 'bulk' ? 'campaign' : 'message',
        origin_id: n,
        recipient_key: String(person),
        contact_id: people[person] ?? null,
        address: `p${person + 1}@d.example`,
        domain_id: domainId,
        sending_domain_id: brand,
        pool: 'default',
        state: 'queued',
        due_at: now,
        queued_at: now,
        attempt: 0,
        template_version_id: lane === 'bulk' ? brand : null,
      } as NewRow<'delivery'>)
      .execute(),
  );

const claim = ({ store, domainId }: House, owner: string, limit: number, now: number): Promise<Delivery[]> =>
  store.write(async (tx) => {
    const due = await claimDue(tx, {
      domainIds: [domainId],
      lane: 'bulk',
      limit,
      now,
      owner,
      leaseMs: LEASE,
      nextAt: now + LEASE,
      exceptCampaigns: [],
    });
    return limitClaim(tx, owner, due, now);
  });

const settled = (
  row: Pick<Delivery, 'id' | 'attempt'>,
  owner: string,
  state: Settlement['state'],
  now: number,
): Settlement => ({
  id: row.id,
  attempt: row.attempt,
  owner,
  state,
  due_at: now + HOUR,
  source_id: null,
  message_id: null,
  code: 250,
  enhanced: null,
  reply: '',
  mx: '',
  ip: '',
  tls: '',
  class: null,
  reason: '',
  outcome: state === 'delivered' ? 'delivered' : 'deferred',
  began_at: now,
  ms: 1,
});

type Step =
  | { kind: 'queue'; person: number; brand: number; lane: 'bulk' | 'transactional' }
  | { kind: 'claim'; node: number; limit: number }
  | { kind: 'claim-both'; limit: number }
  | { kind: 'settle'; node: number; pick: number; state: 'delivered' | 'deferred' | 'bounced' }
  | { kind: 'give-back'; node: number; pick: number }
  | { kind: 'crash'; node: number }
  | { kind: 'clock'; ms: number };

const node = fc.nat(1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('queue' as const),
      person: fc.nat(3),
      brand: fc.integer({ min: 1, max: 2 }),
      lane: fc.constantFrom('bulk' as const, 'bulk' as const, 'bulk' as const, 'transactional' as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('claim' as const),
      node,
      limit: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('claim-both' as const), limit: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      node,
      pick: fc.nat(9),
      state: fc.constantFrom(
        'delivered' as const,
        'delivered' as const,
        'deferred' as const,
        'bounced' as const,
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('give-back' as const), node, pick: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const), node }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('clock' as const),
      ms: fc.constantFrom(1, 60_000, 6 * 60_000, HOUR, 8 * HOUR, DAY, 3 * DAY, 7 * DAY),
    }),
  },
);
const cap: fc.Arbitrary<CapSet> = fc.record({
  most: fc.integer({ min: 1, max: 3 }),
  days: fc.constantFrom(1, 2, 7),
  wait_days: fc.constantFrom(0, 1, 5),
  list_id: fc.constantFrom(null, null, 1),
  brand_id: fc.constantFrom(null, null, 1, 2),
  segment_id: fc.constantFrom(null, null, 1),
});
const world = fc.record({
  caps: fc.array(cap, { maxLength: 3 }),
  wishes: fc.array(fc.constantFrom('all' as const, 'all' as const, 'weekly' as const, 'monthly' as const), {
    minLength: 4,
    maxLength: 4,
  }),
  steps: fc.array(step, { minLength: 20, maxLength: 70 }),
});

eachEngine((name, open) => {
  test('no person is ever above a cap, whatever the order of claims, retries, crashes and campaigns', async () => {
    const runs = name === 'postgres' ? 10 : 40;
    const at = await house(await open());
    await fc.assert(
      fc.asyncProperty(world, async (given) => {
        await play(at, given);
      }),
      { numRuns: runs, seed: 28, endOnFailure: false },
    );
  });
});

async function play(
  at: House,
  {
    caps: wanted,
    wishes,
    steps,
  }: { caps: CapSet[]; wishes: ('all' | 'weekly' | 'monthly')[]; steps: Step[] },
): Promise<void> {
  const { store, people } = at;
  const owners = ['north', 'south'];
  const held: Delivery[][] = [[], []];
  let now = START;
  let campaign = 0;
  await store.write(async (tx) => {
    for (const table of ['delivery', 'mail_got', 'frequency_cap', 'event', 'attempt'] as const)
      await tx.deleteFrom(table).execute();
    for (const one of wanted)
      await addCap(tx, { ...one, made_by: null, created_at: START, updated_at: START });
    for (const [n, max_frequency] of wishes.entries())
      await tx
        .updateTable('contact')
        .set({ max_frequency })
        .where('id', '=', people[n] as number)
        .execute();
  });
  const finish = async (owner: number, row: Delivery, state: Settlement['state']): Promise<void> => {
    await store.write((tx) => settle(tx, [settled(row, owners[owner] as string, state, now)], now));
  };
  for (const one of steps) {
    if (one.kind === 'queue') await queue(at, one, ++campaign, now);
    else if (one.kind === 'claim')
      held[one.node]?.push(...(await claim(at, owners[one.node] as string, one.limit, now)));
    else if (one.kind === 'claim-both') {
      const [north, south] = await Promise.all(owners.map((owner) => claim(at, owner, one.limit, now)));
      held[0]?.push(...(north ?? []));
      held[1]?.push(...(south ?? []));
    } else if (one.kind === 'clock') {
      now += one.ms;
      await store.write((tx) => releaseExpired(tx, now));
    } else if (one.kind === 'crash') held[one.node] = [];
    else {
      const mine = held[one.node] ?? [];
      const [row] = mine.splice(mine.length === 0 ? 0 : one.pick % mine.length, 1);
      if (row === undefined) continue;
      if (one.kind === 'settle') await finish(one.node, row, one.state);
      else await store.write((tx) => giveBack(tx, owners[one.node] as string, [row.id], now));
    }
    if (one.kind === 'settle') await nobodyAbove(at, wanted, wishes);
  }
  // Everything comes to an end: what waits for room gets it or ends, and nothing waits for ever.
  for (let round = 0; round < 16; round++) {
    now += 26 * HOUR;
    await store.write((tx) => releaseExpired(tx, now));
    for (const row of await claim(at, 'north', 100, now)) await finish(0, row, 'delivered');
  }
  await nobodyAbove(at, wanted, wishes);
  const open = await store.read
    .selectFrom('delivery')
    .select(['id', 'state', 'reason'])
    .where('lane', '=', 'bulk')
    .where('state', 'not in', ['delivered', 'bounced', 'suppressed'])
    .execute();
  expect(open).toEqual([]);
  const left = await store.read
    .selectFrom('delivery')
    .select(['contact_id', 'reason', 'attempt'])
    .where('state', '=', 'suppressed')
    .execute();
  if (wanted.length === 0 && wishes.every((wish) => wish === 'all')) expect(left).toEqual([]);
  for (const row of left)
    expect(row).toMatchObject({ attempt: 0, reason: expect.stringMatching(/^frequency: /) });
}

/** By the deliveries themselves, not by what is counted: in each window that ends with an arrival. */
async function nobodyAbove(
  { store, people }: House,
  wanted: readonly CapSet[],
  wishes: readonly ('all' | 'weekly' | 'monthly')[],
): Promise<void> {
  const arrived = await store.read
    .selectFrom('delivery')
    .select(['id', 'contact_id', 'finished_at', 'sending_domain_id'])
    .where('lane', '=', 'bulk')
    .where('state', '=', 'delivered')
    .execute();
  for (const [n, person] of people.entries()) {
    const wish = wishes[n] ?? 'all';
    const limits: CapSet[] = [
      ...wanted.filter((one) => one.segment_id === null || n === 3),
      ...(wish === 'all'
        ? []
        : [{ most: 1, days: wishDays[wish], wait_days: 0, list_id: null, brand_id: null, segment_id: null }]),
    ];
    const theirs = arrived.filter((row) => row.contact_id === person);
    for (const limit of limits) {
      const times = theirs
        .filter(({ sending_domain_id: brand }) => limit.brand_id === null || limit.brand_id === brand)
        .filter(({ sending_domain_id: brand }) => limit.list_id === null || brand === 1)
        .map((row) => row.finished_at as number);
      for (const end of times) {
        const within = times.filter((time) => time <= end && time > end - limit.days * DAY).length;
        if (within > limit.most) expect({ person: n + 1, limit, within }).toBe('at most that many');
      }
    }
    // What is counted is what arrived.
    const counted = (await mailsToward(store.read, [person], 0)).filter((mail) => mail.at !== null);
    expect(counted.map((mail) => mail.delivery_id).sort()).toEqual(theirs.map((row) => row.id).sort());
  }
  expect(await caps(store.read)).toHaveLength(wanted.length);
}
