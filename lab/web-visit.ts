/** A visit to a link in a mail, by the mail provider or a person: to loopback hosts that the lab's DNS knows. */
import { request, type RequestOptions } from 'node:http';
import { request as requestTls } from 'node:https';
import type { Zone } from './zone.ts';

export interface WebOptions {
  /** Where plain HTTP of every host outside the lab listens, when the URL names no port. */
  http?: number;
  https?: number;
}

export interface Visit {
  method: 'GET' | 'POST';
  url: string;
  body?: string;
}

/** `status` is 0 when there was no answer, and `why` says what stood in the way. */
export interface Visited {
  status: number;
  why: string;
}

/** An https address is fetched in plain where only `http` is known. */
export async function visit(
  { method, url, body = '' }: Visit,
  zone: Zone,
  web: WebOptions,
): Promise<Visited> {
  const target = new URL(url);
  const isSecure = target.protocol === 'https:';
  const inTls = isSecure && (target.port !== '' || web.https !== undefined);
  const host = /^[\d.]+$/.test(target.hostname) ? target.hostname : zone.addresses(target.hostname)[0];
  const port = Number(target.port) || (inTls ? web.https : web.http) || (isSecure ? 443 : 80);
  // Nothing outside loopback is ever dialled.
  if (host === undefined) return { status: 0, why: `no address for ${target.hostname}` };
  if (!host.startsWith('127.')) return { status: 0, why: `${host} is not on loopback` };
  const options: RequestOptions & { rejectUnauthorized: boolean; servername?: string } = {
    host,
    port,
    method,
    path: target.pathname + target.search,
    rejectUnauthorized: false,
    ...(/^[\d.]+$/.test(target.hostname) ? {} : { servername: target.hostname }),
    timeout: 30_000,
    headers: {
      Host: target.host,
      'User-Agent': 'Mozilla/5.0 (lab)',
      // RFC 8058 3.2: the body says that it is one click; no cookies, no other context
      ...(method === 'POST'
        ? { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': Buffer.byteLength(body) }
        : {}),
      ...(isSecure && !inTls ? { 'X-Forwarded-Proto': 'https' } : {}),
    },
  };
  return new Promise((resolve) => {
    const outgoing = (inTls ? requestTls : request)(options, (response) => {
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode ?? 0, why: '' }));
      response.on('error', (cause) => resolve({ status: 0, why: cause.message }));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', (cause) => resolve({ status: 0, why: `${host}:${port} ${cause.message}` }));
    outgoing.end(body);
  });
}
