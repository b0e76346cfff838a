/**
 * Port 25, from the greeting to the final 250. It accepts for our own addresses only, takes no bare line ends, keeps
 * memory flat whatever is sent, and says 250 when `keep` has resolved: when the message is on disk and its row committed.
 * The one file that knows smtp-server. Never its built-in certificate, whose key is public.
 */
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { explain } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { RawSpool } from '../core/store/raw-message.ts';
import type { ReceivedEnvelope } from '../core/store/inbound.ts';
import type { Doorkeeper } from './admission.ts';
import { LineWatch } from '../core/mail/line-watch.ts';
import type { RecipientVerdict } from './recipient.ts';

export interface ListenerOptions {
  host: string;
  port: number;
  hostname: string;
  maxSize: number;
  key: string;
  cert: string;
  dataDir: string;
  doorkeeper: Doorkeeper;
  judge(address: string): Promise<RecipientVerdict>;
  /** Durable when it resolves. Whatever it throws becomes 451 or 452. Answers the id for the 250. */
  keep(envelope: Omit<ReceivedEnvelope, 'rawHash' | 'size'>, spool: RawSpool): Promise<number>;
  log: Log;
}

export interface Listener {
  port: number;
  close(): Promise<void>;
}

// RFC 5321 4.5.3.1.8: at least 100 must be taken.
const MAX_RECIPIENTS = 1000;
// RFC 5321 4.5.3.2.7: five minutes for a command.
const IDLE_MS = 5 * 60_000;
const MAX_RECEIVED_FIELDS = 100;

/** What a stranger hears: the code and the words with their enhanced code. */
class Refusal extends Error {
  readonly responseCode: number;

  constructor(code: number, text: string) {
    super(text);
    this.responseCode = code;
  }
}

type Connection = {
  id: string;
  send(code: number, data: unknown, context?: unknown): void;
  close(): void;
};

