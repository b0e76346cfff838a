/**
 * The server's certificate: the configured files, or a self-signed one made at first start and kept in the data
 * directory, so that SMTP can always offer STARTTLS. Never the certificate that a library ships with.
 */
import { webcrypto } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

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

/** A P-256 certificate for one host name, signed by itself. */
export async function selfSigned(hostname: string, now: number): Promise<{ key: string; cert: string }> {
  await import('reflect-metadata');
  const {
    KeyUsageFlags,
    KeyUsagesExtension,
    SubjectAlternativeNameExtension,
    X509CertificateGenerator,
    cryptoProvider,
  } = await import('@peculiar/x509');
  cryptoProvider.set(webcrypto as never);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${hostname.replace(/[^A-Za-z0-9.-]/g, '')}`,
    notBefore: new Date(now - 3_600_000),
    notAfter: new Date(now + YEARS_10_MS),
    keys: keys as never,
    signingAlgorithm: algorithm,
    extensions: [
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature),
      new SubjectAlternativeNameExtension([{ type: 'dns', value: hostname }]),
    ],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    key: `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`,
    cert: certificate.toString('pem'),
  };
}
