/**
 * Segments built by hand in a real browser, in French, as a marketer would with mouse and keyboard: the five practices
 * that every shop asks for, each checked by count against plain arithmetic over what was generated.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { OWNER, signIn } from './office.ts';
import { startParley, type RunningParley } from './parley.ts';
import { keepShoppers, shoppers, type Happening, type Shopper } from './shop-people.ts';

const NOW = Date.now();
const DAY = 86_400_000;
const people = shoppers(400, NOW);
const dataDir = mkdtempSync(join(tmpdir(), 'parley-builder-'));
const troubles: string[] = [];
let parley: RunningParley;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  await keepShoppers(`sqlite:${join(dataDir, 'parley.db')}`, people, NOW);
  parley = await startParley({
    dataDir,
    settings: {
      LOG_LEVEL: 'error',
      INBOUND_HOST: '127.0.0.1',
      DNS_SERVERS: '127.0.0.1:9',
      DNS_TIMEOUT_MS: 100,
    },
  });
  await signIn(parley);
  browser = await launchBrowser();
  const context = await browser.newContext({ locale: 'fr-FR', viewport: { width: 1440, height: 900 } });
  page = await context.newPage();
  page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
  page.on('pageerror', (error) => troubles.push(error.message));
  await page.goto(`${parley.url}/login`);
  await page.getByLabel('Adresse e-mail').fill(OWNER.email);
  await page.getByLabel('Mot de passe').fill(OWNER.password);
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'Audience' }).waitFor();
  troubles.length = 0;
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await parley?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

// ── the hand ──────────────────────────────────────────────────────────────────────────────────────────────────────

async function begin(): Promise<void> {
  await page.goto(`${parley.url}/audience/segments/new`);
  await page.getByText('Aucune condition').waitFor();
}

const line = (at: number): Locator => page.locator('.builder li').nth(at);

async function add(kind: string, at: number): Promise<Locator> {
  await page.getByRole('button', { name: 'Ajouter une condition' }).last().click();
  await page.getByRole('menuitem', { name: kind }).click();
  await line(at).waitFor();
  return line(at);
}
const choose = (where: Locator, label: string, option: string) =>
  where.getByLabel(label, { exact: true }).selectOption({ label: option });
const write = (where: Locator, label: string, text: string) =>
  where.getByLabel(label, { exact: true }).fill(text);

/** The number at the end of a line, and the whole's, once the server has worked them out exactly. */
async function reads(where: Locator, count: () => number): Promise<void> {
  await expect
    .poll(
      async () => {
        const shown = (await where.locator('.count').first().textContent())?.replace(/\s/g, '');
        return shown === String(count()) || `${shown} is shown, ${count()} are right`;
      },
      { timeout: 15_000 },
    )
    .toBe(true);
  // A count of none, or of all, would be right by mistake.
  expect(count()).toBeGreaterThan(0);
  expect(count()).toBeLessThan(people.length);
}
async function total(count: number): Promise<void> {
  await expect
    .poll(async () => (await page.locator('.total b').textContent())?.replace(/\s/g, ''), { timeout: 15_000 })
    .toBe(String(count));
}

// ── the arithmetic ────────────────────────────────────────────────────────────────────────────────────────────────

interface Item {
  brand: string;
  quantity: number;
}
const since = (days: number) => NOW - days * DAY;
const months = (n: number) => {
  const at = new Date(NOW);
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() - n, at.getUTCDate(), at.getUTCHours());
};
const did = (one: Shopper, kind: string, from = 0): Happening[] =>
  one.events.filter((event) => event.kind === kind && event.at >= from);
const items = (event: Happening): Item[] => event.data['products'] as Item[];
const sum = (numbers: number[]): number => numbers.reduce((all, one) => all + one, 0);
const howMany = (is: (one: Shopper) => boolean): number => people.filter(is).length;
test('bought at least 6 items in the last 6 months', async () => {
  await begin();
  const first = await add('Ce qu’ils ont fait', 0);
  await choose(first, 'Évènement', 'a commandé');
  await choose(first, 'Combien de fois, ou combien', 'pour un total');
  await write(first, 'Valeur', '6');
  await choose(first, 'Propriété', 'quantité des articles');
  await write(first, 'au cours des derniers', '6');
  await choose(first, 'Unité', 'mois');
  await reads(first, () =>
    howMany(
      (one) =>
        sum(
          did(one, 'order_placed', months(6))
            .flatMap(items)
            .map((item) => item.quantity),
        ) >= 6,
    ),
  );
}, 60_000);

