/**
 * What companies and their gateways put around every mail: conditions of confidence at the end, "this came from outside"
 * at the top. By paragraphs; what a person writes about confidence between other words stays.
 */
import { disclaimerSigns, outsideBanners } from '../config/signature-phrases.ts';
import { plainLine, type Line } from './reply-line.ts';

const MAX_PARAGRAPHS = 12;
const LONGEST_PARAGRAPH = 6000;

const LANGUAGES = disclaimerSigns.map(({ plain, signs }) => ({
  plain: plain.map(plainLine),
  signs: signs.map(plainLine),
}));
const BANNERS = outsideBanners.map(plainLine);

/** Marks the disclaimers among the lines that are new or signature. */
export function markDisclaimers(lines: readonly Line[]): void {
  const paragraphs = paragraphsOf(lines.filter((line) => line.kind === 'new' || line.kind === 'signature'));
  if (paragraphs.length < 2) return;
  if (isBanner(paragraphs[0]!)) mark(paragraphs[0]!);
  for (const paragraph of paragraphs.slice(1).slice(-MAX_PARAGRAPHS).toReversed()) {
    if (isDisclaimer(paragraph)) mark(paragraph);
    // Conditions stand at the end; a name or a logo may stand between them, a speech may not.
    else if (textOf(paragraph).length > 200) return;
  }
}

function mark(paragraph: Line[]): void {
  for (const line of paragraph) line.kind = 'disclaimer';
}

function paragraphsOf(lines: readonly Line[]): Line[][] {
  const found: Line[][] = [];
  let open: Line[] | undefined;
  for (const line of lines) {
    if (line.isEmpty || /^\s*[-_=*]{3,}\s*$/.test(line.plain)) open = undefined;
    else if (open === undefined) found.push((open = [line]));
    else open.push(line);
  }
  return found;
}

const textOf = (paragraph: Line[]): string => {
  let text = '';
  for (const line of paragraph) {
    if (text.length > LONGEST_PARAGRAPH) break;
    text += ` ${line.plain.trim()}`;
  }
  return text.slice(1);
};

function isDisclaimer(paragraph: Line[]): boolean {
  const text = textOf(paragraph);
  if (/\?\s*$/.test(text)) return false;
  return LANGUAGES.some(({ plain, signs }) => {
    if (plain.some((phrase) => text.includes(phrase))) return true;
    // A person writes "confidential" too, but not three such words in one long paragraph.
    return text.length > 120 && signs.filter((sign) => text.includes(sign)).length >= 3;
  });
}

function isBanner(paragraph: Line[]): boolean {
  const text = textOf(paragraph).replace(/^[\s*_[(!⚠-]+/, '');
  return text.length < 500 && BANNERS.some((phrase) => text.startsWith(phrase.replace(/^\[/, '')));
}
