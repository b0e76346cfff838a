/** Everything that is read from a raw message, in one go: what the cage runs and what the command line prints. */
import { classify, type Context, type Verdict } from './classify.ts';
import { foldHtml } from './fold-html.ts';
import type { HtmlPage, HtmlText } from './html-text.ts';
import { parse, type Letter } from './parse.ts';
import { readReply, type ReplyReading } from './reply.ts';

export interface Reading {
  letter: Letter;
  verdict: Verdict;
}

export function read(raw: Buffer, context: Context): Reading {
  const { letter, mime, page } = parse(raw);
  // The HTML beside a plain part says which words are old, and so does our own mail: neither needs a language.
  const oldText = page === undefined || letter.marks.length > 0 ? undefined : oldWords(page);
  const verdict = classify(letter, mime, { ...context, oldText });
  if (page !== undefined) letter.html = foldHtml(page, replyOf(page));
  return { letter, verdict };

  /** Read again only where a plain part was read before. */
  function replyOf({ text, marks }: HtmlPage): ReplyReading {
    if (text === letter.text && letter.marks === marks) return verdict.reply;
    return readReply(text, { marks, ownText: context.ownText });
  }
}

/** What the writer's program marked as a quotation in the HTML. */
const oldWords = ({ text, marks }: HtmlText): string =>
  marks
    .filter((mark) => mark.kind === 'quoted')
    .map((mark) => text.slice(mark.start, mark.end))
    .join('\n');
