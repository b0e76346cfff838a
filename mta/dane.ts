/**
 * DANE: whether the certificate that a mail host shows is one that its own signed DNS names (RFC 7672). Pure: records
 * and certificates in, a verdict out. Public authorities play no part in it, so a self-signed certificate is as good as
 * any other.
 */
import { createHash, timingSafeEqual, type X509Certificate } from 'node:crypto';

export interface TlsaRecord {
  /** 2: an authority of the receiver's own · 3: the host's certificate. RFC 7672 3.1 knows no others for mail. */
  usage: number;
  /** 0: the whole certificate · 1: its public key. */
  selector: number;
  /** 0: as it is · 1: its SHA-256 · 2: its SHA-512. */
  matchingType: number;
  data: Buffer;
}

export type DaneVerdict = { kind: 'match' } | { kind: 'mismatch'; reason: string };

/** Records that say something we can check. With none of them TLS is required all the same, unauthenticated (2.2). */
export function usableTlsa(records: readonly TlsaRecord[]): TlsaRecord[] {
  return records.filter(
    ({ usage, selector, matchingType, data }) =>
      // RFC 7672 3.1.3: usages 0 and 1 want public authorities as well, which mail does not ask; they are unusable.
      (usage === 2 || usage === 3) &&
      (selector === 0 || selector === 1) &&
      (matchingType === 0
        ? data.length > 0
        : matchingType === 1
          ? data.length === 32
          : matchingType === 2 && data.length === 64),
  );
}

/** `chain` is what the host showed, its own certificate first; `names` are those that an authority may vouch for. */
export function daneVerdict(
  records: readonly TlsaRecord[],
  chain: readonly X509Certificate[],
  names: readonly string[],
  now: number,
): DaneVerdict {
  const [leaf] = chain;
  if (leaf === undefined) return mismatch('the host showed no certificate');
  // RFC 7672 3.1.1: with usage 3 the record binds the key; neither the name in the certificate nor its dates count.
  if (records.some((record) => record.usage === 3 && isNamedBy(record, leaf))) return { kind: 'match' };
  const authorities = records.filter((record) => record.usage === 2);
  const at = chain.findIndex((one) => authorities.some((record) => isNamedBy(record, one)));
  if (at === -1) return mismatch('no certificate that the host showed is named by a TLSA record');
  // RFC 7672 3.1.2: below the authority the chain has to hold, be in date, and name the host.
  for (const [index, one] of chain.slice(0, at + 1).entries()) {
    if (now < Date.parse(one.validFrom) || now > Date.parse(one.validTo))
      return mismatch('a certificate below the authority of the TLSA record is out of date');
    const issuer = chain[index + 1];
    if (index < at && (issuer === undefined || !one.checkIssued(issuer) || !one.verify(issuer.publicKey)))
      return mismatch('the chain up to the authority of the TLSA record does not hold');
  }
  if (!names.some((name) => leaf.checkHost(name) !== undefined))
    return mismatch(`the certificate is not for ${names.join(' or ')}`);
  return { kind: 'match' };
}

function isNamedBy({ selector, matchingType, data }: TlsaRecord, certificate: X509Certificate): boolean {
  const part =
    selector === 0
      ? certificate.raw
      : (certificate.publicKey.export({ type: 'spki', format: 'der' }) as Buffer);
  const shown =
    matchingType === 0
      ? part
      : createHash(matchingType === 1 ? 'sha256' : 'sha512')
          .update(part)
          .digest();
  return shown.length === data.length && timingSafeEqual(shown, data);
}

/** The certificates that a host showed, in order, each issued by the next. */
export function chainOf(leaf: X509Certificate | undefined): X509Certificate[] {
  const chain: X509Certificate[] = [];
  // RFC 8446 4.4.2 sets no end to it; ten is more than anybody needs.
  for (let at = leaf; at !== undefined && chain.length < 10; at = at.issuerCertificate) {
    if (chain.at(-1)?.fingerprint256 === at.fingerprint256) break;
    chain.push(at);
  }
  return chain;
}

const mismatch = (reason: string): DaneVerdict => ({ kind: 'mismatch', reason });
