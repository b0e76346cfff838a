/**
 * Where a mail program announces the old message: "On … X wrote:", a block "From / Sent / To / Subject", a rule "Original
 * Message", the head of a forwarded mail. The words come from config/quote-phrases.ts; a date, a time and an address tell
 * the rest, so that a language nobody listed is mostly understood. Every look is at most six lines or ten fields ahead.
 */
import { quotePhrases } from '../config/quote-phrases.ts';
import { nextFilled, plainLine, type Line } from './reply-line.ts';

export interface QuoteHeader {
  /** How many lines it takes. */
  length: number;
  kind: 'quoted' | 'forwarded';
}

const WINDOW = 6;
const LONGEST_HEADER = 600;

/** The announcement that begins at this line, if one does. `isOld` tells of a line that it is a quotation already. */
export function headerAt(
  lines: readonly Line[],
  at: number,
  isOld: (line: Line) => boolean,
): QuoteHeader | undefined {
  const rule = ruleKind(lines[at]!.plain);
  if (rule !== undefined) return { length: 1 + blockBelow(lines, at + 1), kind: rule };
  const block = blockLength(lines, at);
  if (block > 0) return { length: block, kind: 'quoted' };
  if (isDrawnRule(lines[at]!.plain)) {
    const below = blockBelow(lines, at + 1);
    return below > 0 ? { length: 1 + below, kind: 'quoted' } : undefined;
  }
  if (isBareTitle(lines[at]!.plain)) {
    const below = blockBelow(lines, at + 1);
    if (below > 0) return { length: 1 + below, kind: 'quoted' };
  }
  const length = wroteLength(lines, at, isOld);
  return length > 0 ? { length, kind: 'quoted' } : undefined;
}

// ── rules with words in them ────────────────────────────────────────────────────────────────────────────────────────

/** Whether a line is the head of a forwarded mail. */
export const isForwardHead = (line: Line): boolean => ruleKind(line.plain) === 'forwarded';

const normal = (phrases: string[]): string[] => phrases.map((phrase) => plainLine(phrase).trim());
const ORIGINAL = new Set(quotePhrases.flatMap((one) => normal(one.original)));
const FORWARDED = new Set(quotePhrases.flatMap((one) => normal(one.forwarded)));
const RULE = /^[>\s*_|]{0,8}(?:[-=—–_+]{2,}|[-=—–_+]\s[-=—–_+])[-=—–_+\s*]*(\S.{1,80})$/;

/** "-----Original Message-----", "---------- Forwarded message ---------", "Begin forwarded message:". */
function ruleKind(plain: string): QuoteHeader['kind'] | undefined {
  if (plain.length > 140) return undefined;
  const drawn = RULE.exec(plain);
  const words = trimmed(drawn === null ? plain : drawn[1]!);
  if (words === '') return undefined;
  // Without a rule only words that nobody says alone: "Begin forwarded message:".
  if (drawn === null)
    return FORWARDED.has(words) && words.includes(' ') && /[:：]\W*$/.test(plain) ? 'forwarded' : undefined;
  if (isOneOf(ORIGINAL, words)) return 'quoted';
  return isOneOf(FORWARDED, words) ? 'forwarded' : undefined;
}

/** The phrase, or the phrase with a name after it: "Forwarded message from Ana". */
function isOneOf(phrases: Set<string>, words: string): boolean {
  if (phrases.has(words)) return true;
  const parts = words.split(' ');
  for (let count = Math.min(parts.length - 1, 6); count >= 2; count--)
    if (phrases.has(parts.slice(0, count).join(' '))) return true;
  return false;
}

const trimmed = (words: string): string =>
  words
    .replace(/[-=—–_+\s*:：>|]+$/, '')
    .replace(/^[\s*>|]+/, '')
    .replace(/\s+/g, ' ');

const isDrawnRule = (plain: string): boolean => /^[>\s]{0,8}[_*=—–-]{4,}\s*$/.test(plain);

