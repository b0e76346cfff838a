import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { loadConfig } from '../config/load.ts';
import { silentLog } from '../core/log.ts';
import { startRuntime } from '../core/start.ts';
import { brands } from '../core/store/identity.ts';
import { web } from './service.ts';

async function role() {
  const directory = mkdtempSync(join(tmpdir(), 'parley-web-'));
  const config = loadConfig({
    environment: {},
    overrides: { data_dir: directory, database: { driver: 'node:sqlite' }, http: { port: 0 } },
  });
  const rt = await startRuntime(config, silentLog, { exclusive: false });
  onTestFinished(async () => {
    await rt.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { rt, web: web(rt) };
}

test('a first start listens, makes a brand, and prints a link that makes the owner', async () => {
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const { rt, web } = await role();
  await web.start();
  const said = written.mock.calls.map(([text]) => String(text)).join('');
  written.mockRestore();
  const link = /http:\/\/127\.0\.0\.1:(\d+)\/welcome\?token=([\w-]+)/.exec(said);
  expect(Number(link?.[1])).toBe(web.port);
  expect(await brands(rt.store.read)).toHaveLength(1);
  const look = await fetch(`http://127.0.0.1:${web.port}/api/welcome/look`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: `http://127.0.0.1:${web.port}` },
    body: JSON.stringify({ token: link?.[2] }),
  });
  expect(look.status).toBe(200);
  await web.stop();
  await expect(fetch(`http://127.0.0.1:${web.port}/health`)).rejects.toThrow();
});

test('a port that is taken is told in plain words', async () => {
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const first = await role();
  await first.web.start();
  const second = await role();
  const taken = web({
    ...second.rt,
    config: { ...second.rt.config, http: { ...second.rt.config.http, port: first.web.port } },
  });
  await expect(taken.start()).rejects.toThrow(/is in use/);
  await first.web.stop();
  written.mockRestore();
});
