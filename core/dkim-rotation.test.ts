import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { schema } from '../config/schema.ts';
import { manualClock, type ManualClock } from './clock.ts';
import { DnsError } from './dns.ts';
import {
  beginRotation,
  freeSuffix,
  isRotationDue,
  lookForKeys,
  mayActivate,
  seenSince,
  tendKeys,
} from './dkim-rotation.ts';
import { createSendingDomain } from './identity.ts';
import { silentLog } from './log.ts';
import { readDkimKey } from './mail/dkim-key.ts';
import type { Runtime } from './runtime.ts';
import { createSecrets } from './secrets.ts';
import { dkimKeyById, dkimKeysOf, type DkimKey } from './store/dkim-key.ts';
import { domainIds } from './store/queue.ts';
import { eachEngine, type OpenStore } from './store/testing.ts';
import { createWake } from './wake.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

async function house(open: OpenStore, clock: ManualClock, rotate_days = 180) {
  const store = await open(clock);
  const zone = new Map<string, string>();
  let isDown = false;
  const runtime = {
    store,
    clock,
    log: silentLog,
    wake: createWake(),
    secrets: createSecrets(randomBytes(32)),
    config: schema.parse({ dkim: { rotate_days } }),
    dns: {
      forget() {},
      async txt(name: string) {
        if (isDown) throw new DnsError('SERVFAIL', name);
        const text = zone.get(name);
        if (text === undefined) throw new DnsError('NXDOMAIN', name);
        return [text];
      },
    },
  } as unknown as Runtime;
  const id = await createSendingDomain(runtime, { name: 'example.org' });
  const keys = () => dkimKeysOf(store.read, id);
  return {
    runtime,
    id,
    keys,
    states: async () =>
      Object.fromEntries((await keys()).toReversed().map(({ selector, state }) => [selector, state])),
    publish(made: readonly DkimKey[]) {
      for (const key of made) zone.set(`${key.selector}._domainkey.example.org`, key.record);
    },
    clear: () => zone.clear(),
    down: (is: boolean) => (isDown = is),
    /** The round of every minute, for so long. */
    async run(ms: number) {
      for (const end = clock.now() + ms; clock.now() < end;) {
        clock.advance(Math.min(10 * 60_000, end - clock.now()));
        await tendKeys(runtime);
      }
    },
    async frozen(state: string) {
      const now = clock.now();
      await store.write(async (tx) => {
        const domains = await domainIds(tx, ['example.net']);
        await tx
          .insertInto('delivery')
          .values({
            lane: 'bulk',
            origin_kind: 'campaign',
            origin_id: 1,
            recipient_key: state,
            address: `${state}@example.net`,
            domain_id: domains.get('example.net') as number,
            sending_domain_id: id,
            pool: 'marketing',
            state,
            due_at: now,
            queued_at: now,
            attempt: 1,
            fill: '{"dkim":[1]}',
          } as never)
          .execute();
      });
    },
    finish: () => store.write((tx) => tx.updateTable('delivery').set({ state: 'delivered' }).execute()),
  };
}

const start = Date.UTC(2026, 10, 23);

