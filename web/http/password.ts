/**
 * Passwords, kept so that a stolen table tells none of them: Argon2id (RFC 9106), scrypt where this Node has no Argon2.
 * The text of a hash carries its parameters, so they can grow without anybody signing in again.
 */
import * as crypto from 'node:crypto';
import { promisify } from 'node:util';

interface Argon2Parameters {
  message: string;
  nonce: Buffer;
  parallelism: number;
  tagLength: number;
  memory: number;
  passes: number;
}
type Argon2 = (
  algorithm: 'argon2id',
  parameters: Argon2Parameters,
  done: (error: Error | null, key: Buffer) => void,
) => void;

const argon2 = (crypto as { argon2?: Argon2 }).argon2;
const scrypt = promisify(crypto.scrypt) as (
  password: string,
  salt: Buffer,
  length: number,
  options: crypto.ScryptOptions,
) => Promise<Buffer>;

const KEY_BYTES = 32;
/** RFC 9106 4: the second recommended option, 64 MiB and three passes, one lane here. */
const MEMORY_KIB = 65_536;
const PASSES = 3;
const SCRYPT_N = 2 ** 17;

export async function hashPassword(password: string): Promise<string> {
  const salt = crypto.randomBytes(16);
  if (argon2 === undefined) {
    const key = await scryptKey(password, salt, SCRYPT_N);
    return `scrypt$${SCRYPT_N}$${salt.toString('base64url')}$${key.toString('base64url')}`;
  }
  const key = await argon2Key(password, salt, MEMORY_KIB, PASSES);
  return `argon2id$${MEMORY_KIB}$${PASSES}$${salt.toString('base64url')}$${key.toString('base64url')}`;
}

/** Takes as long for nobody as for somebody: hand in null when there is no such user. */
export async function isPassword(password: string, hash: string | null): Promise<boolean> {
  const parts = (hash ?? (await nobody())).split('$');
  const expected = Buffer.from(parts.at(-1) ?? '', 'base64url');
  const salt = Buffer.from(parts.at(-2) ?? '', 'base64url');
  const key =
    parts[0] === 'argon2id'
      ? await argon2Key(password, salt, Number(parts[1]), Number(parts[2]))
      : await scryptKey(password, salt, Number(parts[1]));
  return hash !== null && key.length === expected.length && crypto.timingSafeEqual(key, expected);
}

let stranger: Promise<string> | undefined;
const nobody = (): Promise<string> => (stranger ??= hashPassword(crypto.randomBytes(16).toString('hex')));

function argon2Key(password: string, nonce: Buffer, memory: number, passes: number): Promise<Buffer> {
  if (argon2 === undefined) throw new Error('this Node has no argon2: sign in with a Node of 24.7 or newer');
  return new Promise((resolve, reject) => {
    argon2(
      'argon2id',
      { message: password.normalize('NFKC'), nonce, parallelism: 1, tagLength: KEY_BYTES, memory, passes },
      (error, key) => (error === null ? resolve(key) : reject(error)),
    );
  });
}

const scryptKey = (password: string, salt: Buffer, N: number): Promise<Buffer> =>
  scrypt(password.normalize('NFKC'), salt, KEY_BYTES, { N, r: 8, p: 1, maxmem: 256 * N * 8 });
