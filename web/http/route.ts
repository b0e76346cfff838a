/**
 * One request to the API: who may, is it well-formed, what does the handler answer. Handlers are plain functions by the
 * route's name; the contract types what they get and what they owe.
 */
import { Router } from '@koa/router';
import type Koa from 'koa';
import type { z } from 'zod';
import type { Runtime } from '../../core/runtime.ts';
import type { LiveSession } from '../../core/store/session.ts';
import type { Row } from '../../core/store/tables.ts';
import { routes, type Body, type Params, type Query, type RouteName, type Routes } from '../contract.ts';
import type { special } from '../contract/route.ts';
import { readJson } from './body.ts';
import { HttpProblem, problemOf } from './errors.ts';
import type { Limits } from './limit.ts';
import { demand } from './policy.ts';

/** What every handler may use. */
export interface Services {
  rt: Runtime;
  limits: Limits;
}

export interface Call<N extends RouteName> extends Services {
  ctx: Koa.Context;
  params: Params<N>;
  query: Query<N>;
  body: Body<N>;
  /** Null only on public routes. */
  session: LiveSession | null;
  /** Who asks. Never read on public routes. */
  user: Row<'user'>;
  now: number;
}

type Owed<N extends RouteName> = Routes[N]['response'] extends z.ZodType
  ? z.input<Routes[N]['response']>
  : void;
export type Handler<N extends RouteName> = (call: Call<N>) => Promise<Owed<N>>;
export type Handlers = { [N in RouteName]: Handler<N> };
/** What one file of `web/api/` gives: some of them. */
export type SomeHandlers = Partial<Handlers>;

interface LooseRoute {
  method: string;
  path: string;
  permission: Parameters<typeof demand>[1];
  params?: z.ZodType;
  query?: z.ZodType;
  body?: z.ZodType | 'stream';
  response: z.ZodType | keyof typeof special;
}

/** The router over the contract's table. Every route has a handler, or this does not compile. */
export function apiRoutes(services: Services, handlers: Handlers): Koa.Middleware[] {
  const router = new Router({ methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] });
  for (const [name, route] of Object.entries(routes) as [RouteName, LooseRoute][]) {
    const handle = handlers[name] as (call: unknown) => Promise<unknown>;
    router.register(route.path, [route.method], async (ctx) => answer(ctx, name, route, handle, services));
  }
  return [
    router.routes() as Koa.Middleware,
    async function noSuchRoute(ctx, next) {
      if (!ctx.path.startsWith('/api/')) return next();
      const allowed = Object.values(routes)
        .filter((route) => isSamePath(route.path, ctx.path))
        .map((route) => route.method);
      if (allowed.length === 0) throw new HttpProblem(404, 'not-found', 'there is nothing at this address');
      ctx.set('Allow', allowed.join(', '));
      throw new HttpProblem(405, 'invalid', `this address takes ${allowed.join(', ')}`);
    },
  ];
}

const isSamePath = (pattern: string, path: string): boolean => {
  const [a, b] = [pattern.split('/'), path.split('/')];
  return a.length === b.length && a.every((part, at) => part.startsWith(':') || part === b[at]);
};

async function answer(
  ctx: Koa.Context,
  name: RouteName,
  route: LooseRoute,
  handle: (call: unknown) => Promise<unknown>,
  services: Services,
): Promise<void> {
  ctx.state.route = name;
  const session = ctx.state.session as LiveSession | null;
  demand(session?.user.role ?? null, route.permission);
  const params = check(route.params, (ctx as unknown as { params: unknown }).params, 'params');
  const query = check(route.query, onlyOnce(ctx.query), 'query');
  const body =
    route.body === undefined || route.body === 'stream'
      ? undefined
      : check(route.body, await readJson(ctx.req), 'body');
  // What a person sees is of this moment: no cache in between keeps it.
  ctx.set('Cache-Control', 'no-store');
  const call = {
    ...services,
    ctx,
    params,
    query,
    body,
    session,
    user: session?.user,
    now: services.rt.clock.now(),
  };
  const result = await handle(call);
  if (typeof route.response === 'string') return;
  // The contract is kept outwards too: what it does not name does not leave.
  ctx.body = route.response.parse(result);
}

function check(schema: z.ZodType | undefined, value: unknown, where: 'params' | 'query' | 'body'): unknown {
  if (schema === undefined) return undefined;
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw problemOf(parsed.error, where);
  return parsed.data;
}

/** `?a=1&a=2` means nothing here. */
function onlyOnce(query: Record<string, string | string[] | undefined>): Record<string, unknown> {
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value))
      throw new HttpProblem(422, 'invalid', `${name} is given twice`, { [name]: 'is given twice' });
  }
  return { ...query };
}
