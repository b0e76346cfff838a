import { expect, test } from 'vitest';
import { TRAP } from '../campaign/link-table.ts';
import { machines, people, type CorpusHit, type Sequence } from './corpus.ts';
import { factsOf } from './hit.ts';
import { HOLD_MS, judge, REMEMBER_MS, type Hit } from './verdict.ts';
import { visitors } from './visitors.ts';

const ACCEPTED = Date.UTC(2026, 10, 23, 9);
const KEY = Buffer.alloc(32, 1);
const LIKE: Record<'person' | 'machine' | 'again', string> = {
  person: 'person',
  machine: 'machine',
  again: 'again',
};

const hitOf = ([seconds, what, name]: CorpusHit, secure: boolean): Hit => {
  const [method, target] = String(what).startsWith('head ')
    ? ['HEAD', String(what).slice(5)]
    : ['GET', String(what)];
  return {
    at: ACCEPTED + seconds * 1000,
    link: target === 'open' ? 0 : target === 'trap' ? TRAP : Number(target),
    facts: factsOf({ method, secure, ...visitors[name] }, KEY),
  };
};
const verdicts = ({ hits, links = 5 }: Sequence, secure = true): string[] =>
  judge(
    hits.map((hit) => hitOf(hit, secure)),
    { acceptedAt: ACCEPTED, links },
  ).map((verdict) => verdict.who);

test.each(machines)('no person: $name', (sequence) => {
  expect(verdicts(sequence)).toEqual(sequence.hits.map((hit) => LIKE[hit[3]]));
});
test.each(people)('every person: $name', (sequence) => {
  expect(verdicts(sequence)).toEqual(sequence.hits.map((hit) => LIKE[hit[3]]));
});

test('the corpus holds 112 hits of machines and 52 of people, in at least 60 sequences', () => {
  const all = [...machines, ...people].flatMap((sequence) => sequence.hits);
  const count = (who: string) => all.filter((hit) => hit[3] === who).length;
  expect([count('machine'), count('person')]).toEqual([112, 52]);
  expect(machines.length + people.length).toBeGreaterThanOrEqual(60);
  expect(new Set([...machines, ...people].map((one) => one.name)).size).toBe(machines.length + people.length);
  expect(machines.every((one) => one.hits.every((hit) => hit[3] === 'machine'))).toBe(true);
  expect(people.every((one) => one.hits.some((hit) => hit[3] === 'person'))).toBe(true);
});

test('a verdict given after ten seconds is the one that a minute would give', () => {
  for (const sequence of [...machines, ...people]) {
    const hits = sequence.hits.map((hit) => hitOf(hit, true));
    const message = { acceptedAt: ACCEPTED, links: sequence.links ?? 5 };
    const early = hits.map((hit, place) => {
      const seen = hits.filter((one) => one.at <= hit.at + HOLD_MS && one.at >= hit.at - REMEMBER_MS);
      return judge(seen, message)[seen.indexOf(hit)]!.who + place;
    });
    expect(early, sequence.name).toEqual(judge(hits, message).map((one, place) => one.who + place));
  }
});

test('where the links are http, browsers need not say what they fetch for', () => {
  for (const sequence of people) expect(verdicts(sequence, false)).toEqual(verdicts(sequence));
});

test('an open through a picture proxy is a person’s, and its moment is not believed', () => {
  const at = (name: 'gmail' | 'thunderbird') =>
    judge([hitOf([300, 'open', name, 'person'], true)], { acceptedAt: ACCEPTED, links: 1 })[0];
  expect(at('gmail')).toEqual({ who: 'person', timed: false });
  expect(at('thunderbird')).toEqual({ who: 'person', timed: true });
});

test('what is kept of a hit names neither address nor agent, and another key gives another name', () => {
  const facts = factsOf({ method: 'GET', secure: true, ...visitors.windows }, KEY);
  expect(JSON.stringify(facts)).not.toMatch(/176|138|Chrome|Windows/);
  expect(facts.visitor).not.toBe(
    factsOf({ method: 'GET', secure: true, ...visitors.windows }, Buffer.alloc(32, 2)).visitor,
  );
});

test('a flood of hits on one message is judged in no time', () => {
  const hits = Array.from({ length: 300 }, (_, n) =>
    hitOf([100 + n / 10, (n % 5) + 1, 'windows', 'person'], true),
  );
  const began = performance.now();
  judge(hits, { acceptedAt: ACCEPTED, links: 5 });
  expect(performance.now() - began).toBeLessThan(500);
});
