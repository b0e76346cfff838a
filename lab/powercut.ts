/**
 * Cuts the power, many thousand times, without a power switch: Parley runs under a record of every write, sync and promise
 * in their order (`powercut-shim.c`); then the files are rebuilt as a cut at any point may leave them, opened with Parley's
 * own store, and everything that was promised before that point must be there. It sees what killing a process cannot: a
 * write that was acknowledged before the disk had it.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { sql } from 'kysely';
import { systemClock } from '../core/clock.ts';
import { silentLog } from '../core/log.ts';
import { openStore, type Db } from '../core/store/open.ts';
import { readRawMessage } from '../core/store/raw-message.ts';
import { DOMAIN, OWNER, until } from './office.ts';
import { startParley } from './parley.ts';
import { CUTS, Disk, readRecord, type Cut, type Entry } from './powercut-record.ts';
import { sendTraced, TracedClient } from './powercut-clients.ts';
import { stream } from './random.ts';

export interface PowercutOptions {
  messages: string;
  images: string;
  seed: string;
  driver?: string;
  json?: boolean;
}

export interface PowercutFigures {
  /** Entries of the record: every one is a point at which the power may go. */
  points: number;
  promises: { received: number; answered: number; suppressed: number };
  images: number;
  /** Images on which something promised had to be there. */
  with_promises: number;
  /** Promised before the cut and not there after it, or a database that is not whole. Must be empty. */
  lost: string[];
  seconds: number;
}

export async function powercut(options: PowercutOptions): Promise<number> {
  const missing = whatIsMissing();
  if (missing !== undefined) {
    console.log(`skipped: ${missing}`);
    return 0;
  }
  const figures = await powercutRun({
    messages: Number(options.messages),
    images: Number(options.images),
    seed: Number(options.seed),
    driver: options.driver ?? 'auto',
    say: (text) => console.log(text),
  });
  console.log(
    `${figures.images} images of ${figures.points} points, ${figures.with_promises} after a promise ` +
      `(${figures.promises.received} messages received, ${figures.promises.answered} answers, ` +
      `${figures.promises.suppressed} suppressions); lost: ${figures.lost.length}; ${figures.seconds} s`,
  );
  for (const line of figures.lost.slice(0, 20)) console.log(`  ${line}`);
  if (options.json === true) console.log(JSON.stringify(figures));
  return figures.lost.length === 0 ? 0 : 1;
}

/** The record needs Linux and a C compiler; why it cannot be made here, or undefined. */
export function whatIsMissing(): string | undefined {
  if (process.platform !== 'linux') return 'the record of writes needs Linux';
  try {
    execFileSync('gcc', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'there is no gcc here to build the recorder with';
  }
}

export interface PowercutRun {
  messages: number;
  images: number;
  seed: number;
  driver: string;
  say: (text: string) => void;
}

export async function powercutRun(run: PowercutRun): Promise<PowercutFigures> {
  const began = Date.now();
  return withRecordedLife(run, async (life, check) => {
    run.say(`${life.promises.length} promises in ${life.entries.length} entries`);
    const checked = await check(life.entries);
    const count = (kind: Promised['kind']) => life.promises.filter((one) => one.kind === kind).length;
    return {
      points: life.entries.length,
      promises: {
        received: count('received'),
        answered: count('answered'),
        suppressed: count('suppressed'),
      },
      ...checked,
      seconds: Math.round((Date.now() - began) / 1000),
    };
  });
}

/** Records one life. `check` opens the images of its entries, or of those that a test makes of them, one for one. */
export async function withRecordedLife<T>(
  run: PowercutRun,
  use: (life: Life, check: (entries: readonly Entry[], images?: number) => Promise<Checked>) => Promise<T>,
): Promise<T> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'parley-powercut-')));
  const shelf = mkdtempSync(join(quickDirectory(), 'parley-images-'));
  try {
    const dataDir = join(home, 'data');
    const life = await recordLife(run, home, dataDir);
    return await use(life, (entries, images = run.images) =>
      checkImages({ ...run, images }, dataDir, shelf, { ...life, entries }),
    );
  } finally {
    rmSync(home, { recursive: true, force: true });
    rmSync(shelf, { recursive: true, force: true });
  }
}

