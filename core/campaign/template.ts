/**
 * A campaign's template: checked while it is written (fields that nobody has, links that go nowhere, no way to leave), and
 * compiled once when it is frozen, so that a million messages cost only their differences.
 */
import { compile as compileHtmlToText } from 'html-to-text';
import { Problem } from '../errors.ts';
import { safeText } from '../mail/address.ts';
import { compileMessage, type Attachment, type MessageFrame } from '../mail/compose.ts';
import type { ReplyDelimiter } from '../mail/identifiers.ts';
import { findImages, findLinks, linkFault, type FoundImage, type FoundLink } from './links.ts';
import { parseTemplate, TemplateFault, type FieldUse, type Locale, type ParsedTemplate } from './liquid.ts';

/** What people write. */
export interface TemplateSource {
  subject: string;
  preheader: string;
  html: string;
  /** Made from the HTML when empty. */
  text: string;
}

/** What else the message is a function of; frozen as JSON in `template_version.settings`. */
export interface TemplateSettings {
  language: string;
  timezone: string;
  brand: { name: string; postal_address: string };
  campaign: { id: number; name: string };
  /** The list that the mail goes to and an unsubscribe leaves; null: marketing as a whole. */
  list: { id: number; name: string } | null;
  bounce_host: string;
  /** Where links lead, without a final slash. Frozen: a retry after a move repeats the old one. */
  base_url: string;
  reply_delimiter: ReplyDelimiter;
  /** Bulk mail carries the list fields; a single notice made from a template does not. */
  stream: 'marketing' | 'transactional';
  /** Pictures that travel inside the message, content in base64. */
  images: { file_name: string; media_type: string; content_id: string; content: string }[];
}

/** A `template_version` row, as far as a message needs it. */
export interface TemplateVersion extends TemplateSource {
  from_name: string;
  from_address: string;
  /** `contact@replies.example.org`: the token goes between. Empty: no Reply-To. */
  reply_to: string | null;
  settings: TemplateSettings;
}

export type TemplatePlace = 'subject' | 'preheader' | 'html' | 'text';

export interface MergeField extends FieldUse {
  place: TemplatePlace;
}

export type TemplateProblemCode =
  | 'syntax'
  | 'unknown-field'
  | 'no-fallback'
  | 'no-subject'
  | 'no-content'
  | 'no-unsubscribe'
  | 'no-postal-address'
  | 'image-without-alt'
  | 'bad-link'
  | 'too-large';

export interface TemplateProblem {
  /** An error blocks the campaign; a warning is shown. */
  severity: 'error' | 'warning';
  code: TemplateProblemCode;
  place: TemplatePlace;
  line: number;
  column: number;
  message: string;
  /** What was probably meant. */
  suggestion?: string;
}

export interface TemplateReport {
  problems: TemplateProblem[];
  fields: MergeField[];
  links: FoundLink[];
  images: FoundImage[];
  /** The text part as it will leave. */
  text: string;
}

/** Fields that every message knows, beside `contact.…`. */
const OWN_FIELDS = [
  'unsubscribe_url',
  'preferences_url',
  'view_url',
  'brand.name',
  'brand.postal_address',
  'campaign.name',
  'now',
];
/** Of these an empty value leaves no hole: they are always filled. */
const ALWAYS_FILLED = new Set([...OWN_FIELDS, 'contact.email']);
const CONTACT_FIELDS = ['email', 'first_name', 'last_name', 'language', 'timezone', 'external_id', 'tags'];
// Gmail clips a message at about 102 KB.
const CLIPPED_AT = 100_000;

/** The paths that a template may use, given the names of the custom fields. */
export function knownFields(custom: readonly string[]): string[] {
  return [...CONTACT_FIELDS, ...custom].map((name) => `contact.${name}`).concat(OWN_FIELDS);
}

/** Every merge field with its place, and whether an empty value would leave a hole. Throws a Problem on bad syntax. */
export function mergeFields(source: TemplateSource, locale: Locale = PLAIN): MergeField[] {
  return places(source).flatMap(([place, text]) =>
    parse(place, text, locale).fields.map((use) => ({
      ...use,
      place,
      hasFallback: use.hasFallback || isFilled(use),
    })),
  );
}

/**
 * Everything that is wrong with a template, each with its line. A campaign does not start while one is an error.
 *
 *     checkTemplate({ subject: 'Hi {{ contact.frist_name }}', … }, knownFields(['city'])).problems[0].suggestion
 *     // 'contact.first_name'
 */
