/**
 * The template language: Liquid, cut down to what a message needs and fenced in. No files, no includes, no raw output,
 * limits on time, memory and length; what is rendered depends on nothing but the values handed in, so a retry gives the
 * same bytes. The one file that knows liquidjs.
 */
import { Context, Liquid, LiquidError, Output, filters, toValueSync, type Template } from 'liquidjs';
import { cleanText } from '../mail/address.ts';
import { canonicalAlready, encodeStatic, encodeValue, joined, type EncodedPiece } from '../mail/transfer.ts';

/** Where a value goes decides how it is escaped. */
export type Target = 'html' | 'text' | 'header';

export interface Locale {
  /** Month and day names. */
  language: string;
  /** For dates, an IANA name. */
  timezone: string;
}

/** A merge field as it stands in a template. */
export interface FieldUse {
  /** `contact.first_name` */
  path: string;
  line: number;
  column: number;
  /** It has a `default`, stands in a condition, or inside a condition upon itself: an empty value leaves no hole. */
  hasFallback: boolean;
}

export type Scope = Record<string, unknown>;

export interface ParsedTemplate {
  fields: FieldUse[];
  /** Throws a `TemplateFault` when a limit is passed. */
  renderText(scope: Scope): string;
  /** The same in quoted-printable, fixed pieces already encoded; always ends at the start of a line. */
  renderEncoded(scope: Scope): EncodedPiece;
}

/** A template that cannot be read or rendered, with its place. */
export class TemplateFault extends Error {
  readonly line: number;
  readonly column: number;

  constructor(message: string, line: number, column: number, cause?: unknown) {
    super(message, { cause });
    this.name = 'TemplateFault';
    this.line = line;
    this.column = column;
  }
}

const TAGS = new Set(
  'if unless case for break continue assign capture comment raw cycle increment decrement echo # liquid'.split(
    ' ',
  ),
);
const FILTERS = new Set(
  (
    'default upcase downcase capitalize append prepend strip lstrip rstrip replace replace_first remove remove_first ' +
    'truncate truncatewords escape escape_once strip_html strip_newlines url_encode date ' +
    'plus minus times divided_by modulo round ceil floor abs at_least at_most ' +
    'size first last join split sort sort_natural uniq map where slice reverse compact concat'
  ).split(' '),
);
/** Bad input 62: a runaway template fails within 200 ms and 16 MB. */
const RENDER_MS = 150;
const RENDER_MEMORY = 2_000_000;
const RENDER_PIECES = 20_000;
const RENDER_CHARACTERS = 4_000_000;
export const LONGEST_TEMPLATE = 2_000_000;

const engines = new Map<string, Liquid>();

function engineFor(target: Target, { language, timezone }: Locale): Liquid {
  const escape = target === 'html';
  const key = `${escape} ${language} ${timezone}`;
  const known = engines.get(key);
  if (known !== undefined) return known;
  const engine = new Liquid({
    templates: {},
    dynamicPartials: false,
    relativeReference: false,
    ownPropertyOnly: true,
    strictFilters: true,
    strictVariables: false,
    locale: language,
    timezoneOffset: timezone,
    parseLimit: LONGEST_TEMPLATE,
    renderLimit: RENDER_MS,
    memoryLimit: RENDER_MEMORY,
    ...(escape ? { outputEscape: 'escape' as const } : {}),
  });
  for (const name of Object.keys(engine.tags)) if (!TAGS.has(name)) delete engine.tags[name];
  for (const name of Object.keys(engine.filters)) if (!FILTERS.has(name)) delete engine.filters[name];
  engine.registerFilter('date', frozenDate);
  engines.set(key, engine);
  return engine;
}

interface FilterThis {
  context: Context;
}

/** `"now" | date` means the date frozen in the fill, not the moment of rendering. */
function frozenDate(this: FilterThis, value: unknown, ...rest: unknown[]): unknown {
  const frozen = (this.context.environments as Scope)['now'];
  const at = value === 'now' || value === 'today' || value === frozen ? new Date(Number(frozen)) : value;
  if (String(rest[0] ?? '').length > 200) return '';
  return (filters['date'] as (...args: unknown[]) => unknown).call(this, at, ...rest);
}

/**
 * Reads a template. Throws a `TemplateFault` with line and column when it is not valid.
 *
 *     parseTemplate('Hi {{ contact.first_name | default: "you" }}', 'text', locale).renderText({ contact: {} })
 */
export function parseTemplate(source: string, target: Target, locale: Locale): ParsedTemplate {
  if (source.length > LONGEST_TEMPLATE)
    throw new TemplateFault('the template is longer than 2 million characters', 1, 1);
  const engine = engineFor(target, locale);
  const nodes = guarded(() => engine.parse(source));
  const fields = guarded(() => fieldUses(engine, nodes));
  precompile(nodes, target === 'html');

  const run = (scope: Scope): unknown[] => {
    const out = new Pieces();
    const context = new Context(scope, engine.options, { sync: true }, { liquid: engine });
    guarded(() => toValueSync(engine.renderer.renderTemplates(nodes, context, out)));
    return out.pieces;
  };
  return {
    fields,
    renderText(scope) {
      const text = run(scope).join('');
      return target === 'header' ? cleanText(text) : text;
    },
    renderEncoded(scope) {
      let whole = canonicalAlready('');
      for (const piece of run(scope)) {
        whole = joined(
          whole,
          piece instanceof Fixed ? piece.encoded : canonicalAlready(encodeValue(piece as string)),
        );
      }
      return whole;
    },
  };
}