eachEngine((_name, open) => {
  test('a new pair signs only once both records were seen for an hour, and the old one steps back', async () => {
    const clock = manualClock(start);
    const it = await house(open, clock);
    const made = await beginRotation(it.runtime, it.id);
    expect(made.map((key) => key.selector).toSorted()).toEqual(['pe202611b', 'pr202611b']);
    const before = { pr202611: 'active', pe202611: 'active', pr202611b: 'pending', pe202611b: 'pending' };
    expect(await it.states()).toEqual(before);

    // Nothing published, then one record of the two: days change nothing.
    await it.run(DAY);
    it.publish(made.slice(0, 1));
    await it.run(DAY);
    expect(await it.states()).toEqual(before);

    it.publish(made);
    await tendKeys(it.runtime);
    await it.run(HOUR);
    // Seen once at most twice within the hour: the first sighting of the second record is not an hour old.
    expect(
      (await it.keys()).filter((key) => key.state === 'pending').every((key) => key.seen_at !== null),
    ).toBe(true);
    await it.run(HOUR);
    expect(await it.states()).toEqual({
      pr202611: 'retiring',
      pe202611: 'retiring',
      pr202611b: 'active',
      pe202611b: 'active',
    });
  });

  test('a record that vanishes begins anew, a resolver that is down proves nothing', async () => {
    const clock = manualClock(start);
    const it = await house(open, clock);
    const made = await beginRotation(it.runtime, it.id);
    const pendingSeen = async () => (await it.keys()).find((key) => key.state === 'pending')?.seen_at;
    it.publish(made);
    await tendKeys(it.runtime);
    expect(await pendingSeen()).toBe(start);
    it.down(true);
    await it.run(3 * HOUR);
    expect(await pendingSeen()).toBe(start);
    it.down(false);
    it.clear();
    await it.run(HOUR);
    expect(await pendingSeen()).toBeNull();
    it.publish(made);
    await it.run(2 * HOUR);
    expect((await it.states())['pr202611b']).toBe('active');
  });

  test('looking often does not make it an hour', async () => {
    const clock = manualClock(start);
    const it = await house(open, clock);
    it.publish(await beginRotation(it.runtime, it.id));
    for (let look = 0; look < 20; look++) {
      expect(await lookForKeys(it.runtime, { id: it.id, name: 'example.org' })).toBe(false);
      clock.advance(60_000);
    }
    clock.advance(40 * 60_000);
    expect(await lookForKeys(it.runtime, { id: it.id, name: 'example.org' })).toBe(true);
  });

  test('the old key keeps its secret for a week and for as long as mail is frozen with it', async () => {
    const clock = manualClock(start);
    const it = await house(open, clock);
    await it.frozen('held');
    it.publish(await beginRotation(it.runtime, it.id));
    await it.run(2 * HOUR);
    await it.run(8 * DAY);
    const old = async () => (await it.keys()).filter((key) => key.selector.endsWith('202611'));
    const sealedOf = async (id: number) =>
      (await dkimKeyById(it.runtime.store.read, id))?.sealed ?? new Uint8Array();
    for (const key of await old()) {
      expect(key.state).toBe('retiring');
      expect(readDkimKey(it.runtime.secrets.open('dkim', await sealedOf(key.id))).algorithm).toBe(
        key.algorithm,
      );
    }
    await it.finish();
    await it.run(HOUR);
    for (const key of await old()) {
      expect(key.state).toBe('retired');
      expect(await sealedOf(key.id)).toHaveLength(0);
    }
  });

  test('no second rotation begins while one waits, and the schedule begins one by itself', async () => {
    const clock = manualClock(start);
    const it = await house(open, clock, 30);
    await it.run(DAY);
    expect(await it.keys()).toHaveLength(2);
    clock.advance(29 * DAY);
    await tendKeys(it.runtime);
    expect(await it.keys()).toHaveLength(4);
    clock.advance(90 * DAY);
    await tendKeys(it.runtime);
    expect(await it.keys()).toHaveLength(4);
    await expect(beginRotation(it.runtime, it.id)).rejects.toThrow('waits for its record');
  });
});

test('what a look says, by what was known', () => {
  const table: [number | null, Parameters<typeof seenSince>[1], number | null][] = [
    [null, 'right', 5],
    [3, 'right', 3],
    [3, 'absent', null],
    [null, 'absent', null],
    [3, 'unknown', 3],
    [null, 'unknown', null],
  ];
  for (const [before, found, expected] of table) expect(seenSince(before, found, 5)).toBe(expected);
  expect(mayActivate({ seen_at: 0, looked_at: HOUR })).toBe(true);
  expect(mayActivate({ seen_at: 0, looked_at: HOUR - 1 })).toBe(false);
  expect(mayActivate({ seen_at: null, looked_at: HOUR })).toBe(false);
});

test('a selector is never used twice', () => {
  const known: { selector: string }[] = [];
  const now = Date.UTC(2026, 10, 1);
  const seen = new Set<string>();
  for (let at = 0; at < 60; at++) {
    const suffix = freeSuffix(known, now);
    expect(seen.has(suffix)).toBe(false);
    seen.add(suffix);
    known.push({ selector: `${at % 2 ? 'pr' : 'pe'}${suffix}` });
  }
  expect([...seen].slice(0, 2)).toEqual(['202611', '202611b']);
});

test('keys are due for a change by their age in use, unless that is switched off', () => {
  const key = { state: 'active' as const, created_at: 0, activated_at: 10 * DAY };
  expect(isRotationDue([key], 180, 189 * DAY)).toBe(false);
  expect(isRotationDue([key], 180, 190 * DAY)).toBe(true);
  expect(isRotationDue([key], 0, 9999 * DAY)).toBe(false);
  expect(isRotationDue([{ ...key, state: 'retired' }], 180, 9999 * DAY)).toBe(false);
});
