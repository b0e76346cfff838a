import { expect, test } from 'vitest';
import { Disk, type Entry } from './powercut-record.ts';
import { whatIsMissing, withRecordedLife } from './powercut.ts';
import { stream } from './random.ts';

const missing = whatIsMissing();

test.skipIf(missing !== undefined)(
  `what was promised before a power cut is there after it, wherever it comes${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  { timeout: 240_000 },
  async () => {
    const run = { messages: 40, images: 120, seed: 1, driver: 'auto', say: () => {} };
    await withRecordedLife(run, async (life, check) => {
      const kinds = life.promises.map((promise) => promise.kind);
      expect(kinds.filter((kind) => kind === 'received')).toHaveLength(40);
      expect(kinds.filter((kind) => kind === 'suppressed').length).toBeGreaterThan(10);
      expect(kinds.filter((kind) => kind === 'answered').length).toBeGreaterThan(10);
      const sound = await check(life.entries);
      expect(sound.lost).toEqual([]);
      expect(sound.images).toBe(120);
      expect(sound.with_promises).toBeGreaterThan(80);

      // The same life on a disk whose syncs do nothing: if this found no loss, the above would say nothing.
      const log = life.entries.find((entry) => entry.kind === 'open' && entry.path.endsWith('-wal'));
      const file = log?.kind === 'open' ? log.file : 0;
      const unsynced = life.entries.map((entry): Entry =>
        entry.kind === 'sync' && entry.file === file ? { kind: 'said', port: 0, text: '' } : entry,
      );
      expect((await check(unsynced, 12)).lost.length).toBeGreaterThan(0);
    });
  },
);

// ── the disk itself, by hand ──────────────────────────────────────────────────────────────────────────────────────

const write = (file: number, offset: number, text: string): Entry => ({
  kind: 'write',
  file,
  offset,
  data: Buffer.from(text),
});
const open = (file: number, path: string, more: object = {}): Entry => ({
  kind: 'open',
  file,
  path,
  created: true,
  emptied: false,
  directory: false,
  ...more,
});
const folder = (file: number, path: string) => open(file, path, { created: false, directory: true });
const sync = (file: number): Entry => ({ kind: 'sync', file });

function after(entries: Entry[]): Disk {
  const disk = new Disk('/d');
  for (const entry of entries) disk.play(entry);
  return disk;
}
const left = (disk: Disk, cut: 'synced' | 'random' | 'torn', random = stream(1)) =>
  Object.fromEntries([...disk.image(cut, random)].map(([name, content]) => [name, content.toString()]));

test('a write is sure once its file was synced, a name once its directory was', () => {
  const begun = [folder(9, '/d'), open(1, '/d/a'), write(1, 0, 'one'), sync(1)];
  expect(left(after(begun), 'synced')).toEqual({});
  const named = [...begun, sync(9), write(1, 3, 'two')];
  expect(left(after(named), 'synced')).toEqual({ a: 'one' });
  expect(left(after([...named, sync(1)]), 'synced')).toEqual({ a: 'onetwo' });
});

test('a rename and a removal are undone while their directory is not synced', () => {
  const begun = [folder(9, '/d'), open(1, '/d/a'), write(1, 0, 'x'), sync(1), sync(9)];
  const moved: Entry[] = [...begun, { kind: 'rename', from: '/d/a', to: '/d/b' }];
  expect(left(after(moved), 'synced')).toEqual({ a: 'x' });
  expect(left(after([...moved, sync(9)]), 'synced')).toEqual({ b: 'x' });
  const removed: Entry[] = [...begun, { kind: 'unlink', path: '/d/a' }];
  expect(left(after(removed), 'synced')).toEqual({ a: 'x' });
  expect(left(after([...removed, sync(9)]), 'synced')).toEqual({});
});

test('a file in a directory whose own name is not sure cannot be found', () => {
  const inside: Entry[] = [
    folder(9, '/d'),
    { kind: 'mkdir', path: '/d/raw' },
    open(1, '/d/raw/m'),
    write(1, 0, 'x'),
    sync(1),
    folder(8, '/d/raw'),
    sync(8),
  ];
  expect(left(after(inside), 'synced')).toEqual({});
  expect(left(after([...inside, sync(9)]), 'synced')).toEqual({ raw: 'directory', 'raw/m': 'x' });
});

test('a cut may keep any part of what was not synced, and any sectors of the last write', () => {
  const begun = [folder(9, '/d'), open(1, '/d/a'), write(1, 0, 'o'.repeat(2048)), sync(1), sync(9)];
  const disk = after([...begun, write(1, 0, 'n'.repeat(2048))]);
  const random = stream(3);
  const torn = new Set(Array.from({ length: 200 }, () => left(disk, 'torn', random)['a']));
  expect(torn.size).toBe(16);
  for (const text of torn) expect(text?.match(/(.)\1*/g)?.every((run) => run.length % 512 === 0)).toBe(true);
  const kept = new Set(Array.from({ length: 50 }, () => left(disk, 'random', random)['a']));
  expect(kept).toEqual(new Set(['o'.repeat(2048), 'n'.repeat(2048)]));
});

test('a file that was cut short and written again has zeros, not old bytes, between', () => {
  const disk = after([
    folder(9, '/d'),
    open(1, '/d/a'),
    write(1, 0, 'abcdef'),
    { kind: 'truncate', file: 1, length: 2 },
    write(1, 4, 'z'),
    sync(1),
    sync(9),
  ]);
  expect(left(disk, 'synced')).toEqual({ a: 'ab\0\0z' });
});
