/**
 * Port 25: who may come in, under which certificate, and how the house closes. What is said on a connection is in
 * smtp-session.ts. A new certificate is taken without dropping anybody.
 */
import { createServer, type Socket } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import { Session, type SessionOptions } from './smtp-session.ts';

export interface ListenerOptions extends SessionOptions {
  host: string;
  port: number;
  key: string;
  cert: string;
  /** How long a silent client is waited for. */
  idleMs?: number;
}

export interface Listener {
  port: number;
  /** From the next STARTTLS on; whoever is connected goes on as he is. Throws when the pair does not fit. */
  renew(certificate: { key: string; cert: string }): void;
  /** No new connection; messages on their way are taken to their answer, for a few seconds. */
  close(): Promise<void>;
}

// RFC 5321 4.5.3.2.7: five minutes for a command.
const IDLE_MS = 5 * 60_000;
/** With most connections taken, silence is not waited for: others have mail. */
const FULL_IDLE_MS = 10_000;
const FULL = 0.8;
const CLOSE_MS = 5000;

export function listen(options: ListenerOptions): Promise<Listener> {
  const { doorkeeper, log, idleMs = IDLE_MS } = options;
  const sessions = new Set<Session>();
  let context: SecureContext = contextOf(options);
  let idle: (() => void) | undefined;
  const surroundings = {
    ...options,
    secureContext: () => context,
    idleMs: () => (doorkeeper.fullness > FULL ? Math.min(FULL_IDLE_MS, idleMs) : idleMs),
  };

  async function attend(socket: Socket): Promise<void> {
    const ip = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    const session = new Session(socket, surroundings);
    sessions.add(session);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    await session.run();
    await closed;
    sessions.delete(session);
    doorkeeper.leave(ip);
    if (sessions.size === 0) idle?.();
  }

  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', (error) => log.debug('smtp connection error', { error: error.message }));
    void attend(socket);
  });

  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.removeListener('error', reject);
      server.on('error', (error) => log.error('smtp listener', { error: error.message }));
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : options.port,
        renew: (certificate) => void (context = contextOf(certificate)),
        async close() {
          const closed = new Promise<void>((done) => server.close(() => done()));
          const quiet = new Promise<void>((done) => (sessions.size === 0 ? done() : (idle = done)));
          for (const session of sessions) session.leave();
          const timer = setTimeout(() => {
            for (const session of sessions) session.destroy();
          }, CLOSE_MS);
          await quiet;
          clearTimeout(timer);
          await closed;
        },
      });
    });
  });
}

const contextOf = ({ key, cert }: { key: string; cert: string }): SecureContext =>
  // RFC 8996: nothing below TLS 1.2.
  createSecureContext({ key, cert, minVersion: 'TLSv1.2' });
