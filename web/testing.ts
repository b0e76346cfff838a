/** For tests of the web house: a real server on a free port, a real store, and a browser reduced to a cookie and a token. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { loadConfig } from '../config/load.ts';
import { manualClock, type ManualClock } from '../core/clock.ts';
import { silentLog } from '../core/log.ts';
import { startRuntime, type Started } from '../core/start.ts';
import { createCounter, type HitCounter } from '../core/tracking/counter.ts';
import type { Role } from '../core/store/tables.ts';
import { addUser, userByEmail } from '../core/store/user.ts';
import { createApp } from './app.ts';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beginSession } from './http/auth.ts';
import { hashPassword } from './http/password.ts';
import { endStreams } from './api/stream.ts';

export interface TestServer {
  url: string;
  rt: Started;
  clock: ManualClock;
  /** Counts opens and clicks, at its own pace alone when told. */
  counter: HitCounter;
  /** A browser in which nobody is signed in. */
  browser(): Browser;
  /** A browser in which somebody with this role is signed in. */
  as(role: Role): Promise<Browser>;
}

export const PASSWORD = 'correct horse battery';
let passwordHash: Promise<string> | undefined;

export async function startWeb(overrides: Record<string, unknown> = {}): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), 'parley-web-'));
  const clock = manualClock();
  const config = loadConfig({
    environment: {},
    overrides: {
      data_dir: directory,
      database: { driver: 'node:sqlite', connections: 2 },
      // Nobody answers there, and at once: no test waits for a name server of the world.
      dns: { servers: ['127.0.0.1:9'], timeout_ms: 100 },
      http: { port: 0 },
      inbound: { port: 0 },
      ...overrides,
    },
  });
  const rt = await startRuntime(config, silentLog, { exclusive: false, clock });
  const counter = createCounter(rt);
  const server = createServer(
    { maxHeaderSize: 16 * 1024 },
    createApp(rt, { dist: join(directory, 'dist'), counter }).callback(),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(async () => {
    endStreams();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rt.close();
    rmSync(directory, { recursive: true, force: true });
  });
  let people = 0;
  return {
    url,
    rt,
    clock,
    counter,
    browser: () => new Browser(url),
    async as(role) {
      const hash = await (passwordHash ??= hashPassword(PASSWORD));
      const email = `${role}${++people}@staff.example`;
      await rt.store.write((tx) =>
        addUser(tx, {
          email,
          name: `The ${role}`,
          password_hash: hash,
          role,
          language: 'en',
          theme: 'system',
          created_at: clock.now(),
          disabled_at: null,
        }),
      );
      const browser = new Browser(url);
      const { token, csrf } = await rt.store.write(async (tx) => {
        const user = await userByEmail(tx, email);
        return beginSession(tx, user?.id ?? 0, { ip: '127.0.0.1', agent: 'test' }, clock.now());
      });
      browser.cookie = `parley=${token}`;
      browser.csrf = csrf;
      return browser;
    },
  };
}

export interface Reply<T> {
  status: number;
  headers: Headers;
  body: T;
}

export class Browser {
  readonly url: string;
  cookie = '';
  csrf = '';

  constructor(url: string) {
    this.url = url;
  }

  // oxlint-disable-next-line no-explicit-any
  async call<T = any>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Reply<T>> {
    const response = await fetch(this.url + path, {
      method,
      redirect: 'manual',
      headers: {
        origin: this.url,
        ...(this.cookie !== '' && { cookie: this.cookie }),
        ...(this.csrf !== '' && { 'x-csrf-token': this.csrf }),
        ...(body !== undefined && typeof body !== 'string' && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const cookies = response.headers.getSetCookie();
    if (cookies.length > 0) this.cookie = cookies.map((cookie) => cookie.split(';')[0]).join('; ');
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    const answer = (isJson ? JSON.parse(text) : text) as T;
    const csrf = (answer as { csrf?: unknown } | null)?.csrf;
    if (typeof csrf === 'string') this.csrf = csrf;
    return { status: response.status, headers: response.headers, body: answer };
  }

  // oxlint-disable-next-line no-explicit-any
  get = <T = any>(path: string, headers?: Record<string, string>): Promise<Reply<T>> =>
    this.call<T>('GET', path, undefined, headers);
  // oxlint-disable-next-line no-explicit-any
  post = <T = any>(path: string, body: unknown = {}, headers?: Record<string, string>): Promise<Reply<T>> =>
    this.call<T>('POST', path, body, headers);
}
