/**
 * What a person wants, read from their words in French, English, German and Spanish: rules that can be pointed at, no
 * guessing machine. They run on everything that is not quoted, signature included, since "unsubscribe me" stands there too;
 * our own footer is quoted text and never counts. The phrases are data (config/intent-phrases-*.ts).
 *
 *     sentence   every phrase of every language is tried; one that tells of leaving is taken back when the sentence asks
 *                how, sets a condition, tells of somebody else or says no
 *     message    of what was found the gravest counts; the rest is kept beside it
 *     alone      a wish to leave acts by itself only when the whole message is nothing but that (config's grammar)
 */
import type { Intent, IntentPhrases } from '../config/intent-phrases.ts';
import { english } from '../config/intent-phrases-en.ts';
import { french } from '../config/intent-phrases-fr.ts';
import { german } from '../config/intent-phrases-de.ts';
import { spanish } from '../config/intent-phrases-es.ts';
import { clausesOf, sentencesOf, type Sentence } from './intent-sentence.ts';
import { PhraseIndex } from './phrase-index.ts';
import { languageOf } from './words.ts';

export type { Intent } from '../config/intent-phrases.ts';

export interface IntentSign {
  intent: Intent;
  /** The rule's name, as staff read it: `en-remove-me`. */
  rule: string;
  /** The writer's very words, to be lit up. */
  evidence: string;
}

export interface IntentReading extends IntentSign {
  /** 0 to 1. */
  confidence: number;
  language: string | undefined;
  /** Nothing but a plain request: may act without a person looking. Only ever true for unsubscribe. */
  mayAct: boolean;
  /** What else was said. */
  also: IntentSign[];
}

const LONGEST_WORDS = 20_000;
const MOST_WORDS_TO_ACT = 25;

const whole = (pattern: string) => new RegExp(`^(?:${pattern})$`);
const inside = (pattern: string) => new RegExp(`(?<![a-z0-9'])(?:${pattern})(?![a-z0-9])`);
const afterElision = (pattern: string) => new RegExp(`(?<![a-z0-9])(?:${pattern})(?![a-z0-9])`);

interface Rule {
  rule: string;
  intent: Intent;
  pattern: RegExp;
}

/** Rules of which only those are tried whose words can be there. */
class Rules {
  readonly #rules: Rule[];
  readonly #index: PhraseIndex;

  constructor(rules: (Omit<Rule, 'pattern'> & { source: string; pattern: RegExp })[]) {
    this.#rules = rules;
    this.#index = new PhraseIndex(rules.map(({ source }) => source));
  }

  matching(plain: string): { rule: string; intent: Intent; match: RegExpExecArray }[] {
    return this.#index.candidates(plain).flatMap((place) => {
      const one = this.#rules[place];
      const match = one?.pattern.exec(plain) ?? null;
      return one === undefined || match === null ? [] : [{ rule: one.rule, intent: one.intent, match }];
    });
  }
}

const grammars: IntentPhrases[] = [english, french, german, spanish];
// "l'avocat", "m'appeler": French begins words after an apostrophe.
const compiler = (language: string) => (language === 'fr' ? afterElision : inside);

const phrases = new Rules(
  grammars.flatMap(({ language, phrases: list }) =>
    list.map(([name, intent, source]) => ({
      rule: `${language}-${name}`,
      intent,
      source,
      pattern: compiler(language)(source),
    })),
  ),
);
const takenBack = new Rules(
  grammars.flatMap(({ language, takenBack: list }) =>
    list.map(([name, source]) => ({
      rule: `${language}-${name}`,
      intent: 'other' as const,
      source,
      pattern: compiler(language)(source),
    })),
  ),
);
const requests = new Rules(
  grammars.flatMap(({ language, alone: { before, requests: list, after } }) =>
    list.map(([name, source]) => ({
      rule: `${language}-alone-${name}`,
      intent: 'unsubscribe' as const,
      source,
      pattern: whole(`(?:${before} ){0,4}(?:${source})(?: ${after}){0,3}`),
    })),
  ),
);
/** What may stand beside a request that acts alone. */
const beside = grammars.map(({ alone: { courtesy, reasons } }) => ({
  courtesy: whole(`${courtesy}(?: ${courtesy}){0,7}`),
  reasons: reasons.map(([, pattern]) => whole(pattern)),
}));

/** The gravest first: a refund that is also a question is a complaint to whoever answers it. */
const GRAVITY: Record<Intent, number> = {
  unsubscribe: 0,
  complaint: 1,
  'wrong-person': 2,
  'address-change': 3,
  'not-now': 4,
  'not-interested': 5,
  negative: 6,
  interested: 7,
  question: 8,
  thanks: 9,
  other: 10,
};
const CONFIDENCE: Record<Intent, number> = {
  unsubscribe: 0.8,
  complaint: 0.85,
  'wrong-person': 0.85,
  'address-change': 0.8,
  'not-now': 0.75,
  'not-interested': 0.85,
  negative: 0.8,
  interested: 0.8,
  question: 0.75,
  thanks: 0.85,
  other: 0.3,
};

