/**
 * A campaign's template, compiled once when it is frozen, so that a million messages cost only their differences. What is
 * wrong with one while it is written, `template-check.ts` says.
 */
import { compile as compileHtmlToText } from 'html-to-text';
import { Problem } from '../errors.ts';
import { checkAddress, explainAddressFault, safeText } from '../mail/address.ts';
import { compileMessage, type Attachment, type MessageFrame } from '../mail/compose.ts';
import { listFrame, type ListFrame } from '../mail/list-headers.ts';
import type { ReplyDelimiter } from '../mail/identifiers.ts';
import { trackedHtml, trackedText, withoutLinkTags } from './link-table.ts';
import { parseTemplate, TemplateFault, type Locale, type ParsedTemplate, type Target } from './liquid.ts';

/** What people write. */
export interface TemplateSource {
  subject: string;
  preheader: string;
  html: string;
  /** Made from the HTML when empty. */
  text: string;
}

/** A link that can be counted. */
export interface LinkUse {
  /** What its token carries: its place among the links of the HTML, further links of the text after them. */
  number: number;
  /** As written, entities decoded; may hold merge fields behind the host. */
  url: string;
  product?: string;
  brand?: string;
  category?: string;
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
  /** The links that can be counted (link-table.ts). Null in versions that are older than counting: they stay as they were. */
  links: LinkUse[] | null;
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

/** A frozen template, ready to be filled a million times. */
export interface CompiledTemplate {
  version: TemplateVersion;
  subject: ParsedTemplate;
  text: ParsedTemplate;
  html: ParsedTemplate | undefined;
  /** The parts as somebody gets them who agreed to be counted; made when first asked for. */
  tracked(mode: 'hygiene' | 'full'): { text: ParsedTemplate; html: ParsedTemplate | undefined };
  frame: MessageFrame;
  /** The list fields that are the same for everybody. */
  listFrame: ListFrame;
  /** The contact's fields that a fill must freeze; `*` means all of them. */
  contactFields: readonly string[];
  uses: ReadonlySet<string>;
}

/** Compiles a version once. Throws a Problem that names the place when it is not valid. */
export function compileTemplate(given: TemplateVersion): CompiledTemplate {
  const settings = templateSettings(given.settings);
  const version = {
    ...given,
    settings,
    from_address: ownAddress(given.from_address, 'from_address'),
    reply_to: given.reply_to ? ownAddress(given.reply_to, 'reply_to') : null,
  };
  const locale = { language: settings.language, timezone: settings.timezone };
  safeText(version.from_name, 'from_name');
  const subject = parsePart('subject', version.subject, locale);
  const { links } = settings;
  const body = links === null ? version.html : withoutLinkTags(version.html);
  const htmlOf = (written: string) =>
    version.html.trim() === ''
      ? undefined
      : parsePart('html', withLineEnd(withPreheader(written, version.preheader)), locale);
  const textOf = (written: string) => parsePart('text', withLineEnd(written), locale);
  const html = htmlOf(body);
  const text = textOf(textPart(version));
  const made = new Map<string, { text: ParsedTemplate; html: ParsedTemplate | undefined }>();
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
    tracked(mode) {
      const known = made.get(mode);
      if (known !== undefined || links === null) return known ?? { text, html };
      const parts = {
        text: mode === 'full' ? textOf(trackedText(textPart(version), links)) : text,
        html: htmlOf(trackedHtml(body, links, mode)),
      };
      made.set(mode, parts);
      return parts;
    },
    frame: compileMessage(settings.images.map(imageOf)),
    listFrame: listFrameOf(version),
    contactFields: [...contactFields],
    uses,
  };
}

function listFrameOf({ from_address, settings }: TemplateVersion): ListFrame {
  const domain = domainOf(from_address);
  return listFrame({
    ...(settings.list && { list: settings.list }),
    domain,
    feedback: {
      campaign: `c${settings.campaign.id}`,
      ...(settings.list && { segment: `l${settings.list.id}` }),
      stream: settings.stream,
      sender: domain,
    },
  });
}

export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase();
}

/** An address of ours, its domain in A-labels as the DKIM key has it. */
function ownAddress(text: string, field: string): string {
  const reading = checkAddress(text);
  if (reading.kind === 'address') return reading.address.address;
  const words = explainAddressFault(reading.fault);
  throw new Problem('invalid', `${field} ${words}`, { fields: { [field]: words } });
}

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
  links: null,
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

/** How values are escaped there. */
export function targetOf(place: TemplatePlace): Target {
  return place === 'subject' ? 'header' : place === 'text' ? 'text' : 'html';
}

/** Reads one part; a Problem that names it and the place otherwise. */
export function parsePart(place: TemplatePlace, text: string, locale: Locale): ParsedTemplate {
  try {
    return parseTemplate(text, targetOf(place), locale);
  } catch (error) {
    if (!(error instanceof TemplateFault)) throw error;
    const words = `line ${error.line}, column ${error.column}: ${error.message}`;
    throw new Problem('invalid', `${place}, ${words}`, { fields: { [place]: words }, cause: error });
  }
}
