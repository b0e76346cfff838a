/**
 * Ports 587 and 465: programs log in with a credential and hand in mail (RFC 6409, RFC 8314). A login is offered inside
 * TLS only, From must be one that the credential may use, and 250 is said when the message is on disk and queued.
 */
import { hostname as machineName } from 'node:os';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { CertificateWatch } from '../core/certificate-watch.ts';
import { explain, Problem } from '../core/errors.ts';
import { checkAddress } from '../core/mail/address.ts';
import { dateField } from '../core/mail/header.ts';
import { LineWatch } from '../core/mail/line-watch.ts';
import { prepareSubmitted } from '../core/mail/submitted.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Credential } from '../core/store/credential.ts';
import { credentialById } from '../core/store/credential.ts';
import { accept, checkFrom, newPublicId, type Accepted } from '../core/submission/accept.ts';
import { smtpCredential, touched } from '../core/submission/credential.ts';
import { Overload } from '../core/submission/pressure.ts';
import { SubmissionDoor } from './submission-door.ts';

const MOST_RECIPIENTS = 1000;
// RFC 5321 4.5.3.2.7
const IDLE_MS = 5 * 60_000;
const MAX_COLLECTED = 64;
const FOREIGN_COMMANDS = ['XCLIENT', 'XFORWARD', 'WIZ', 'SHELL', 'KILL'];
// RFC 1870, 6152, 6531, 4954 5: what we announce.
const MAIL_PARAMETERS = new Set(['SIZE', 'BODY', 'SMTPUTF8', 'AUTH']);
const RCPT_PARAMETERS = new Set<string>();

/** What a program hears: the code and the words with their enhanced code. */
class Refusal extends Error {
  readonly responseCode: number;

  constructor(code: number, text: string) {
    super(text);
    this.responseCode = code;
  }
}

interface Connection {
  id: string;
  send(code: number, data: unknown, context?: unknown): void;
  close(): void;
}

export interface SubmissionListener {
  /** Of STARTTLS, and of TLS from the start; 0 when it is off. */
  port: number;
  tlsPort: number;
  certificates: CertificateWatch;
  close(): Promise<void>;
}

export interface ListenerPorts {
  /** STARTTLS; undefined: off, 0: a free one. */
  port: number | undefined;
  tlsPort: number | undefined;
}

export async function listenForSubmission(rt: Runtime, ports: ListenerPorts): Promise<SubmissionListener> {
  const { config, clock } = rt;
  const settings = config.mta.submission;
  const hostname = config.mta.hostname || machineName();
  const certificates = await CertificateWatch.open({
    certificate: config.tls.certificate,
    key: config.tls.key,
    dataDir: config.data_dir,
    hostname,
    clock,
    log: rt.log,
  });
  const door = new SubmissionDoor({
    connections: settings.max_connections,
    connectionsPerAddress: settings.max_connections_per_address,
  });
  const open = (port: number | undefined, secure: boolean) =>
    port === undefined ? undefined : listen(rt, { door, hostname, secure, certificates }, port);
  const servers = [await open(ports.port, false), await open(ports.tlsPort, true)];
  return {
    port: servers[0]?.port ?? 0,
    tlsPort: servers[1]?.port ?? 0,
    certificates,
    close: async () => {
      certificates.stop();
      await Promise.all(servers.map((server) => server?.close()));
    },
  };
}

interface Terms {
  door: SubmissionDoor;
  hostname: string;
  secure: boolean;
  certificates: CertificateWatch;
}

