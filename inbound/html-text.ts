/**
 * A stranger's HTML as text and as safe HTML, in one walk, with the places that their program marked as old: one splitter
 * of replies serves both kinds of mail. Only what a person could read comes out.
 */
import { readTokens, type HtmlSink, type Tag } from './html-token.ts';
import { containerOf, type Container } from './quote-container.ts';
import type { Mark } from './reply.ts';
import { SafeHtml } from './sanitise.ts';
import { Page } from './text-page.ts';

const BLOCK = new Set(
  'address article aside blockquote center dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section table tr ul'.split(
    ' ',
  ),
);
const PARAGRAPH = new Set(['p', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'ul', 'ol', 'table', 'blockquote']);
const MAX_DEPTH = 500;

export interface HtmlText {
  text: string;
  /** What the writer's program says of parts of it, in order. */
  marks: Mark[];
}

/** The same, with what the inbox may show of it. */
export interface HtmlPage extends HtmlText {
  html: string;
  /** Of each line of the text, where its first character stands in `html`; -1 for an empty one. */
  places: number[];
  /** Whether there are images that wait for a person's word. */
  hasRemoteImages: boolean;
}

/** The text alone. */
export function htmlToText(html: string): HtmlText {
  const words = new Words();
  readTokens(html, words);
  const { text, marks } = words.finish();
  return { text, marks };
}

export function readPage(html: string): HtmlPage {
  const safe = new SafeHtml();
  const words = new Words(safe);
  readTokens(html, words);
  return { ...words.finish(), html: safe.finish(), hasRemoteImages: safe.hasRemoteImages };
}

interface Open {
  tag: string;
  container: Container;
  /** How many lines were written when it opened, and how many quotations opened before. */
  line: number;
  quotations: number;
}

/** Writes the text; what stands where in the safe HTML is known since both are written in the same step. */
class Words implements HtmlSink {
  readonly #page = new Page();
  readonly #safe: SafeHtml | undefined;
  readonly #stack: Open[] = [];
  #quotations = 0;
  #holders = 0;

  constructor(safe?: SafeHtml) {
    this.#safe = safe;
  }

  finish(): { text: string; marks: Mark[]; places: number[] } {
    return this.#page.finish();
  }

  text(raw: string): void {
    this.#page.write(raw, this.#safe?.length ?? 0);
    this.#safe?.text(raw);
  }

  open(tag: Tag): void {
    this.#write(tag);
    this.#safe?.open(tag);
  }

  #write(tag: Tag): void {
    const { name } = tag;
    const page = this.#page;
    if (name === 'br') return page.breakLine();
    const container =
      tag.attributes.length > 0 || name === 'blockquote' ? containerOf(tag, this.#holders > 0) : 'none';
    if (name === 'hr') page.newBlock(false);
    else if (name === 'td' || name === 'th') page.space();
    else if (BLOCK.has(name)) page.newBlock(PARAGRAPH.has(name));
    if (name === 'li') page.write('* ');
    if (container !== 'none') {
      page.newBlock(false);
      if (container === 'rest') page.restIsOld();
      if (name === 'blockquote') this.#quotations++;
    }
    if (tag.isEmpty || this.#stack.length >= MAX_DEPTH) return;
    if (name === 'pre') page.preformatted++;
    this.#stack.push({ tag: name, container, line: page.lineCount, quotations: this.#quotations });
    page.enter(container);
    if (container === 'holder') this.#holders++;
  }

  close(name: string): void {
    const page = this.#page;
    const stack = this.#stack;
    // Only the nearest few: a stray end tag must not cost a walk through everything that is open.
    const from = Math.max(0, stack.length - 40);
    let at = stack.length - 1;
    while (at >= from && stack[at]!.tag !== name) at--;
    if (at >= from) for (const entry of stack.splice(at)) this.#leave(entry);
    if (BLOCK.has(name)) page.newBlock(PARAGRAPH.has(name));
    this.#safe?.close(name);
  }

  #leave(entry: Open): void {
    const page = this.#page;
    if (entry.tag === 'pre') page.preformatted--;
    if (entry.container === 'none') return;
    page.newBlock(false);
    page.leave(entry.container);
    if (entry.container !== 'holder') return;
    this.#holders--;
    // With a quotation in it, what stands beside that may be an answer; without one all of it is old.
    if (entry.quotations === this.#quotations) page.markFrom(entry.line);
  }
}