test('bought or clicked brand X more than once', async () => {
  await begin();
  await page
    .getByLabel('Combien de ces conditions')
    .selectOption({ label: 'au moins une de ces conditions' });
  for (const [at, deed, brand] of [
    [0, 'a commandé', 'marque des articles'],
    [1, 'a cliqué sur un produit', 'marque'],
  ] as const) {
    const one = await add('Ce qu’ils ont fait', at);
    await choose(one, 'Évènement', deed);
    await write(one, 'fois', '2');
    await choose(one, 'Quand', 'n’importe quand');
    await one.getByRole('button', { name: 'seulement si…' }).click();
    await choose(one, 'Propriété', brand);
    await write(one, 'Valeur', 'Bleu');
  }
  const bought = (one: Shopper) =>
    did(one, 'order_placed').filter((event) => items(event).some((item) => item.brand === 'Bleu')).length >=
    2;
  const clicked = (one: Shopper) =>
    did(one, 'product_clicked').filter((event) => event.data['brand'] === 'Bleu').length >= 2;
  await reads(line(0), () => howMany(bought));
  await reads(line(1), () => howMany(clicked));
  await total(howMany((one) => bought(one) || clicked(one)));
}, 60_000);

test('spent more than 200 in all over twelve months', async () => {
  await begin();
  const first = await add('Ce qu’ils ont fait', 0);
  await choose(first, 'Évènement', 'a commandé');
  await choose(first, 'Combien de fois, ou combien', 'pour un total');
  await choose(first, 'Propriété', 'montant');
  await choose(first, 'Sujet de la condition', 'de plus de');
  await write(first, 'Valeur', '200');
  await write(first, 'au cours des derniers', '12');
  await choose(first, 'Unité', 'mois');
  const spent = (one: Shopper) =>
    sum(did(one, 'order_placed', months(12)).map((event) => event.data['total'] as number));
  await reads(first, () => howMany((one) => spent(one) > 200));
}, 60_000);

test('has a birthday within 7 days', async () => {
  await begin();
  const first = await add('Ce que l’on sait d’eux', 0);
  await choose(first, 'Champ', 'Date de naissance');
  await choose(first, 'Sujet de la condition', 'a son anniversaire');
  const born = (one: Shopper) => String(one.fields['birthdate'] ?? '').slice(5);
  const days = () => {
    const coming = Array.from({ length: 8 }, (_, at) => new Date(Date.now() + at * DAY));
    const names = coming.map((day) => day.toISOString().slice(5, 10));
    const isLeap = (day: Date) => new Date(Date.UTC(day.getUTCFullYear(), 1, 29)).getUTCMonth() === 1;
    const kept = coming.some((day, at) => names[at] === '02-28' && !isLeap(day));
    return kept ? [...names, '02-29'] : names;
  };
  await reads(first, () => howMany((one) => days().includes(born(one))));
}, 60_000);

test('opened nothing for 90 days but replied once; kept, it says who is in and why', async () => {
  await begin();
  const opened = await add('Leur réaction aux campagnes', 0);
  await choose(opened, 'Campagne', 'a ouvert');
  await choose(opened, 'Combien de fois, ou combien', 'jamais');
  const replied = await add('Leur réaction aux campagnes', 1);
  await choose(replied, 'Campagne', 'a répondu à');
  await choose(replied, 'Quand', 'n’importe quand');
  const silent = (one: Shopper) => did(one, 'opened', since(90)).length === 0;
  const answered = (one: Shopper) => did(one, 'replied').length > 0;
  await reads(opened, () => howMany(silent));
  await reads(replied, () => howMany(answered));
  await total(howMany((one) => silent(one) && answered(one)));
  await page.getByLabel('Nom du segment').fill('Silencieux qui répondent');
  await page.getByRole('button', { name: 'Enregistrer' }).click();
  await page.getByText('Pourquoi quelqu’un y est-il').waitFor();
  const member = people.find((one) => silent(one) && answered(one));
  await page.getByPlaceholder('Chercher une personne').fill(member?.email ?? '');
  await page.locator('.panel button', { hasText: member?.email ?? '' }).click();
  await page.getByText('n’a jamais ouvert une campagne quelconque depuis 90 jours').waitFor();
}, 60_000);

test.each([
  ['light', 1440],
  ['dark', 1440],
  ['light', 390],
  ['dark', 390],
] as const)(
  'the builder is readable, %s and %d wide, without running over the side',
  async (colorScheme, width) => {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 900 });
    await begin();
    const first = await add('Ce qu’ils ont fait', 0);
    await choose(first, 'Évènement', 'a commandé');
    await first.getByRole('button', { name: 'seulement si…' }).click();
    await page.getByRole('button', { name: 'Ajouter une condition' }).last().click();
    await page.getByRole('menuitem', { name: 'Ajouter un groupe' }).click();
    expect(
      await page.evaluate<number>(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      ),
    ).toBeLessThanOrEqual(0);
    const { violations } = await new AxeBuilder({ page }).analyze();
    const serious = violations.filter((one) => one.impact === 'serious' || one.impact === 'critical');
    expect(serious.map((one) => `${one.id}: ${one.nodes[0]?.html.slice(0, 200)}`)).toEqual([]);
    expect(troubles).toEqual([]);
  },
  60_000,
);
