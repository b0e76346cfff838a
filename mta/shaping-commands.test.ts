/** `parley shaping` as an admin types it: what it prints, and what it changes. */
import { Command } from 'commander';
import { expect, onTestFinished, test, vi } from 'vitest';
import { manualClock } from '../core/clock.ts';
import type { Runtime } from '../core/runtime.ts';
import { addSource } from '../core/store/identity.ts';
import type { Store } from '../core/store/open.ts';
import { overrides } from '../core/store/shaping.ts';
import { openTestStore } from '../core/store/testing.ts';
import { activeThrottles, addThrottle } from '../core/store/throttle.ts';
import { createWake } from '../core/wake.ts';
import { shapingCommands } from './shaping-commands.ts';

const clock = manualClock();

async function parley(store: Store, ...words: string[]): Promise<string> {
  const lines: string[] = [];
  const spy = vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  onTestFinished(() => spy.mockRestore());
  const program = new Command('parley').exitOverride();
  const runtime = { store, clock, wake: createWake() } as unknown as Runtime;
  shapingCommands(program, { withRuntime: (work) => work(runtime) });
  await program.parseAsync(['shaping', ...words], { from: 'user' });
  spy.mockRestore();
  return lines.join('\n');
}

test('numbers are set for all sources and for one, listed as your own, and reset', async () => {
  const store = await openTestStore(clock);
  await store.write((tx) =>
    addSource(tx, {
      name: 'lyon',
      ip: '192.0.2.1',
      ehlo: 'l.example',
      pool: 'marketing',
      created_at: 0,
    } as never),
  );
  await parley(store, 'set', 'orange', '--connections', '1', '--rate', '30/min', '--note', 'they asked');
  await parley(store, 'set', 'orange', '--per-connection', '5', '--source', 'lyon', '--json');
  expect(await overrides(store.read)).toMatchObject([
    {
      place: 'orange',
      source_id: null,
      connections: 1,
      rate_messages: 30,
      rate_per_ms: 60_000,
      note: 'they asked',
    },
    { place: 'orange', source_id: 1, messages_per_connection: 5, connections: null },
  ]);
  const listed = await parley(store, 'list');
  expect(listed).toMatch(/^orange +1 connections +100 on each +30\/min +TLS +your own$/m);
  expect(listed).toMatch(/^orange for lyon: 5 on each$/m);
  expect(listed).toMatch(/^google +5 connections +50 on each +480\/min +TLS +2026-11-22$/m);
  expect(JSON.parse(await parley(store, '--json')).overrides).toHaveLength(2);
  await parley(store, 'reset', 'orange');
  await parley(store, 'reset', 'orange', '--source', 'lyon');
  expect(await overrides(store.read)).toEqual([]);
});

test.each([
  [['set', 'orange'], /at least one number/],
  [['set', 'orange', '--rate', '5'], /not like 60\/min/],
  [['set', 'orange', '--connections', '0'], /above 0/],
  [['set', 'nowhere', '--connections', '1'], /neither a provider/],
  [['set', 'orange', '--connections', '1', '--source', 'x'], /no source x/],
  [['release', '99'], /not in force/],
])('%j is refused in words', async (words, fault) => {
  await expect(parley(await openTestStore(clock), ...words)).rejects.toThrow(fault);
});

test('a block is listed with its words and its next message, and released', async () => {
  const store = await openTestStore(clock);
  await store.write((tx) =>
    addThrottle(tx, {
      sourceId: 1,
      site: 'mx.example',
      kind: 'blocked',
      rule: 'class-block-policy',
      reply: '554 5.7.1 go away',
      since: clock.now(),
      until: null,
      cause: 'policy',
    }),
  );
  const next = new Date(clock.now() + 3_600_000).toISOString();
  expect(await parley(store, 'list')).toContain(
    `1  blocked  mx.example from source 1, until a person or a green look; one message at ${next}: 554 5.7.1 go away`,
  );
  expect(await parley(store, 'check', '1')).toMatch(/nothing of ours to look at[^]*the block stands/);
  await parley(store, 'release', '1');
  expect(await activeThrottles(store.read, clock.now())).toEqual([]);
});
