/**
 * When somebody who is away comes back, read from the words of their automatic answer. A date that can be read two ways, a
 * day of the week that is another one, and a very long absence are said with doubt, and doubt never acts by itself.
 */
import {
  backAfter,
  backBefore,
  denied,
  forSpan,
  ledBack,
  notUntil,
  rangeSigns,
  untilBefore,
} from '../config/return-phrases.ts';
import { datesIn, originalWords, plainText, type DateMention } from './date-mention.ts';
import { languageOf } from './words.ts';

const DAY = 24 * 60 * 60 * 1000;
/** Longer is no holiday: a person looks at it. */
const LONGEST_DAYS = 180;
const LONGEST_DOUBTED_DAYS = 400;
const READ_CHARACTERS = 8000;
const AROUND = 60;

/** An article, "on", a comma: what may stand between the words and their date. */
const FILLER = '(?:[ ,:]| on| le| the| am| den| dem| ab| el| dia| next| of| this)*';
const BACK = new RegExp(`\\b(?:${backBefore.join('|')})${FILLER}$`);
const UNTIL = new RegExp(`\\b(?:${untilBefore.join('|')})${FILLER}$`);

export interface Absence {
  /** First working day on which they are there again, at its beginning (UTC). */
  until: number;
  /** The other day that it may be; null: no other. */
  other: number | null;
  /** A person has to look before anything follows. */
  isDoubtful: boolean;
  /** The words that say so. */
  evidence: string;
}

/** Undefined when no sane date is near such words. `sent` is the writer's clock: it decides what people leave out. */
export function readReturnDate(given: string, sent: number, subject = ''): Absence | undefined {
  const language = languageOf(`${subject}\n${given}`);
  const isDayFirst = language === undefined || language === 'en' ? undefined : true;
  // The words come first: a subject is cut, and quotes ours.
  for (const text of [given.slice(0, READ_CHARACTERS), subject.slice(0, 300)]) {
    const plain = plainText(text);
    const dates = datesIn(plain.plain, { sent, isDayFirst });
    for (const role of ['back', 'until'] as const) {
      for (const date of dates) {
        if (roleOf(plain.plain, date) !== role) continue;
        const absence = absenceBy(date, role, sent);
        if (absence !== undefined)
          return { ...absence, evidence: originalWords(text, plain, wordsFrom(plain.plain, date), date.end) };
      }
    }
  }
  return undefined;
}

function roleOf(plain: string, { start, end }: DateMention): 'back' | 'until' | undefined {
  const before = plain.slice(Math.max(0, start - AROUND), start);
  const words = plain.slice(start, end);
  if (forSpan.test(words)) return 'back';
  if (notUntil.test(before)) return 'back';
  const back = BACK.exec(before);
  if (back !== null && !denied.test(before.slice(0, back.index))) return 'back';
  if (
    ledBack.test(before) ||
    /^(?:el|am|on|le) /.test(words) ||
    /^(?:manana|morgen|demain|tomorrow)/.test(words)
  )
    if (backAfter.test(plain.slice(end, end + AROUND))) return 'back';
  if (UNTIL.test(before) || rangeSigns.test(before) || /\d ?(?:-|–|to|through) ?\d/.test(words))
    return 'until';
  return undefined;
}

function absenceBy(
  date: DateMention,
  role: 'back' | 'until',
  sent: number,
): Omit<Absence, 'evidence'> | undefined {
  const days = (date.other === null ? [date.day] : [date.day, date.other])
    .map((day) => nextWorkday(role === 'until' ? day + DAY : day))
    .filter((day) => day > sent && day <= sent + LONGEST_DOUBTED_DAYS * DAY);
  const sane = days.filter((day) => day <= sent + LONGEST_DAYS * DAY);
  // Of two readings the only sane one counts; a single one that is far away is asked about.
  const [until, other] = (sane.length > 0 ? sane : date.hasYear ? days : []).sort((a, b) => a - b);
  if (until === undefined) return undefined;
  return {
    until,
    other: other === undefined || other === until ? null : other,
    isDoubtful: date.isDoubtful || sane.length === 0 || (other !== undefined && other !== until),
  };
}

/** The beginning of the clause in which the date stands. */
function wordsFrom(plain: string, { start }: DateMention): number {
  const before = plain.slice(Math.max(0, start - 90), start);
  const sign = Math.max(before.lastIndexOf('. '), before.lastIndexOf('! '), before.lastIndexOf('? '));
  return start - before.length + (sign < 0 ? 0 : sign + 2);
}

function nextWorkday(at: number): number {
  const weekday = new Date(at).getUTCDay();
  return at + (weekday === 6 ? 2 : weekday === 0 ? 1 : 0) * DAY;
}
