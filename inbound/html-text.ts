/**
 * A stranger's HTML as text, in one pass, with the places that their program marked as old: one splitter of replies
 * serves both kinds of mail. Only what a person could read comes out.
 */
import { containerOf, type Container } from './quote-container.ts';
import type { Mark } from './reply.ts';
import { Page } from './text-page.ts';

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

export interface HtmlText {
  text: string;
  /** What the writer's program says of parts of it, in order. */
  marks: Mark[];
  /** Of each line, where its first character stands in the HTML; -1 for an empty one. */
  places: number[];
}

interface Open {
  tag: string;
  container: Container;
  /** How many lines were written when it opened, and how many quotations opened before. */
  line: number;
  quotations: number;
}

/** Reads HTML without building a tree: hostile nesting costs nothing. */
export function htmlToText(html: string): HtmlText {
  const source = html.slice(0, MAX_CHARACTERS);
  const page = new Page();
  const stack: Open[] = [];
  let silentUntil = '';
  let quotations = 0;
  let holders = 0;
  let at = 0;
  while (at < source.length) {
    const open = source.indexOf('<', at);
    if (silentUntil === '') page.write(source.slice(at, open < 0 ? undefined : open), at);
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
      if (!isMarkup && silentUntil === '') page.write('<', open);
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
  return page.finish();

  function openTag(tag: string, attributes: string): void {
    if (silentUntil !== '') return;
    if (SILENT.has(tag) && !attributes.endsWith('/')) {
      silentUntil = tag;
      return;
    }
    if (tag === 'br') return page.breakLine();
    const container = containerOf(tag, attributes, holders > 0);
    if (tag === 'hr') page.newBlock(false);
    else if (tag === 'td' || tag === 'th') page.space();
    else if (BLOCK.has(tag)) page.newBlock(PARAGRAPH.has(tag));
    if (tag === 'li') page.write('* ');
    if (tag === 'pre') page.preformatted++;
    const isOpen = !VOID.has(tag) && !attributes.endsWith('/') && stack.length < MAX_DEPTH;
    if (container !== 'none') {
      page.newBlock(false);
      if (container === 'rest') page.restIsOld();
      if (tag === 'blockquote') quotations++;
    }
    if (isOpen) {
      stack.push({ tag, container, line: page.lineCount, quotations });
      page.enter(container);
      if (container === 'holder') holders++;
    }
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
        if (entry.tag === 'pre') page.preformatted--;
        if (entry.container === 'none') continue;
        page.newBlock(false);
        page.leave(entry.container);
        if (entry.container !== 'holder') continue;
        holders--;
        // With a quotation in it, what stands beside that may be an answer; without one all of it is old.
        if (entry.quotations === quotations) page.markFrom(entry.line);
      }
    }
    if (BLOCK.has(tag)) page.newBlock(PARAGRAPH.has(tag));
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
