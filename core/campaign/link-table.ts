/**
 * The links of a template that can be counted, as one table: made when a template is frozen and kept with it, so that a
 * link pressed a year later leads where it led then, whatever this program has become. An address in a message carries a
 * delivery and a number of this table, never a target.
 *
 * A link is counted only when its host is written out: what a person's data could turn into another site, and the links
 * that are a person's own already (to leave, to choose), stay as they were written.
 */
import { attribute, rewriteTags, withoutAttributes, withTarget } from './links.ts';
import { parseTemplate, type Locale, type Scope } from './liquid.ts';
import type { LinkUse, TemplateSettings } from './template.ts';

/** What a link is about, for "clicked brand X twice": attributes of the template that never leave with the mail. */
const TAGS = { product: 'data-product', brand: 'data-brand', category: 'data-category' } as const;
const LONGEST_TAG = 200;

/** Token numbers beside those of the table. */
export const PIXEL = 0;
/** A link that no person sees. The highest number that a token can carry. */
export const TRAP = 1_048_575;

/** The name by which the tracked template refers to the address of link 3, of the pixel, of the trap. */
export const linkField = (number: number): string => `parley_link_${number}`;

// The host has to end before anything is merged.
const FIXED_HOST = /^https?:\/\/(?![^/?#]*[@\\])[^\s/?#{}\ue000\ue001]+(?=[/?#]|$)/i;
/** Merge code without an end, which would only cost time to be refused. */
const OPEN_CODE = /\{[{%]/;
const KNOWN_ROOTS = new Set(['contact', 'brand', 'campaign', 'now']);
const TEXT_LINK = /https?:\/\/[^\s<>"'()[\]]*[^\s<>"'()[\].,;:!?]/gi;

/** Every link of the two parts that can be counted. Links of the text that the HTML has too share its number. */
export function linkTable(html: string, text: string, locale: Locale): LinkUse[] {
  const assigned = assignedNames(html + text);
  const isCounted = (url: string) =>
    FIXED_HOST.test(url) &&
    rootsOf(url, locale)?.every((root) => KNOWN_ROOTS.has(root) && !assigned.has(root)) === true;
  const table: LinkUse[] = [];
  let count = 0;
  const held = hold(html);
  rewriteTags(held.text, (tag, { number, url: heldUrl }) => {
    count = number;
    const url = held.back(heldUrl);
    if (!OPEN_CODE.test(heldUrl) && isCounted(url)) table.push({ number, url, ...tagsOf(tag) });
    return tag;
  });
  const heldText = hold(text);
  const urls = new Set(table.map((one) => one.url));
  for (const [match] of heldText.text.matchAll(TEXT_LINK)) {
    const url = heldText.back(match);
    if (urls.has(url) || OPEN_CODE.test(match) || !isCounted(url)) continue;
    urls.add(url);
    table.push({ number: ++count, url });
  }
  return table;
}

/** The HTML without the attributes that only we need. */
export const withoutLinkTags = (html: string): string => {
  const held = hold(html);
  return held.back(rewriteTags(held.text, (tag) => withoutAttributes(tag, Object.values(TAGS))));
};

/** The HTML with a field in place of every counted link, and the trap and the pixel at its end. */
export function trackedHtml(html: string, table: readonly LinkUse[], mode: 'hygiene' | 'full'): string {
  const pixel = `<img src="{{ ${linkField(PIXEL)} }}" width="1" height="1" alt="" style="display:block;border:0">`;
  if (mode === 'hygiene') return beforeEnd(html, pixel);
  const held = hold(html);
  const byNumber = new Map(table.map((one) => [one.number, one]));
  const rewritten = rewriteTags(held.text, (tag, link) => {
    const known = byNumber.get(link.number);
    // What was frozen decides: a program that counts otherwise one day leaves the link alone.
    return known?.url === held.back(link.url) ? withTarget(tag, `{{ ${linkField(known.number)} }}`) : tag;
  });
  const trap =
    `<div style="display:none;max-height:0;overflow:hidden;mso-hide:all" aria-hidden="true">` +
    `<a href="{{ ${linkField(TRAP)} }}" rel="nofollow" tabindex="-1" style="display:none">&#8203;</a></div>`;
  return beforeEnd(held.back(rewritten), trap + pixel);
}

export function trackedText(text: string, table: readonly LinkUse[]): string {
  const held = hold(text);
  // The first of several with one address, as the table has it.
  const byUrl = new Map(table.toReversed().map((one) => [one.url, one]));
  return held.back(
    held.text.replace(TEXT_LINK, (match) => {
      const url = held.back(match);
      const known = byUrl.get(url);
      return known === undefined ? match : `{{ ${linkField(known.number)} }}`;
    }),
  );
}

/** Where a link leads for one person; undefined when it leads nowhere that we may send somebody to. */
export function targetOfLink({ url }: LinkUse, scope: Scope, settings: TemplateSettings): string | undefined {
  const locale = { language: settings.language, timezone: settings.timezone };
  const written = url.includes('{') ? parseTemplate(url, 'text', locale).renderText(scope) : url;
  const host = FIXED_HOST.exec(url)?.[0];
  if (host === undefined || !URL.canParse(written) || !URL.canParse(host)) return undefined;
  const target = new URL(written);
  // A value that was merged can be anything; the site cannot.
  return target.origin === new URL(host).origin ? target.href : undefined;
}

function tagsOf(tag: string): Omit<LinkUse, 'number' | 'url'> {
  const tags: Record<string, string> = {};
  for (const [name, written] of Object.entries(TAGS)) {
    const value = attribute(tag, written)?.trim().slice(0, LONGEST_TAG) ?? '';
    if (value !== '' && !/[\ue000\ue001]/.test(value)) tags[name] = value;
  }
  return tags;
}

function rootsOf(url: string, locale: Locale): string[] | undefined {
  if (!url.includes('{')) return [];
  try {
    return parseTemplate(url, 'text', locale).fields.map((use) => use.path.split('.')[0] ?? '');
  } catch {
    return undefined;
  }
}

const assignedNames = (template: string): Set<string> =>
  new Set(
    [...template.matchAll(/\b(?:assign|capture|increment|decrement)\s+['"]?([\w-]+)/g)].map(
      (match) => match[1] ?? '',
    ),
  );

function beforeEnd(html: string, addition: string): string {
  const at = [...html.matchAll(/<\/body\s*>/gi)].at(-1)?.index;
  return at === undefined ? `${html}${addition}\n` : `${html.slice(0, at)}${addition}\n${html.slice(at)}`;
}

/** Merge fields may hold quotes and angle brackets: while tags are looked for, each is one character sequence of its own. */
function hold(template: string): { text: string; back: (text: string) => string } {
  const source = template.replace(/[\ue000\ue001]/g, '');
  const kept: string[] = [];
  const parts: string[] = [];
  let from = 0;
  for (;;) {
    const at = source.indexOf('{', from);
    const close = source[at + 1] === '{' ? '}}' : source[at + 1] === '%' ? '%}' : undefined;
    const end = at === -1 || close === undefined ? -1 : source.indexOf(close, at + 2);
    if (at === -1 || (close !== undefined && end === -1)) break;
    if (close === undefined) parts.push(source.slice(from, at + 1));
    else parts.push(source.slice(from, at), `\ue000${kept.push(source.slice(at, end + 2)) - 1}\ue001`);
    from = close === undefined ? at + 1 : end + 2;
  }
  parts.push(source.slice(from));
  return {
    text: parts.join(''),
    back: (held) => held.replace(/\ue000(\d+)\ue001/g, (_all, n: string) => kept[Number(n)] ?? ''),
  };
}
