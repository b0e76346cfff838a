/**
 * Folds the old message in the HTML that the inbox shows: one `details` element, which opens without any script. Works on
 * the sanitised HTML, whose tags are balanced and hold no `details` of a stranger's. Where the place cannot be told for
 * sure, nothing is folded.
 */
import type { Segment } from '../core/store/conversation.ts';
import type { HtmlPage } from './html-text.ts';
import type { ReplyReading } from './reply.ts';

const OPEN = '<details class="old"><summary>•••</summary>';
const CLOSE = '</details>';
/** Inside of these a `details` would be thrown out by the browser. */
const NO_PLACE = new Set(['table', 'tbody', 'thead', 'tfoot', 'tr', 'ul', 'ol', 'dl', 'colgroup']);
const VOID = new Set(['br', 'hr', 'img', 'wbr', 'col']);
/** Old text that continues outside of the element in which it began takes another fold. */
const MOST_FOLDS = 4;

/** `reply` is what readReply says of the page's text. */
export function foldHtml(page: HtmlPage, { segments }: ReplyReading): string {
  const at = oldFrom(segments);
  const place = at < 0 ? -1 : placeOf(page, at);
  return place < 0 ? page.html : fold(page.html, place);
}

/** Where in the text the old message begins that goes on to the end; -1 when there is none. */
function oldFrom(segments: readonly Segment[]): number {
  const last = segments.findLastIndex((segment) => segment.kind === 'new' || segment.shown === true);
  if (last < 0) return -1;
  // A signature stays where it is; what is old begins below it.
  const old = segments.slice(last + 1).find((segment) => segment.kind === 'quoted');
  return old?.start ?? -1;
}

/** The place in the HTML of the first line that stands at this place of the text or below; -1 when there is none. */
function placeOf({ text, places }: HtmlPage, at: number): number {
  let line = 0;
  for (let end = text.indexOf('\n'); end >= 0 && end < at; end = text.indexOf('\n', end + 1)) line++;
  return places.find((place, index) => index >= line && place >= 0) ?? -1;
}

function fold(html: string, place: number): string {
  const tags = tagsOf(html);
  const out: string[] = [];
  let done = 0;
  let from = climb(html, tags, place);
  for (let count = 0; count < MOST_FOLDS && from >= 0; count++) {
    const { parent, end } = parentOf(html, tags, from);
    if (NO_PLACE.has(parent)) return html;
    out.push(html.slice(done, from), OPEN, html.slice(from, end), CLOSE);
    done = end;
    from = nextText(html, tags, end);
  }
  // What is left over would stand open below the fold.
  return from >= 0 ? html : out.join('') + html.slice(done);
}

interface Tag {
  name: string;
  isEnd: boolean;
  start: number;
  end: number;
}

function tagsOf(html: string): Tag[] {
  const tags: Tag[] = [];
  for (const match of html.matchAll(/<(\/?)([a-z][a-z0-9]*)(?:\s[^<>]*)?>/g)) {
    if (!VOID.has(match[2]!))
      tags.push({
        name: match[2]!,
        isEnd: match[1] === '/',
        start: match.index,
        end: match.index + match[0].length,
      });
  }
  return tags;
}

/** Before the opening tags that stand right before the place, so that the fold begins as far out as it can. */
function climb(html: string, tags: readonly Tag[], place: number): number {
  let from = place;
  for (let i = tags.findLastIndex((tag) => tag.end <= place); i >= 0; i--) {
    const tag = tags[i]!;
    if (tag.isEnd || html.slice(tag.end, from).trim() !== '') break;
    from = tag.start;
  }
  return from;
}

/** The element around a place, and where it ends. */
function parentOf(html: string, tags: readonly Tag[], place: number): { parent: string; end: number } {
  let depth = 0;
  for (const tag of tags) {
    if (tag.start < place) continue;
    depth += tag.isEnd ? -1 : 1;
    if (depth < 0) return { parent: tag.name, end: tag.start };
  }
  return { parent: '', end: html.length };
}

/** Where the next text after a place begins, outside of what ends there; -1 when there is none. */
function nextText(html: string, tags: readonly Tag[], place: number): number {
  let at = place;
  for (const tag of tags) {
    if (tag.start < place) continue;
    if (isSomething(html.slice(at, tag.start))) return at;
    // Elements that only end are passed; one that begins holds the rest.
    if (!tag.isEnd) return isSomething(html.slice(tag.start)) ? tag.start : -1;
    at = tag.end;
  }
  return isSomething(html.slice(at)) ? at : -1;
}

const isSomething = (html: string): boolean => html.replace(/<(?!img\s)[^<>]*>|&nbsp;|\s+/g, '') !== '';
