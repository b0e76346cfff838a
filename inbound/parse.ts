/**
 * A raw message as a letter: who, to whom, about what, which words, which files. Runs in the cage, since every byte of it
 * is a stranger's. What comes out is small and bounded, whatever went in.
 */
import { readAddresses, readMessageIds, type Headers, type Person } from './header.ts';
import { readPage, type HtmlPage } from './html-text.ts';
import { decodedText, encodingOf, readMime, type Part } from './mime.ts';
import type { Mark } from './reply.ts';

export interface LetterAttachment {
  /** Its place, as core/mail/mime-part.ts reads it; empty for the message itself. */
  part: string;
  fileName: string;
  mediaType: string;
  size: number;
  contentId: string | null;
}

export interface Letter {
  subject: string;
  from: Person[];
  replyTo: Person[];
  to: Person[];
  cc: Person[];
  messageId: string;
  inReplyTo: string[];
  references: string[];
  /** Which conversation Outlook says this is of, as it is remembered beside the ids; null when it does not say. */
  threadIndex: string | null;
  /** The Date field in milliseconds; null when it is none. */
  date: number | null;
  /** What a person reads. */
  text: string;
  /** What the writer's program says of parts of the text: quotations and signatures, by its HTML. */
  marks: Mark[];
  html: string | null;
  hasRemoteImages: boolean;
  attachments: LetterAttachment[];
}

const MAX_ATTACHMENTS = 200;
const MAX_SUBJECT = 998;
const MAX_TEXT = 512 * 1024;

export interface Parsed {
  letter: Letter;
  mime: Part;
  /** The HTML of the message as text, when there is any: what it marks as old helps to read the plain part too. */
  page: HtmlPage | undefined;
}

export function parse(raw: Buffer): Parsed {
  const mime = readMime(raw);
  const { headers } = mime;
  const shown = shownParts(mime);
  const plain = shown
    .filter((part) => part.type !== 'text/html')
    .map(decodedText)
    .join('\n');
  const htmlSource = htmlParts(mime).map(decodedText).join('\n');
  // An empty or token text part beside real HTML is what some programs send for form's sake.
  const usesHtml = plain.trim().length < 3 && htmlSource !== '';
  const page = htmlSource === '' ? undefined : readPage(htmlSource);
  const fromHtml = usesHtml ? page : undefined;
  const text = (fromHtml?.text ?? plain).slice(0, MAX_TEXT);
  return {
    mime,
    page,
    letter: {
      subject: oneLine(headers.text('subject').replace(/\s+/g, ' '), MAX_SUBJECT),
      from: people(headers, 'from'),
      replyTo: people(headers, 'reply-to'),
      to: people(headers, 'to'),
      cc: people(headers, 'cc'),
      messageId: readMessageIds(headers.raw('message-id'))[0] ?? '',
      inReplyTo: readMessageIds(headers.raw('in-reply-to')),
      references: readMessageIds(headers.raw('references')),
      threadIndex: threadIndexOf(headers.raw('thread-index')),
      date: dateOf(headers.raw('date')),
      text,
      marks: fromHtml?.marks ?? [],
      html: page?.html ?? null,
      hasRemoteImages: page?.hasRemoteImages ?? false,
      attachments: attachmentsOf(mime, new Set(shown)),
    },
  };
}

function people(headers: Headers, name: string): Person[] {
  return headers
    .all(name)
    .flatMap(readAddresses)
    .slice(0, 200)
    .map(({ name: shown, address }) => ({
      name: oneLine(shown, 200),
      address: oneLine(address, 320),
    }));
}

const oneLine = (text: string, length: number): string =>
  // oxlint-disable-next-line no-control-regex
  text
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/g, ' ')
    .trim()
    .slice(0, length)
    .toWellFormed();

/** [MS-OXOMSG] 2.2.1.3: a byte 1, five of the time and sixteen of a GUID begin it; each answer adds five more. */
const THREAD_INDEX_ROOT = 22;

function threadIndexOf(value: string): string | null {
  const bytes = Buffer.from(value.slice(0, 2000).replace(/\s+/g, ''), 'base64');
  if (bytes.length < THREAD_INDEX_ROOT || bytes[0] !== 1) return null;
  return `thread-index:${bytes.subarray(0, THREAD_INDEX_ROOT).toString('hex')}`;
}

/** RFC 5322 2.1.1: no date is longer than a line. */
const LONGEST_DATE = 998;

function dateOf(value: string): number | null {
  if (value.length > LONGEST_DATE) return null;
  const at = Date.parse(value.replace(/\([^()]*\)/g, '').trim());
  return Number.isNaN(at) ? null : at;
}

const isFile = (part: Part): boolean =>
  part.disposition === 'attachment' || (part.fileName !== '' && part.disposition !== 'inline');

/** The text parts that a mail program shows as the message, in order. */
function shownParts(part: Part): Part[] {
  // A multipart in which no part could be found (a boundary that is nowhere): what there is, is shown.
  if (part.type.startsWith('multipart/') && part.children.length === 0 && !isFile(part))
    return [{ ...part, type: 'text/plain' }];
  if (part.type === 'multipart/alternative') {
    const choices = part.children.map(shownParts);
    const plain = choices.find(
      (choice) =>
        choice.length > 0 &&
        choice.every((one) => one.type === 'text/plain') &&
        choice.some((one) => one.body.trim() !== ''),
    );
    return plain ?? choices.findLast((choice) => choice.length > 0) ?? [];
  }
  // RFC 6522 3: the first part of a report is for people, the others for programs.
  if (part.type === 'multipart/report') return part.children.slice(0, 1).flatMap(shownParts);
  if (part.children.length > 0) return part.children.flatMap(shownParts);
  if (isFile(part)) return [];
  return part.type === 'text/plain' ||
    part.type === 'text/html' ||
    (part.path === '' && part.type.startsWith('text/'))
    ? [part]
    : [];
}

/** The HTML of the message, for showing: of alternatives the richest. */
function htmlParts(part: Part): Part[] {
  if (part.type === 'multipart/alternative') {
    const choices = part.children.map(htmlParts).filter((choice) => choice.length > 0);
    return choices.at(-1) ?? [];
  }
  if (part.type === 'multipart/report') return part.children.slice(0, 1).flatMap(htmlParts);
  if (part.children.length > 0) return part.children.flatMap(htmlParts);
  return part.type === 'text/html' && !isFile(part) ? [part] : [];
}

function attachmentsOf(mime: Part, shown: Set<Part>): LetterAttachment[] {
  const found: LetterAttachment[] = [];
  const visit = (part: Part, inAlternative: boolean) => {
    if (found.length >= MAX_ATTACHMENTS) return;
    if (part.children.length > 0) {
      for (const child of part.children) visit(child, part.type === 'multipart/alternative');
      return;
    }
    const isBody =
      shown.has(part) || ((part.type === 'text/html' || part.type === 'text/plain') && !isFile(part));
    if (isBody || part.type.startsWith('multipart/') || (inAlternative && part.type !== 'text/calendar'))
      return;
    found.push({
      part: part.path,
      fileName: part.fileName || `part-${part.path || '1'}`,
      mediaType: part.type.slice(0, 100),
      size: sizeOf(part),
      contentId: part.contentId === '' ? null : oneLine(part.contentId, 300),
    });
  };
  visit(mime, false);
  return found;
}

function sizeOf(part: Part): number {
  const length = part.body.length;
  return encodingOf(part) === 'base64' ? Math.floor((length * 3) / 4) - Math.floor(length / 77) : length;
}
