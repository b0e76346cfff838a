/**
 * What of a stranger's HTML the inbox may show: an allow-list of tags, attributes and style properties. Remote images are
 * kept aside, unloaded, until a person asks for them. This is the second wall: the first is the sandboxed frame with its
 * own Content-Security-Policy, which the web house puts around the result.
 */
import sanitizeHtml from 'sanitize-html';

const MAX_HTML_CHARACTERS = 1024 * 1024;

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

const styles = {
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
};

const options: sanitizeHtml.IOptions = {
  allowedTags: [
    'a',
    'abbr',
    'address',
    'article',
    'aside',
    'b',
    'bdi',
    'bdo',
    'big',
    'blockquote',
    'br',
    'caption',
    'center',
    'cite',
    'code',
    'col',
    'colgroup',
    'dd',
    'del',
    'dfn',
    'div',
    'dl',
    'dt',
    'em',
    'figcaption',
    'figure',
    'font',
    'footer',
    'h1',
    'h2',
    'h3',
    'h4',
    'h5',
    'h6',
    'header',
    'hr',
    'i',
    'img',
    'ins',
    'kbd',
    'li',
    'main',
    'mark',
    'ol',
    'p',
    'pre',
    'q',
    's',
    'samp',
    'section',
    'small',
    'span',
    'strike',
    'strong',
    'sub',
    'sup',
    'table',
    'tbody',
    'td',
    'tfoot',
    'th',
    'thead',
    'time',
    'tr',
    'tt',
    'u',
    'ul',
    'var',
    'wbr',
  ],
  allowedAttributes: {
    '*': ['style', 'dir', 'lang', 'align', 'valign', 'title'],
    a: ['href', 'target', 'rel'],
    img: ['src', 'data-remote', 'alt', 'width', 'height'],
    font: ['color', 'size', 'face'],
    table: ['width', 'border', 'cellpadding', 'cellspacing', 'bgcolor'],
    td: ['colspan', 'rowspan', 'width', 'height', 'bgcolor', 'nowrap'],
    th: ['colspan', 'rowspan', 'width', 'height', 'bgcolor', 'nowrap'],
    tr: ['bgcolor', 'height'],
    col: ['width', 'span'],
    ol: ['start', 'type'],
    li: ['value'],
    time: ['datetime'],
  },
  allowedStyles: { '*': styles },
  allowedSchemes: ['http', 'https', 'mailto', 'tel'],
  allowedSchemesByTag: { img: ['cid', 'data'] },
  allowedSchemesAppliedToAttributes: ['href', 'src'],
  allowProtocolRelative: false,
  nestingLimit: 100,
  disallowedTagsMode: 'discard',
  nonTextTags: [
    'script',
    'style',
    'textarea',
    'option',
    'noscript',
    'title',
    'template',
    'xmp',
    'math',
    'svg',
    'iframe',
    'object',
  ],
  transformTags: {
    a: (tagName, attribs) => ({
      tagName,
      attribs: { ...attribs, target: '_blank', rel: 'noopener noreferrer nofollow' },
    }),
    img: (tagName, attribs) => {
      const { src = '', srcset: _, ...rest } = attribs;
      if (/^https?:/i.test(src)) return { tagName, attribs: { ...rest, 'data-remote': src, src: '' } };
      if (/^cid:/i.test(src)) return { tagName, attribs: { ...rest, src } };
      // Raster images only: an SVG may hold script.
      if (/^data:image\/(png|jpeg|gif|webp);base64,[a-z0-9+/=\s]*$/i.test(src))
        return { tagName, attribs: { ...rest, src } };
      return { tagName, attribs: rest };
    },
  },
};

export interface SanitisedHtml {
  html: string;
  /** Whether there are images that wait for a person's word. */
  hasRemoteImages: boolean;
}

/** The part of the HTML that may be shown. More than a megabyte is cut. */
export function sanitise(html: string): SanitisedHtml {
  const clean = sanitizeHtml(html.slice(0, MAX_HTML_CHARACTERS), options);
  return { html: clean, hasRemoteImages: clean.includes('data-remote="') };
}
