/**
 * Takes a file of contacts in. The file is kept and synced before anything else; its rows go in by slices, and how far it
 * got commits with the slice, so that a kill anywhere resumes at the next row. Nobody who left, or may not be mailed, is
 * put back on a list; what people already told us is not overwritten unless asked for; every row that was not taken is
 * kept with its line and the reason.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Problem } from '../errors.ts';
import { cleanText } from '../mail/address.ts';
import type { Role, Runtime } from '../runtime.ts';
import { addFields, fields } from '../store/contact.ts';
import {
  addImport,
  changeImport,
  importById,
  runningImports,
  type ImportJob,
  type ImportLine,
} from '../store/import.ts';
import { fromJson, toJson } from '../store/json.ts';
import { listById } from '../store/list.ts';
import { guessFormat, readCsvFile, type CsvFormat, type CsvRow } from './csv.ts';
import { guessColumns, isHeader, targets, type Column, type FieldKind } from './import-mapping.ts';
import { rowReader, SliceTaken, takeSlice, type ConsentClaim } from './import-slice.ts';

type Needs = Pick<Runtime, 'store' | 'clock' | 'wake' | 'config' | 'log' | 'suppressions'>;

/** What is kept in `import.mapping`: how the file is written and where its columns go. */
export interface ImportPlan extends CsvFormat {
  /** Column of the file to a target, or null to leave it out. */
  columns: Record<string, string | null>;
  hasHeader: boolean;
  /** Kinds of the custom fields that the mapping speaks of. */
  kinds: Record<string, FieldKind>;
}

export const planOf = (job: Pick<ImportJob, 'mapping'>): ImportPlan =>
  fromJson<ImportPlan>(job.mapping, {
    encoding: 'utf-8',
    delimiter: ',',
    columns: {},
    hasHeader: true,
    kinds: {},
  });

/** Rows per transaction: some tens of milliseconds of the one writer. */
const SLICE = 1000;
const LOOKED_AT = 200;
const LARGEST_FILE = 4 * 1024 ** 3;

