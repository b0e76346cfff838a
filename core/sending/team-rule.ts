/**
 * A team's own rules for replies: what they must be before they are believed. The words must fit the sample that they were
 * written for, and no reply that another rule is for: the team's come first, so they would take it over unseen.
 */
import type { ReplyRule, RuleAction } from '../../config/provider-rules.ts';
import { defaultProvider, providers } from '../../config/providers.ts';
import type { NewTeamRule, TeamRule } from '../store/shaping.ts';
import { replyWords, wordsFault } from './reply-words.ts';

/** As the MTA asks it. */
export function placedRule(row: TeamRule<RuleAction>): { place: string; rule: ReplyRule } {
  return {
    place: row.place,
    rule: {
      id: teamRuleId(row.id),
      pattern: replyWords(row.pattern),
      action: row.action,
      times: row.times,
      withinMs: row.within_ms,
      forMs: row.for_ms,
      samples: [row.sample],
    },
  };
}

export const teamRuleId = (id: number): string => `team-${id}`;

/** Replies that every rule must leave alone: nothing is wrong with the pace when a person does not exist. */
const ORDINARY = [
  '550 5.1.1 <anna@example.net>: Recipient address rejected: User unknown in virtual mailbox table',
  '552 5.2.2 <anna@example.net>: Mailbox full, quota exceeded',
  '450 4.2.0 <anna@example.net>: Recipient address rejected: Greylisted',
];

/** What is wrong with a rule, by field; empty when it may be written down. */
export function teamRuleFaults(
  rule: NewTeamRule<RuleAction>,
  others: readonly TeamRule<RuleAction>[],
): Record<string, string> {
  const wrong = wordsFault(rule.pattern);
  if (wrong !== undefined) return { pattern: wrong };
  const faults: Record<string, string> = {};
  if (!/^[45]\d\d\b/.test(rule.sample))
    faults.sample = 'must begin with the code of a refusal, like 421 or 550';
  const words = replyWords(rule.pattern);
  if (!words.test(rule.sample)) faults.sample ??= 'is not a reply that these words are found in';
  const taken = takenFrom(rule, words.test, others);
  if (taken !== undefined) faults.pattern = taken;
  return faults;
}

function takenFrom(
  { place }: NewTeamRule<RuleAction>,
  test: (reply: string) => boolean,
  others: readonly TeamRule<RuleAction>[],
): string | undefined {
  const ordinary = ORDINARY.find(test);
  if (ordinary !== undefined) return `also fits an ordinary reply about one recipient: ${ordinary}`;
  // A rule for everywhere meets the rules of every provider; one for a site only those for everyone.
  const rows =
    place === ''
      ? [defaultProvider, ...providers]
      : [providers.find((row) => row.id === place) ?? defaultProvider];
  for (const { id, samples } of rows.flatMap((row) => row.rules)) {
    const sample = samples.find(test);
    if (sample !== undefined) return `also fits a reply of the rule ${id}: ${sample}`;
  }
  const own = others
    .filter((one) => one.place === place || one.place === '' || place === '')
    .find((one) => test(one.sample));
  return own === undefined ? undefined : `also fits the sample of your rule ${own.id}: ${own.sample}`;
}
