/**
 * The house at work, from rows to the wire and back to rows: a real store, the real session, and a receiver on loopback
 * that answers each recipient as told. Time runs 2,000 times faster, so a greylisted message comes again at once.
 */
import { sql } from 'kysely';
import { expect, onTestFinished, test, vi } from 'vitest';
import { suppress } from '../core/audience/suppress.ts';
import { cancelCampaign, pauseCampaign } from '../core/campaign/service.ts';
import { resumeCampaign } from '../core/campaign/start.ts';
import { systemClock, type Clock } from '../core/clock.ts';
import { campaignById } from '../core/store/campaign.ts';
import { activatePendingKeys, addDkimKey, dkimKeysOf } from '../core/store/dkim-key.ts';
import { changeWarmup } from '../core/sending/warmup-service.ts';
import { addSource } from '../core/store/identity.ts';
import { enqueueMessage } from '../core/store/queue.ts';
import { addOrder, openOrders, orderById, releaseOrder, type NewOrder } from '../core/store/queue-order.ts';
import { activeThrottles, addThrottle } from '../core/store/throttle.ts';
import { setOverride } from '../core/store/shaping.ts';
import { holdSlice } from '../core/store/queue-sweep.ts';
import { mta } from './service.ts';
import { Gauges } from './gauges.ts';
import { houseFor, people, Receiver, type House } from './house.testing.ts';
import { rsa } from './stage.testing.ts';

// ── what it promises ──────────────────────────────────────────────────────────────────────────────────────────────

test('fifty recipients, some greylisted, some refused, some dropped after the dot: each ends in one state', async () => {
  const receiver = await new Receiver().start();
  receiver.answer = (to, time) => {
    const at = Number(/\d+/.exec(to)?.[0]);
    if (at % 10 === 1 && time === 1) return '450 4.7.1 greylisted, please try again later';
    if (at % 10 === 2) return '550 5.1.1 no such user';
    if (at % 10 === 3 && time === 1) return 'drop-after-dot';
    return '250 2.0.0 taken';
  };
  const house = await houseFor(receiver, [...people(50), 'x@nowhere.example']);
  await house.start();
  await house.until({ delivered: 45, bounced: 6 });
  const { store } = house.runtime;

  // Greylisted and dropped ones came again; what was in doubt is repeated byte for byte.
  for (const at of [1, 11, 21, 31, 41])
    expect(receiver.rcpts.filter((to) => to.startsWith(`p${at}@`))).toHaveLength(2);
  for (const at of [3, 13, 23, 33, 43]) {
    const twice = receiver.messages.filter((one) => one.to.startsWith(`p${at}@`));
    expect(twice).toHaveLength(2);
    expect(twice[1]?.raw).toBe(twice[0]?.raw);
  }
  // Nobody else got it twice.
  const taken = receiver.messages.filter((one) => one.answered).map((one) => one.to);
  expect(new Set(taken).size).toBe(taken.length);
  expect(taken).toHaveLength(45);

  // Unknown users and a domain that does not exist are suppressed, in force and with the words.
  const suppressed = await store.read.selectFrom('suppression').selectAll().orderBy('address').execute();
  expect(suppressed.map((row) => row.address).toSorted()).toEqual(
    [
      ...['p12', 'p2', 'p22', 'p32', 'p42'].map((name) => `${name}@d2.example`),
      'x@nowhere.example',
    ].toSorted(),
  );
  expect(suppressed.find((row) => row.address === 'p2@d2.example')).toMatchObject({
    scope: 'everything',
    reason: 'hard-bounce',
    evidence: '550 5.1.1 no such user',
  });
  expect(house.runtime.suppressions.mayMail({ address: 'p2@d2.example', lane: 'bulk' }).kind).toBe(
    'suppressed',
  );

  // Every attempt is written down, and the campaign knows that it is over.
  const attempts = await store.read
    .selectFrom('attempt')
    .select(['outcome', ({ fn }) => fn.countAll<number>().as('n')])
    .groupBy('outcome')
    .orderBy('outcome')
    .execute();
  expect(Object.fromEntries(attempts.map((row) => [row.outcome, Number(row.n)]))).toEqual({
    bounced: 6,
    deferred: 5,
    delivered: 45,
    dropped: 5,
  });
  await vi.waitFor(async () => expect((await campaignById(store.read, house.campaign))?.state).toBe('sent'), {
    timeout: 5000,
  });
});

