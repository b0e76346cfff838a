/**
 * One connection to port 25, from the greeting to the goodbye.
 *
 *     greeting  nothing was said yet; only EHLO, HELO and what needs no transaction
 *     ready     the client has a name; MAIL begins a transaction
 *     envelope  a sender is known, recipients are judged one by one
 *     data      DATA or BDAT: octets of a message, until the last one has its answer
 *
 * 250 for a message is written when `keep` has resolved: when it is on disk and its row committed. Replies to pipelined
 * commands (RFC 2920) leave together.
 */
import type { Socket } from 'node:net';
import { TLSSocket, type SecureContext } from 'node:tls';
import type { Log } from '../core/log.ts';
import type { ReceivedEnvelope } from '../core/store/inbound.ts';
import type { RawSpool } from '../core/store/raw-message.ts';
import type { Doorkeeper } from './admission.ts';
import { Body } from './body.ts';
import { DotReader } from './dot-reader.ts';
import type { RecipientVerdict } from './recipient.ts';
import { Refusal, refusalFor } from './refusal.ts';
import { LONGEST_COMMAND, readChunk, readCommand, readPath, type Path } from './smtp-command.ts';
import { Input, type Line } from './smtp-input.ts';

export interface SessionOptions {
  hostname: string;
  /** Octets. */
  maxSize: number;
  dataDir: string;
  doorkeeper: Doorkeeper;
  /** How long the greeting is held back; who speaks before it is no mail server. */
  greetingDelayMs: number;
  judge(address: string): Promise<RecipientVerdict>;
  /** Durable when it resolves. Whatever it throws becomes 451 or 452. Answers the id for the 250. */
  keep(envelope: Omit<ReceivedEnvelope, 'rawHash' | 'size'>, spool: RawSpool): Promise<number>;
  /** Why no new message can be taken now; undefined when it can. */
  pressure?: () => { code: 452; text: string } | undefined;
  log: Log;
}

/** What a listener gives each of its sessions. */
export interface Surroundings extends SessionOptions {
  secureContext(): SecureContext;
  /** How long a silent client is waited for: shorter when the house is full. */
  idleMs(): number;
}

interface Transaction {
  from: string;
  isUtf8: boolean;
  /** As the judge wrote them: lower-case, with A-labels. */
  recipients: Set<string>;
  body: Body | undefined;
}

// RFC 5321 4.5.3.1.8: at least 100 must be taken.
const MAX_RECIPIENTS = 1000;
const MOST_FAULTS = 20;
/** Commands that move nothing forward, between two messages. */
const MOST_IDLE_COMMANDS = 200;
// What browsers and probes send to any port they can reach.
const FOREIGN_VERBS = new Set(['GET', 'POST', 'PUT', 'CONNECT', 'OPTIONS', 'HEAD', 'SSH-2.0-GO']);

export class Session {
  readonly #around: Surroundings;
  readonly #ip: string;
  #socket: Socket;
  #input: Input;
  #out = '';
  #helo = '';
  #isExtended = false;
  #tls = '';
  #transaction: Transaction | undefined;
  #faults = 0;
  #idleCommands = 0;
  #isOver = false;
  #isLeaving = false;

  constructor(socket: Socket, around: Surroundings) {
    this.#socket = socket;
    this.#around = around;
    this.#ip = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    this.#input = new Input(socket);
    this.#patience();
  }

