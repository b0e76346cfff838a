/**
 * Secrets at rest. DKIM keys, token keys and passwords lie in the database only sealed (AES-256-GCM) under a master key
 * that lives outside it: in the environment, or in a file of the data directory that backups of the database leave out.
 * Whoever loses the master key loses the sealed secrets, and nothing else.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export interface Secrets {
  /** `purpose` binds the sealed bytes to their use: opened for another purpose they do not open. */
  seal(purpose: string, plain: Uint8Array): Buffer;
  open(purpose: string, sealed: Uint8Array): Buffer;
  /** A key for HMACs and the like, derived from the master key; the same for the same purpose. */
  derive(purpose: string): Buffer;
}

const VERSION = 1;
const NONCE = 12;
const TAG = 16;

export function createSecrets(masterKey: Uint8Array): Secrets {
  if (masterKey.length !== 32) throw new Error('the master key must be 32 bytes');
  const derive = (purpose: string) =>
    Buffer.from(hkdfSync('sha256', masterKey, Buffer.alloc(0), `parley ${purpose}`, 32));
  return {
    derive,
    seal(purpose, plain) {
      const nonce = randomBytes(NONCE);
      const cipher = createCipheriv('aes-256-gcm', derive(purpose), nonce);
      return Buffer.concat([
        Buffer.from([VERSION]),
        nonce,
        cipher.update(plain),
        cipher.final(),
        cipher.getAuthTag(),
      ]);
    },
    open(purpose, sealed) {
      const bytes = Buffer.from(sealed);
      if (bytes[0] !== VERSION || bytes.length < 1 + NONCE + TAG)
        throw new Error(`sealed ${purpose} is damaged`);
      const decipher = createDecipheriv('aes-256-gcm', derive(purpose), bytes.subarray(1, 1 + NONCE));
      decipher.setAuthTag(bytes.subarray(bytes.length - TAG));
      try {
        return Buffer.concat([
          decipher.update(bytes.subarray(1 + NONCE, bytes.length - TAG)),
          decipher.final(),
        ]);
      } catch (cause) {
        throw new Error(`the sealed ${purpose} does not open with this master key`, { cause });
      }
    },
  };
}

/**
 * The master key from the environment (`PARLEY_MASTER_KEY`, 64 hexadecimal digits) or from its file, which is made,
 * readable by the owner alone and synced, when it is not there.
 */
export function loadMasterKey(path: string, fromEnvironment = process.env['PARLEY_MASTER_KEY']): Buffer {
  if (fromEnvironment !== undefined && fromEnvironment !== '') {
    if (!/^[0-9a-f]{64}$/i.test(fromEnvironment))
      throw new Error('PARLEY_MASTER_KEY must be 64 hexadecimal digits');
    return Buffer.from(fromEnvironment, 'hex');
  }
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(path, 'wx', 0o600);
    writeSync(file, `${randomBytes(32).toString('hex')}\n`);
    fsyncSync(file);
    closeSync(file);
    // The key is only safe once its name is.
    const directory = openSync(dirname(path), 'r');
    fsyncSync(directory);
    closeSync(directory);
  }
  const text = readFileSync(path, 'utf8').trim();
  if (!/^[0-9a-f]{64}$/i.test(text))
    throw new Error(`the master key file ${path} does not hold 64 hexadecimal digits`);
  return Buffer.from(text, 'hex');
}
