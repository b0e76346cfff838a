/**
 * A mailbox at Google, Microsoft or any IMAP server, as far as we need it: what is new in one folder, the bytes of a
 * message, a mark or a move after it is safe, and waiting for more. imapflow behind it; nothing else knows that.
 */
import { ImapFlow } from 'imapflow';
import type { ImapSecret } from '../core/imap-account.ts';
import type { ImapAccount } from '../core/store/imap-account.ts';

export interface Folder {
  /** RFC 3501 2.3.1.1. */
  uidValidity: string;
  /** The next message that comes will have at least this number. */
  uidNext: number;
}

export interface ImapSession {
  open(folder: string): Promise<Folder>;
  /** Numbers after `uid`, rising, with sizes. */
  after(uid: number): Promise<{ uid: number; size: number }[]>;
  /** The message as it lies there; undefined when it is gone. */
  source(uid: number): Promise<Buffer | undefined>;
  markSeen(uids: readonly number[]): Promise<void>;
  move(uids: readonly number[], folder: string): Promise<void>;
  folders(): Promise<string[]>;
  /** Until something new may be there, the line is gone, or the time is over. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export type ImapStep = 'connect' | 'tls' | 'auth' | 'folder' | 'read';

/** What went wrong, and where: shown to whoever set it up. */
export class ImapFault extends Error {
  readonly step: ImapStep;

  constructor(step: ImapStep, message: string, cause?: unknown) {
    super(message, { cause });
    this.step = step;
  }
}

type Where = Pick<ImapAccount, 'host' | 'port' | 'tls' | 'verify' | 'username' | 'auth'>;

/** Connects and signs in. `credential` is the password, or the access token of OAuth2. */
export async function connectImap(account: Where, credential: string): Promise<ImapSession> {
  const client = new ImapFlow({
    host: account.host,
    port: account.port,
    secure: account.tls === 'implicit',
    // RFC 8314 3: never in clear.
    ...(account.tls === 'starttls' && { doSTARTTLS: true }),
    auth:
      account.auth === 'oauth2'
        ? { user: account.username, accessToken: credential }
        : { user: account.username, pass: credential },
    tls: { rejectUnauthorized: account.verify === 1 },
    logger: false,
    disableAutoIdle: true,
    connectionTimeout: 30_000,
    greetingTimeout: 30_000,
    socketTimeout: 10 * 60_000,
  });
  // A line that breaks while nobody asks anything is found by the next question.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    client.close();
    throw faultOf(error, 'connect');
  }
  return sessionOf(client);
}

function sessionOf(client: ImapFlow): ImapSession {
  const asking = async <T>(step: ImapStep, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw faultOf(error, step);
    }
  };
  const list = (uids: readonly number[]) => uids.join(',');
  return {
    open: (folder) =>
      asking('folder', async () => {
        const box = await client.mailboxOpen(folder);
        return { uidValidity: String(box.uidValidity), uidNext: box.uidNext };
      }),
    after: (uid) =>
      asking('read', async () => {
        // What came since is seen by a server only when it is asked something.
        await client.noop();
        const found: { uid: number; size: number }[] = [];
        // RFC 3501 6.4.8: `N:*` names the last message also when its number is below N.
        for await (const one of client.fetch(`${uid + 1}:*`, { uid: true, size: true }, { uid: true }))
          if (one.uid > uid) found.push({ uid: one.uid, size: one.size ?? 0 });
        return found.sort((a, b) => a.uid - b.uid);
      }),
    source: (uid) =>
      asking('read', async () => {
        const one = await client.fetchOne(String(uid), { source: true }, { uid: true });
        return one === false ? undefined : one.source;
      }),
    markSeen: (uids) =>
      asking('read', async () => {
        if (uids.length > 0) await client.messageFlagsAdd(list(uids), ['\\Seen'], { uid: true });
      }),
    move: (uids, folder) =>
      asking('folder', async () => {
        if (uids.length === 0) return;
        const moved = await client.messageMove(list(uids), folder, { uid: true });
        if (moved === false) throw new Error(`the server does not move messages to ${folder}`);
      }),
    folders: () => asking('folder', async () => (await client.list()).map((one) => one.path)),
    async wait(ms, signal) {
      if (!client.usable || signal.aborted) return;
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          for (const event of ['exists', 'close']) client.off(event, done);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        client.on('exists', done);
        client.on('close', done);
        signal.addEventListener('abort', done);
        // Ends by itself with the next question; without IDLE the server is asked now and then.
        void client.idle().catch(done);
      });
    },
    async close() {
      await Promise.race([
        client.logout().catch(() => undefined),
        new Promise((resolve) => setTimeout(resolve, 1000).unref()),
      ]);
      client.close();
    },
  };
}

function faultOf(error: unknown, step: ImapStep): ImapFault {
  if (error instanceof ImapFault) return error;
  const { authenticationFailed, responseText, code, message } = error as {
    authenticationFailed?: boolean;
    responseText?: string;
    code?: string;
    message?: string;
  };
  const words =
    [responseText, message, code].find((text) => text !== undefined && text !== '') ?? String(error);
  if (authenticationFailed === true) return new ImapFault('auth', words, error);
  const isTls = /certificate|self.signed|TLS|SSL|STARTTLS/i.test(`${code ?? ''} ${message ?? ''}`);
  return new ImapFault(isTls && step === 'connect' ? 'tls' : step, words, error);
}

const TOKEN_PATIENCE_MS = 20_000;

/**
 * RFC 6749 6: a refresh token becomes an access token. A refresh token that the server replaced comes back with it.
 * Microsoft: https://login.microsoftonline.com/common/oauth2/v2.0/token; Google: https://oauth2.googleapis.com/token.
 */
export async function accessToken(
  tokenUrl: string,
  { client_id = '', client_secret = '', refresh_token = '' }: ImapSecret,
): Promise<{ token: string; refreshToken: string | undefined; expiresInMs: number }> {
  const body = new URLSearchParams({ grant_type: 'refresh_token', client_id, refresh_token });
  if (client_secret !== '') body.set('client_secret', client_secret);
  let response: Response;
  try {
    response = await fetch(tokenUrl, {
      method: 'POST',
      body,
      redirect: 'error',
      signal: AbortSignal.timeout(TOKEN_PATIENCE_MS),
    });
  } catch (error) {
    throw new ImapFault('auth', `the token server does not answer: ${(error as Error).message}`, error);
  }
  const answer = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  const token = answer['access_token'];
  if (!response.ok || typeof token !== 'string') {
    const why = [answer['error'], answer['error_description']].filter((word) => typeof word === 'string');
    throw new ImapFault('auth', `the token server says ${response.status} ${why.join(': ').slice(0, 300)}`);
  }
  const replaced = answer['refresh_token'];
  return {
    token,
    refreshToken: typeof replaced === 'string' && replaced !== refresh_token ? replaced : undefined,
    expiresInMs: Number(answer['expires_in'] ?? 3600) * 1000,
  };
}
