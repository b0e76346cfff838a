/** Nothing that waits is forgotten: connections that die while they lie idle, places that close, wake-ups that were lost. */
import { expect, test } from 'vitest';
import { defaultProvider } from '../config/providers.ts';
import { systemClock } from '../core/clock.ts';
import { pick, stream } from '../lab/random.ts';
import { houseFor, people, Receiver } from './house.testing.ts';
import { Place } from './place.ts';
import { ReadyQueue, type Item, type ReadyWork } from './ready.ts';
import type { Source } from './source.ts';

const source = { id: 1, name: 'one', ip: '', ehlo: 'us.test' } as Source;
const items = (count: number): Item[] => Array.from({ length: count }, (_, id) => ({ id, lane: 'bulk' }));

function queueOf(over: Partial<ReadyWork<Item>>) {
  const place = new Place(1, 'mx.test', defaultProvider);
  const given: { items: Item[]; at: number }[] = [];
  const work: ReadyWork<Item> = {
    now: () => 0,
    sleep: async () => {},
    takeConnection: () => true,
    returnConnection: () => {},
    connect: async () => {
      throw new Error('not to be opened');
    },
    deliver: async () => undefined,
    giveBack: (back, at) => void given.push({ items: back, at }),
    sourceFailed: () => {},
    ...over,
  };
  return { queue: new ReadyQueue<Item>(source, 'mx.test', place, [], work), place, given };
}

test('what waits at a place that was blocked, with no connection left, goes back to the store', () => {
  const { queue, place, given } = queueOf({ takeConnection: () => false });
  queue.push(items(3));
  place.block('554 5.7.1 blocked', 'source-blocked', 0);
  queue.tend();
  expect(given.map((one) => one.items.length)).toEqual([3]);
  expect(queue.waiting).toBe(0);
});

test('what waits because all connections were in use goes once one is free, whoever should have said so', async () => {
  let isFull = true;
  const sent: number[] = [];
  const { queue } = queueOf({
    takeConnection: () => !isFull,
    deliver: async ({ id }) => {
      sent.push(id);
      return undefined;
    },
  });
  queue.push(items(3));
  expect(sent).toEqual([]);
  isFull = false;
  queue.tend();
  await expect.poll(() => [...sent].sort()).toEqual([0, 1, 2]);
});

test.each([1, 2, 3])(
  'a receiver that hangs up on idle connections, with a 421 or without, costs no message an attempt (seed %i)',
  { timeout: 40_000 },
  async (seed) => {
    const random = stream(seed);
    const receiver = await new Receiver().start();
    // Never while it still owes an answer: after its 250, and after a while that hits our next command as often as not.
    receiver.closes = () =>
      pick(
        [
          undefined,
          { afterMs: 0, words: '' },
          { afterMs: 1, words: '421 4.4.2 idle for too long\r\n' },
          { afterMs: Math.floor(random() * 12), words: '' },
          { afterMs: Math.floor(random() * 12), words: '421 4.4.2 idle for too long\r\n' },
        ],
        random(),
      );
    const all = people(400, (at) => `d${at % 7}.example`);
    // Real time: who waits for a second attempt is not there before the test ends.
    const house = await houseFor(receiver, all, systemClock());
    await house.start();
    await house.until({ delivered: all.length });
    const attempts = await house.runtime.store.read.selectFrom('attempt').select('number').execute();
    expect(attempts.filter(({ number }) => number > 1)).toEqual([]);
    expect(new Set(receiver.messages.map(({ to }) => to)).size).toBe(all.length);
  },
);
