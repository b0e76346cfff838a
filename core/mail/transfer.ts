/**
 * Content as it travels: everything that we send is 7-bit, in lines of at most 76 characters, whatever it holds. No relay
 * needs to recode it, so the signature that we put on it stays good.
 *
 * A text is encoded piece by piece, each piece from line start to line start: the fixed pieces of a template are encoded
 * once per version, only the filled values once per recipient. Where two pieces meet stands a soft line break, which the
 * reader's program removes.
 */

/** A piece of an encoded body: as sent, and as DKIM's relaxed canonicalisation sees it (often the same string). */
export interface EncodedPiece {
  wire: string;
  canonical: string;
}

// RFC 2045 6.7 (5): at most 76 characters, the "=" of a soft line break included.
const LINE = 75;
const HEX = Array.from({ length: 256 }, (_, byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`);
const SPACE = 32;
const TAB = 9;
const SHORT_AND_PLAIN = /^[!-\-/-<>-~](?:[!-<>-~]| (?! )){0,60}$/;

/** A piece whose canonical form is the piece itself. */
export const canonicalAlready = (wire: string): EncodedPiece => ({ wire, canonical: wire });

/** One after the other. As long as both forms are one string they stay one, and are put together only once. */
export function joined(a: EncodedPiece, b: EncodedPiece): EncodedPiece {
  const wire = a.wire + b.wire;
  if (a.canonical === a.wire && b.canonical === b.wire) return { wire, canonical: wire };
  return { wire, canonical: a.canonical + b.canonical };
}

/** Quoted-printable for a fixed text. White space inside lines is kept as it is. */
export function encodeStatic(text: string): EncodedPiece {
  const wire = quotedPrintable(text, false);
  const canonical = relaxLines(wire);
  return { wire, canonical: canonical === wire ? wire : canonical };
}

/** Quoted-printable for a filled value: runs of white space are encoded, so that it is canonical as it stands. */
export function encodeValue(text: string): string {
  if (SHORT_AND_PLAIN.test(text)) return `${text}=\r\n`;
  const known = encoded.get(text);
  if (known !== undefined) return known;
  const value = quotedPrintable(text, true);
  if (text.length > LONGEST_KEPT) return value;
  if (encoded.size >= VALUES_KEPT) encoded.clear();
  encoded.set(text, value);
  return value;
}

/** First names and towns come again and again. */
const encoded = new Map<string, string>();
const VALUES_KEPT = 5000;
const LONGEST_KEPT = 60;

/** RFC 2045 6.8: base64 in lines of 76. */
export function base64Lines(content: Uint8Array): string {
  const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('base64');
  let lines = '';
  for (let i = 0; i < text.length; i += 76) lines += `${text.slice(i, i + 76)}\r\n`;
  return lines;
}

function quotedPrintable(text: string, strictSpace: boolean): string {
  const bytes = Buffer.from(text, 'utf8');
  let out = '';
  let line = '';
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    // RFC 2045 6.7 (4): a line break of the text is CRLF on the wire, whatever it was.
    if (byte === 13 || byte === 10) {
      if (byte === 13 && bytes[i + 1] === 10) i++;
      out += `${protectEnd(line)}\r\n`;
      line = '';
      continue;
    }
    let piece: string;
    if (byte === SPACE || byte === TAB) {
      const spaced = strictSpace && (byte === TAB || line === '' || line.endsWith(' '));
      piece = spaced ? HEX[byte]! : byte === SPACE ? ' ' : '\t';
    } else if (byte < 33 || byte === 61 || byte > 126) {
      piece = HEX[byte]!;
    } else if (byte === 46 && line === '') {
      // A dot that begins a line would be doubled on the wire; encoded, nobody can get it wrong.
      piece = '=2E';
    } else {
      piece = String.fromCharCode(byte);
    }
    if (line.length + piece.length > LINE) {
      out += `${line}=\r\n`;
      line = piece === '.' ? '=2E' : strictSpace && piece === ' ' ? '=20' : piece;
    } else {
      line += piece;
    }
  }
  return line === '' ? out : `${out}${line}=\r\n`;
}

/** RFC 2045 6.7 (3): white space must not end a line. */
function protectEnd(line: string): string {
  const last = line.charCodeAt(line.length - 1);
  if (last !== SPACE && last !== TAB) return line;
  const kept = line.slice(0, -1);
  return kept.length + 3 > LINE + 1 ? `${kept}=\r\n${HEX[last]!}` : kept + HEX[last]!;
}

/** RFC 6376 3.4.4: runs of white space become one space, and none ends a line. */
export function relaxLines(text: string): string {
  return text.replace(/[ \t]+(?=\r\n)/g, '').replace(/[ \t]{2,}|\t/g, ' ');
}
