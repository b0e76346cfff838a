import { readFileSync } from 'node:fs';
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

test('docs/bounce-classes.md has a line for each class, and it says what the code does', () => {
  const page = readFileSync(new URL('../../docs/bounce-classes.md', import.meta.url), 'utf8');
  const lines = page
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  expect(lines.map((cells) => cells[1]?.replaceAll('`', ''))).toEqual([...bounceClassNames]);
  const suppress = { now: 'at once', 'after-repeats': 'not by itself', never: 'never' };
  const does = {
    'give-up': /^ends this delivery$/,
    retry: /^tries again by the back-off$/,
    'retry-later': /long pause/,
    'slow-down': /^slows the source/,
    'one-connection': /one connection/,
    suspend: /for a while$/,
    block: /until released$/,
    'hold-campaign': /stop of the campaign/,
    'other-mx': /next host/,
  };
  for (const [, name = '', meaning, temporary, blame, suppresses, action] of lines) {
    const tuple = classified(name.replaceAll('`', '') as (typeof bounceClassNames)[number]);
    expect(meaning, name).not.toBe('');
    expect([temporary, blame, suppresses], name).toEqual([
      tuple.temporary ? 'yes' : 'no',
      tuple.blame,
      suppress[tuple.suppress],
    ]);
    expect(action, name).toMatch(does[tuple.action]);
  }
});
