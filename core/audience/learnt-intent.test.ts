/** What corrections teach, on small workspaces by table and on our own corpus with the rules made blind. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Intent } from '../../config/intent-phrases.ts';
import { countedWords, LearntIntents, type Example } from './learnt-intent.ts';

const staff = (text: string, intent: Intent): Example => ({
  words: countedWords(text),
  intent,
  from: 'staff',
});
const rules = (text: string, intent: Intent): Example => ({
  words: countedWords(text),
  intent,
  from: 'rules',
});

test('words are counted once, without accents, greetings, links and addresses', () => {
  expect([
    ...countedWords("Bonjour, l'échéancier de l’été ? Voir https://x.example/devis ou a@b.example. Été!"),
  ]).toEqual(['echeancier', 'ete', 'voir']);
});

test('a denied word is another word, up to three words on and no further than its sentence', () => {
  expect([...countedWords('We are not really interested. Interested otherwise')]).toEqual([
    'not really',
    'not interested',
    'interested',
    'otherwise',
  ]);
  expect([...countedWords('Je ne suis pas intéressé')]).toEqual(['pas interesse']);
});

test('a workspace that corrected nothing proposes nothing, whatever the rules read before', () => {
  const learnt = new LearntIntents([
    rules('the catalogue with prices', 'question'),
    rules('send the catalogue prices', 'question'),
  ]);
  expect(learnt.propose(countedWords('catalogue prices'), 'other')).toBeUndefined();
});

test('one correction is proposed again for the same words, and not for a single shared word', () => {
  const letter = 'Passez donc au showroom, le portail reste ouvert';
  const learnt = new LearntIntents([staff(letter, 'interested')]);
  expect(learnt.propose(countedWords(letter), 'other')).toMatchObject({ intent: 'interested' });
  expect(learnt.propose(countedWords('Le portail est cassé'), 'other')).toBeUndefined();
});

test('against a rule it takes more than against none', () => {
  const examples = [staff('portail showroom', 'interested')];
  const words = countedWords('portail showroom');
  expect(new LearntIntents(examples).propose(words, 'other')).toBeDefined();
  expect(new LearntIntents(examples).propose(words, 'question')).toBeUndefined();
  const twice = [...examples, ...examples];
  expect(new LearntIntents(twice).propose(words, 'question')).toMatchObject({ intent: 'interested' });
});

test('a word of every reply tips nothing', () => {
  const many = Array.from({ length: 40 }, (_, n) =>
    rules(`commande numéro ${'abcdefgh'[n % 8]}zzz livraison`, 'question'),
  );
  const learnt = new LearntIntents([...many, staff('commande livraison showroom', 'interested')]);
  expect(learnt.propose(countedWords('commande livraison'), 'other')).toBeUndefined();
});

test('the words that tipped it are named, the strongest first, with how many corrected replies hold them', () => {
  const learnt = new LearntIntents([
    staff('showroom samedi', 'interested'),
    staff('showroom portail', 'interested'),
    staff('showroom portail', 'interested'),
  ]);
  const words = learnt.propose(countedWords('showroom portail dimanche'), 'other')?.words;
  expect(words?.map(({ word, seen }) => [word, seen])).toEqual([
    ['showroom', 3],
    ['portail', 2],
  ]);
});

test('staff who say that the rules were right are heard against a proposal', () => {
  const letter = 'portail showroom';
  const learnt = [staff(letter, 'interested'), staff(letter, 'interested')];
  expect(new LearntIntents(learnt).propose(countedWords(letter), 'other')).toBeDefined();
  const confirmed = [staff(letter, 'other'), staff(letter, 'other'), staff(letter, 'other')];
  expect(new LearntIntents([...learnt, ...confirmed]).propose(countedWords(letter), 'other')).toBeUndefined();
});

test('every intent is ranked for the picker, what is proposed first', () => {
  const learnt = new LearntIntents([staff('portail showroom', 'interested')]);
  const ranked = learnt.rank(countedWords('portail showroom'), 'other').map(({ intent }) => intent);
  expect(ranked).toHaveLength(11);
  expect(ranked.slice(0, 2)).toEqual(['interested', 'other']);
});

const corpus = readFileSync(new URL('../../inbound/corpus/intent.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { text: string; intents: Intent[] })
  .filter((one) => one.intents[0] !== undefined);

/** Half of the corpus corrected by staff, the rules blind: what is proposed for the other half. */
function blind(half: number) {
  const taught = corpus
    .filter((_, n) => n % 2 === half)
    .map(({ text, intents }) => staff(text, intents[0] as Intent));
  const learnt = new LearntIntents(taught);
  const asked = corpus.filter((_, n) => n % 2 !== half);
  const proposed = asked.flatMap(({ text, intents }) => {
    const proposal = learnt.propose(countedWords(text), 'other');
    return proposal === undefined ? [] : [intents.includes(proposal.intent)];
  });
  return { asked: asked.length, proposed: proposed.length, right: proposed.filter(Boolean).length };
}

test('with the rules blind, what is proposed from half of our corpus for the other half is mostly right', () => {
  const runs = [blind(0), blind(1)];
  const sum = (key: 'asked' | 'proposed' | 'right') => runs.reduce((all, run) => all + run[key], 0);
  console.info(`proposed ${sum('proposed')} of ${sum('asked')}, right ${sum('right')}`);
  expect(sum('right') / sum('proposed')).toBeGreaterThan(0.6);
  expect(sum('proposed')).toBeGreaterThan(40);
});

test('corrections of one intent never drag the replies that the rules read as another along', () => {
  // Ten corrections to "interested" beside what the rules read: the rest of the corpus keeps its intents.
  const interested = corpus.filter(({ intents }) => intents[0] === 'interested').slice(0, 10);
  const rest = corpus.filter((one) => !interested.includes(one));
  const learnt = new LearntIntents([
    ...interested.map(({ text }) => staff(text, 'interested')),
    ...rest.map(({ text, intents }) => rules(text, intents[0] as Intent)),
  ]);
  const wrong = rest.filter(({ text, intents }) => {
    const proposal = learnt.propose(countedWords(text), intents[0] as Intent);
    return proposal !== undefined && !intents.includes(proposal.intent);
  });
  expect(wrong.map(({ text }) => text)).toEqual([]);
});
