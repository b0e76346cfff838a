/**
 * The parts of a message as a tree. Ours rather than mailparser's, because bounces and reports live in parts that it
 * folds into the text or hands on as attachments, and because strangers send ten thousand parts: what is read here is
 * bounded in number, depth and size, and takes time in proportion to the message.
 */
import { Buffer } from 'node:buffer';
import { PlainLines } from '../core/mail/plain-lines.ts';
import { decodeCharset, Headers, readHeaders, readParameters } from './header.ts';

export interface Part {
  /** `1.2`, as IMAP counts; empty for the message itself. */
  path: string;
  headers: Headers;
  /** Lower-case, `text/plain` when nothing says otherwise. */
  type: string;
  params: Record<string, string>;
  disposition: string;
  fileName: string;
  contentId: string;
  /** The undecoded body, one byte a character, lines ended by LF. */
  body: string;
  /** Where the body begins in the message that it came in, whose bytes are there still. */
  at: number;
  lines: PlainLines;
  children: Part[];
}

const MAX_PARTS = 1000;
const MAX_DEPTH = 20;

interface Count {
  parts: number;
}

/** Reads a raw message. Never throws: what breaks the rules of MIME becomes text. */
export function readMime(raw: Uint8Array): Part {
  return readMessage(new PlainLines(raw));
}

function readMessage(lines: PlainLines): Part {
  // Empty lines and the mark of a mailbox stand above some messages.
  const from = /^\n*(?:From [^\n]*\n)?/.exec(lines.text)![0].length;
  return readEntity({ lines, from, to: lines.text.length }, '', 0, { parts: 0 });
}

/** Reads a message inside a message (message/rfc822, text/rfc822-headers). */
export function readEmbedded(part: Part): Part {
  const encoding = encodingOf(part);
  const path = part.path === '' ? '1' : part.path;
  // RFC 2046 5.2.1 forbids encoding an embedded message; some do it all the same.
  if (encoding === 'base64' || encoding === 'quoted-printable') {
    const lines = new PlainLines(decodedBytes(part));
    return readEntity({ lines, from: 0, to: lines.text.length }, path, 1, { parts: 0 });
  }
  const { lines, at, body } = part;
  const blank = /^\n*/.exec(body)![0].length;
  return readEntity({ lines, from: at + blank, to: at + body.length }, path, 1, { parts: 0 });
}

/** A stretch of a message. */
interface Piece {
  lines: PlainLines;
  from: number;
  to: number;
}

function readEntity({ lines, from, to }: Piece, path: string, depth: number, count: Count): Part {
  const text = lines.text.slice(from, to);
  // The header ends at the first empty line; a message may begin with none.
  const blank = text.startsWith('\n') ? 0 : text.indexOf('\n\n');
  const head = blank < 0 ? text : text.slice(0, blank);
  const headers = readHeaders(head);
  const begin = blank < 0 ? text.length : blank + (text.startsWith('\n') ? 1 : 2);
  const body = text.slice(begin);
  count.parts++;
  const type = readParameters(headers.raw('content-type'));
  const disposition = readParameters(headers.raw('content-disposition'));
  const part: Part = {
    path,
    headers,
    type: /^[a-z0-9.+_-]+\/[a-z0-9.+_-]+$/.test(type.value) ? type.value : 'text/plain',
    params: type.params,
    disposition: disposition.value,
    fileName: safeFileName(disposition.params['filename'] ?? type.params['name'] ?? ''),
    contentId: headers.raw('content-id').replace(/^<|>$/g, ''),
    body,
    at: from + begin,
    lines,
    children: [],
  };
  const boundary = type.params['boundary'];
  if (part.type.startsWith('multipart/') && boundary !== undefined && boundary !== '' && depth < MAX_DEPTH) {
    for (const piece of piecesOf(body, boundary)) {
      if (count.parts >= MAX_PARTS) break;
      const place = `${path === '' ? '' : `${path}.`}${part.children.length + 1}`;
      const stretch = { lines, from: part.at + piece.from, to: part.at + piece.to };
      part.children.push(readEntity(stretch, place, depth + 1, count));
    }
  }
  return part;
}

interface Range {
  from: number;
  to: number;
}

/** Some relays rewrite the header's boundary and leave the body's: then the first line that looks like one is it. */
function piecesOf(body: string, boundary: string): Range[] {
  const pieces = splitParts(body, boundary);
  if (pieces.length > 0) return pieces;
  const guess = /^--([^\s-][^\n]{5,69})$/m.exec(body.slice(0, 4096))?.[1]?.trimEnd();
  return guess === undefined || !body.includes(`\n--${guess}--`) ? [] : splitParts(body, guess);
}

