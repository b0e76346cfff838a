/** A team's own reply rules: words that cannot run away, and refusals of rules that would take over others' replies. */
import { expect, test } from 'vitest';
import type { RuleAction } from '../../config/provider-rules.ts';
import { defaultProvider, providers } from '../../config/providers.ts';
import type { NewTeamRule } from '../store/shaping.ts';
import { replyWords, wordsFault } from './reply-words.ts';
import { placedRule, teamRuleFaults } from './team-rule.ts';

test.each([
  ['too many * from your IP', '421 Too many spams from your IP (192.0.2.1)', true],
  ['too many * from your IP', '421 from your IP too many', false],
  ['*quota*hour*', '451 hourly quota reached', false],
  ['*quota*hour*', '451 quota reached this hour', true],
  ['a.c+(', '550 a.c+( literally', true],
  ['a.c+(', '550 abc', false],
  ['***', '550 anything', false],
])('%s in %s: %s', (words, reply, fits) => expect(replyWords(words).test(reply)).toBe(fits));

test('words that would stop a regular expression for years are answered at once', () => {
  const began = performance.now();
  expect(replyWords('a*'.repeat(100)).test(`${'a'.repeat(2000)}!`)).toBe(true);
  expect(replyWords(`${'a*'.repeat(99)}b`).test('a'.repeat(20_000))).toBe(false);
  expect(performance.now() - began).toBeLessThan(500);
});

test('words of fewer than five letters, or of too many, are refused', () => {
  expect(wordsFault('4*')).toMatch(/five/);
  expect(wordsFault('from')).toMatch(/five/);
  expect(wordsFault('x'.repeat(201))).toMatch(/longer/);
  expect(wordsFault('slow down')).toBeUndefined();
});

const rule = (more: Partial<NewTeamRule<RuleAction>>): NewTeamRule<RuleAction> => ({
  place: 'orange',
  pattern: 'quota journalier * depasse',
  action: { kind: 'suspend' },
  times: 1,
  within_ms: 3_600_000,
  for_ms: 3_600_000,
  sample: '451 Quota journalier de 192.0.2.1 depasse',
  note: '',
  ...more,
});

test('a rule whose words are found in its sample, and in no other rule’s, is taken', () => {
  expect(teamRuleFaults(rule({}), [])).toEqual({});
});

test.each([
  ['a sample that its words are not in', { sample: '451 autre chose' }, 'sample', /not a reply/],
  ['a sample that is no refusal', { sample: '250 Quota journalier x depasse' }, 'sample', /refusal/],
  [
    'words of a rule of that provider',
    { pattern: 'trop de connexions', sample: '421 Trop de connexions' },
    'pattern',
    /orange-connections/,
  ],
  [
    'words of a rule for everyone',
    { pattern: 'too much mail', sample: '450 too much mail' },
    'pattern',
    /default-rate/,
  ],
  [
    'words of an ordinary reply about one person',
    { pattern: 'recipient address', sample: '550 recipient address' },
    'pattern',
    /ordinary/,
  ],
] as const)('refused: %s', (_, more, field, words) => {
  expect(teamRuleFaults(rule(more), [])[field]).toMatch(words);
});

test('a rule for everywhere meets the rules of every provider; one for a provider only that one’s', () => {
  const words = { pattern: 'part of their network', sample: '550 part of their network' };
  expect(teamRuleFaults(rule({ ...words, place: '' }), []).pattern).toMatch(/outlook-listed/);
  expect(teamRuleFaults(rule(words), [])).toEqual({});
});

test('a rule is refused when it fits the sample of another of the team’s own there', () => {
  const known = { ...rule({}), id: 4, set_by: null, at: 0 };
  const wide = rule({ pattern: 'quota journalier', sample: '450 quota journalier' });
  expect(teamRuleFaults(wide, [known]).pattern).toMatch(/your rule 4/);
  expect(teamRuleFaults({ ...wide, place: 'free' }, [known])).toEqual({});
});

test('a rule as the MTA asks it fires on its sample and on no sample of the table', () => {
  const { rule: placed } = placedRule({ ...rule({}), id: 4, set_by: null, at: 0 });
  expect(placed.id).toBe('team-4');
  expect(placed.samples.every((sample) => placed.pattern.test(sample))).toBe(true);
  for (const row of [defaultProvider, ...providers])
    for (const { samples } of row.rules) expect(samples.some((one) => placed.pattern.test(one))).toBe(false);
});
