/**
 * The lines of a mail's text, each with its place and, once it is known, what it is: new words, quotation, signature,
 * forwarded mail or disclaimer. Every reader of replies works on these and only changes `kind` and `shown`.
 */
import type { Segment } from '../core/store/conversation.ts';

export type SegmentKind = Segment['kind'];

export interface Line {
  text: string;
  /** Letters made comparable, at most LONGEST of them. */
  plain: string;
  start: number;
  end: number;
  kind: SegmentKind;
  isEmpty: boolean;
  /** A mark of quotation stands before it. */
  isMarked: boolean;
  /** It stands so in the mail that is answered. */
  isKnown: boolean;
  /** Old, and yet to be seen: the writer answers between. */
  shown: boolean;
}

/** Beyond these the rest is one line, of the kind of the line before it: nobody writes so much by hand. */
const MAX_LINES = 20_000;
const LONGEST = 600;

/** After the writer's last word, without a break (Yahoo, some phones). */
const SHARED_OPENING = /^-{2,}\s?(?:on|le|am|el|il|em|op|den|w dniu)\s/i;

/** Where within a line the old message is announced; 0 when the line is one. */
function sharedAt(line: string): number {
  if (line.length > 500 || !line.trimEnd().endsWith(':')) return 0;
  let at = line.lastIndexOf('--');
  while (at > 0 && line[at - 1] === '-') at--;
  return at > 0 && line.slice(0, at).trim() !== '' && SHARED_OPENING.test(line.slice(at, at + 20)) ? at : 0;
}

export function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  let start = 0;
  while (start <= text.length) {
    const at = lines.length >= MAX_LINES ? -1 : text.indexOf('\n', start);
    const end = at < 0 ? text.length : at;
    const shared = sharedAt(text.slice(start, Math.min(end, start + 501)));
    if (shared > 0) lines.push(lineOf(text, start, start + shared));
    lines.push(lineOf(text, start + shared, end));
    if (at < 0) break;
    start = at + 1;
  }
  return lines;
}

function lineOf(text: string, start: number, end: number): Line {
  const own = text.slice(start, end);
  const plain = plainLine(own.length > LONGEST ? own.slice(0, LONGEST) : own);
  return {
    text: own,
    plain,
    start,
    end,
    kind: 'new',
    isEmpty: plain.trim() === '' && own.trim() === '',
    isMarked: /^\s{0,8}(?:>|\|[^|]*$)/.test(plain),
    isKnown: false,
    shown: false,
  };
}

/** Lower case, no accents, no marks of direction, plain apostrophes, spaces and colons. */
export function plainLine(text: string): string {
  // oxlint-disable-next-line no-control-regex
  const ascii = text.replace(/[^\u0000-\u007f]/gu, plainCharacter).toLowerCase();
  return /[\t`]/.test(ascii) ? ascii.replaceAll('\t', ' ').replaceAll('`', "'") : ascii;
}

/** Decomposing a line takes as long as all the rest of reading it; its characters are few and come again. */
const known = new Map<string, string>();
const MAX_KNOWN = 4000;

function plainCharacter(character: string): string {
  let plain = known.get(character);
  if (plain === undefined) {
    plain = decomposed(character);
    if (known.size < MAX_KNOWN) known.set(character, plain);
  }
  return plain;
}

const decomposed = (character: string): string =>
  character
    .normalize('NFKD')
    .replace(/[\p{M}\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu, '')
    .toLowerCase()
    .replace(/[’‘´`]/g, "'")
    .replace(/[\u00a0\u202f]/g, ' ')
    .replaceAll('ł', 'l')
    .replaceAll('ø', 'o')
    .replaceAll('đ', 'd')
    .replaceAll('æ', 'ae')
    .replaceAll('ı', 'i')
    .replaceAll('ß', 'ss')
    .replaceAll('ς', 'σ');

/** A table's phrases as one alternation of a pattern, longest first. */
export function anyOf(phrases: Iterable<string>): string {
  const plain = new Set([...phrases].map((phrase) => plainLine(phrase).trim()));
  return [...plain]
    .filter((phrase) => phrase !== '')
    .sort((a, b) => b.length - a.length)
    .map((phrase) => phrase.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&').replaceAll(' ', '\\s'))
    .join('|');
}

/** The next line with something on it, from `at` on and within `reach`; -1 when there is none. */
export function nextFilled(lines: readonly Line[], at: number, reach = 4): number {
  for (let i = at; i < lines.length && i < at + reach; i++) if (!lines[i]!.isEmpty) return i;
  return -1;
}
