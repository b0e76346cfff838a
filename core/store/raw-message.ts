/**
 * Received mail exactly as it came, addressed by its SHA-256. Up to 256 KiB it is a compressed row; larger ones are files
 * that are synced, with their directory, before the row that names them is written. Nothing is ever changed here.
 */
import { createHash, randomBytes, type Hash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { deflate, deflateSync, inflate, inflateSync } from 'node:zlib';
import { engineOf } from './batch.ts';
import { preparedByColumns } from './prepared.ts';
import type { Db, Row } from './tables.ts';

/** What is kept in the row itself; more goes to a file. */
export const LARGEST_ROW_BYTES = 256 * 1024;

/** Up to here a turn on the thread pool costs more than the work: 290 µs of processor for 10 KB, against 40 at once. */
const AT_ONCE_BYTES = 32 * 1024;
/** Most of what one message costs is the memory zlib clears: 39 µs for 10 KB in this much, 59 in the usual 256 KiB. */
const FAST = { level: 1, memLevel: 6, windowBits: 14 };
const deflatedLater = promisify<Buffer, { level: number }, Buffer>(deflate);
const inflatedLater = promisify<Uint8Array, Buffer>(inflate);
const deflated = (bytes: Buffer): Buffer | Promise<Buffer> =>
  bytes.length <= AT_ONCE_BYTES ? deflateSync(bytes, FAST) : deflatedLater(bytes, FAST);
const inflated = (body: Uint8Array, size: number): Buffer | Promise<Buffer> =>
  size <= AT_ONCE_BYTES ? inflateSync(body) : inflatedLater(body);

/** A message that lies safely, ready for its row. */
export type KeptRaw = Omit<Row<'raw_message'>, 'created_at'>;

/** Where large messages lie, below the data directory. */
export const rawPath = (dataDir: string, hash: string): string =>
  join(dataDir, 'raw', hash.slice(0, 2), hash);

/**
 * Takes a message in as it arrives: small ones stay in memory, large ones go to disk, so memory stays flat whatever a
 * stranger sends. `keep` ends it; `drop` leaves nothing behind.
 */
export class RawSpool {
  readonly #dataDir: string;
  readonly #hash: Hash = createHash('sha256');
  #chunks: Buffer[] = [];
  #file: FileHandle | undefined;
  #path = '';
  size = 0;
  /** The beginning of the message, for a look at its header. */
  head: Buffer = Buffer.alloc(0);

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  async write(chunk: Buffer): Promise<void> {
    this.size += chunk.length;
    this.#hash.update(chunk);
    if (this.#file === undefined) {
      this.#chunks.push(chunk);
      if (this.size <= LARGEST_ROW_BYTES) return;
      const folder = join(this.#dataDir, 'raw', 'incoming');
      await mkdir(folder, { recursive: true });
      this.#path = join(folder, randomBytes(12).toString('hex'));
      this.#file = await open(this.#path, 'wx', 0o600);
      this.head = Buffer.concat(this.#chunks);
      this.#chunks = [];
      await this.#file.writeFile(this.head);
      return;
    }
    await this.#file.writeFile(chunk);
  }

  async keep(): Promise<KeptRaw> {
    const hash = this.#hash.digest('hex');
    if (this.#file === undefined) {
      this.head = Buffer.concat(this.#chunks);
      const body = await deflated(this.head);
      return { hash, size: this.size, encoding: 'deflate', body };
    }
    const target = rawPath(this.#dataDir, hash);
    await mkdir(dirname(target), { recursive: true });
    await this.#file.sync();
    await this.#file.close();
    this.#file = undefined;
    await rename(this.#path, target);
    // The name is only safe once its directory is, and the directory once its own parent is, and so up to the top.
    for (const directory of [dirname(target), join(this.#dataDir, 'raw'), this.#dataDir])
      await syncDirectory(directory);
    return { hash, size: this.size, encoding: 'file', body: null };
  }

  async drop(): Promise<void> {
    this.#chunks = [];
    await this.#file?.close().catch(() => undefined);
    this.#file = undefined;
    if (this.#path !== '') await rm(this.#path, { force: true }).catch(() => undefined);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The row; equal mail is kept once. */
export const addRawMessage = (db: Db, kept: KeptRaw, now: number): Promise<void> =>
  addRawMessages(db, [kept], now);

const insertRaw = preparedByColumns<Row<'raw_message'>>((db, row) =>
  db
    .insertInto('raw_message')
    .values(row)
    .onConflict((conflict) => conflict.column('hash').doNothing()),
);

/** The rows of many messages: on SQLite one by one, which costs nothing there; over a wire in one statement. */
export async function addRawMessages(db: Db, kept: readonly KeptRaw[], now: number): Promise<void> {
  if (kept.length === 0) return;
  const each = new Map(kept.map((one) => [one.hash, one]));
  if (engineOf(db) === 'sqlite') {
    for (const one of each.values()) await insertRaw(db, { ...one, created_at: now });
    return;
  }
  await db
    .insertInto('raw_message')
    .values([...each.values()].map((one) => ({ ...one, created_at: now })))
    .onConflict((conflict) => conflict.column('hash').doNothing())
    .execute();
}

/** The message as it came, or undefined when there is no such row. */
export async function readRawMessage(db: Db, dataDir: string, hash: string): Promise<Buffer | undefined> {
  return (await readRawMessages(db, dataDir, [hash])).get(hash);
}

/** Many messages as they came, by their hash; one that is not there is absent. */
export async function readRawMessages(
  db: Db,
  dataDir: string,
  hashes: readonly string[],
): Promise<Map<string, Buffer>> {
  if (hashes.length === 0) return new Map();
  const rows = await db
    .selectFrom('raw_message')
    .selectAll()
    .where('hash', 'in', [...new Set(hashes)])
    .execute();
  return new Map(
    await Promise.all(rows.map(async (row) => [row.hash, await bytesOf(row, dataDir)] as const)),
  );
}

async function bytesOf(row: Row<'raw_message'>, dataDir: string): Promise<Buffer> {
  switch (row.encoding) {
    case 'file':
      return readFile(rawPath(dataDir, row.hash));
    case 'deflate':
      return inflated(row.body ?? Buffer.alloc(0), row.size);
    case 'identity':
      return Buffer.from(row.body ?? []);
    default:
      return row.encoding satisfies never;
  }
}
