/**
 * Whom an automatic answer names by an address: who does the work meanwhile, who has taken it over for good, and where the
 * writer is read from now on. All of it is somebody's claim in a mail, so all of it is proposed and none of it acts.
 */
import {
  noNames,
  ownNewAddress,
  postLocalParts,
  reachesTheLeaver,
  turnTo,
} from '../config/contact-phrases.ts';
import { plainLetters } from './words.ts';

export interface NamedPerson {
  role: 'delegate' | 'successor' | 'new-address';
  /** Empty when the answer names none. */
  name: string;
  address: string;
  /** The sentence in which they are named. */
  evidence: string;
}

const ADDRESS = /[\p{L}\d][\p{L}\d._%+'-]{0,63}@(?:[\p{L}\d](?:[\p{L}\d-]{0,62})\.){1,6}\p{L}{2,24}/gu;
const MOST = 5;
const READ_CHARACTERS = 6000;
const NEW = new RegExp(`\\b(?:${ownNewAddress.join('|')})`);
const TURN = new RegExp(`\\b(?:${turnTo.join('|')})`);
const MACHINE = /^(?:no-?reply|do-?not-?reply|ne-?pas-?repondre|mailer-daemon|postmaster|noreply)/;

/** `not`: addresses of the writer and of whom they answer. In the text's order. */
export function namedPeople(
  given: string,
  { hasLeft, not }: { hasLeft: boolean; not: readonly string[] },
): NamedPerson[] {
  const text = given.slice(0, READ_CHARACTERS);
  const known = new Set(not.map((address) => address.toLowerCase()));
  const found: NamedPerson[] = [];
  let last = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = match[0].toLowerCase().replace(/\.$/, '');
    const before = text.slice(last, match.index);
    last = match.index + match[0].length;
    if (known.has(address) || MACHINE.test(address) || found.length >= MOST) continue;
    known.add(address);
    const around = plainLetters(sentencesBefore(before, 2) + match[0] + sentenceAfter(text, last));
    const near = plainLetters(sentencesBefore(before, 1));
    const role = roleOf(around, near, hasLeft, found.at(-1));
    if (role === undefined) continue;
    found.push({
      role,
      name: role === 'new-address' ? '' : nameBefore(before, text.slice(last, last + 60), address),
      address,
      evidence: `${sentencesBefore(before, 1)}${match[0]}${sentenceAfter(text, last)}`
        .replace(/\s+/g, ' ')
        .trim()
        .slice(0, 240),
    });
  }
  return found;
}

function roleOf(
  around: string,
  near: string,
  hasLeft: boolean,
  before: NamedPerson | undefined,
): NamedPerson['role'] | undefined {
  if (hasLeft) return reachesTheLeaver.test(near) ? 'new-address' : 'successor';
  if (NEW.test(around)) return 'new-address';
  if (TURN.test(around)) return 'delegate';
  // "… or Mia Chan, mia.chan@…": like the one before.
  return /^[^.!?\n]{0,60}\b(?:or|and|ou|et|oder|und|o|y)\b[^.!?\n]{0,60}$/.test(near)
    ? before?.role
    : undefined;
}

/** The last sentences before the address, up to it. */
function sentencesBefore(text: string, count: number): string {
  const ends = [
    ...text.matchAll(
      /(?:(?<!\b(?:M|Mr|Mrs|Ms|Dr|Mme|Tel|Tél|Hr|Fr|Sr|Sra|bzw|inkl|einschl|\d))[.!?](?=\s)|\n\s*\n|:\s*\n)\s*/g,
    ),
  ];
  const cut = ends.at(-count);
  return text.slice(Math.max(cut === undefined ? 0 : cut.index + cut[0].length, text.length - 300));
}

const sentenceAfter = (text: string, from: number): string =>
  /^[^.!?\n]{0,120}/.exec(text.slice(from))?.[0] ?? '';

const TITLE = /^(?:m|mr|mrs|ms|miss|dr|prof|mme|mlle|monsieur|madame|herrn?|frau|sr|sra|dra|don|dona)\.?$/;
const PARTICLE = /^(?:de|du|des|del|della|da|di|von|van|der|den|zu|la|le|el|af|ter|ten)$/i;

/** The name that leads to the address: the last run of capitals before it, best one that the address itself repeats. */
function nameBefore(before: string, after: string, address: string): string {
  const local = plainLetters(address.split('@')[0] ?? '');
  if (postLocalParts.test(local)) return '';
  const runs = runsOf(sentencesBefore(before, 1).slice(-160));
  // "ann@x.example (Ann Miller)"
  const behind = /^ ?\(([^()@\d]{3,40})\)/.exec(after)?.[1];
  if (behind !== undefined) runs.push(...runsOf(behind));
  const repeated = runs.findLast((run) =>
    run.words.some((word) => word.length > 2 && local.includes(plainLetters(word))),
  );
  const chosen = repeated ?? runs.findLast((run) => run.words.length > 1 || run.isTitled);
  return chosen?.words.join(' ') ?? '';
}

function runsOf(text: string): { words: string[]; isTitled: boolean }[] {
  const runs: { words: string[]; isTitled: boolean }[] = [];
  let words: string[] = [];
  let isTitled = false;
  const close = () => {
    while (words.length > 0 && PARTICLE.test(words.at(-1) ?? '')) words.pop();
    if (words.length > 0) runs.push({ words: words.slice(0, 4), isTitled });
    words = [];
    isTitled = false;
  };
  for (const token of text.split(/\s+|(?=[,;:()<>"«»|/])|(?<=[,;:()<>"«»|/])/)) {
    const word = token.replace(/[.!?]+$/, '');
    const plain = plainLetters(word);
    if (TITLE.test(plain) || TITLE.test(plainLetters(token))) {
      close();
      isTitled = true;
    } else if (/^\p{Lu}[\p{L}'’.-]*$/u.test(token) && !noNames.has(plain)) {
      words.push(/^\p{Lu}\.$/u.test(token) ? token : word);
      if (/[!?]$/.test(token)) close();
    } else if (words.length > 0 && PARTICLE.test(token)) words.push(token);
    else if (token !== '') close();
  }
  close();
  return runs;
}
