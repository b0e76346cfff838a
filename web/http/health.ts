/** For those who watch the machine: is it alive, can it work, how much has it done. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type Koa from 'koa';
import { isIP } from 'node:net';
import { Problem } from '../../core/errors.ts';
import type { Runtime } from '../../core/runtime.ts';
import { isWithoutUsers } from '../../core/store/user.ts';

/** The key that a metrics collector on another machine shows as a bearer token. */
export const metricsKey = ({ secrets }: Pick<Runtime, 'secrets'>): string =>
  secrets.derive('metrics key').toString('base64url');

export function health(rt: Runtime): Koa.Middleware {
  return async function health(ctx, next) {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next();
    switch (ctx.path) {
      case '/health':
        ctx.state.route = 'none';
        ctx.body = { status: 'ok' };
        return;
      case '/ready':
        ctx.state.route = 'none';
        await ready(rt);
        ctx.body = { status: 'ready' };
        return;
      case '/metrics':
        ctx.state.route = 'none';
        if (!mayRead(ctx, rt)) throw new Problem('not-found', 'there is nothing at this address');
        ctx.type = 'text/plain; version=0.0.4; charset=utf-8';
        ctx.body = rt.metrics.text();
        return;
      default:
        return next();
    }
  };
}

/** One small question to the store; any answer will do. */
async function ready(rt: Runtime): Promise<void> {
  try {
    await isWithoutUsers(rt.store.read);
  } catch (cause) {
    throw new Problem('unavailable', 'the database does not answer', { cause });
  }
}

/** From this machine itself (and not through a proxy on it), or with the key. */
function mayRead(ctx: Koa.Context, rt: Runtime): boolean {
  const peer = (ctx.req.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  const isLocal = isIP(peer) !== 0 && (peer === '::1' || peer.startsWith('127.'));
  if (isLocal && ctx.get('X-Forwarded-For') === '') return true;
  const given = /^Bearer ([\w-]+)$/.exec(ctx.get('Authorization'))?.[1] ?? '';
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(metricsKey(rt)));
}
