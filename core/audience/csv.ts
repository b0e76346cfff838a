/**
 * Reads a CSV file as programs really write them: any usual delimiter, UTF-8 or the old Western encoding, line breaks in
 * quotes. A row that is broken costs only itself: a quote that is never closed is given up after a while, and reading goes
 * on at the very next line, so that it cannot swallow the rest of the file.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';

export type CsvFault = 'unbalanced-quote' | 'stray-quote' | 'too-long';
/** `line`: where the row begins, the first line being 1. `raw`: the row as it stands, for a fault. */
export type CsvRow =
  | { kind: 'row'; line: number; cells: string[] }
  | { kind: 'fault'; line: number; fault: CsvFault; raw: string };

export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';
export type Delimiter = ',' | ';' | '\t' | '|';

export interface CsvFormat {
  encoding: Encoding;
  delimiter: Delimiter;
}

/** A quote that is open for longer than this was never meant to be. */
const LONGEST_ROW = 64 * 1024;
const MOST_LINES = 200;

/** Cuts text, handed in piece by piece, into rows. Empty lines are passed over. */
export class CsvReader {
  readonly #delimiter: string;
  #text = '';
  #line = 1;
  /** Within a line that was given up: its end is still to come. */
  #skipping = false;

  constructor(delimiter: string) {
    this.#delimiter = delimiter;
  }

