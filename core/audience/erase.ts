/**
 * Erasing a person in one step (GDPR 17): every table, the raw mail, the files of imports, and the free pages of the database
 * file. What stays is a keyed hash of the address: it stops marketing should somebody bring the address in again, and tells
 * nobody who it was without the key.
 */
import { createHmac } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import type { Secrets } from '../secrets.ts';
import {
  eraseTraces,
  keepErasure,
  onTheWire,
  rowsOfPerson,
  tracesOf,
  type Counts,
} from '../store/erasure.ts';
import { finishedImportFiles } from '../store/import.ts';
import { toJson } from '../store/json.ts';
import { rawPath } from '../store/raw-message.ts';
import { addAudit } from '../store/user.ts';
import { mailedHash } from '../submission/group.ts';
import { forgetTold } from './event-erase.ts';

/** What stands where the address stood. */
export const STAND_IN = 'erased@erased.invalid';

/** Above this a database file is not rewritten while people work: `parley erase --rewrite` does it in a quiet hour. */
const REWRITTEN_UP_TO = 512 * 1024 * 1024;

/** The same for the same address and master key; nobody gets from it to the address without the key. */
export function erasedHash(secrets: Pick<Secrets, 'derive'>): (address: string) => string {
  const key = secrets.derive('erased addresses');
  return (address) => createHmac('sha256', key).update(address.toLowerCase()).digest('hex');
}

export interface Erased {
  counts: Counts;
  /** False: the file is large, and remains of old rows lie in it until it is rewritten. */
  rewritten: boolean;
}

type Needs = Pick<Runtime, 'store' | 'suppressions' | 'wake' | 'clock' | 'secrets' | 'config'>;

/** Erases whoever has this address (in the store's form). In force, and off the disk, when it resolves. */
export async function erasePerson(
  rt: Needs,
  address: string,
  by: number | null,
  { rewrite = false } = {},
): Promise<Erased> {
  const { store, config, clock } = rt;
  const now = clock.now();
  const hashOf = erasedHash(rt.secrets);
  const { counts, files, addresses } = await store.write(async (tx) => {
    const traces = await tracesOf(tx, address);
    if ((await onTheWire(tx, traces)).length > 0)
      throw new Problem('conflict', 'a message to them is on the wire this moment: try again in a minute');
    // First, because the summary of what programs told holds values of theirs.
    const told = traces.contactId === null ? 0 : await forgetTold(tx, traces.contactId);
    const erased = await eraseTraces(tx, traces, STAND_IN, mailedHash, now);
    if (told > 0) erased.counts['event'] = (erased.counts['event'] ?? 0) + told;
    for (const one of traces.addresses)
      await keepErasure(tx, { hash: hashOf(one), made_by: by, counts: toJson(erased.counts) }, now);
    await addAudit(
      tx,
      {
        userId: by,
        action: 'person erased',
        subject: `erasure:${hashOf(address).slice(0, 12)}`,
        detail: erased.counts,
      },
      now,
    );
    return { ...erased, addresses: traces.addresses };
  });
  for (const one of addresses) {
    rt.suppressions.forget(one);
    rt.suppressions.addErased(hashOf(one));
  }
  rt.wake.ring('suppression');
  for (const file of files) await rm(rawPath(config.data_dir, file), { force: true });
  for (const path of await finishedImportFiles(store.read))
    if (await holds(join(config.data_dir, path), addresses)) {
      await rm(join(config.data_dir, path), { force: true });
      counts['import_file'] = (counts['import_file'] ?? 0) + 1;
    }
  return { counts, rewritten: await store.shred(rewrite ? Number.POSITIVE_INFINITY : REWRITTEN_UP_TO) };
}

/** A name that is JSON in one table is plain words in another: `evidence` of a suppression. */
function asJson(value: unknown): unknown {
  if (typeof value !== 'string' || !/^[[{]/.test(value)) return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

/** Columns that hold JSON, as JSON. */
const JSON_COLUMNS = ['fields', 'tags', 'evidence', 'consents', 'data', 'fill', 'metadata', 'to_addresses'];

/** Everything that is known of whoever has this address, as one document (GDPR 15 and 20); undefined: nothing at all. */
export async function exportPerson(
  { store, clock }: Pick<Runtime, 'store' | 'clock'>,
  address: string,
): Promise<Record<string, unknown> | undefined> {
  const found = await rowsOfPerson(store.read, await tracesOf(store.read, address));
  if (Object.values(found).every((rows) => rows.length === 0)) return undefined;
  const parsed = Object.entries(found).map(([name, rows]) => [
    name,
    rows.map((row) =>
      Object.fromEntries(
        Object.entries(row as Record<string, unknown>).map(([column, value]) => [
          column,
          JSON_COLUMNS.includes(column) ? asJson(value) : value,
        ]),
      ),
    ),
  ]);
  return { address, exported_at: new Date(clock.now()).toISOString(), ...Object.fromEntries(parsed) };
}

/** Whether a file has one of the addresses, in any case, read in pieces that overlap. */
async function holds(path: string, addresses: readonly string[]): Promise<boolean> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return false;
  try {
    const wanted = addresses.map((address) => address.toLowerCase());
    const longest = Math.max(...wanted.map((one) => one.length));
    const buffer = Buffer.alloc(1024 * 1024);
    let rest = '';
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return false;
      const text = rest + buffer.toString('latin1', 0, bytesRead).toLowerCase();
      if (wanted.some((one) => text.includes(one))) return true;
      rest = text.slice(-longest);
    }
  } finally {
    await file.close();
  }
}