export function checkTemplate(
  source: TemplateSource,
  known: readonly string[],
  locale: Locale = PLAIN,
): TemplateReport {
  const problems: TemplateProblem[] = [];
  const fields: MergeField[] = [];
  const add = (problem: Omit<TemplateProblem, 'column'> & { column?: number }) =>
    problems.push({ column: 1, ...problem });

  for (const [place, text] of places(source)) {
    try {
      const parsed = parseTemplate(text, target(place), locale);
      for (const use of parsed.fields) {
        const field = { ...use, place, hasFallback: use.hasFallback || isFilled(use) };
        fields.push(field);
        problems.push(...fieldProblems(field, known));
      }
    } catch (error) {
      if (!(error instanceof TemplateFault)) throw error;
      add({
        severity: 'error',
        code: 'syntax',
        place,
        line: error.line,
        column: error.column,
        message: error.message,
      });
    }
  }

  if (source.subject.trim() === '') {
    add({
      severity: 'error',
      code: 'no-subject',
      place: 'subject',
      line: 1,
      message: 'the subject is empty',
    });
  }
  if (source.html.trim() === '' && source.text.trim() === '') {
    add({
      severity: 'error',
      code: 'no-content',
      place: 'html',
      line: 1,
      message: 'the message has no content',
    });
  }
  const uses = (place: TemplatePlace, path: string) =>
    fields.some((f) => f.place === place && f.path === path);
  for (const place of ['html', 'text'] as const) {
    if (source[place].trim() === '') continue;
    if (!uses(place, 'unsubscribe_url') && !uses(place, 'preferences_url')) {
      const message = 'there is no way to leave: add a link to {{ unsubscribe_url }}';
      add({ severity: 'error', code: 'no-unsubscribe', place, line: 1, message });
    }
    if (!uses(place, 'brand.postal_address')) {
      const message = 'nothing says who sends it: add {{ brand.postal_address }}, or write the address';
      add({ severity: 'warning', code: 'no-postal-address', place, line: 1, message });
    }
  }
  const links = findLinks(source.html);
  for (const { url, line } of links) {
    const fault = linkFault(url);
    if (fault === undefined) continue;
    const severity = fault === 'not-https' || fault === 'shortener' ? 'warning' : 'error';
    add({
      severity,
      code: 'bad-link',
      place: 'html',
      line,
      message: `the link ${JSON.stringify(url)}: ${fault}`,
    });
  }
  const images = findImages(source.html);
  for (const { src, alt, line } of images) {
    if (alt !== undefined) continue;
    const message = `the image ${JSON.stringify(src.slice(0, 80))} has no alternative text`;
    add({ severity: 'warning', code: 'image-without-alt', place: 'html', line, message });
  }
  if (Buffer.byteLength(source.html) > CLIPPED_AT) {
    const message = 'the HTML is over 100 KB: Gmail hides what comes after, the unsubscribe link included';
    add({ severity: 'warning', code: 'too-large', place: 'html', line: 1, message });
  }
  return { problems, fields, links, images, text: textPart(source) };
}

/** A frozen template, ready to be filled a million times. */
export interface CompiledTemplate {
  version: TemplateVersion;
  subject: ParsedTemplate;
  text: ParsedTemplate;
  html: ParsedTemplate | undefined;
  frame: MessageFrame;
  /** The contact's fields that a fill must freeze; `*` means all of them. */
  contactFields: readonly string[];
  uses: ReadonlySet<string>;
}

/** Compiles a version once. Throws a Problem that names the place when it is not valid. */
export function compileTemplate(given: TemplateVersion): CompiledTemplate {
  const settings = templateSettings(given.settings);
  const version = { ...given, settings };
  const locale = { language: settings.language, timezone: settings.timezone };
  safeText(version.from_name, 'from_name');
  const subject = parse('subject', version.subject, locale);
  const html =
    version.html.trim() === ''
      ? undefined
      : parse('html', withLineEnd(withPreheader(version.html, version.preheader)), locale);
  const text = parse('text', withLineEnd(textPart(version)), locale);
  const uses = new Set(
    [subject, text, ...(html ? [html] : [])].flatMap((part) => part.fields.map((use) => use.path)),
  );
  const contactFields = new Set<string>();
  for (const path of uses) {
    const [root, name] = path.split('.');
    if (root === 'contact') contactFields.add(name ?? '*');
  }
  return {
    version,
    subject,
    text,
    html,
    frame: compileMessage(settings.images.map(imageOf)),
    contactFields: [...contactFields],
    uses,
  };
}

const PLAIN: Locale = { language: 'en', timezone: 'UTC' };

const defaults: TemplateSettings = {
  language: 'en',
  timezone: 'UTC',
  brand: { name: '', postal_address: '' },
  campaign: { id: 0, name: '' },
  list: null,
  bounce_host: '',
  base_url: '',
  reply_delimiter: '+',
  stream: 'marketing',
  images: [],
};

