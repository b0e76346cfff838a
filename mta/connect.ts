/**
 * From a route's host to a session that is ready for messages: one TCP connection from one of our addresses to one of
 * theirs, greeted, and encrypted as the policy asks.
 *
 *   1. refuse targets that lead inside, whatever the DNS said
 *   2. connect, from the source's address
 *   3. open the session: greeting, EHLO, STARTTLS
 *   4. opportunistic and the handshake failed → remember, and once more in clear
 */
import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';

import { isPrivateAddress } from '../core/private-address.ts';
import type { TlsClient } from './handshake.ts';
import type { BrokenTls, TlsPolicy } from './policy.ts';
import type { Extension, Quirks } from './quirks.ts';
import type { RouteHost } from './route.ts';
import { Session } from './session.ts';
import type { SessionOptions, Timeouts } from './session.ts';
import { Timeout, TlsFailure } from './transaction.ts';
import type { Dropped, Refused, Stage, TlsAttempt, TlsFailureName } from './transaction.ts';

export interface Target {
  /** The MX name. */
  host: string;
  address: string;
  port: number;
  /** What this host must prove, where its domain or its DNS says so. */
  tls?: TlsPolicy | undefined;
  /** Filled as the targets of one route are tried. */
  attempts?: TlsAttempt[];
  /** What was said to those that were tried before. */
  said?: string[];
}

export interface ConnectOptions {
  /** The egress source's IP; empty lets the system choose. */
  localAddress?: string;
  /** The egress source's name. */
  ehlo: string;
  /** What is asked of a host about which nothing is known. */
  policy: TlsPolicy;
  brokenTls: BrokenTls;
  /** Authorities and tickets shared by all connections. */
  tlsClient?: TlsClient;
  /** The clock's time, for the memory of broken TLS. */
  now: number;
  allowPrivateTargets: boolean;
  /** Real milliseconds for the TCP handshake. */
  connectMs?: number;
  timeouts?: Partial<Timeouts>;
  record?: boolean;
  /** What is known of hosts that offer what they do not have. */
  quirks?: Quirks;
}

export type Connected =
  | { kind: 'session'; session: Session }
  | Refused
  /** `sourceFault`: our own address cannot be used; the target may be sound, and other sources go on. */
  | (Dropped & { sourceFault?: true });

/** All addresses of a route in the order to try, of the families that the source can speak. */
export function targetsOf(hosts: readonly RouteHost[], localAddress = ''): Target[] {
  const attempts: TlsAttempt[] = [];
  const said: string[] = [];
  return hosts.flatMap((host) =>
    host.addresses
      .filter((address) => isSameFamily(localAddress, address))
      .map((address) => ({ host: host.name, address, port: host.port, tls: host.tls, attempts, said })),
  );
}

/** RFC 5321 has no figure for it; a host that answers later than this is as good as down. */
const CONNECT_MS = 30_000;

