/**
 * What a person wrote, apart from what their program put around it. The answer is segments with their places, never a
 * shortened text: the interface folds what is old, storage keeps all. One pass over lines, every look-ahead bounded, no
 * pattern that can run away (reference: a popular library needs eleven seconds for twenty kilobytes of "On x wrote").
 *
 *     marks    what the HTML says, ">" before lines, our own mail sent back, and the lines that announce an old message
 *     answers  where the writer answers between the quotations, these stay in sight
 *     tail     signature and disclaimer
 */
import type { Segment } from '../core/store/conversation.ts';
import { markDisclaimers } from './disclaimer.ts';
import { findKnownLines, knownOf, ownMail } from './own-text.ts';
import { headerAt, isForwardHead } from './quote-header.ts';
import { linesOf, nextFilled, type Line } from './reply-line.ts';
import { markSignature } from './signature.ts';

/** What the writer's program says of a range of the text (HTML containers). */
export interface Mark {
  kind: 'quoted' | 'signature';
  start: number;
  end: number;
}

export interface ReplyOptions {
  marks?: readonly Mark[];
  /** The text of the mail that is answered, when we hold it: its words are recognised without any mark. */
  ownText?: string | undefined;
  /** What the HTML beside this text marks as a quotation. */
  oldText?: string | undefined;
}

export interface ReplyReading {
  segments: Segment[];
  /** The new words alone, with the quotations that they answer one by one. */
  visible: string;
  /** The new words with the signature. */
  withSignature: string;
}

/** ">" lines without any announcement, above the answer: short ones are what the writer chose to cite. */
const LONGEST_CITATION = 24;

/** Splits a mail's text. Empty result: everything is shown, since hiding a person's words is the worse fault. */
export function readReply(
  text: string,
  { marks = [], ownText = '', oldText = '' }: ReplyOptions = {},
): ReplyReading {
  const lines = linesOf(text);
  const announced = new Set<Line>();
  applyMarks(lines, marks);
  markForwarded(lines);
  for (const line of lines) if (line.isMarked && line.kind === 'new') line.kind = 'quoted';
  if (ownText !== '') findKnownLines(lines, ownMail(ownText));
  if (oldText !== '') findKnownLines(lines, knownOf(oldText));
  joinWrapped(lines);
  markAnnounced(lines, announced);
  for (const line of lines) if (line.isKnown && line.kind === 'new') line.kind = 'quoted';
  if (hasNewWords(lines)) {
    markSignature(lines);
    markDisclaimers(lines);
    showAnswered(lines, announced, marks.length > 0);
  }
  if (!hasNewWords(lines)) showEverything(lines);
  return {
    segments: segmentsOf(lines, text.length),
    visible: wordsOf(lines, (line) => line.kind === 'new' || line.shown),
    withSignature: wordsOf(lines, (line) => line.kind === 'new' || line.kind === 'signature' || line.shown),
  };
}

const hasNewWords = (lines: readonly Line[]): boolean =>
  lines.some((line) => line.kind === 'new' && !line.isEmpty);
const isOld = (line: Line): boolean => line.kind === 'quoted' || line.isKnown;

// ── marks ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Both are in order, so one walk serves. */
function applyMarks(lines: readonly Line[], marks: readonly Mark[]): void {
  let at = 0;
  for (const line of lines) {
    while (at < marks.length && marks[at]!.end <= line.start) at++;
    const mark = marks[at];
    if (mark === undefined) return;
    if (mark.start <= line.start && line.start < mark.end) line.kind = mark.kind;
  }
}

/** Some programs put what they forward into the same elements as what they answer. */
function markForwarded(lines: readonly Line[]): void {
  let isForwarded = false;
  let wasOld = false;
  for (const line of lines) {
    if (line.isEmpty) continue;
    const old = line.kind === 'quoted';
    if (!old) isForwarded = false;
    else if (!wasOld && isForwardHead(line)) isForwarded = true;
    wasOld = old;
    if (isForwarded) line.kind = 'forwarded';
  }
}

