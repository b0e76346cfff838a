/**
 * A real browser for tests and for looking: Chromium from the npm registry. As root it runs without its own sandbox; the
 * libraries that a bare machine lacks come with the package.
 */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { chromium as playwright, type Browser } from 'playwright-core';

export async function launchBrowser(): Promise<Browser> {
  // The package unpacks its libraries only where it believes to be on a Lambda of this generation.
  process.env['AWS_EXECUTION_ENV'] ??= 'AWS_Lambda_nodejs22.x';
  const { default: chromium, inflate } =
    (await import('@sparticuz/chromium')) as typeof import('@sparticuz/chromium') & {
      inflate?: (path: string) => Promise<string>;
    };
  const executablePath = await chromium.executablePath();
  const libraries = await unpackLibraries(inflate);
  // The package's flags are for scraping: a test of our own security needs the browser's whole.
  return playwright.launch({
    executablePath,
    headless: true,
    args: [
      ...chromium.args.filter(
        (arg) =>
          !/single-process|zygote|user-data-dir|headless|web-security|insecure|site-isolation/.test(arg),
      ),
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--hide-scrollbars',
    ],
    env: {
      ...process.env,
      LD_LIBRARY_PATH: [libraries, process.env['LD_LIBRARY_PATH']].filter(Boolean).join(':'),
    },
  });
}

async function unpackLibraries(inflate?: (path: string) => Promise<string>): Promise<string> {
  const target = join(tmpdir(), 'al2023', 'lib');
  if (existsSync(target) || inflate === undefined) return target;
  const bin = join(dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium')), '..', '..', 'bin');
  const archive = readdirSync(bin).find((name) => name.startsWith('al2023'));
  if (archive !== undefined) await inflate(join(bin, archive));
  return target;
}
