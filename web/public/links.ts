/**
 * The links of our mail that are counted, and the picture that tells an opening. A link always leads on, at once: to the
 * target that was frozen with the mail, never to one that the address names. Whether it counts is decided apart: not for
 * those who did not agree or no longer do, not for colleagues, not after 400 days.
 */
import { Router } from '@koa/router';
import type Koa from 'koa';
import type { Fill } from '../../core/campaign/fill.ts';
import { PIXEL, targetOfLink, TRAP } from '../../core/campaign/link-table.ts';
import { LINK_DOMAIN } from '../../core/mail/identifiers.ts';
import { hasExpired } from '../../core/mail/tokens.ts';
import type { Runtime } from '../../core/runtime.ts';
import { fromJson } from '../../core/store/json.ts';
import { linkOwners, type LinkOwner } from '../../core/store/tracking.ts';
import { modeOf, type HitCounter } from '../../core/tracking/counter.ts';
import { factsOf } from '../../core/tracking/hit.ts';
import { isSecure } from '../http/auth.ts';
import { gone } from './pages.ts';

/** One transparent dot. */
const DOT = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
/** Somebody is signed in here: a colleague, who looks at what was sent. */
const COLLEAGUE = /(?:^|;\s*)(?:__Host-)?parley=/;

export function countedLinks(rt: Runtime, counter: HitCounter): Koa.Middleware {
  const router = new Router({ methods: ['GET', 'HEAD'] });

  const ownerOf = async (
    token: string,
  ): Promise<{ owner: LinkOwner; link: number; counts: boolean } | undefined> => {
    const now = rt.clock.now();
    const reading = rt.tokens.read(token, { domain: LINK_DOMAIN, purpose: 'l', now, anyAge: true });
    // A forged one costs no look into the database.
    if (reading.kind !== 'valid' || reading.link === undefined) return undefined;
    const owner = (await linkOwners(rt.store.glance, [reading.id])).get(reading.id);
    return owner && { owner, link: reading.link, counts: !hasExpired('l', reading.issuedDay, now) };
  };

  const count = (ctx: Koa.Context, owner: LinkOwner, link: number): void => {
    const mode = modeOf(owner);
    if (mode === 'none' || (mode === 'hygiene' && link !== PIXEL) || COLLEAGUE.test(ctx.get('Cookie')))
      return;
    const facts = factsOf(
      {
        method: ctx.method,
        address: String(ctx.state.ip),
        headers: ctx.headers,
        secure: isSecure(ctx, rt.config),
      },
      counter.key,
    );
    counter.add({ delivery_id: owner.id, at: rt.clock.now(), link, facts });
  };

  router.get('/l/:token', async (ctx) => {
    ctx.state.route = 'link';
    ctx.set('Cache-Control', 'no-store');
    ctx.set('X-Robots-Tag', 'noindex, nofollow');
    const found = await ownerOf(ctx.params['token'] ?? '');
    if (found === undefined || found.link === PIXEL) return gone(ctx);
    const { owner, link, counts } = found;
    if (counts) count(ctx, owner, link);
    // No person sees it, and no program needs to think the worse of the mail.
    if (link === TRAP) return gone(ctx, 200);
    const target = await targetOf(counter, owner, link);
    if (target === undefined) return gone(ctx);
    ctx.status = 302;
    ctx.set('Location', target);
    ctx.body = '';
  });

  router.get('/o/:name', async (ctx) => {
    ctx.state.route = 'pixel';
    ctx.set('Cache-Control', 'no-store, private');
    ctx.set('X-Robots-Tag', 'noindex');
    // It stands in mail programs of the web, on pages of others.
    ctx.set('Cross-Origin-Resource-Policy', 'cross-origin');
    ctx.type = 'image/gif';
    ctx.body = DOT;
    // The same picture for a forged token as for a good one: nothing can be learnt here.
    const found = await ownerOf((ctx.params['name'] ?? '').replace(/\.gif$/, '')).catch((error: unknown) => {
      rt.log.warn('an opening could not be counted', { error });
      return undefined;
    });
    if (found?.link === PIXEL && found.counts) count(ctx, found.owner, PIXEL);
  });
  return router.routes() as Koa.Middleware;
}

async function targetOf(
  { tables }: HitCounter,
  { template_version_id, fill }: LinkOwner,
  number: number,
): Promise<string | undefined> {
  const { links, settings } = await tables.of(template_version_id);
  const link = links.get(number);
  if (link === undefined || fill === null) return undefined;
  const { contact, date } = fromJson<Fill>(fill, { date: 0, seed: '', key: 0, contact: {} });
  const { brand, campaign } = settings;
  return targetOfLink(link, { contact, brand, campaign: { name: campaign.name }, now: date }, settings);
}
