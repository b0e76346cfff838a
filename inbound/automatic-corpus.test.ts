/**
 * The figures of docs/automatic-answers.md: our own automatic answers in four languages and seven dialects, with people's
 * replies that speak of holidays and colleagues. One half was seen while the rules were written; the other was written
 * before them and never read again, only counted.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { read } from './read.ts';

const DAY = /^\d{4}-\d\d-\d\d$/;
const person = z.strictObject({ name: z.string(), address: z.string() });
const line = z.strictObject({
  language: z.enum(['en', 'fr', 'de', 'es']),
  dialect: z.enum(['outlook', 'exchange', 'gmail', 'zimbra', 'sieve', 'ticket', 'bare', 'human']),
  at: z.string().regex(DAY),
  subject: z.string(),
  text: z.string(),
  expect: z.strictObject({
    /** First working day back. */
    until: z.string().regex(DAY).optional(),
    /** Two days that it may be: proposed, not acted upon. */
    maybe: z.array(z.string().regex(DAY)).length(2).optional(),
    delegates: z.array(person).optional(),
    left: z.literal(true).optional(),
    successor: person.optional(),
    new: z.string().optional(),
    human: z.literal(true).optional(),
    intent: z.literal('not-now').optional(),
    not_before: z.string().regex(DAY).optional(),
  }),
});
type Line = z.infer<typeof line>;

/** What each program puts on its answers. */
const FIELDS: Record<Line['dialect'], string[]> = {
  outlook: [
    'Auto-Submitted: auto-generated',
    'X-Auto-Response-Suppress: All',
    'X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent',
  ],
  exchange: [
    'X-MS-Exchange-Inbox-Rules-Loop: someone@there.example',
    'X-Auto-Response-Suppress: DR, OOF, AutoReply',
  ],
  gmail: ['Auto-Submitted: auto-replied', 'Precedence: bulk', 'X-Autoreply: yes'],
  zimbra: ['Auto-Submitted: auto-replied (zimbra; vacation)', 'Precedence: bulk'],
  sieve: ['Auto-Submitted: auto-replied (vacation)'],
  ticket: ['Auto-Submitted: auto-generated', 'X-Auto-Response-Suppress: All', 'Precedence: bulk'],
  bare: ['Return-Path: <>'],
  human: ['In-Reply-To: <c.1@shop.example>', 'User-Agent: Mozilla Thunderbird'],
};

const corpus = (half: string) =>
  readFileSync(new URL(`corpus/automatic-${half}.jsonl`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((text) => line.parse(JSON.parse(text)));

const dayOf = (at: number | null | undefined) =>
  at == null ? undefined : new Date(at).toISOString().slice(0, 10);

function judge({ at, subject, text, dialect }: Line) {
  const raw = [
    'From: Someone <someone@there.example>',
    'To: offers@shop.example',
    `Date: ${new Date(`${at}T10:00:00Z`).toUTCString().replace('GMT', '+0000')}`,
    `Subject: =?utf-8?B?${Buffer.from(subject).toString('base64')}?=`,
    ...FIELDS[dialect],
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    '',
    text,
    '',
  ];
  const { verdict } = read(Buffer.from(raw.join('\r\n')), {
    mailFrom: dialect === 'human' ? 'someone@there.example' : undefined,
    purposes: ['r'],
    now: Date.parse(`${at}T10:00:05Z`),
  });
  return verdict;
}

export type Tally = Record<string, { right: number; of: number }>;

function score(lines: Line[], misses: string[]): Tally {
  const tally: Tally = {};
  const count = (what: string, isRight: boolean, one: Line, got: unknown) => {
    const row = (tally[what] ??= { right: 0, of: 0 });
    row.of++;
    if (isRight) row.right++;
    else
      misses.push(`${what}: ${one.language} ${one.at} “${one.text.slice(0, 90)}” got ${JSON.stringify(got)}`);
  };
  for (const one of lines) {
    const { expect: want } = one;
    const verdict = judge(one);
    if (want.human === true) {
      count('people taken for people', verdict.kind === 'reply', one, verdict.kind);
      continue;
    }
    count('automatic answers found', verdict.kind === 'autoreply', one, [verdict.kind, verdict.rules]);
    const told = verdict.told;
    const until = dayOf(verdict.awayUntil);
    const named = (told?.people ?? []).map(({ role, name, address }) => ({ role, name, address }));
    if (want.until !== undefined) count('return date', until === want.until, one, [until, told?.absence]);
    else count('acts on no date that is not said', until === undefined, one, until);
    if (want.until !== undefined)
      count('no wrong date acts', until === undefined || until === want.until, one, until);
    if (want.maybe !== undefined) {
      const days = [dayOf(told?.absence?.until), dayOf(told?.absence?.other)];
      count(
        'doubtful date proposed',
        told?.absence?.isDoubtful === true && days.join() === want.maybe.join(),
        one,
        days,
      );
    }
    if (want.left === true) count('has left', told?.hasLeft === true, one, verdict.detail);
    else count('has not left', told?.hasLeft !== true, one, verdict.detail);
    const people = [
      ...(want.delegates ?? []).map((who) => ({ role: 'delegate', ...who })),
      ...(want.successor === undefined ? [] : [{ role: 'successor', ...want.successor }]),
      ...(want.new === undefined ? [] : [{ role: 'new-address', name: '', address: want.new }]),
    ];
    for (const who of people) {
      const got = named.find((other) => other.address === who.address && other.role === who.role);
      count(`${who.role}: address`, got !== undefined, one, named);
      if (who.name !== '') count(`${who.role}: name`, got?.name === who.name, one, named);
    }
    const extra = named.filter((who) => !people.some((other) => other.address === who.address));
    count('names nobody who is not named', extra.length === 0, one, extra);
  }
  return tally;
}

const halves = { seen: corpus('seen'), held: corpus('held-back') };

describe('automatic answers', () => {
  test('the corpus is as large as is said', () => {
    const all = [...halves.seen, ...halves.held];
    expect(all.filter((one) => one.expect.human !== true).length).toBeGreaterThanOrEqual(160);
    expect(all.filter((one) => one.expect.human === true).length).toBeGreaterThanOrEqual(60);
  });

  test('the half that was seen is read as it was meant', () => {
    const misses: string[] = [];
    const tally = score(halves.seen, misses);
    if (process.env['TALLY'] === '1') console.log(tally, misses.join('\n'));
    expect(misses).toEqual([]);
  });

  test('the half that was held back is read as docs/automatic-answers.md says', () => {
    const tally = score(halves.held, []);
    if (process.env['TALLY'] === '1') console.log(tally);
    for (const [what, least] of Object.entries(HELD_BACK)) {
      const row = tally[what] ?? { right: 0, of: 0 };
      expect(row.right, `${what}, of ${row.of}`).toBeGreaterThanOrEqual(least);
    }
  });
});

/** As measured; a change may only better it. */
const HELD_BACK: Record<string, number> = {
  'automatic answers found': 84,
  'people taken for people': 32,
  'return date': 52,
  'no wrong date acts': 53,
  'acts on no date that is not said': 30,
  'doubtful date proposed': 2,
  'has left': 9,
  'has not left': 75,
  'successor: address': 9,
  'successor: name': 9,
  'delegate: address': 19,
  'delegate: name': 16,
  'new-address: address': 7,
  'names nobody who is not named': 84,
};