/** Images are written and thrown away by the thousand: in memory where the system has such a place. */
function quickDirectory(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}

// ── a life, recorded ──────────────────────────────────────────────────────────────────────────────────────────────

interface Promised {
  kind: 'received' | 'answered' | 'suppressed';
  /** The client's port; the promise is the first final answer that left for it. */
  port: number;
  key: string;
  hash?: string;
  /** Its place in the record. */
  at: number;
}

export interface Life {
  entries: readonly Entry[];
  promises: Promised[];
}

async function recordLife(run: PowercutRun, home: string, dataDir: string): Promise<Life> {
  const shim = join(home, 'shim.so');
  const record = join(home, 'record');
  const source = join(import.meta.dirname, 'powercut-shim.c');
  execFileSync('gcc', ['-O2', '-shared', '-fPIC', '-o', shim, source, '-ldl', '-lpthread']);
  const parley = await startParley({
    dataDir,
    environment: { LD_PRELOAD: shim, POWERCUT_DIR: dataDir, POWERCUT_LOG: record },
    settings: {
      LOG_LEVEL: 'error',
      INBOUND_HOST: '127.0.0.1',
      DATABASE_DRIVER: run.driver,
      // A resolver that answers nobody: what is queued stays queued.
      DNS_SERVERS: '127.0.0.1:9',
      DNS_TIMEOUT_MS: 100,
    },
  });
  try {
    const promises = await work(run, parley);
    await parley.kill();
    const entries = readRecord(record);
    return { entries, promises: placed(promises, entries) };
  } finally {
    await parley.kill();
  }
}

type Claimed = Omit<Promised, 'at'>;

/** Strangers write in, staff answer and suppress, several at a time. */
async function work(
  { messages, seed }: PowercutRun,
  parley: Awaited<ReturnType<typeof startParley>>,
): Promise<Claimed[]> {
  const client = new TracedClient(parley.url);
  await client.must('GET', '/api/session');
  const token = new URL(parley.ownerLink ?? '').searchParams.get('token') ?? '';
  await client.must('POST', '/api/welcome', { token, ...OWNER, language: 'fr' });
  await client.must('POST', '/api/domains', { name: DOMAIN });
  const { body: brands } = await client.must<{ rows: { id: number }[] }>('GET', '/api/brands');
  await client.must('POST', '/api/mailboxes', {
    name: 'Service client',
    address: `bonjour@${DOMAIN}`,
    brand_id: brands.rows[0]?.id,
  });

  const random = stream(seed);
  const promises: Claimed[] = [];
  await inLanes(messages, 6, async (at) => {
    const raw = letter(at, random());
    const port = await sendTraced(parley.inboundPort, {
      from: `lecteur${at}@free.fr`,
      to: `bonjour@${DOMAIN}`,
      raw,
    });
    if (port === undefined) throw new Error(`message ${at} was not taken`);
    const hash = createHash('sha256').update(raw).digest('hex');
    promises.push({ kind: 'received', port, key: `lecteur${at}@free.fr`, hash });
    if (at % 3 !== 0) return;
    const address = `plus-jamais-${at}@free.fr`;
    const said = await client.must('POST', '/api/suppressions', { address, evidence: 'par téléphone' });
    promises.push({ kind: 'suppressed', port: said.port, key: address });
  });

  const conversations = await until(
    'conversations to appear',
    async () => {
      const { body } = await client.must<{ rows: { id: number }[] }>('GET', '/api/conversations?limit=100');
      return body.rows.length >= Math.min(messages, 20) ? body.rows : undefined;
    },
    60_000,
    100,
  );
  await inLanes(conversations.length, 4, async (at) => {
    const text = `Bonjour, oui. Réponse ${at}.`;
    const said = await client.must('POST', `/api/conversations/${conversations[at]?.id}/reply`, {
      text,
      anyway: true,
    });
    promises.push({ kind: 'answered', port: said.port, key: text });
  });
  return promises;
}