// ── the file ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** Keeps an uploaded file, synced, and guesses what is in it. Answers the import, which waits to be started. */
export async function receiveImport(
  rt: Needs,
  body: Readable,
  { fileName, by = null }: { fileName: string; by?: number | null },
): Promise<number> {
  const folder = join(rt.config.data_dir, 'imports');
  await mkdir(folder, { recursive: true });
  const name = `${randomBytes(12).toString('hex')}.csv`;
  const path = join(folder, name);
  const hash = createHash('sha256');
  let size = 0;
  try {
    await pipeline(
      body,
      async function* (source: AsyncIterable<Buffer | string>) {
        for await (const piece of source) {
          const bytes = Buffer.from(piece as Buffer);
          size += bytes.length;
          if (size > LARGEST_FILE) throw new Problem('too-large', 'the file is larger than 4 GB');
          hash.update(bytes);
          yield bytes;
        }
      },
      createWriteStream(path, { flush: true }),
    );
    if (size === 0) throw new Problem('invalid', 'the file is empty', { fields: { file: 'is empty' } });
    // The name of a new file is on disk only once its directory is.
    const directory = await open(folder);
    await directory.sync().finally(() => directory.close());
    const { encoding, delimiter, hasHeader, columns } = await look(path);
    const plan: ImportPlan = {
      encoding,
      delimiter,
      hasHeader,
      columns: Object.fromEntries(columns.map((column) => [column.name, column.suggestion])),
      kinds: {},
    };
    return await rt.store.write((tx) =>
      addImport(tx, {
        file_name: basename(fileName).slice(0, 255),
        path: join('imports', name),
        file_hash: hash.digest('hex'),
        mapping: toJson(plan),
        list_id: null,
        consent: 'null',
        update_existing: 0,
        state: 'ready',
        bytes_total: size,
        rows_done: 0,
        created: 0,
        updated: 0,
        duplicates: 0,
        unchanged: 0,
        failed: 0,
        error: null,
        created_by: by,
        created_at: rt.clock.now(),
        finished_at: null,
      }),
    );
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

interface Look extends CsvFormat {
  hasHeader: boolean;
  columns: Column[];
  rows: string[][];
}

/** The format, the columns and the first rows. */
async function look(path: string): Promise<Look> {
  const format = await guessFormat(path);
  const rows: string[][] = [];
  const stop = new AbortController();
  try {
    outer: for await (const batch of readCsvFile(path, format, stop.signal)) {
      for (const row of batch) {
        if (row.kind === 'row') rows.push(row.cells);
        if (rows.length > LOOKED_AT) break outer;
      }
    }
  } finally {
    stop.abort();
  }
  const hasHeader = isHeader(rows[0] ?? []);
  const header = headerNames(rows[0] ?? [], hasHeader);
  const body = hasHeader ? rows.slice(1) : rows;
  return { ...format, hasHeader, columns: guessColumns(header, body), rows: body.slice(0, 10) };
}

/** Names of columns, each once, whatever the file says. */
export function headerNames(cells: readonly string[], hasHeader: boolean): string[] {
  const seen = new Map<string, number>();
  return cells.map((cell, at) => {
    const name = (hasHeader ? cleanText(cell).trim().slice(0, 190) : '') || `column ${at + 1}`;
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return times === 1 ? name : `${name} (${times})`;
  });
}

export interface ImportPreview {
  encoding: string;
  delimiter: string;
  columns: Column[];
  rows: string[][];
}

/** What is in the file and where it could go. */
export async function previewImport(rt: Needs, id: number): Promise<ImportPreview> {
  const job = await existing(rt, id);
  const { encoding, delimiter, columns, rows } = await look(join(rt.config.data_dir, job.path));
  return { encoding, delimiter, columns, rows };
}

async function existing({ store }: Needs, id: number): Promise<ImportLine> {
  const job = await importById(store.read, id);
  if (job === undefined) throw new Problem('not-found', 'there is no such import');
  return job;
}

// ── the start ─────────────────────────────────────────────────────────────────────────────────────────────────────

export interface ImportStart {
  mapping: Record<string, string | null>;
  listId?: number | null;
  updateExisting?: boolean;
  /** New custom fields that the mapping speaks of; those that it forgets are made as text. */
  newFields?: { name: string; label: string; kind: FieldKind }[];
  /** Who agreed to what, how. Null: nothing is claimed, and nobody is recorded as having agreed. */
  consent?: ConsentClaim | null;
}

/** Lets it run. A conflict when it was started before. */
export async function startImport(rt: Needs, id: number, start: ImportStart): Promise<void> {
  const { store, clock, wake } = rt;
  const job = await existing(rt, id);
  const wanted = Object.values(start.mapping).filter((target) => target !== null);
  const wrong = (words: string) => new Problem('invalid', `mapping ${words}`, { fields: { mapping: words } });
  if (!wanted.includes('email')) throw wrong('has no column for the address');
  const twice = wanted.find((target, at) => wanted.indexOf(target) !== at);
  if (twice !== undefined) throw wrong(`has two columns for ${twice}`);
  const custom = wanted.filter((target) => !targets.some((one) => one === target));
  const bad = custom.find((target) => !/^fields\.[a-z][a-z0-9_]{0,62}$/.test(target));
  if (bad !== undefined) throw wrong(`names what is no field: ${bad.slice(0, 80)}`);
  if (start.listId != null && (await listById(store.read, start.listId)) === undefined)
    throw new Problem('invalid', 'there is no such list', { fields: { list_id: 'does not exist' } });
  await store.write(async (tx) => {
    const given = new Map((start.newFields ?? []).map((field) => [field.name, field]));
    const names = custom.map((target) => target.slice('fields.'.length));
    await addFields(
      tx,
      names.map((name) => given.get(name) ?? { name, label: name, kind: 'text' as const }),
      clock.now(),
    );
    const known = new Map((await fields(tx)).map((field) => [field.name, field.kind]));
    const plan: ImportPlan = {
      ...planOf(job),
      columns: start.mapping,
      kinds: Object.fromEntries(names.map((name) => [name, known.get(name) ?? 'text'])),
    };
    const moved = await changeImport(tx, id, 'ready', {
      state: 'running',
      mapping: toJson(plan),
      list_id: start.listId ?? null,
      update_existing: start.updateExisting ? 1 : 0,
      consent: toJson(start.consent ?? null),
    });
    if (moved === undefined) throw new Problem('conflict', `this import is ${job.state} already`);
  });
  wake.ring('import');
}

// ── the run ───────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Takes the rows in, from where the last commit left off to the end. Resolves when it is done, failed for good, or the
 * signal says stop; then it goes on at the next start.
 */
export async function runImport(rt: Needs, id: number, signal: AbortSignal): Promise<void> {
  const { store, clock, wake, log } = rt;
  const job = await existing(rt, id);
  if (job.state !== 'running') return;
  const began = performance.now();
  try {
    await takeAll(rt, job, signal);
    if (signal.aborted) return;
    await store.write((tx) => changeImport(tx, id, 'running', { state: 'done', finished_at: clock.now() }));
    log.info('import done', { import: id, ms: Math.round(performance.now() - began) });
  } catch (error) {
    if (signal.aborted || error instanceof SliceTaken) return;
    const code = (error as NodeJS.ErrnoException).code;
    // A file that is gone stays gone. Anything else may pass: the import goes on when it is next looked at.
    if (code !== 'ENOENT') throw error;
    await store.write((tx) =>
      changeImport(tx, id, 'running', {
        state: 'failed',
        error: 'the uploaded file is no longer there',
        finished_at: clock.now(),
      }),
    );
    log.warn('import failed', { import: id, error });
  } finally {
    wake.ring('import');
  }
}

async function takeAll(rt: Needs, job: ImportLine, signal: AbortSignal): Promise<void> {
  const plan = planOf(job);
  const path = join(rt.config.data_dir, job.path);
  let done = job.rows_done;
  let toSkip = done;
  let read: ReturnType<typeof rowReader> | undefined;
  let slice: CsvRow[] = [];

  const commit = async (): Promise<void> => {
    if (slice.length === 0 || read === undefined) return;
    const rows = slice.map(read);
    slice = [];
    await rt.store.write((tx) =>
      takeSlice(tx, { ...job, rows_done: done }, rows, rt.clock.now(), (address) =>
        rt.suppressions.isErased(address),
      ),
    );
    done += rows.length;
    rt.wake.ring('import');
  };

  for await (const batch of readCsvFile(path, plan, signal)) {
    for (const row of batch) {
      if (read === undefined) {
        const cells = row.kind === 'row' ? row.cells : [];
        read = rowReader(plan, headerNames(cells, plan.hasHeader));
        if (plan.hasHeader) continue;
      }
      if (toSkip > 0) {
        toSkip--;
        continue;
      }
      slice.push(row);
      if (slice.length < SLICE) continue;
      await commit();
      if (signal.aborted) return;
    }
  }
  await commit();
}

/** Goes on with every import that was begun, one after the other; looks again when one is started. */
export function imports(rt: Needs): Role {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let again = false;
  let off: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    if (stopping.signal.aborted) return;
    if (running !== undefined) {
      again = true;
      return;
    }
    running = runAll()
      .catch((error: unknown) => {
        if (!stopping.signal.aborted) rt.log.error('import stopped by a fault', { error });
      })
      .finally(() => {
        running = undefined;
        if (again) {
          again = false;
          setImmediate(look);
        }
      });
  }

  async function runAll(): Promise<void> {
    for (const job of await runningImports(rt.store.read)) {
      if (stopping.signal.aborted) return;
      await runImport(rt, job.id, stopping.signal);
    }
  }

  return {
    name: 'imports',
    async start() {
      off = rt.wake.on('import', look);
      // Real time: it only bounds how long a start that was not heard goes unnoticed.
      timer = setInterval(look, 2000);
      timer.unref();
      look();
    },
    async stop() {
      stopping.abort();
      clearInterval(timer);
      off?.();
      await running;
    },
  };
}
