/**
 * One part of a raw message, as bytes, by its place (`1.2`, as IMAP counts; empty for the message itself). For handing an
 * attachment to somebody who wants to save it: nothing of it is interpreted, and the time is that of reading it once.
 */
import { PlainLines } from './plain-lines.ts';

interface Entity {
  header: string;
  body: string;
  /** Where the body begins in the whole. */
  at: number;
}

const DEEPEST = 20;

/** The decoded bytes, or undefined when the message has no such part. */
export function extractPart(raw: Uint8Array, path: string): Buffer | undefined {
  if (!/^(\d{1,4}(\.\d{1,4}){0,19})?$/.test(path)) return undefined;
  const lines = new PlainLines(raw);
  // What some mailboxes write above a message.
  const mark = /^From [^\n]*\n/.exec(lines.text)?.[0].length ?? 0;
  let entity = split(lines.text.slice(mark), mark);
  for (const place of path === '' ? [] : path.split('.').slice(0, DEEPEST)) {
    const boundary = boundaryOf(entity.header);
    const piece = boundary === undefined ? undefined : piecesOf(entity.body, boundary)[Number(place) - 1];
    if (piece === undefined) return undefined;
    entity = split(entity.body.slice(piece.from, piece.to), entity.at + piece.from);
  }
  return decode(entity, lines);
}

function split(text: string, at: number): Entity {
  const blank = text.startsWith('\n') ? 0 : text.indexOf('\n\n');
  if (blank < 0) return { header: text, body: '', at: at + text.length };
  const begin = blank + (blank === 0 ? 1 : 2);
  return { header: text.slice(0, blank), body: text.slice(begin), at: at + begin };
}

const field = (header: string, name: string): string =>
  new RegExp(`^${name}[ \\t]*:((?:[^\\n]*(?:\\n[ \\t])?)*)`, 'im').exec(header)?.[1]?.trim() ?? '';

function boundaryOf(header: string): string | undefined {
  const type = field(header, 'content-type');
  if (!/^multipart\//i.test(type)) return undefined;
  const match = /;\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/i.exec(type);
  return match?.[1]?.replace(/\\(.)/g, '$1') ?? match?.[2];
}

interface Piece {
  from: number;
  to: number;
}

/** RFC 2046 5.1.1: a delimiter is a line of two hyphens and the boundary; what stands before the first is no part. */
function piecesOf(body: string, boundary: string): Piece[] {
  const pieces: Piece[] = [];
  const delimiter = `--${boundary}`;
  let begun: number | undefined;
  let line = 0;
  while (line <= body.length) {
    const end = body.indexOf('\n', line);
    const stop = end < 0 ? body.length : end;
    if (body.startsWith(delimiter, line)) {
      const rest = body.slice(line + delimiter.length, stop).trimEnd();
      if (rest === '' || rest === '--') {
        // The line break before a delimiter belongs to it.
        if (begun !== undefined) pieces.push({ from: begun, to: Math.max(begun, line - 1) });
        begun = stop + 1;
        if (rest === '--') return pieces;
      }
    }
    if (end < 0) break;
    line = end + 1;
  }
  if (begun !== undefined && begun <= body.length) pieces.push({ from: begun, to: body.length });
  return pieces;
}

function decode({ header, body, at }: Entity, lines: PlainLines): Buffer {
  switch (field(header, 'content-transfer-encoding').toLowerCase()) {
    case 'base64':
      return Buffer.from(body.replace(/[^A-Za-z0-9+/]/g, ''), 'base64');
    case 'quoted-printable':
      return Buffer.from(
        body
          .replace(/[ \t]+$/gm, '')
          .replace(/=\n/g, '')
          .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
        'latin1',
      );
    default:
      // Sent as it is: its line ends are its own.
      return Buffer.from(lines.bytes(at, at + body.length));
  }
}