export function listen(options: ListenerOptions): Promise<Listener> {
  const { doorkeeper, log } = options;
  const connectionOf = (session: SMTPServerSession): Connection | undefined =>
    [...server.connections].find((connection) => connection.id === session.id) as unknown as
      Connection | undefined;

  const server = new SMTPServer({
    name: options.hostname,
    banner: 'Parley',
    key: options.key,
    cert: options.cert,
    size: options.maxSize,
    rejectOversized: true,
    authOptional: true,
    disabledCommands: ['AUTH', 'XCLIENT', 'XFORWARD', 'WIZ', 'SHELL', 'KILL'],
    hideDSN: true,
    hideENHANCEDSTATUSCODES: false,
    hideREQUIRETLS: true,
    disableReverseLookup: true,
    logger: false,
    socketTimeout: IDLE_MS,
    closeTimeout: 5000,
    maxRecipients: MAX_RECIPIENTS,

    onConnect(session, callback) {
      const connection = connectionOf(session);
      if (connection !== undefined) speakOurCodes(connection);
      const admission = doorkeeper.arrive(session.remoteAddress);
      if (admission.kind === 'admit') return callback();
      log.info('connection refused', { ip: session.remoteAddress, reason: admission.text });
      callback(new Refusal(421, admission.text));
    },
    onClose: (session) => doorkeeper.leave(session.remoteAddress),

    onRcptTo(address, session, callback) {
      void answerRecipient(address.address, session).then(
        () => callback(),
        (error: unknown) => callback(error as Error),
      );
    },

    onData(stream, session, callback) {
      void receiveData(stream, session).then(
        (id) => callback(null, `accepted as ${id}`),
        (error: unknown) => callback(error instanceof Refusal ? error : refusalFor(error, log)),
      );
    },
  });
  server.on('error', (error: Error) => log.debug('smtp connection error', { error: error.message }));

  async function answerRecipient(address: string, session: SMTPServerSession): Promise<void> {
    let verdict: RecipientVerdict;
    try {
      verdict = await options.judge(address);
    } catch (error) {
      throw refusalFor(error, log);
    }
    if (verdict.kind === 'accept') return;
    const { waitMs, hangUp } = doorkeeper.unknownRecipient(session.remoteAddress);
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    log.info('recipient refused', { ip: session.remoteAddress, reason: verdict.why });
    if (hangUp) throw new Refusal(421, '4.7.0 too many unknown recipients');
    switch (verdict.why) {
      case 'syntax':
        throw new Refusal(501, '5.1.3 that is not an address');
      case 'relay':
        throw new Refusal(550, '5.7.1 this server takes mail for its own addresses only');
      case 'unknown':
      case 'forged-token':
        throw new Refusal(550, '5.1.1 there is no such recipient here');
      default:
        verdict satisfies never;
    }
  }

  async function receiveData(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<number> {
    const spool = new RawSpool(options.dataDir);
    const lines = new LineWatch();
    let fault: unknown;
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        const broken = lines.see(chunk);
        if (broken === 'bare-line-end') {
          // What follows may be smuggled commands: say no and hang up before they are read.
          const connection = connectionOf(session);
          connection?.send(550, '5.5.2 lines must end with CR LF');
          connection?.close();
          log.info('bare line end refused', { ip: session.remoteAddress });
        }
        // The rest is read and thrown away, so that the answer comes when SMTP expects it.
        if (broken !== undefined || stream.sizeExceeded || fault !== undefined) {
          fault ??= broken === 'nul' ? new Refusal(550, '5.6.0 a message holds no NUL') : fault;
          continue;
        }
        try {
          await spool.write(chunk);
        } catch (error) {
          fault = error;
        }
      }
      if (lines.broken === 'bare-line-end') throw new Refusal(550, '5.5.2 lines must end with CR LF');
      if (stream.sizeExceeded)
        throw new Refusal(552, `5.3.4 the message is larger than ${options.maxSize} bytes`);
      if (fault !== undefined) throw fault;
      const envelope = session.envelope;
      return await options.keep(
        {
          mailFrom: (envelope.mailFrom === false ? '' : envelope.mailFrom.address).toLowerCase(),
          rcptTo: await acceptedAddresses(envelope.rcptTo.map((recipient) => recipient.address)),
          remoteIp: session.remoteAddress,
          helo: session.hostNameAppearsAs || '',
          tls: session.secure && session.tlsOptions ? (session.tlsOptions.version ?? 'TLS') : '',
        },
        spool,
      );
    } finally {
      await spool.drop();
    }
  }

  /** As the judge wrote them: lower-case, with A-labels, once each. */
  async function acceptedAddresses(addresses: string[]): Promise<string[]> {
    const verdicts = await Promise.all(addresses.map((address) => options.judge(address)));
    const kept = verdicts.flatMap((verdict) => (verdict.kind === 'accept' ? [verdict.address] : []));
    return [...new Set(kept)];
  }

  return new Promise((resolve, reject) => {
    server.server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.server.removeListener('error', reject);
      const address = server.server.address();
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : options.port,
        close: () => new Promise((done) => server.close(() => done())),
      });
    });
  });
}

/** smtp-server adds its own enhanced code by the number alone; ours, when the words begin with one, says more. */
function speakOurCodes(connection: Connection): void {
  const send = connection.send.bind(connection);
  connection.send = (code, data, context) =>
    send(code, data, typeof data === 'string' && /^[245]\.\d+\.\d+ /.test(data) ? false : context);
}

/** RFC 5321 4.5.4 and RFC 3463: a full disk is 452 4.3.1, any other fault of ours 451 4.3.0; the sender keeps the mail. */
function refusalFor(error: unknown, log: Log): Refusal {
  const reason = explain(error);
  const isFull = /ENOSPC|EDQUOT|SQLITE_FULL|disk is full|database or disk is full|53100/.test(
    `${(error as { code?: string }).code ?? ''} ${reason}`,
  );
  log.error('message not stored', { error: reason, full: isFull });
  return isFull
    ? new Refusal(452, '4.3.1 no room for the message now, try again later')
    : new Refusal(451, '4.3.0 the message could not be stored, try again later');
}

/** Whether a header shows that the message goes in a circle. RFC 5321 6.3: count Received fields, at least 100. */
export function isLooping(head: Buffer): boolean {
  const text = head.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  return (text.slice(0, end < 0 ? undefined : end).match(/^received:/gim)?.length ?? 0) > MAX_RECEIVED_FIELDS;
}

export const loopRefusal = (): Error => new Refusal(550, '5.4.6 the message goes in a circle');
