/**
 * The ways out, from rows to the wire: pools with several addresses, one that cannot be bound, one that nobody talks to,
 * IPv6, and a smarthost that takes all, a part, or what our own addresses may not send.
 */
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { DnsError } from '../core/dns.ts';
import type { Runtime } from '../core/runtime.ts';
import { createSmarthost, updateSmarthost } from '../core/sending/smarthost-service.ts';
import { addSource, changeSource } from '../core/store/identity.ts';
import { changePool, poolByName } from '../core/store/pool.ts';
import { enqueueMessage } from '../core/store/queue.ts';
import { handedOver, smarthosts } from '../core/store/smarthost.ts';
import { selfSigned } from '../core/tls.ts';
import { startSmarthost, type SmarthostScript } from '../lab/smarthost.ts';
import { dns, houseFor, people, Receiver, type House } from './house.testing.ts';

const NAME = 'relay.test';
const { key, cert } = await selfSigned(NAME, Date.now());
setDefaultCACertificates([...getCACertificates('default'), cert]);

/** The clock that lets an attempt be followed by its retry within the test. */
const calm = () => systemClock({ speed: 50, epoch: Date.now() });

async function give(
  { store, clock }: Runtime,
  sources: { name: string; ip: string; pool?: string; weight?: number }[],
): Promise<number[]> {
  return store.write(async (tx) => {
    const ids: number[] = [];
    for (const { pool = 'marketing', weight = 1, ...one } of sources)
      ids.push(
        await addSource(tx, {
          ...one,
          ehlo: `${one.name}.example.org`,
          pool,
          weight,
          paused: 0,
          note: '',
          created_at: clock.now(),
        }),
      );
    return ids;
  });
}

const countBy = (values: string[]) =>
  Object.fromEntries([...Map.groupBy(values, (one) => one)].map(([one, all]) => [one, all.length]));

test('the sources of a pool take turns by weight, and a retry leaves from the address of the time before', async () => {
  const receiver = await new Receiver().start();
  receiver.answer = (_, time) => (time === 1 ? '450 4.7.1 greylisted, come back in 60 seconds' : '250 ok');
  const house = await houseFor(
    receiver,
    people(40, () => 'one.example'),
  );
  await give(house.runtime, [
    { name: 'a', ip: '127.0.0.2', weight: 3 },
    { name: 'b', ip: '127.0.0.3', weight: 1 },
  ]);
  await house.start();
  await house.until({ delivered: 40 });
  expect(countBy(receiver.messages.map((one) => one.ip))).toEqual({ '127.0.0.2': 30, '127.0.0.3': 10 });
  const attempts = await house.runtime.store.read
    .selectFrom('attempt')
    .select(['delivery_id', 'source_id'])
    .execute();
  for (const of of Map.groupBy(attempts, (one) => one.delivery_id).values()) {
    expect(of.length).toBeGreaterThan(1);
    expect(new Set(of.map((one) => one.source_id)).size).toBe(1);
  }
});

test('a source whose address is not on this machine is set aside with the reason, and the others send all', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(receiver, people(30), calm());
  const [gone] = await give(house.runtime, [
    { name: 'gone', ip: '192.0.2.1' },
    { name: 'here', ip: '127.0.0.3' },
  ]);
  await house.start();
  await house.until({ delivered: 30 });
  expect(countBy(receiver.messages.map((one) => one.ip))).toEqual({ '127.0.0.3': 30 });
  const row = await house.runtime.store.read
    .selectFrom('source')
    .selectAll()
    .where('id', '=', gone ?? 0)
    .executeTakeFirstOrThrow();
  expect(row.aside_reason).toMatch(/EADDRNOTAVAIL/);
  expect(row.aside_until).toBeGreaterThan(house.runtime.clock.now() - 600_000);
  // No attempt was charged for it.
  expect(
    await house.runtime.store.read
      .selectFrom('attempt')
      .select('id')
      .where('source_id', '=', gone ?? 0)
      .execute(),
  ).toEqual([]);
});

test('a source that host after host will not talk to is set aside with their words, and the others send all', async () => {
  const receiver = await new Receiver().start();
  receiver.greet = (ip) => (ip === '127.0.0.2' ? '554 5.3.2 nothing for you here' : '220 mx');
  const house = await houseFor(
    receiver,
    people(60, (at) => `d${at}.example${at}`),
  );
  const [bad] = await give(house.runtime, [
    { name: 'bad', ip: '127.0.0.2' },
    { name: 'good', ip: '127.0.0.3' },
  ]);
  await house.start();
  await house.until({ delivered: 60 });
  expect(countBy(receiver.messages.map((one) => one.ip))).toEqual({ '127.0.0.3': 60 });
  const row = await house.runtime.store.read
    .selectFrom('source')
    .selectAll()
    .where('id', '=', bad ?? 0)
    .executeTakeFirstOrThrow();
  expect(row.aside_reason).toMatch(/5 mail hosts .* would not talk to it; .*: 554 .*nothing for you here/);
});

