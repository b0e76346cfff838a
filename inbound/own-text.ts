/**
 * Our own words, sent back. We hold the mail that is answered, so its text is known again in the answer with no mark, in
 * any language, however it was wrapped: runs of four words that stand in what we sent. Exact, and linear in both texts.
 */
import type { Line } from './reply-line.ts';

const RUN = 4;
/** This share of a line's words must be ours. */
const SHARE = 0.8;
/** Fewer than this in a row, and a person may have said the same. */
const FEWEST_WORDS = 8;
const MAX_WORDS = 40_000;
const MAX_OWN = 256 * 1024;

/** A text in which lines may be known again. */
export interface Known {
  runs: ReadonlySet<string>;
  lines: ReadonlySet<string>;
}

/** Finds the lines that repeat a known text. */
export function findKnownLines(lines: readonly Line[], known: Known): void {
  if (known.runs.size === 0) return;
  const words: { word: string; line: number }[] = [];
  for (const [index, line] of lines.entries()) {
    if (words.length > MAX_WORDS) break;
    for (const word of wordsOf(line.text.slice(0, 4000))) words.push({ word, line: index });
  }
  const ours = new Uint8Array(words.length);
  for (let i = 0; i + RUN <= words.length; i++) {
    if (known.runs.has(runAt(words, i))) ours.fill(1, i, i + RUN);
  }
  const isOurs = linesThatAreOurs(lines, words, ours, known.lines);
  for (const [index, line] of lines.entries()) if (isOurs[index] === 1) line.isKnown = true;
}

const runAt = (words: { word: string }[], at: number): string =>
  `${words[at]!.word} ${words[at + 1]!.word} ${words[at + 2]!.word} ${words[at + 3]!.word}`;

/** A campaign's readers all answer the same text: what was made of the last few serves them all. */
const KEPT = 8;
const kept = new Map<string, Known>();

export function ownMail(text: string): Known {
  const known = kept.get(text) ?? knownOf(text);
  kept.delete(text);
  kept.set(text, known);
  const oldest = kept.size > KEPT ? kept.keys().next().value : undefined;
  if (oldest !== undefined) kept.delete(oldest);
  return known;
}

export const knownOf = (text: string): Known => ({
  runs: runsOf(text),
  lines: new Set(text.slice(0, MAX_OWN).split('\n', MAX_WORDS).map(squeezed)),
});

function runsOf(text: string): Set<string> {
  const words = wordsOf(text.slice(0, MAX_OWN))
    .slice(0, MAX_WORDS)
    .map((word) => ({ word }));
  const runs = new Set<string>();
  for (let i = 0; i + RUN <= words.length; i++) runs.add(runAt(words, i));
  return runs;
}

/** Letters and digits only: wrapping, marks and links that a program rewrote do not count. */
function wordsOf(text: string): string[] {
  return (
    text
      .replace(/<?https?:\/\/[^\s>)\]]{1,2000}>?/gi, ' ')
      .toLowerCase()
      .match(/[\p{L}\p{N}]{1,60}/gu) ?? []
  );
}

function linesThatAreOurs(
  lines: readonly Line[],
  words: { line: number }[],
  ours: Uint8Array,
  ownLines: ReadonlySet<string>,
): Uint8Array {
  const count = new Uint32Array(lines.length);
  const shared = new Uint32Array(lines.length);
  for (const [i, { line }] of words.entries()) {
    count[line]!++;
    shared[line]! += ours[i]!;
  }
  const result = new Uint8Array(lines.length);
  for (const index of lines.keys()) {
    if (count[index]! > 0 && shared[index]! >= count[index]! * SHARE) result[index] = 1;
  }
  dropShortRuns(lines, result, count, ownLines);
  return result;
}

/** Takes back runs of too few words, and takes in the short lines (a button, a link) between two that are ours. */
function dropShortRuns(
  lines: readonly Line[],
  result: Uint8Array,
  count: Uint32Array,
  ownLines: ReadonlySet<string>,
): void {
  let at = 0;
  while (at < lines.length) {
    if (result[at] !== 1) {
      at++;
      continue;
    }
    let end = at;
    let total = 0;
    let gap = 0;
    for (let j = at; j < lines.length && gap <= 2; j++) {
      if (result[j] === 1) {
        total += count[j]!;
        end = j;
        gap = 0;
      } else if (lines[j]!.isEmpty) continue;
      // Only what stands so in our mail: a short answer between two of our sentences is the writer's.
      else if (!count[j] || ownLines.has(squeezed(lines[j]!.text))) gap++;
      else break;
    }
    const keep = total >= FEWEST_WORDS ? 1 : 0;
    // Short lines right below a run: a name, a button.
    if (keep === 1) while (end + 1 < lines.length && isAlso(lines[end + 1]!, ownLines)) end++;
    for (let j = at; j <= end; j++) result[j] = keep;
    at = end + 1;
  }
}

const isAlso = (line: Line, ownLines: ReadonlySet<string>): boolean =>
  !line.isEmpty && ownLines.has(squeezed(line.text));

const squeezed = (text: string): string =>
  text
    .slice(0, 400)
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '');
