/**
 * The pages behind the links of our mail: leaving, choosing, reading in the browser. A GET never changes anything, since
 * scanners follow every link; a change is a POST with a signed token, and is answered after its commit.
 */
import { Router } from '@koa/router';
import type Koa from 'koa';
import { unsubscribeScope } from '../../core/audience/suppress.ts';
import { CANARY, CANARY_WORDS } from '../../core/campaign/preflight-reach.ts';
import { LINK_DOMAIN } from '../../core/mail/identifiers.ts';
import type { Runtime } from '../../core/runtime.ts';
import { HttpProblem } from '../http/errors.ts';
import { ownMail } from '../http/frame.ts';
import type { Limits } from '../http/limit.ts';
import { sentMail } from '../mail.ts';
import { readForm, show } from './answer.ts';
import { choose, chosen } from './preferences.ts';
import { visitorOf, withdraw, type Visitor } from './visitor.ts';
import { escapeHtml, languageOf, wordsOf } from './words.ts';

export function publicPages(rt: Runtime, limits: Limits): Koa.Middleware {
  const router = new Router({ methods: ['GET', 'HEAD', 'POST'] });
  const page =
    (route: string, work: (ctx: Koa.Context, visitor: Visitor) => Promise<void>) =>
    async (ctx: Koa.Context) => {
      ctx.state.route = route;
      // A one-click POST comes from a provider, for many people in one minute: only looking is limited.
      if (ctx.method !== 'POST') await limits.publicPage(String(ctx.state.ip));
      ctx.set('Cache-Control', 'no-store');
      ctx.set('X-Robots-Tag', 'noindex');
      const token = String((ctx as unknown as { params: { token: string } }).params.token);
      if (isCanary(rt, token)) return canary(ctx);
      const visitor = await visitorOf(rt, ctx, token, route === 'view' ? 'v' : 'u');
      if (visitor === undefined) return gone(ctx);
      await work(ctx, visitor);
    };
  router.get('/u/:token', page('unsubscribe', askToLeave));
  router.post(
    '/u/:token',
    page('unsubscribe', (ctx, visitor) => leave(rt, ctx, visitor)),
  );
  router.get(
    '/p/:token',
    page('preferences', (ctx, visitor) => choose(rt, ctx, visitor)),
  );
  router.post(
    '/p/:token',
    page('preferences', (ctx, visitor) => chosen(rt, ctx, visitor)),
  );
  router.get(
    '/v/:token',
    page('view', async (ctx, { delivery }) => {
      const mail = await sentMail(rt, delivery);
      ownMail(ctx, mail.html);
    }),
  );
  return router.routes() as Koa.Middleware;
}

/** Our own checks try the link to leave with a token of no delivery: it goes the way of all others and changes nothing. */
function isCanary(rt: Runtime, token: string): boolean {
  const reading = rt.tokens.read(token, { domain: LINK_DOMAIN, purpose: 'u', now: rt.clock.now() });
  return reading.kind === 'valid' && reading.id === CANARY;
}

async function canary(ctx: Koa.Context): Promise<void> {
  if (ctx.method === 'POST' && (await readForm(ctx)).get('List-Unsubscribe') !== 'One-Click')
    throw new HttpProblem(400, 'invalid', 'the body must be List-Unsubscribe=One-Click');
  ctx.type = 'text/plain';
  ctx.body = CANARY_WORDS;
}

/** One plain page for every link that leads nowhere. */
export function gone(ctx: Koa.Context, status = 404): void {
  const language = languageOf(ctx.get('Accept-Language'));
  const words = wordsOf(language);
  show(ctx, language, words.goneTitle, `<h1>${words.goneTitle}</h1><p>${words.gone}</p>`, status);
}

// ── leaving ───────────────────────────────────────────────────────────────────────────────────────────────────────

const preferencesPath = (ctx: Koa.Context): string => escapeHtml(ctx.path.replace(/^\/u\//, '/p/'));

async function askToLeave(ctx: Koa.Context, { delivery, language, words }: Visitor): Promise<void> {
  const address = escapeHtml(delivery.address);
  show(
    ctx,
    language,
    words.unsubscribeTitle,
    `<h1>${words.unsubscribeTitle}</h1><p>${words.unsubscribeAsk(address)}</p>` +
      `<form method="post"><p><button name="confirm" value="1">${words.unsubscribeButton}</button></p></form>` +
      `<p class="meta"><a href="${preferencesPath(ctx)}">${words.preferencesLink}</a></p>`,
  );
}

/**
 * RFC 8058 3.2: the POST of a mail program carries `List-Unsubscribe=One-Click` and no cookie, from any origin; it is
 * never redirected. The button on our own page sends `confirm`. Both do the same, as often as they come.
 */
async function leave(rt: Runtime, ctx: Koa.Context, visitor: Visitor): Promise<void> {
  const form = await readForm(ctx);
  const isOneClick = form.get('List-Unsubscribe') === 'One-Click';
  if (!isOneClick && form.get('confirm') === null)
    throw new HttpProblem(400, 'invalid', 'the body must be List-Unsubscribe=One-Click');
  const { delivery, list, language, words } = visitor;
  if (delivery.origin_kind === 'test') {
    if (isOneClick) ctx.body = '';
    else show(ctx, language, words.testTitle, `<h1>${words.testTitle}</h1><p>${words.test}</p>`);
    return;
  }
  await withdraw(rt, visitor, [unsubscribeScope(list?.id ?? null)], isOneClick ? 'one-click' : 'page');
  if (isOneClick) {
    ctx.status = 200;
    ctx.type = 'text/plain; charset=utf-8';
    ctx.body = '';
    return;
  }
  const address = escapeHtml(delivery.address);
  const done = list === undefined ? words.done(address) : words.doneList(address, escapeHtml(list.name));
  show(
    ctx,
    language,
    words.doneTitle,
    `<h1>${words.doneTitle}</h1><p>${done}</p>` +
      `<p class="meta"><a href="${preferencesPath(ctx)}">${words.preferencesLink}</a></p>`,
  );
}