/** "Original Message" with neither dashes nor colon: only above a block. */
const isBareTitle = (plain: string): boolean =>
  plain.length < 60 && (ORIGINAL.has(trimmed(plain)) || FORWARDED.has(trimmed(plain)));

// ── "On …, X wrote:" ────────────────────────────────────────────────────────────────────────────────────────────────

// Written without spaces between words, a verb need not stand apart.
const JOINED = new Set(['ja', 'zh', 'ko', 'th']);
const VERBS = verbsByEnd(
  quotePhrases.filter((one) => !JOINED.has(one.language)).flatMap((one) => normal(one.wrote)),
);
const JOINED_VERBS = verbsByEnd(
  quotePhrases.filter((one) => JOINED.has(one.language)).flatMap((one) => normal(one.wrote)),
);
const JOINED_LIST = [...JOINED_VERBS.values()].flat();
/** Verbs of one word that may stand between the name and the date. */
const MIDDLE = new Set(
  quotePhrases.flatMap((one) => normal(one.wrote)).filter((verb) => !verb.includes(' ') && verb.length > 3),
);
const ON = quotePhrases.flatMap((one) => normal(one.on)).map((word) => `${word} `);
const ON_BY_START = Map.groupBy(ON, (word) => word.slice(0, 2));
/** People send parcels and say things: an address must stand by these. */
const WEAK = new Set(
  [
    'sent',
    'said',
    'replied',
    'commented',
    'posted',
    'a envoyé',
    'envió',
    'enviou',
    'lähetti',
    'ha inviato',
  ].map(plainLine),
);
const FIRST_PERSON =
  /(?:^|\s)(?:i|we|j'|j'ai|nous avons|ich|wir|yo|eu|io|ik|jag|jeg)\s?(?:already\s|have\s|had\s|just\s)?$/;

/** Horde and its like: "Quoting Ana <ana@example.org>:". */
const QUOTING = /^[\s*-]*(?:quoting|zitat von|citando a?|citation de|citazione di|citat fran)\s/;

function verbsByEnd(verbs: string[]): Map<string, string[]> {
  return Map.groupBy(
    [...new Set(verbs)].sort((a, b) => b.length - a.length),
    (verb) => verb.slice(-2),
  );
}

const hasAddress = (text: string): boolean => /[^\s@<>]@[^\s@<>]+\.?[^\s@<>]*/.test(text);
/** In brackets, with a name before it and little else: a log or a table holds addresses too. */
function hasMarkedAddress(text: string): boolean {
  const open = /[<([]\s?(?:mailto:)?\s?[^\s@<>()[\]]{1,100}@/.exec(text);
  if (open === null || open.index > 150) return false;
  const rest = text.slice(open.index + open[0].length);
  const close = rest.search(/[>)\]]/);
  return close > 0 && rest.length - close < 80;
}
const hasTime = (text: string): boolean => /(?:^|\D)\d{1,2}\s?[:.h時点시]\s?\d{2}(?!\d)/.test(text);
/** A day, not just a year: "21 de noviembre de 2013", "4/5/24", "2026年1月5日". */
const hasDay = (text: string): boolean =>
  /(?:^|\D)\d{1,4}[/.-]\s?\d{1,2}[/.-]\s?\d{2,4}(?!\d)/.test(text) ||
  (/(?:^|\D)(?:19|20|25)\d\d(?!\d)/.test(text) && /(?:^|\D)\d{1,2}(?!\d)/.test(text)) ||
  /\d\s?[年月日]/.test(text) ||
  /(?:^|\s)(?:\d{1,2}\.?\s\p{L}{3,9}|\p{L}{3,9}\.?\s\d{1,2})(?:[\s,.]|$)/u.test(text);

