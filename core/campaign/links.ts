/**
 * The links and images of a template: found with their place, checked, and changed. Which links are counted, and how, is in
 * link-table.ts; by default every link leaves as it was written.
 */
export interface FoundLink {
  /** 1, 2, 3 … in the order of the HTML; the number that a link token carries. */
  number: number;
  /** As written, entities decoded; may hold merge fields. */
  url: string;
  line: number;
}

export interface FoundImage {
  src: string;
  /** Undefined when the attribute is absent; an empty one says "decoration". */
  alt: string | undefined;
  line: number;
}

export type LinkFault = 'empty' | 'relative' | 'script' | 'not-https' | 'with-password' | 'shortener';

// Linear: neither class can match what the other begins with.
const ANCHOR = /<(?:a|area)\s(?:[^<>"']|"[^"]*"|'[^']*')*>/gi;
const IMAGE = /<img\s(?:[^<>"']|"[^"]*"|'[^']*')*>/gi;
const COMMENT = /<!--[\s\S]*?(?:-->|$)/g;
const SHORTENERS = new Set([
  'bit.ly',
  'tinyurl.com',
  't.co',
  'goo.gl',
  'ow.ly',
  'is.gd',
  'buff.ly',
  'rebrand.ly',
  'cutt.ly',
]);

/** Every link of the HTML, comments left out. */
export function findLinks(html: string): FoundLink[] {
  const links: FoundLink[] = [];
  eachTag(html, ANCHOR, (tag, line) => {
    const url = attribute(tag, 'href');
    if (url !== undefined) links.push({ number: links.length + 1, url, line });
  });
  return links;
}

export function findImages(html: string): FoundImage[] {
  const images: FoundImage[] = [];
  eachTag(html, IMAGE, (tag, line) =>
    images.push({ src: attribute(tag, 'src') ?? '', alt: attribute(tag, 'alt'), line }),
  );
  return images;
}

/** The HTML with every link's tag as `change` answers it; `number` counts as in `findLinks`. */
export function rewriteTags(
  html: string,
  change: (tag: string, link: Omit<FoundLink, 'line'>) => string,
): string {
  let number = 0;
  const hidden = commentRanges(html);
  return html.replace(ANCHOR, (tag: string, offset: number) => {
    const url = attribute(tag, 'href');
    if (url === undefined || isHidden(hidden, offset)) return tag;
    number += 1;
    return change(tag, { number, url });
  });
}

/** A link's tag with another address. */
export const withTarget = (tag: string, url: string): string =>
  tag.replace(
    /(\shref\s*=\s*)(?:"[^"]*"|'[^']*'|[^\s>]+)/i,
    (_all, head: string) => `${head}"${escape(url)}"`,
  );

/** A link's tag without some of its attributes. */
export const withoutAttributes = (tag: string, names: readonly string[]): string =>
  tag.replace(
    new RegExp(`\\s(?:${names.join('|')})(?:\\s*=\\s*(?:"[^"]*"|'[^']*'|[^\\s>]+))?(?=[\\s/>])`, 'gi'),
    '',
  );

/** What is wrong with a link, if anything. A link that begins with a merge field is only known at sending. */
export function linkFault(url: string): LinkFault | undefined {
  const text = url.trim();
  if (text === '' || text === '#') return 'empty';
  if (text.startsWith('{{') || text.startsWith('{%') || text.startsWith('#')) return undefined;
  if (/^(?:mailto|tel|sms):/i.test(text)) return undefined;
  // Browsers ignore control characters and spaces in a scheme.
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text.replace(/[\s\p{Cc}]/gu, ''))?.[1]?.toLowerCase();
  if (scheme === undefined) return 'relative';
  if (scheme !== 'http' && scheme !== 'https') return 'script';
  const authority = /^https?:\/\/([^/?#]*)/i.exec(text)?.[1] ?? '';
  if (authority.includes('@')) return 'with-password';
  if (SHORTENERS.has(authority.toLowerCase())) return 'shortener';
  return scheme === 'http' ? 'not-https' : undefined;
}

function eachTag(html: string, pattern: RegExp, found: (tag: string, line: number) => void): void {
  const hidden = commentRanges(html);
  for (const match of html.matchAll(pattern)) {
    if (!isHidden(hidden, match.index)) found(match[0], lineAt(html, match.index));
  }
}

function commentRanges(html: string): [number, number][] {
  return [...html.matchAll(COMMENT)].map((match) => [match.index, match.index + match[0].length]);
}

function isHidden(ranges: readonly [number, number][], offset: number): boolean {
  return ranges.some(([begin, end]) => offset >= begin && offset < end);
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

/** The value of an attribute, entities decoded; undefined when it is absent. */
export function attribute(tag: string, name: string): string | undefined {
  const pattern = new RegExp(`\\s${name}(?:\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>]+)))?(?=[\\s/>])`, 'i');
  const match = pattern.exec(tag);
  return match === null ? undefined : unescape(match[1] ?? match[2] ?? match[3] ?? '');
}

function unescape(text: string): string {
  return text
    .replace(/&quot;/gi, '"')
    .replace(/&#0*39;|&apos;/gi, "'")
    .replace(/&lt;/gi, '<')
    .replace(/&gt;/gi, '>')
    .replace(/&amp;/gi, '&');
}

function escape(text: string): string {
  return text
    .replace(/&(?!amp;)/g, '&amp;')
    .replace(/"/g, '&quot;')
    .replace(/</g, '&lt;');
}
