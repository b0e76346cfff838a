/**
 * The key and certificate that every host of the lab shows, and the key that signs the mail of its people. Both are
 * public, made once (`openssl req -x509 -newkey rsa:2048 -nodes`) and good for nothing outside the lab: no host of the
 * real world would trust them, and nothing of Parley's reads them.
 */
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

export const labKey = readFileSync(new URL('./lab-key.pem', import.meta.url), 'utf8');
export const labCert = readFileSync(new URL('./lab-cert.pem', import.meta.url), 'utf8');

/** The selector under which every domain of the lab publishes its key. */
export const LAB_SELECTOR = 'lab';

/** RFC 6376 3.6.1: the public half, as the TXT record at `lab._domainkey.DOMAIN`. */
export const labDkimRecord = `v=DKIM1; k=rsa; p=${createPublicKey(labKey)
  .export({ type: 'spki', format: 'der' })
  .toString('base64')}`;
