/**
 * What a remote server answers: replies read off the wire, byte by byte distrusted. A reply that breaks the grammar is
 * never guessed at: it is an error, which the session treats as temporary and answers by closing. Texts are kept for
 * people to read, so they are stripped of control characters and cut at 2 KiB.
 */

export interface Reply {
  code: number;
  /** `5.1.1`, without brackets; absent when the server gave none. */
  enhanced?: string;
  /** All lines as one text, without codes, sanitised, at most 2 KiB. */
  text: string;
  /** The lines without their codes, sanitised; at most `KEPT_LINES`. */
  lines: string[];
}

/** The remote said something that is no SMTP reply, or one that cannot stand where it stood. */
export class ProtocolError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ProtocolError';
  }
}

/** RFC 5321 4.5.3.1.5 says 512 octets; servers exceed that, so we bear more, but not without end. */
const LINE_OCTETS = 8 * 1024;
const REPLY_OCTETS = 128 * 1024;
const KEPT_LINES = 100;
const KEPT_TEXT_OCTETS = 2 * 1024;

const LF = 10;
const CR = 13;
const SPACE = 32;
const HYPHEN = 45;

/** Collects bytes and hands out whole replies. One reader per connection; a new one after STARTTLS. */
export class ReplyReader {
  #rest: Buffer = EMPTY;
  #code = 0;
  #lines: string[] = [];
  #octets = 0;

  /** Bytes have come that are not yet part of a reply handed out. */
  get hasBytes(): boolean {
    return this.#rest.length > 0 || this.#octets > 0;
  }

  push(bytes: Buffer): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
  }

  /** The next whole reply, or null when more bytes are needed. Throws `ProtocolError`. */
  next(): Reply | null {
    let start = 0;
    try {
      for (;;) {
        const end = this.#rest.indexOf(LF, start);
        if (end === -1) {
          if (this.#rest.length - start > LINE_OCTETS) throw new ProtocolError('reply line without end');
          return null;
        }
        const line = this.#rest.subarray(start, end + 1);
        start = end + 1;
        if (this.#line(line)) return this.#finish();
      }
    } finally {
      this.#rest = start === this.#rest.length ? EMPTY : this.#rest.subarray(start);
    }
  }

  /** Takes in one line with its end; true when it is the last of its reply. */
  #line(line: Buffer): boolean {
    const length = line.length - 2;
    if (line.length > LINE_OCTETS) throw new ProtocolError('reply line too long');
    this.#octets += line.length;
    if (this.#octets > REPLY_OCTETS) throw new ProtocolError('reply too long');
    // RFC 5321 2.3.8: a line ends with CRLF and nothing else.
    if (length < 0 || line[length] !== CR) throw malformed('reply line ends with a bare LF', line);
    if (line.includes(0)) throw malformed('NUL in a reply', line);
    const code = codeOf(line);
    // RFC 5321 4.2.1: the first digit is 2 to 5, the second 0 to 5.
    if (code === 0) throw malformed('reply without a code', line);
    const mark = length > 3 ? line[3] : SPACE;
    if (mark !== SPACE && mark !== HYPHEN) throw malformed('reply without a code', line);
    if (this.#code === 0) this.#code = code;
    // RFC 5321 4.2.1: every line of a reply carries the same code.
    else if (this.#code !== code) throw malformed(`reply changes its code from ${this.#code}`, line);
    if (this.#lines.length < KEPT_LINES) this.#lines.push(sanitised(line.subarray(4, Math.max(4, length))));
    return mark === SPACE;
  }

  #finish(): Reply {
    const reply = readReply(this.#code, this.#lines);
    this.#code = 0;
    this.#lines = [];
    this.#octets = 0;
    return reply;
  }
}

const EMPTY: Buffer = Buffer.alloc(0);

function codeOf(line: Buffer): number {
  const first = (line[0] ?? 0) - 48;
  const second = (line[1] ?? 0) - 48;
  const third = (line[2] ?? 0) - 48;
  if (first < 2 || first > 5 || second < 0 || second > 5 || third < 0 || third > 9) return 0;
  return first * 100 + second * 10 + third;
}

// RFC 2034 3: the enhanced code stands first in each line's text. Some servers put brackets or a hash mark around it.
const ENHANCED = /^[[(#]?([245]\.\d{1,3}\.\d{1,3})[\])]?(?=$|[\s:;,-])[\s:;,-]*/;

/** Puts a reply together from its code and its lines' texts. */
export function readReply(code: number, lines: string[]): Reply {
  const first = lines[0] ?? '';
  const enhanced = ENHANCED.exec(first)?.[1];
  const text =
    lines.length === 1 && enhanced === undefined
      ? first
      : lines
          .map((line) => line.replace(ENHANCED, '').trim())
          .filter((line) => line !== '')
          .join(' ');
  const reply: Reply = { code, text: cut(text), lines };
  if (enhanced !== undefined) reply.enhanced = enhanced;
  return reply;
}

// C0, DEL, C1, and the marks that turn text round (RFC 5321 4.2 wants printable text; we show it to people).
// oxlint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+/g;

/** RFC 5321 wants ASCII; an accent in a refusal is still a refusal, so UTF-8, else Latin-1, is read. */
function sanitised(bytes: Buffer): string {
  let text = bytes.toString('utf8');
  if (text.includes('\ufffd')) text = bytes.toString('latin1');
  return text.replace(UNPRINTABLE, ' ').trim();
}

function cut(text: string): string {
  if (text.length <= KEPT_TEXT_OCTETS / 4) return text;
  const bytes = Buffer.from(text);
  if (bytes.length <= KEPT_TEXT_OCTETS) return text;
  return bytes
    .subarray(0, KEPT_TEXT_OCTETS)
    .toString('utf8')
    .replace(/\ufffd$/, '');
}

function malformed(what: string, line: Buffer): ProtocolError {
  return new ProtocolError(`${what}: ${sanitised(line.subarray(0, 120))}`);
}
