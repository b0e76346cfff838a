/**
 * The record of what a process wrote, synced and promised (by `powercut-shim.c`), and the files as a power cut at any point
 * of it may leave them. It goes by what POSIX promises and no more: a write is sure once its file was synced, a name once
 * its directory was; everything else may be there, be missing, or be half there, sector by sector.
 */
import { readFileSync } from 'node:fs';

export type Entry =
  | { kind: 'open'; file: number; path: string; created: boolean; emptied: boolean; directory: boolean }
  | { kind: 'write'; file: number; offset: number; data: Buffer }
  | { kind: 'sync'; file: number }
  | { kind: 'truncate'; file: number; length: number }
  | { kind: 'rename'; from: string; to: string }
  | { kind: 'unlink'; path: string }
  | { kind: 'mkdir'; path: string }
  /** The beginning of what left for a client, by the port that the client speaks from. */
  | { kind: 'said'; port: number; text: string };

const HEADER = 32;
const SECTOR = 512;

export function readRecord(path: string): Entry[] {
  const bytes = readFileSync(path);
  const entries: Entry[] = [];
  for (let at = 0; at + HEADER <= bytes.length;) {
    const op = bytes.readUInt32LE(at);
    const length = bytes.readUInt32LE(at + 4);
    const file = Number(bytes.readBigUInt64LE(at + 8));
    const offset = Number(bytes.readBigUInt64LE(at + 16));
    const flags = Number(bytes.readBigUInt64LE(at + 24));
    const data = bytes.subarray(at + HEADER, at + HEADER + length);
    at += HEADER + length;
    entries.push(entryOf(op, file, offset, flags, data));
  }
  return entries;
}

function entryOf(op: number, file: number, offset: number, flags: number, data: Buffer): Entry {
  switch (op) {
    case 1:
      return {
        kind: 'open',
        file,
        path: data.toString(),
        created: (flags & 1) !== 0,
        emptied: (flags & 2) !== 0,
        directory: (flags & 4) !== 0,
      };
    case 2:
      return { kind: 'write', file, offset, data };
    case 3:
      return { kind: 'sync', file };
    case 4:
      return { kind: 'truncate', file, length: offset };
    case 5: {
      const [from = '', to = ''] = data.toString().split('\n');
      return { kind: 'rename', from, to };
    }
    case 6:
      return { kind: 'unlink', path: data.toString() };
    case 7:
      return { kind: 'mkdir', path: data.toString() };
    case 8:
      return { kind: 'said', port: file, text: data.toString('latin1') };
    default:
      throw new Error(`the record has an entry of kind ${op}`);
  }
}

type Change = { offset: number; data: Buffer } | { length: number };

/** One file's content: what is sure, and what came since the last sync, in order. */
interface Content {
  sure: Buffer;
  since: Change[];
}

/** A name that appeared, moved or went, and is not yet sure. */
interface NameChange {
  directory: string;
  apply(names: Map<string, Content | 'directory'>): void;
}

/** How much of what was not sure the cut left: nothing, any part of it, or all but a part of the last write. */
export type Cut = 'synced' | 'random' | 'torn';
export const CUTS: readonly Cut[] = ['synced', 'random', 'torn'];

const parent = (path: string): string => path.slice(0, path.lastIndexOf('/'));

/** Plays a record forward, and says at any moment what a power cut then would leave. */
export class Disk {
  /** As the running process sees it. */
  readonly #names = new Map<string, Content | 'directory'>();
  /** As it would be found if nothing unsynced had reached the disk. */
  readonly #sureNames = new Map<string, Content | 'directory'>();
  readonly #nameChanges: NameChange[] = [];
  readonly #byFile = new Map<number, Content>();
  readonly #directories = new Map<number, string>();
  #lastWritten: Content | undefined;
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  play(entry: Entry): void {
    switch (entry.kind) {
      case 'open':
        return this.#open(entry);
      case 'write': {
        const content = this.#byFile.get(entry.file);
        content?.since.push({ offset: entry.offset, data: entry.data });
        this.#lastWritten = content;
        return;
      }
      case 'truncate':
        this.#byFile.get(entry.file)?.since.push({ length: entry.length });
        return;
      case 'sync':
        return this.#sync(entry.file);
      case 'rename': {
        const { from, to } = entry;
        return this.#rename(from, to);
      }
      case 'unlink':
        return this.#change(entry.path, (names) => names.delete(entry.path));
      case 'mkdir':
        return this.#change(entry.path, (names) => names.set(entry.path, 'directory'));
      case 'said':
        return;
      default:
        return entry satisfies never;
    }
  }

