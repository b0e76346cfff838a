import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ConfigError, loadConfig } from './load.ts';
import { settings } from './schema.ts';

function fileWith(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'parley-config-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'parley.yaml');
  writeFileSync(path, text);
  return path;
}

function problemsOf(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError)
      return error.problems.map((problem) => `${problem.setting}: ${problem.message}`);
    throw error;
  }
  return [];
}

test('without a file every setting has its default', () => {
  const config = loadConfig({ environment: {} });
  expect(config.inbound.port).toBe(25);
  expect(config.mta.allow_private_targets).toBe(false);
});

test('the environment wins over the file, and text becomes what the setting is', () => {
  const file = fileWith('http:\n  port: 9000\ndns:\n  servers: [192.0.2.1]\n');
  const config = loadConfig({
    file,
    environment: {
      PARLEY_HTTP_PORT: '9001',
      PARLEY_MTA_ALLOW_PRIVATE_TARGETS: 'true',
      PARLEY_DNS_SERVERS: '127.0.0.1:53, ::1',
    },
  });
  expect(config.http.port).toBe(9001);
  expect(config.mta.allow_private_targets).toBe(true);
  expect(config.dns.servers).toEqual(['127.0.0.1:53', '::1']);
});

test('three mistakes are reported at once, each with its place and the nearest right name', () => {
  const file = fileWith('http:\n  port: 99999\n  hots: 0.0.0.0\ndatabase:\n  url: mysql://x\n');
  const problems = problemsOf(() => loadConfig({ file, environment: { PARLEY_HTPP_PORT: '1' } }));
  expect(problems).toHaveLength(4);
  expect(problems.join('\n')).toMatch(/http\.port: /);
  expect(problems.join('\n')).toMatch(/http\.hots: is not a setting; did you mean http\.host\?/);
  expect(problems.join('\n')).toMatch(/database\.url: must be empty, sqlite:PATH or postgres/);
  expect(problems.join('\n')).toMatch(/PARLEY_HTPP_PORT: is not a setting; did you mean PARLEY_HTTP_PORT\?/);
});

test.each([
  ['a file that is not there', undefined, /does not exist/],
  ['a file that is not YAML', 'http: [', /flow|YAML|collection/i],
  ['a file that holds a list', '- a\n- b\n', /must hold settings by name/],
  ['a certificate without its key', 'tls:\n  certificate: /tmp/x.pem\n', /needs both certificate and key/],
  ['a master key in the file', 'master_key: abc\n', /is not a setting/],
])('%s is a clear error', (_name, text, expected) => {
  const file = text === undefined ? '/nonexistent/parley.yaml' : fileWith(text);
  expect(problemsOf(() => loadConfig({ file, environment: {} })).join('\n')).toMatch(expected);
});

test('every setting has a sentence that ends, and a variable of its own', () => {
  const all = settings();
  expect(all.length).toBeGreaterThan(25);
  expect(
    all
      .filter((setting) => !/^[A-Z].*\.$/s.test(setting.sentence) && !/\)\.?$/.test(setting.sentence))
      .map((setting) => setting.name),
  ).toEqual([]);
  expect(new Set(all.map((setting) => setting.variable)).size).toBe(all.length);
});
