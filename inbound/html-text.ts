/**
 * A stranger's HTML as text, in one pass: what their program put into a quotation is marked with `>`, as in plain mail,
 * so that one splitter of replies serves both. Only what a person could read comes out.
 */
const BLOCK = new Set(
  'address article aside blockquote center dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section table tr ul'.split(
    ' ',
  ),
);
const PARAGRAPH = new Set(['p', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'ul', 'ol', 'table', 'blockquote']);
const VOID = new Set('area base br col embed hr img input link meta param source track wbr'.split(' '));
const SILENT = new Set(
  'head script style title noscript template svg math textarea select iframe object'.split(' '),
);

const MAX_CHARACTERS = 1024 * 1024;
const MAX_DEPTH = 500;

const entities: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  eacute: 'é',
  egrave: 'è',
  ecirc: 'ê',
  agrave: 'à',
  acirc: 'â',
  ccedil: 'ç',
  ocirc: 'ô',
  ucirc: 'û',
  ugrave: 'ù',
  icirc: 'î',
  iuml: 'ï',
  euml: 'ë',
  auml: 'ä',
  ouml: 'ö',
  uuml: 'ü',
  szlig: 'ß',
  Auml: 'Ä',
  Ouml: 'Ö',
  Uuml: 'Ü',
  Eacute: 'É',
  Agrave: 'À',
  ntilde: 'ñ',
  aacute: 'á',
  iacute: 'í',
  oacute: 'ó',
  uacute: 'ú',
  iquest: '¿',
  iexcl: '¡',
  laquo: '«',
  raquo: '»',
  rsquo: '’',
  lsquo: '‘',
  ldquo: '“',
  rdquo: '”',
  ndash: '–',
  mdash: '—',
  hellip: '…',
  euro: '€',
  copy: '©',
  reg: '®',
  bull: '•',
  middot: '·',
  oelig: 'œ',
  deg: '°',
  zwnj: '',
  zwj: '',
  shy: '',
  ensp: ' ',
  emsp: ' ',
  thinsp: ' ',
};

export function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]{2,8}));?/gi,
    (whole, hex, decimal, name: string) => {
      if (name !== undefined) return entities[name] ?? entities[name.toLowerCase()] ?? whole;
      const code = hex === undefined ? Number(decimal) : parseInt(hex as string, 16);
      if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return '\ufffd';
      return String.fromCodePoint(code);
    },
  );
}

/** How a tag opens a quotation: `cut` when everything after it is the old message. */
type Opening = 'quote' | 'cut' | 'none';