/** "On Tue, Ana <ana@example.org> wrote:", over up to six lines. */
function wroteLength(lines: readonly Line[], at: number, isOld: (line: Line) => boolean): number {
  const first = lines[at]!.plain;
  if (first.length >= LONGEST_HEADER) return 0;
  const starts = startsLikeHeader(first);
  // A name alone, with its address broken onto the line below.
  const isName = first.length < 80 && /^\s*<[^\s@<>]+@[^\s@<>]+>/.test(lines[at + 1]?.plain ?? '');
  if (!starts && !isName && !/[@\d:：]/.test(first) && verbAtEnd(first) === '') return 0;
  let joined = '';
  for (let j = at; j < lines.length && j < at + (starts || hasAddress(first) ? WINDOW : 3); j++) {
    const line = lines[j]!;
    const isBracket = closesBracket(joined, line);
    // Some programs break the address out of its line, with empty lines around (Polymail).
    if (j > at && line.isEmpty && starts && hasDay(joined) && /^\s*</.test(lines[j + 1]?.plain ?? ''))
      continue;
    if (j > at && !isBracket && (line.isEmpty || line.isMarked || (isOld(line) && !isOld(lines[at]!))))
      return 0;
    joined += ` ${line.plain.trim()}`;
    if (joined.length > LONGEST_HEADER) return 0;
    const next = nextFilled(lines, j + 1, 4);
    const isFollowed =
      next >= 0 && (lines[next]!.isMarked || isOld(lines[next]!)) && !closesBracket(joined, lines[next]!);
    if (announces(joined.trim(), isFollowed, starts)) return j - at + 1;
    // A sentence that ended is not a date; an abbreviation is.
    if (/[.!?]\s*$/.test(line.plain) && !/(?:[\s.]\p{L}{1,4}|\d)\.\s*$/u.test(line.plain)) return 0;
  }
  return 0;
}

/** "…<ana@example.org\n> wrote:": the mark is the end of the address. */
const closesBracket = (joined: string, line: Line): boolean =>
  line.isMarked &&
  line.plain.length < 60 &&
  joined.lastIndexOf('<') > joined.lastIndexOf('>') &&
  verbAtEnd(line.plain) !== '';

function startsLikeHeader(plain: string): boolean {
  const text = plain.replace(/^[\s*_>-]+/, '');
  return ON_BY_START.get(text.slice(0, 2))?.some((word) => text.startsWith(word)) ?? false;
}

