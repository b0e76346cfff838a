import { expect, test } from 'vitest';
import { Replay } from './replay.ts';

const REFUSED = '550 5.1.1 no such user';
const LATER = '451 4.7.1 later';
const people = Array.from({ length: 4000 }, (_, at) => `p${at}@one.example`);

test('refusals and put-offs come in their shares; a refusal stays, a put-off is drawn anew', () => {
  const replay = new Replay(1, {
    gmail: [
      { says: REFUSED, share: 0.1 },
      { says: LATER, share: 0.2 },
    ],
  });
  const first = people.map((one) => replay.answer('gmail', one));
  const second = people.map((one) => replay.answer('gmail', one));
  const share = (answers: (string | null)[], says: string | null) =>
    answers.filter((one) => one === says).length / people.length;
  expect(share(first, REFUSED)).toBeCloseTo(0.1, 1);
  expect(share(first, LATER)).toBeCloseTo(0.18, 1);
  expect(second.map((one) => one === REFUSED)).toEqual(first.map((one) => one === REFUSED));
  expect(second.map((one) => one === LATER)).not.toEqual(first.map((one) => one === LATER));
});

test('a provider without a history takes everything', () => {
  expect(people.map((one) => new Replay(1, {}).answer('gmail', one)).every((one) => one === null)).toBe(true);
});