function listen(
  rt: Runtime,
  { door, hostname, secure, certificates }: Terms,
  port: number,
): Promise<{ port: number; close(): Promise<void> }> {
  const { log, store, config } = rt;
  const maxSize = config.mta.submission.max_size;
  const failures = new Map<string, number>();
  const connectionOf = (session: SMTPServerSession): Connection | undefined =>
    [...server.connections].find((connection) => connection.id === session.id) as unknown as
      Connection | undefined;
  const answer = (work: Promise<unknown>, callback: (error?: Error | null) => void) =>
    void work.then(
      () => callback(),
      (error: unknown) => callback(refusalFor(rt, error)),
    );

  const server = new SMTPServer({
    name: hostname,
    banner: 'Parley submission',
    secure,
    key: certificates.now.key,
    cert: certificates.now.cert,
    size: maxSize,
    rejectOversized: true,
    // RFC 8314 3.3, RFC 4954 4: a password never crosses the wire in clear, so AUTH is not offered before TLS.
    allowInsecureAuth: false,
    authOptional: false,
    authMethods: ['PLAIN', 'LOGIN'],
    authRequiredMessage: '5.7.0 authentication required',
    disabledCommands: FOREIGN_COMMANDS,
    hideENHANCEDSTATUSCODES: false,
    // No delivery status notification is written, so none is offered: what became of mail is told by events and webhooks.
    hideDSN: true,
    hideREQUIRETLS: true,
    disableReverseLookup: true,
    logger: false,
    socketTimeout: IDLE_MS,
    closeTimeout: 5000,
    // One more than is taken, so that the answer is ours: 452 4.5.3, and the rest of the transaction goes on.
    maxRecipients: MOST_RECIPIENTS * 10,

    onConnect(session, callback) {
      const connection = connectionOf(session);
      if (connection !== undefined) speakOurCodes(connection);
      // Not only refused in clear: not offered either.
      if (!secure) inner(session).disabledCommands = [...FOREIGN_COMMANDS, 'AUTH'];
      const no = door.arrive(session.remoteAddress, Date.now());
      callback(no === undefined ? null : new Refusal(421, no));
    },
    onSecure(_, session, callback) {
      inner(session).disabledCommands = FOREIGN_COMMANDS;
      callback();
    },
    onClose(session) {
      failures.delete(session.id);
      door.leave(session.remoteAddress);
    },
    onAuth(auth, session, callback) {
      void login(auth.username ?? '', auth.password ?? '', session).then(
        (credential) => callback(null, { user: credential.id }),
        (error: unknown) => callback(refusalFor(rt, error)),
      );
    },
    onMailFrom: ({ args }, session, callback) => answer(allowed(args, session), callback),
    onRcptTo: ({ address, args }, session, callback) => answer(recipient(address, args, session), callback),
    onData(stream, session, callback) {
      void receive(stream, session).then(
        (id) => callback(null, `2.0.0 queued as ${id}`),
        (error: unknown) => callback(refusalFor(rt, error)),
      );
    },
  });
  certificates.onRenewal(({ key, cert }) => server.updateSecureContext({ key, cert }));
  server.on('error', (error: Error) => log.debug('submission connection error', { error: error.message }));

  async function login(username: string, password: string, session: SMTPServerSession): Promise<Credential> {
    const ip = session.remoteAddress;
    const mayTry = door.mayTry(username, Date.now());
    // Looked up also when it is locked: the same work, the same time.
    const found = await smtpCredential(store.glance, username, password);
    if (found !== undefined && mayTry) {
      await touched(rt, found);
      return found;
    }
    const count = (failures.get(session.id) ?? 0) + 1;
    failures.set(session.id, count);
    const { waitMs, hangUp } = door.failed(ip, username.slice(0, 100), count, Date.now());
    log.info('login refused', { ip, failures: count });
    await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
    if (hangUp) {
      connectionOf(session)?.send(421, '4.7.0 too many failed logins');
      connectionOf(session)?.close();
    }
    throw new Refusal(535, '5.7.8 username or password is wrong');
  }

  async function credentialOf(session: SMTPServerSession): Promise<Credential> {
    const credential = await credentialById(store.glance, Number(session.user ?? 0));
    if (credential === undefined || credential.state === 'revoked')
      throw new Refusal(535, '5.7.8 the credential was revoked');
    return credential;
  }

  async function allowed(args: object | false, session: SMTPServerSession): Promise<void> {
    if (!session.secure) throw new Refusal(530, '5.7.0 must issue a STARTTLS command first');
    known(args, MAIL_PARAMETERS);
    await credentialOf(session);
  }

  async function recipient(address: string, args: object | false, session: SMTPServerSession): Promise<void> {
    known(args, RCPT_PARAMETERS);
    // RFC 5321 4.5.3.1.10: 452 for one too many; those that were taken stay.
    if (session.envelope.rcptTo.length >= MOST_RECIPIENTS)
      throw new Refusal(452, `4.5.3 at most ${MOST_RECIPIENTS} recipients`);
    const reading = checkAddress(address);
    if (reading.kind === 'invalid') throw new Refusal(553, '5.1.3 that is not an address');
    const may = rt.suppressions.mayMail({
      address: reading.address.key,
      lane: 'transactional',
      listId: null,
      brandId: null,
    });
    if (may.kind !== 'may') throw new Refusal(550, `5.7.1 the recipient is suppressed: ${may.reason}`);
  }

  async function receive(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<string> {
    const raw = await collect(stream, session);
    const credential = await credentialOf(session);
    const publicId = newPublicId();
    const now = rt.clock.now();
    const prepared = prepareSubmitted(raw, {
      now,
      id: publicId.slice(4),
      // RFC 5321 4.4; where the program stands is told to nobody but us.
      received: `Received: by ${hostname} (Parley) with ESMTPSA id ${publicId};\r\n ${dateField(now).slice(6)}`,
      smtputf8: session.envelope.smtpUtf8 === true,
    });
    if (prepared.kind === 'refused') throw new Refusal(554, `5.6.0 ${prepared.reason}`);
    await checkFrom(store.glance, credential, prepared.message.from);
    const { mailFrom, rcptTo } = session.envelope;
    const [accepted] = await accept(rt, { credential }, [
      {
        via: 'smtp',
        publicId,
        envelopeFrom: mailFrom === false ? '' : mailFrom.address.toLowerCase(),
        recipients: onceEach(rcptTo),
        message: prepared.message,
      },
    ]);
    return (accepted as Accepted).id;
  }

  async function collect(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<Buffer> {
    const lines = new LineWatch();
    const chunks: Buffer[] = [];
    let small: Buffer[] = [];
    const pack = () => {
      if (small.length > 0) chunks.push(Buffer.concat(small));
      small = [];
    };
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      const broken = lines.see(chunk);
      if (broken === 'bare-line-end') {
        // What follows may be smuggled commands: say no and hang up before they are read.
        connectionOf(session)?.send(550, '5.5.2 lines must end with CR LF');
        connectionOf(session)?.close();
      }
      // The rest is read and thrown away, so that the answer comes when SMTP expects it.
      if (broken !== undefined || stream.sizeExceeded) {
        chunks.length = 0;
        small = [];
        continue;
      }
      small.push(chunk);
      if (small.length >= MAX_COLLECTED) pack();
    }
    if (lines.broken === 'bare-line-end') throw new Refusal(550, '5.5.2 lines must end with CR LF');
    if (lines.broken === 'nul') throw new Refusal(550, '5.6.0 a message holds no NUL');
    if (stream.sizeExceeded) throw new Refusal(552, `5.3.4 the message is larger than ${maxSize} bytes`);
    pack();
    return Buffer.concat(chunks);
  }

  return new Promise((resolve, reject) => {
    server.server.once('error', reject);
    server.listen(port, config.mta.submission.host, () => {
      server.server.removeListener('error', reject);
      const address = server.server.address();
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : port,
        close: () => new Promise((done) => server.close(() => done())),
      });
    });
  });
}

