/**
 * The days that a text names, seen from the day on which it was written: "lundi 5 janvier", "24.08.", "next Monday",
 * "tomorrow". A year left out is the one that brings the day nearest; figures that may be a day and a month either way say
 * so, and so does a day of the week that the date does not fall on. Pure.
 */
import { monthOf, nearDays, numberWords, weekdayOf } from '../config/date-words.ts';
import { plainLetters } from './words.ts';

const DAY = 24 * 60 * 60 * 1000;

export interface PlainText {
  /** Lower case, no accents, single spaces. */
  plain: string;
  /** Where each of its letters stands in the text that was given. */
  at: number[];
}

export interface DateMention {
  /** Where it stands in the plain text. */
  start: number;
  end: number;
  /** Midnight UTC of the day that is meant. */
  day: number;
  /** What else it may mean; null: nothing. */
  other: number | null;
  /** No sure reading: the day of the week is another one. */
  isDoubtful: boolean;
  hasYear: boolean;
}

/** One letter at a time, so that evidence can be shown as it was written. */
export function plainText(text: string): PlainText {
  const letters: string[] = [];
  const at: number[] = [];
  for (let place = 0; place < text.length;) {
    const code = text.codePointAt(place) ?? 0;
    const size = code > 0xffff ? 2 : 1;
    for (const letter of plainLetters(String.fromCodePoint(code))) {
      const kept = /\s/.test(letter) ? ' ' : letter;
      if (kept === ' ' && letters.at(-1) === ' ') continue;
      letters.push(kept);
      at.push(place);
    }
    place += size;
  }
  // One letter of the text may be a pair in UTF-16: places count units, so that slices fit.
  return {
    plain: letters.join(''),
    at: letters.flatMap((letter, i) => Array(letter.length).fill(at[i] ?? 0)),
  };
}

/** The writer's own words between two places of the plain text. */
export function originalWords(text: string, { at }: PlainText, start: number, end: number): string {
  const from = at[Math.max(0, start)] ?? 0;
  const to = at[Math.min(end, at.length) - 1] ?? text.length;
  return text
    .slice(from, to + 1)
    .replace(/\s+/g, ' ')
    .trim();
}

const MONTH = `(?:${[...monthOf.keys()].sort((a, b) => b.length - a.length).join('|')})`;
const WEEKDAY = `(?:${[...weekdayOf.keys()].sort((a, b) => b.length - a.length).join('|')})`;
const NEAR = `(?:${[...nearDays.keys()].sort((a, b) => b.length - a.length).join('|')})`;
const NUMBER = `(?:\\d{1,2}|${[...numberWords.keys()].join('|')})`;

/** The day of the week before a date: "lundi 5", "Monday, the 5th", "Montag, den 5.", "Montag, dem 5.". */
const LED = `(?:\\b(${WEEKDAY})\\b\\.?,? (?:the |le |den |dem |el |dia )?)?`;
const ISO = new RegExp(`${LED}\\b(20\\d\\d)-(\\d\\d)-(\\d\\d)\\b`, 'g');
const DAY_MONTH = new RegExp(
  `${LED}(?<![\\d.,/])(\\d{1,2})(?:er|st|nd|rd|th|\\.|º)? ?(?:of |de )?(${MONTH})\\b\\.?(?:,? ?(?:de |del )?(20\\d\\d)\\b)?`,
  'g',
);
/** "January 8-9": the last of the days. */
const MONTH_DAY = new RegExp(
  `${LED}\\b(${MONTH})\\b\\.? (?:the )?(?:\\d{1,2}(?:st|nd|rd|th)? ?(?:-|–|to|through|and) ?)?(\\d{1,2})(?:st|nd|rd|th)?\\b(?![.:/]\\d)(?:,? (20\\d\\d)\\b)?`,
  'g',
);
const FIGURES = new RegExp(
  `${LED}(?<![\\d./-])(\\d{1,2})([./-])(\\d{1,2})(?:(?:\\3)(20\\d\\d|\\d\\d)(?!\\d))?(?![\\d%])`,
  'g',
);
const WEEKDAY_NUMBER = new RegExp(
  `\\b(${WEEKDAY})\\b\\.?,? (?:the |le |den |dem |el |dia )?(\\d{1,2})(?:er|st|nd|rd|th|\\.)?(?![\\d/.:-]|h\\b| ?uhr)`,
  'g',
);
/** "à partir du 5", "back on the 5th", "ab dem 5.": a day alone needs its article. */
const NUMBER_ONLY =
  /\b(?:du|le|on the|until the|the|ab dem|am|bis zum|el dia|el)\b (\d{1,2})(?:er|st|nd|rd|th|\.)?(?![\d/:%€$-]|\.\d|h\b| ?(?:uhr|jours|days|tage|dias|heures|hours|stunden|horas|euro))/g;
