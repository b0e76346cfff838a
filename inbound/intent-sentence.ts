/**
 * A person's words cut into sentences and clauses, each made comparable (lower case, no accents, signs as spaces) and each
 * letter remembering where it stood, so that the interface can light up the very words that decided.
 */
import { plainLetters } from './words.ts';

export interface Sentence {
  plain: string;
  /** Where each letter of `plain` stands in the words. */
  at: number[];
  isQuestion: boolean;
  start: number;
  end: number;
}

/** A line this long was broken by the writer's program; a shorter one ends what it says. */
const WRAPPED_FROM = 55;
const MOST_SENTENCES = 200;

/** Ends at . ! ? ; … before a space, at an empty line, and at a short line's end. */
export function sentencesOf(words: string): Sentence[] {
  const found: Sentence[] = [];
  let start = 0;
  let lineStart = 0;
  const close = (end: number, isQuestion: boolean) => {
    const piece = plainPiece(words, start, end, isQuestion);
    if (piece.plain !== '' && found.length < MOST_SENTENCES) found.push(piece);
    start = end;
  };
  for (let place = 0; place < words.length; place++) {
    const sign = words[place] ?? '';
    if (sign === '\n') {
      if (place - lineStart < WRAPPED_FROM || words[place + 1] === '\n') close(place + 1, false);
      lineStart = place + 1;
    } else if ('.!?;…'.includes(sign)) {
      const next = words[place + 1];
      if (next === undefined || /[\s"'»”)]/.test(next) || (sign !== '.' && !/[.!?]/.test(next)))
        close(place + 1, sign === '?' || (words[place - 1] === '?' && sign === '!'));
    }
  }
  close(words.length, false);
  return found;
}

/** The parts between commas and the like. */
export function clausesOf(words: string, { start, end, isQuestion }: Sentence): Sentence[] {
  const found: Sentence[] = [];
  let from = start;
  for (let place = start; place <= end; place++) {
    const sign = words[place];
    if (place < end && sign !== undefined && !/[,:()–—\n]|\p{Extended_Pictographic}/u.test(sign)) continue;
    const piece = plainPiece(words, from, place, isQuestion);
    if (piece.plain !== '') found.push(piece);
    from = place + 1;
  }
  return found;
}

function plainPiece(words: string, start: number, end: number, isQuestion: boolean): Sentence {
  const letters: string[] = [];
  const at: number[] = [];
  let last = ' ';
  for (let place = start; place < end;) {
    const code = words.codePointAt(place) ?? 0;
    for (const kept of comparable(code)) {
      // Points matter inside addresses and numbers only.
      if (kept === ' ' && last === '.') {
        letters.pop();
        at.pop();
        last = letters.at(-1) ?? ' ';
      }
      if (kept === ' ' && last === ' ') continue;
      letters.push(kept);
      at.push(place);
      last = kept;
    }
    place += code > 0xffff ? 2 : 1;
  }
  while (last === ' ' || last === '.') {
    if (letters.length === 0) break;
    letters.pop();
    at.pop();
    last = letters.at(-1) ?? ' ';
  }
  return { plain: letters.join(''), at, isQuestion, start, end };
}

const known = new Map<number, string>();
const MOST_KNOWN = 2000;

/** One letter as phrases write it: most mail is made of the same few. */
function comparable(code: number): string {
  const before = known.get(code);
  if (before !== undefined) return before;
  const plain = plainLetters(String.fromCodePoint(code)).replace(/[^a-z0-9'@.%_]/g, ' ');
  if (known.size < MOST_KNOWN) known.set(code, plain);
  return plain;
}
