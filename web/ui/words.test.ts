/** Both languages say everything, nothing is left over, and what varies is filled as each language counts. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { routes } from '../contract.ts';
import { view } from '../contract/inbox.ts';
import { role } from '../contract/people.ts';
import { setup, waitReason } from '../contract/sending.ts';
import { campaignState } from '../contract/campaign.ts';
import { suppressionReason } from '../contract/audience.ts';
import { fill, words } from './state/words.svelte.ts';
import { audience } from './words/audience.ts';
import { campaigns } from './words/campaigns.ts';
import { consent } from './words/consent.ts';
import { egress } from './words/egress.ts';
import { forms } from './words/forms.ts';
import { inbox } from './words/inbox.ts';
import { checks } from './words/checks.ts';
import { malware } from './words/malware.ts';
import { order } from './words/order.ts';
import { programs } from './words/programs.ts';
import { reports } from './words/reports.ts';
import { safe } from './words/safe.ts';
import { sending } from './words/sending.ts';
import { settings } from './words/settings.ts';
import { shell } from './words/shell.ts';
import { healthWords } from './words/health.ts';
import { learntWords } from './words/learnt.ts';
import { personaWords } from './words/personas.ts';
import { segmentWords } from './words/segments.ts';
import { ways } from './words/ways.ts';

const catalogues = {
  audience,
  campaigns,
  checks,
  consent,
  egress,
  forms,
  inbox,
  malware,
  order,
  programs,
  reports,
  safe,
  sending,
  settings,
  shell,
  healthWords,
  learntWords,
  personaWords,
  segmentWords,
  ways,
};
const entries = Object.entries(catalogues).flatMap(([name, table]) =>
  Object.entries(table as Record<string, readonly [string, string]>).map(
    ([key, texts]) => [name, key, texts] as const,
  ),
);
const placeholders = (text: string) =>
  [...new Set([...text.matchAll(/\{(\w+)/g)].map((match) => match[1]))].sort();

test('every word exists in both languages, with the same blanks to fill', () => {
  for (const [, key, [en, fr]] of entries) {
    expect(en.trim(), key).not.toBe('');
    expect(fr.trim(), key).not.toBe('');
    expect(placeholders(fr), key).toEqual(placeholders(en));
  }
});

test('no word is defined twice', () => {
  const seen = new Map<string, string>();
  for (const [name, key] of entries) {
    expect(seen.get(key), `${key} in ${name}`).toBeUndefined();
    seen.set(key, name);
  }
});

test('no word is unused', () => {
  const home = import.meta.dirname;
  const source = globSync('**/*.{svelte,ts}', { cwd: home })
    .filter((path) => !/^(words|dist)\/|\.test\.ts$/.test(path))
    .map((path) => readFileSync(join(home, path), 'utf8'))
    .join('\n');
  // A key is named outright, or its beginning is, by `words.word('prefix', …)` and by say(`prefix.${…}`).
  const prefixes = [
    ...source.matchAll(/word\(\s*[`']([\w.]+)[`']/g),
    ...source.matchAll(/`([\w.]+)\.\$\{/g),
  ].map((match) => `${match[1]}.`);
  const unused = entries
    .map(([, key]) => key)
    .filter((key) => !source.includes(`'${key}'`) && !source.includes(`\`${key}\``))
    .filter((key) => !prefixes.some((prefix) => key.startsWith(prefix)));
  expect(unused).toEqual([]);
});

test('every value of the contract that a person reads has its word', () => {
  const wanted: [string, readonly string[]][] = [
    ['view', view.options],
    ['role', role.options],
    ['roleSays', role.options],
    ['wait', waitReason.options],
    ['setup', setup.shape.steps.element.shape.id.options],
    ['campaignState', campaignState.options],
    ['reason', suppressionReason.options],
  ];
  const known = new Set(entries.map(([, key]) => key));
  const missing = wanted.flatMap(([prefix, values]) =>
    values.map((value) => `${prefix}.${value}`).filter((key) => !known.has(key)),
  );
  expect(missing).toEqual([]);
});

test('French keeps its typography: no straight apostrophe, a space before two-part marks', () => {
  for (const [, key, [, fr]] of entries) {
    expect(fr, key).not.toMatch(/'/);
    expect(fr, key).not.toMatch(/\p{L}[?!;»]/u);
    expect(fr, key).not.toMatch(/«\S/);
  }
});

test('blanks are filled, and a number chooses its word as the language counts', () => {
  const check = (text: string, values: Record<string, string | number>, language: 'fr' | 'en', is: string) =>
    expect(fill(text, values, language).replace(/\s/g, ' ')).toBe(is);
  check('Hello {name}', { name: 'Zoé' }, 'en', 'Hello Zoé');
  check('{n} {n|mail|mails}', { n: 1 }, 'en', '1 mail');
  check('{n} {n|mail|mails}', { n: 0 }, 'en', '0 mails');
  check('{n} {n|message|messages}', { n: 0 }, 'fr', '0 message');
  check('{n} {n|message|messages}', { n: 1200 }, 'fr', '1 200 messages');
  check('{missing} stays', {}, 'en', '{missing} stays');
});

test('a value without a word is shown as it is', () => {
  words.language = 'fr';
  expect(words.word('intent', 'question')).toBe('question');
  expect(words.word('wait', 'held')).toBe('Quelqu’un le retient');
  expect(words.word('wait', 'something-new')).toBe('something-new');
  expect(words.word('wait', null)).toBe('');
});

test('times are short and near: an hour today, a word for yesterday, the day before that', () => {
  words.language = 'en';
  const now = new Date(2026, 6, 12, 15, 0).getTime();
  const hour = 3_600_000;
  expect(words.when(now - 2 * hour, now)).toMatch(/1:00|13:00/);
  expect(words.when(now - 24 * hour, now)).toBe('yesterday');
  expect(words.when(now - 72 * hour, now)).toMatch(/9/);
  expect(words.span(45_000)).toMatch(/45/);
  expect(words.span(3 * hour)).toMatch(/3/);
});

test('every call of the interface is a route of the contract', () => {
  const home = import.meta.dirname;
  const known = Object.values(routes).map((route) => new RegExp(`^${route.path.replace(/:\w+/g, '[^/]+')}$`));
  const unknown = globSync('**/*.{svelte,ts}', { cwd: home })
    .filter((path) => !/^dist\/|\.test\.ts$/.test(path))
    .flatMap((path) => [...readFileSync(join(home, path), 'utf8').matchAll(/[`'"](\/api\/[^`'"?\s]*)/g)])
    .map((match) => (match[1] as string).replace(/\$?\{[^}]*\}/g, '7'))
    // What ends in a blank is completed elsewhere.
    .filter((path) => !known.some((route) => route.test(path)) && !path.endsWith('/7'));
  expect(unknown).toEqual([]);
});
