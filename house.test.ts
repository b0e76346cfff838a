/** The dependency rule of the house, read from the imports: config <- core <- mta | inbound | web <- main.ts. */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const home = import.meta.dirname;
const houses = ['config', 'core', 'mta', 'inbound', 'web', 'lab'];

/** What each house may import, itself included. */
const allowed: Record<string, string[]> = {
  config: ['config'],
  core: ['config', 'core'],
  mta: ['config', 'core', 'mta'],
  inbound: ['config', 'core', 'inbound'],
  web: ['config', 'core', 'web'],
};

interface Import {
  from: string;
  to: string;
  isType: boolean;
}

const sources = houses.flatMap((house) => filesBelow(join(home, house))).concat(join(home, 'main.ts'));

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'dist' ? [] : filesBelow(path);
    return /\.(ts|svelte)$/.test(entry.name) ? [path] : [];
  });
}

function importsOf(path: string): Import[] {
  const text = readFileSync(path, 'utf8');
  const found: Import[] = [];
  for (const match of text.matchAll(
    /\b(?:import|export)\s+(type\s+)?[^'";]*?from\s+['"]([^'"]+)['"]|import\s*\(\s*['"]([^'"]+)['"]|^import\s+['"]([^'"]+)['"]/gm,
  )) {
    const target = match[2] ?? match[3] ?? match[4] ?? '';
    if (!target.startsWith('.')) continue;
    found.push({
      from: relative(home, path),
      to: relative(home, resolve(dirname(path), target)),
      isType: match[1] !== undefined,
    });
  }
  return found;
}

const houseOf = (path: string) => path.split('/')[0] as string;
const isTest = (path: string) => /\.test\.ts$|testing\.ts$|vitest-setup\.ts$/.test(path);
const all = sources.flatMap(importsOf);

test('a house imports only what stands below it', () => {
  const broken = all.filter(({ from, to }) => {
    const house = houseOf(from);
    if (from === 'main.ts' || house === 'lab' || isTest(from)) return false;
    return !allowed[house]?.includes(houseOf(to));
  });
  expect(broken).toEqual([]);
});

test('the world of the lab speaks to the program through ports: only its tests, demo, rehearsal, crash and fault runs and benchmarks import a house', () => {
  const mayImportHouses = /^lab\/(demo|office|crash|bench|rehearse|faults)[^/]*\.ts$/;
  const broken = all.filter(
    ({ from, to }) =>
      houseOf(from) === 'lab' &&
      !isTest(from) &&
      !mayImportHouses.test(from) &&
      ['mta', 'inbound', 'web'].includes(houseOf(to)),
  );
  expect(broken).toEqual([]);
});

test('nothing imports the lab but tests and main.ts, which loads it when asked', () => {
  const broken = all.filter(
    ({ from, to }) => houseOf(to) === 'lab' && houseOf(from) !== 'lab' && from !== 'main.ts' && !isTest(from),
  );
  expect(broken).toEqual([]);
});

test('the interface imports types from the contract alone', () => {
  const broken = all.filter(
    ({ from, to, isType }) =>
      from.startsWith('web/ui/') &&
      !to.startsWith('web/ui/') &&
      !isTest(from) &&
      !(to === 'web/contract.ts' && isType),
  );
  expect(broken).toEqual([]);
});

test('at most two folders below the top, and no file or folder named for nothing', () => {
  const paths = sources.map((path) => relative(home, path));
  expect(paths.filter((path) => path.split('/').length > 4)).toEqual([]);
  expect(paths.filter((path) => /(^|\/)(utils?|helpers?|common|misc|types)(\.ts|\/)/.test(path))).toEqual([]);
});

test('every file opens with what it is for', () => {
  const silent = sources.filter(
    (path) => path.endsWith('.ts') && !isTest(path) && !/^(\/\*\*|\/\/|#!)/.test(readFileSync(path, 'utf8')),
  );
  expect(silent.map((path) => relative(home, path))).toEqual([]);
});
