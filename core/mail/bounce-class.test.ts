import { expect, test } from 'vitest';
import { bounceClassNames, classified, isBounceClass } from './bounce-class.ts';

test('no class of our own fault ever suppresses a person, and no temporary refusal does at once', () => {
  for (const name of bounceClassNames) {
    for (const temporary of [true, false]) {
      const tuple = classified(name, { temporary });
      if (tuple.blame !== 'recipient') expect(tuple.suppress, name).toBe('never');
      if (temporary) expect(tuple.suppress, name).not.toBe('now');
      if (temporary) expect(tuple.action, name).not.toBe('give-up');
      else expect(['retry', 'retry-later', 'other-mx'], name).not.toContain(tuple.action);
    }
  }
});

test('an unknown mailbox suppresses at once, a full one only when it repeats', () => {
  expect(classified('invalid-recipient')).toEqual({
    class: 'invalid-recipient',
    temporary: false,
    blame: 'recipient',
    suppress: 'now',
    action: 'give-up',
  });
  expect(classified('mailbox-full').suppress).toBe('after-repeats');
  expect(classified('mailbox-full', { temporary: false })).toMatchObject({
    action: 'give-up',
    suppress: 'after-repeats',
  });
});

test('names that are not classes are known as such, inherited ones too', () => {
  expect(isBounceClass('greylisted')).toBe(true);
  expect(isBounceClass('constructor')).toBe(false);
  expect(isBounceClass('hard')).toBe(false);
});
