/** A rehearsal whole: an installation with a history, its campaign in the lab, and the installation untouched. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../config/load.ts';
import { createSendingDomain, firstBrand } from '../core/identity.ts';
import { silentLog } from '../core/log.ts';
import { startRuntime } from '../core/start.ts';
import { addCampaign } from '../core/store/campaign.ts';
import { addContacts } from '../core/store/contact.ts';
import { addList, joinList } from '../core/store/list.ts';
import { domainIds, setDomainRoute } from '../core/store/queue.ts';
import type { NewRow } from '../core/store/tables.ts';
import { HTML, SUBJECT, TEXT } from './demo-campaign.ts';
import { cast, csvOf, runRehearsal } from './rehearse.ts';

const DAY = 24 * 60 * 60_000;

async function installation() {
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-installation-'));
  const config = { ...loadConfig({ environment: {} }), data_dir: dataDir };
  const runtime = await startRuntime(config, silentLog, { exclusive: false });
  onTestFinished(async () => {
    await runtime.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const now = runtime.clock.now();
  const brandId = await runtime.store.write((tx) => firstBrand(tx, now));
  const domainId = await createSendingDomain(runtime, { name: 'maison.example', brandId });
  const campaign = await runtime.store.write(async (tx) => {
    await tx.updateTable('brand').set({ name: 'Maison', postal_address: '1 rue X, Lyon' }).execute();
    const ids = await addContacts(
      tx,
      Array.from({ length: 150 }, (_, at) => ({
        email: `p${at}@${['gmail.com', 'orange.fr', 'works-at-google.example'][at % 3]}`,
        fields: '{"city":"Lyon","orders":4}',
        source: '',
      })),
      now,
    );
    const listId = await addList(tx, { name: 'News', brand_id: brandId }, now);
    await joinList(tx, listId, [...ids.values()], 'test', now);
    const domains = await domainIds(tx, ['gmail.com', 'orange.fr', 'works-at-google.example']);
    for (const [name, provider] of [
      ['gmail.com', 'google'],
      ['works-at-google.example', 'google'],
      ['orange.fr', 'orange'],
    ] as const)
      await setDomainRoute(tx, domains.get(name) as number, { site: `mx.${provider}`, provider }, now);
    const said = (provider: string, outcome: string, code: number, answers: number, reply: string) => ({
      slot: now - DAY,
      source_id: 0,
      provider,
      outcome,
      code,
      class: '',
      answers,
      ms: answers * 200,
      reply,
    });
    await tx
      .insertInto('answer_slot')
      .values([
        said('google', 'delivered', 250, 800, '250 2.0.0 OK'),
        said('google', 'bounced', 550, 200, '550 5.1.1 no such account here, as of late'),
        said('orange', 'delivered', 250, 700, '250 2.0.0 OK'),
        said('orange', 'deferred', 451, 300, '451 4.7.1 slow down, as of late'),
      ])
      .execute();
    const row = await addCampaign(tx, {
      name: 'Spring',
      state: 'draft',
      brand_id: brandId,
      sending_domain_id: domainId,
      from_name: 'Maison',
      from_local: 'news',
      subject: SUBJECT,
      html: HTML,
      text: TEXT,
      preheader: '',
      audience: JSON.stringify({ lists: [listId] }),
      list_id: listId,
      created_at: now,
      updated_at: now,
    } as NewRow<'campaign'>);
    return row.id;
  });
  return { runtime, campaign };
}

test('a campaign is rehearsed with the answers of this installation, and the installation is only read', async () => {
  const { runtime, campaign } = await installation();
  const report = await runRehearsal(runtime, { campaign, speed: 120, size: 90 });
  expect(report).toMatchObject({ campaign: 'Spring', recipients: 150, sample: 75, stood_in: 25 });
  expect(report.warnings.filter((one) => one.level === 'block')).toEqual([]);
  const of = (provider: string) => report.providers.find((one) => one.provider === provider);
  const google = of('google');
  expect(google?.people).toBe(100);
  expect((google?.sample.delivered ?? 0) + (google?.sample.refused ?? 0)).toBe(50);
  expect(google?.sample.refused).toBeGreaterThan(2);
  expect(google?.sample.refused).toBeLessThan(20);
  // Put off by a third, nobody is refused there, and the come-back makes it the long pole.
  expect(of('orange')?.sample).toMatchObject({ people: 25, delivered: 25, refused: 0 });
  expect(report.long_pole).toBe('orange');
  expect(report.refused[0]).toMatchObject({ provider: 'google' });
  expect(report.refused[0]?.reply).toContain('no such account here, as of late');
  // The forecast of what was rehearsed held within a factor of five where its length is more than noise.
  const { took_ms: took, foretold_ms: foretold } = of('orange')?.sample ?? { took_ms: 0, foretold_ms: 0 };
  expect(took / (foretold ?? 0)).toBeGreaterThan(1 / 5);
  expect(took / (foretold ?? 0)).toBeLessThan(5);

  for (const table of ['delivery', 'event', 'template_version'] as const) {
    const rows = await runtime.store.read.selectFrom(table).selectAll().execute();
    expect(rows.filter((row) => !('kind' in row) || row.kind === 'queued')).toEqual([]);
  }
  const row = await runtime.store.read.selectFrom('campaign').select('state').executeTakeFirst();
  expect(row?.state).toBe('draft');
}, 120_000);

test('people travel as CSV with their fields, quoted where they must be', () => {
  const person = { id: 1, first_name: 'Ann "A"', last_name: 'B, C', language: 'fr', provider: 'google' };
  expect(csvOf([{ ...person, email: 'a@gmail.com', fields: '{"city":"Lyon","vip":true}' }])).toBe(
    'city,vip,email,first_name,last_name,language\nLyon,true,a@gmail.com,"Ann ""A""","B, C",fr\n',
  );
});

test('whose provider has another domain in the lab stands in there, under a name of their own', () => {
  const person = { first_name: '', last_name: '', language: '', fields: '{}' };
  const { people, stoodIn } = cast([
    { ...person, id: 1, email: 'a@gmail.com', provider: 'google' },
    { ...person, id: 2, email: 'a@works-at-google.example', provider: 'google' },
  ]);
  expect(people.map((one) => one.email)).toEqual(['a@gmail.com', 'a.2@gmail.com']);
  expect(stoodIn).toBe(1);
});
