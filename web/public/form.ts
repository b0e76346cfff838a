/**
 * Sign-up pages for strangers: the form, what follows it, and the link of the confirmation. A GET never signs anybody up.
 * The answer to a filled-in form is the same whether the address is known, left, suppressed or new.
 */
import { Router } from '@koa/router';
import type Koa from 'koa';
import {
  askToSignUp,
  confirmSignUp,
  signupOf,
  type Choice,
  type Waiting,
} from '../../core/audience/signup.ts';
import { checkAddress } from '../../core/mail/address.ts';
import type { Runtime } from '../../core/runtime.ts';
import { formByPublicId } from '../../core/store/form.ts';
import { brandById } from '../../core/store/identity.ts';
import { fromJson } from '../../core/store/json.ts';
import { listById } from '../../core/store/list.ts';
import type { Row } from '../../core/store/tables.ts';
import type { FormTexts } from '../contract/form.ts';
import type { Limits } from '../http/limit.ts';
import { baseUrlOf } from '../http/request.ts';
import { answer, readForm } from './answer.ts';
import { formHtml, page as pageOf, type AskedField, type FormView } from './form-page.ts';
import { formWordsOf } from './form-words.ts';
import { listText, shownForm } from './form-view.ts';
import { isStamped, stampFor } from './stamp.ts';
import { escapeHtml, languageOf, type Language } from './words.ts';

export function formPages(rt: Runtime, limits: Limits): Koa.Middleware {
  const router = new Router({ methods: ['GET', 'HEAD', 'POST'] });
  const page = (route: string, work: (ctx: Koa.Context) => Promise<void>) => async (ctx: Koa.Context) => {
    ctx.state.route = route;
    await limits.publicPage(String(ctx.state.ip));
    ctx.set('Cache-Control', 'no-store');
    ctx.set('X-Robots-Tag', 'noindex');
    await work(ctx);
  };
  router.get(
    '/f/:id',
    page('form', (ctx) => showForm(rt, ctx)),
  );
  router.post(
    '/f/:id',
    page('form', (ctx) => takeForm(rt, limits, ctx)),
  );
  router.get(
    '/f/:id/:token',
    page('confirm', (ctx) => askToConfirm(rt, ctx)),
  );
  router.post(
    '/f/:id/:token',
    page('confirm', (ctx) => confirm(rt, ctx)),
  );
  return router.routes() as Koa.Middleware;
}

const paramOf = (ctx: Koa.Context, name: string): string =>
  String((ctx as unknown as { params: Record<string, string> }).params[name] ?? '');
const isFramed = (ctx: Koa.Context): boolean => ctx.query['framed'] === '1';

/** The language asked for, else the browser's, else the brand's. */
async function languageFor(
  rt: Runtime,
  ctx: Koa.Context,
  brandId: number,
  asked: unknown,
): Promise<Language> {
  const brand = await brandById(rt.store.read, brandId);
  const first = typeof asked === 'string' ? asked : undefined;
  return languageOf(first, ctx.get('Accept-Language'), brand?.language);
}

function closed(ctx: Koa.Context, language: Language, status: number): void {
  const words = formWordsOf(language);
  answer(
    ctx,
    pageOf(language, words.closedTitle, `<h1>${words.closedTitle}</h1><p>${words.closed}</p>`, isFramed(ctx)),
    { status, mayBeFramed: true },
  );
}

async function formOf(rt: Runtime, ctx: Koa.Context): Promise<Row<'form'> | undefined> {
  const form = await formByPublicId(rt.store.read, paramOf(ctx, 'id'));
  if (form !== undefined && form.active === 1) return form;
  const language = languageOf(ctx.get('Accept-Language'));
  closed(ctx, language, form === undefined ? 404 : 410);
  return undefined;
}

async function showForm(rt: Runtime, ctx: Koa.Context): Promise<void> {
  const form = await formOf(rt, ctx);
  if (form === undefined) return;
  const language = await languageFor(rt, ctx, form.brand_id, ctx.query['lang']);
  await render(rt, ctx, form, language);
}

async function render(
  rt: Runtime,
  ctx: Koa.Context,
  form: Row<'form'>,
  language: Language,
  typed?: NonNullable<FormView['typed']>,
  status = 200,
): Promise<void> {
  const view = {
    ...(await shownForm(rt, form, language)),
    stamp: stampFor(rt.secrets, form.public_id, rt.clock.now()),
    isFramed: isFramed(ctx),
    ...(typed === undefined ? {} : { typed }),
  };
  answer(ctx, formHtml(view), { status, mayBeFramed: true });
}

