/**
 * Header fields as strangers write them: unfolded, decoded, with addresses and parameters read in linear time. Nothing
 * here throws: what cannot be read is handed on as it stands.
 */
export interface HeaderField {
  /** Lower-case. */
  name: string;
  /** Unfolded, not yet decoded. */
  value: string;
}

// RFC 5322 2.1.1 has no limit on the number of fields; a hundred thousand of them are an attack (CVE-2024-23184).
const MAX_FIELDS = 1000;
const MAX_HEADER_CHARACTERS = 256 * 1024;

export class Headers {
  readonly fields: HeaderField[];

  constructor(fields: HeaderField[]) {
    this.fields = fields;
  }

  /** The first field of that name, unfolded and with encoded words decoded; empty when absent. */
  text(name: string): string {
    return decodeWords(this.raw(name));
  }

  raw(name: string): string {
    return this.fields.find((field) => field.name === name)?.value ?? '';
  }

  all(name: string): string[] {
    return this.fields.filter((field) => field.name === name).map((field) => field.value);
  }

  has(name: string): boolean {
    return this.fields.some((field) => field.name === name);
  }
}

/** Reads the fields of a header block, one byte a character (latin1). Lines that are no field are skipped. */
export function readHeaders(block: string): Headers {
  const fields: HeaderField[] = [];
  let last: { name: string; parts: string[] } | undefined;
  const close = () => {
    if (last !== undefined) fields.push({ name: last.name, value: bytesToText(last.parts.join('')).trim() });
    last = undefined;
  };
  for (const line of block.slice(0, MAX_HEADER_CHARACTERS).split('\n')) {
    if (line.startsWith(' ') || line.startsWith('\t')) {
      last?.parts.push(' ', line.trimStart());
      continue;
    }
    const colon = line.indexOf(':');
    // RFC 5322 2.2: a field name is printable ASCII without a colon; old programs put a space before the colon.
    const name = colon > 0 ? line.slice(0, colon).trimEnd() : '';
    if (name === '' || name.length > 200 || /[^\x21-\x7e]/.test(name)) continue;
    close();
    if (fields.length >= MAX_FIELDS) break;
    last = { name: name.toLowerCase(), parts: [line.slice(colon + 1)] };
  }
  close();
  return new Headers(fields);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
const windows1252 = new TextDecoder('windows-1252');

/** Characters that each stand for a byte, to text: UTF-8 when it is that, else what the West used. */
export function bytesToText(latin1: string): string {
  if (!/[\x80-\xff]/.test(latin1)) return latin1;
  const bytes = Buffer.from(latin1, 'latin1');
  try {
    return utf8.decode(bytes);
  } catch {
    return windows1252.decode(bytes);
  }
}

/** Bytes in a named charset to text. A charset that we do not know (utf-7 among them) is shown as its bytes. */
export function decodeCharset(bytes: Buffer, charset: string): string {
  const name = charset
    .trim()
    .toLowerCase()
    .replace(/^cp-?(?=125\d$)/, 'windows-')
    .replace(/^x-unknown$/, '');
  if (name !== '' && !/^(us-)?ascii$/.test(name)) {
    try {
      return new TextDecoder(name).decode(bytes);
    } catch {
      // Falls through to the guess.
    }
  }
  return bytesToText(bytes.toString('latin1'));
}

const WORD = /=\?([^?\s*]{1,40})(?:\*[^?\s]*)?\?([bq])\?([^?]*)\?=/gi;
const MAX_WORDS = 2000;

/** RFC 2047: encoded words to text. Neighbours in one charset are joined as bytes first: many split a letter in two. */
export function decodeWords(value: string): string {
  if (!value.includes('=?')) return value;
  let out = '';
  let end = 0;
  let pending: { charset: string; bytes: Buffer[] } | undefined;
  let count = 0;
  const flush = () => {
    if (pending !== undefined) out += decodeCharset(Buffer.concat(pending.bytes), pending.charset);
    pending = undefined;
  };
  for (const match of value.matchAll(WORD)) {
    if (++count > MAX_WORDS) break;
    const between = value.slice(end, match.index);
    end = match.index + match[0].length;
    const charset = match[1]!.toLowerCase();
    if (pending === undefined || between.trim() !== '' || pending.charset !== charset) {
      const joined = pending !== undefined && between.trim() === '';
      flush();
      if (!joined) out += between;
      pending = { charset, bytes: [] };
    }
    pending.bytes.push(
      match[2]!.toLowerCase() === 'b' ? Buffer.from(match[3]!, 'base64') : decodeQ(match[3]!),
    );
  }
  flush();
  return out + value.slice(end);
}

function decodeQ(text: string): Buffer {
  const bytes = text
    .replaceAll('_', ' ')
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return /[^\x00-\xff]/.test(bytes) ? Buffer.from(bytes, 'utf8') : Buffer.from(bytes, 'latin1');
}

export interface Parameters {
  /** Lower-case. */
  value: string;
  params: Record<string, string>;
}

const MAX_PARAMS = 100;

/** `text/plain; charset=utf-8; name*0*=…`: RFC 2045 5.1 with RFC 2231's continuations and charsets. */
export function readParameters(value: string): Parameters {
  const pieces = splitOutsideQuotes(value, ';').slice(0, MAX_PARAMS);
  const params: Record<string, string> = Object.create(null) as Record<string, string>;
  const parts = new Map<string, { index: number; encoded: boolean; text: string }[]>();
  for (const piece of pieces.slice(1)) {
    const equals = piece.indexOf('=');
    if (equals < 0) continue;
    const name = piece.slice(0, equals).trim().toLowerCase();
    const text = unquote(piece.slice(equals + 1).trim());
    const match = /^([^*]{1,60})(?:\*(\d{1,3}))?(\*)?$/.exec(name);
    if (match === null) continue;
    if (match[2] === undefined && match[3] === undefined) {
      params[name] ??= decodeWords(text);
      continue;
    }
    const list = parts.get(match[1]!) ?? [];
    list.push({ index: Number(match[2] ?? 0), encoded: match[3] !== undefined, text });
    parts.set(match[1]!, list);
  }
  for (const [name, list] of parts) params[name] = joinContinuations(list);
  return { value: (pieces[0] ?? '').trim().toLowerCase(), params };
}

function joinContinuations(list: { index: number; encoded: boolean; text: string }[]): string {
  list.sort((a, b) => a.index - b.index);
  let charset = 'utf-8';
  let bytes = '';
  for (const [place, part] of list.entries()) {
    let text = part.text;
    if (place === 0 && part.encoded) {
      const match = /^([^']{0,40})'[^']*'/.exec(text);
      if (match !== null) {
        charset = match[1] || charset;
        text = text.slice(match[0].length);
      }
    }
    bytes += part.encoded
      ? text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
      : text;
  }
  return /[^\x00-\xff]/.test(bytes) ? bytes : decodeCharset(Buffer.from(bytes, 'latin1'), charset);
}

function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  const end = text.endsWith('"') && text.length > 1 ? -1 : undefined;
  return text.slice(1, end).replace(/\\(.)/g, '$1');
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '\\') i++;
    else if (character === '"') quoted = !quoted;
    else if (character === separator && !quoted) {
      pieces.push(text.slice(start, i));
      start = i + 1;
    }
  }
  pieces.push(text.slice(start));
  return pieces;
}

export interface Person {
  name: string;
  /** As written, lower-case; empty when the field held none. */
  address: string;
}

const MAX_ADDRESSES = 500;

/** The mailboxes of an address field; groups are flattened, comments become the name when there is no other. */
export function readAddresses(value: string): Person[] {
  const people: Person[] = [];
  let phrase = '';
  let comment = '';
  let address: string | undefined;
  const close = () => {
    const name = decodeWords(phrase.trim());
    const bare = address ?? (/^[^\s@]+@[^\s@]+$/.test(name) ? name : '');
    const shown = address === undefined && bare !== '' ? '' : name;
    if (bare !== '' || shown !== '')
      people.push({ name: shown || decodeWords(comment.trim()), address: bare.trim().toLowerCase() });
    phrase = comment = '';
    address = undefined;
  };
  const text = value.slice(0, 64 * 1024);
  for (let i = 0; i < text.length && people.length < MAX_ADDRESSES; i++) {
    const character = text[i]!;
    if (character === '"') {
      const end = closing(text, i + 1, '"');
      const inside = text.slice(i + 1, end).replace(/\\(.)/g, '$1');
      // A quoted local part belongs to its address; a quoted phrase is a name.
      phrase += text[end + 1] === '@' ? `"${inside}"` : inside;
      i = end;
    } else if (character === '(') {
      let depth = 1;
      const start = i + 1;
      for (i++; i < text.length && depth > 0; i++) {
        if (text[i] === '\\') i++;
        else if (text[i] === '(') depth++;
        else if (text[i] === ')') depth--;
      }
      i--;
      comment ||= text.slice(start, i);
    } else if (character === '<') {
      const end = text.indexOf('>', i);
      address = text.slice(i + 1, end < 0 ? undefined : end).replace(/^@[^:]*:/, '');
      i = end < 0 ? text.length : end;
    } else if (character === ',' || character === ';') close();
    else if (character === ':' && address === undefined) phrase = '';
    else phrase += character;
  }
  close();
  return people;
}

function closing(text: string, from: number, mark: string): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === mark) return i;
  }
  return text.length;
}

/** The ids of a Message-ID, In-Reply-To or References field: without <>, as written, at most the first and last ones. */
export function readMessageIds(value: string): string[] {
  const found = [...value.slice(0, 64 * 1024).matchAll(/<([^<>\s]{1,400})>/g)].map((match) => match[1]!);
  const bare = found.length === 0 ? (/^\s*([^\s<>]{1,400}@[^\s<>]{1,400})\s*$/.exec(value)?.[1] ?? '') : '';
  const ids = bare === '' ? found : [bare];
  return ids.length <= 60 ? ids : [...ids.slice(0, 5), ...ids.slice(-55)];
}