test('a message is signed, has its own return path and one-click unsubscribe, and greets by the source name', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(receiver, people(2));
  await house.start();
  await house.until({ delivered: 2 });
  const [first, second] = receiver.messages;
  expect(first?.raw).toMatch(/^DKIM-Signature: v=1; a=rsa-sha256;.* d=example\.org;/);
  expect(first?.raw).toMatch(/\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n/);
  expect(first?.raw).toContain(`Subject: Hello ${first?.to}`);
  expect(first?.from).toMatch(/^b\.[0-9a-z]{32}@bounces\.example\.org$/);
  expect(first?.from).not.toBe(second?.from);
});

test('who is suppressed between queueing and delivery is never named on the wire', async () => {
  const receiver = await new Receiver().start();
  const addresses = people(60);
  const house = await houseFor(receiver, addresses);
  const stopped = addresses.filter((_, at) => at % 3 === 0);
  await suppress(
    house.runtime,
    ...stopped.map((address) => ({
      address,
      scope: 'marketing' as const,
      reason: 'unsubscribe' as const,
      evidence: 'asked',
    })),
  );
  await house.start();
  await house.until({ delivered: 40, suppressed: 20 });
  expect(receiver.rcpts.filter((to) => stopped.includes(to))).toEqual([]);
});

test('who unsubscribes while the campaign is leaving gets nothing after the acknowledgement', async () => {
  const receiver = await new Receiver().start();
  const addresses = people(300, () => 'one.example');
  const house = await houseFor(receiver, addresses);
  const acknowledged = new Set<string>();
  const late: string[] = [];
  receiver.atRcpt = (to) => {
    if (acknowledged.has(to)) late.push(to);
    // Whoever is named lets somebody further back leave.
    const other = addresses[addresses.indexOf(to) + 40];
    if (other !== undefined && addresses.indexOf(to) % 4 === 0) {
      void suppress(house.runtime, {
        address: other,
        scope: 'marketing',
        reason: 'unsubscribe',
        evidence: 'asked',
      }).then(() => acknowledged.add(other));
    }
  };
  await house.start();
  await vi.waitFor(
    async () => expect((await campaignById(house.runtime.store.read, house.campaign))?.state).toBe('sent'),
    { timeout: 20_000 },
  );
  const states = await house.states();
  expect(states.delivered! + states.suppressed!).toBe(300);
  expect(states.suppressed).toBeGreaterThan(10);
  // Between the write to the wire and its arrival at the receiver lies a moment: only what was on its way may cross.
  expect(late.length).toBeLessThanOrEqual(9);
  expect(receiver.messages.filter((one) => one.answered)).toHaveLength(states.delivered!);
});

test('a pause holds at once, and what was paused leaves when it goes on', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(
    receiver,
    people(400, () => 'one.example'),
  );
  let paused: Promise<unknown> | undefined;
  let atPause = 0;
  receiver.atRcpt = () => {
    if (receiver.rcpts.length === 50) {
      paused = pauseCampaign(house.runtime, house.campaign).then(() => (atPause = receiver.rcpts.length));
    }
  };
  await house.start();
  await vi.waitFor(() => expect(atPause).toBeGreaterThan(0), { timeout: 10_000, interval: 1 });
  await paused;
  // All that had not left steps aside: nothing is claimed, nothing waits to be claimed.
  await vi.waitFor(
    async () => {
      const { delivered = 0, held = 0 } = await house.states();
      expect(delivered + held).toBe(400);
    },
    { timeout: 10_000 },
  );
  const { held = 0 } = await house.states();
  expect(held).toBeGreaterThan(250);
  // Each connection may have had one on its way.
  expect(receiver.rcpts.length - atPause).toBeLessThanOrEqual(20);
  await resumeCampaign(house.runtime, house.campaign);
  await house.until({ delivered: 400 });
  expect(new Set(receiver.messages.map((one) => one.to)).size).toBe(400);
  expect(receiver.messages).toHaveLength(400);
});

