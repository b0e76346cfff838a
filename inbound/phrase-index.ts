/**
 * Which of some hundred patterns can match a text at all, found in one pass over its letters: of each pattern the pieces of
 * plain text are known, one of which stands in everything it matches. Trying them all costs twenty times as much.
 */

interface Piece {
  literal: string;
  place: number;
}

export class PhraseIndex {
  readonly #byStart = new Map<number, Piece[]>();
  /** Without such a piece: always worth a try. */
  readonly #always: number[] = [];

  constructor(patterns: readonly string[]) {
    patterns.forEach((pattern, place) => {
      const literals = requiredLiterals(pattern);
      if (literals === undefined) this.#always.push(place);
      for (const literal of literals ?? []) {
        const key = keyAt(literal, 0);
        this.#byStart.set(key, [...(this.#byStart.get(key) ?? []), { literal, place }]);
      }
    });
  }

  /** The places of the patterns to try, in their order. */
  candidates(text: string): number[] {
    const found = new Set(this.#always);
    for (let at = 0; at + 1 < text.length; at++) {
      for (const { literal, place } of this.#byStart.get(keyAt(text, at)) ?? [])
        if (!found.has(place) && text.startsWith(literal, at)) found.add(place);
    }
    return [...found].sort((a, b) => a - b);
  }
}

const keyAt = (text: string, at: number) => text.charCodeAt(at) * 0x10000 + text.charCodeAt(at + 1);

/**
 * Pieces of two letters or more, one of which is in whatever the pattern matches; undefined: there is no such list. Knows
 * the plain patterns of our phrase files: words, groups, classes, counts and looking around.
 */
export function requiredLiterals(pattern: string): string[] | undefined {
  let place = 0;
  const result = alternatives();
  if (place !== pattern.length) throw new Error(`a phrase has a ")" too many: ${pattern}`);
  return result;

  function alternatives(): string[] | undefined {
    const all: string[] = [];
    let isWhole = true;
    for (;;) {
      const one = sequence();
      if (one === undefined) isWhole = false;
      else all.push(...one);
      if (pattern[place] !== '|') break;
      place++;
    }
    return isWhole ? all : undefined;
  }

  function sequence(): string[] | undefined {
    const choices: string[][] = [];
    let run = '';
    const endRun = () => {
      if (run.length >= 2) choices.push([run]);
      run = '';
    };
    while (place < pattern.length && pattern[place] !== '|' && pattern[place] !== ')') {
      const atom = readAtom();
      const isOptional = readCount();
      if (typeof atom === 'string' && !isOptional.may && !isOptional.many) run += atom;
      else if (typeof atom === 'string' && isOptional.many && !isOptional.may) {
        run += atom;
        endRun();
      } else {
        endRun();
        if (Array.isArray(atom) && !isOptional.may) choices.push(atom);
      }
    }
    endRun();
    // The choice whose shortest piece is longest turns away most.
    return choices.sort((a, b) => shortest(b) - shortest(a))[0];
  }

  /** A letter, the pieces of a group, or undefined for whatever promises nothing. */
  function readAtom(): string | string[] | undefined {
    const sign = pattern[place++] ?? '';
    if (sign === '(') {
      const opening = /^\?(?:[:=!]|<[=!])/.exec(pattern.slice(place, place + 3))?.[0] ?? '';
      place += opening.length;
      const inner = alternatives();
      place++;
      return opening === '?:' || opening === '' ? inner : undefined;
    }
    if (sign === '[') {
      place = pattern.indexOf(']', place) + 1;
      return undefined;
    }
    if (sign === '\\') {
      const escaped = pattern[place++] ?? '';
      return /[a-zA-Z]/.test(escaped) ? undefined : escaped;
    }
    return sign === '.' || sign === '^' || sign === '$' ? undefined : sign;
  }

  function readCount(): { may: boolean; many: boolean } {
    const count = /^(?:[?*+]|\{(\d+)(?:,\d*)?\})\??/.exec(pattern.slice(place, place + 10));
    if (count === null) return { may: false, many: false };
    place += count[0].length;
    const may = count[0].startsWith('?') || count[0].startsWith('*') || count[1] === '0';
    return { may, many: true };
  }
}

const shortest = (pieces: string[]) => Math.min(...pieces.map((piece) => piece.length));
