import { expect, test } from 'vitest';
import { schema } from '../config/schema.ts';
import { blockWeight, isIncident, isOver, stopReason, type Harm, type Seen } from './harm.ts';

const { safety } = schema.parse({});
const NONE: Harm = { attempts: 0, hard: 0, complaints: 0, blocks: 0 };

test.each<[string, Partial<Harm>, ReturnType<typeof stopReason>]>([
  ['nothing happened', {}, undefined],
  ['1 of 3 bounced', { attempts: 3, hard: 1 }, undefined],
  ['19 of 20 bounced: too few to know', { attempts: 20, hard: 19 }, undefined],
  ['20 of 20 bounced', { attempts: 20, hard: 20 }, 'hard-bounces'],
  ['10 of 200 bounced: 5 % and not more', { attempts: 200, hard: 10 }, undefined],
  ['11 of 200 bounced', { attempts: 200, hard: 11 }, 'hard-bounces'],
  ['20 of 1,000 bounced', { attempts: 1000, hard: 20 }, undefined],
  ['4 complaints of 100', { attempts: 100, complaints: 4 }, undefined],
  ['5 complaints of 1,000', { attempts: 1000, complaints: 5 }, 'complaints'],
  ['5 complaints of 2,000: 0.25 %', { attempts: 2000, complaints: 5 }, undefined],
  ['6 complaints of 2,000: 0.3 % and not more', { attempts: 2000, complaints: 6 }, undefined],
  ['7 complaints of 2,000', { attempts: 2000, complaints: 7 }, 'complaints'],
  ['two suspicions', { attempts: 10, blocks: 2 }, undefined],
  ['a block', { attempts: 10, blocks: 3 }, 'block'],
])('%s', (_name, more, reason) => {
  expect(stopReason({ ...NONE, ...more }, safety)).toBe(reason);
});

test('one word against our name stops at once, a word against one message must be said three times', () => {
  expect(blockWeight('source-blocked', 'rcpt')).toBe(3);
  expect(blockWeight('dmarc-failed', 'rcpt')).toBe(3);
  expect(blockWeight('spam-content', 'rcpt')).toBe(1);
  expect(blockWeight('invalid-recipient', 'rcpt')).toBe(0);
  expect(blockWeight('rate-limited', 'rcpt')).toBe(0);
  expect(blockWeight(null, 'rcpt')).toBe(0);
  // Said before a message was named: about our address, which is blocked there, and no campaign's fault.
  expect(blockWeight('policy-refused', 'greeting')).toBe(0);
  expect(blockWeight('source-listed', 'ehlo')).toBe(0);
});

const seen = (attempts: number, unknown: number): Seen => ({ attempts, unknown });

test.each<[string, Seen, Seen, boolean]>([
  ['1 % as usual', seen(100, 1), seen(10_000, 100), false],
  ['9 % where 1 % is usual: below a tenth', seen(100, 9), seen(10_000, 100), false],
  ['11 % where 1 % is usual', seen(100, 11), seen(10_000, 100), true],
  ['11 % where 3 % is usual: less than five times', seen(100, 11), seen(10_000, 300), false],
  ['16 % where 3 % is usual', seen(100, 16), seen(10_000, 300), true],
  ['11 % of 40: too few', seen(40, 5), seen(10_000, 100), false],
  ['15 of 15', seen(15, 15), seen(10_000, 100), true],
  ['14 of 14: too few', seen(14, 14), seen(10_000, 100), false],
  [
    '30 % of a list at a provider that we do not know: the list may be bad',
    seen(100, 30),
    seen(50, 0),
    false,
  ],
  ['60 % there: no list is so bad', seen(100, 60), seen(50, 0), true],
])('an incident begins: %s', (_name, latest, usual, is) => {
  expect(isIncident(latest, usual, safety)).toBe(is);
});

test.each<[string, Seen, boolean]>([
  ['all denied', seen(50, 50), false],
  ['few attempts', seen(19, 0), false],
  ['half of the threshold', seen(20, 1), true],
  ['still above it', seen(20, 2), false],
])('an incident is over: %s', (_name, latest, is) => {
  expect(isOver(latest, seen(10_000, 100), safety)).toBe(is);
});