test('a cancelled campaign stops, and its rows say so', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(
    receiver,
    people(400, () => 'one.example'),
  );
  let cancelled = false;
  receiver.atRcpt = () => {
    if (receiver.rcpts.length === 50)
      void cancelCampaign(house.runtime, house.campaign).then(() => (cancelled = true));
  };
  await house.start();
  await vi.waitFor(
    async () => {
      const { delivered = 0, cancelled: back = 0 } = await house.states();
      expect(cancelled && delivered + back === 400).toBe(true);
    },
    { timeout: 10_000 },
  );
  expect((await house.states()).cancelled).toBeGreaterThan(250);
  await vi.waitFor(async () =>
    expect((await campaignById(house.runtime.store.read, house.campaign))?.finished_at).not.toBeNull(),
  );
});

test('a destination that cannot be reached costs the others nothing, and arrives when it is back', async () => {
  const receiver = await new Receiver().start();
  receiver.answer = (to, time) =>
    to.endsWith('@slow.example') && time < 3 ? '451 4.3.2 system not accepting mail' : '250 ok';
  const house = await houseFor(receiver, [...people(10, () => 'slow.example'), ...people(30)]);
  await house.start();
  await house.until({ delivered: 40 });
});

test('after a crash everything that was claimed is sent, with the fill it had', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(receiver, people(20));
  const { store, clock } = house.runtime;
  // A process that died with rows in its hands.
  await store.write((tx) =>
    tx
      .updateTable('delivery')
      .set({ state: 'active', attempt: 1, lease_owner: 'dead/1', lease_until: clock.now() + 86_400_000 })
      .where('id', '<=', 10)
      .execute(),
  );
  await house.start();
  await house.until({ delivered: 20 });
  const again = await store.read.selectFrom('delivery').select('attempt').where('id', '<=', 10).execute();
  expect(again.every((row) => row.attempt === 2)).toBe(true);
});

test('a stop gives back what has not left, and a start sends the rest', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(
    receiver,
    people(300, () => 'one.example'),
  );
  const enough = new Promise<void>(
    (resolve) => (receiver.atRcpt = () => receiver.rcpts.length === 60 && resolve()),
  );
  await house.start();
  await enough;
  await house.stop();
  const states = await house.states();
  expect(states.active ?? 0).toBe(0);
  expect(states.delivered).toBe(receiver.messages.length);
  const second = mta(house.runtime);
  await second.start();
  onTestFinished(() => second.stop());
  await house.until({ delivered: 300 });
  expect(receiver.messages).toHaveLength(300);
});