test('what a person mended is tried again at once', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(receiver, people(10), systemClock());
  const now = house.runtime.clock.now();
  const [only] = await give(house.runtime, [
    { name: 'only', ip: '127.0.0.2' },
    { name: 'other', ip: '127.0.0.3', pool: 'transactional' },
  ]);
  await house.runtime.store.write((tx) =>
    tx.updateTable('delivery').set({ pool: 'transactional' }).where('id', '=', 1).execute(),
  );
  const aside = (until: number | null) =>
    house.runtime.store.write((tx) =>
      changeSource(tx, only ?? 0, { aside_since: now, aside_until: until, aside_reason: 'x' }),
    );
  await aside(now + 3_600_000);
  await house.start();
  await house.until({ delivered: 1, queued: 9 });
  await aside(null);
  await house.until({ delivered: 10 });
});

test('an IPv6 source takes what has an IPv6 address, and leaves the rest to the others', async () => {
  const receiver = await new Receiver().start('::');
  const house = await houseFor(
    receiver,
    people(20, (at) => `v${at % 2 === 0 ? 4 : 6}.example`),
    calm(),
    {
      dns: {
        ...dns,
        a: async (name) => {
          if (name.startsWith('mx.v6')) throw new DnsError('NODATA', name);
          return ['127.0.0.1'];
        },
        aaaa: async (name) => {
          if (!name.startsWith('mx.v6')) throw new DnsError('NODATA', name);
          return ['::1'];
        },
      },
    },
  );
  await give(house.runtime, [
    { name: 'six', ip: '::1' },
    { name: 'four', ip: '127.0.0.2' },
  ]);
  await house.start();
  await house.until({ delivered: 20 });
  const by = Map.groupBy(receiver.messages, (one) => one.to.split('@')[1]);
  expect(countBy((by.get('v6.example') ?? []).map((one) => one.ip))).toEqual({ '::1': 10 });
  expect(countBy((by.get('v4.example') ?? []).map((one) => one.ip))).toEqual({ '::ffff:127.0.0.2': 10 });
});

// ── smarthosts ────────────────────────────────────────────────────────────────────────────────────────────────────

async function relayFor(
  house: House,
  mode: { smarthost_mode: 'always' | 'share' | 'failover'; smarthost_share?: number },
  script: Partial<SmarthostScript> = {},
  wanted: { password?: string } = {},
) {
  const server = await startSmarthost({
    key,
    cert,
    tls: 'starttls',
    username: 'us',
    password: 'right',
    ...script,
  });
  onTestFinished(() => server.stop());
  const { runtime } = house;
  const id = await createSmarthost(runtime, 'backup', {
    host: NAME,
    port: server.port,
    tls: 'starttls',
    verify: true,
    username: 'us',
    password: wanted.password ?? 'right',
    max_connections: 3,
    messages_per_connection: 20,
    messages_per_minute: 100_000,
    note: '',
  });
  const pool = await poolByName(runtime.store.read, 'marketing');
  await runtime.store.write((tx) =>
    changePool(tx, pool?.id ?? 0, { smarthost_id: id, smarthost_share: 0, ...mode }),
  );
  return { server, id };
}

const viaOf = async ({ runtime }: House) => {
  const rows = await runtime.store.read.selectFrom('delivery').select(['via', 'state']).execute();
  return countBy(rows.map((row) => `${row.via ?? 'own'} ${row.state}`));
};

test('a pool that always leaves through its smarthost does, for every provider, and what is then unknown is said', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(receiver, people(60), calm());
  const { server } = await relayFor(house, { smarthost_mode: 'always' });
  await house.start();
  await house.until({ delivered: 60 });
  expect(receiver.messages).toEqual([]);
  expect(server.taken).toHaveLength(60);
  expect(server.taken.every((one) => one.secure && one.user === 'us')).toBe(true);
  expect(server.taken[0]?.raw).toMatch(/^DKIM-Signature: /m);
  expect(server.taken[0]?.from).toMatch(/@bounces\.example\.org$/);
  expect(server.mostAtOnce).toBeLessThanOrEqual(3);
  const [one] = await house.runtime.store.read.selectFrom('delivery').selectAll().limit(1).execute();
  expect(one).toMatchObject({ via: 'backup', source_id: null, last_mx: NAME });
  expect(one?.reason).toMatch(/handed to backup; what the recipient’s provider said of it is not known/);
  expect(await handedOver(house.runtime.store.read, house.campaign)).toEqual([{ via: 'backup', handed: 60 }]);
});

test('a share of thirty of a hundred leaves through the smarthost, and the rest from our own addresses', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(receiver, people(100), calm());
  const { server } = await relayFor(house, { smarthost_mode: 'share', smarthost_share: 30 });
  await house.start();
  await house.until({ delivered: 100 });
  expect([server.taken.length, receiver.messages.length]).toEqual([30, 70]);
  expect(await viaOf(house)).toEqual({ 'backup delivered': 30, 'own delivered': 70 });
});

