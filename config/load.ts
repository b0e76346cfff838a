/**
 * Reads the settings from a YAML file and the environment (which wins), and reports all problems at once: a person who
 * made three mistakes wants to hear of three.
 */
import { existsSync, readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { schema, settings, type Config } from './schema.ts';

export interface ConfigProblem {
  /** `http.port`, or the file itself. */
  setting: string;
  /** Where it was read: the file or the variable. */
  from: string;
  message: string;
}

export class ConfigError extends Error {
  readonly problems: ConfigProblem[];

  constructor(problems: ConfigProblem[]) {
    super(
      `${problems.length === 1 ? 'one problem' : `${problems.length} problems`} in the configuration:\n` +
        problems.map(({ setting, from, message }) => `  ${setting}: ${message} (${from})`).join('\n'),
    );
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

export interface LoadOptions {
  /** YAML file; absent is fine unless it was asked for by name. */
  file?: string | undefined;
  environment?: Record<string, string | undefined>;
  /** Values that win over both (command line, tests, the lab). */
  overrides?: Record<string, unknown>;
}

type Tree = Record<string, unknown>;

/** Loads the whole configuration or throws one `ConfigError` that lists every problem. */
export function loadConfig({ file, environment = process.env, overrides = {} }: LoadOptions = {}): Config {
  const problems: ConfigProblem[] = [];
  const tree: Tree = {};
  const origins = new Map<string, string>();

  if (file !== undefined) merge(tree, readFile(file, problems), [], origins, file);
  for (const setting of settings()) {
    const value = environment[setting.variable];
    if (value === undefined) continue;
    assign(tree, setting.name.split('.'), fromText(value, setting.default));
    origins.set(setting.name, setting.variable);
  }
  for (const variable of Object.keys(environment)) {
    if (!variable.startsWith('PARLEY_') || RESERVED.has(variable)) continue;
    if (!settings().some((setting) => setting.variable === variable)) {
      problems.push({
        setting: variable,
        from: 'environment',
        message: `is not a setting${suggestion(variable)}`,
      });
    }
  }
  merge(tree, overrides, [], origins, 'command line');

  const parsed = schema.safeParse(tree);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const path = issue.path.map(String);
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys) {
          const name = [...path, key].join('.');
          problems.push({
            setting: name,
            from: origins.get(name) ?? file ?? '',
            message: `is not a setting${suggestion(name)}`,
          });
        }
        continue;
      }
      const name = path.join('.');
      problems.push({
        setting: name,
        from: origins.get(name) ?? origins.get(path.slice(0, -1).join('.')) ?? file ?? '',
        message: issue.message,
      });
    }
  }
  if (parsed.success && (parsed.data.tls.certificate === '') !== (parsed.data.tls.key === '')) {
    problems.push({
      setting: 'tls',
      from: origins.get('tls.certificate') ?? origins.get('tls.key') ?? '',
      message: 'needs both certificate and key',
    });
  }
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);
  return parsed.data;
}

/** Variables that are not settings: they must not stand in a file. */
const RESERVED = new Set(['PARLEY_MASTER_KEY', 'PARLEY_CONFIG']);

function readFile(file: string, problems: ConfigProblem[]): Tree {
  if (!existsSync(file)) {
    problems.push({ setting: 'file', from: file, message: 'does not exist' });
    return {};
  }
  const document = parseDocument(readFileSync(file, 'utf8'));
  for (const error of document.errors) {
    problems.push({ setting: 'file', from: file, message: error.message.split('\n')[0] ?? 'is not YAML' });
  }
  const value: unknown = document.errors.length > 0 ? {} : document.toJS();
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    problems.push({ setting: 'file', from: file, message: 'must hold settings by name' });
    return {};
  }
  return value as Tree;
}

function merge(into: Tree, from: Tree, path: string[], origins: Map<string, string>, origin: string): void {
  for (const [key, value] of Object.entries(from)) {
    const name = [...path, key];
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      const child = (into[key] ??= {}) as Tree;
      merge(child, value as Tree, name, origins, origin);
    } else {
      into[key] = value;
      origins.set(name.join('.'), origin);
    }
  }
}

function assign(tree: Tree, path: string[], value: unknown): void {
  const last = path[path.length - 1] as string;
  let at = tree;
  for (const key of path.slice(0, -1)) at = (at[key] ??= {}) as Tree;
  at[last] = value;
}

/** An environment variable is text; the default tells which kind it should become. What does not fit stays text. */
function fromText(text: string, like: unknown): unknown {
  if (typeof like === 'number' && /^-?\d+(\.\d+)?$/.test(text.trim())) return Number(text);
  if (typeof like === 'boolean' && /^(true|false|1|0|on|off)$/i.test(text))
    return /^(true|1|on)$/i.test(text);
  if (Array.isArray(like))
    return text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  return text;
}

function suggestion(name: string): string {
  const wanted = name
    .toLowerCase()
    .replace(/^parley_/, '')
    .replaceAll('_', '.');
  const near = settings()
    .map((setting) => ({ setting, distance: editDistance(wanted, setting.name.replaceAll('_', '.')) }))
    .sort((a, b) => a.distance - b.distance)[0];
  if (near === undefined || near.distance > 4) return '';
  return `; did you mean ${name.startsWith('PARLEY_') ? near.setting.variable : near.setting.name}?`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
