import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createSecrets, loadMasterKey } from './secrets.ts';

const secrets = createSecrets(Buffer.alloc(32, 7));

test('what was sealed opens for the same purpose and key, and for no other', () => {
  const sealed = secrets.seal('dkim', Buffer.from('private'));
  expect(secrets.open('dkim', sealed).toString()).toBe('private');
  expect(() => secrets.open('token-key', sealed)).toThrow(/does not open/);
  expect(() => createSecrets(Buffer.alloc(32, 8)).open('dkim', sealed)).toThrow(/does not open/);
  expect(sealed.includes('private')).toBe(false);
});

test('one changed bit anywhere is found', () => {
  const sealed = secrets.seal('dkim', Buffer.from('private'));
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] as number) ^ 1;
    expect(() => secrets.open('dkim', changed)).toThrow();
  }
});

test('the master key file is made once, for its owner alone, and read again', () => {
  const directory = mkdtempSync(join(tmpdir(), 'parley-key-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'master.key');
  const key = loadMasterKey(path, '');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(loadMasterKey(path, '')).toEqual(key);
  expect(loadMasterKey(path, 'ab'.repeat(32))).toEqual(Buffer.alloc(32, 0xab));
  expect(() => loadMasterKey(path, 'short')).toThrow(/64 hexadecimal/);
  writeFileSync(path, 'damaged');
  expect(() => loadMasterKey(path, '')).toThrow(/does not hold/);
});