export async function connect(target: Target, options: ConnectOptions): Promise<Connected> {
  const connected = await attempt(target, options);
  if (connected.kind === 'session') return connected;
  const { host, address, port, said = [] } = target;
  const remote = `${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
  const lines = connected.spoke?.transcript ?? [];
  said.push(
    `${host} ${remote}`,
    ...(lines.length > 0 || connected.kind === 'refused' ? lines : [connected.error.message]),
  );
  return { ...connected, spoke: { host, remote, transcript: [...said] } };
}

async function attempt(target: Target, options: ConnectOptions): Promise<Connected> {
  if (!options.allowPrivateTargets && isPrivateAddress(target.address)) {
    return dropped(new Error(`${target.host} has a private address, ${target.address}`));
  }
  if (!isSameFamily(options.localAddress ?? '', target.address))
    return dropped(new Error(`${target.address} cannot be reached from ${options.localAddress}`));
  const policy = target.tls ?? options.policy;
  const noted = (connected: Connected): Connected => {
    const attempts = target.attempts ?? [];
    const attempt = attemptOf(target, connected);
    if (attempt !== null) attempts.push(attempt);
    if (connected.kind === 'session') connected.session.tlsAttempts = attempts;
    else connected.tlsAttempts = attempts;
    return connected;
  };
  if (policy.kind === 'barred')
    return noted(dropped(new TlsFailure(policy.reason, undefined, policy.failure), false, 'starttls'));
  const required = policy.kind !== 'opportunistic';
  const inClear = !required && options.brokenTls.isBroken(target.host, options.now);
  const tls = required ? 'required' : inClear ? 'none' : 'opportunistic';
  const first = await open(target, options, policy, tls);
  if (first.kind === 'session' && first.session.tls !== null) options.brokenTls.forget(target.host);
  // Gone in clear by memory: the failure was counted when it happened.
  if (inClear && first.kind === 'session') return first;
  if (required || first.kind !== 'dropped' || !(first.error instanceof TlsFailure)) return noted(first);
  noted(first);
  options.brokenTls.remember(target.host, options.now, first.error.message);
  const second = await open(target, options, policy, 'none');
  if (second.kind === 'session') second.session.tlsAttempts = target.attempts ?? [];
  else second.tlsAttempts = target.attempts ?? [];
  return second;
}

/** What a connection's end says about TLS; null when it never came so far. */
function attemptOf(target: Target, connected: Connected): TlsAttempt | null {
  const at = { mx: target.host, ip: target.address };
  const failed = (result: TlsFailureName, detail: string): TlsAttempt => ({
    ...at,
    state: null,
    failure: { result, detail: detail.slice(0, 500) },
  });
  if (connected.kind === 'session') {
    const { tls, tlsRefusal } = connected.session;
    if (tls !== null) return { ...at, state: tls, failure: null };
    return failed('starttls-not-supported', tlsRefusal?.text ?? 'STARTTLS is not offered');
  }
  if (connected.kind === 'refused')
    return connected.stage === 'starttls' ? failed('starttls-not-supported', connected.reply.text) : null;
  return connected.error instanceof TlsFailure
    ? failed(connected.error.result, connected.error.message)
    : null;
}

async function open(
  target: Target,
  options: ConnectOptions,
  policy: TlsPolicy,
  tls: SessionOptions['tls'],
): Promise<Connected> {
  let socket: Socket;
  try {
    socket = await dial(target, options);
  } catch (error) {
    return dropped(error as Error, isSourceFault(error));
  }
  const { ehlo, timeouts, record, tlsClient, now } = options;
  const opened = await Session.open(socket, {
    ehlo,
    host: target.host,
    tls,
    ...(tlsClient && { terms: { client: tlsClient, policy, now } }),
    ...(timeouts && { timeouts }),
    ...(record !== undefined && { record }),
    ...(options.quirks && known(options.quirks, target.host, now)),
  });
  return opened.kind === 'open' ? { kind: 'session', session: opened.session } : opened;
}

const EXTENSIONS: readonly Extension[] = ['chunking', 'pipelining', 'size'];

/** What a session is told of its host's extensions, and where it tells what it learns. */
function known(
  quirks: Quirks,
  host: string,
  now: number,
): Pick<SessionOptions, 'without' | 'onLie' | 'onPipelining'> {
  return {
    without: EXTENSIONS.filter((extension) => !quirks.mayUse(host, extension, now)),
    onLie: (extension) => quirks.lied(host, extension, now),
    onPipelining: (isAnswered) => (isAnswered ? quirks.keptUp(host) : quirks.fellSilent(host, now)),
  };
}

function dial(target: Target, options: ConnectOptions): Promise<Socket> {
  const ms = options.connectMs ?? CONNECT_MS;
  return new Promise((resolve, reject) => {
    const socket = connectTcp({
      host: target.address,
      port: target.port,
      ...(options.localAddress ? { localAddress: options.localAddress } : {}),
    });
    const fail = (error: Error) => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(new Timeout(ms)), ms);
    socket.once('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeListener('error', fail);
      resolve(socket);
    });
  });
}

function isSameFamily(localAddress: string, address: string): boolean {
  return localAddress === '' || isIP(localAddress) === isIP(address);
}

// The address is not on this machine (any more), is of the other family, or has no port left.
const SOURCE_FAULTS = new Set([
  'EADDRNOTAVAIL',
  'EINVAL',
  'EADDRINUSE',
  'EACCES',
  'EPERM',
  'EMFILE',
  'ENFILE',
]);

function isSourceFault(error: unknown): boolean {
  return SOURCE_FAULTS.has((error as { code?: string }).code ?? '');
}

function dropped(error: Error, sourceFault = false, stage: Stage = 'connect'): Connected {
  return {
    kind: 'dropped',
    stage,
    dotSent: false,
    error,
    ...(sourceFault && { sourceFault: true as const }),
  };
}
