/**
 * The pages behind the links of our mail: leaving, choosing, reading in the browser. A GET never changes anything, since
 * scanners follow every link; a change is a POST with a signed token, and is answered after its commit.
 */
import { Router } from '@koa/router';
import type Koa from 'koa';
import { suppressIn, unsubscribeScope } from '../../core/audience/suppress.ts';
import { CANARY, CANARY_WORDS } from '../../core/campaign/preflight-reach.ts';
import { Problem } from '../../core/errors.ts';
import { LINK_DOMAIN } from '../../core/mail/identifiers.ts';
import type { Runtime } from '../../core/runtime.ts';
import { contactById } from '../../core/store/contact.ts';
import { deliveryStory } from '../../core/store/delivery.ts';
import { addEvents } from '../../core/store/event.ts';
import { brandById, sendingDomainById } from '../../core/store/identity.ts';
import { listById, lists, membershipsOf } from '../../core/store/list.ts';
import { suppressionsOf } from '../../core/store/suppression.ts';
import type { Db, Row, SuppressionScope } from '../../core/store/tables.ts';
import { answeredDelivery } from '../../core/store/thread.ts';
import { HttpProblem } from '../http/errors.ts';
import { ownMail } from '../http/frame.ts';
import type { Limits } from '../http/limit.ts';
import { sentMail } from '../mail.ts';
import { readForm, show } from './answer.ts';
import { escapeHtml, languageOf, wordsOf, type Language, type Words } from './words.ts';

/** Whose link it is, and what it is about. */
interface Visitor {
  delivery: Row<'delivery'>;
  contact: Row<'contact'> | undefined;
  /** The list that leaving leaves; null: marketing as a whole. */
  list: Row<'list'> | undefined;
  brandId: number | null;
  language: Language;
  words: Words;
}

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

async function visitorOf(
  rt: Runtime,
  ctx: Koa.Context,
  token: string,
  purpose: 'u' | 'v',
): Promise<Visitor | undefined> {
  const reading = rt.tokens.read(token, { domain: LINK_DOMAIN, purpose, now: rt.clock.now() });
  // One answer for a forged, an old and an unknown token: there is nothing to learn here.
  if (reading.kind !== 'valid') return undefined;
  const db = rt.store.read;
  const about = await answeredDelivery(db, reading.id);
  if (about === undefined) return undefined;
  const { delivery } = await deliveryStory(db, reading.id, rt.clock.now());
  const [contact, list, domain] = await Promise.all([
    delivery.contact_id === null ? undefined : contactById(db, delivery.contact_id),
    about.list_id === null ? undefined : listById(db, about.list_id),
    sendingDomainById(db, delivery.sending_domain_id),
  ]);
  const brand = domain === undefined ? undefined : await brandById(db, domain.brand_id);
  const language = languageOf(contact?.language, brand?.language, ctx.get('Accept-Language'));
  return { delivery, contact, list, brandId: brand?.id ?? null, language, words: wordsOf(language) };
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

function gone(ctx: Koa.Context): void {
  const language = languageOf(ctx.get('Accept-Language'));
  const words = wordsOf(language);
  show(ctx, language, words.goneTitle, `<h1>${words.goneTitle}</h1><p>${words.gone}</p>`, 404);
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

/** Suppresses in one transaction with its events; in force, and in the view that the wire asks, when it resolves. */
async function withdraw(
  rt: Runtime,
  { delivery, contact }: Visitor,
  scopes: SuppressionScope[],
  method: 'one-click' | 'page' | 'preferences',
): Promise<void> {
  const now = rt.clock.now();
  const added = await rt.store.write(async (tx) => {
    const rows = await suppressIn(
      tx,
      scopes.map((scope) => ({
        address: contact?.email ?? delivery.address,
        scope,
        reason: 'unsubscribe',
        contact_id: delivery.contact_id,
        delivery_id: delivery.id,
        evidence: evidenceOf[method],
      })),
      now,
    );
    await addUnsubscribed(tx, delivery, rows, method, now);
    return rows;
  });
  for (const row of added) rt.suppressions.add(row);
  if (added.length > 0) rt.wake.ring('suppression');
}

const evidenceOf = {
  'one-click': 'one-click request of the mail program (RFC 8058)',
  page: 'the button on the unsubscribe page',
  preferences: 'the preference page',
} as const;

const addUnsubscribed = (
  tx: Db,
  delivery: Row<'delivery'>,
  rows: Row<'suppression'>[],
  method: string,
  now: number,
): Promise<void> =>
  addEvents(
    tx,
    rows.map((row) => ({
      kind: 'unsubscribed',
      at: now,
      contact_id: delivery.contact_id,
      campaign_id: delivery.origin_kind === 'campaign' ? delivery.origin_id : null,
      delivery_id: delivery.id,
      data: { method, scope: row.scope },
    })),
  );

// ── choosing ──────────────────────────────────────────────────────────────────────────────────────────────────────

async function choose(rt: Runtime, ctx: Koa.Context, visitor: Visitor, saved = false): Promise<void> {
  const { delivery, language, words } = visitor;
  const offered = await offeredLists(rt, visitor);
  const suppressed = await suppressionsOf(rt.store.read, visitor.contact?.email ?? delivery.address);
  const isStopped = suppressed.some(
    (one) => one.lifted_at === null && (one.scope === 'marketing' || one.scope === 'everything'),
  );
  const items = offered.map(
    ({ id, name, description, isOn }) =>
      `<li><span>${escapeHtml(name)}<small>${escapeHtml(description)}</small></span>` +
      (isOn
        ? `<form method="post"><button class="plain" name="leave" value="${id}">${words.leave}</button></form>`
        : `<span class="meta">${words.left}</span>`) +
      '</li>',
  );
  show(
    ctx,
    language,
    words.preferencesTitle,
    `<h1>${words.preferencesTitle}</h1>` +
      `<p class="meta" role="status">${words.preferencesFor(escapeHtml(delivery.address))}${saved ? ` · ${words.saved}` : ''}</p>` +
      (items.length > 0 ? `<ul>${items.join('')}</ul>` : `<p>${words.noLists}</p>`) +
      (isStopped
        ? `<p>${words.stoppedAll}</p>`
        : `<form method="post"><button name="all" value="1">${words.leaveAll}</button></form>`),
  );
}

/** The lists of the brand that this person is or was on. */
async function offeredLists(rt: Runtime, { contact, brandId }: Visitor) {
  if (contact === undefined) return [];
  const [all, memberships] = await Promise.all([
    lists(rt.store.read),
    membershipsOf(rt.store.read, contact.id),
  ]);
  return all.flatMap((list) => {
    const membership = memberships.find((one) => one.list_id === list.id);
    if (membership === undefined || list.brand_id !== brandId) return [];
    return [{ ...list, isOn: membership.status === 'subscribed' }];
  });
}

async function chosen(rt: Runtime, ctx: Koa.Context, visitor: Visitor): Promise<void> {
  const form = await readForm(ctx);
  if (visitor.delivery.origin_kind === 'test') return choose(rt, ctx, visitor);
  if (form.get('all') !== null) {
    await withdraw(rt, visitor, ['marketing'], 'preferences');
    return choose(rt, ctx, visitor, true);
  }
  const wanted = Number(form.get('leave'));
  // Only a list that is offered to this very person: somebody else's id changes nothing.
  const list = (await offeredLists(rt, visitor)).find((one) => one.id === wanted);
  if (list === undefined) throw new Problem('not-found', 'there is no such list here');
  await withdraw(rt, visitor, [`list:${list.id}`], 'preferences');
  return choose(rt, ctx, visitor, true);
}
