/**
 * How one attempt to hand over one message to one recipient ended. A remote "no" is a value here, never an exception;
 * so is a line that breaks, with the one thing that matters about it: whether the message may have arrived.
 */
import type { Extension } from './quirks.ts';
import type { Reply } from './reply.ts';

export type Stage = 'connect' | 'greeting' | 'ehlo' | 'starttls' | 'mail' | 'rcpt' | 'data' | 'dot';

/** With whom a connection was sought that came to no session, and all that was said. */
export interface Spoke {
  host: string;
  /** Address and port. */
  remote: string;
  transcript: readonly string[];
}

export interface Accepted {
  kind: 'accepted';
  reply: Reply;
}
export interface Refused {
  kind: 'refused';
  stage: Stage;
  reply: Reply;
  /** We refused on the remote's behalf, because of what its EHLO said; it never saw the command. */
  local?: true;
  /** It offered this extension and then did not know it: without it the message may be taken. */
  lie?: Extension;
  spoke?: Spoke;
  /** Of the connections that led here. */
  tlsAttempts?: readonly TlsAttempt[];
}
export interface Dropped {
  kind: 'dropped';
  stage: Stage;
  /** The end of the message was handed to the line, so it may have been accepted: in doubt. */
  dotSent: boolean;
  error: Error;
  /** As of a refusal. */
  lie?: Extension;
  spoke?: Spoke;
  /** Of the connections that led here. */
  tlsAttempts?: readonly TlsAttempt[];
}
export interface Withheld {
  kind: 'withheld';
  reason: string;
}
/** How one attempt to hand over one message to one recipient ended. */
export type Transaction = Accepted | Refused | Dropped | Withheld;

/** The line went silent for longer than RFC 5321 4.5.3.2 asks us to wait. */
export class Timeout extends Error {
  constructor(ms: number) {
    super(`no answer within ${ms >= 1000 ? `${Math.round(ms / 1000)} s` : `${ms} ms`}`);
    this.name = 'Timeout';
  }
}

/** RFC 8460 4.3: how a TLS session can fail, by the names that reports use. */
export type TlsFailureName =
  | 'starttls-not-supported'
  | 'certificate-host-mismatch'
  | 'certificate-expired'
  | 'certificate-not-trusted'
  | 'validation-failure'
  | 'tlsa-invalid'
  | 'dnssec-invalid'
  | 'dane-required'
  | 'sts-policy-fetch-error'
  | 'sts-policy-invalid'
  | 'sts-webpki-invalid';

/** The TLS handshake failed, or what stood around it was not to be trusted. */
export class TlsFailure extends Error {
  readonly result: TlsFailureName;

  constructor(message: string, cause?: unknown, result: TlsFailureName = 'validation-failure') {
    super(message, { cause });
    this.name = 'TlsFailure';
    this.result = result;
  }
}

export interface TlsState {
  protocol: string;
  cipher: string;
  /** The certificate is valid for the host name, by the authorities that we believe. */
  verified: boolean;
  /** Why it is not. */
  problem: string;
  /** The host's signed DNS names its certificate. */
  dane?: true;
  /** A session of before was taken up again. */
  resumed?: true;
}

/** How one connection's TLS ended, for reports. */
export interface TlsAttempt {
  mx: string;
  ip: string;
  /** Null: in clear, or no session at all. */
  state: TlsState | null;
  failure: { result: TlsFailureName; detail: string } | null;
}
