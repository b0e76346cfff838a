/**
 * Brings a MIME entity into 7-bit lines of at most 998 characters, part by part, so that every receiver can take it
 * (RFC 6152 3, RFC 5322 2.1.1). A part that is fine stays as it is to the byte; what is signed by its writer must be fine.
 */
import { base64Lines } from './transfer.ts';

export type SevenBit =
  { kind: 'fits'; headers: string[]; body: string } | { kind: 'refused'; reason: string };

const LONGEST_LINE = 998;
const DEEPEST = 50;
const MOST_PARTS = 2000;

/** `headers` are the MIME fields alone, `body` the bytes as latin1. */
export function sevenBit(headers: readonly string[], body: string): SevenBit {
  return entity([...headers], body, { depth: 0, seen: { parts: 0 }, top: true });
}

interface Place {
  depth: number;
  /** Of the whole message. */
  seen: { parts: number };
  top: boolean;
}

function entity(headers: string[], body: string, place: Place): SevenBit {
  if (place.depth > DEEPEST || ++place.seen.parts > MOST_PARTS)
    return { kind: 'refused', reason: 'more MIME parts, or deeper ones, than anybody needs' };
  if (fits(body) && !/^content-transfer-encoding:\s*(?:8bit|binary)/im.test(headers.join('\n')))
    return { kind: 'fits', headers, body };
  const type = valueOf(headers, 'content-type') ?? 'text/plain';
  const encoding = (valueOf(headers, 'content-transfer-encoding') ?? '7bit').trim().toLowerCase();
  if (/^multipart\//i.test(type)) {
    // RFC 1847 2.1: what is signed is 7-bit before it is signed, and must not be changed after.
    if (/^multipart\/(?:signed|encrypted)/i.test(type))
      return { kind: 'refused', reason: 'a signed message must be in 7-bit lines before it is signed' };
    return multipart(headers, type, body, place);
  }
  if (/^message\/(?:rfc822|global)/i.test(type)) return message(headers, body, place);
  if (encoding === 'base64' && !/[\u0080-\u00ff]/.test(body)) {
    const bytes = Buffer.from(body.replace(/[^A-Za-z0-9+/]/g, ''), 'base64');
    return { kind: 'fits', headers, body: base64Lines(bytes) };
  }
  if (encoding === 'quoted-printable')
    return { kind: 'refused', reason: 'quoted-printable text with letters beyond ASCII or lines over 998' };
  return {
    kind: 'fits',
    headers: encoded(headers, 'base64', place),
    body: base64Lines(Buffer.from(body, 'latin1')),
  };
}

function multipart(headers: string[], type: string, body: string, place: Place): SevenBit {
  const boundary = /;\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/i.exec(type);
  const name = boundary?.[1]?.replace(/\\(.)/g, '$1') ?? boundary?.[2];
  if (name === undefined || name === '') return { kind: 'refused', reason: 'a multipart without a boundary' };
  const lines = body.split('\r\n');
  const out: string[] = [];
  let part: string[] | undefined;
  let isOver = false;
  for (const line of lines) {
    const rest = line.startsWith(`--${name}`) ? line.slice(name.length + 2).trimEnd() : undefined;
    if (isOver || (rest !== '' && rest !== '--')) {
      // Before the first delimiter and after the last nothing is read: what does not fit there is left out.
      if (part !== undefined && !isOver) part.push(line);
      else if (fits(line)) out.push(line);
      continue;
    }
    if (part !== undefined) {
      const done = partOf(part, place);
      if (done.kind === 'refused') return done;
      out.push(...done.headers, '', done.body);
    }
    out.push(line);
    part = [];
    isOver = rest === '--';
  }
  if (!isOver) return { kind: 'refused', reason: 'a multipart that does not end' };
  return { kind: 'fits', headers: encoded(headers, '7bit', place), body: out.join('\r\n') };
}

function partOf(lines: string[], place: Place): SevenBit {
  const blank = lines.indexOf('');
  const headers = fold(blank < 0 ? lines : lines.slice(0, blank));
  if (headers.some((field) => !fits(field)))
    return { kind: 'refused', reason: 'the header of a part has letters beyond ASCII or a line over 998' };
  const body = blank < 0 ? '' : lines.slice(blank + 1).join('\r\n');
  return entity(headers, body, { ...place, depth: place.depth + 1, top: false });
}

/** RFC 2046 5.2.1: a message inside may not be encoded as a whole, but its own parts may. */
function message(headers: string[], body: string, place: Place): SevenBit {
  const blank = body.indexOf('\r\n\r\n');
  const head = fold((blank < 0 ? body : body.slice(0, blank)).split('\r\n'));
  if (head.some((field) => !fits(field)))
    return {
      kind: 'refused',
      reason: 'the header of a message inside has letters beyond ASCII or a line over 998',
    };
  const inner = entity(head, blank < 0 ? '' : body.slice(blank + 4), {
    ...place,
    depth: place.depth + 1,
    top: false,
  });
  if (inner.kind === 'refused') return inner;
  return {
    kind: 'fits',
    headers: encoded(headers, '7bit', place),
    body: `${inner.headers.join('\r\n')}\r\n\r\n${inner.body}`,
  };
}

const fold = (lines: readonly string[]): string[] => {
  const fields: string[] = [];
  for (const line of lines) {
    if (/^[ \t]/.test(line) && fields.length > 0) fields[fields.length - 1] += `\r\n${line}`;
    else if (line !== '') fields.push(line);
  }
  return fields;
};

const fits = (text: string): boolean =>
  !/[\u0080-\u00ff]/.test(text) && text.split('\r\n').every((line) => line.length <= LONGEST_LINE);

function valueOf(headers: readonly string[], name: string): string | undefined {
  const field = headers.find((one) => one.toLowerCase().startsWith(`${name}:`));
  return field
    ?.slice(name.length + 1)
    .replace(/\r\n/g, '')
    .trim();
}

/** The fields with their new encoding. RFC 2045 4: without MIME-Version none of it means anything. */
function encoded(headers: readonly string[], encoding: string, { top }: Place): string[] {
  const others = headers.filter((field) => !/^content-transfer-encoding\s*:/i.test(field));
  if (top && !others.some((field) => /^mime-version\s*:/i.test(field))) others.push('MIME-Version: 1.0');
  // RFC 6152 does not say what 8-bit text without a type is; it is UTF-8 everywhere.
  if (!others.some((field) => /^content-type\s*:/i.test(field)))
    others.push('Content-Type: text/plain; charset=utf-8');
  return [...others, `Content-Transfer-Encoding: ${encoding}`];
}
