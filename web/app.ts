/**
 * One HTTP request, from the outside in. Each ring has one job and a name; an error thrown in any of them travels outwards
 * to `errors`, which alone writes it down for the one who asked.
 */
import { join } from 'node:path';
import Koa from 'koa';
import type { Runtime } from '../core/runtime.ts';
import { createCounter, type HitCounter } from '../core/tracking/counter.ts';
import { handlers } from './api/handlers.ts';
import { sameOrigin, session } from './http/auth.ts';
import { errors } from './http/errors.ts';
import { health } from './http/health.ts';
import { createLimits } from './http/limit.ts';
import { ownHost, requestLog, securityHeaders } from './http/request.ts';
import { apiRoutes } from './http/route.ts';
import { staticInterface } from './http/static.ts';
import { formPages } from './public/form.ts';
import { countedLinks } from './public/links.ts';
import { publicPages } from './public/pages.ts';
import { keyApi } from './v1/app.ts';

export interface AppOptions {
  /** Where the built interface lies. */
  dist?: string;
  /** Counts opens and clicks; whoever gives one starts and stops it. */
  counter?: HitCounter;
}

export function createApp(
  rt: Runtime,
  { dist = join(import.meta.dirname, 'ui', 'dist'), counter = createCounter(rt) }: AppOptions = {},
): Koa {
  const limits = createLimits();
  const app = new Koa();

  app.use(requestLog(rt));
  app.use(errors(rt.log));
  app.use(securityHeaders(rt));
  app.use(health(rt));
  app.use(ownHost(rt));
  // Strangers with a link from our mail: no session, any origin, no change by GET.
  app.use(publicPages(rt, limits));
  app.use(formPages(rt, limits));
  app.use(countedLinks(rt, counter));
  // Programs with a key.
  app.use(keyApi(rt));
  // People who work here.
  app.use(session(rt));
  app.use(sameOrigin(rt));
  for (const ring of apiRoutes({ rt, limits }, handlers)) app.use(ring);
  app.use(staticInterface(dist));

  // Koa's own last resort: `errors` has answered before, so this only hears of sockets that broke.
  app.on('error', (error: unknown) => rt.log.debug('socket broke', { error }));
  return app;
}