/** Containers by which mail programs mark what was there before (reference: each is what that program writes today). */
function openingOf(tag: string, attributes: string): Opening {
  if (attributes === '') return tag === 'blockquote' ? 'quote' : 'none';
  const lower = attributes.slice(0, 2000).toLowerCase();
  if (tag === 'blockquote')
    return /margin:\s*0\s+0\s+0\s+40px|indent/.test(lower) && !lower.includes('cite') ? 'none' : 'quote';
  // Outlook on the web and on phones put these before the old message.
  if (
    /id=["']?(x_)?(divrplyfwdmsg|appendonsend|mail-editor-reference-message-container|olk_src_body_section)/.test(
      lower,
    )
  )
    return 'cut';
  if (tag === 'hr' && /id=["']?stopspelling/.test(lower)) return 'cut';
  // Outlook 2007 and later, and Windows Mail.
  if (
    tag === 'div' &&
    /border-top:\s*(solid|1pt solid)?\s*#?(e1e1e1|b5c4df|e5e5e5)|border:\s*none;\s*border-top:\s*solid/.test(
      lower,
    )
  )
    return 'cut';
  if (
    /class=["']?[^"'>]*\b(gmail_quote|yahoo_quoted|protonmail_quote|zmail_extra|moz-forward-container)\b/.test(
      lower,
    )
  )
    return 'quote';
  if (/name=["']?quote\b/.test(lower)) return 'quote';
  return 'none';
}

export interface HtmlText {
  text: string;
  /** Where the old message begins by the program's own mark; the length of the text when there is none. */
  cut: number;
}

/** Reads HTML without building a tree: hostile nesting costs nothing. */
export function htmlToText(html: string): HtmlText {
  const out: string[] = [''];
  const stack: { tag: string; opening: Opening }[] = [];
  let depth = 0;
  let cutLine = -1;
  let silentUntil = '';
  let pre = 0;

  const line = (): string => out[out.length - 1]!;
  const breakLine = () => {
    out[out.length - 1] = line().replace(/[ \t]+$/, '');
    out.push(depth > 0 ? '> '.repeat(Math.min(depth, 5)) : '');
  };
  const blank = () => line().replace(/^[> ]+/, '') === '';
  const newBlock = (paragraph: boolean) => {
    if (!blank()) breakLine();
    if (paragraph && out.length > 1 && out[out.length - 2]!.replace(/^[> ]+/, '') !== '') breakLine();
  };
  const setDepth = (value: number) => {
    depth = value;
    if (blank()) out[out.length - 1] = depth > 0 ? '> '.repeat(Math.min(depth, 5)) : '';
  };
  const write = (raw: string) => {
    const decoded = decodeEntities(raw);
    if (pre > 0) {
      for (const [index, piece] of decoded.split('\n').entries()) {
        if (index > 0) breakLine();
        out[out.length - 1] += piece;
      }
      return;
    }
    const text = decoded.replace(/[ \t\r\n\f]+/g, ' ');
    out[out.length - 1] += blank() || line().endsWith(' ') ? text.replace(/^ /, '') : text;
  };

  const source = html.slice(0, MAX_CHARACTERS);
  let at = 0;
  while (at < source.length) {
    const open = source.indexOf('<', at);
    if (silentUntil === '') write(source.slice(at, open < 0 ? undefined : open));
    if (open < 0) break;
    if (source.startsWith('<!--', open)) {
      const end = source.indexOf('-->', open + 4);
      at = end < 0 ? source.length : end + 3;
      continue;
    }
    const match = /^<(\/?)([a-z][a-z0-9:]{0,30})/i.exec(source.slice(open, open + 34));
    if (match === null) {
      const isMarkup = /^<[!?/]/.test(source.slice(open, open + 2));
      const end = isMarkup ? source.indexOf('>', open) : open;
      if (!isMarkup && silentUntil === '') write('<');
      at = end < 0 ? source.length : end + 1;
      continue;
    }
    const end = tagEnd(source, open + match[0].length);
    const tag = match[2]!.toLowerCase();
    const attributes = source.slice(open + match[0].length, end);
    at = end + 1;
    if (match[1] === '/') closeTag(tag);
    else openTag(tag, attributes);
  }
  if (silentUntil === '') out[out.length - 1] = line().replace(/[ \t]+$/, '');
  const cutAt = cutLine < 0 ? -1 : out.slice(0, cutLine).join('\n').length;
  const text = out.join('\n');
  return { text, cut: cutAt < 0 ? text.length : cutAt };

  function openTag(tag: string, attributes: string): void {
    if (silentUntil !== '') return;
    if (SILENT.has(tag) && !attributes.endsWith('/')) {
      silentUntil = tag;
      return;
    }
    if (tag === 'br') return breakLine();
    const opening = openingOf(tag, attributes);
    if (tag === 'hr') newBlock(false);
    else if (tag === 'td' || tag === 'th') {
      if (!blank() && !line().endsWith(' ')) out[out.length - 1] += ' ';
    } else if (BLOCK.has(tag)) newBlock(PARAGRAPH.has(tag));
    if (tag === 'li') out[out.length - 1] += '* ';
    if (opening === 'cut' && cutLine < 0) {
      newBlock(false);
      cutLine = out.length - 1;
    }
    if (opening === 'quote') {
      newBlock(false);
      setDepth(depth + 1);
    }
    if (tag === 'pre') pre++;
    if (!VOID.has(tag) && !attributes.endsWith('/') && stack.length < MAX_DEPTH) stack.push({ tag, opening });
  }

  function closeTag(tag: string): void {
    if (silentUntil !== '') {
      if (tag === silentUntil) silentUntil = '';
      return;
    }
    // Only the nearest few: a stray end tag must not cost a walk through everything that is open.
    const from = Math.max(0, stack.length - 40);
    const index = stack.findLastIndex((entry, place) => place >= from && entry.tag === tag);
    if (index >= 0) {
      for (const entry of stack.splice(index)) {
        if (entry.tag === 'pre') pre = Math.max(0, pre - 1);
        if (entry.opening === 'quote') {
          if (!blank()) breakLine();
          setDepth(depth - 1);
        }
      }
    }
    if (BLOCK.has(tag)) newBlock(PARAGRAPH.has(tag));
  }
}

function tagEnd(source: string, from: number): number {
  let quote = '';
  const limit = Math.min(source.length, from + 20_000);
  for (let i = from; i < limit; i++) {
    const character = source[i]!;
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if ((character === '"' || character === "'") && source[i - 1] === '=') quote = character;
    else if (character === '>') return i;
  }
  const end = source.indexOf('>', from);
  return end < 0 ? source.length : end;
}
