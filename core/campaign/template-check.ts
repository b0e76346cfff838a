/**
 * Says what is wrong with a template while it is written, each thing with its line: merge fields that nobody has, holes
 * where a value is empty, links that go nowhere, no way to leave. A campaign does not start while one is an error.
 */
import { findImages, findLinks, linkFault, type FoundImage, type FoundLink } from './links.ts';
import { parseTemplate, TemplateFault, type FieldUse, type Locale } from './liquid.ts';
import { parsePart, targetOf, textPart, type TemplatePlace, type TemplateSource } from './template.ts';

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
    parsePart(place, text, locale).fields.map((use) => ({
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
      const parsed = parseTemplate(text, targetOf(place), locale);
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

const PLAIN: Locale = { language: 'en', timezone: 'UTC' };

function places(source: TemplateSource): [TemplatePlace, string][] {
  return (['subject', 'preheader', 'html', 'text'] as const).map((place) => [place, source[place]]);
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