/** Whether these joined lines say who wrote what comes below. */
function announces(text: string, isFollowed: boolean, starts: boolean): boolean {
  // No moment, no address and no old text below: a person speaks.
  if (!isFollowed && !/[@\d]/.test(text) && !QUOTING.test(text)) return false;
  const colon = /[:：][\s*_"]*$/.test(text);
  const address = hasAddress(text);
  const day = hasDay(text);
  const verb = verbAtEnd(text);
  if (verb !== '') {
    const before = text.slice(0, text.lastIndexOf(verb));
    if (FIRST_PERSON.test(before) && !isFollowed) return false;
    if (WEAK.has(verb)) return address && (day || colon);
    if (address) return colon || day || isFollowed;
    if (isFollowed && text.length < 160 && (colon || day)) return true;
    return colon && (starts ? day || hasTime(text) : day && hasTime(text)) ? true : colon && starts && day;
  }
  if (QUOTING.test(text) && colon && (address || isFollowed)) return true;
  if (isFollowedOnItsLine(text, starts)) return true;
  if (!colon && !isFollowed) return false;
  if (text.length > 300) return false;
  const marked = hasMarkedAddress(text);
  const time = hasTime(text);
  if (hasMiddleVerb(text) && ((day && (time || marked || starts)) || marked))
    return colon || (isFollowed && marked);
  // No verb that we know: a name with its address and a moment, and old text right below or a colon.
  if (marked && (day || time)) return colon || (isFollowed && day);
  return isFollowed && colon && day && time && text.length < 160;
}

/** "On 5 Jan 2026, Ana <ana@example.org> wrote: hello": the old message begins on the same line (Yahoo on phones). */
function isFollowedOnItsLine(text: string, starts: boolean): boolean {
  if (!starts) return false;
  const bracket = /[^\s<>]@[^\s<>]{1,200}>[^<>:：]{1,60}[:：]/.exec(text);
  if (bracket === null) return false;
  const end = bracket.index + bracket[0].length;
  return hasDay(text.slice(0, end)) && verbAtEnd(text.slice(0, end)) !== '';
}

function verbAtEnd(text: string): string {
  const end = text.slice(-60).replace(/[\s:：*_"'>)\]]+$/, '');
  for (const [verbs, apart] of [
    [VERBS, true],
    [JOINED_VERBS, false],
  ] as const) {
    for (const verb of [...(verbs.get(end.slice(-2)) ?? []), ...(verbs.get(`${end.slice(-1)})`) ?? [])]) {
      const bare = verb.endsWith(')') ? verb.slice(0, -1) : verb;
      if (!end.endsWith(bare)) continue;
      const before = end.slice(0, end.length - bare.length);
      if (!apart || before === '' || !/[\p{L}\p{N}]$/u.test(before)) return bare;
    }
  }
  return '';
}

const hasMiddleVerb = (text: string): boolean =>
  text.split(/[^\p{L}]+/u, 80).some((word) => MIDDLE.has(word)) ||
  JOINED_LIST.some((verb) => text.includes(verb));

// ── From / Sent / To / Subject ──────────────────────────────────────────────────────────────────────────────────────

type Field = 'from' | 'sent' | 'to' | 'subject' | 'copy';
const MOST_FIELDS = 10;

const FIELDS = fieldsByName();

function fieldsByName(): Map<string, Field> {
  const found = new Map<string, Field>();
  for (const field of ['from', 'sent', 'subject', 'to', 'copy'] as const)
    for (const one of quotePhrases)
      for (const name of normal(one[field])) if (!found.has(name)) found.set(name, field);
  return found;
}

function fieldOf(plain: string): Field | undefined {
  const text = plain.slice(0, 60).replace(/^[>\s*_|]+/, '');
  const colon = text.search(/[:：]/);
  if (colon < 1 || colon > 30) return undefined;
  return FIELDS.get(text.slice(0, colon).replace(/[\s*_]+$/, ''));
}

function blockBelow(lines: readonly Line[], at: number): number {
  const next = nextFilled(lines, at, 3);
  if (next < 0) return 0;
  const length = blockLength(lines, next);
  return length > 0 ? next - at + length : 0;
}

/** Three kinds of field within a few lines; two when they hold an address and a date. */
function blockLength(lines: readonly Line[], at: number): number {
  const first = fieldOf(lines[at]!.plain);
  if (first === undefined || first === 'copy') return 0;
  const found = new Set<Field>();
  let text = '';
  let last = at;
  for (let j = at; j < lines.length && j < at + MOST_FIELDS; j++) {
    const line = lines[j]!;
    if (line.isEmpty) {
      // Some programs put an empty line between the fields.
      if (
        found.size > 0 &&
        j === last + 1 &&
        j + 1 < lines.length &&
        fieldOf(lines[j + 1]!.plain) !== undefined
      ) {
        last = j;
        continue;
      }
      break;
    }
    const field = fieldOf(line.plain);
    // A folded line of the field above.
    if (field === undefined && (j !== last + 1 || line.text.length > 200 || found.size === 0)) break;
    if (field === undefined) {
      const following = lines[j + 1];
      if (following === undefined || following.isEmpty || fieldOf(following.plain) === undefined) {
        if (!/[@<>;\]]/.test(line.plain)) break;
      }
    } else found.add(field);
    text += ` ${line.plain}`;
    last = j;
  }
  return isBlock(found, text, first) ? last - at + 1 : 0;
}

function isBlock(found: Set<Field>, text: string, first: Field): boolean {
  const main = found.size - (found.has('copy') ? 1 : 0);
  const address = hasAddress(text);
  // A traveller writes "From: Lyon, To: Lille, Date: 5 May" too: a mail has a subject or an address.
  if (main >= 3) return found.has('subject') ? true : address;
  if (main < 2 || first === 'to') return false;
  if (found.has('from') && found.has('sent')) return address && (hasDay(text) || hasTime(text));
  return found.has('sent') && found.has('to') && address && hasDay(text);
}
