/** When somebody who is away comes back, read from the words of their automatic answer. */
import { plainLetters, snippet } from './words.ts';

const DAY = 24 * 60 * 60 * 1000;
const LONGEST_DAYS = 180;
const MONTHS: [RegExp, number][] = [
  [/^jan|^ene/, 0],
  [/^feb|^fev/, 1],
  [/^mar[sczt]?|^marz|^maerz/, 2],
  [/^apr|^avr|^abr/, 3],
  [/^mai$|^may/, 4],
  [/^jun|^juin/, 5],
  [/^jul|^juil/, 6],
  [/^aug|^aou|^ago/, 7],
  [/^sep/, 8],
  [/^o[ck]t/, 9],
  [/^nov/, 10],
  [/^de[czc]/, 11],
];

/** "Back on": the day itself is a working day. "Until": the day after is. */
const BACK =
  /\b(?:back (?:in the office )?(?:on|from)?|return(?:ing)?(?: (?:to (?:the )?(?:office|work)|on))*|de retour(?: au bureau)?(?: a partir du| des le| le)?|reviens le|reprendrai (?:le|mes)|zuruck(?: am| ab)?|wieder (?:erreichbar |im buro |da |fur sie da )?(?:ab|am)|bin ich ab(?: dem)?|vuelvo(?: el)?|regreso(?: el)?|de vuelta el|rientr\w*(?: il)?)\b/g;
const UNTIL =
  /\b(?:until|till|through|jusqu'au|jusqu'a|au\b|bis(?: zum| einschliesslich| einschl\.?)?|hasta(?: el)?|al\b|fino al|t\/m|tot(?: en met)?)\b/g;
const WINDOW = 60;

export interface Absence {
  /** First day on which they are there again, at its beginning (UTC). */
  until: number;
  /** The words that say so. */
  evidence: string;
}

/** Undefined when no sane date is near such words. `now` decides the year that people leave out. */
export function readReturnDate(text: string, now: number): Absence | undefined {
  const plain = plainLetters(text.slice(0, 8000)).replace(/\s+/g, ' ');
  for (const [pattern, plusDays] of [
    [BACK, 0],
    [UNTIL, 1],
  ] as const) {
    for (const match of plain.matchAll(pattern)) {
      const after = plain.slice(match.index + match[0].length, match.index + match[0].length + WINDOW);
      const date = readDate(after, now);
      if (date === undefined) continue;
      const until = nextWorkday(date + plusDays * DAY);
      if (until > now && until <= now + LONGEST_DAYS * DAY)
        return { until, evidence: snippet(plain, match.index) };
    }
  }
  return undefined;
}

function readDate(text: string, now: number): number | undefined {
  const iso = /\b(20\d\d)-(\d\d)-(\d\d)\b/.exec(text);
  if (iso !== null) return dateOf(Number(iso[1]), Number(iso[2]) - 1, Number(iso[3]), now);
  const named =
    /\b(\d{1,2})(?:er|st|nd|rd|th|\.)?\s*(?:de |of )?([a-z]{3,9})\.?(?:\s*(?:de |del |,)?\s*(20\d\d))?/.exec(
      text,
    ) ?? undefined;
  const month = named && monthOf(named[2]!);
  if (named !== undefined && month !== undefined)
    return dateOf(named[3] ? Number(named[3]) : undefined, month, Number(named[1]), now);
  const american = /\b([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?(?:,? (20\d\d))?\b/.exec(text);
  const monthFirst = american && monthOf(american[1]!);
  if (american !== null && monthFirst !== undefined && monthFirst !== null)
    return dateOf(american[3] ? Number(american[3]) : undefined, monthFirst, Number(american[2]), now);
  const numeric = /\b(\d{1,2})[./-](\d{1,2})(?:[./-](20\d\d|\d\d))?(?!\d)/.exec(text);
  if (numeric === null) return undefined;
  const [first, second] = [Number(numeric[1]), Number(numeric[2])];
  const year =
    numeric[3] === undefined ? undefined : Number(numeric[3].length === 2 ? `20${numeric[3]}` : numeric[3]);
  // Day first, as Europe writes; a second number above twelve can only be American.
  return second > 12 ? dateOf(year, first - 1, second, now) : dateOf(year, second - 1, first, now);
}

function monthOf(word: string): number | undefined {
  return MONTHS.find(([pattern]) => pattern.test(word))?.[1];
}

function dateOf(year: number | undefined, month: number, day: number, now: number): number | undefined {
  if (month < 0 || month > 11 || day < 1 || day > 31) return undefined;
  const thisYear = new Date(now).getUTCFullYear();
  const at = Date.UTC(year ?? thisYear, month, day);
  // "until 3 January", written in December.
  return year === undefined && at < now - 2 * DAY ? Date.UTC(thisYear + 1, month, day) : at;
}

function nextWorkday(at: number): number {
  const weekday = new Date(at).getUTCDay();
  return at + (weekday === 6 ? 2 : weekday === 0 ? 1 : 0) * DAY;
}