test('a held delivery stays, and a message that a person wrote goes before bulk, from the plain address', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(
    receiver,
    people(100, () => 'one.example'),
  );
  const { store, clock, wake } = house.runtime;
  const [held] = await store.read.selectFrom('delivery').select('id').orderBy('id').limit(1).execute();
  await store.write(async (tx) => {
    await holdSlice(tx, { delivery: held?.id as number }, 'a person', clock.now());
    const now = clock.now();
    const mailbox = await tx
      .insertInto('mailbox')
      .values({
        brand_id: 1,
        name: 'Support',
        address: 'support@example.org',
        signature: '',
        created_at: now,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    const conversation = await tx
      .insertInto('conversation')
      .values({
        mailbox_id: mailbox.id,
        address: 'ana@one.example',
        subject: 'A question',
        state: 'open',
        category: 'human',
        waiting_on: 'them',
        last_message_at: now,
        created_at: now,
      } as never)
      .returning('id')
      .executeTakeFirstOrThrow();
    const message = await tx
      .insertInto('message')
      .values({
        conversation_id: conversation.id,
        direction: 'out',
        kind: 'answer',
        from_name: 'Support',
        from_address: 'support@example.org',
        to_addresses: '["ana@one.example"]',
        cc_addresses: '[]',
        subject: 'Re: A question',
        message_id: 'c.abc@example.org',
        in_reply_to: 'q1@one.example',
        references: '["q1@one.example"]',
        text: 'Yes.',
        segments: '[]',
        created_at: now,
      } as never)
      .returning('id')
      .executeTakeFirstOrThrow();
    await enqueueMessage(
      tx,
      { messageId: message.id, recipients: ['ana@one.example'], sendingDomainId: 1 },
      now,
    );
  });
  await house.start();
  wake.ring('queue');
  await house.until({ delivered: 100, held: 1 });
  expect(receiver.rcpts.indexOf('ana@one.example')).toBeLessThan(20);
  const answer = receiver.messages.find((one) => one.to === 'ana@one.example')?.raw ?? '';
  expect(answer).toMatch(/^DKIM-Signature:/);
  expect(answer).toContain('From: Support <support@example.org>');
  expect(answer).toContain('Message-ID: <c.abc@example.org>');
  expect(answer).toContain('In-Reply-To: <q1@one.example>');
  expect(answer).not.toMatch(/^List-Unsubscribe/im);
});

test('a retry after the keys were changed is signed with the old one, byte for byte; new mail with the new one', async () => {
  const receiver = await new Receiver().start();
  receiver.answer = (to, time) => (to.startsWith('old') && time === 1 ? 'drop-after-dot' : '250 2.0.0 taken');
  const house = await houseFor(receiver, ['old@d1.example', 'new@d2.example']);
  const { store, secrets, clock } = house.runtime;
  await store.write((tx) =>
    tx.updateTable('delivery').set({ state: 'held' }).where('address', '=', 'new@d2.example').execute(),
  );
  await house.start();
  await house.until({ deferred: 1, held: 1 });
  await house.stop();
  await store.write(async (tx) => {
    await addDkimKey(tx, {
      sending_domain_id: 1,
      selector: 'p2',
      algorithm: 'rsa-sha256',
      sealed: secrets.seal('dkim', rsa),
      record: '',
      state: 'pending',
      created_at: clock.now(),
    });
    const ids = (await dkimKeysOf(tx, 1)).filter((key) => key.state === 'pending').map((key) => key.id);
    expect(await activatePendingKeys(tx, 1, ids, clock.now())).toBe(true);
    await tx.updateTable('delivery').set({ state: 'queued' }).where('state', '=', 'held').execute();
  });
  const second = mta(house.runtime);
  onTestFinished(() => second.stop());
  await second.start();
  await house.until({ delivered: 2 });
  const [first, again] = receiver.messages.filter((one) => one.to === 'old@d1.example');
  expect(first?.raw).toContain('s=p1;');
  expect(again?.raw).toBe(first?.raw);
  expect(receiver.messages.find((one) => one.to === 'new@d2.example')?.raw).toContain('s=p2;');
});

test('the words of an attempt that was put off are kept, and those of one that delivered are not', async () => {
  const receiver = await new Receiver().start();
  receiver.answer = (_, time) => (time === 1 ? '450 4.7.1 greylisted, come back' : '250 2.0.0 ok');
  const house = await houseFor(receiver, ['p0@one.example']);
  await house.start();
  await house.until({ delivered: 1 });
  const kept = await house.runtime.store.read.selectFrom('attempt_transcript').selectAll().execute();
  expect(kept).toMatchObject([{ delivery_id: 1, number: 1 }]);
  const lines = kept[0]?.lines.split('\n') ?? [];
  expect(lines[0]).toBe('< 220 mx.test');
  expect(lines).toContain('> RCPT TO:<p0@one.example>');
  expect(lines).toContain('< 450 4.7.1 greylisted, come back');
});

// ── orders over the queue ─────────────────────────────────────────────────────────────────────────────────────────

const SLOWLY = { timeout: 20_000, interval: 20 };

/** Gives an order and rings; answers it. */
async function ordered({ runtime: { store, clock, wake } }: House, asked: NewOrder) {
  const made = await store.write((tx) => addOrder(tx, asked, 0, clock.now()));
  wake.ring('order');
  return made;
}

/** Resolves when the receiver has been asked for so many recipients. */
const heard = (receiver: Receiver, count: number) =>
  new Promise<void>((resolve) => (receiver.atRcpt = () => receiver.rcpts.length >= count && resolve()));

test('a held pool steps aside while it is being sent, and at its release everybody is mailed once', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(receiver, people(400));
  const { store, clock, wake } = house.runtime;
  const some = heard(receiver, 20);
  await house.start();
  await some;
  const hold = await ordered(house, { kind: 'hold', by: 'pool', id: null, name: 'marketing' });
  await vi.waitFor(async () => {
    const { delivered = 0, held = 0 } = await house.states();
    expect(delivered + held).toBe(400);
    expect((await orderById(store.read, hold.id))?.settled_at).not.toBeNull();
  }, SLOWLY);
  const before = receiver.rcpts.length;
  expect(before).toBeLessThan(400);
  await store.write((tx) => releaseOrder(tx, hold, null, clock.now()));
  wake.ring('order');
  await house.until({ delivered: 400 });
  expect(receiver.rcpts.toSorted()).toEqual(people(400).toSorted());
  await vi.waitFor(async () => expect(await openOrders(store.read)).toEqual([]), SLOWLY);
});

