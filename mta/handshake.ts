/**
 * The TLS handshake with a mail host: what it must prove is decided before (policy.ts) and judged here, before a byte of
 * mail is written. Tickets of earlier sessions make the next one cheap; they are kept with what was proved then, since a
 * resumed session shows no certificate again.
 */
import { isIP, type Socket } from 'node:net';
import { connect, createSecureContext, rootCertificates, type SecureContext, type TLSSocket } from 'node:tls';
import { chainOf, daneVerdict } from './dane.ts';
import type { TlsPolicy } from './policy.ts';
import { Timeout, TlsFailure, type TlsFailureName, type TlsState } from './transaction.ts';

interface Ticket {
  session: Buffer;
  state: TlsState;
}

const TICKETS = 2000;

/** What all our handshakes share: the authorities believed, and the tickets. */
export class TlsClient {
  readonly context: SecureContext;
  readonly #tickets = new Map<string, Ticket>();

  /** `authorities`: PEM, believed beside those of the machine. */
  constructor(authorities = '') {
    this.context = createSecureContext({
      // RFC 8996, RFC 8461 4.1
      minVersion: 'TLSv1.2',
      ...(authorities !== '' && { ca: [...rootCertificates, authorities] }),
    });
  }

  ticket(key: string): Ticket | undefined {
    return this.#tickets.get(key);
  }

  keep(key: string, ticket: Ticket): void {
    this.#tickets.delete(key);
    this.#tickets.set(key, ticket);
    if (this.#tickets.size > TICKETS) this.#tickets.delete(this.#tickets.keys().next().value as string);
  }

  forget(key: string): void {
    this.#tickets.delete(key);
  }
}

export interface TlsTerms {
  client: TlsClient;
  policy: TlsPolicy;
  /** The time for the dates in certificates, by the clock. */
  now: number;
}

/** Takes a plain line into TLS, or throws a `TlsFailure`; the line is then given up. */
export async function handshake(
  plain: Socket,
  host: string,
  ms: number,
  { client, policy, now }: TlsTerms,
): Promise<{ socket: TLSSocket; state: TlsState }> {
  // A ticket holds for one host at one address and for one thing that was to be proved.
  const key = `${host} ${plain.remoteAddress} ${plain.remotePort} ${policyKey(policy)}`;
  const ticket = client.ticket(key);
  const socket = connect({
    socket: plain,
    secureContext: client.context,
    // What must be proved is judged below. Without MTA-STS or DANE the MX name itself came unproved, so encryption alone
    // is asked for (RFC 7435).
    rejectUnauthorized: false,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ticket && { session: ticket.session }),
  });
  let state: TlsState | undefined;
  socket.on('session', (session) => {
    if (state !== undefined) client.keep(key, { session, state });
  });
  try {
    await secured(socket, ms);
    state = socket.isSessionReused() && ticket ? { ...ticket.state, resumed: true } : stateOf(socket);
    judge(policy, state, socket, host, now);
    // TLS 1.2 hands its ticket over within the handshake, TLS 1.3 after it, by the event above.
    const early = state.protocol === 'TLSv1.2' ? socket.getSession() : undefined;
    if (early !== undefined) client.keep(key, { session: early, state });
  } catch (error) {
    state = undefined;
    client.forget(key);
    socket.removeAllListeners();
    socket.on('error', () => {});
    socket.destroy();
    throw error;
  }
  return { socket, state };
}

function secured(socket: TLSSocket, ms: number): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const end = (act: () => void) => {
      clearTimeout(timer);
      socket.off('error', fail).off('close', closed).off('secureConnect', done);
      act();
    };
    const fail = (cause?: Error) =>
      end(() =>
        reject(new TlsFailure(`tls handshake failed: ${cause?.message ?? 'the line was closed'}`, cause)),
      );
    const closed = () => fail();
    const done = () => end(resolve);
    const timer = setTimeout(() => fail(new Timeout(ms)), ms);
    socket.once('error', fail).once('close', closed).once('secureConnect', done);
  });
}

function stateOf(socket: TLSSocket): TlsState {
  const problem = socket.authorized ? '' : String(socket.authorizationError ?? 'unknown');
  return {
    protocol: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name,
    verified: socket.authorized,
    problem,
  };
}

/** Throws when the host did not prove what the policy asks; notes on the state what it did prove. */
function judge(policy: TlsPolicy, state: TlsState, socket: TLSSocket, host: string, now: number): void {
  if (policy.kind === 'verified' && !state.verified)
    throw new TlsFailure(
      `the certificate of ${host} is not valid for it (${state.problem}), which ${policy.by} asks for`,
      undefined,
      failureOf(state.problem),
    );
  if (policy.kind !== 'dane' || state.dane === true) return;
  const chain = chainOf(socket.getPeerX509Certificate());
  const verdict = daneVerdict(policy.records, chain, policy.names, now);
  if (verdict.kind === 'mismatch')
    throw new TlsFailure(`DANE: ${verdict.reason}`, undefined, 'validation-failure');
  state.dane = true;
}

/** RFC 8460 4.3.1: what is wrong with a certificate, by OpenSSL's name for it. */
export function failureOf(problem: string): TlsFailureName {
  if (problem === 'CERT_HAS_EXPIRED' || problem === 'CERT_NOT_YET_VALID') return 'certificate-expired';
  if (problem === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'certificate-host-mismatch';
  return 'certificate-not-trusted';
}

/** Two policies with one key ask a host for the same proof. */
export function policyKey(policy: TlsPolicy): string {
  if (policy.kind !== 'dane') return policy.kind;
  const records = policy.records.map(
    ({ usage, selector, matchingType, data }) =>
      `${usage} ${selector} ${matchingType} ${data.toString('base64')}`,
  );
  return `dane ${policy.names.join()} ${records.sort().join()}`;
}
