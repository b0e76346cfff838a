/**
 * Who is asking. A session is 256 random bits in a cookie and their SHA-256 in a table. A change also needs an Origin of
 * ours and the session's own token in a header, so that no other site can make a signed-in browser act.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type Koa from 'koa';
import { Problem } from '../../core/errors.ts';
import type { Runtime } from '../../core/runtime.ts';
import { addSession, liveSession, touchSession, type LiveSession } from '../../core/store/session.ts';
import type { Db } from '../../core/store/tables.ts';

const DAY = 24 * 60 * 60 * 1000;
/** A session ends after this time without a request. */
export const SESSION_MS = 14 * DAY;
const TOUCH_MS = DAY / 24;

export const newToken = (): string => randomBytes(32).toString('base64url');
export const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');

/** The address that counts for limits: a proxy's word is taken only from proxies that are trusted. */
export function addressOf(ctx: Koa.Context, trusted: readonly string[]): string {
  const peer = plainIp(ctx.req.socket.remoteAddress ?? '');
  if (!trusted.includes(peer)) return peer;
  const chain = (ctx.get('X-Forwarded-For') || '').split(',').map((part) => plainIp(part.trim()));
  return chain.findLast((ip) => ip !== '' && !trusted.includes(ip)) ?? peer;
}

const plainIp = (ip: string): string => ip.replace(/^::ffff:/, '');

/** Whether the browser came by https: by our public name, or because a trusted proxy says so. */
export function isSecure(ctx: Koa.Context, { http }: Runtime['config']): boolean {
  const peer = plainIp(ctx.req.socket.remoteAddress ?? '');
  if (http.trusted_proxies.includes(peer) && ctx.get('X-Forwarded-Proto') === 'https') return true;
  return http.base_url.startsWith('https:') && ctx.hostname === new URL(http.base_url).hostname;
}

// RFC 6265bis 4.1.3.2: a __Host- cookie is secure, of this host alone, and cannot be planted by a neighbour.
const cookieName = (secure: boolean): string => (secure ? '__Host-parley' : 'parley');

export function setSessionCookie(ctx: Koa.Context, config: Runtime['config'], token: string): void {
  const secure = isSecure(ctx, config);
  const parts = [`${cookieName(secure)}=${token}`, 'Path=/', 'HttpOnly', 'SameSite=Lax'];
  if (secure) parts.push('Secure');
  parts.push(token === '' ? 'Max-Age=0' : `Max-Age=${SESSION_MS / 1000}`);
  ctx.append('Set-Cookie', parts.join('; '));
}

/** The cookie's value; of two with one name the request means neither, since one was planted. */
function sessionCookie(ctx: Koa.Context, config: Runtime['config']): string | undefined {
  const name = cookieName(isSecure(ctx, config));
  const found = ctx
    .get('Cookie')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`));
  return found.length === 1 ? found[0]?.slice(name.length + 1) : undefined;
}

/** Reads the session into `ctx.state.session`, or null. */
export function session(rt: Runtime): Koa.Middleware {
  return async function session(ctx, next) {
    const token = sessionCookie(ctx, rt.config);
    ctx.state.session = null;
    if (token !== undefined && /^[\w-]{43}$/.test(token)) {
      const now = rt.clock.now();
      const live = await liveSession(rt.store.glance, hashOf(token), now);
      if (live !== undefined) {
        ctx.state.session = live;
        if (now - live.last_seen_at > TOUCH_MS)
          await rt.store.write((tx) => touchSession(tx, live.id, now, now + SESSION_MS));
      }
    }
    await next();
  };
}

/** Refuses changes that did not begin on our own pages. */
export function sameOrigin(rt: Runtime): Koa.Middleware {
  return async function sameOrigin(ctx, next) {
    if (!['GET', 'HEAD', 'OPTIONS'].includes(ctx.method)) {
      if (!isOurOrigin(ctx, rt.config))
        throw new Problem('forbidden', 'this request did not come from our own pages');
      const live = ctx.state.session as LiveSession | null;
      if (live !== null && !isSame(ctx.get('x-csrf-token'), live.csrf))
        throw new Problem('forbidden', 'the header x-csrf-token is missing or old: load the page again');
    }
    await next();
  };
}

function isOurOrigin(ctx: Koa.Context, { http }: Runtime['config']): boolean {
  const origin = ctx.get('Origin');
  if (origin === '' || origin === 'null' || !URL.canParse(origin)) return false;
  if (http.base_url !== '' && origin === new URL(http.base_url).origin) return true;
  // The host was checked before; by its own name a host can only be itself. Our public https name is above.
  const { host, hostname } = new URL(origin);
  const isPublicName = http.base_url !== '' && hostname === new URL(http.base_url).hostname;
  return host === ctx.host && !isPublicName;
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

export interface NewSession {
  token: string;
  csrf: string;
}

/** A new session, within somebody's transaction. The token goes into the cookie and nowhere else. */
export async function beginSession(
  tx: Db,
  userId: number,
  from: { ip: string; agent: string },
  now: number,
): Promise<NewSession> {
  const made = { token: newToken(), csrf: newToken() };
  await addSession(tx, {
    id: hashOf(made.token),
    user_id: userId,
    csrf: made.csrf,
    created_at: now,
    last_seen_at: now,
    expires_at: now + SESSION_MS,
    ip: from.ip,
    agent: from.agent.slice(0, 300),
  });
  return made;
}