test('a destination is taken back while it is being sent: each ends delivered or cancelled, the rest is untouched', async () => {
  const receiver = await new Receiver().start();
  receiver.answer = (to, time) =>
    to.endsWith('@slow.example') && time === 1 ? '451 4.3.2 system not accepting mail' : '250 ok';
  const house = await houseFor(receiver, [...people(300, () => 'slow.example'), ...people(50)]);
  const { store } = house.runtime;
  const some = heard(receiver, 30);
  await house.start();
  await some;
  const domain = await store.read
    .selectFrom('domain')
    .select('id')
    .where('name', '=', 'slow.example')
    .executeTakeFirstOrThrow();
  const cancel = await ordered(house, {
    kind: 'cancel',
    by: 'destination',
    id: domain.id,
    name: 'slow.example',
    reason: 'wrong people',
  });
  await vi.waitFor(async () => expect((await orderById(store.read, cancel.id))?.done_at).not.toBeNull(), {
    timeout: 20_000,
  });
  await vi.waitFor(async () => {
    const { delivered = 0, cancelled = 0, ...rest } = await house.states();
    expect(rest).toEqual({});
    expect(delivered + cancelled).toBe(350);
    expect(cancelled).toBeGreaterThan(0);
  }, SLOWLY);
  const delivered = await store.read
    .selectFrom('any_delivery')
    .select('address')
    .where('state', '=', 'delivered')
    .where('address', 'not like', '%@slow.example')
    .execute();
  expect(delivered).toHaveLength(50);
});

test('a source that is drained takes no new work and says when it is quiet; its pool goes on through the other', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(receiver, people(300));
  const { store, clock } = house.runtime;
  const [a] = await store.write(async (tx) => {
    const ids: number[] = [];
    for (const name of ['a', 'b'])
      ids.push(
        await addSource(tx, {
          name,
          ip: '127.0.0.1',
          ehlo: `${name}.example.org`,
          pool: 'marketing',
          weight: 1,
          paused: 0,
          note: '',
          created_at: clock.now(),
        }),
      );
    return ids;
  });
  const some = heard(receiver, 20);
  await house.start();
  await some;
  const drain = await ordered(house, { kind: 'drain', by: 'source', id: a as number, name: 'a' });
  await vi.waitFor(
    async () => expect((await orderById(store.read, drain.id))?.settled_at).not.toBeNull(),
    SLOWLY,
  );
  const attempts = async () =>
    Number(
      (
        await store.read
          .selectFrom('attempt')
          .select(({ fn }) => fn.countAll<number>().as('n'))
          .where('source_id', '=', a as number)
          .executeTakeFirstOrThrow()
      ).n,
    );
  const before = await attempts();
  await house.until({ delivered: 300 });
  expect(await attempts()).toBe(before);
});