const WEEKDAY_ONLY = new RegExp(
  `\\b(next |nachsten |nachste |kommenden |kommende |el proximo |proximo |on |am |el |le )?(${WEEKDAY})\\b(?: (prochain|proximo|que viene))?`,
  'g',
);
const NEAR_ONLY = new RegExp(`(?<!\\b(?:guten|la|per|por la|de la) )\\b(${NEAR})\\b`, 'g');
const SPAN = new RegExp(
  `\\b(?:in|dans|en|dentro de|for the next|the next|for|pour|pendant|fur|die nachsten|los proximos) (${NUMBER}) (days?|jours?|tagen?|dias?|weeks?|semaines?|wochen?|semanas?|months?|mois|monaten?|mes(?:es)?)\\b`,
  'g',
);
const END_OF_WEEK =
  /\b(?:the end of (?:the|this) week|rest of (?:the|this) week|la fin de (?:la|cette) semaine|ende (?:der|dieser) woche|el fin(?:al)? de (?:la |esta )?semana)\b/g;

/** `isDayFirst` undefined: written in English, where figures go either way. */
export interface Reading {
  /** The beginning (UTC) of the writer's day. */
  sent: number;
  isDayFirst: boolean | undefined;
}

/** In the order of the text, none inside another. */
export function datesIn(plain: string, { sent, isDayFirst }: Reading): DateMention[] {
  const found: DateMention[] = [];
  const today = Math.floor(sent / DAY) * DAY;
  const free = (start: number, end: number) => !found.some((one) => start < one.end && end > one.start);
  const add = (match: RegExpExecArray, one: Omit<DateMention, 'start' | 'end'> | undefined, skip = 0) => {
    const start = match.index + skip;
    const end = match.index + match[0].length;
    if (one !== undefined && free(start, end)) found.push({ start, end, ...one });
  };
  const order = isDayFirst ?? orderSaid(plain);
  for (const match of plain.matchAll(ISO))
    add(match, dated(today, match[1], Number(match[2]), Number(match[3]) - 1, Number(match[4])));
  for (const match of plain.matchAll(DAY_MONTH))
    add(match, dated(today, match[1], yearOf(match[4]), monthOf.get(match[3] ?? ''), Number(match[2])));
  for (const match of plain.matchAll(MONTH_DAY))
    add(match, dated(today, match[1], yearOf(match[4]), monthOf.get(match[2] ?? ''), Number(match[3])));
  for (const match of plain.matchAll(FIGURES)) add(match, figures(match, today, order));
  for (const match of plain.matchAll(WEEKDAY_NUMBER))
    add(match, numbered(today, Number(match[2]), weekdayOf.get(match[1] ?? '')));
  for (const match of plain.matchAll(NUMBER_ONLY)) add(match, numbered(today, Number(match[1]), undefined));
  for (const match of plain.matchAll(WEEKDAY_ONLY)) {
    const wanted = weekdayOf.get(match[2] ?? '');
    // "sun", "mar": short forms are words of their own.
    if (wanted === undefined || ((match[2]?.length ?? 0) < 5 && match[1] === undefined)) continue;
    const ahead = (wanted - new Date(today).getUTCDay() + 7) % 7 || 7;
    // "Le mercredi" is every Wednesday as often as the next one.
    add(match, { ...sure(today + ahead * DAY), isDoubtful: match[1] === 'le ' });
  }
  for (const match of plain.matchAll(NEAR_ONLY))
    add(match, sure(today + (nearDays.get(match[1] ?? '') ?? 0) * DAY));
  for (const match of plain.matchAll(SPAN)) add(match, spanned(today, match[1] ?? '', match[2] ?? ''));
  for (const match of plain.matchAll(END_OF_WEEK))
    add(match, sure(today + ((5 - new Date(today).getUTCDay() + 7) % 7) * DAY));
  return found.sort((a, b) => a.start - b.start);
}

