/**
 * Parley as the lab meets it: a process of its own, started like a person would start it, spoken to through its ports.
 * Demo, crash run and end-to-end tests drive it with this.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';

export interface ParleyOptions {
  dataDir: string;
  /** Settings by variable name, without the PARLEY_ prefix. */
  settings: Record<string, string | number>;
  /** More of its environment, as it is. */
  environment?: NodeJS.ProcessEnv;
  /** Nothing of this process's own settings: it must not find the way to another installation. */
  alone?: boolean;
  /** Where its log lines go; dropped when absent. */
  onLog?: (line: LogLine) => void;
}

export interface LogLine {
  level: string;
  event: string;
  [field: string]: unknown;
}

export interface RunningParley {
  url: string;
  httpPort: number;
  inboundPort: number;
  process: ChildProcess;
  /** The one-time link of a first run, when there was one. */
  ownerLink: string | undefined;
  /** SIGTERM, and wait for its end. */
  stop(): Promise<number | null>;
  /** SIGKILL, and wait for its end. */
  kill(): Promise<void>;
}

const home = join(import.meta.dirname, '..');
const START_LIMIT_MS = 60_000;

/** Starts `parley serve` and resolves when its roles are up. */
export async function startParley({
  dataDir,
  settings,
  environment: more,
  alone = false,
  onLog,
}: ParleyOptions): Promise<RunningParley> {
  const httpPort = Number(settings['HTTP_PORT'] ?? (await freePort()));
  const inboundPort = Number(settings['INBOUND_PORT'] ?? (await freePort()));
  const environment: NodeJS.ProcessEnv = {
    ...Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !alone || !name.startsWith('PARLEY_')),
    ),
    ...more,
    UV_THREADPOOL_SIZE: process.env['UV_THREADPOOL_SIZE'] ?? '8',
    PARLEY_DATA_DIR: dataDir,
    PARLEY_HTTP_PORT: String(httpPort),
    PARLEY_INBOUND_PORT: String(inboundPort),
  };
  for (const [name, value] of Object.entries(settings)) environment[`PARLEY_${name}`] = String(value);
  const child = spawn(process.execPath, ['--max-semi-space-size=64', join(home, 'main.ts'), 'serve'], {
    cwd: home,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let ownerLink: string | undefined;
  const lastLines: string[] = [];
  const read = (text: string) => {
    lastLines.push(text);
    if (lastLines.length > 20) lastLines.shift();
    ownerLink ??= /https?:\/\/\S+\/welcome\?token=[\w-]+/.exec(text)?.[0];
    if (onLog !== undefined && text.startsWith('{')) onLog(JSON.parse(text) as LogLine);
  };
  lines(child.stdout as NodeJS.ReadableStream, read);
  lines(child.stderr as NodeJS.ReadableStream, read);
  await new Promise<void>((resolve, reject) => {
    const limit = setTimeout(() => fail('did not start in time'), START_LIMIT_MS);
    const fail = (why: string) => {
      clearTimeout(limit);
      child.kill('SIGKILL');
      reject(new Error(`parley ${why}; its last words:\n${lastLines.join('\n')}`));
    };
    child.once('exit', (code) => fail(`ended with ${code} while starting`));
    child.on('message', (message: { kind?: string }) => {
      if (message.kind !== 'ready') return;
      clearTimeout(limit);
      child.removeAllListeners('exit');
      resolve();
    });
  });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  return {
    url: `http://127.0.0.1:${httpPort}`,
    httpPort,
    inboundPort,
    process: child,
    get ownerLink() {
      return ownerLink;
    },
    stop: async () => {
      child.kill('SIGTERM');
      return (await ended)[0];
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function lines(stream: NodeJS.ReadableStream, read: (line: string) => void): void {
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part !== '') read(part);
  });
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** What the server answered when it was not what the caller could use. */
export class ApiError extends Error {
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, path: string, body: unknown) {
    super(`${path} answered ${status}: ${JSON.stringify(body).slice(0, 500)}`);
    this.name = 'ApiError';
    this.status = status;
    this.body = body;
  }
}

/** A person's browser, reduced to what the API needs: a cookie and the token against forged requests. */
export class ApiClient {
  readonly url: string;
  #cookie = '';
  #csrf = '';

  constructor(url: string) {
    this.url = url;
  }

  async call<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const isText = typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(this.url + path, {
      method,
      headers: {
        origin: this.url,
        cookie: this.#cookie,
        'x-csrf-token': this.#csrf,
        ...(body === undefined ? {} : { 'content-type': isText ? 'text/csv' : 'application/json' }),
      },
      ...(body === undefined ? {} : { body: isText ? (body as string) : JSON.stringify(body) }),
    });
    const set = response.headers.getSetCookie().map((cookie) => cookie.split(';')[0] as string);
    if (set.length > 0) this.#cookie = set.join('; ');
    const text = await response.text();
    const answer: unknown = response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text;
    if (!response.ok) throw new ApiError(response.status, `${method} ${path}`, answer);
    const csrf = (answer as { csrf?: unknown } | null)?.csrf;
    if (typeof csrf === 'string') this.#csrf = csrf;
    return answer as T;
  }

  get = <T = unknown>(path: string): Promise<T> => this.call('GET', path);
  post = <T = unknown>(path: string, body: unknown = {}): Promise<T> => this.call('POST', path, body);
}

/** One message by SMTP, without a second try: only a 250 to the dot counts. */
export function sendOnce(
  port: number,
  mail: { from: string; to: string; raw: Buffer },
): Promise<'accepted' | 'not'> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    const steps = [
      'EHLO crash.example',
      `MAIL FROM:<${mail.from}>`,
      `RCPT TO:<${mail.to}>`,
      'DATA',
      `${mail.raw.toString()}.`,
    ];
    let step = 0;
    let text = '';
    const end = (outcome: 'accepted' | 'not') => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(20_000, () => end('not'));
    socket.on('error', () => end('not'));
    socket.on('close', () => end('not'));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const done = /^(\d{3}) .*\r\n$/m.exec(text);
      if (done === null || !text.endsWith('\r\n')) return;
      text = '';
      if (!/^[23]/.test(done[1] as string)) return end('not');
      if (step === steps.length) return end('accepted');
      socket.write(`${steps[step++] as string}\r\n`);
    });
  });
}
