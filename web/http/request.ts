/** The outer rings of every request: its id and log line, the headers that protect a browser, the name we answer to. */
import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import type Koa from 'koa';
import type { Runtime } from '../../core/runtime.ts';
import { HttpProblem } from './errors.ts';
import { addressOf, isSecure } from './auth.ts';

/** One line per request: by route, never by address, since addresses of public pages are keys. */
export function requestLog({ log, metrics, config }: Runtime): Koa.Middleware {
  return async function requestLog(ctx, next) {
    const began = performance.now();
    ctx.state.requestId = randomBytes(8).toString('hex');
    ctx.state.ip = addressOf(ctx, config.http.trusted_proxies);
    ctx.set('X-Request-Id', ctx.state.requestId);
    try {
      await next();
    } finally {
      const ms = Math.round(performance.now() - began);
      const route = String(ctx.state.route ?? 'none');
      metrics.count('http_requests', { route, status: ctx.status });
      metrics.observe('http_request', ms, { route });
      const phrase =
        ctx.status >= 500 ? 'warn' : route === 'none' || route === 'interface' ? 'debug' : 'info';
      log[phrase]('request', {
        request: ctx.state.requestId,
        method: ctx.method,
        route,
        status: ctx.status,
        user: ctx.state.session?.user_id,
        ms,
      });
    }
  };
}

/** For our own pages: nothing from elsewhere, nowhere framed. */
export const APP_CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "frame-src 'self'",
  "manifest-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * For mail in a frame (inbox.md section 6): no script, no form, no request to anywhere. The sandbox holds also when the
 * address is opened in a tab. `images`: what our own campaigns may load; a stranger's mail only what it carries.
 */
export const mailCsp = (images: 'data:' | 'data: https: http:'): string =>
  [
    'sandbox allow-popups allow-popups-to-escape-sandbox',
    "default-src 'none'",
    `img-src ${images}`,
    "style-src 'unsafe-inline'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'self'",
  ].join('; ');

export function securityHeaders({ config }: Runtime): Koa.Middleware {
  return async function securityHeaders(ctx, next) {
    ctx.set('Content-Security-Policy', APP_CSP);
    ctx.set('X-Content-Type-Options', 'nosniff');
    ctx.set('X-Frame-Options', 'DENY');
    ctx.set('Referrer-Policy', 'no-referrer');
    ctx.set('Cross-Origin-Opener-Policy', 'same-origin');
    ctx.set('Cross-Origin-Resource-Policy', 'same-origin');
    ctx.set('Permissions-Policy', 'camera=(), microphone=(), geolocation=()');
    if (isSecure(ctx, config)) ctx.set('Strict-Transport-Security', 'max-age=31536000');
    await next();
  };
}

/**
 * We answer to the name in `http.base_url` and to bare addresses. A page of a stranger whose name was pointed at us
 * (DNS rebinding) is refused, and no link is ever built from what a request calls us.
 */
export function ownHost({ config: { http } }: Runtime): Koa.Middleware {
  const names = new Set(['localhost', http.host]);
  if (http.base_url !== '') names.add(new URL(http.base_url).hostname);
  return async function ownHost(ctx, next) {
    const host = (ctx.get('Host') || '').toLowerCase();
    const name = /^(\[[0-9a-f:.]+\]|[^:]+)(:\d{1,5})?$/.exec(host)?.[1] ?? '';
    if (!names.has(name) && isIP(name.replace(/^\[|\]$/g, '')) === 0)
      throw new HttpProblem(400, 'invalid', 'this server does not go by that name (http.base_url)');
    await next();
  };
}

/** How links to our own pages begin: without a final slash, and never what a request calls us. */
export const baseUrlOf = ({ http: { base_url: own, host, port } }: Runtime['config']): string =>
  own === '' ? `http://${host}:${port}` : own.replace(/\/$/, '');
