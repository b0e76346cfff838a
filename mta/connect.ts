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
import type { BrokenTls, TlsPolicy } from './policy.ts';
import type { RouteHost } from './route.ts';
import { Session } from './session.ts';
import type { SessionOptions, Timeouts } from './session.ts';
import { Timeout, TlsFailure } from './transaction.ts';
import type { Dropped, Refused } from './transaction.ts';

export interface Target {
  /** The MX name. */
  host: string;
  address: string;
  port: number;
}

export interface ConnectOptions {
  /** The egress source's IP; empty lets the system choose. */
  localAddress?: string;
  /** The egress source's name. */
  ehlo: string;
  policy: TlsPolicy;
  brokenTls: BrokenTls;
  /** The clock's time, for the memory of broken TLS. */
  now: number;
  allowPrivateTargets: boolean;
  /** Real milliseconds for the TCP handshake. */
  connectMs?: number;
  timeouts?: Partial<Timeouts>;
  record?: boolean;
  chunking?: boolean;
}

export type Connected =
  | { kind: 'session'; session: Session }
  | Refused
  /** `sourceFault`: our own address cannot be used; the target may be sound, and other sources go on. */
  | (Dropped & { sourceFault?: true });

/** All addresses of a route in the order to try, of the families that the source can speak. */
export function targetsOf(hosts: readonly RouteHost[], localAddress = ''): Target[] {
  return hosts.flatMap((host) =>
    host.addresses
      .filter((address) => isSameFamily(localAddress, address))
      .map((address) => ({ host: host.name, address, port: host.port })),
  );
}

/** RFC 5321 has no figure for it; a host that answers later than this is as good as down. */
const CONNECT_MS = 30_000;

export async function connect(target: Target, options: ConnectOptions): Promise<Connected> {
  if (!options.allowPrivateTargets && isPrivateAddress(target.address)) {
    return dropped(new Error(`${target.host} has a private address, ${target.address}`));
  }
  if (!isSameFamily(options.localAddress ?? '', target.address))
    return dropped(new Error(`${target.address} cannot be reached from ${options.localAddress}`));
  const required = options.policy.kind === 'required';
  const inClear = !required && options.brokenTls.isBroken(target.host, options.now);
  const first = await open(target, options, required ? 'required' : inClear ? 'none' : 'opportunistic');
  if (required || first.kind !== 'dropped' || !(first.error instanceof TlsFailure)) return first;
  options.brokenTls.remember(target.host, options.now);
  return open(target, options, 'none');
}

async function open(target: Target, options: ConnectOptions, tls: SessionOptions['tls']): Promise<Connected> {
  let socket: Socket;
  try {
    socket = await dial(target, options);
  } catch (error) {
    return dropped(error as Error, isSourceFault(error));
  }
  const { ehlo, timeouts, record, chunking } = options;
  const opened = await Session.open(socket, {
    ehlo,
    host: target.host,
    tls,
    ...(timeouts && { timeouts }),
    ...(record !== undefined && { record }),
    ...(chunking !== undefined && { chunking }),
  });
  return opened.kind === 'open' ? { kind: 'session', session: opened.session } : opened;
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

function dropped(error: Error, sourceFault = false): Connected {
  return {
    kind: 'dropped',
    stage: 'connect',
    dotSent: false,
    error,
    ...(sourceFault && { sourceFault: true as const }),
  };
}