test('mail of another pool does not leave through the smarthost', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(receiver, people(10), calm());
  const { server } = await relayFor(house, { smarthost_mode: 'always' });
  await house.runtime.store.write((tx) =>
    tx.updateTable('delivery').set({ pool: 'transactional' }).where('id', '<=', 4).execute(),
  );
  await house.start();
  await house.until({ delivered: 10 });
  expect([server.taken.length, receiver.messages.length]).toEqual([6, 4]);
});

test('a wrong password sets the smarthost aside with its words; no message is charged, and a right one mends it', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(receiver, people(8), calm());
  const { server, id } = await relayFor(house, { smarthost_mode: 'always' }, {}, { password: 'wrong' });
  await house.start();
  const { store } = house.runtime;
  const aside = async () => (await smarthosts(store.read))[0]?.aside_reason;
  await vi.waitFor(async () => expect(await aside()).toMatch(/^535 5\.7\.8 Username and password/), {
    timeout: 10_000,
  });
  await house.until({ queued: 8 });
  expect(await store.read.selectFrom('attempt').select('id').execute()).toEqual([]);
  expect(server.signIns).toBeLessThanOrEqual(3);

  await updateSmarthost(house.runtime, id, { password: 'right' });
  await house.until({ delivered: 8 });
  expect(server.taken).toHaveLength(8);
  expect(await aside()).toBeNull();
});

test('with a share, our own addresses take the part of a smarthost that cannot be used', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(receiver, people(40), calm());
  await relayFor(house, { smarthost_mode: 'share', smarthost_share: 50 }, { tls: 'none' });
  await house.start();
  await house.until({ delivered: 40 });
  expect(receiver.messages).toHaveLength(40);
  expect((await smarthosts(house.runtime.store.read))[0]?.aside_reason).toMatch(/does not offer STARTTLS/);
});

test('a smarthost that refuses for now is tried again, and one that refuses for good is believed', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(receiver, people(9));
  const { server } = await relayFor(
    house,
    { smarthost_mode: 'always' },
    {
      refuse: (to, nth) => {
        if (to.startsWith('p1@') && nth === 1) return { code: 451, text: '4.3.0 try again later' };
        if (to.startsWith('p2@')) return { code: 550, text: '5.1.1 no such user' };
        return undefined;
      },
    },
  );
  await house.start();
  await house.until({ delivered: 8, bounced: 1 });
  expect(server.refusals).toBe(2);
  const rows = await house.runtime.store.read
    .selectFrom('attempt')
    .select(['outcome', 'via', 'mx'])
    .where('outcome', '<>', 'delivered')
    .orderBy('outcome')
    .execute();
  expect(rows).toEqual([
    { outcome: 'bounced', via: 'backup', mx: NAME },
    { outcome: 'deferred', via: 'backup', mx: NAME },
  ]);
});

test('failover: once a provider blocks our address the smarthost takes over there at once, and nobody is bounced', async () => {
  const receiver = await new Receiver().start();
  receiver.answer = (to) =>
    to.endsWith('@strict.example')
      ? '554 5.7.1 Service unavailable; client host [127.0.0.2] blocked using zen.spamhaus.org'
      : '250 ok';
  const house = await houseFor(
    receiver,
    people(200, (at) => (at % 2 === 0 ? 'strict.example' : 'free.example')),
    calm(),
  );
  await give(house.runtime, [{ name: 'a', ip: '127.0.0.2' }]);
  const { server } = await relayFor(house, { smarthost_mode: 'failover' });
  await house.start();
  await house.until({ delivered: 200 });
  expect(countBy(server.taken.map((one) => one.to.split('@')[1] ?? ''))).toEqual({ 'strict.example': 100 });
  expect(countBy(receiver.messages.map((one) => one.to.split('@')[1] ?? ''))).toEqual({
    'free.example': 100,
  });
});

test('failover: with the only address set aside everything leaves through the smarthost', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(receiver, people(20), calm());
  await give(house.runtime, [{ name: 'gone', ip: '192.0.2.1' }]);
  const { server } = await relayFor(house, { smarthost_mode: 'failover' });
  await house.start();
  await house.until({ delivered: 20 });
  expect(server.taken).toHaveLength(20);
});

test('what people write leaves by its own pool, whatever campaigns do', async () => {
  const receiver = await new Receiver().start();
  const house = await houseFor(receiver, people(1), calm());
  await relayFor(house, { smarthost_mode: 'always' });
  await house.runtime.store.write((tx) =>
    enqueueMessage(tx, { messageId: 1, recipients: ['z@d1.example'], sendingDomainId: 1 }, 1),
  );
  const rows = await house.runtime.store.read.selectFrom('delivery').select('pool').orderBy('id').execute();
  expect(rows.map((row) => row.pool)).toEqual(['marketing', 'transactional']);
});
