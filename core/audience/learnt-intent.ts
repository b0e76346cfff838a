/**
 * What staff's corrections teach about the intent of replies. Naive Bayes over words, so that every proposal can be taken
 * apart: these words, which stood in replies that you corrected, speak for this; those speak against it. It changes nothing:
 * a reply keeps what the rules read (inbound/intent.ts) until one of the team takes the proposal.
 *
 *     staff's replies     corrected or confirmed by a person: alone may speak for an intent
 *     the rules' replies  recent ones that nobody touched: say how common a word is, and may speak against
 *     likelihood          (replies of this intent with the word + m * share elsewhere) / (replies of this intent + m), over
 *                         the share elsewhere: few replies move little
 *     proposal            of an intent that staff gave before, by two words or more and half of those that count, past what the
 *                         rules say and past any other intent
 */
import { commonWords, denials } from '../../config/common-words.ts';
import { intents, type Intent } from '../../config/intent-phrases.ts';

export interface Example {
  words: ReadonlySet<string>;
  intent: Intent;
  from: 'staff' | 'rules';
}

export interface Tipping {
  word: string;
  /** Natural logarithm of how many times likelier the word is in such a reply than in others. */
  weight: number;
  /** In so many replies that staff gave this intent. */
  seen: number;
}

export interface Ranked {
  intent: Intent;
  score: number;
  /** The words that speak for it, the strongest first. */
  words: Tipping[];
}

export interface Proposal {
  intent: Intent;
  words: Tipping[];
}

const MOST_LETTERS = 8000;
const MOST_WORDS = 300;
/** As many imagined replies stand behind every share, so that one real one proves little. */
const CAUTION = 4;
/** And so many behind the share elsewhere: in a young workspace no word is common. */
const OVERALL = 20;
const RULES_WEIGHT = 0.5;
const STRONGEST = 2.5;
/** What a matching rule is worth, and what it is worth that none matched. */
const RULE_SAYS = 2.5;
const NO_RULE = 1;
const MARGIN = 2;
const FEWEST_WORDS = 2;
/** Two words in a long letter are chance: as much of its words must speak for the proposal. */
const FEWEST_SHARE = 0.5;

/** The words that count: without accents, no greetings or little words; a denied one with its denial. */
export function countedWords(text: string): Set<string> {
  const found = new Set<string>();
  const plain = text
    .slice(0, MOST_LETTERS)
    .replace(/https?:\/\/\S{1,2000}|\S{1,64}@\S{1,255}/gi, ' ')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[’‘´`]/g, "'")
    .replaceAll('ß', 'ss')
    .replaceAll('œ', 'oe');
  for (const sentence of plain.split(/[.!?;\n]/)) {
    let denied: { word: string; left: number } | undefined;
    for (const raw of sentence.split(/[^\p{L}']+/u)) {
      if (denials.has(raw)) {
        denied = { word: raw, left: 3 };
        continue;
      }
      // "l'avocat", "d'accord": the article is no part of the word.
      const word = raw.replace(/^(?:[cdjlmnst]|qu)'/, '').replace(/^'+|'+$/g, '');
      if (denied !== undefined && --denied.left < 0) denied = undefined;
      if (word.length < 3 || word.length > 40 || commonWords.has(word)) continue;
      found.add(denied === undefined ? word : `${denied.word} ${word}`);
      if (found.size >= MOST_WORDS) return found;
    }
  }
  return found;
}

interface Class {
  weight: number;
  words: Map<string, number>;
  staff: number;
  staffWords: Map<string, number>;
}

const count = (map: Map<string, number>, word: string, by: number) =>
  map.set(word, (map.get(word) ?? 0) + by);

/** What a workspace has learnt; made anew from its examples, never changed. */
export class LearntIntents {
  readonly #classes = new Map<Intent, Class>();
  readonly #overall = new Map<string, number>();
  #weight = 0;

  constructor(examples: Iterable<Example>) {
    for (const { words, intent, from } of examples) {
      const by = from === 'staff' ? 1 : RULES_WEIGHT;
      const found = this.#classes.get(intent) ?? {
        weight: 0,
        words: new Map(),
        staff: 0,
        staffWords: new Map(),
      };
      this.#classes.set(intent, found);
      this.#weight += by;
      found.weight += by;
      if (from === 'staff') found.staff++;
      for (const word of words) {
        count(this.#overall, word, by);
        count(found.words, word, by);
        if (from === 'staff') count(found.staffWords, word, 1);
      }
    }
  }

  #weightOf(word: string, one: Class): number {
    const here = one.words.get(word) ?? 0;
    const elsewhere = ((this.#overall.get(word) ?? 0) - here + 0.5) / (this.#weight - one.weight + OVERALL);
    const share = (here + CAUTION * elsewhere) / (one.weight + CAUTION);
    return Math.max(-STRONGEST, Math.min(STRONGEST, Math.log(share / elsewhere)));
  }

  /** Every intent, the likeliest first: what the picker offers, in this order. */
  rank(words: ReadonlySet<string>, byRules: Intent): Ranked[] {
    const known = [...words].filter((word) => this.#overall.has(word));
    return intents
      .map((intent): Ranked => {
        const prior = intent !== byRules ? 0 : intent === 'other' ? NO_RULE : RULE_SAYS;
        const one = this.#classes.get(intent);
        if (one === undefined) return { intent, score: prior, words: [] };
        const weighed = known.map((word) => ({
          word,
          weight: this.#weightOf(word, one),
          seen: one.staffWords.get(word) ?? 0,
        }));
        // Only what staff said speaks for an intent; what the rules read says what is common, and speaks against.
        const counted = weighed.filter(({ weight, seen }) => weight < 0 || seen > 0 || intent === byRules);
        return {
          intent,
          score: counted.reduce((sum, { weight }) => sum + weight, prior),
          words: counted
            .filter(({ weight, seen }) => weight > 0 && seen > 0)
            .toSorted((a, b) => b.weight - a.weight || (a.word < b.word ? -1 : 1)),
        };
      })
      .toSorted((a, b) => b.score - a.score || intents.indexOf(a.intent) - intents.indexOf(b.intent));
  }

  /** Another intent than the rules read, when enough speaks for it. */
  propose(words: ReadonlySet<string>, byRules: Intent): Proposal | undefined {
    const ranked = this.rank(words, byRules);
    const stands = ranked.find(({ intent }) => intent === byRules);
    const [best, second] = ranked.filter(
      (one) =>
        one.intent !== byRules &&
        one.words.length >= Math.max(FEWEST_WORDS, words.size * FEWEST_SHARE) &&
        one.score > 0,
    );
    if (best === undefined || stands === undefined) return undefined;
    if (best.score - Math.max(stands.score, second?.score ?? 0) < MARGIN) return undefined;
    return { intent: best.intent, words: best.words };
  }

  /** What one reply that staff gave this intent teaches: its words that speak for it most. */
  lesson(words: ReadonlySet<string>, intent: Intent): Tipping[] {
    return this.rank(words, 'other').find((one) => one.intent === intent)?.words ?? [];
  }

  /** By intent: how many replies staff gave it, and the words of those that speak for it most. */
  taught(): { intent: Intent; replies: number; words: Tipping[] }[] {
    return intents.flatMap((intent) => {
      const one = this.#classes.get(intent);
      if (one === undefined || one.staff === 0) return [];
      return [{ intent, replies: one.staff, words: this.lesson(new Set(one.staffWords.keys()), intent) }];
    });
  }
}
