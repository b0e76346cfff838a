/**
 * From a smarthost's settings to a session that is signed in: encrypted first, the certificate right for the name, then
 * the name and the password, and never the password in clear. Whatever keeps us from it is said in its own words, since a
 * person has to mend it.
 *
 *   1. find its address by name (its own DNS, no MX)
 *   2. TLS at once, or STARTTLS; without it nothing goes on, unless the smarthost is on this very machine
 *   3. AUTH PLAIN, else LOGIN (RFC 4954, RFC 4616)
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Resolver } from '../core/dns.ts';
import { isLoopback } from '../core/private-address.ts';
import type { Reply } from './reply.ts';
import { Session, type Timeouts } from './session.ts';
import type { SmarthostWay } from './smarthost.ts';
import { Timeout, TlsFailure, type TlsState } from './transaction.ts';

export interface SmarthostOptions {
  dns: Resolver;
  ehlo: string;
  connectMs?: number;
  timeouts?: Partial<Timeouts>;
  record?: boolean;
}

/** At which step it failed. `auth`, `tls` and `settings` are for a person to mend; the others pass by themselves. */
export type SmarthostStep = 'dns' | 'connect' | 'greeting' | 'tls' | 'auth' | 'settings';

/** The smarthost does not take us: no fault of a message, so none is charged with it. */
export class SmarthostFault extends Error {
  readonly step: SmarthostStep;
  /** It says so for now (4xx), or it cannot be reached: tried again soon. */
  readonly isTemporary: boolean;

  constructor(step: SmarthostStep, message: string, isTemporary: boolean) {
    super(message);
    this.name = 'SmarthostFault';
    this.step = step;
    this.isTemporary = isTemporary;
  }
}

const CONNECT_MS = 30_000;

/** A session that may send, or the step that failed with its words. */
export async function connectSmarthost(way: SmarthostWay, options: SmarthostOptions): Promise<Session> {
  const addresses = await addressesOf(way.host, options.dns);
  const isHere = addresses.every(isLoopback);
  if ((way.tls === 'none' || !way.verify) && !isHere)
    throw new SmarthostFault(
      'settings',
      `${way.host} is not on this machine: it must offer TLS with a certificate for its name`,
      false,
    );
  const socket = await dial(addresses, way.port, options.connectMs ?? CONNECT_MS);
  const session = await greet(socket, way, options);
  try {
    if (way.tls === 'starttls') checkCertificate(way, session.tls);
    if (way.username !== '') await signIn(session, way);
  } catch (error) {
    void session.quit();
    throw error instanceof SmarthostFault
      ? error
      : new SmarthostFault('connect', `${way.host} ended the connection: ${(error as Error).message}`, true);
  }
  return session;
}

async function addressesOf(host: string, dns: Resolver): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  if (host === 'localhost') return ['127.0.0.1'];
  const answers = await Promise.allSettled([dns.a(host), dns.aaaa(host)]);
  const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (found.length > 0) return found;
  const [first] = answers;
  const why = first.status === 'rejected' ? (first.reason as { code?: string }).code : 'NODATA';
  throw new SmarthostFault(
    'dns',
    why === 'NXDOMAIN' ? `there is no host ${host}` : `${host} has no address in the DNS (${why})`,
    true,
  );
}

async function dial(addresses: readonly string[], port: number, ms: number): Promise<Socket> {
  let last: Error | undefined;
  for (const address of addresses) {
    try {
      return await dialOne(address, port, ms);
    } catch (error) {
      last = error as Error;
    }
  }
  throw new SmarthostFault('connect', `no connection: ${last?.message ?? 'no address'}`, true);
}

function dialOne(address: string, port: number, ms: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host: address, port });
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

async function greet(
  socket: Socket,
  way: SmarthostWay,
  { ehlo, timeouts, record }: SmarthostOptions,
): Promise<Session> {
  let state: TlsState | null = null;
  let line: Socket = socket;
  if (way.tls === 'implicit') {
    const secured = await secure(socket, way, timeouts?.tls ?? CONNECT_MS);
    line = secured;
    state = {
      protocol: secured.getProtocol() ?? '',
      cipher: secured.getCipher().name,
      verified: secured.authorized,
      problem: '',
    };
  }
  const opened = await Session.open(line, {
    ehlo,
    host: way.host,
    tls: way.tls === 'starttls' ? 'required' : 'none',
    ...(timeouts && { timeouts }),
    ...(record !== undefined && { record }),
  });
  if (opened.kind === 'open') {
    if (state !== null) opened.session.tls = state;
    return opened.session;
  }
  if (opened.kind === 'refused') {
    if (opened.stage === 'starttls')
      throw new SmarthostFault(
        'tls',
        opened.local ? `${way.host} does not offer STARTTLS` : said(opened.reply),
        false,
      );
    throw new SmarthostFault('greeting', said(opened.reply), opened.reply.code < 500);
  }
  throw opened.error instanceof TlsFailure
    ? new SmarthostFault('tls', opened.error.message, false)
    : new SmarthostFault('greeting', opened.error.message, true);
}

/** RFC 8314 3.3: TLS before the first word. */
function secure(socket: Socket, { host, verify }: SmarthostWay, ms: number): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = connectTls({
      socket,
      rejectUnauthorized: verify,
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    const fail = (error: Error) => {
      clearTimeout(timer);
      secured.removeAllListeners();
      secured.on('error', () => {});
      secured.destroy();
      reject(new SmarthostFault('tls', `TLS with ${host} failed: ${error.message}`, false));
    };
    const timer = setTimeout(() => fail(new Timeout(ms)), ms);
    const closed = () => fail(new Error('the line was closed'));
    secured.once('error', fail);
    secured.once('close', closed);
    secured.once('secureConnect', () => {
      clearTimeout(timer);
      secured.removeListener('error', fail);
      secured.removeListener('close', closed);
      resolve(secured);
    });
  });
}

/** Before the password: whoever shows a wrong certificate must not get it. */
function checkCertificate({ host, verify }: SmarthostWay, tls: TlsState | null): void {
  if (!verify || tls?.verified) return;
  throw new SmarthostFault('tls', `the certificate of ${host} is not right: ${tls?.problem ?? ''}`, false);
}

async function signIn(session: Session, way: SmarthostWay): Promise<void> {
  const { auth } = session.caps;
  const encode = (text: string) => Buffer.from(text).toString('base64');
  let reply: Reply;
  if (auth.includes('PLAIN')) {
    // RFC 4616 2: nobody else's name, ours, and the password.
    reply = await session.command(
      `AUTH PLAIN ${encode(`\0${way.username}\0${way.password}`)}`,
      'AUTH PLAIN (secret)',
    );
  } else if (auth.includes('LOGIN')) {
    reply = await session.command('AUTH LOGIN');
    if (reply.code === 334) reply = await session.command(encode(way.username), '(name)');
    if (reply.code === 334) reply = await session.command(encode(way.password), '(secret)');
  } else {
    const offered = auth.length === 0 ? 'no sign-in' : auth.join(' ');
    throw new SmarthostFault('auth', `${way.host} offers ${offered}, and we speak PLAIN and LOGIN`, false);
  }
  // RFC 4954 4 and 6: 235 is yes; 454 and other 4xx pass by themselves, 535 does not.
  if (reply.code !== 235)
    throw new SmarthostFault('auth', said(reply), reply.code < 500 && reply.code >= 400);
}

const said = ({ code, enhanced, text }: Reply): string =>
  [code, enhanced && !text.startsWith(enhanced) ? enhanced : '', text].filter(Boolean).join(' ');
