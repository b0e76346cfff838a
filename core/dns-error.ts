/** Why a question to the DNS has no records: an answer that says so, or no answer at all. */

export type DnsErrorCode = 'NXDOMAIN' | 'NODATA' | 'SERVFAIL' | 'TIMEOUT' | 'REFUSED' | 'INVALID';

/** NXDOMAIN and NODATA are answers; the others say that we do not know yet. */
export class DnsError extends Error {
  readonly code: DnsErrorCode;
  readonly question: string;

  constructor(code: DnsErrorCode, question: string, cause?: unknown) {
    super(`${question}: ${code}`, { cause });
    this.name = 'DnsError';
    this.code = code;
    this.question = question;
  }

  get temporary(): boolean {
    return this.code !== 'NXDOMAIN' && this.code !== 'NODATA';
  }
}
