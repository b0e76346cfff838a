/** A server that is stopped in the middle of a campaign, by a signal or by a machine that sleeps: nobody is mailed twice. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Answer } from '../web/contract.ts';
import { HTML, TEXT } from './demo-campaign.ts';
import {
  DOMAIN,
  importFile,
  ledgerOf,
  pause,
  setUp,
  signIn,
  until,
  writeCampaign,
  type House,
} from './office.ts';
import { freePort, startParley, type ApiClient, type RunningParley } from './parley.ts';
import { spawnWorld } from './spawn.ts';
import type { World } from './world.ts';

const SPEED = 60;
/** One and a half real seconds: what is stopped for longer finds its lease ended. */
const LEASE_MS = 1500 * SPEED;
const dataDir = mkdtempSync(join(tmpdir(), 'parley-process-'));
const epoch = Date.now();
let world: World;
let parley: RunningParley;
let client: ApiClient;
let house: House;
let ports: { http: number; inbound: number };

async function start(): Promise<void> {
  parley = await startParley({
    dataDir,
    settings: {
      HTTP_PORT: ports.http,
      INBOUND_PORT: ports.inbound,
      LOG_LEVEL: 'error',
      CLOCK_SPEED: SPEED,
      CLOCK_EPOCH: epoch,
      DNS_SERVERS: `127.0.0.1:${world.dnsPort}`,
      MTA_REMOTE_PORT: world.smtpPort,
      MTA_ALLOW_PRIVATE_TARGETS: 'true',
      MTA_HOSTNAME: `mail.${DOMAIN}`,
      MTA_LEASE_MS: LEASE_MS,
      INBOUND_HOST: '127.0.0.1',
      INBOUND_HOSTNAME: `mail.${DOMAIN}`,
    },
  });
  await world.reach({ inboundPort: ports.inbound, web: { http: ports.http } });
}

beforeAll(async () => {
  world = await spawnWorld({ seed: 5, speed: SPEED, epoch, lenient: true, keepBytes: 8 * 1024 * 1024 });
  ports = { http: await freePort(), inbound: await freePort() };
  await start();
  client = await signIn(parley);
  house = await setUp(client, world);
}, 120_000);

afterAll(async () => {
  await parley?.kill();
  await world?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** Starts a campaign to so many people, and resolves when some of it has left and much has not. */
async function underWay(name: string, people: number): Promise<number> {
  const file = join(dataDir, `${name}.csv`);
  const rows = Array.from(
    { length: people },
    (_, at) => `${name}${at}@${DOMAINS[at % DOMAINS.length]},Ana,Lyon,1`,
  );
  writeFileSync(file, `email,first_name,city,orders\n${rows.join('\n')}\n`);
  const list = await client.post<Answer<'createList'>>('/api/lists', { name, brand_id: house.brandId });
  await importFile(client, file, { listId: list.id });
  const id = await writeCampaign(client, house, list.id, { name, subject: name, html: HTML, text: TEXT });
  await client.post(`/api/campaigns/${id}/send`);
  await until(
    'some of it to leave',
    async () => ((await taken(name)) > people / 20 ? true : undefined),
    60_000,
    20,
  );
  return id;
}

const DOMAINS = ['gmail.com', 'outlook.fr', 'orange.fr', 'free.fr', 'gmx.de'];

const taken = async (subject: string): Promise<number> =>
  (await world.ledger()).reduce(
    (sum, entry) => sum + entry.accepted.filter((receipt) => receipt.subject === subject).length,
    0,
  );

/** Everyone was tried; whom a receiver told to come again later may take days of the world's time. */
async function triedAll(id: number, people: number): Promise<void> {
  await until(
    'everyone to be tried',
    async () => {
      const rows = await ledgerOf(client, id);
      expect(rows).toHaveLength(people);
      return rows.every((row) => row.state !== 'queued' && row.state !== 'active') ? true : undefined;
    },
    60_000,
  );
}

test(
  'SIGTERM in the middle of a campaign: what is on the wire ends, and nobody gets it twice',
  { timeout: 240_000 },
  async () => {
    const id = await underWay('terme', 400);
    expect(await parley.stop()).toBe(0);
    const before = await taken('terme');
    expect(before).toBeLessThan(400);
    await pause(300);
    // Nothing left after the process had ended, and nothing it had sent is unknown to it.
    expect(await taken('terme')).toBe(before);
    await start();
    await triedAll(id, 400);
    expect(await world.duplicates()).toEqual([]);
  },
);

test(
  'a process that sleeps past its leases and wakes up sends nothing twice',
  { timeout: 240_000 },
  async () => {
    const id = await underWay('sommeil', 400);
    parley.process.kill('SIGSTOP');
    await pause(5000);
    parley.process.kill('SIGCONT');
    await triedAll(id, 400);
    expect(await world.duplicates()).toEqual([]);
  },
);
