/** The checks on who would get it: that there is somebody, that each may be mailed, and what speaks against the list. */
import type { AudienceFacts } from '../store/campaign-audience.ts';
import type { AudienceSize } from './audience.ts';
import { check, type Check } from './check.ts';

export interface AudienceSaid extends AudienceFacts {
  isChosen: boolean;
  /** At domains that take no mail. */
  noMail: number;
  size: AudienceSize;
  /** When its lists were last mailed; null: never, or they are none. */
  lastMailed: number | null;
  hasLists: boolean;
  week: { delivered: number; complained: number };
}

const DAY_MS = 86_400_000;
/** Beyond this share a fault of the list is told. */
const TELLING = 0.02;
/** A share of dead domains beyond which the list itself is at fault. */
const DEAD = 0.05;
/** Google: stay below 0.1 %, never reach 0.3 %. */
const SPAM_RATE = 0.0008;

export function audienceChecks(facts: AudienceSaid, now: number): Check[] {
  const { isChosen, size, people } = facts;
  const step = 'audience' as const;
  if (!isChosen)
    return [
      check(step, 'audience.none', 'block', 'no list and no segment is chosen', {
        fix: 'choose who gets it',
        overridable: false,
      }),
    ];
  if (size.mailable === 0)
    return [
      check(step, 'audience.empty', 'block', 'nobody would get it', {
        fix: 'choose a list or segment with people who may be mailed',
        overridable: false,
      }),
    ];
  const checks = [
    check(step, 'audience', 'ok', `${size.mailable} people get it, ${size.suppressed} may not be mailed`),
  ];
  const share = (count: number) => count / Math.max(1, people);
  const percent = (count: number) => `${(100 * share(count)).toFixed(1)} %`;
  if (facts.withoutBasis > 0)
    checks.push(
      check(
        step,
        'audience.basis',
        'block',
        `${facts.withoutBasis} people never agreed to be mailed and are on no list`,
        {
          about: String(facts.withoutBasis),
          fix: 'take them out by a condition, or put them on the list that they agreed to',
        },
      ),
    );
  if (facts.noMail > 0)
    checks.push(
      check(
        step,
        'audience.no-mail',
        share(facts.noMail) > DEAD ? 'block' : 'warn',
        `${facts.noMail} addresses are at domains that take no mail`,
        {
          about: String(facts.noMail),
          fix: 'clean the list; they would end without being dialled for',
        },
      ),
    );
  const doubtful = facts.roles + facts.typos + facts.disposable;
  if (share(doubtful) > TELLING)
    checks.push(
      check(
        step,
        'audience.doubtful',
        'warn',
        `${percent(doubtful)} of the addresses are no person’s own: ${facts.roles} role, ${facts.typos} misspelt, ${facts.disposable} disposable`,
        { about: percent(doubtful), fix: 'find out where they came from' },
      ),
    );
  if (facts.trackedWithoutConsent > 0)
    checks.push(
      check(
        step,
        'audience.tracking',
        'warn',
        `${facts.trackedWithoutConsent} people are tracked without having agreed to it`,
        {
          about: String(facts.trackedWithoutConsent),
          fix: 'set their tracking to none, or ask them',
        },
      ),
    );
  if (facts.hasLists && facts.lastMailed === null)
    checks.push(
      check(step, 'audience.first', 'warn', 'no campaign went to this list yet', {
        fix: 'begin with a small part of it',
      }),
    );
  else if (facts.lastMailed !== null && now - facts.lastMailed > 365 * DAY_MS)
    checks.push(
      check(step, 'audience.idle', 'warn', 'this list was last mailed more than a year ago', {
        fix: 'begin with those who wrote or bought since',
      }),
    );
  const { delivered, complained } = facts.week;
  if (delivered >= 1000 && complained / delivered > SPAM_RATE)
    checks.push(
      check(
        'checks',
        'audience.spam-rate',
        'warn',
        `${((100 * complained) / delivered).toFixed(2)} % of the last seven days’ mail was reported as spam`,
        {
          fix: 'send less, to people who want it, until it is below 0.08 %',
        },
      ),
    );
  return checks;
}

/** Beyond this share of people who had enough, the audience is mailed too often. */
const TIRED = 0.3;

/** What the caps and people's own wishes will do to it, as they stand now. */
export function frequencyChecks({
  leftOut,
  putOff,
  people,
}: {
  leftOut: number;
  putOff: number;
  people: number;
}): Check[] {
  const checks: Check[] = [];
  if (leftOut > 0)
    checks.push(
      check(
        'audience',
        'audience.left-out',
        leftOut / Math.max(1, people) > TIRED ? 'warn' : 'ok',
        `${leftOut} people had as many mails as they may get: they are left out`,
        {
          about: String(leftOut),
          fix: 'send less often, or to fewer people; the caps are under Audience, Pressure',
        },
      ),
    );
  if (putOff > 0)
    checks.push(
      check(
        'audience',
        'audience.put-off',
        'ok',
        `${putOff} people get it later, when their cap lets it through`,
        {
          about: String(putOff),
        },
      ),
    );
  return checks;
}