// RFC 2046 5.1.1: the delimiter stands at the beginning of a line; a longer boundary that begins like ours is not ours.
function splitParts(body: string, boundary: string): Range[] {
  const mark = `--${boundary}`;
  const pieces: Range[] = [];
  let start = -1;
  for (let at = body.startsWith(mark) ? 0 : findLine(body, mark, 0); at >= 0;) {
    const lineEnd = body.indexOf('\n', at);
    const rest = body.slice(at + mark.length, lineEnd < 0 ? undefined : lineEnd).trimEnd();
    if (rest === '' || rest === '--') {
      if (start >= 0) pieces.push({ from: start, to: Math.max(start, at - 1) });
      start = rest === '--' || lineEnd < 0 ? -1 : lineEnd + 1;
      if (rest === '--' || pieces.length > MAX_PARTS) break;
    }
    at = lineEnd < 0 ? -1 : findLine(body, mark, lineEnd);
  }
  // The closing delimiter is missing: what came is the last part.
  if (start >= 0 && start < body.length) pieces.push({ from: start, to: body.length });
  return pieces;
}

function findLine(body: string, mark: string, from: number): number {
  const at = body.indexOf(`\n${mark}`, from);
  return at < 0 ? -1 : at + 1;
}

// U+202A-E and U+2066-9 turn the reading direction: "invoice-fdp.exe" would show as "invoice-exe.pdf".
const UNSAFE_IN_NAMES =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff"<>|?*]/g;

function safeFileName(name: string): string {
  const base = name.replace(/\\/g, '/').split('/').at(-1) ?? '';
  return base.replace(UNSAFE_IN_NAMES, '').replace(/^\.+/, '').trim().slice(0, 200).toWellFormed();
}

export function encodingOf(part: Part): string {
  return part.headers
    .raw('content-transfer-encoding')
    .trim()
    .toLowerCase()
    .replace(/[;\s].*$/, '');
}

/** A part's content as bytes, its transfer encoding undone. */
export function decodedBytes(part: Part, limit = Infinity): Buffer {
  const body = part.body.length > limit * 2 ? part.body.slice(0, limit * 2) : part.body;
  switch (encodingOf(part)) {
    case 'base64':
      return Buffer.from(body.replace(/[^A-Za-z0-9+/=]/g, ''), 'base64');
    case 'quoted-printable':
      return Buffer.from(
        body
          .replace(/[ \t]+$/gm, '')
          .replace(/=\n/g, '')
          .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
        'latin1',
      );
    default:
      // Sent as it is: its line ends are its own.
      return part.lines.bytes(part.at, part.at + body.length);
  }
}

const MAX_TEXT_BYTES = 1024 * 1024;

/** A text part in letters, at most a megabyte of it. */
export function decodedText(part: Part): string {
  const charset = part.params['charset'] ?? '';
  const text = decodeCharset(textBytes(part, charset).subarray(0, MAX_TEXT_BYTES), charset);
  const clean = text
    .replace(/\r\n?/g, '\n')
    .replace(/^\ufeff/, '')
    .replaceAll('\u0000', '')
    .toWellFormed();
  // RFC 3676 4.1: flowed lines end with a space; quote marks must agree to be joined.
  return part.params['format']?.toLowerCase() === 'flowed' ? unflow(clean, part.params['delsp']) : clean;
}

/** Letters of two bytes hold bytes that look like line ends; for all others the lines are at hand. */
function textBytes(part: Part, charset: string): Buffer {
  const isAtHand =
    !/^(?:base64|quoted-printable)$/.test(encodingOf(part)) && !/^(?:utf-?16|ucs-?2)/i.test(charset);
  return isAtHand
    ? Buffer.from(part.body.slice(0, MAX_TEXT_BYTES), 'latin1')
    : decodedBytes(part, MAX_TEXT_BYTES);
}

function unflow(text: string, delsp: string | undefined): string {
  const out: string[] = [];
  let open = false;
  let openDepth = 0;
  for (const line of text.split('\n')) {
    const depth = /^>*/.exec(line)![0].length;
    const flows = line.endsWith(' ') && line !== '-- ';
    // RFC 3676 4.4: one space was stuffed before lines that begin like a quote or a space.
    const rest = line.slice(depth).replace(/^ /, '');
    const content = flows && delsp?.toLowerCase() === 'yes' ? rest.slice(0, -1) : rest;
    if (open && depth === openDepth && line !== '-- ') out[out.length - 1] += content;
    else out.push(depth > 0 ? `${'>'.repeat(depth)} ${content}` : content);
    open = flows;
    openDepth = depth;
  }
  return out.join('\n');
}

/** All parts, the message itself first, depth first. Embedded messages are not entered. */
export function* partsOf(part: Part): Generator<Part> {
  yield part;
  for (const child of part.children) yield* partsOf(child);
}
