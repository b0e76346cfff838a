/**
 * Header fields as they travel: in ASCII, folded at 76 columns, names and subjects beyond ASCII in encoded-words. Every
 * value that enters a field is SafeText or passes through `cleanText` here, so no value can begin another field.
 */
import { cleanText, isSafeText, type Mailbox, type SafeText } from './address.ts';

/** One field, folded, without its final line break: `Subject: …`. */
export type HeaderField = string;

const FOLD = 76;
// RFC 5322 2.1.1: 998 octets in a line, whatever folding could not do.
const LONGEST_WORD = 900;
const PRINTABLE = /^[\u0020-\u007e]*$/;
const FIELD_NAME = /^[!-9;-~]{1,76}$/;
const ATOM_PHRASE = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+(?: [A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+)*$/;
// RFC 2047 5 (3): what an encoded-word inside a phrase may hold unencoded.
const Q_SAFE = /^[A-Za-z0-9!*+\-/]$/;

/** An unstructured field such as Subject. */
export function textField(name: string, value: string): HeaderField {
  const text = cleanText(value);
  const plain =
    PRINTABLE.test(text) && !text.includes('=?') && !/^ | $| {2}/.test(text) && !hasLongWord(text);
  return plain ? foldAtSpaces(name, text) : fold(name, encodedWords(text, FOLD - name.length - 2));
}

/** A field whose value is already in protocol form (a list of URIs, ids, parameters); `parts` are its folding points. */
export function rawField(name: string, parts: readonly string[], between = ' '): HeaderField {
  if (!FIELD_NAME.test(name)) throw new Error(`${JSON.stringify(name)} is no header field name`);
  for (const part of parts) {
    if (!isSafeText(part)) throw new Error(`a control character in ${name}`);
  }
  return fold(name, parts, between);
}

/** From, To, Cc, Reply-To. */
export function mailboxField(name: string, mailboxes: readonly MailboxLike[]): HeaderField {
  const parts: string[] = [];
  mailboxes.forEach((mailbox, index) => {
    const words = formatMailbox(mailbox);
    words.push(`${words.pop()!}${index < mailboxes.length - 1 ? ',' : ''}`);
    parts.push(...words);
  });
  return fold(name, parts);
}

export interface MailboxLike {
  name: string;
  /** Already checked: `local@domain`. */
  address: string;
}

export function mailboxOf({ name, address }: Mailbox): MailboxLike {
  return { name, address: address.address };
}

/** RFC 5322 3.3, always in UTC: where the server stands is nobody's business. */
export function dateField(ms: number): HeaderField {
  if (lastDate.ms !== ms)
    lastDate = { ms, field: `Date: ${new Date(ms).toUTCString().replace('GMT', '+0000')}` };
  return lastDate.field;
}

/** All messages of one claim carry the same moment. */
let lastDate = { ms: Number.NaN, field: '' };

/** RFC 2231: a parameter whose value may be beyond ASCII; `name=value` parts to be joined by "; ". */
export function parameter(name: string, value: string): string[] {
  const text = cleanText(value);
  if (PRINTABLE.test(text) && text.length < 60) return [`${name}="${text.replace(/["\\]/g, '\\$&')}"`];
  const encoded = encodeURIComponent(text).replace(
    /['()*!]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  if (encoded.length <= 60) return [`${name}*=utf-8''${encoded}`];
  const pieces = encoded.match(/(?:%..|[^%]){1,18}/g) ?? [];
  return pieces.map((piece, index) => `${name}*${index}*=${index === 0 ? "utf-8''" : ''}${piece}`);
}

/** Words that folding may part: the name, then the address. */
function formatMailbox({ name, address }: MailboxLike): string[] {
  const text = cleanText(name);
  if (!isSafeText(address)) throw new Error('a control character in an address');
  if (text === '') return [address];
  return [...phrase(text), `<${address}>`];
}

function phrase(text: SafeText): readonly string[] {
  let words = phrases.get(text);
  if (words === undefined) {
    words = phraseOf(text);
    if (phrases.size >= PHRASES) phrases.clear();
    phrases.set(text, words);
  }
  return words;
}

/** The names in From and Reply-To are the same in a whole campaign. */
const phrases = new Map<string, readonly string[]>();
const PHRASES = 500;

function phraseOf(text: SafeText): string[] {
  if (PRINTABLE.test(text) && !text.includes('=?') && !hasLongWord(text)) {
    if (ATOM_PHRASE.test(text)) return text.split(' ');
    if (text.length < 70) return [`"${text.replace(/["\\]/g, '\\$&')}"`];
  }
  return encodedWords(text, 60);
}

/** RFC 2047 2: each at most 75 characters, no character cut in two. */
function encodedWords(text: string, first: number): string[] {
  const size = Buffer.byteLength(text);
  const useQ = (text.match(/[^A-Za-z0-9!*+\-/ ]/g)?.length ?? 0) * 3 < size;
  const overhead = '=?utf-8?q??='.length;
  let room = Math.min(75, Math.max(40, first)) - overhead;
  const words: string[] = [];
  let word = '';
  let bytes = 0;
  const close = () => {
    words.push(useQ ? `=?utf-8?q?${word}?=` : `=?utf-8?b?${Buffer.from(word).toString('base64')}?=`);
    word = '';
    bytes = 0;
    room = 75 - overhead;
  };
  for (const character of text) {
    const encoded = useQ ? (qWords.get(character) ?? encodeQ(character)) : character;
    const width = useQ ? encoded.length : Buffer.byteLength(character);
    const total = useQ ? bytes + width : Math.ceil((bytes + width) / 3) * 4;
    if (bytes > 0 && total > room) close();
    word += encoded;
    bytes += width;
  }
  if (bytes > 0 || words.length === 0) close();
  return words;
}

function encodeQ(character: string): string {
  if (character === ' ') return '_';
  if (Q_SAFE.test(character)) return character;
  let out = '';
  for (const byte of Buffer.from(character)) out += `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return out;
}

/** Of the characters that European languages are written in. */
const qWords = new Map(
  Array.from({ length: 0x17f - 0x1f }, (_, at) => String.fromCharCode(0x20 + at)).map((character) => [
    character,
    encodeQ(character),
  ]),
);

function hasLongWord(text: string): boolean {
  return text.length > LONGEST_WORD && text.split(' ').some((word) => word.length > LONGEST_WORD);
}

function foldAtSpaces(name: string, text: string): HeaderField {
  if (name.length + 2 + text.length <= FOLD) return `${name}: ${text}`;
  return fold(name, text.split(' '));
}

function fold(name: string, parts: readonly string[], between = ' '): HeaderField {
  const glue = between.trimEnd();
  let out = `${name}:`;
  let column = out.length;
  parts.forEach((part, index) => {
    const word = index < parts.length - 1 ? part + glue : part;
    if (index > 0 && column + 1 + word.length > FOLD) {
      out += `\r\n ${word}`;
      column = 1 + word.length;
    } else {
      out += ` ${word}`;
      column += 1 + word.length;
    }
  });
  return out;
}
