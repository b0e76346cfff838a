/**
 * A provider that for some minutes denies all of its users: the campaign stops there, the list is not destroyed, and when
 * the provider is well again one click and the next messages set everything right.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Answer } from '../web/contract.ts';
import { DOMAIN, importFile, setUp, signIn, suppressionsOf, until, writeCampaign } from './office.ts';
import { startParley, type ApiClient } from './parley.ts';
import { startWorld, type World } from './world.ts';

const SPEED = 120;
const LIMIT_MS = 60_000;
const LETTER = {
  name: 'Été',
  subject: 'Bonjour',
  html: '<p>Bonjour. {{ brand.postal_address }} <a href="{{ unsubscribe_url }}">partir</a></p>',
  text: 'Bonjour. {{ brand.postal_address }} {{ unsubscribe_url }}',
};
const NOBODY_REACTS = {
  'unknown-user': 0,
  full: 0,
  'full-for-a-while': 0,
  'bounces-later': 0,
  complains: 0,
  'one-click': 0,
  mailto: 0,
  'in-words': 0,
  replies: 0,
  away: 0,
  left: 0,
  forged: 0,
};

async function town(): Promise<{ world: World; client: ApiClient }> {
  const epoch = Date.now();
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-incident-'));
  const world = await startWorld({ seed: 5, speed: SPEED, epoch, lenient: true, shares: NOBODY_REACTS });
  const parley = await startParley({
    dataDir,
    settings: {
      LOG_LEVEL: 'error',
      CLOCK_SPEED: SPEED,
      CLOCK_EPOCH: epoch,
      DNS_SERVERS: `127.0.0.1:${world.dnsPort}`,
      MTA_REMOTE_PORT: world.smtpPort,
      MTA_ALLOW_PRIVATE_TARGETS: 'true',
      MTA_HOSTNAME: `mail.${DOMAIN}`,
      INBOUND_HOST: '127.0.0.1',
      INBOUND_HOSTNAME: `mail.${DOMAIN}`,
    },
  });
  onTestFinished(async () => {
    await parley.stop();
    await world.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  await world.reach({ inboundPort: parley.inboundPort, web: { http: parley.httpPort } });
  return { world, client: await signIn(parley) };
}

async function campaignTo(world: World, client: ApiClient, people: readonly string[]): Promise<number> {
  const house = await setUp(client, world);
  const directory = mkdtempSync(join(tmpdir(), 'parley-csv-'));
  try {
    const file = join(directory, 'people.csv');
    writeFileSync(file, ['email', ...people].join('\n'));
    const list = await client.post<Answer<'createList'>>('/api/lists', {
      name: 'La lettre',
      brand_id: house.brandId,
    });
    await importFile(client, file, { listId: list.id });
    return await writeCampaign(client, house, list.id, LETTER);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test('a provider that denies everybody for some minutes destroys no list', async () => {
  const { world, client } = await town();
  const gmail = Array.from({ length: 120 }, (_, n) => `personne${n}@gmail.com`);
  const others = Array.from({ length: 20 }, (_, n) => `personne${n}@yahoo.fr`);
  const id = await campaignTo(world, client, [...gmail, ...others]);
  const says = '550 5.1.1 The email account that you tried to reach does not exist.';
  // A day of the world, so that the test and not the clock says when it is over.
  await world.misbehave('gmail', [{ stage: 'rcpt', does: { say: `${says}\r\n` }, forMs: 86_400_000 }]);
  await client.post(`/api/campaigns/${id}/send`);

  const stop = await until(
    'the campaign to stop at gmail',
    async () => {
      const { rows } = await client.get<Answer<'campaignStops'>>(`/api/campaigns/${id}/stops`);
      return rows.find((row) => row.state === 'stopped');
    },
    LIMIT_MS,
  );
  expect(stop).toMatchObject({ provider: 'google', reason: 'hard-bounces' });
  expect(stop.replies.join()).toContain('does not exist');
  const incident = await until(
    'the bounces to be kept apart',
    async () => {
      const [row] = (await client.get<Answer<'incidents'>>('/api/incidents')).rows;
      return row !== undefined && row.waiting >= stop.hard ? row : undefined;
    },
    LIMIT_MS,
  );
  expect(incident).toMatchObject({ provider: 'google', closed_at: null });
  expect(await suppressionsOf(client)).toEqual([]);

  const progress = async () =>
    (await client.get<Answer<'campaignProgress'>>(`/api/campaigns/${id}/progress`)).campaign;
  await until(
    'the campaign to go on elsewhere',
    async () => ((await progress()).counts.delivered === others.length ? true : undefined),
    LIMIT_MS,
  );
  expect((await progress()).state).toBe('sending');

  await world.misbehave('gmail', []);
  await client.post(`/api/campaign-stops/${stop.id}/slower`, { rate_per_hour: 36_000 });
  const sent = await until(
    'the campaign to end',
    async () => {
      const now = await progress();
      return now.state === 'sent' ? now : undefined;
    },
    LIMIT_MS,
  );
  // Who was denied had their message refused; everybody else got it, and nobody is lost for the next one.
  expect(sent.counts.delivered + sent.counts.bounced).toBe(gmail.length + others.length);
  expect(sent.counts.bounced).toBeLessThan(60);
  await until(
    'the incident to be over',
    async () => {
      const [row] = (await client.get<Answer<'incidents'>>('/api/incidents')).rows;
      return row?.outcome === 'over' && row.waiting === 0 ? row : undefined;
    },
    LIMIT_MS,
  );
  expect(await suppressionsOf(client)).toEqual([]);
  const again = await client.post<Answer<'campaign'>>(`/api/campaigns/${id}/duplicate`);
  const checks = await client.get<Answer<'preflight'>>(`/api/campaigns/${again.id}/preflight`);
  expect(checks.audience).toEqual({ selected: 140, suppressed: 0, mailable: 140 });
}, 240_000);
