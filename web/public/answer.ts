/** How public pages answer and read what is sent to them: no script, no cookie, nothing kept by a browser in between. */
import type Koa from 'koa';
import { readBody } from '../http/body.ts';
import { HttpProblem } from '../http/errors.ts';
import { publicPage, type Language } from './words.ts';

const LARGEST_FORM_BYTES = 16 * 1024;

export interface Showing {
  status?: number;
  /** Other sites may show it in a frame. */
  mayBeFramed?: boolean;
  /** Where its form may lead on to, beside our own pages: an origin. */
  leadsTo?: string;
}

/** Answers with a page. `html` is the whole of it; see `publicPage`. */
export function answer(
  ctx: Koa.Context,
  html: string,
  { status = 200, mayBeFramed = false, leadsTo = '' }: Showing = {},
): void {
  ctx.set(
    'Content-Security-Policy',
    `default-src 'none'; style-src 'unsafe-inline'; form-action 'self'${leadsTo === '' ? '' : ` ${leadsTo}`}; ` +
      `base-uri 'none'; frame-ancestors ${mayBeFramed ? '*' : "'none'"}`,
  );
  if (mayBeFramed) ctx.remove('X-Frame-Options');
  ctx.status = status;
  ctx.type = 'text/html; charset=utf-8';
  ctx.body = html;
}

export const show = (ctx: Koa.Context, language: Language, title: string, body: string, status = 200): void =>
  answer(ctx, publicPage(language, title, body), { status });

/** A form as a mail program or a browser sends it: urlencoded or multipart (RFC 8058 3.2 allows both). */
export async function readForm(ctx: Koa.Context): Promise<URLSearchParams | FormData> {
  const type = ctx.get('Content-Type');
  const body = await readBody(ctx.req, LARGEST_FORM_BYTES);
  if (/^application\/x-www-form-urlencoded\b/i.test(type)) return new URLSearchParams(body.toString('utf8'));
  if (/^multipart\/form-data\b/i.test(type)) {
    try {
      return await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData();
    } catch {
      throw new HttpProblem(400, 'invalid', 'the form cannot be read');
    }
  }
  throw new HttpProblem(415, 'invalid', 'the body must be a form');
}