/** smtp-server reads the list of one session where it is set. */
const inner = (session: SMTPServerSession) => session as SMTPServerSession & { disabledCommands?: string[] };

/** RFC 5321 4.1.1.11: 555 for a parameter that we do not know. */
function known(args: object | false | undefined, names: ReadonlySet<string>): void {
  const strange = Object.keys(args || {}).some((name) => !names.has(name.toUpperCase()));
  if (strange) throw new Refusal(555, '5.5.4 a parameter that is not known here');
}

/** The same person once. */
const onceEach = (rcptTo: readonly { address: string }[]): { address: string }[] => [
  ...new Map(rcptTo.map(({ address }) => [address.toLowerCase(), { address }])).values(),
];

/** smtp-server adds its own enhanced code by the number alone; ours, when the words begin with one, says more. */
function speakOurCodes(connection: Connection): void {
  const send = connection.send.bind(connection);
  connection.send = (code, data, context) => {
    // RFC 4954 4: AUTH before TLS.
    if (code === 500 && context === 'AUTH')
      return send(538, '5.7.11 encryption required: issue STARTTLS first', false);
    return send(code, data, typeof data === 'string' && /^[245]\.\d+\.\d+ /.test(data) ? false : context);
  };
}

/** RFC 6409 6.1, RFC 3463: what the program did wrong is 5xx, what we cannot do now 4xx, and it keeps the mail. */
function refusalFor({ log }: Runtime, error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof Overload)
    return new Refusal(452, `4.3.1 ${error.message}, try again in ${error.retryAfter} s`);
  if (error instanceof Problem) {
    if (error.code === 'forbidden') return new Refusal(550, `5.7.1 ${error.message}`);
    if (error.code === 'unauthenticated') return new Refusal(535, `5.7.8 ${error.message}`);
    return new Refusal(554, `5.6.0 ${error.message}`);
  }
  const reason = explain(error);
  const code = (error as { code?: string }).code ?? '';
  const isFull = /ENOSPC|EDQUOT|SQLITE_FULL|disk is full|53100/.test(`${code} ${reason}`);
  log.error('submission not stored', { error: reason, full: isFull });
  return isFull
    ? new Refusal(452, '4.3.1 no room for the message now, try again later')
    : new Refusal(451, '4.3.0 the message could not be stored, try again later');
}