async function takeForm(rt: Runtime, limits: Limits, ctx: Koa.Context): Promise<void> {
  const form = await formOf(rt, ctx);
  if (form === undefined) return;
  await limits.signup(String(ctx.state.ip));
  const sent = await readForm(ctx);
  const text = (name: string) => {
    const value = sent.get(name);
    return typeof value === 'string' ? value.trim().slice(0, 400) : '';
  };
  const language = await languageFor(rt, ctx, form.brand_id, text('lang'));
  const shown = await shownForm(rt, form, language);
  const words = formWordsOf(language);
  const ticked = sent.getAll('agree').filter((one): one is string => typeof one === 'string');
  const values = Object.fromEntries(shown.fields.map(({ name }) => [name, text(`fields.${name}`)]));
  const typed = { email: text('email'), fields: values, ticked };
  const reading = checkAddress(typed.email);
  if (reading.kind !== 'address')
    return render(rt, ctx, form, language, { ...typed, says: words.badEmail }, 422);
  // Posted from another site, or faster than a person: it is shown with what was typed, to be sent by a person.
  if (!isStamped(rt.secrets, form.public_id, text('stamp'), rt.clock.now()))
    return render(rt, ctx, form, language, { ...typed, says: words.once });
  const email = reading.address.key;
  // Who fills in what nobody sees gets the answer that everybody gets, and nothing happens.
  if (text('website') === '') {
    const choices: Choice[] = [
      { purpose: `list:${form.list_id}`, state: 'given', text: listText(shown) },
      ...shown.boxes.map(({ purpose, text: read }): Choice => ({
        purpose,
        state: ticked.includes(purpose) ? 'given' : 'refused',
        text: read,
      })),
    ];
    await askToSignUp(
      rt,
      form,
      {
        email,
        language,
        fields: valuesOf(shown.fields, values),
        choices,
        ip: String(ctx.state.ip),
        agent: ctx.get('User-Agent'),
      },
      (token) => `${baseUrlOf(rt.config)}/f/${form.public_id}/${token}`,
    );
  }
  answer(
    ctx,
    pageOf(
      language,
      words.sentTitle,
      `<h1>${words.sentTitle}</h1><p>${words.sent(escapeHtml(typed.email))}</p><p class="meta">${words.sentHint}</p>`,
      isFramed(ctx),
    ),
    { mayBeFramed: true },
  );
}

/** What was typed, as the fields hold it; what does not fit a field is left out. */
export function valuesOf(
  asked: readonly AskedField[],
  typed: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const { name, kind } of asked) {
    // oxlint-disable-next-line no-control-regex
    const text = (typed[name] ?? '')
      .replace(/[\u0000-\u001f\u007f]+/g, ' ')
      .trim()
      .slice(0, 200);
    if (kind === 'boolean') values[name] = text === 'true';
    else if (text === '') continue;
    else if (kind === 'number') {
      const number = Number(text.replace(',', '.'));
      if (Number.isFinite(number)) values[name] = number;
    } else if (kind === 'date') {
      if (/^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))) values[name] = text;
    } else values[name] = text;
  }
  return values;
}

// ── the link of the mail ──────────────────────────────────────────────────────────────────────────────────────────

async function waiting(rt: Runtime, ctx: Koa.Context): Promise<(Waiting & { list: string }) | undefined> {
  const found = await signupOf(rt, paramOf(ctx, 'token'));
  if (found === undefined || found.form.public_id !== paramOf(ctx, 'id')) {
    const language = languageOf(ctx.get('Accept-Language'));
    const words = formWordsOf(language);
    answer(
      ctx,
      pageOf(language, words.lapsedTitle, `<h1>${words.lapsedTitle}</h1><p>${words.lapsed}</p>`, false),
      {
        status: 404,
      },
    );
    return undefined;
  }
  return { ...found, list: (await listById(rt.store.read, found.form.list_id))?.name ?? found.form.name };
}

async function askToConfirm(rt: Runtime, ctx: Koa.Context): Promise<void> {
  const found = await waiting(rt, ctx);
  if (found === undefined) return;
  const { signup, form, list } = found;
  if (signup.confirmed_at !== null) return confirmed(ctx, found, 200);
  const language = languageOf(signup.language);
  const words = formWordsOf(language);
  const agreed = fromJson<Choice[]>(signup.consents, []).filter(
    (one) => one.state === 'given' && !one.purpose.startsWith('list:'),
  );
  const body =
    `<h1>${words.confirmTitle}</h1><p>${words.confirm(escapeHtml(signup.email), escapeHtml(list))}</p>` +
    (agreed.length === 0
      ? ''
      : `<p>${words.agreed}</p><ul>${agreed.map((one) => `<li>${escapeHtml(one.text)}</li>`).join('')}</ul>`) +
    `<p class="meta">${words.leave}</p><form method="post"><button name="confirm" value="1">${words.confirmButton}</button></form>`;
  answer(ctx, pageOf(language, words.confirmTitle, body, false), {
    leadsTo: form.redirect === '' ? '' : new URL(form.redirect).origin,
  });
}

async function confirm(rt: Runtime, ctx: Koa.Context): Promise<void> {
  const found = await waiting(rt, ctx);
  if (found === undefined) return;
  if ((await readForm(ctx)).get('confirm') === null) return askToConfirm(rt, ctx);
  await confirmSignUp(rt, found, { ip: String(ctx.state.ip), agent: ctx.get('User-Agent').slice(0, 500) });
  if (found.form.redirect !== '') {
    ctx.status = 303;
    ctx.set('Location', found.form.redirect);
    return;
  }
  confirmed(ctx, found, 200);
}

function confirmed(
  ctx: Koa.Context,
  { signup, form, list }: Waiting & { list: string },
  status: number,
): void {
  const language = languageOf(signup.language);
  const words = formWordsOf(language);
  const { done } = fromJson<Record<Language, FormTexts>>(form.texts, {} as Record<Language, FormTexts>)[
    language
  ];
  const body =
    `<h1>${words.confirmedTitle}</h1><p>${words.confirmed(escapeHtml(signup.email), escapeHtml(list))}</p>` +
    (done === '' ? '' : `<p>${escapeHtml(done)}</p>`);
  answer(ctx, pageOf(language, words.confirmedTitle, body, false), { status });
}
