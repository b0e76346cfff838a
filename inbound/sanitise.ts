/**
 * What of a stranger's HTML the inbox may show: an allow-list of tags, attributes and style properties. Nothing is passed
 * through: every tag that comes out is written anew, with values that were decoded, judged and quoted here, so that a
 * browser sees no tag that is not on the list, however it reads the rest. Remote images are kept aside, unloaded, until a
 * person asks for them. This is the second wall: the first is the sandboxed frame with its own Content-Security-Policy,
 * which the web house puts around the result.
 */
import { decodeAttribute } from './entity.ts';
import { valueOf, type HtmlSink, type Tag } from './html-token.ts';

// No `position`, `z-index`, `float` over the page, and no value with url(), expression() or an escape.
const colour = [/^#[0-9a-f]{3,8}$/i, /^rgba?\([\d\s.,%/]{1,60}\)$/i, /^[a-z]{3,30}$/i];
const length = [
  /^-?[\d.]{1,8}(px|em|rem|ex|pt|pc|%|cm|mm|in)?$/i,
  /^(auto|normal|inherit|initial|none|medium|small|large)$/i,
];
const positive = [
  /^[\d.]{1,8}(px|em|rem|ex|pt|pc|%|cm|mm|in)?(\s+[\d.]{1,8}(px|em|rem|ex|pt|pc|%|cm|mm|in)?){0,3}$/i,
  /^auto$/i,
];
const border = [/^[\w\s.#(),%-]{1,80}$/];
const word = [/^[a-z-]{2,30}$/i];

const styles = new Map<string, RegExp[]>(
  Object.entries({
    color: colour,
    'background-color': colour,
    'font-family': [/^[\w\s,'"-]{1,200}$/],
    'font-size': [...length, /^(x-small|xx-small|smaller|larger|x-large|xx-large)$/i],
    'font-style': word,
    'font-weight': [/^[a-z\d]{3,10}$/i],
    'line-height': length,
    'letter-spacing': length,
    'text-align': word,
    'text-decoration': [/^[\w\s#-]{1,60}$/],
    'text-indent': [/^[\d.]{1,6}(px|em|pt|%)?$/i],
    'text-transform': word,
    'vertical-align': word,
    'white-space': word,
    padding: positive,
    'padding-top': positive,
    'padding-right': positive,
    'padding-bottom': positive,
    'padding-left': positive,
    margin: positive,
    'margin-top': positive,
    'margin-right': positive,
    'margin-bottom': positive,
    'margin-left': positive,
    border,
    'border-top': border,
    'border-right': border,
    'border-bottom': border,
    'border-left': border,
    'border-color': border,
    'border-style': border,
    'border-width': border,
    'border-radius': positive,
    'border-collapse': word,
    'border-spacing': positive,
    width: positive,
    'max-width': positive,
    height: positive,
    display: [/^(block|inline|inline-block|none|table|table-row|table-cell|list-item)$/i],
    'list-style-type': word,
    direction: [/^(ltr|rtl)$/i],
  }),
);

const TAGS = new Set(
  'a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark ol p pre q s samp section small span strike strong sub sup table tbody td tfoot th thead time tr tt u ul var wbr'.split(
    ' ',
  ),
);
/** These have no end. */
const VOID = new Set(['br', 'col', 'hr', 'img', 'wbr']);
/** HTML 13.1.2.4: what may stay open, and what ends it. */
const ENDED_BY: Record<string, Set<string>> = {
  p: new Set(
    'address article aside blockquote center dl div footer h1 h2 h3 h4 h5 h6 header hr main ol p pre section table ul'.split(
      ' ',
    ),
  ),
  li: new Set(['li']),
  dt: new Set(['dt', 'dd']),
  dd: new Set(['dt', 'dd']),
  td: new Set(['td', 'th', 'tr', 'tbody', 'tfoot']),
  th: new Set(['td', 'th', 'tr', 'tbody', 'tfoot']),
  tr: new Set(['tr', 'tbody', 'tfoot']),
};

const TABLE = new Set(['table', 'thead', 'tbody', 'tfoot', 'tr', 'td', 'th', 'caption', 'colgroup']);

const EVERYWHERE = new Set(['style', 'dir', 'lang', 'align', 'valign', 'title']);
const cell = new Set(['colspan', 'rowspan', 'width', 'height', 'bgcolor', 'nowrap']);
const ATTRIBUTES: Record<string, Set<string>> = {
  a: new Set(['href']),
  img: new Set(['src', 'alt', 'width', 'height']),
  font: new Set(['color', 'size', 'face']),
  table: new Set(['width', 'border', 'cellpadding', 'cellspacing', 'bgcolor']),
  td: cell,
  th: cell,
  tr: new Set(['bgcolor', 'height']),
  col: new Set(['width', 'span']),
  ol: new Set(['start', 'type']),
  li: new Set(['value']),
  time: new Set(['datetime']),
};

/** Deeper elements are left out, their text stays: a browser would make a page of such nesting crawl. */
const MAX_DEPTH = 100;
/** Programs write the same style on every paragraph. */
const MAX_KNOWN_STYLES = 500;

/** Writes the safe HTML while the page is read. */
export class SafeHtml implements HtmlSink {
  hasRemoteImages = false;
  #html = '';
  #open: string[] = [];
  #tooDeep: string[] = [];
  #styles = new Map<string, string>();

  /** How much is written. */
  get length(): number {
    return this.#html.length;
  }

  text(raw: string): void {
    // A reference to a character can only ever become text, so it stays as it came.
    this.#html += NEEDS_ESCAPE.test(raw) ? escapeTags(raw) : raw;
  }

  open(tag: Tag): void {
    const { name } = tag;
    if (!TAGS.has(name)) return;
    this.#endOpen(name);
    const isVoid = VOID.has(name);
    if (!isVoid && this.#open.length >= MAX_DEPTH) {
      if (!tag.isEmpty) this.#tooDeep.push(name);
      return;
    }
    this.#html += `<${name}${this.#attributes(tag)}${isVoid ? ' />' : '>'}`;
    if (isVoid) return;
    if (tag.isEmpty) this.#html += `</${name}>`;
    else this.#open.push(name);
  }

  close(name: string): void {
    if (!TAGS.has(name)) return;
    if (this.#tooDeep.at(-1) === name) {
      this.#tooDeep.pop();
      return;
    }
    const isOfTable = TABLE.has(name);
    for (let at = this.#open.length - 1; at >= 0; at--) {
      const open = this.#open[at]!;
      if (open === name) return this.#closeFrom(at);
      // A stray end within a cell must not take the table apart.
      if (!isOfTable && TABLE.has(open)) return;
    }
  }

  finish(): string {
    this.#closeFrom(0);
    return this.#html;
  }

  #closeFrom(at: number): void {
    while (this.#open.length > at) this.#html += `</${this.#open.pop()}>`;
  }

  #endOpen(name: string): void {
    for (;;) {
      const last = this.#open.at(-1);
      if (last === undefined || ENDED_BY[last]?.has(name) !== true) return;
      this.#closeFrom(this.#open.length - 1);
    }
  }

  #attributes(tag: Tag): string {
    const { name } = tag;
    if (name === 'img') return this.#image(tag) + this.#plain(tag);
    const href = name === 'a' ? linkOf(decodeAttribute(valueOf(tag, 'href'))) : '';
    const link = href === '' ? '' : ` href="${escape(href)}"`;
    const plain = tag.attributes.length === 0 ? '' : this.#plain(tag);
    return name === 'a' ? `${link}${plain} target="_blank" rel="noopener noreferrer nofollow"` : link + plain;
  }

  #plain(tag: Tag): string {
    const own = ATTRIBUTES[tag.name];
    let out = '';
    let seen = '';
    for (const attribute of tag.attributes) {
      const name = attribute[0];
      if (name === 'href' || name === 'src' || !(EVERYWHERE.has(name) || own?.has(name) === true)) continue;
      // HTML 13.2.5.33: of two attributes with one name the first counts.
      if (seen.includes(` ${name} `)) continue;
      seen += ` ${name} `;
      if (name !== 'style') out += ` ${name}="${escape(decodeAttribute(attribute[1]))}"`;
      else out += this.#style(attribute[1]);
    }
    return out;
  }

  #image(tag: Tag): string {
    const src = decodeAttribute(valueOf(tag, 'src')).trim();
    if (/^https?:/i.test(src)) {
      this.hasRemoteImages = true;
      return ` data-remote="${escape(src)}" src=""`;
    }
    // Raster images only: an SVG may hold script.
    const isOwn =
      /^cid:/i.test(src) || /^data:image\/(?:png|jpeg|gif|webp);base64,[a-z0-9+/=\s]*$/i.test(src);
    return isOwn ? ` src="${escape(src)}"` : '';
  }

  /** Ready to be written, with its name. */
  #style(raw: string): string {
    let style = this.#styles.get(raw);
    if (style === undefined) {
      const safe = safeStyle(decodeAttribute(raw));
      style = safe === '' ? '' : ` style="${escape(safe)}"`;
      if (this.#styles.size < MAX_KNOWN_STYLES) this.#styles.set(raw, style);
    }
    return style;
  }
}

/** A program's tab, line end or other control character within the scheme hides it from us, not from a browser. */
// oxlint-disable-next-line no-control-regex
const IGNORED_IN_LINKS = /[\u0000-\u0020\u007f-\u009f]+/g;

/** A link that may be followed; one without a scheme would lead into our own host. */
function linkOf(href: string): string {
  const bare = href.trim();
  return /^(?:https?|mailto|tel):/i.test(bare.slice(0, 100).replace(IGNORED_IN_LINKS, '')) ? bare : '';
}

const MAX_STYLE = 4000;

function safeStyle(style: string): string {
  const kept: string[] = [];
  for (const declaration of style.slice(0, MAX_STYLE).split(';')) {
    const colon = declaration.indexOf(':');
    if (colon < 0) continue;
    const property = declaration.slice(0, colon).trim().toLowerCase();
    const allowed = styles.get(property);
    if (allowed === undefined) continue;
    const value = declaration
      .slice(colon + 1)
      .replace(/!\s{0,9}important\s*$/i, '')
      .trim();
    if (allowed.some((pattern) => pattern.test(value))) kept.push(`${property}:${value}`);
  }
  return kept.join(';');
}

const NEEDS_ESCAPE = /[<>]/;
const escapeTags = (text: string): string => text.replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const escape = (value: string): string =>
  /[&<>"]/.test(value) ? escapeTags(value.replaceAll('&', '&amp;')).replaceAll('"', '&quot;') : value;
