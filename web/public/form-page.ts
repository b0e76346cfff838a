/** What a sign-up form looks like: plain HTML that works without a script, alone on its page or inside somebody's frame. */
import type { FormTexts } from '../contract/form.ts';
import { formWordsOf } from './form-words.ts';
import { escapeHtml, publicPage, type Language } from './words.ts';

/** A field beside the address, as the form asks for it. */
export interface AskedField {
  name: string;
  label: string;
  kind: 'text' | 'number' | 'boolean' | 'date' | 'choice' | 'json';
}

/** A box: unticked until a person ticks it. */
export interface Box {
  purpose: string;
  text: string;
}

export interface FormView {
  publicId: string;
  language: Language;
  texts: FormTexts;
  fields: readonly AskedField[];
  boxes: readonly Box[];
  privacyUrl: string;
  /** Of this showing: says when it was made. */
  stamp: string;
  isFramed: boolean;
  /** What was typed, when it is shown again. */
  typed?: { email: string; fields: Record<string, string>; ticked: readonly string[]; says: string };
}

// Off the screen rather than hidden: programs that fill forms in look for what is hidden.
const STYLE = `<style>
.trap{position:absolute;left:-9999px;width:1px;height:1px;overflow:hidden}
form.signup label{display:block;font-size:14px;font-weight:550;margin:0 0 4px}
form.signup input:not([type=checkbox]){width:100%;font:inherit;min-height:42px;padding:6px 12px;border-radius:6px;
border:1px solid var(--line);background:var(--page);color:var(--text);margin:0 0 14px}
form.signup label.box{display:flex;gap:10px;align-items:flex-start;font-weight:400;margin:0 0 12px;cursor:pointer}
form.signup label.box input{flex:none;width:18px;height:18px;margin:3px 0 0;accent-color:var(--accent)}
form.signup button{width:100%;margin:4px 0 0}form.signup input:focus-visible{outline:2px solid var(--accent);outline-offset:1px}
form.signup p.meta{margin:0 0 12px}p.bad{color:#b3261e}@media(prefers-color-scheme:dark){p.bad{color:#f2a6a0}}
body.framed{padding:0;min-height:0;display:block;background:transparent}body.framed main{border:0;max-width:none}</style>`;

export function formHtml(view: FormView): string {
  const words = formWordsOf(view.language);
  const { typed, texts } = view;
  const query = view.isFramed ? '?framed=1' : '';
  const body =
    `${STYLE}<h1>${escapeHtml(texts.title)}</h1>` +
    (texts.intro === '' ? '' : `<p>${escapeHtml(texts.intro)}</p>`) +
    (typed === undefined ? '' : `<p class="bad" role="alert">${escapeHtml(typed.says)}</p>`) +
    `<form class="signup" method="post" action="/f/${view.publicId}${query}">` +
    `<input type="hidden" name="lang" value="${view.language}"><input type="hidden" name="stamp" value="${view.stamp}">` +
    `<div class="trap" aria-hidden="true"><label>${words.trap}<input name="website" tabindex="-1" autocomplete="off"></label></div>` +
    `<label for="email">${words.email}</label><input id="email" name="email" type="email" required maxlength="320" ` +
    `autocomplete="email" value="${escapeHtml(typed?.email ?? '')}">` +
    view.fields.map((field) => fieldHtml(field, typed?.fields[field.name] ?? '')).join('') +
    view.boxes
      .map(
        ({ purpose, text }) =>
          `<label class="box"><input type="checkbox" name="agree" value="${escapeHtml(purpose)}"` +
          `${typed?.ticked.includes(purpose) ? ' checked' : ''}><span>${escapeHtml(text)}</span></label>`,
      )
      .join('') +
    `<p class="meta">${words.leave}` +
    (view.privacyUrl === ''
      ? ''
      : ` <a href="${escapeHtml(view.privacyUrl)}" target="_blank" rel="noopener">${words.privacy}</a>`) +
    `</p><button>${escapeHtml(texts.button)}</button></form>`;
  return page(view.language, texts.title, body, view.isFramed);
}

function fieldHtml({ name, label, kind }: AskedField, value: string): string {
  const id = `f-${escapeHtml(name)}`;
  const named = `id="${id}" name="fields.${escapeHtml(name)}"`;
  if (kind === 'boolean')
    return `<label class="box"><input type="checkbox" ${named} value="true"${value === 'true' ? ' checked' : ''}><span>${escapeHtml(label)}</span></label>`;
  const type = kind === 'number' ? 'number" step="any' : kind === 'date' ? 'date' : 'text';
  const complete =
    name === 'first_name'
      ? ' autocomplete="given-name"'
      : name === 'last_name'
        ? ' autocomplete="family-name"'
        : '';
  return (
    `<label for="${id}">${escapeHtml(label)}</label>` +
    `<input ${named} type="${type}" maxlength="200"${complete} value="${escapeHtml(value)}">`
  );
}

export function page(language: Language, title: string, body: string, isFramed: boolean): string {
  const html = publicPage(language, title, body);
  return isFramed ? html.replace('<body>', '<body class="framed">') : html;
}

/** What a team pastes into its own site: a plain form, which our page asks to be sent once more. */
export function snippetOf(view: Omit<FormView, 'stamp' | 'isFramed' | 'typed'>, baseUrl: string): string {
  const words = formWordsOf(view.language);
  const lines = [
    `<form method="post" action="${baseUrl}/f/${view.publicId}" accept-charset="utf-8">`,
    `  <input type="hidden" name="lang" value="${view.language}">`,
    `  <label>${words.email} <input name="email" type="email" required autocomplete="email"></label>`,
    ...view.fields.map((field) =>
      field.kind === 'boolean'
        ? `  <label><input type="checkbox" name="fields.${escapeHtml(field.name)}" value="true"> ${escapeHtml(field.label)}</label>`
        : `  <label>${escapeHtml(field.label)} <input name="fields.${escapeHtml(field.name)}"></label>`,
    ),
    ...view.boxes.map(
      ({ purpose, text }) =>
        `  <label><input type="checkbox" name="agree" value="${escapeHtml(purpose)}"> ${escapeHtml(text)}</label>`,
    ),
    `  <p>${words.leave}` +
      (view.privacyUrl === '' ? '' : ` <a href="${escapeHtml(view.privacyUrl)}">${words.privacy}</a>`) +
      '</p>',
    `  <button>${escapeHtml(view.texts.button)}</button>`,
    '</form>',
  ];
  return lines.join('\n');
}

export const frameOf = (publicId: string, language: Language, title: string, baseUrl: string): string =>
  `<iframe src="${baseUrl}/f/${publicId}?framed=1&amp;lang=${language}" title="${escapeHtml(title)}" ` +
  `style="width:100%;max-width:30rem;height:34rem;border:0"></iframe>`;
