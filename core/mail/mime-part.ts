/**
 * One part of a raw message, as bytes, by its place (`1.2`, as IMAP counts; empty for the message itself). For handing an
 * attachment to somebody who wants to save it: nothing of it is interpreted, and the time is that of reading it once.
 */

interface Entity {
  header: string;
  body: string;
}

const DEEPEST = 20;

/** The decoded bytes, or undefined when the message has no such part. */
export function extractPart(raw: Uint8Array, path: string): Buffer | undefined {
  if (!/^(\d{1,4}(\.\d{1,4}){0,19})?$/.test(path)) return undefined;
  let at = split(
    Buffer.from(raw)
      .toString('latin1')
      .replace(/\r\n?/g, '\n')
      .replace(/^From [^\n]*\n/, ''),
  );
  for (const place of path === '' ? [] : path.split('.').slice(0, DEEPEST)) {
    const boundary = boundaryOf(at.header);
    const piece = boundary === undefined ? undefined : piecesOf(at.body, boundary)[Number(place) - 1];
    if (piece === undefined) return undefined;
    at = split(piece);
  }
  return decode(at);
}

function split(text: string): Entity {
  const blank = text.startsWith('\n') ? 0 : text.indexOf('\n\n');
  if (blank < 0) return { header: text, body: '' };
  return { header: text.slice(0, blank), body: text.slice(blank + (blank === 0 ? 1 : 2)) };
}

const field = (header: string, name: string): string =>
  new RegExp(`^${name}[ \\t]*:((?:[^\\n]*(?:\\n[ \\t])?)*)`, 'im').exec(header)?.[1]?.trim() ?? '';

function boundaryOf(header: string): string | undefined {
  const type = field(header, 'content-type');
  if (!/^multipart\//i.test(type)) return undefined;
  const match = /;\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/i.exec(type);
  return match?.[1]?.replace(/\\(.)/g, '$1') ?? match?.[2];
}

/** RFC 2046 5.1.1: a delimiter is a line of two hyphens and the boundary; what stands before the first is no part. */
function piecesOf(body: string, boundary: string): string[] {
  const pieces: string[] = [];
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
        if (begun !== undefined) pieces.push(body.slice(begun, Math.max(begun, line - 1)));
        begun = stop + 1;
        if (rest === '--') return pieces;
      }
    }
    if (end < 0) break;
    line = end + 1;
  }
  if (begun !== undefined && begun <= body.length) pieces.push(body.slice(begun));
  return pieces;
}

function decode({ header, body }: Entity): Buffer {
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
      return Buffer.from(body, 'latin1');
  }
}
