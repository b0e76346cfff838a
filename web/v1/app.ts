/**
 * The API for programs: `/v1`. An API key opens it and nothing else does: no cookie is read here, so no page of a stranger
 * can use a browser that is signed in. It stands before the rings of the interface.
 */
import { Router } from '@koa/router';
import type Koa from 'koa';
import type { z } from 'zod';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { Problem } from '../../core/errors.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { Credential } from '../../core/store/credential.ts';
import { fromJson } from '../../core/store/json.ts';
import { keyCredential, touched } from '../../core/submission/credential.ts';
import { Overload } from '../../core/submission/pressure.ts';
import { keyRoutes, type KeyRoute } from '../contract/v1-routes.ts';
import { HttpProblem, problemOf } from '../http/errors.ts';
import { batch, identify, track } from './events.ts';
import { cancelMessage, getMessage, listMessages, postMessages } from './messages.ts';

export interface KeyCall {
  rt: Runtime;
  ctx: Koa.Context;
  credential: Credential;
  /** `:id` of the path, or empty. */
  id: string;
  query: unknown;
  now: number;
}

const handlers: Record<keyof typeof keyRoutes, (call: KeyCall) => Promise<unknown>> = {
  postMessages,
  listMessages: listMessages as (call: KeyCall) => Promise<unknown>,
  getMessage,
  cancelMessage,
  identify,
  track,
  batch,
};

const scopeWords = { mail: 'handing in mail', events: 'telling events' } as const;

const knownPaths = Object.values(keyRoutes).map(
  ({ path }) => new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`),
);

/** Libraries of Segment's kind send the key as the user name of HTTP Basic, without a password. */
function keyOf(authorization: string): string | undefined {
  const basic = /^Basic ([A-Za-z0-9+/]{1,400}={0,2})$/i.exec(authorization)?.[1];
  if (basic !== undefined) return Buffer.from(basic, 'base64').toString('latin1').replace(/:.*$/s, '');
  return /^Bearer ([\x21-\x7e]{1,200})$/i.exec(authorization)?.[1];
}

/** Seconds over which the requests of one key are counted. */
const PER_KEY_S = 10;
/** Wrong keys of one address. */
const WRONG_KEYS = { points: 20, duration: 600 };

export function keyApi(rt: Runtime): Koa.Middleware {
  const perKey = new RateLimiterMemory({
    points: rt.config.http.key_requests_per_second * PER_KEY_S,
    duration: PER_KEY_S,
  });
  const wrongKeys = new RateLimiterMemory(WRONG_KEYS);
  const router = new Router({ methods: ['GET', 'POST', 'DELETE'] });

  for (const [name, route] of Object.entries(keyRoutes) as [keyof typeof keyRoutes, KeyRoute][]) {
    router.register(route.path, [route.method], async (ctx) => {
      ctx.state.route = `v1.${name}`;
      ctx.set('Cache-Control', 'no-store');
      const credential = await whose(ctx);
      if (!fromJson<string[]>(credential.scopes, []).includes(route.scope))
        throw new Problem('forbidden', `this key was not made for ${scopeWords[route.scope]}`);
      const query = route.query?.safeParse({ ...ctx.query });
      if (query?.success === false) throw problemOf(query.error, 'query');
      const { id = '' } = (ctx as unknown as { params: { id?: string } }).params;
      const answer = await handlers[name]({
        rt,
        ctx,
        credential,
        id,
        query: query?.data,
        now: rt.clock.now(),
      });
      await touched(rt, credential);
      ctx.status = route.status;
      // The contract is kept outwards too: what it does not name does not leave.
      ctx.body = (route.response as z.ZodType).parse(answer);
    });
  }

  async function whose(ctx: Koa.Context): Promise<Credential> {
    const ip = String(ctx.state.ip);
    const key = keyOf(ctx.get('Authorization'));
    const strikes = await wrongKeys.get(ip);
    if (strikes !== null && strikes.remainingPoints <= 0)
      throw new Overload('too many wrong keys from this address', Math.ceil(strikes.msBeforeNext / 1000));
    const credential = key === undefined ? undefined : await keyCredential(rt.store.glance, key);
    if (credential === undefined) {
      await wrongKeys.consume(ip).catch(() => undefined);
      ctx.set('WWW-Authenticate', 'Bearer realm="Parley"');
      throw new Problem('unauthenticated', 'give a valid API key: Authorization: Bearer parley_…');
    }
    await perKey.consume(credential.id).catch((refusal: unknown) => {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      throw new Overload(
        'too many requests with this key',
        Math.max(1, Math.ceil(refusal.msBeforeNext / 1000)),
      );
    });
    return credential;
  }

  const routes = router.routes() as Koa.Middleware;
  return async function v1(ctx, next) {
    if (!ctx.path.startsWith('/v1/')) return next();
    await routes(ctx, async () => {
      throw knownPaths.some((path) => path.test(ctx.path))
        ? new HttpProblem(405, 'invalid', 'this address does not take that method')
        : new HttpProblem(404, 'not-found', 'there is nothing at this address');
    });
  };
}