test('what is re-routed leaves from its new pool, from the order on', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(receiver, people(100));
  const { store, clock } = house.runtime;
  const [, warm] = await store.write(async (tx) => {
    const ids: number[] = [];
    for (const pool of ['marketing', 'warm'])
      ids.push(
        await addSource(tx, {
          name: pool,
          ip: '127.0.0.1',
          ehlo: `${pool}.example.org`,
          pool,
          weight: 1,
          paused: 0,
          note: '',
          created_at: clock.now(),
        }),
      );
    return ids;
  });
  await ordered(house, {
    kind: 'reroute',
    by: 'campaign',
    id: house.campaign,
    name: 'Spring',
    toPool: 'warm',
  });
  await house.start();
  await house.until({ delivered: 100 });
  const rows = await store.read.selectFrom('attempt').select('source_id').distinct().execute();
  expect(rows.map((row) => row.source_id)).toEqual([warm]);
});

test('a source that warms up sends exactly its allowance each day, over a restart, and all of it once it is warm', async () => {
  const receiver = await new Receiver().start();
  const morning = Date.parse('2026-07-10T06:00:00Z');
  const running = systemClock({ speed: 200, epoch: Date.now() });
  const began = running.now();
  let days = 0;
  const clock: Clock = { ...running, now: () => morning + running.now() - began + days * 86_400_000 };
  const house = await houseFor(
    receiver,
    people(2000, () => 'one.example'),
    clock,
  );
  const { store } = house.runtime;
  const source = await store.write((tx) =>
    addSource(tx, {
      name: 'new',
      ip: '',
      ehlo: 'new.example.org',
      pool: 'marketing',
      weight: 1,
      paused: 0,
      note: '',
      created_at: clock.now(),
    }),
  );
  await changeWarmup(house.runtime, { sourceId: source, provider: 'default', plan: [100, 250] }, null);
  await house.start();
  await house.until({ delivered: 100, queued: 1900 });
  await house.stop();
  const second = mta(house.runtime);
  await second.start();
  onTestFinished(() => second.stop());
  days = 1;
  await house.until({ delivered: 350, queued: 1650 });
  days = 2;
  await house.until({ delivered: 2000 });

  const byDay = await store.read
    .selectFrom('attempt')
    .select([sql<number>`at / 86400000`.as('day'), ({ fn }) => fn.countAll<number>().as('n')])
    .where('outcome', '=', 'delivered')
    .groupBy('day')
    .orderBy('day')
    .execute();
  expect(byDay.map((row) => Number(row.n))).toEqual([100, 250, 1650]);
  const judged = await store.read.selectFrom('warmup_day').selectAll().orderBy('day').execute();
  expect(judged).toMatchObject([
    { sent: 100, cap: 100, verdict: 'clean', deferred: 0 },
    { sent: 250, cap: 250, verdict: 'clean', deferred: 0 },
  ]);
  const [row] = await store.read.selectFrom('warmup').selectAll().execute();
  expect(row).toMatchObject({ state: 'warm', provider: 'default' });
});

test('what a new source may not send today goes from a warm one of its pool', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(
    receiver,
    people(120, () => 'one.example'),
    systemClock({ speed: 50, epoch: Date.now() }),
  );
  const { store } = house.runtime;
  const add = (name: string) =>
    store.write((tx) =>
      addSource(tx, {
        name,
        ip: '',
        ehlo: `${name}.example.org`,
        pool: 'marketing',
        weight: 1,
        paused: 0,
        note: '',
        created_at: 1,
      }),
    );
  const cold = await add('cold');
  const warm = await add('warm');
  await changeWarmup(house.runtime, { sourceId: cold, provider: 'default', plan: [30, 60] }, null);
  await house.start();
  await house.until({ delivered: 120 });
  const bySource = await store.read
    .selectFrom('attempt')
    .select(['source_id', ({ fn }) => fn.countAll<number>().as('n')])
    .groupBy('source_id')
    .orderBy('source_id')
    .execute();
  expect(bySource.map((row) => [row.source_id, Number(row.n)])).toEqual([
    [cold, 30],
    [warm, 90],
  ]);
});

