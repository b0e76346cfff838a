/**
 * The server's certificate: the configured files, or a self-signed one made at first start and kept in the data
 * directory, so that SMTP can always offer STARTTLS. Never the certificate that a library ships with.
 */
import { generateKeyPair, randomBytes, sign } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Certificate {
  key: string;
  cert: string;
  selfSigned: boolean;
}

export interface CertificateOptions {
  certificate: string;
  key: string;
  dataDir: string;
  hostname: string;
}

const YEARS_10_MS = 10 * 365 * 24 * 3_600_000;

export async function serverCertificate(options: CertificateOptions, now: number): Promise<Certificate> {
  if (options.certificate !== '') {
    return {
      cert: read(options.certificate, 'certificate'),
      key: read(options.key, 'key'),
      selfSigned: false,
    };
  }
  const certFile = join(options.dataDir, 'self-signed.crt');
  const keyFile = join(options.dataDir, 'self-signed.key');
  if (!existsSync(certFile) || !existsSync(keyFile)) {
    const made = await selfSigned(options.hostname, now);
    mkdirSync(options.dataDir, { recursive: true });
    writeFileSync(keyFile, made.key, { mode: 0o600 });
    writeFileSync(certFile, made.cert);
  }
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8'), selfSigned: true };
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Error(`reading the tls ${what} ${path}`, { cause });
  }
}

export interface NewCertificate {
  hostname: string;
  notBefore: number;
  notAfter: number;
  /** Who signs; itself when absent. */
  issuer?: { hostname: string; key: string };
  /** It may sign others (RFC 5280 4.2.1.9). */
  authority?: boolean;
}

/** A P-256 certificate for one host name, signed by itself. */
export const selfSigned = (hostname: string, now: number): Promise<{ key: string; cert: string }> =>
  makeCertificate({ hostname, notBefore: now - 3_600_000, notAfter: now + YEARS_10_MS });

/** A P-256 certificate for one host name. */
export async function makeCertificate(wanted: NewCertificate): Promise<{ key: string; cert: string }> {
  const host = hostOf(wanted.hostname);
  const pair = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const algorithm = der(0x30, oid('1.2.840.10045.4.3.2')); // ecdsa-with-SHA256
  // RFC 5280 4.1: serial numbers are positive and at most 20 octets.
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  // RFC 5280 4.2.1.6: a client looks for the host in the alternative names, not in the subject.
  const extensions = [der(0x30, oid('2.5.29.17'), der(0x04, der(0x30, der(0x82, Buffer.from(host)))))];
  if (wanted.authority === true)
    extensions.push(
      der(
        0x30,
        oid('2.5.29.19'),
        der(0x01, Buffer.of(0xff)),
        der(0x04, der(0x30, der(0x01, Buffer.of(0xff)))),
      ),
    );
  const body = der(
    0x30,
    der(0xa0, der(0x02, Buffer.of(2))), // version 3
    der(0x02, serial),
    algorithm,
    nameOf(hostOf(wanted.issuer?.hostname ?? host)),
    der(0x30, time(wanted.notBefore), time(wanted.notAfter)),
    nameOf(host),
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(0x30, ...extensions)),
  );
  const signature = sign('sha256', body, wanted.issuer?.key ?? pair.privateKey);
  const certificate = der(0x30, body, algorithm, der(0x03, Buffer.of(0), signature));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
  };
}

const hostOf = (hostname: string) => hostname.replace(/[^A-Za-z0-9.-]/g, '');

const nameOf = (host: string) =>
  der(0x30, der(0x31, der(0x30, oid('2.5.4.3'), der(0x0c, Buffer.from(host.slice(0, 64))))));

/** X.690 8.1: tag, length, contents. */
function der(tag: number, ...parts: Buffer[]): Buffer {
  const contents = Buffer.concat(parts);
  const { length } = contents;
  const head =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...head), contents]);
}

/** X.690 8.19 */
function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const octets = [first * 40 + second];
  for (const part of rest) {
    const groups = [part & 0x7f];
    for (let left = part >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    octets.push(...groups);
  }
  return der(0x06, Buffer.from(octets));
}

/** RFC 5280 4.1.2.5: UTCTime until 2049, GeneralizedTime after. */
function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replace(/[-:T]|\.\d+/g, '');
  return Number(digits.slice(0, 4)) < 2050
    ? der(0x17, Buffer.from(digits.slice(2)))
    : der(0x18, Buffer.from(digits));
}
