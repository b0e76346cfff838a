/**
 * For tests: the same body on every engine. SQLite opens a fresh file per store, PostgreSQL a fresh database of the
 * server that the test run started. What is absent on a machine is skipped by name.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { describe, inject, onTestFinished } from 'vitest';
import { manualClock, type ManualClock } from '../clock.ts';
import { silentLog } from '../log.ts';
import { openStore, type Store } from './open.ts';
import { isNativeSqliteAvailable } from './sqlite.ts';

export type EngineName = 'sqlite3' | 'node:sqlite' | 'postgres';
/** Opens a fresh, migrated store that closes and vanishes when the test ends. */
export type OpenStore = (clock?: ManualClock) => Promise<Store>;

export function eachEngine(body: (name: EngineName, open: OpenStore) => void): void {
  for (const name of ['sqlite3', 'node:sqlite', 'postgres'] as const) {
    const available =
      name === 'sqlite3'
        ? isNativeSqliteAvailable()
        : name === 'postgres'
          ? inject('postgresUrl') !== ''
          : true;
    describe.skipIf(!available)(`on ${name}`, () => body(name, (clock) => openFresh(name, clock)));
  }
}

/** One store on the engine that is always there, for tests that are not about the store. */
export const openTestStore: OpenStore = (clock) => openFresh('node:sqlite', clock);

async function openFresh(name: EngineName, clock: ManualClock = manualClock()): Promise<Store> {
  const opened = name === 'postgres' ? await freshDatabase() : freshFile(name);
  const store = await openStore(opened.options, clock, silentLog);
  onTestFinished(async () => {
    await store.close();
    await opened.remove();
  });
  return store;
}

function freshFile(driver: 'sqlite3' | 'node:sqlite') {
  const directory = mkdtempSync(join(tmpdir(), 'parley-store-'));
  return {
    options: { url: `sqlite:${join(directory, 'parley.db')}`, driver, connections: 2 },
    remove: async () => rmSync(directory, { recursive: true, force: true }),
  };
}

async function freshDatabase() {
  const server = inject('postgresUrl');
  const name = `t_${randomBytes(8).toString('hex')}`;
  await command(server, `create database ${name}`);
  return {
    options: { url: server.replace(/\/postgres$/, `/${name}`), connections: 4 },
    remove: () => command(server, `drop database ${name} with (force)`),
  };
}

async function command(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
