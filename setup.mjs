/**
 * Makes a fresh clone ready and then runs a command in it: the right Node (from the npm package `node`, below
 * .runtime/), the dependencies by lockfile, the built interface. Plain JavaScript without dependencies, for Node 20 and
 * newer. What is already there is not done again.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_VERSION = '24.21.0';
const home = dirname(fileURLToPath(import.meta.url));
const runtimeNode = join(home, '.runtime', 'node_modules', 'node', 'bin', 'node');
const stampFile = join(home, 'node_modules', '.parley-setup');

const [command, ...rest] = process.argv.slice(2);
const quiet = command === 'parley' || command === 'bench';

const commands = {
  demo: () => parley('demo', ...rest),
  start: () => parley('serve', ...rest),
  parley: () => parley(...rest),
  bench: () => parley('bench', ...rest),
  crash: () => parley('crash', ...rest),
  test: () => test(),
};

if (!(command in commands)) {
  console.error(`setup: unknown command ${command ?? ''}; one of ${Object.keys(commands).join(', ')}`);
  process.exit(2);
}
try {
  const node = ensureNode();
  const environment = environmentFor(node);
  ensureDependencies(environment);
  if (command !== 'test') ensureInterface(environment);
  process.exitCode = await commands[command]();
} catch (error) {
  console.error(`setup: ${error.message}`);
  process.exitCode = 1;
}

/** Node 24.12 runs TypeScript as it is; an older one gets a newer beside it. */
function ensureNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 24 || (major === 24 && minor >= 12)) return process.execPath;
  if (!existsSync(runtimeNode)) {
    say(
      `Node ${process.versions.node} is too old for Parley: fetching Node ${NODE_VERSION} from npm, for this folder only`,
    );
    mkdirSync(join(home, '.runtime'), { recursive: true });
    npm(
      [
        'install',
        '--prefix',
        join(home, '.runtime'),
        '--no-save',
        '--no-package-lock',
        `node@${NODE_VERSION}`,
      ],
      process.env,
    );
    if (!existsSync(runtimeNode))
      throw new Error(`npm did not bring Node ${NODE_VERSION}. Install Node 24 and try again`);
  }
  return runtimeNode;
}

/** The thread pool carries RSA signatures, SQLite and DNS at once; libuv's default of 4 is too few. */
function environmentFor(node) {
  return {
    ...process.env,
    PATH: [dirname(node), join(home, 'node_modules', '.bin'), process.env.PATH].join(
      process.platform === 'win32' ? ';' : ':',
    ),
    UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE ?? String(Math.max(8, availableParallelism() * 2)),
    NODE_NO_WARNINGS: '1',
  };
}

function ensureDependencies(environment) {
  const wanted = hash([join(home, 'package-lock.json')]);
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return;
  say('Installing what Parley needs, by its lockfile (a minute or two the first time)');
  npm(['ci', '--no-audit', '--no-fund', '--loglevel=error'], environment);
  if (!existsSync(join(home, 'node_modules', 'sqlite3', 'build', 'Release', 'node_sqlite3.node'))) {
    console.warn(
      'note: the optional native sqlite3 module could not be built here; Parley runs on the SQLite inside Node',
    );
  }
  writeFileSync(stampFile, wanted);
}

/** The interface is built when its sources changed. */
function ensureInterface(environment) {
  const dist = join(home, 'web', 'ui', 'dist');
  const stamp = join(dist, '.sources');
  const wanted = hash([
    ...filesBelow(join(home, 'web', 'ui'), ['dist']),
    join(home, 'web', 'contract.ts'),
    join(home, 'vite.config.ts'),
  ]);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('Building the web interface');
  const built = spawnSync('vite', ['build', '--logLevel', 'warn'], {
    cwd: home,
    env: environment,
    stdio: quiet ? ['ignore', 2, 2] : 'inherit',
  });
  if (built.status !== 0) throw new Error('the web interface could not be built');
  writeFileSync(stamp, wanted);
}

function hash(files) {
  const sum = createHash('sha256').update(NODE_VERSION);
  for (const file of files.filter((path) => existsSync(path)).sort())
    sum.update(file.slice(home.length)).update(readFileSync(file));
  return sum.digest('hex');
}

function filesBelow(folder, except) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !except.includes(entry.name))
    .flatMap((entry) =>
      entry.isDirectory() ? filesBelow(join(folder, entry.name), []) : [join(folder, entry.name)],
    );
}

function npm(words, environment) {
  const done = spawnSync('npm', words, {
    cwd: home,
    env: environment,
    stdio: quiet ? ['ignore', 2, 2] : ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (done.error) throw new Error(`npm could not be run: ${done.error.message}`);
  if (done.status !== 0) throw new Error(`npm ${words[0]} failed; its own words are above`);
}

/** A larger nursery: messages in the making die young, and a tenth of the processor's time is not spent on copying them. */
function parley(...words) {
  return run(ensureNode(), ['--max-semi-space-size=64', join(home, 'main.ts'), ...words]);
}

/** Every check, in the order in which a mistake is cheapest to find. Ends with one plain line of counts. */
async function test() {
  const only = rest.filter((word) => !word.startsWith('-'));
  const steps =
    only.length > 0
      ? []
      : [
          ['types', 'tsc', ['--noEmit']],
          [
            'types of the interface',
            'svelte-check',
            ['--tsconfig', 'web/ui/tsconfig.json', '--fail-on-warnings', '--output', 'human'],
          ],
          ['lint', 'oxlint', ['--deny-warnings', '.']],
          ['format', 'prettier', ['--check', '--log-level', 'warn', '.']],
        ];
  let passed = 0;
  let failed = 0;
  for (const [name, tool, words] of steps) {
    const began = Date.now();
    const code = await run(tool, words);
    say(`${code === 0 ? 'ok' : 'FAILED'}: ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    if (code === 0) passed++;
    else failed++;
  }
  ensureInterface(environmentFor(ensureNode()));
  const results = join(tmpdir(), `parley-tests-${process.pid}.json`);
  const code = await run('vitest', [
    'run',
    ...rest,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${results}`,
  ]);
  const counts = existsSync(results)
    ? JSON.parse(readFileSync(results, 'utf8'))
    : { numPassedTests: 0, numFailedTests: 1, numPendingTests: 0 };
  passed += counts.numPassedTests;
  failed += counts.numFailedTests || (code === 0 ? 0 : 1);
  if (counts.numPassedTests === 0) failed++;
  console.log(`${passed} passed, ${failed} failed, ${counts.numPendingTests} skipped`);
  return failed === 0 && code === 0 ? 0 : 1;
}

/** Runs to the end with our input and output; signals go to the child, which ends in its own order. */
function run(program, words) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, {
      cwd: process.cwd(),
      env: environmentFor(ensureNode()),
      stdio: 'inherit',
    });
    const forward = (signal) => child.kill(signal);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward);
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(name, forward);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1));
    });
  });
}

function say(text) {
  if (!quiet) console.log(text);
}
