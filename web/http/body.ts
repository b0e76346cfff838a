/**
 * Reads what a stranger sends, up to a limit, and takes only JSON that means one thing: bounded depth, no `__proto__`,
 * numbers and text that can be kept as they are.
 */
import type { IncomingMessage } from 'node:http';
import { HttpProblem } from './errors.ts';

export const LARGEST_JSON_BYTES = 4 * 1024 * 1024;
const DEEPEST = 32;

export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const tooLarge = (limit: number) =>
  new HttpProblem(413, 'too-large', `more than ${Math.round(limit / 1024)} KiB`);

/** The JSON body; an absent one is an empty object. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const isEmpty = request.headers['content-length'] === '0' || !hasBody(request);
  if (isEmpty) return {};
  if (type !== 'application/json') throw new HttpProblem(415, 'invalid', 'the body must be application/json');
  const bytes = await readBody(request, LARGEST_JSON_BYTES);
  return bytes.length === 0 ? {} : parseJson(bytes);
}

const hasBody = (request: IncomingMessage): boolean =>
  request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;

export function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw notJson('it is not UTF-8');
  }
  if (isDeep(text)) throw notJson(`it is nested deeper than ${DEEPEST}`);
  try {
    return JSON.parse(text, (key, value: unknown) => {
      if (key === '__proto__') throw notJson('it names __proto__');
      if (typeof value === 'number' && !Number.isFinite(value)) throw notJson('a number is too large');
      if (typeof value === 'string' && !value.isWellFormed()) throw notJson('text holds half a character');
      return value;
    });
  } catch (error) {
    if (error instanceof HttpProblem) throw error;
    throw notJson('it does not parse');
  }
}

const notJson = (why: string) => new HttpProblem(400, 'invalid', `the body is not JSON that we take: ${why}`);

/** One pass before parsing, so that a deep body costs nothing. */
function isDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > DEEPEST) return true;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return false;
}