async function inLanes(count: number, lanes: number, each: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (next < count) await each(next++);
    }),
  );
}

/** Every eighth is large, and so a file of its own beside the database. */
function letter(at: number, noise: number): Buffer {
  const body =
    at % 8 === 7
      ? Array.from({ length: 5000 }, (_, row) => `${row} ${noise} une ligne parmi beaucoup d’autres, ${at}`)
      : [`Bonjour, avez-vous la robe en 40 ? (${noise})`];
  return Buffer.from(
    [
      `From: Lecteur ${at} <lecteur${at}@free.fr>`,
      `To: bonjour@${DOMAIN}`,
      `Message-ID: <cut-${at}@free.fr>`,
      `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
      `Subject: Question ${at}`,
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: 8bit',
      '',
      ...body,
      '',
    ].join('\r\n'),
  );
}

/** Finds in the record the moment at which each promise left. */
function placed(promises: readonly Claimed[], entries: readonly Entry[]): Promised[] {
  const byPort = new Map<number, { at: number; text: string }[]>();
  entries.forEach((entry, at) => {
    if (entry.kind !== 'said') return;
    const list = byPort.get(entry.port);
    if (list === undefined) byPort.set(entry.port, [{ at, text: entry.text }]);
    else list.push({ at, text: entry.text });
  });
  return promises.map((promise) => {
    const said = byPort.get(promise.port) ?? [];
    const from = promise.kind === 'received' ? said.findIndex(({ text }) => text.startsWith('354')) : 0;
    const isFinal = promise.kind === 'received' ? /^250 / : /^HTTP\/1\.1 20/;
    const found = said.slice(Math.max(0, from)).find(({ text }) => isFinal.test(text));
    if (found === undefined) throw new Error(`the record does not have the promise of ${promise.key}`);
    return { ...promise, at: found.at };
  });
}

// ── images ────────────────────────────────────────────────────────────────────────────────────────────────────────

export type Checked = Pick<PowercutFigures, 'images' | 'with_promises' | 'lost'>;

async function checkImages(
  run: PowercutRun,
  dataDir: string,
  shelf: string,
  { entries, promises }: Life,
): Promise<Checked> {
  const random = stream(run.seed + 1);
  const wanted = chosenPoints(entries.length, promises, run.images, random);
  const disk = new Disk(dataDir);
  const result: Checked = { images: 0, with_promises: 0, lost: [] };
  const path = join(shelf, 'data');
  for (let at = 0; at < entries.length; at++) {
    disk.play(entries[at] as Entry);
    for (const cut of wanted.get(at) ?? []) {
      rmSync(path, { recursive: true, force: true });
      lay(disk.image(cut, random), path);
      const due = promises.filter((promise) => promise.at <= at);
      const faults = await faultsOf(path, due, run.driver);
      result.images++;
      if (due.length > 0) result.with_promises++;
      result.lost.push(...faults.map((fault) => `point ${at}, ${cut}: ${fault}`));
      if (result.images % 1000 === 0) run.say(`${result.images} images, lost: ${result.lost.length}`);
    }
  }
  return result;
}

/** Which cuts are made where. Half of them in the moment of a promise, where a fault shows, the others anywhere. */
function chosenPoints(
  points: number,
  promises: readonly Promised[],
  images: number,
  random: () => number,
): Map<number, Cut[]> {
  const chosen = new Map<number, Cut[]>();
  if (images >= points * CUTS.length) {
    // All there are, and the random ones again and again.
    for (let at = 0; at < points; at++) chosen.set(at, [...CUTS]);
    for (let more = images - points * CUTS.length; more > 0; more--)
      chosen.get(Math.floor(random() * points))?.push('random');
    return chosen;
  }
  for (let made = 0; made < images; made++) {
    const promise = promises[Math.floor((made / images) * promises.length)] as Promised;
    const at = made % 2 === 0 ? promise.at : Math.floor(random() * points);
    const cut = CUTS[Math.floor(made / 2) % CUTS.length] as Cut;
    chosen.set(at, [...(chosen.get(at) ?? []), cut]);
  }
  return chosen;
}

function lay(image: ReadonlyMap<string, Buffer | 'directory'>, path: string): void {
  mkdirSync(path);
  for (const [name, content] of image) {
    // The index of the log lives in memory: a power cut leaves none.
    if (name.endsWith('-shm')) continue;
    const target = join(path, name);
    if (content === 'directory') mkdirSync(target, { recursive: true });
    else {
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, content);
    }
  }
}

async function faultsOf(path: string, due: readonly Promised[], driver: string): Promise<string[]> {
  const faults: string[] = [];
  // Without it no sealed key opens again.
  const key = join(path, 'master.key');
  if (due.length > 0 && !(existsSync(key) && /^[0-9a-f]{64}\n$/.test(readFileSync(key, 'utf8'))))
    faults.push('the master key is gone');
  let store: Awaited<ReturnType<typeof openStore>>;
  try {
    const options = {
      url: `sqlite:${join(path, 'parley.db')}`,
      driver: driver as 'auto',
      connections: 1,
    };
    store = await openStore(options, systemClock(), silentLog);
  } catch (error) {
    return [`the store does not open: ${(error as Error).message}`];
  }
  try {
    const whole = await sql<Record<string, string>>`pragma integrity_check`.execute(store.read);
    const words = whole.rows.map((row) => Object.values(row)[0]);
    if (words.length !== 1 || words[0] !== 'ok') faults.push(`integrity_check: ${words.join('; ')}`);
    for (const { kind, key } of await gone(store.read, path, due)) faults.push(`${kind} ${key} is gone`);
  } catch (error) {
    faults.push(`the store cannot be read: ${(error as Error).message}`);
  } finally {
    await store.close();
  }
  return faults;
}

/** What is not there of what was promised. */
async function gone(db: Db, dataDir: string, due: readonly Promised[]): Promise<Promised[]> {
  const inbound = await db.selectFrom('inbound').select(['mail_from', 'raw_hash']).execute();
  const answers = await db
    .selectFrom('message')
    .innerJoin('delivery', (join) =>
      join.onRef('delivery.origin_id', '=', 'message.id').on('delivery.origin_kind', '=', 'message'),
    )
    .select(['message.text', 'delivery.state'])
    .execute();
  const suppressions = await db.selectFrom('suppression').select('address').execute();
  const rawOf = new Map(inbound.map((row) => [row.mail_from, row.raw_hash]));
  const texts = new Set(answers.map((row) => row.text.split('\n')[0]));
  const suppressed = new Set(suppressions.map((row) => row.address));
  const missing: Promised[] = [];
  for (const promise of due) {
    const { kind, key } = promise;
    switch (kind) {
      case 'received': {
        const name = rawOf.get(key);
        const raw = name && (await readRawMessage(db, dataDir, name).catch(() => undefined));
        if (!raw || bodyHash(raw) !== promise.hash) missing.push(promise);
        break;
      }
      case 'answered':
        if (!texts.has(key)) missing.push(promise);
        break;
      case 'suppressed':
        if (!suppressed.has(key)) missing.push(promise);
        break;
      default:
        kind satisfies never;
    }
  }
  return missing;
}

/** The message as it was sent: what the receiver put on top of it (RFC 5321 4.4) is not counted. */
function bodyHash(raw: Buffer): string {
  const from = raw.indexOf('From: Lecteur ');
  return createHash('sha256')
    .update(raw.subarray(Math.max(0, from)))
    .digest('hex');
}
