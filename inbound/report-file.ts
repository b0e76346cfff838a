/**
 * The document inside a report's mail: bare, in gzip, in zip, or one in the other; whatever the mail calls it. A stranger
 * packed it, so what may come out is bounded in size, in growth, in entries and in layers, and an archive that promises
 * more is refused before it is opened. Names in an archive choose which entry is read and are used for nothing else.
 */
import { constants, gunzipSync } from 'node:zlib';
import { unzipSync, type UnzipFileInfo } from 'fflate';
import { decodeCharset } from './header.ts';
import { decodedBytes, type Part } from './mime.ts';

/** Unpacked. The largest honest reports are a few megabytes; mail of ours is at most 50 MB. */
export const MAX_DOCUMENT_BYTES = 50 * 1024 * 1024;
/** Reports say the same words over and over, yet real ones stay under 1:60. */
const MAX_GROWTH = 100;
/** Below this nobody is hurt, whatever the growth: ten equal rows in a gzip of 200 bytes. */
const HARMLESS_BYTES = 1024 * 1024;
const MAX_ENTRIES = 100;
/** gzip in zip is seen; more is a trap. */
const MAX_LAYERS = 2;

export interface ReportFile {
  /** The document's text; empty when there is none to read. */
  text: string;
  /** Why it could not be read, in words; empty when it could. */
  problem: string;
}

class Refused extends Error {}

/** The bytes of a part, also where base64 was used and not said. */
function bytesOf(part: Part): Buffer {
  const bytes = decodedBytes(part);
  const start = bytes.subarray(0, 64).toString('latin1').trimStart();
  // The beginnings of gzip, zip, "<?x", "<fe" and "{" with a quote or a line end, in base64.
  return /^(?:H4sI|UEsDB|PD94|PGZl|77u\/|eyJ|ewog|ewoJ|ew0K)/.test(start)
    ? Buffer.from(bytes.toString('latin1').replace(/[^A-Za-z0-9+/=]/g, ''), 'base64')
    : bytes;
}

export function isPacked(part: Part): boolean {
  const bytes = bytesOf({ ...part, body: part.body.slice(0, 400) });
  return isGzip(bytes) || isZip(bytes);
}

export function openReportFile(part: Part): ReportFile {
  try {
    const bytes = unpack(bytesOf(part), 0);
    const text = letters(bytes);
    return { text, problem: text.trim() === '' ? 'the report is empty' : '' };
  } catch (error) {
    return {
      text: '',
      problem: error instanceof Refused ? error.message : 'the archive is damaged',
    };
  }
}

const isGzip = (bytes: Uint8Array) => bytes[0] === 0x1f && bytes[1] === 0x8b;
const isZip = (bytes: Uint8Array) => bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2]! <= 8;

function unpack(bytes: Uint8Array, layer: number): Uint8Array {
  if (!isGzip(bytes) && !isZip(bytes)) {
    if (bytes.length > MAX_DOCUMENT_BYTES) throw new Refused('the report is larger than 50 MB');
    return bytes;
  }
  if (layer >= MAX_LAYERS) throw new Refused('the report is packed too many times');
  return unpack(isGzip(bytes) ? gunzip(bytes) : unzip(bytes), layer + 1);
}

const mostFrom = (packed: number) =>
  Math.min(MAX_DOCUMENT_BYTES, Math.max(HARMLESS_BYTES, packed * MAX_GROWTH));

function gunzip(bytes: Uint8Array): Uint8Array {
  try {
    // A file that was cut off gives what there is of it.
    return gunzipSync(bytes, {
      maxOutputLength: mostFrom(bytes.length),
      finishFlush: constants.Z_SYNC_FLUSH,
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    throw error;
  }
}

const tooLarge = () => new Refused('the archive unpacks to far more than a report has, and was not opened');

/** The first entry that may be a report; others are not unpacked. */
function unzip(bytes: Uint8Array): Uint8Array {
  let entries = 0;
  let chosen: string | undefined;
  const files = unzipSync(bytes, {
    filter(file: UnzipFileInfo) {
      if (++entries > MAX_ENTRIES) throw new Refused('the archive has more than 100 entries');
      if (
        chosen !== undefined ||
        file.name.endsWith('/') ||
        /(?:^|\/)(?:\.[^/]*$|__MACOSX\/)/.test(file.name)
      )
        return false;
      // What it promises bounds what comes out: fflate unpacks into a buffer of that size and no larger one.
      if (file.originalSize > mostFrom(file.size)) throw tooLarge();
      chosen = file.name;
      return true;
    },
  });
  if (chosen === undefined) throw new Refused('the archive is empty');
  return files[chosen]!;
}

/** XML 1.0 appendix F and RFC 8259: by the mark or the shape of the first bytes, then by what the XML says, then UTF-8. */
function letters(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [a, b] = buffer;
  if ((a === 0xff && b === 0xfe) || (a === 0x3c && b === 0) || (a === 0x7b && b === 0))
    return clean(new TextDecoder('utf-16le').decode(buffer));
  if ((a === 0xfe && b === 0xff) || (a === 0 && (b === 0x3c || b === 0x7b)))
    return clean(new TextDecoder('utf-16be').decode(buffer));
  const said = /^[^>]{0,100}\bencoding\s*=\s*["']([A-Za-z0-9_-]{1,40})["']/.exec(
    buffer.subarray(0, 200).toString('latin1'),
  )?.[1];
  // A document of single bytes cannot be UTF-16, whatever it says.
  const charset = said === undefined || /^utf-?16/i.test(said) ? 'utf-8' : said;
  return clean(decodeCharset(buffer, charset));
}

const clean = (text: string) => text.replace(/^\ufeff/, '').replaceAll('\u0000', '');
