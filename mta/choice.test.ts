import { expect, test } from 'vitest';
import { deal, Rota, type Candidate } from './choice.ts';

const names = 'abc';
const candidates = (weights: number[], room = 100): Candidate[] =>
  weights.map((weight, at) => ({ id: at + 1, weight, room }));

test.each([
  [[1], 3, 'aaa'],
  [[1, 1], 6, 'ababab'],
  [[2, 1], 6, 'abaaba'],
  [[5, 1, 1], 7, 'aabacaa'],
  [[3, 0, 1], 4, 'aaca'],
  [[0, 0], 2, '--'],
  [[], 2, '--'],
])('weights %j take turns smoothly: %i turns are %s', (weights, times, expected) => {
  const turns = new Rota();
  const taken = Array.from({ length: times }, () => turns.next(candidates(weights)));
  expect(taken.map((id) => (id === undefined ? '-' : names[id - 1])).join('')).toBe(expected);
});

test('over many turns each takes its share exactly', () => {
  const turns = new Rota();
  const count = [0, 0, 0];
  for (let turn = 0; turn < 1000; turn++) count[(turns.next(candidates([7, 2, 1])) as number) - 1]!++;
  expect(count).toEqual([700, 200, 100]);
});

interface Item {
  key: string;
  source_id: number | null;
}
const fresh = (count: number): Item[] =>
  Array.from({ length: count }, (_, at) => ({ key: String(at), source_id: null }));
const handed = (items: Item[], to: Candidate[]) => {
  const { hands, left } = deal(items, (item) => item, to, new Rota());
  return {
    hands: Object.fromEntries([...hands].map(([id, hand]) => [id, hand.map((item) => item.key).join(' ')])),
    left: left.length,
  };
};

test('a retry leaves from the address of the time before', () => {
  const items = [2, 2, null, 1].map((source_id, at) => ({ key: String(at), source_id }));
  expect(handed(items, candidates([1, 1]))).toEqual({ hands: { 1: '2 3', 2: '0 1' }, left: 0 });
});

test('a retry leaves from another address when its own may not send', () => {
  expect(handed([{ key: 'x', source_id: 9 }], candidates([1]))).toEqual({ hands: { 1: 'x' }, left: 0 });
  expect(
    handed(
      [{ key: 'x', source_id: 1 }],
      [
        { id: 1, weight: 1, room: 0 },
        { id: 2, weight: 1, room: 5 },
      ],
    ),
  ).toEqual({ hands: { 2: 'x' }, left: 0 });
});

test('nobody gets more than there is room for, and the rest is left', () => {
  expect(
    handed(fresh(5), [
      { id: 1, weight: 9, room: 1 },
      { id: 2, weight: 1, room: 2 },
    ]),
  ).toEqual({ hands: { 1: '0', 2: '1 2' }, left: 2 });
});