/** A fixed piece of a template, encoded when first sent and never again. */
class Fixed {
  readonly text: string;
  #encoded: EncodedPiece | undefined;

  constructor(text: string) {
    this.text = text;
  }

  get encoded(): EncodedPiece {
    return (this.#encoded ??= encodeStatic(this.text));
  }

  /** Inside `capture` it is text like any other. */
  toString(): string {
    return this.text;
  }
}

/** Receives what a rendering writes, piece by piece, and stops it when it does not end. */
class Pieces {
  readonly pieces: (Fixed | string)[] = [];
  readonly buffer = '';
  #characters = 0;

  write(piece: unknown): void {
    if (piece === '' || piece === null || piece === undefined) return;
    const part = piece instanceof Fixed ? piece : Array.isArray(piece) ? piece.join('') : String(piece);
    this.#characters += part instanceof Fixed ? part.text.length : part.length;
    if (this.#characters > RENDER_CHARACTERS || this.pieces.length >= RENDER_PIECES)
      throw new Error('the rendered message is too long');
    this.pieces.push(part);
  }
}

/** Lets every fixed piece write itself instead of its text. */
function precompile(nodes: readonly Template[], escapes: boolean): void {
  for (const node of nodes) {
    if (node.constructor.name === 'HTML') {
      const html = node as Template & { str: string };
      const fixed = new Fixed(html.str);
      html.render = (_context: Context, emitter: { write(piece: unknown): void }) => {
        emitter.write(fixed);
      };
    }
    if (node instanceof Output) shorten(node, escapes);
    precompile(children(node), escapes);
  }
}

/**
 * The way that nearly every output takes: one or two names, at most a `default`, and the value is a text that is there
 * and needs no escaping. It is written without the interpreter; everything else goes through it. Half the rendering time.
 */
function shorten(node: Output, escapes: boolean): void {
  const { initial, filters: applied } = node.value;
  const only =
    initial.postfix.length === 1 ? (initial.postfix[0] as { props?: { content?: unknown }[] }) : undefined;
  const names = only?.props?.map((prop) => prop.content);
  if (names === undefined || names.length === 0 || names.length > 2) return;
  if (!names.every((name) => typeof name === 'string')) return;
  // The last filter of an HTML target is the escape that liquidjs adds.
  const written = escapes ? applied.slice(0, -1) : applied;
  if (written.length > 1 || (written.length === 1 && written[0]!.name !== 'default')) return;
  const [root, leaf] = names as [string, string?];
  const slow = node.render.bind(node);
  node.render = ((context: Context, emitter: { write(piece: unknown): void }) => {
    const { scopes } = context as unknown as { scopes: Scope[] };
    const local = scopes.length > 1 || Object.hasOwn(scopes[0]!, root);
    const environment = context.environments as Scope;
    if (!local && Object.hasOwn(environment, root)) {
      const found = environment[root];
      const value = leaf === undefined ? found : ownText(found, leaf);
      if (typeof value === 'string' && value !== '' && !(escapes && NEEDS_ESCAPE.test(value))) {
        emitter.write(value);
        return undefined;
      }
    }
    return slow(context, emitter as Pieces);
  }) as Output['render'];
}

const NEEDS_ESCAPE = /[&<>"']/;

function ownText(holder: unknown, name: string): unknown {
  return typeof holder === 'object' && holder !== null && Object.hasOwn(holder, name)
    ? (holder as Scope)[name]
    : undefined;
}

function children(node: Template): Template[] {
  return node.children === undefined ? [] : (toValueSync(node.children(false, true)) as Template[]);
}

function fieldUses(engine: Liquid, nodes: Template[]): FieldUse[] {
  const bare = new Set<string>();
  collectBare(engine, nodes, '', bare);
  const uses: FieldUse[] = [];
  for (const variables of Object.values(engine.analyzeSync(nodes, { partials: false }).globals)) {
    for (const variable of variables) {
      const { row: line, col: column } = variable.location;
      const path = variable.segments
        .map((segment) => (typeof segment === 'object' ? '*' : segment))
        .join('.');
      uses.push({ path, line, column, hasFallback: !bare.has(`${line}:${column}`) });
    }
  }
  return uses.sort((a, b) => a.line - b.line || a.column - b.column);
}

/** The places of values that are written as they are: no `default`, no condition upon them around. */
function collectBare(engine: Liquid, nodes: Template[], guards: string, bare: Set<string>): void {
  for (const node of nodes) {
    if (node instanceof Output) {
      if (node.value.filters.some((filter) => filter.name === 'default')) continue;
      const first = Object.values(engine.analyzeSync([node], { partials: false }).variables).flat();
      for (const variable of first) {
        const path = variable.segments.join('.');
        if (!guards.includes(path)) bare.add(`${variable.location.row}:${variable.location.col}`);
      }
    } else {
      collectBare(engine, children(node), `${guards} ${node.token.getText()}`, bare);
    }
  }
}

function guarded<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof TemplateFault) throw error;
    const [line, column] = LiquidError.is(error) ? error.token.getPosition() : [1, 1];
    const words = error instanceof Error ? error.message : String(error);
    throw new TemplateFault(
      words.replace(/,? ?(?:file:.*?)?,? line:\d+, col:\d+$/, ''),
      line!,
      column!,
      error,
    );
  }
}
