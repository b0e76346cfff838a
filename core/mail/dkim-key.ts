/**
 * DKIM keys: made, read, and told to the DNS. RSA-2048 for everybody, Ed25519 beside it for those who can; nothing weaker
 * than 2048 bits is ever used to sign.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { Problem } from '../errors.ts';

export type DkimAlgorithm = 'rsa-sha256' | 'ed25519-sha256';

export interface DkimKeyPair {
  algorithm: DkimAlgorithm;
  /** PKCS#8 DER: what is sealed and stored. */
  privateDer: Buffer;
  /** The TXT record's value, in one piece. */
  record: string;
}

const generate = promisify(generateKeyPair);

/** A new pair, made on the thread pool. */
export async function generateDkimKey(algorithm: DkimAlgorithm): Promise<DkimKeyPair> {
  const { privateKey } =
    algorithm === 'rsa-sha256'
      ? await generate('rsa', { modulusLength: 2048 })
      : await generate('ed25519', {});
  return {
    algorithm,
    privateDer: privateKey.export({ type: 'pkcs8', format: 'der' }),
    record: dkimRecord(privateKey),
  };
}

/**
 * A private key from PKCS#8 DER or PEM (PKCS#1 too). Throws a Problem for what may not sign: an RSA key under 2048 bits
 * (RFC 8301 3.2), another kind, a public or encrypted key.
 */
export function readDkimKey(source: Uint8Array | string): { key: KeyObject; algorithm: DkimAlgorithm } {
  let key: KeyObject;
  try {
    key =
      typeof source === 'string'
        ? createPrivateKey(source)
        : createPrivateKey({ key: Buffer.from(source), format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw new Problem('invalid', 'the DKIM key is not a readable private key', {
      fields: { key: 'is not a readable private key' },
      cause,
    });
  }
  if (key.asymmetricKeyType === 'ed25519') return { key, algorithm: 'ed25519-sha256' };
  if (key.asymmetricKeyType !== 'rsa') {
    throw new Problem('invalid', `a DKIM key is RSA or Ed25519, not ${key.asymmetricKeyType}`, {
      fields: { key: 'must be RSA or Ed25519' },
    });
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < 2048) {
    throw new Problem('invalid', `the DKIM key has ${bits} bits: at least 2048 are needed`, {
      fields: { key: 'must have at least 2048 bits' },
    });
  }
  return { key, algorithm: 'rsa-sha256' };
}

/** The record's value: `v=DKIM1; k=rsa; p=…` (RFC 6376 3.6.1, RFC 8463 4). */
export function dkimRecord(privateKey: KeyObject): string {
  const publicKey = createPublicKey(privateKey);
  if (publicKey.asymmetricKeyType === 'ed25519') {
    // RFC 8463 4: the 32 bytes of the key themselves, without a wrapping.
    const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url');
    return `v=DKIM1; k=ed25519; p=${raw.toString('base64')}`;
  }
  return `v=DKIM1; k=rsa; p=${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`;
}

export function dkimRecordName(selector: string, domain: string): string {
  return `${selector}._domainkey.${domain}`;
}

/** Whether a record found in the DNS publishes the same key as ours, however it is written. */
export function hasDkimKey(found: string, ours: string): boolean {
  return publishedKey(found) !== '' && publishedKey(found) === publishedKey(ours);
}

const publishedKey = (record: string): string =>
  /(?:^|;)\s*p=([^;]*)/.exec(record)?.[1]?.replace(/\s+/g, '') ?? '';

/** RFC 1035 3.3: a TXT string holds at most 255 octets, so longer records are several, joined without a space. */
export function txtStrings(record: string): string[] {
  return record.match(/.{1,255}/gs) ?? [''];
}

/** The line for a zone file: `"v=DKIM1; k=rsa; p=MII…" "…"`. */
export function zoneText(record: string): string {
  return txtStrings(record)
    .map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`)
    .join(' ');
}