/** `words` are the writer's own, quotes left out. */
export function readIntent(given: string): IntentReading {
  const words = withoutAddresses(given.slice(0, LONGEST_WORDS));
  const language = languageOf(words);
  const alone = asksAlone(words);
  if (alone !== undefined) return { ...alone, confidence: 0.99, language, mayAct: true, also: [] };
  const signs = sentencesOf(withoutCitations(words)).flatMap((sentence) => signsOf(given, sentence));
  signs.sort((a, b) => GRAVITY[a.intent] - GRAVITY[b.intent]);
  const [first] = signs;
  if (first === undefined)
    return {
      intent: 'other',
      rule: '',
      evidence: '',
      confidence: CONFIDENCE.other,
      language,
      mayAct: false,
      also: [],
    };
  const also = signs.filter(
    (sign, place) =>
      sign.intent !== first.intent && signs.findIndex((one) => one.intent === sign.intent) === place,
  );
  return { ...first, confidence: CONFIDENCE[first.intent], language, mayAct: false, also };
}

function signsOf(words: string, sentence: Sentence): IntentSign[] {
  const { plain } = sentence;
  const isTakenBack = takenBack.matching(plain).length > 0;
  const found: IntentSign[] = [];
  for (const { rule, intent, match } of phrases.matching(plain)) {
    if (intent === 'unsubscribe' && isTakenBack) continue;
    // Who asks how to cancel, asks.
    if (intent === 'negative' && ASKS_HOW.test(plain)) continue;
    if (intent === 'interested' && isNegated(plain, match.index)) continue;
    found.push({ intent, rule, evidence: spanOf(words, sentence, match.index, match[0].length) });
  }
  if (sentence.isQuestion && !found.some((sign) => sign.intent === 'question'))
    found.push({
      intent: 'question',
      rule: 'question-mark',
      evidence: spanOf(words, sentence, 0, plain.length),
    });
  return found;
}

const ASKS_HOW =
  /^(?:(?:hello|hi|bonjour|hallo|hola) )?(?:how (?:do|can|to)|comment|wie (?:kann|storniere|kundige|geht)|como (?:puedo|cancelo|se|hago))\b/;

/** A "no" within the three words before turns the meaning. */
const isNegated = (text: string, at: number): boolean =>
  text
    .slice(Math.max(0, at - 40), at)
    .trim()
    .split(' ')
    .slice(-3)
    .some((word) =>
      /^(?:not|no|don'?t|isn'?t|never|pas|plus|non|aucun|kein\w*|nicht|nie|ninguno?|nunca)$/.test(word),
    );

const LONGEST_EVIDENCE = 160;

/** The words as they were written. */
function spanOf(words: string, { at }: Sentence, from: number, length: number): string {
  const start = at[from] ?? 0;
  const end = at[from + length - 1] ?? start;
  return words.slice(start, Math.min(end + 1, start + LONGEST_EVIDENCE)).trim();
}

/** The rule by which the whole message is a plain request and nothing else. */
function asksAlone(words: string): IntentSign | undefined {
  const sentences = sentencesOf(words);
  if (sentences.reduce((sum, one) => sum + one.plain.split(' ').length, 0) > MOST_WORDS_TO_ACT)
    return undefined;
  const clauses = sentences.flatMap((sentence) => clausesOf(words, sentence));
  if (!clauses.some((clause) => requestIn(clause.plain) !== undefined)) return undefined;
  let asked: IntentSign | undefined;
  let hasClosed = false;
  for (const clause of clauses) {
    const request = requestIn(clause.plain);
    if (request !== undefined) {
      asked ??= {
        intent: 'unsubscribe',
        rule: request,
        evidence: spanOf(words, clause, 0, clause.plain.length),
      };
    } else if (
      beside.some(
        (one) => one.courtesy.test(clause.plain) || one.reasons.some((reason) => reason.test(clause.plain)),
      )
    ) {
      hasClosed = asked !== undefined;
    } else if (!(asked !== undefined && hasClosed && isName(words.slice(clause.start, clause.end)))) {
      const parts = withoutCourtesy(clause.plain);
      if (parts === undefined) return undefined;
      // "Kind regards Ann Miller" on one line.
      if (asked === undefined || !isName(words.slice(clause.at[parts] ?? 0, clause.end))) return undefined;
    }
  }
  return asked;
}

const requestIn = (plain: string): string | undefined => requests.matching(plain)[0]?.rule;

/** Where what follows the courtesies begins. */
function withoutCourtesy(plain: string): number | undefined {
  const parts = plain.split(' ');
  for (let count = Math.min(4, parts.length - 1); count > 0; count--) {
    const head = parts.slice(0, count).join(' ');
    if (beside.some((one) => one.courtesy.test(head))) return head.length + 1;
  }
  return undefined;
}

const isName = (text: string): boolean =>
  /^[-–—\s]*\p{Lu}[\p{L}'’.-]+(?: \p{Lu}[\p{L}'’.-]*){0,2}[\s.!]*$/u.test(text) &&
  // German writes nouns like names: what denies is none.
  !/^\W*(?:not|no|nicht|nein|kein\w*|non|pas|never|joke|scherz|spass)\b/i.test(text);

/** Links say nothing of what their reader wants. Blanks keep every place. */
const withoutAddresses = (text: string): string =>
  text.replace(/https?:\/\/\S{1,2000}/gi, (link) => ' '.repeat(link.length));

/** Somebody else's words between quotation marks, unless there is nothing else. */
function withoutCitations(text: string): string {
  const without = text.replace(/«[^»]{1,300}»|“[^”]{1,300}”|„[^“”"]{1,300}[“”"]|"[^"\n]{1,300}"/g, (cited) =>
    ' '.repeat(cited.length),
  );
  return /\p{L}/u.test(without) ? without : text;
}
