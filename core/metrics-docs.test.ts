/** docs/metrics.md lists what the code counts, no more and no less. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const home = join(import.meta.dirname, '..');

function namesInCode(): string[] {
  const names = new Set<string>();
  for (const house of ['core', 'mta', 'inbound', 'web']) {
    for (const entry of readdirSync(join(home, house), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/(?<!\.test)\.ts$/.test(entry.name) || /\/dist\b/.test(entry.parentPath))
        continue;
      const text = readFileSync(join(entry.parentPath, entry.name), 'utf8');
      for (const [, verb, name] of text.matchAll(/\b(?:metrics\.)?(count|gauge|observe)\(\s*'([a-z_]+)'/g))
        names.add(`parley_${name}${verb === 'observe' ? '_seconds' : ''}`);
    }
  }
  return [...names].sort();
}

test('every metric is documented, and every documented one is counted', () => {
  const documented = [...readFileSync(join(home, 'docs', 'metrics.md'), 'utf8').matchAll(/^\| `(\w+)`/gm)];
  expect(documented.map((match) => match[1]).toSorted()).toEqual(namesInCode());
});