test('the gauges say how much waits, for whom and since when, and go back to 0', async () => {
  const receiver = await new Receiver().start();
  receiver.answer = () => '450 4.2.2 mailbox full';
  const house = await houseFor(receiver, ['a@d1.example', 'b@d2.example']);
  const { runtime } = house;
  const gauges = new Gauges(runtime, () => 3);
  await gauges.look();
  const line = (name: string) =>
    runtime.metrics
      .text()
      .split('\n')
      .filter((text) => text.startsWith(`parley_${name}`));
  expect(line('queue_deliveries')).toEqual(['parley_queue_deliveries{state="queued",provider=""} 2']);
  expect(line('smtp_connections')).toEqual(['parley_smtp_connections 3']);
  await runtime.store.write((tx) => tx.updateTable('delivery').set({ state: 'delivered' }).execute());
  await gauges.look();
  expect(line('queue_deliveries')).toEqual(['parley_queue_deliveries{state="queued",provider=""} 0']);
  expect(line('queue_oldest_age_seconds')).toEqual(['parley_queue_oldest_age_seconds 0']);
});

test('a block outlives a restart: one message goes after an hour, and when it is accepted the rest follow', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(
    receiver,
    people(12, () => 'd0.example'),
  );
  const { store, clock } = house.runtime;
  const since = clock.now();
  await store.write((tx) =>
    addThrottle(tx, {
      sourceId: 0,
      site: 'mx.d0.example',
      provider: 'default',
      kind: 'blocked',
      rule: 'class-block-policy',
      reply: '550 5.7.1 no',
      since,
      until: null,
      cause: 'policy',
    }),
  );
  const times: number[] = [];
  receiver.atRcpt = () => void times.push(clock.now());
  await house.start();
  await house.until({ delivered: 12 });
  expect(times[0]).toBeGreaterThanOrEqual(since + 3_600_000);
  await vi.waitFor(async () => expect(await activeThrottles(store.read, clock.now())).toEqual([]));
});

test('while a block stands one message an hour asks, and no more', async () => {
  const receiver = await new Receiver().start();
  receiver.answer = () => '451 4.3.0 not now';
  const house = await houseFor(
    receiver,
    people(12, () => 'd0.example'),
  );
  const { store, clock } = house.runtime;
  const since = clock.now();
  const block = { sourceId: 0, site: 'mx.d0.example', kind: 'blocked', rule: 'class-block-policy' } as const;
  await store.write((tx) =>
    addThrottle(tx, { ...block, reply: '550 5.7.1 no', since, until: null, cause: 'policy' }),
  );
  const times: number[] = [];
  receiver.atRcpt = () => void times.push(clock.now());
  await house.start();
  await vi.waitFor(() => expect(times.length).toBeGreaterThanOrEqual(3), { timeout: 20_000, interval: 20 });
  await house.stop();
  // The time is taken when the message is let go; the wire adds a little of this fast clock's time.
  for (const [at, time] of times.entries()) expect(time - since).toBeGreaterThanOrEqual((at + 1) * 3_600_000);
  const [row] = await activeThrottles(store.read, clock.now());
  expect(row?.probed_at).toBeGreaterThanOrEqual(since + 3 * 3_600_000);
});

test('a team’s own limit for a mail host is kept on the wire', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(
    receiver,
    people(60, () => 'd0.example'),
  );
  const { store, clock } = house.runtime;
  const none = { messages_per_connection: null, rate_messages: null, rate_per_ms: null, tls: null, note: '' };
  await store.write((tx) =>
    setOverride(
      tx,
      { place: 'mx.d0.example', sourceId: null },
      { ...none, connections: 1 },
      { by: null, at: clock.now() },
    ),
  );
  await house.start();
  await house.until({ delivered: 60 });
  expect(receiver.most).toBe(1);
});
