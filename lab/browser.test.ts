/**
 * The application in a real browser, as a first user meets it: the one-time link, the rooms, a mail that arrives while one
 * looks, an answer by keyboard. Hostile HTML is shown, and asks nobody for anything.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { OWNER, until } from './office.ts';
import { ApiClient, sendOnce, startParley, type RunningParley } from './parley.ts';

let parley: RunningParley;
let browser: Browser;
let page: Page;
const dataDir = mkdtempSync(join(tmpdir(), 'parley-browser-'));
const troubles: string[] = [];
const strangers: string[] = [];

beforeAll(async () => {
  parley = await startParley({
    dataDir,
    // A resolver that answers nobody: no test may leave this machine.
    settings: {
      LOG_LEVEL: 'error',
      INBOUND_HOST: '127.0.0.1',
      DNS_SERVERS: '127.0.0.1:9',
      DNS_TIMEOUT_MS: 100,
    },
  });
  browser = await launchBrowser();
  const context = await browser.newContext({ locale: 'fr-FR', viewport: { width: 1440, height: 900 } });
  page = await context.newPage();
  page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
  page.on('pageerror', (error) => troubles.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(parley.url) && !/^(data|about|blob):/.test(request.url()))
      strangers.push(request.url());
  });
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await parley?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

test('the first person becomes the owner by the one-time link, which works once', async () => {
  const link = parley.ownerLink ?? '';
  await page.goto(link);
  await page.getByLabel('Votre nom').fill(OWNER.name);
  await page.getByLabel('Adresse e-mail').fill(OWNER.email);
  await page.getByLabel('Mot de passe').fill(OWNER.password);
  await page.getByRole('button', { name: 'Commencer' }).click();
  await page.getByRole('link', { name: 'Toutes ouvertes' }).waitFor();
  const again = await new ApiClient(parley.url)
    .post('/api/welcome', { token: new URL(link).searchParams.get('token'), ...OWNER, language: 'fr' })
    .catch((error: Error) => error.message);
  expect(String(again)).toMatch(/answered 4\d\d/);
});

test.each([
  '/inbox',
  '/audience',
  '/audience/segments',
  '/audience/lists',
  '/audience/imports',
  '/audience/suppressions',
  '/campaigns',
  '/sending',
  '/sending/domains',
  '/settings',
])('an empty %s opens without an error, and axe finds nothing serious in it', async (path) => {
  troubles.length = 0;
  await page.goto(parley.url + path);
  await page.locator('main#content').waitFor();
  await page.waitForLoadState('load');
  await page.locator('main#content').getByRole('status').waitFor({ state: 'detached' });
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter((one) => one.impact === 'serious' || one.impact === 'critical');
  expect(
    serious.map(
      (one) =>
        `${one.id}: ${one.nodes
          .map((node) => node.html)
          .join(' | ')
          .slice(0, 300)}`,
    ),
  ).toEqual([]);
  expect(troubles).toEqual([]);
});

const HOSTILE = [
  '<p>Bonjour, est-ce que la robe bleue existe en 40 ?</p>',
  '<script>fetch("https://evil.example/script")</script>',
  '<img src="https://evil.example/pixel.gif" srcset="https://evil.example/2x.gif 2x" onerror="fetch(\'https://evil.example/onerror\')">',
  '<div style="background:url(https://evil.example/css);position:fixed;inset:0">x</div>',
  '<link rel="stylesheet" href="https://evil.example/style.css"><meta http-equiv="refresh" content="0;url=https://evil.example/go">',
  '<svg><style><img src=x onerror=alert(1)></style></svg><base href="https://evil.example/"><form action="https://evil.example/form"><button>ok</button></form>',
  '<iframe src="https://evil.example/frame"></iframe><video poster="https://evil.example/poster"></video>',
].join('\r\n');

test('a mail appears while one looks, its hostile HTML asks nobody for anything, and it is answered by keyboard', async () => {
  const api = new ApiClient(parley.url);
  await api.get('/api/session');
  await api.post('/api/login', { email: OWNER.email, password: OWNER.password });
  await api.post('/api/domains', { name: 'colombe.example' });
  await api.post('/api/mailboxes', { name: 'Service client', address: 'bonjour@colombe.example' });
  await page.goto(`${parley.url}/inbox/all`);
  await page.getByText('Rien n’attend ici').waitFor();
  const raw = [
    'From: Julie Martin <julie@client.example>',
    'To: bonjour@colombe.example',
    'Message-ID: <browser-1@client.example>',
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    'Subject: Une question',
    'MIME-Version: 1.0',
    'Content-Type: text/html; charset=utf-8',
    '',
    HOSTILE,
    '',
  ].join('\r\n');
  expect(
    await sendOnce(parley.inboundPort, {
      from: 'julie@client.example',
      to: 'bonjour@colombe.example',
      raw: Buffer.from(raw),
    }),
  ).toBe('accepted');
  strangers.length = 0;
  await page.getByRole('link', { name: /Une question/ }).click();
  await page.getByRole('button', { name: 'Telle quelle' }).click();
  const frame = page.frameLocator('iframe[title^="Message de"]');
  await frame.getByText('la robe bleue existe en 40').waitFor();
  await page.waitForLoadState('networkidle');
  expect(strangers).toEqual([]);
  await page.locator('body').press('r');
  await page.getByRole('textbox', { name: 'Écrivez votre réponse…' }).fill('Oui, en 40 aussi.');
  await page.keyboard.press('Control+Enter');
  await page.locator('article.out').getByText('Oui, en 40 aussi.').waitFor();
  const conversation = await until(
    'the answer to be in the queue',
    async () => {
      const rows = await api.get<{ rows: { id: number; waiting_on: string }[] }>(
        '/api/conversations?view=all',
      );
      return rows.rows.find((row) => row.waiting_on === 'them');
    },
    20_000,
  );
  expect(conversation.id).toBeGreaterThan(0);
}, 60_000);

test('on a phone one pane shows at a time, and back leads to the list', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${parley.url}/inbox/all`);
  await page.getByRole('link', { name: /Une question/ }).click();
  await page.getByRole('button', { name: 'Retour' }).click();
  await page.getByRole('link', { name: /Une question/ }).waitFor();
  const overflow = await page.evaluate<number>(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
  expect(overflow).toBeLessThanOrEqual(0);
  await page.setViewportSize({ width: 1440, height: 900 });
}, 60_000);
