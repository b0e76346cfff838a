import { expect, test } from 'vitest';
import { compare, ourLine, worldLine, type WorldFacts } from './demo-ledger.ts';
import type { LedgerEntry } from './mailbox.ts';

const entry = (address: string, accepted: string[], refusedAt: number[] = []): [string, LedgerEntry] => [
  address,
  {
    address,
    accepted: accepted.map((subject) => ({ subject }) as LedgerEntry['accepted'][number]),
    refused: refusedAt.map((at) => ({ at }) as LedgerEntry['refused'][number]),
    deferred: [],
  },
];

const facts: WorldFacts = {
  entries: new Map([
    entry('took@x.test', ['Summer']),
    entry('late@x.test', ['Summer']),
    entry('unknown@x.test', [], [10]),
    entry('earlier@x.test', [], [1]),
    entry('stranger@x.test', ['Summer']),
  ]),
  isOurs: (subject) => subject === 'Summer',
  from: 5,
  until: 20,
  bouncedLater: new Set(['late@x.test']),
  unmailable: new Set(['null@mx.test']),
  left: new Set(['gone@x.test']),
};

test.each([
  ['took@x.test', 'delivered'],
  ['late@x.test', 'delivered, then bounced'],
  ['unknown@x.test', 'bounced in session'],
  ['null@mx.test', 'bounced in session'],
  ['gone@x.test', 'suppressed'],
  ['earlier@x.test', 'nothing seen'],
])('the world says of %s: %s', (address, line) => {
  expect(worldLine(address, facts)).toBe(line);
});

test('a recipient that still waits is in no line', () => {
  expect(ourLine({ address: 'a', state: 'deferred', bounced_after_at: null })).toBe(null);
});

test('a recipient who differs, one twice in the ledger and one who is missing from it are all named', () => {
  const { differences } = compare(
    [
      { address: 'took@x.test', state: 'bounced', bounced_after_at: null },
      { address: 'late@x.test', state: 'delivered', bounced_after_at: 7 },
      { address: 'late@x.test', state: 'delivered', bounced_after_at: 7 },
    ],
    facts,
  );
  expect(differences.map((one) => one.address)).toEqual(['took@x.test', 'late@x.test', 'stranger@x.test']);
});