  /** Ends when the connection does. Never throws. */
  async run(): Promise<void> {
    try {
      if (await this.#greet()) await this.#talk();
    } catch (error) {
      this.#around.log.debug('smtp connection error', { error: (error as Error).message });
    } finally {
      await this.#drop();
      this.#hangUp();
    }
  }

  /** The house closes: whoever is not in the middle of a message is told so (RFC 5321 3.8). */
  leave(): void {
    this.#isLeaving = true;
    if (this.#transaction?.body === undefined) this.#input.interrupt();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #greet(): Promise<boolean> {
    const { doorkeeper, log, hostname, greetingDelayMs } = this.#around;
    const admission = doorkeeper.arrive(this.#ip);
    if (admission.kind === 'refuse') {
      log.info('connection refused', { ip: this.#ip, reason: admission.text });
      this.#end(421, admission.text);
      return false;
    }
    if (greetingDelayMs > 0) {
      await new Promise((resolve) => setTimeout(resolve, greetingDelayMs));
      // RFC 5321 4.3.1: the client waits for the greeting.
      if (!this.#input.isEmpty) {
        log.info('connection refused', { ip: this.#ip, reason: 'spoke before the greeting' });
        this.#end(554, '5.5.1 you spoke before the greeting');
        return false;
      }
    }
    this.#reply(220, `${hostname} ESMTP Parley`);
    return true;
  }

  async #talk(): Promise<void> {
    while (!this.#isOver) {
      if (!this.#input.hasLine) this.#flush();
      const line = await this.#input.line(LONGEST_COMMAND);
      if (line.kind === 'gone') return this.#gone(line);
      await this.#obey(line);
      if (this.#faults >= MOST_FAULTS && !this.#isOver) this.#end(421, '4.7.0 too many errors');
      if (this.#idleCommands >= MOST_IDLE_COMMANDS && !this.#isOver)
        this.#end(421, '4.7.0 too many commands without a message');
    }
  }

  #gone({ why }: Extract<Line, { kind: 'gone' }>): void {
    if (this.#isLeaving) this.#end(421, '4.3.2 the server closes, try again');
    else if (why === 'timeout') this.#end(421, '4.4.2 nothing came for too long');
  }

  async #obey(line: Exclude<Line, { kind: 'gone' }>): Promise<void> {
    if (line.kind === 'too-long') return this.#fault(500, '5.5.6 the line is too long');
    if (line.kind === 'bare-line-end') return this.#fault(500, '5.5.2 lines must end with CR LF');
    const { verb, argument } = readCommand(line.text);
    switch (verb) {
      case 'EHLO':
      case 'HELO':
        return this.#hello(verb, argument);
      case 'MAIL':
        return this.#mail(argument);
      case 'RCPT':
        return this.#rcpt(argument);
      case 'DATA':
        return this.#data(argument);
      case 'BDAT':
        return this.#bdat(argument);
      case 'STARTTLS':
        return this.#startTls(argument);
      case 'RSET':
        await this.#drop();
        return this.#idle(250, '2.0.0 forgotten');
      case 'NOOP':
        return this.#idle(250, '2.0.0 still here');
      case 'VRFY':
        // RFC 5321 3.5.3: saying neither yes nor no.
        return this.#idle(252, '2.1.5 send it and see');
      case 'HELP':
        return this.#idle(214, '2.0.0 EHLO HELO STARTTLS MAIL RCPT DATA BDAT RSET NOOP VRFY QUIT');
      case 'QUIT':
        return this.#end(221, '2.0.0 goodbye');
      case 'AUTH':
        return this.#fault(503, '5.5.1 nobody logs in here; programs do at port 587');
      case 'EXPN':
        return this.#fault(502, '5.5.1 not here');
      default:
        if (FOREIGN_VERBS.has(verb)) return this.#end(421, '4.7.0 this is a mail server');
        return this.#fault(500, '5.5.2 no such command');
    }
  }

  async #hello(verb: 'EHLO' | 'HELO', name: string): Promise<void> {
    if (name === '') return this.#fault(501, '5.5.4 say who you are');
    // RFC 5321 4.1.4: a second EHLO is also a RSET.
    await this.#drop();
    this.#helo = name.slice(0, 255);
    this.#isExtended = verb === 'EHLO';
    const { hostname, maxSize } = this.#around;
    if (verb === 'HELO') return this.#idle(250, hostname);
    this.#idleCommands++;
    const offers = [
      `${hostname} at your service`,
      'PIPELINING',
      '8BITMIME',
      'SMTPUTF8',
      'CHUNKING',
      'ENHANCEDSTATUSCODES',
      `SIZE ${maxSize}`,
      // RFC 9422
      `LIMITS RCPTMAX=${MAX_RECIPIENTS}`,
      ...(this.#tls === '' ? ['STARTTLS'] : []),
    ];
    const last = offers.length - 1;
    this.#out += offers.map((offer, at) => `250${at < last ? '-' : ' '}${offer}\r\n`).join('');
  }

  #mail(argument: string): void {
    if (this.#helo === '') return this.#fault(503, '5.5.1 EHLO comes first');
    if (this.#transaction !== undefined) return this.#fault(503, '5.5.1 there is a sender already');
    const path = this.#path(argument, 'FROM');
    if (path === undefined) return;
    const refusal = this.#senderRefusal(path);
    if (refusal !== undefined) return this.#fault(refusal.code, refusal.message);
    const pressure = this.#around.pressure?.();
    if (pressure !== undefined) return this.#reply(pressure.code, pressure.text);
    this.#transaction = {
      from: path.address.toLowerCase(),
      isUtf8: path.parameters.has('SMTPUTF8'),
      recipients: new Set(),
      body: undefined,
    };
    this.#reply(250, '2.1.0 sender noted');
  }

  #senderRefusal({ address, parameters }: Path): Refusal | undefined {
    for (const [name, value] of parameters) {
      switch (name) {
        case 'SIZE':
          // RFC 1870 6.1
          if (!/^\d{1,20}$/.test(value)) return new Refusal(501, '5.5.4 SIZE is a number of octets');
          if (Number(value) > this.#around.maxSize)
            return new Refusal(552, `5.3.4 messages of up to ${this.#around.maxSize} bytes are taken`);
          break;
        case 'BODY':
          // RFC 6152; BINARYMIME was not offered.
          if (!/^(7BIT|8BITMIME)$/i.test(value)) return new Refusal(501, '5.5.4 BODY is 7BIT or 8BITMIME');
          break;
        case 'SMTPUTF8':
          if (value !== '') return new Refusal(501, '5.5.4 SMTPUTF8 has no value');
          break;
        default:
          return new Refusal(555, `5.5.4 ${name} was not offered`);
      }
    }
    if (address === '') return undefined;
    // RFC 5321 4.1.2: a reverse path has a domain.
    if (!/^.+@[^@\s]+$/u.test(address)) return new Refusal(501, '5.1.7 that is not an address');
    // RFC 6531 3.2
    if (!isAscii(address) && !parameters.has('SMTPUTF8'))
      return new Refusal(553, '5.6.7 such an address needs SMTPUTF8');
    return undefined;
  }

  async #rcpt(argument: string): Promise<void> {
    const transaction = this.#transaction;
    if (transaction === undefined) return this.#fault(503, '5.5.1 MAIL comes first');
    if (transaction.body !== undefined) return this.#fault(503, '5.5.1 the message has begun');
    const path = this.#path(argument, 'TO');
    if (path === undefined) return;
    const [unknown] = path.parameters.keys();
    if (unknown !== undefined) return this.#fault(555, `5.5.4 ${unknown} was not offered`);
    if (!isAscii(path.address) && !transaction.isUtf8)
      return this.#fault(553, '5.6.7 such an address needs SMTPUTF8');
    if (transaction.recipients.size >= MAX_RECIPIENTS)
      return this.#reply(452, '4.5.3 too many recipients, the rest in another message');
    const verdict = await this.#around.judge(path.address);
    if (verdict.kind === 'accept') {
      transaction.recipients.add(verdict.address);
      return this.#reply(250, '2.1.5 recipient noted');
    }
    await this.#refuseRecipient(verdict.why);
  }

  async #refuseRecipient(why: Extract<RecipientVerdict, { kind: 'refuse' }>['why']): Promise<void> {
    const { doorkeeper, log } = this.#around;
    const { waitMs, hangUp } = doorkeeper.unknownRecipient(this.#ip);
    if (waitMs > 0) {
      this.#flush();
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    log.info('recipient refused', { ip: this.#ip, reason: why });
    if (hangUp) return this.#end(421, '4.7.0 too many unknown recipients');
    switch (why) {
      case 'syntax':
        return this.#reply(501, '5.1.3 that is not an address');
      case 'relay':
        return this.#reply(550, '5.7.1 this server takes mail for its own addresses only');
      case 'unknown':
      case 'forged-token':
        return this.#reply(550, '5.1.1 there is no such recipient here');
      default:
        why satisfies never;
    }
  }

  async #data(argument: string): Promise<void> {
    const transaction = this.#transaction;
    if (argument !== '') return this.#fault(501, '5.5.4 DATA has no argument');
    if (transaction === undefined) return this.#fault(503, '5.5.1 MAIL comes first');
    // RFC 3030 2: DATA and BDAT do not mix.
    if (transaction.body !== undefined) return this.#fault(503, '5.5.1 the message came by BDAT');
    // RFC 2920 3.1: nobody was accepted, so there is nothing to send.
    if (transaction.recipients.size === 0) return this.#fault(503, '5.5.1 no valid recipients');
    this.#reply(354, 'go on, and end with a line that is a dot');
    this.#flush();
    const body = (transaction.body = this.#newBody(false));
    const dots = new DotReader();
    for (;;) {
      const chunk = await this.#input.some();
      if (chunk === undefined) {
        this.#isOver = true;
        return this.#gone({ kind: 'gone', why: this.#input.gone ?? 'closed' });
      }
      const { pieces, end } = dots.read(chunk);
      if (dots.isBroken) {
        // What follows may be smuggled commands: say no and hang up before they are read.
        this.#around.log.info('bare line end refused', { ip: this.#ip });
        return this.#end(550, '5.5.2 lines must end with CR LF');
      }
      for (const piece of pieces) await body.add(piece);
      if (end < 0) continue;
      this.#input.giveBack(chunk.subarray(end));
      return this.#keep(transaction, body);
    }
  }

  async #bdat(argument: string): Promise<void> {
    const chunk = readChunk(argument);
    // How much follows is not known: the next octets might be anything.
    if (chunk === undefined) return this.#end(501, '5.5.4 BDAT is a number of octets, and LAST at the end');
    const transaction = this.#transaction;
    const isWanted = transaction !== undefined && transaction.recipients.size > 0;
    const body = isWanted ? (transaction.body ??= this.#newBody(true)) : undefined;
    this.#flush();
    for (let left = chunk.size; left > 0;) {
      const piece = await this.#input.some(left);
      if (piece === undefined) {
        this.#isOver = true;
        return this.#gone({ kind: 'gone', why: this.#input.gone ?? 'closed' });
      }
      left -= piece.length;
      await body?.add(piece);
    }
    // RFC 3030 2: the octets were read whatever the answer is.
    if (transaction === undefined || body === undefined)
      return this.#fault(503, isWanted ? '5.5.1 MAIL comes first' : '5.5.1 no valid recipients');
    if (chunk.last) return this.#keep(transaction, body);
    if (body.fault === undefined) return this.#reply(250, `2.0.0 ${chunk.size} octets noted`);
    // RFC 3030 2: after a failed chunk the transaction is over; those already on the way hear 503.
    await this.#drop();
    this.#refuse(body.fault);
  }

  #newBody(isChunked: boolean): Body {
    const { dataDir, maxSize } = this.#around;
    return new Body({ dataDir, maxSize, isChunked });
  }

  async #keep(transaction: Transaction, body: Body): Promise<void> {
    this.#idleCommands = 0;
    try {
      if (body.fault !== undefined) throw body.fault;
      const id = await this.#around.keep(
        {
          mailFrom: transaction.from,
          rcptTo: [...transaction.recipients],
          remoteIp: this.#ip,
          helo: this.#helo,
          tls: this.#tls,
        },
        body.spool,
      );
      this.#reply(250, `2.6.0 accepted as ${id}`);
    } catch (error) {
      this.#refuse(error);
    } finally {
      await this.#drop();
    }
    if (this.#isLeaving) this.#input.interrupt();
  }

  #refuse(error: unknown): void {
    const { code, message } = refusalFor(error, this.#around.log);
    this.#reply(code, message);
  }

  async #startTls(argument: string): Promise<void> {
    if (this.#tls !== '') return this.#fault(503, '5.5.1 the connection is encrypted already');
    if (!this.#isExtended) return this.#fault(503, '5.5.1 EHLO comes first');
    if (argument !== '') return this.#fault(501, '5.5.4 STARTTLS has no argument');
    await this.#drop();
    this.#reply(220, '2.0.0 go ahead');
    this.#flush();
    // RFC 3207 4.2: nothing that was said before counts any more, least of all what stood behind STARTTLS.
    this.#input.leave();
    this.#helo = '';
    this.#isExtended = false;
    const secure = new TLSSocket(this.#socket, {
      isServer: true,
      secureContext: this.#around.secureContext(),
    });
    this.#socket.setTimeout(0);
    this.#socket = secure;
    this.#input = new Input(secure);
    this.#patience();
    if (await isSecured(secure)) this.#tls = secure.getProtocol() ?? 'TLS';
    else this.#isOver = true;
  }

  /** The path of MAIL or RCPT; undefined when the answer was no. */
  #path(argument: string, keyword: 'FROM' | 'TO'): Path | undefined {
    const path = readPath(argument, keyword);
    switch (path) {
      case 'syntax':
        this.#fault(501, `5.5.2 it is ${keyword === 'FROM' ? 'MAIL' : 'RCPT'} ${keyword}:<address>`);
        return undefined;
      case 'parameter':
        this.#fault(501, '5.5.4 a parameter is not understood');
        return undefined;
      case 'repeated':
        this.#fault(501, '5.5.4 a parameter is there twice');
        return undefined;
      default:
        return path;
    }
  }

  async #drop(): Promise<void> {
    const body = this.#transaction?.body;
    this.#transaction = undefined;
    await body?.spool.drop();
  }

  #reply(code: number, text: string): void {
    this.#out += `${code} ${text}\r\n`;
  }

  #idle(code: number, text: string): void {
    this.#idleCommands++;
    this.#reply(code, text);
  }

  #fault(code: number, text: string): void {
    this.#faults++;
    this.#reply(code, text);
  }

  /** The last words, and the end of the connection. */
  #end(code: number, text: string): void {
    this.#reply(code, text);
    this.#flush();
    this.#isOver = true;
  }

  #flush(): void {
    if (this.#out === '') return;
    this.#patience();
    if (this.#socket.writable) this.#socket.write(this.#out);
    this.#out = '';
  }

  /** Each answer begins the client's time anew. */
  #patience(): void {
    this.#socket.setTimeout(this.#around.idleMs());
  }

  #hangUp(): void {
    this.#flush();
    this.#input.leave();
    const socket = this.#socket;
    // What still comes is read and thrown away, so that our last words arrive before a reset.
    socket.on('data', () => undefined);
    socket.on('error', () => undefined);
    socket.setTimeout(5000, () => socket.destroy());
    socket.end();
    socket.resume();
  }
}

const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text);

const isSecured = (socket: TLSSocket): Promise<boolean> =>
  new Promise((resolve) => {
    socket.once('secure', () => resolve(true));
    for (const event of ['error', 'close', 'timeout'] as const) socket.once(event, () => resolve(false));
  });