  #open({ file, path, created, emptied, directory }: Extract<Entry, { kind: 'open' }>): void {
    if (directory) {
      this.#directories.set(file, path);
      return;
    }
    if (created) {
      const content: Content = { sure: Buffer.alloc(0), since: [] };
      this.#byFile.set(file, content);
      this.#change(path, (names) => names.set(path, content));
    } else if (emptied) this.#byFile.get(file)?.since.push({ length: 0 });
  }

  #rename(from: string, to: string): void {
    const content = this.#names.get(from);
    if (content === undefined) return;
    // Both ends lie under the root; the directory that must be synced is the one it moves to.
    this.#change(to, (names) => {
      names.delete(from);
      names.set(to, content);
    });
  }

  #change(path: string, apply: NameChange['apply']): void {
    apply(this.#names);
    this.#nameChanges.push({ directory: parent(path), apply });
  }

  #sync(file: number): void {
    const directory = this.#directories.get(file);
    if (directory !== undefined) {
      const kept = this.#nameChanges.filter((change) => change.directory !== directory);
      for (const change of this.#nameChanges)
        if (change.directory === directory) change.apply(this.#sureNames);
      this.#nameChanges.splice(0, Infinity, ...kept);
      return;
    }
    const content = this.#byFile.get(file);
    if (content === undefined) return;
    content.sure = changed(content.sure, content.since);
    content.since = [];
  }

  /** The files that a cut at this moment leaves, by their path below the root. */
  image(cut: Cut, random: () => number): Map<string, Buffer | 'directory'> {
    const names = new Map(this.#sureNames);
    // A name may be there without its directory's sync, but its directory must be there too.
    for (const change of this.#nameChanges)
      if (cut === 'torn' || (cut === 'random' && random() < 0.5)) change.apply(names);
    const image = new Map<string, Buffer | 'directory'>();
    for (const [path, content] of names) {
      if (!this.#isReachable(path, names)) continue;
      const name = path.slice(this.#root.length + 1);
      image.set(name, content === 'directory' ? content : this.#left(content, cut, random));
    }
    return image;
  }

  #isReachable(path: string, names: ReadonlyMap<string, Content | 'directory'>): boolean {
    const above = parent(path);
    return above.length <= this.#root.length || (names.has(above) && this.#isReachable(above, names));
  }

  #left(content: Content, cut: Cut, random: () => number): Buffer {
    switch (cut) {
      case 'synced':
        return content.sure;
      case 'random':
        return changed(
          content.sure,
          content.since.filter(() => random() < 0.5),
        );
      case 'torn': {
        const last = content.since.at(-1);
        if (content !== this.#lastWritten || last === undefined || 'length' in last)
          return changed(content.sure, content.since);
        return changed(content.sure, [...content.since.slice(0, -1), ...torn(last, random)]);
      }
      default:
        return cut satisfies never;
    }
  }
}

/** Any of the sectors that a write touched. */
function torn({ offset, data }: { offset: number; data: Buffer }, random: () => number): Change[] {
  const pieces: Change[] = [];
  for (let at = 0; at < data.length;) {
    const end = Math.min(data.length, at + SECTOR - ((offset + at) % SECTOR));
    if (random() < 0.5) pieces.push({ offset: offset + at, data: data.subarray(at, end) });
    at = end;
  }
  return pieces;
}

function changed(before: Buffer, changes: readonly Change[]): Buffer {
  if (changes.length === 0) return before;
  let size = before.length;
  let largest = size;
  for (const change of changes) {
    size = 'length' in change ? change.length : Math.max(size, change.offset + change.data.length);
    largest = Math.max(largest, size);
  }
  const bytes = Buffer.alloc(largest);
  before.copy(bytes);
  size = before.length;
  for (const change of changes) {
    if ('length' in change) {
      if (change.length < size) bytes.fill(0, change.length, size);
      size = change.length;
    } else {
      change.data.copy(bytes, change.offset);
      size = Math.max(size, change.offset + change.data.length);
    }
  }
  return bytes.subarray(0, size);
}
