/** `parley queue` as an admin types it: what it prints, and what it changes. */
import { Command } from 'commander';
import { afterEach, expect, test, vi, onTestFinished } from 'vitest';
import { manualClock } from '../core/clock.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Store } from '../core/store/open.ts';
import { claimDue, enqueueMessage, settle } from '../core/store/queue.ts';
import { addSource } from '../core/store/identity.ts';
import { openTestStore } from '../core/store/testing.ts';
import { createWake } from '../core/wake.ts';
import { commands } from './commands.ts';

const clock = manualClock();
const NOW = clock.now();

// A command that found nothing to do says so in its exit status.
afterEach(() => (process.exitCode = undefined));

/** Runs one command line against a store; answers what it printed. */
async function parley(store: Store, ...words: string[]): Promise<string[]> {
  const lines: string[] = [];
  const spy = vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  onTestFinished(() => spy.mockRestore());
  const program = new Command('parley').exitOverride();
  const runtime = { store, clock, wake: createWake() } as unknown as Runtime;
  commands(program, { withRuntime: (work) => work(runtime) });
  await program.parseAsync(['queue', ...words], { from: 'user' });
  spy.mockRestore();
  return lines;
}

/** Three messages: one deferred with a reply, two waiting, to two destinations. */
async function queueOfThree(): Promise<{ store: Store; ids: number[] }> {
  const store = await openTestStore(clock);
  const ids = await store.write((tx) =>
    enqueueMessage(
      tx,
      {
        messageId: 1,
        recipients: ['a@slow.example', 'b@slow.example', 'c@quick.example'],
        sendingDomainId: 1,
      },
      NOW - 3_600_000,
    ),
  );
  await store.write(async (tx) => {
    const domain = await tx
      .selectFrom('domain')
      .select('id')
      .where('name', '=', 'slow.example')
      .executeTakeFirstOrThrow();
    const claim = {
      lane: 'transactional',
      limit: 1,
      now: NOW,
      owner: 'me',
      leaseMs: 1000,
      nextAt: NOW,
      exceptCampaigns: [],
    } as const;
    const [row] = await claimDue(tx, { ...claim, domainIds: [domain.id] });
    await settle(
      tx,
      [
        {
          id: row?.id as number,
          attempt: 1,
          owner: 'me',
          state: 'deferred',
          due_at: NOW + 300_000,
          source_id: null,
          message_id: null,
          code: 450,
          enhanced: '4.7.1',
          reply: '450 4.7.1 greylisted, come back',
          mx: 'mx.slow.example',
          ip: '127.0.0.9',
          tls: '',
          class: 'greylisted',
          reason: 'the receiver wants to see a second attempt (greylisting)',
          outcome: 'deferred',
          began_at: NOW,
          ms: 42,
        },
      ],
      NOW,
    );
    // The other one for the same destination waits for its own time.
    await tx
      .updateTable('delivery')
      .set({ due_at: NOW + 900_000 })
      .where('state', '=', 'queued')
      .where('domain_id', '=', domain.id)
      .execute();
  });
  return { store, ids };
}

test('the summary names each destination with how many wait, since when, why, and the last reply', async () => {
  const { store } = await queueOfThree();
  expect(await parley(store)).toEqual([
    '2 queued, 0 on their way, 1 deferred, 0 held',
    'slow.example   2  oldest 60 min  the receiver said later; next attempt in 5 min    450 4.7.1 greylisted, come back',
    'quick.example  1  oldest 60 min  being sent',
  ]);
});

test('one delivery tells its attempts and what the receiver said', async () => {
  const { store, ids } = await queueOfThree();
  const story = await parley(store, 'show', String(ids[0]));
  expect(story).toContain('  waits: the receiver said later; next attempt in 5 min');
  expect(story).toContain('  attempt 1 2026-01-05 09:00: deferred at mx.slow.example [127.0.0.9] in 42 ms');
  expect(story).toContain('    450 4.7.1 greylisted, come back');
});