  /** The rows that are complete now. `isLast`: nothing more comes. */
  push(piece: string, isLast = false): CsvRow[] {
    const text = this.#text + piece;
    const rows: CsvRow[] = [];
    let at = 0;
    while (at < text.length) {
      const end = text.indexOf('\n', at);
      if (this.#skipping) {
        this.#skipping = end < 0;
        at = end < 0 ? text.length : end + 1;
        if (end >= 0) this.#line++;
        continue;
      }
      if (end < 0 && !isLast && text.length - at <= LONGEST_ROW) break;
      const row = this.#row(text, at, end < 0 ? text.length : end, isLast);
      if (row === undefined) break;
      at = row.next;
      if (row.found !== undefined) rows.push(row.found);
      this.#skipping = end < 0 && !isLast;
      if (!this.#skipping) this.#line += row.lines;
    }
    this.#text = text.slice(at);
    return rows;
  }

  /** The row that begins at `at`, whose first line ends at `end`; undefined when more text is needed to know. */
  #row(
    text: string,
    at: number,
    end: number,
    isLast: boolean,
  ): { found: CsvRow | undefined; next: number; lines: number } | undefined {
    const line = this.#line;
    const first = text.slice(at, text[end - 1] === '\r' && end > at ? end - 1 : end);
    const next = Math.min(end + 1, text.length);
    if (first === '') return { found: undefined, next, lines: 1 };
    const fault = (kind: CsvFault) => ({
      found: { kind: 'fault' as const, line, fault: kind, raw: first.slice(0, LONGEST_ROW) },
      next,
      lines: 1,
    });
    if (first.length > LONGEST_ROW) return fault('too-long');
    if (!first.includes('"'))
      return { found: { kind: 'row', line, cells: first.split(this.#delimiter) }, next, lines: 1 };
    const read = this.#quoted(text, at, isLast);
    switch (read.kind) {
      case 'row': {
        const lines = countLines(text, at, read.end);
        const after = Math.min(read.end + 1, text.length);
        return { found: { kind: 'row', line, cells: read.cells }, next: after, lines: lines + 1 };
      }
      case 'stray-quote':
        return fault('stray-quote');
      case 'open': {
        const isTooMuch = text.length - at > LONGEST_ROW || countLines(text, at, text.length) > MOST_LINES;
        return isLast || isTooMuch ? fault('unbalanced-quote') : undefined;
      }
      case 'bad-close':
        return fault('unbalanced-quote');
      default:
        return read satisfies never;
    }
  }

  /** RFC 4180 2.5-2.7: a cell in quotes may hold delimiters, line breaks and doubled quotes; no others may hold a quote. */
  #quoted(
    text: string,
    from: number,
    isLast: boolean,
  ):
    | { kind: 'row'; cells: string[]; end: number }
    | { kind: 'open' }
    | { kind: 'stray-quote' }
    | { kind: 'bad-close' } {
    const cells: string[] = [];
    const bound = Math.min(text.length, from + LONGEST_ROW + 1);
    let at = from;
    for (;;) {
      if (text[at] === '"') {
        let cell = '';
        let begin = at + 1;
        for (;;) {
          const quote = text.indexOf('"', begin);
          if (quote < 0 || quote >= bound) return { kind: 'open' };
          cell += text.slice(begin, quote);
          if (text[quote + 1] !== '"') {
            at = quote + 1;
            break;
          }
          cell += '"';
          begin = quote + 2;
        }
        cells.push(cell);
        if (text[at] === '\r' && (text[at + 1] === '\n' || at + 1 === text.length)) at++;
        // Where the text ends for now, the next piece may begin with the other half of a doubled quote.
        if (at >= text.length && !isLast) return { kind: 'open' };
        if (at >= text.length || text[at] === '\n') return { kind: 'row', cells, end: at };
        if (text[at] !== this.#delimiter) return { kind: 'bad-close' };
        at++;
      } else {
        let end = at;
        while (end < text.length && text[end] !== this.#delimiter && text[end] !== '\n') {
          if (text[end] === '"') return { kind: 'stray-quote' };
          end++;
        }
        if (end >= text.length && !isLast) return { kind: 'open' };
        const isEnd = end >= text.length || text[end] === '\n';
        cells.push(text.slice(at, isEnd && text[end - 1] === '\r' && end > at ? end - 1 : end));
        if (isEnd) return { kind: 'row', cells, end };
        at = end + 1;
      }
    }
  }
}

function countLines(text: string, from: number, to: number): number {
  let lines = 0;
  for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}

/** The rows of a file, in batches as they come from the disk. */
export async function* readCsvFile(
  path: string,
  { encoding, delimiter }: CsvFormat,
  signal?: AbortSignal,
): AsyncGenerator<CsvRow[]> {
  const decoder = new TextDecoder(encoding);
  const reader = new CsvReader(delimiter);
  for await (const bytes of createReadStream(path, {
    highWaterMark: 256 * 1024,
    ...(signal && { signal }),
  })) {
    yield reader.push(decoder.decode(bytes as Buffer, { stream: true }));
  }
  yield reader.push(decoder.decode(), true);
}

/** How a file is written: by its byte order mark, else UTF-8 if all of it is, else the old Western encoding. */
export async function guessFormat(path: string): Promise<CsvFormat> {
  const encoding = await guessEncoding(path);
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64 * 1024), 0, 64 * 1024, 0);
    return {
      encoding,
      delimiter: guessDelimiter(new TextDecoder(encoding).decode(buffer.subarray(0, bytesRead))),
    };
  } finally {
    await file.close();
  }
}

async function guessEncoding(path: string): Promise<Encoding> {
  const strict = new TextDecoder('utf-8', { fatal: true });
  let isFirst = true;
  for await (const bytes of createReadStream(path, { highWaterMark: 256 * 1024 })) {
    const buffer = bytes as Buffer;
    if (isFirst && buffer[0] === 0xff && buffer[1] === 0xfe) return 'utf-16le';
    if (isFirst && buffer[0] === 0xfe && buffer[1] === 0xff) return 'utf-16be';
    isFirst = false;
    try {
      strict.decode(buffer, { stream: true });
    } catch {
      return 'windows-1252';
    }
  }
  return 'utf-8';
}

/** The one that stands most often in the first line, outside quotes. */
export function guessDelimiter(text: string): Delimiter {
  const first = (text.split('\n', 1)[0] ?? '').replace(/"(?:[^"]|"")*"/g, '');
  const all: Delimiter[] = [',', ';', '\t', '|'];
  const count = (delimiter: Delimiter) => first.split(delimiter).length;
  return all.reduce((best, one) => (count(one) > count(best) ? one : best));
}
