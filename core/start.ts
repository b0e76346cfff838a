/**
 * Brings up what every role needs, in order: secrets, store, token keys, suppressions. What a first start lacks (master
 * key, token key, brand) is made here, once.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import type { Config } from '../config/schema.ts';
import { erasedHash } from './audience/erase.ts';
import { SuppressionView } from './audience/suppress.ts';
import { systemClock, type Clock } from './clock.ts';
import { createResolver } from './dns.ts';
import type { Log } from './log.ts';
import { createTokens, type TokenKey } from './mail/tokens.ts';
import { createMetrics } from './metrics.ts';
import type { Runtime } from './runtime.ts';
import { createSecrets, loadMasterKey, type Secrets } from './secrets.ts';
import { openStore, type Store } from './store/open.ts';
import { addFirstSecret, secretsFor } from './store/secret.ts';
import { createWake } from './wake.ts';

export interface StartOptions {
  /** The server takes the SQLite file for itself; a command that only writes a row does not. */
  exclusive: boolean;
  /** The disk failed: whoever runs the roles ends the process. */
  onBroken?: (error: unknown) => void;
  clock?: Clock;
}

export interface Started extends Runtime {
  close(): Promise<void>;
}

export async function startRuntime(config: Config, log: Log, options: StartOptions): Promise<Started> {
  const clock = options.clock ?? clockOf(config);
  const dataDir = resolve(config.data_dir);
  const secrets = createSecrets(loadMasterKey(join(dataDir, 'master.key')));
  const store = await openStore(
    {
      url: config.database.url === '' ? `sqlite:${join(dataDir, 'parley.db')}` : config.database.url,
      driver: config.database.driver,
      connections: config.database.connections,
      exclusive: options.exclusive,
      ...(options.onBroken && { onBroken: options.onBroken }),
    },
    clock,
    log,
  );
  try {
    const suppressions = new SuppressionView();
    await suppressions.load(store.read, clock.now());
    await suppressions.loadErased(store.read, erasedHash(secrets));
    const runtime: Started = {
      config: { ...config, data_dir: dataDir },
      store,
      clock,
      log,
      metrics: createMetrics(),
      wake: createWake(),
      dns: createResolver({
        servers: config.dns.servers,
        timeout_ms: config.dns.timeout_ms,
        trust_ad: config.dns.trust_ad,
      }),
      secrets,
      tokens: createTokens(await tokenKeys(store, secrets, clock.now())),
      suppressions,
      node: `${hostname()}/${process.pid}/${randomBytes(4).toString('hex')}`,
      close: () => store.close(),
    };
    return runtime;
  } catch (error) {
    await store.close();
    throw error;
  }
}

export const clockOf = (config: Config): Clock =>
  systemClock(
    config.clock.speed === 1 ? {} : { speed: config.clock.speed, epoch: config.clock.epoch || Date.now() },
  );

const TOKEN_KEY = 'token-key';

/** A token names its key with four bits. */
const TOKEN_KEYS = 16;

/** The keys of signed tokens, newest last; the first start makes one, and of two nodes that start at once only one does. */
async function tokenKeys(store: Store, secrets: Secrets, now: number): Promise<TokenKey[]> {
  let rows = await secretsFor(store.read, TOKEN_KEY);
  if (rows.length === 0) {
    const sealed = secrets.seal(TOKEN_KEY, randomBytes(32));
    await store.write((tx) => addFirstSecret(tx, TOKEN_KEY, sealed, now));
    rows = await secretsFor(store.read, TOKEN_KEY);
  }
  return rows
    .map((row, place) => ({ id: place % TOKEN_KEYS, secret: secrets.open(TOKEN_KEY, row.sealed) }))
    .slice(-TOKEN_KEYS);
}