test('a held destination is one row, and release lets go of it', async () => {
  const { store } = await queueOfThree();
  const [said] = await parley(
    store,
    'hold',
    '--destination',
    'slow.example',
    '--reason',
    'too fast',
    '--json',
  );
  expect(JSON.parse(said as string)).toMatchObject({
    deliveries: 2,
    order: {
      kind: 'hold',
      by_kind: 'destination',
      target: 'slow.example',
      reason: 'too fast',
      made_by: null,
    },
  });
  expect((await parley(store)).join()).toMatch(/slow\.example.*held by a person/);
  expect(await parley(store, 'orders')).toEqual([
    '1  hold destination slow.example  2026-01-05 09:00  in force, 0 deliveries set aside  too fast',
  ]);
  expect(await parley(store, 'release', '--destination', 'slow.example')).toEqual([
    'released destination slow.example (order 1)',
  ]);
  expect((await parley(store)).join()).not.toMatch(/held by a person/);
  expect(await parley(store, 'release', '--destination', 'slow.example')).toEqual([
    'nothing holds destination slow.example',
  ]);
  expect(process.exitCode).toBe(1);
});

test('a purge counts first, and is an order only when it is meant', async () => {
  const { store } = await queueOfThree();
  const purge = ['purge', '--pool', 'transactional'];
  expect(await parley(store, ...purge)).toEqual(['3 deliveries would be purged; say --yes to do it']);
  expect(process.exitCode).toBe(1);
  expect(await parley(store, 'orders')).toEqual([]);
  process.exitCode = undefined;
  expect(await parley(store, ...purge, '--yes')).toEqual([
    'order 1: purge pool transactional, 3 deliveries, in force',
  ]);
  expect(process.exitCode).toBeUndefined();
  expect(await parley(store, 'orders')).toEqual([
    '1  purge pool transactional  2026-01-05 09:00  0 deliveries of 3',
  ]);
});

test('a source is drained by its name, and the summary names it', async () => {
  const { store } = await queueOfThree();
  await store.write((tx) =>
    addSource(tx, {
      name: 'paris',
      ip: '127.0.0.1',
      ehlo: 'paris.example.org',
      pool: 'transactional',
      weight: 1,
      paused: 0,
      note: '',
      created_at: NOW,
    }),
  );
  expect(await parley(store, 'reroute', '--destination', 'slow.example', '--to', 'transactional')).toEqual([
    'order 1: reroute destination slow.example to transactional, 2 deliveries, in force',
  ]);
  await expect(parley(store, 'reroute', '--pool', 'transactional', '--to', 'nowhere')).rejects.toThrow(
    /no source sends for the pool nowhere/,
  );
  await parley(store, 'drain', '--source', 'paris');
  expect(await parley(store)).toContain(
    'from paris (transactional)  0    takes no new work, ends what is on the wire  0 a minute',
  );
});

test('a delivery is held, released, retried and cancelled by its number', async () => {
  const { store, ids } = await queueOfThree();
  const id = String(ids[0]);
  expect(await parley(store, 'retry', '--delivery', id)).toEqual(['1 delivery']);
  expect(await parley(store, 'hold', '--delivery', id)).toEqual(['1 delivery']);
  expect(await parley(store, 'show', id)).toContain('  waits: held by a person');
  expect(await parley(store, 'release', '--delivery', id)).toEqual(['1 delivery']);
  expect(await parley(store, 'cancel', '--delivery', id)).toEqual(['1 delivery']);
  expect(await parley(store, 'cancel', '--delivery', id)).toEqual(['0 deliveries']);
  expect((await parley(store, 'show', id))[0]).toBe(`delivery ${id} to a@slow.example: cancelled`);
});

test('--json gives the same facts as data', async () => {
  const { store } = await queueOfThree();
  const [line] = await parley(store, '--json');
  const data = JSON.parse(line as string);
  expect(data.totals).toEqual({ queued: 2, active: 0, deferred: 1, held: 0 });
  expect(data.destinations[0]).toMatchObject({
    name: 'slow.example',
    reason: 'deferred',
    until: NOW + 300_000,
    last_code: 450,
  });
});

test.each([
  [['cancel'], /give one of campaign, destination, site, provider, source, pool/],
  [['cancel', '--campaign', 'x'], /--campaign must be a whole number/],
  [['hold', '--destination', 'nowhere.example'], /nothing was ever queued for nowhere\.example/],
  [['show', '999'], /there is no delivery 999/],
])('%j is refused in plain words', async (words, said) => {
  const { store } = await queueOfThree();
  await expect(parley(store, ...words)).rejects.toThrow(said);
});
