/**
 * The little world of the fault run: a house of its own with a fresh store, one bad destination, three good ones, a name
 * server, and an HTTPS host for MTA-STS policies. Time runs 2,000 times faster, so that retries are seen.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { createServer as createHttps, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { schema } from '../config/schema.ts';
import { SuppressionView } from '../core/audience/suppress.ts';
import { systemClock } from '../core/clock.ts';
import { createResolver } from '../core/dns.ts';
import { silentLog } from '../core/log.ts';
import { createTokens } from '../core/mail/tokens.ts';
import { createMetrics } from '../core/metrics.ts';
import type { Runtime } from '../core/runtime.ts';
import { createSecrets } from '../core/secrets.ts';
import { openStore } from '../core/store/open.ts';
import { makeCertificate } from '../core/tls.ts';
import { createWake } from '../core/wake.ts';
import { mta } from '../mta/service.ts';
import { stage } from '../mta/stage.testing.ts';
import { startDns } from './dns.ts';
import { FaultyHost, type Certificate } from './faulty-host.ts';
import { Zone, type LabRecord } from './zone.ts';

/** Certificates by what is right or wrong about them; made once. */
export interface Papers {
  valid: Certificate;
  expired: Certificate;
  foreign: Certificate;
  own: Certificate;
  policy: Certificate;
  authority: string;
}

const YEAR = 365 * 86_400_000;
let papers: Promise<Papers> | undefined;

export const papersOf = (): Promise<Papers> => (papers ??= makePapers());

async function makePapers(): Promise<Papers> {
  const now = Date.now();
  const dates = { notBefore: now - YEAR, notAfter: now + YEAR };
  const authority = await makeCertificate({ hostname: 'ca.test', ...dates, authority: true });
  const issuer = { hostname: 'ca.test', key: authority.key };
  const host = 'mx.bad.test';
  return {
    valid: await makeCertificate({ hostname: host, ...dates, issuer }),
    expired: await makeCertificate({
      hostname: host,
      notBefore: now - 2 * YEAR,
      notAfter: now - YEAR,
      issuer,
    }),
    foreign: await makeCertificate({ hostname: 'mx.elsewhere.test', ...dates, issuer }),
    own: await makeCertificate({ hostname: host, ...dates }),
    policy: await makeCertificate({ hostname: 'mta-sts.bad.test', ...dates, issuer }),
    authority: authority.cert,
  };
}

export interface TownOptions {
  bad: readonly string[];
  good: readonly string[];
  /** Octets added to the letters for the bad destination. */
  heavy?: number;
  /** Addresses that lead inside are refused, as outside the lab. */
  refusesPrivate?: boolean;
}

export interface Attempt {
  address: string;
  /** The class of a refusal or loss; else the outcome. */
  answer: string;
}

export interface Town {
  host: FaultyHost;
  good: FaultyHost;
  zone: Zone;
  runtime: Runtime;
  campaign: number;
  /** What is served as the policy of bad.test; absent: 404. */
  policy: { text: string | undefined };
  start(): Promise<void>;
  states(): Promise<Record<string, number>>;
  /** All attempts so far at the bad destination. */
  attempts(): Promise<Attempt[]>;
  stop(): Promise<void>;
}

export async function openTown({ bad, good, heavy = 0, refusesPrivate = false }: TownOptions): Promise<Town> {
  const certificates = await papersOf();
  const directory = mkdtempSync(join(tmpdir(), 'parley-faults-'));
  const authorities = join(directory, 'ca.pem');
  writeFileSync(authorities, certificates.authority);
  const well = await new FaultyHost(certificates.own).start('127.0.0.1');
  const host = await new FaultyHost(certificates.own).start('127.0.0.2', well.port);
  const zone = new Zone();
  zone.publish(
    ['bad', 'good0', 'good1', 'good2'].flatMap((name): LabRecord[] => [
      { name: `${name}.test`, type: 'MX', data: { preference: 10, exchange: `mx.${name}.test` } },
      { name: `mx.${name}.test`, type: 'A', data: name === 'bad' ? '127.0.0.2' : '127.0.0.1' },
    ]),
  );
  zone.publish([{ name: 'mta-sts.bad.test', type: 'A', data: '127.0.0.3' }]);
  const names = await startDns(zone);
  const policy: Town['policy'] = { text: undefined };
  const policies = await policyHost(certificates.policy, policy);
  const config = schema.parse({
    mta: {
      hostname: 'out.example.org',
      remote_port: well.port,
      policy_port: (policies.address() as AddressInfo).port,
      allow_private_targets: !refusesPrivate,
      lease_ms: 86_400_000,
      drain_ms: 500,
      patience_percent: 0.1,
    },
    tls: { authorities },
  });
  const clock = systemClock({ speed: 2000, epoch: Date.now() });
  const file = join(directory, 'parley.db');
  await copyFile(await emptyStore(), file);
  const store = await openStore(
    { url: `sqlite:${file}`, driver: 'node:sqlite', connections: 2 },
    clock,
    silentLog,
  );
  const runtime: Runtime = {
    config,
    store,
    clock,
    log: silentLog,
    metrics: createMetrics(),
    wake: createWake(),
    dns: createResolver({ servers: [`127.0.0.1:${names.port}`], timeout_ms: 200 }),
    secrets: createSecrets(randomBytes(32)),
    tokens: createTokens([{ id: 1, secret: randomBytes(32) }]),
    suppressions: new SuppressionView(),
    node: 'faults/1',
  };
  const padding = heavy === 0 ? '' : `<p>${'a line of a heavy letter\n'.repeat(heavy / 25)}</p>`;
  const campaign = await stage(runtime, [
    { addresses: bad, padding },
    ...(good.length > 0 ? [{ addresses: good }] : []),
  ]);
  const role = mta(runtime);
  let isRunning = false;
  return {
    host,
    good: well,
    zone,
    runtime,
    campaign,
    policy,
    start: async () => {
      isRunning = true;
      await role.start();
    },
    states: async () => {
      const rows = await store.read
        .selectFrom('any_delivery')
        .select(['state', ({ fn }) => fn.countAll<number>().as('n')])
        .groupBy('state')
        .execute();
      return Object.fromEntries(rows.map((row) => [row.state, Number(row.n)]));
    },
    attempts: async () => {
      const rows = await store.read
        .selectFrom('attempt')
        .innerJoin('any_delivery', 'any_delivery.id', 'attempt.delivery_id')
        .select(['attempt.class', 'attempt.outcome', 'any_delivery.address'])
        .where('any_delivery.address', 'like', '%@bad.test')
        .execute();
      return rows.map((row) => ({ address: row.address, answer: row.class ?? row.outcome }));
    },
    stop: async () => {
      if (isRunning) await role.stop();
      await Promise.all([host.stop(), well.stop(), names.stop()]);
      policies.closeAllConnections();
      await new Promise((resolve) => policies.close(resolve));
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

let empty: Promise<string> | undefined;

/** The file of a store with nothing in it: to make its tables takes longer than many a run. */
const emptyStore = (): Promise<string> => (empty ??= makeStore());

async function makeStore(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'parley-faults-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'empty.db');
  const options = { url: `sqlite:${file}`, driver: 'node:sqlite', connections: 1 } as const;
  await (await openStore(options, systemClock(), silentLog)).close();
  return file;
}

async function policyHost(keys: Certificate, policy: Town['policy']): Promise<HttpsServer> {
  const server = createHttps(keys, (_, answer) => {
    answer.writeHead(policy.text === undefined ? 404 : 200, { 'content-type': 'text/plain' });
    answer.end(policy.text ?? '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.3', resolve));
  return server;
}