/** Settings with their defaults, for those who freeze a version and those who read one. */
export function templateSettings(given: Partial<TemplateSettings>): TemplateSettings {
  return { ...defaults, ...given };
}

/** The text part: as written, else made from the HTML. */
export function textPart(source: TemplateSource): string {
  return source.text.trim() === '' ? textFromHtml(source.html) : source.text;
}

const htmlToText = compileHtmlToText({
  wordwrap: false,
  selectors: [
    { selector: 'a', options: { hideLinkHrefIfSameAsText: true, linkBrackets: ['<', '>'] } },
    { selector: 'img', format: 'skip' },
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({ selector, options: { uppercase: false } })),
    { selector: 'table', options: { uppercaseHeaderCells: false } },
  ],
});

/** Plain text that says what the HTML says; Liquid passes through untouched. */
export function textFromHtml(html: string): string {
  const kept: string[] = [];
  const held = html
    .replace(/[\ue000\ue001]/g, '')
    .replace(/\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g, (code) => `\ue000${kept.push(code) - 1}\ue001`);
  return htmlToText(held).replace(/\ue000(\d+)\ue001/g, (_all, index: string) => kept[Number(index)] ?? '');
}

/** The line that mail programs show beside the subject: first in the body, invisible there. */
function withPreheader(html: string, preheader: string): string {
  if (preheader.trim() === '') return html;
  const hidden =
    `<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">` +
    `${preheader.replace(/</g, '&lt;').replace(/>(?![^{]*[}%]\})/g, '&gt;')}</div>\n`;
  const body = /<body\b(?:[^<>"']|"[^"]*"|'[^']*')*>/i.exec(html);
  if (body === null) return hidden + html;
  const end = body.index + body[0].length;
  return `${html.slice(0, end)}\n${hidden}${html.slice(end)}`;
}

function withLineEnd(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

function imageOf(image: TemplateSettings['images'][number]): Attachment {
  return {
    fileName: image.file_name,
    mediaType: image.media_type,
    contentId: image.content_id,
    content: Buffer.from(image.content, 'base64'),
  };
}

function places(source: TemplateSource): [TemplatePlace, string][] {
  return (['subject', 'preheader', 'html', 'text'] as const).map((place) => [place, source[place]]);
}

function target(place: TemplatePlace): 'html' | 'text' | 'header' {
  return place === 'subject' ? 'header' : place === 'text' ? 'text' : 'html';
}

function parse(place: TemplatePlace, text: string, locale: Locale): ParsedTemplate {
  try {
    return parseTemplate(text, target(place), locale);
  } catch (error) {
    if (!(error instanceof TemplateFault)) throw error;
    const words = `line ${error.line}, column ${error.column}: ${error.message}`;
    throw new Problem('invalid', `${place}, ${words}`, { fields: { [place]: words }, cause: error });
  }
}

function isFilled({ path }: FieldUse): boolean {
  return ALWAYS_FILLED.has(path);
}

function fieldProblems(field: MergeField, known: readonly string[]): TemplateProblem[] {
  const { place, line, column, path } = field;
  if (path === 'contact' || path.includes('*')) return [];
  const isKnown = known.some((name) => path === name || path.startsWith(`${name}.`));
  if (!isKnown) {
    const suggestion = nearest(path, known);
    const message = `nobody has the field ${path}${suggestion === undefined ? '' : `; did you mean ${suggestion}?`}`;
    return [
      {
        severity: 'error',
        code: 'unknown-field',
        place,
        line,
        column,
        message,
        ...(suggestion && { suggestion }),
      },
    ];
  }
  if (field.hasFallback) return [];
  const message = `${path} may be empty: write {{ ${path} | default: "…" }}`;
  return [
    {
      severity: 'warning',
      code: 'no-fallback',
      place,
      line,
      column,
      message,
      suggestion: `${path} | default: ""`,
    },
  ];
}

/** The known name that differs by the fewest typing errors, if it is few enough. */
function nearest(path: string, known: readonly string[]): string | undefined {
  const normal = (text: string) => text.toLowerCase().replace(/[^a-z0-9.]/g, '');
  const wanted = normal(path.slice(0, 80));
  let best: string | undefined;
  let least = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const name of known) {
    const whole = distance(wanted, normal(name));
    const bare = distance(wanted, normal(name.slice(name.indexOf('.') + 1)));
    const found = Math.min(whole, bare);
    if (found < least) [best, least] = [name, found];
  }
  return best;
}

/** Damerau-Levenshtein (neighbours swapped count as one error). */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? before[j - 2]! + 1 : Infinity;
      row[j] = Math.min(
        above[j]! + 1,
        row[j - 1]! + 1,
        above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
        swap,
      );
    }
    before = above;
    above = row;
  }
  return above[b.length]!;
}
