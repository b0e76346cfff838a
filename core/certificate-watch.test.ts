import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { CertificateWatch } from './certificate-watch.ts';
import { manualClock } from './clock.ts';
import { silentLog } from './log.ts';
import { selfSigned } from './tls.ts';

test('renewed files reach those who use them; half a renewal does not', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'parley-cert-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const certificate = join(directory, 'mx.crt');
  const key = join(directory, 'mx.key');
  const first = await selfSigned('mx.shop.example', Date.now());
  const second = await selfSigned('mx.shop.example', Date.now());
  writeFileSync(certificate, first.cert);
  writeFileSync(key, first.key);
  const clock = manualClock();
  const options = {
    certificate,
    key,
    dataDir: directory,
    hostname: 'mx.shop.example',
    clock,
    log: silentLog,
  };
  const watch = await CertificateWatch.open(options);
  onTestFinished(() => watch.stop());
  const seen: string[] = [];
  watch.onRenewal((renewed) => seen.push(renewed.cert));
  await watch.look();
  writeFileSync(certificate, second.cert);
  await watch.look();
  expect(seen).toEqual([]);
  expect(watch.now.cert).toBe(first.cert);
  writeFileSync(key, second.key);
  await watch.look();
  expect(seen).toEqual([second.cert]);
  writeFileSync(key, first.key);
  await expect(CertificateWatch.open(options)).rejects.toThrow('do not belong together');
});
