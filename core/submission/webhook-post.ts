/**
 * One POST to an address that somebody typed in: never to the inside of our network, never on to where it redirects, and
 * over after ten seconds, whatever the other side does. Of the answer 64 KiB are read and a line is kept.
 */
import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { cleanText } from '../mail/address.ts';
import { isPrivateAddress } from '../private-address.ts';

const TIMEOUT_MS = 10_000;
const MOST_BYTES = 64 * 1024;
const KEPT = 300;

export interface Posted {
  ok: boolean;
  status: number | null;
  ms: number;
  answer: string;
}

export interface Posting {
  body: string;
  headers: Record<string, string>;
  allowPrivate: boolean;
  timeoutMs?: number;
}

/** Never rejects: a failure is an answer, too. */
export async function postOnce(url: string, posting: Posting): Promise<Posted> {
  const began = performance.now();
  const ms = () => Math.round(performance.now() - began);
  try {
    const { status, text } = await exchange(new URL(url), posting);
    return { ok: status >= 200 && status < 300, status, ms: ms(), answer: cleanText(text.slice(0, KEPT)) };
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return { ok: false, status: null, ms: ms(), answer: cleanText(words).slice(0, KEPT) };
  }
}

function exchange(
  url: URL,
  { body, headers, allowPrivate, timeoutMs = TIMEOUT_MS }: Posting,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (!allowPrivate && isIP(host) !== 0 && isPrivateAddress(host))
      throw new Error('the address leads into a private network');
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      // A socket of its own, so that the address that was checked is the one that is dialled.
      agent: false,
      ...(allowPrivate ? {} : { lookup: publicOnly }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    request.on('error', (error) =>
      reject(
        error.name === 'TimeoutError' || error.name === 'AbortError' ? new Error('no answer in time') : error,
      ),
    );
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const done = () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') });
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size <= MOST_BYTES) chunks.push(chunk);
        else {
          done();
          request.destroy();
        }
      });
      response.on('end', done);
      response.on('error', reject);
    });
    request.end(body);
  });
}

/** Resolves as the system does, and only to addresses of the public Internet: whatever the name says later, this is dialled. */
const publicOnly: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, found) => {
    if (error !== null) return callback(error, '');
    const good = (found as LookupAddress[]).filter((one) => !isPrivateAddress(one.address));
    const [first] = good;
    if (first === undefined)
      return callback(new Error('the name leads into a private network') as NodeJS.ErrnoException, '');
    if (options.all) return (callback as (e: null, all: LookupAddress[]) => void)(null, good);
    callback(null, first.address, first.family);
  });
};