const sure = (day: number) => ({ day, other: null, isDoubtful: false, hasYear: false });
const yearOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);

function dated(
  today: number,
  weekday: string | undefined,
  year: number | undefined,
  month: number | undefined,
  date: number,
): Omit<DateMention, 'start' | 'end'> | undefined {
  if (month === undefined) return undefined;
  const day = dayOf(today, year, month, date);
  if (day === undefined) return undefined;
  const wanted = weekday === undefined ? undefined : weekdayOf.get(weekday);
  const isDoubtful = wanted !== undefined && new Date(day).getUTCDay() !== wanted;
  return { day, other: null, isDoubtful, hasYear: year !== undefined };
}

function dayOf(today: number, year: number | undefined, month: number, date: number): number | undefined {
  const this_ = new Date(today).getUTCFullYear();
  const at = (one: number) => {
    const day = Date.UTC(one, month, date);
    // "31.02." is none.
    return new Date(day).getUTCDate() === date && new Date(day).getUTCMonth() === month ? day : undefined;
  };
  if (date < 1 || month < 0 || month > 11) return undefined;
  if (year !== undefined) return at(year);
  // Half a year either way: "until 3 January", written in December; "since 20 December", written in January.
  const all = [this_ - 1, this_, this_ + 1].flatMap((one) => at(one) ?? []);
  return all.sort((a, b) => Math.abs(a - today) - Math.abs(b - today))[0];
}

/** Whether figures elsewhere in the text can be read in one order only. */
function orderSaid(plain: string): boolean | undefined {
  for (const match of plain.matchAll(FIGURES)) {
    if (match[3] === '.') return true;
    if (Number(match[2]) > 12) return true;
    if (Number(match[4]) > 12) return false;
  }
  return undefined;
}

function figures(
  match: RegExpExecArray,
  today: number,
  isDayFirst: boolean | undefined,
): Omit<DateMention, 'start' | 'end'> | undefined {
  const [, weekday, first, sign, second, yearText] = match;
  // "8-9" are no month; "9.30" may be an hour.
  if (sign === '-' && yearText === undefined) return undefined;
  const [a, b] = [Number(first), Number(second)];
  const year =
    yearText === undefined ? undefined : Number(yearText.length === 2 ? `20${yearText}` : yearText);
  const dayFirst = dated(today, weekday, year, b - 1, a);
  const monthFirst = dated(today, weekday, year, a - 1, b);
  if (sign === '.' || isDayFirst === true) return dayFirst;
  if (isDayFirst === false) return monthFirst ?? dayFirst;
  if (dayFirst === undefined || monthFirst === undefined || a === b) return dayFirst ?? monthFirst;
  // "Monday 03/02" can be one of the two only.
  if (dayFirst.isDoubtful !== monthFirst.isDoubtful) return dayFirst.isDoubtful ? monthFirst : dayFirst;
  return { ...dayFirst, other: monthFirst.day };
}

/** "the 18th": the next day of that number, which with its name must be right. */
function numbered(today: number, date: number, weekday: number | undefined) {
  if (date < 1 || date > 31) return undefined;
  const now = new Date(today);
  for (let ahead = 0; ahead < 3; ahead++) {
    const day = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead, date);
    if (day <= today || new Date(day).getUTCDate() !== date) continue;
    return { ...sure(day), isDoubtful: weekday !== undefined && new Date(day).getUTCDay() !== weekday };
  }
  return undefined;
}

function spanned(today: number, count: string, unit: string) {
  const n = /^\d/.test(count) ? Number(count) : (numberWords.get(count) ?? 0);
  if (n < 1) return undefined;
  if (/^(?:month|mois|monat|mes)/.test(unit)) {
    const now = new Date(today);
    return sure(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + n, now.getUTCDate()));
  }
  return sure(today + n * (/^(?:week|semaine|woche|semana)/.test(unit) ? 7 : 1) * DAY);
}
