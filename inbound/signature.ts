/**
 * The block under the new words that says who wrote: after "-- ", what a phone adds, a leave-taking with a visiting card.
 * Folded, so never where the writer goes on speaking: no question, no postscript, no wish to be taken off a list.
 */
import { deviceEndings, deviceLines, leaveTakings } from '../config/signature-phrases.ts';
import { anyOf, plainLine, type Line } from './reply-line.ts';

const MAX_FILLED_LINES = 12;
const LONGEST_LINE = 120;

const DEVICE = new RegExp(`^[\\s*_/<(~|-]{0,4}(?:${anyOf(deviceLines)})`, 'u');
const DEVICE_END = new RegExp(`(?:${anyOf(deviceEndings)})[\\s.*_)>]*$`, 'u');
const LEAVE = new Set(leaveTakings.map((phrase) => plainLine(phrase)));

/** Words that must stay in sight wherever they stand. */
const SPEAKS =
  /\?|(?:^|\s)p\.?\s?s\.?\s?[:.]|\bunsubscri|\bdesinscri|\bdesabonn|\babmeld|\babbestell|\bdarme de baja|\bcancel|\bannul(?:er|ez)\b|\bstornier|\bau fait\b|\bby the way\b|\bbtw\b|\bubrigens\b|\bpor cierto\b/;

/** Marks the signature among the lines that are still new. */
export function markSignature(lines: readonly Line[]): void {
  // First what is drawn or added by a program, then the card above it.
  markFrom(lines, (rest) =>
    isDelimiter(rest[0]!) ? 'drawn' : isDeviceLine(rest[0]!) ? 'device' : undefined,
  );
  markFrom(lines, ([first, ...after]) =>
    isName(first!, after) || isCard(first!, after) ? 'card' : undefined,
  );
}

type Sign = 'drawn' | 'device' | 'card';

function markFrom(lines: readonly Line[], signOf: (rest: Line[]) => Sign | undefined): void {
  const mine = lines.filter((line) => line.kind === 'new');
  const filled = mine.filter((line) => !line.isEmpty);
  // A signature is short: only the end can begin one.
  for (let i = Math.max(0, filled.length - MAX_FILLED_LINES); i < filled.length; i++) {
    const rest = filled.slice(i);
    const sign = signOf(rest);
    // The first words of all are no signature, unless a phone wrote them.
    if (sign === undefined || (i === 0 && sign !== 'device')) continue;
    if (rest.slice(1).some((line) => SPEAKS.test(line.plain))) continue;
    if (sign !== 'drawn' && rest.some((line) => line.text.length > LONGEST_LINE)) continue;
    for (const line of mine.slice(mine.indexOf(rest[0]!))) line.kind = 'signature';
    return;
  }
}

/** RFC 3676 4.3: "-- " on a line of its own; many leave out the space, use a dash or draw a longer line. */
const isDelimiter = ({ plain }: Line): boolean => /^\s*(?:--|—|–|__+)\s*$/.test(plain);

/** "-Ana Roy" as the last line. */
const isName = ({ text }: Line, after: Line[]): boolean =>
  after.length === 0 && /^\s*-\s?\p{Lu}[\p{L}.]+(?: \p{Lu}[\p{L}.]+){0,2}\s*$/u.test(text);

/** A leave-taking and a name are a person's last words; with a function, a company or a number it is a card. */
const isCard = ({ plain }: Line, after: Line[]): boolean =>
  after.length >= 2 && plain.length < 60 && LEAVE.has(plain.replace(/[\s,.!;:–—-]+$/, '').trim());

function isDeviceLine({ plain, text }: Line): boolean {
  if (text.length > LONGEST_LINE) return false;
  // "Sent from my desk, is much easier than my phone." is a sentence.
  if (/\p{L}, .*\.\s*$/u.test(plain)) return false;
  // Any device or app, where the line is nothing else.
  if (/^[\s*_/<(~-]{0,4}sent from [^,.?!]{2,60}$/.test(plain)) return true;
  return DEVICE.test(plain) || (DEVICE_END.test(plain) && plain.length < 80);
}