/** A long quoted line that the writer's program broke: its rest stands between two marks without one. */
function joinWrapped(lines: readonly Line[]): void {
  for (let i = 1; i + 1 < lines.length; i++) {
    const line = lines[i]!;
    if (line.kind !== 'new' || line.isEmpty || !lines[i - 1]!.isMarked || !lines[i + 1]!.isMarked) continue;
    const above = lines[i - 1]!.text;
    const isOpenLink = above.lastIndexOf('<http') > above.lastIndexOf('>', above.length - 1);
    if (above.length >= 66 || isOpenLink) line.kind = 'quoted';
  }
}

/** Finds each "On … wrote:" and the like, and what belongs to it. */
function markAnnounced(lines: readonly Line[], announced: Set<Line>): void {
  const first = lines.findIndex((line) => !line.isEmpty);
  for (let i = Math.max(0, first); i < lines.length; i++) {
    const line = lines[i]!;
    if (line.isEmpty || line.kind !== 'new') continue;
    const header = headerAt(lines, i, isOld);
    if (header === undefined) continue;
    const end = i + header.length;
    for (let j = i; j < end; j++) lines[j]!.kind = header.kind;
    const next = nextFilled(lines, end);
    // What comes under an announcement without marks is old to the end; with marks the writer may go on below.
    if (header.kind === 'forwarded' || next < 0 || !isOld(lines[next]!)) {
      for (let j = end; j < lines.length; j++) lines[j]!.kind = header.kind;
      return;
    }
    announced.add(lines[next]!);
    i = next;
  }
}

// ── answers between quotations ──────────────────────────────────────────────────────────────────────────────────────

interface Run {
  isOld: boolean;
  isAnnounced: boolean;
  lines: Line[];
}

/** Quotations that are answered below, one by one, stay in sight: without them the answers mean nothing. */
function showAnswered(lines: readonly Line[], announced: ReadonlySet<Line>, isHtml: boolean): void {
  const runs = runsOf(lines, announced);
  const lastWords = runs.findLastIndex((run) => !run.isOld);
  const isAnsweredBetween = runs.some(
    (run, at) => !run.isOld && at > 0 && at + 1 < runs.length && !runs[at + 1]!.isAnnounced,
  );
  for (const [at, run] of runs.entries()) {
    if (!run.isOld || at > lastWords) continue;
    const isCited = !run.isAnnounced && run.lines.length <= LONGEST_CITATION && !isHtml;
    if (isAnsweredBetween || isCited) for (const line of run.lines) line.shown = true;
  }
}

function runsOf(lines: readonly Line[], announced: ReadonlySet<Line>): Run[] {
  const runs: Run[] = [];
  for (const line of lines) {
    if (line.isEmpty || (line.kind !== 'new' && line.kind !== 'quoted')) continue;
    const old = line.kind === 'quoted';
    const open = runs.at(-1);
    if (open?.isOld === old) {
      open.lines.push(line);
      open.isAnnounced ||= announced.has(line);
    } else runs.push({ isOld: old, isAnnounced: announced.has(line), lines: [line] });
  }
  return runs;
}

/** Nothing new: all is seen, and yet nobody's wish, since our own footer may be among it. */
function showEverything(lines: readonly Line[]): void {
  for (const line of lines) line.shown = line.kind !== 'new';
}

// ── the answer ──────────────────────────────────────────────────────────────────────────────────────────────────────

function segmentsOf(lines: readonly Line[], length: number): Segment[] {
  const segments: Segment[] = [];
  for (const line of lines) {
    const last = segments.at(-1);
    const isSame = last?.kind === line.kind && (last.shown ?? false) === line.shown;
    if (last !== undefined && (isSame || line.isEmpty)) last.end = line.end;
    else {
      if (last !== undefined) last.end = line.start;
      segments.push({
        kind: line.kind,
        start: line.start,
        end: line.end,
        ...(line.shown ? { shown: true } : {}),
      });
    }
  }
  const last = segments.at(-1);
  if (last !== undefined) last.end = length;
  return segments;
}

/** Empty lines go with what stands above them. */
function wordsOf(lines: readonly Line[], isWanted: (line: Line) => boolean): string {
  const words: string[] = [];
  let wanted = true;
  for (const line of lines) {
    if (!line.isEmpty) wanted = isWanted(line);
    if (wanted) words.push(line.text);
  }
  return words
    .join('\n')
    .replace(/\n{5,}/g, '\n\n\n\n')
    .trim();
}
