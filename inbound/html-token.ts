/**
 * A stranger's HTML cut into tags and texts, in one walk that never looks back: what hostile nesting, quotes that do not
 * end or a megabyte of "<" cost is in proportion to their size. No tree is built. What no reader ever sees (scripts,
 * styles, titles) is left out here, so that the text and the safe HTML, which are written in the same walk, cannot
 * disagree about it.
 */

export interface HtmlSink {
  /** Between tags, its character references undecoded. */
  text(raw: string): void;
  open(tag: Tag): void;
  /** `name` is in lower case. */
  close(name: string): void;
}

/** An opening tag. Names are in lower case, values as they stand, their character references undecoded. */
export interface Tag {
  name: string;
  /** Whether no end tag belongs to it. */
  isEmpty: boolean;
  attributes: readonly Attribute[];
}

export type Attribute = readonly [name: string, value: string];

export const valueOf = (tag: Tag, name: string): string =>
  tag.attributes.find((attribute) => attribute[0] === name)?.[1] ?? '';

export const MAX_HTML_CHARACTERS = 1024 * 1024;
/** No element of any program has more; the rest of a tag is walked over. */
const MAX_ATTRIBUTES = 40;

const VOID = new Set('area base br col embed hr img input link meta param source track wbr'.split(' '));
/** What stands in them is never read by a person; `xml` is what Word says to itself. */
const SILENT = new Set(
  'script style title noscript template svg math textarea select iframe object xmp xml'.split(' '),
);
const NO_ATTRIBUTES: readonly Attribute[] = [];

export function readTokens(html: string, sink: HtmlSink): void {
  const walk = new Walk(html.length > MAX_HTML_CHARACTERS ? html.slice(0, MAX_HTML_CHARACTERS) : html);
  const { source } = walk;
  let at = 0;
  while (at < source.length) {
    const open = source.indexOf('<', at);
    if (open !== at) sink.text(open < 0 ? source.slice(at) : source.slice(at, open));
    if (open < 0) return;
    const next = source.charCodeAt(open + 1);
    if (isLetter(next)) {
      const tag = walk.tag(open + 1);
      at = walk.at;
      if (!SILENT.has(tag.name)) sink.open(tag);
      else if (!tag.isEmpty) at = walk.after(tag.name);
    } else if (next === SLASH && isLetter(source.charCodeAt(open + 2))) {
      sink.close(walk.name(open + 2));
      walk.attributes();
      at = walk.at;
    } else if (source.startsWith('<!--', open)) {
      // From the third character on: HTML 13.2.5.43 ends "<!-->" at once.
      const end = source.indexOf('-->', open + 2);
      at = end < 0 ? source.length : end + 3;
    } else if (next === SLASH || next === EXCLAMATION || next === QUESTION) {
      const end = source.indexOf('>', open);
      at = end < 0 ? source.length : end + 1;
    } else {
      sink.text('<');
      at = open + 1;
    }
  }
}

const SLASH = 0x2f;
const EXCLAMATION = 0x21;
const QUESTION = 0x3f;
const GREATER = 0x3e;
const EQUALS = 0x3d;
const DOUBLE = 0x22;
const SINGLE = 0x27;

const isLetter = (code: number): boolean => (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
const isBlank = (code: number): boolean =>
  code === 0x20 || code === 0x0a || code === 0x09 || code === 0x0d || code === 0x0c;

class Walk {
  readonly source: string;
  at = 0;
  /** Quotes that were looked for and stand nowhere in the rest: looking again would walk all of it for each tag. */
  #isMissing: Record<number, boolean> = {};
  /** Whether the tag read last ended with a slash. */
  #isSelf = false;

  constructor(source: string) {
    this.source = source;
  }

  tag(from: number): Tag {
    const name = this.name(from);
    this.#isSelf = false;
    const attributes = this.attributes();
    return { name, isEmpty: this.#isSelf || VOID.has(name), attributes };
  }

  name(from: number): string {
    const { source } = this;
    let at = from;
    for (; at < source.length; at++) {
      const code = source.charCodeAt(at);
      if (isBlank(code) || code === GREATER || code === SLASH) break;
    }
    this.at = at;
    return source.slice(from, Math.min(at, from + 40)).toLowerCase();
  }

  /** Reads up to and over the end of the tag. */
  attributes(): readonly Attribute[] {
    const { source } = this;
    let found: Attribute[] | undefined;
    for (;;) {
      const code = source.charCodeAt(this.at);
      if (Number.isNaN(code)) return found ?? NO_ATTRIBUTES;
      if (code === GREATER) {
        this.at++;
        return found ?? NO_ATTRIBUTES;
      }
      if (isBlank(code) || code === SLASH) {
        this.at++;
        this.#isSelf = code === SLASH && source.charCodeAt(this.at) === GREATER;
        continue;
      }
      const name = this.#attributeName();
      const value = this.#attributeValue();
      found ??= [];
      if (found.length < MAX_ATTRIBUTES) found.push([name, value]);
    }
  }

  #attributeName(): string {
    const { source } = this;
    const from = this.at;
    // HTML 13.2.5.32: "=" may begin a name.
    let at = from + 1;
    for (; at < source.length; at++) {
      const code = source.charCodeAt(at);
      if (code === EQUALS || code === GREATER || code === SLASH || isBlank(code)) break;
    }
    this.at = at;
    return source.slice(from, Math.min(at, from + 40)).toLowerCase();
  }

  #attributeValue(): string {
    const { source } = this;
    let at = this.#overBlanks(this.at);
    if (source.charCodeAt(at) !== EQUALS) {
      this.at = at;
      return '';
    }
    at = this.#overBlanks(at + 1);
    const quote = source.charCodeAt(at);
    if ((quote === DOUBLE || quote === SINGLE) && this.#isMissing[quote] !== true) {
      const end = source.indexOf(quote === DOUBLE ? '"' : "'", at + 1);
      if (end >= 0) {
        this.at = end + 1;
        return source.slice(at + 1, end);
      }
      // A browser would show nothing of the rest; a person's words are worth more than that rule.
      this.#isMissing[quote] = true;
    }
    const from = at;
    for (; at < source.length; at++) {
      const code = source.charCodeAt(at);
      if (code === GREATER || isBlank(code)) break;
    }
    this.at = at;
    return source.slice(from, at);
  }

  #overBlanks(from: number): number {
    let at = from;
    while (isBlank(this.source.charCodeAt(at))) at++;
    return at;
  }

  /** The place after the end tag of an element whose content is not read. */
  after(name: string): number {
    const end = endOf(name);
    end.lastIndex = this.at;
    return end.test(this.source) ? end.lastIndex : this.source.length;
  }
}

const ends = new Map<string, RegExp>();

function endOf(name: string): RegExp {
  let end = ends.get(name);
  if (end === undefined) ends.set(name, (end = new RegExp(`</${name}(?![a-z0-9])[^>]*>?`, 'gi')));
  return end;
}
