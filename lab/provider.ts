/**
 * One SMTP conversation at a mailbox provider of the lab, from banner to QUIT. It speaks to bytes rather than lines,
 * so that pipelined commands, a whole message in one flight and a dot split over two packets all cost what they
 * should. What to answer is asked of `Conduct`; what was taken goes to `take`.
 */
import { type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import { labCert, labKey } from './ca.ts';
import type { Conduct } from './conduct.ts';
import { unstuffed } from './dots.ts';
import type { Fault, Faults, Stage } from './fault.ts';
import { domainOf } from './headers.ts';
import type { Answer } from './mailbox.ts';
import { fillReply, type Reply } from './provider-replies.ts';
import { SMALL, type Provider } from './providers.ts';
import type { Replay } from './replay.ts';

export interface Envelope {
  provider: Provider;
  clientIp: string;
  ehlo: string;
  tls: string | false;
  returnPath: string;
  recipients: string[];
}

export interface ProviderDeps {
  clock: Clock;
  conduct: Conduct;
  /** Answers of an installation's history, before those of the lab's own people. */
  replay?: Replay | undefined;
  faults: Faults;
  isServed(domain: string, provider: Provider): boolean;
  /** Looks at a whole message; the reply that refuses it, or null when it was put into the mailboxes. */
  take(envelope: Envelope, raw: Buffer): Promise<Reply | null>;
  noted(answer: Answer): void;
  /** Which provider answers at this address. */
  at(address: string): Provider;
}

const LINE_MAX = 4096;
const DOT = Buffer.from('\r\n.\r\n');

let serial = 0;

export function serveProvider(raw: Socket, address: string, deps: ProviderDeps): void {
  new Session(raw, deps.at(address), hostAt(deps.at(address), address), deps).start();
}

class Session {
  readonly #provider: Provider;
  readonly #host: string;
  readonly #deps: ProviderDeps;
  readonly #ip: string;
  readonly #wire: Socket;
  #socket: Socket;
  #tls: string | false = false;
  #buffer: Buffer = Buffer.alloc(0);
  #out = '';
  #busy = false;
  #ended = false;
  #mode: 'command' | 'data' | 'chunk' = 'command';
  #scanned = 0;
  #chunkLeft = 0;
  #isLastChunk = false;
  #chunks: Buffer[] = [];
  #ehlo = '';
  #from: string | null = null;
  #recipients: string[] = [];
  #sent = 0;

  constructor(socket: Socket, provider: Provider, host: string, deps: ProviderDeps) {
    this.#wire = socket;
    this.#socket = socket;
    this.#provider = provider;
    this.#host = host;
    this.#deps = deps;
    this.#ip = (socket.remoteAddress ?? '').replace('::ffff:', '');
  }

  start(): void {
    const refusal = this.#deps.conduct.connected(this.#provider, this.#ip);
    this.#socket.once('close', () => this.#deps.conduct.disconnected(this.#provider, this.#ip));
    this.#listen(this.#socket);
    if (this.#strikes('connect')) return;
    if (refusal !== null) {
      this.#say(refusal);
      return this.#end();
    }
    this.#reply(fillReply(this.#provider.banner, this.#blanks('')));
    this.#flush();
  }

  #listen(socket: Socket): void {
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
      this.#run();
    });
  }

  /** Works off what has arrived; stops where an answer has to wait, and goes on from there. */
  #run(): void {
    while (!this.#busy && !this.#ended && this.#buffer.length > 0) {
      const went =
        this.#mode === 'command' ? this.#line() : this.#mode === 'data' ? this.#untilDot() : this.#chunk();
      if (!went) break;
    }
    if (!this.#busy) this.#flush();
  }

  #line(): boolean {
    const end = this.#buffer.indexOf('\r\n');
    if (end < 0) {
      if (this.#buffer.length < LINE_MAX) return false;
      this.#reply('500 5.5.2 Line too long');
      this.#end();
      return false;
    }
    const line = this.#buffer.toString('utf8', 0, end);
    this.#buffer = this.#buffer.subarray(end + 2);
    this.#command(line);
    return true;
  }

  #command(line: string): void {
    const verb = line.split(' ', 1)[0]?.toUpperCase() ?? '';
    switch (verb) {
      case 'EHLO':
      case 'HELO':
        return this.#greet(verb, line.slice(5).trim());
      case 'STARTTLS':
        return this.#startTls();
      case 'MAIL':
        return this.#mail(line);
      case 'RCPT':
        return this.#rcpt(line);
      case 'DATA':
        return this.#data();
      case 'BDAT':
        return this.#bdat(line);
      case 'RSET':
        this.#reset();
        return this.#reply('250 2.0.0 Ok');
      case 'NOOP':
        return this.#reply('250 2.0.0 Ok');
      case 'VRFY':
        return this.#reply('252 2.0.0 Cannot VRFY user');
      case 'QUIT':
        this.#reply(`221 2.0.0 ${this.#host} closing connection`);
        return this.#end();
      default:
        return this.#reply('502 5.5.1 Unrecognized command');
    }
  }

  #greet(verb: string, name: string): void {
    if (this.#strikes('ehlo')) return;
    this.#reset();
    this.#ehlo = name;
    if (verb === 'HELO') return this.#reply(`250 ${this.#host}`);
    const offered = [...this.#provider.extensions];
    if (this.#provider.tls !== 'none' && this.#tls === false) offered.push('STARTTLS');
    const lines = [`${this.#host} at your service, [${this.#ip}]`, ...offered];
    this.#reply(lines.map((one, at) => `250${at < lines.length - 1 ? '-' : ' '}${one}`).join('\n'));
  }

  #startTls(): void {
    if (this.#provider.tls === 'none' || this.#tls !== false)
      return this.#reply('502 5.5.1 STARTTLS not offered');
    if (this.#strikes('starttls')) return;
    this.#reply('220 2.0.0 Ready to start TLS');
    this.#flush();
    // RFC 3207 4.2: what came before the handshake is forgotten, pipelined commands above all
    this.#buffer = Buffer.alloc(0);
    this.#reset();
    const plain = this.#socket;
    plain.removeAllListeners('data');
    const secure = new TLSSocket(plain, { isServer: true, key: labKey, cert: labCert });
    this.#socket = secure;
    this.#listen(secure);
    secure.on('secure', () => {
      this.#tls = `${secure.getProtocol() ?? 'TLS'} ${secure.getCipher()?.name ?? ''}`.trim();
    });
  }

  #mail(line: string): void {
    if (this.#strikes('mail')) return;
    const match = /^MAIL FROM:\s*<([^<>]*)>(.*)$/i.exec(line);
    if (this.#ehlo === '') return this.#reply('503 5.5.1 Send EHLO first');
    if (match === null) return this.#reply('501 5.5.4 Syntax: MAIL FROM:<address>');
    if (this.#from !== null) return this.#reply('503 5.5.1 Nested MAIL command');
    if (this.#provider.tls === 'required' && this.#tls === false) return this.#say('tls-required');
    const declared = Number(/\bSIZE=(\d+)/i.exec(match[2] ?? '')?.[1] ?? 0);
    if (declared > this.#sizeMax()) return this.#say('too-big');
    const refusal = this.#deps.conduct.mail(this.#provider, this.#ip, this.#sent);
    if (refusal !== null) return this.#say(refusal);
    this.#from = match[1] ?? '';
    this.#reply('250 2.1.0 Ok');
  }

  #rcpt(line: string): void {
    if (this.#strikes('rcpt')) return;
    if (this.#from === null) return this.#reply('503 5.5.1 Error: need MAIL command');
    const match = /^RCPT TO:\s*<([^<>\s]+@[^<>\s]+)>/i.exec(line);
    if (match === null) return this.#reply('501 5.1.3 Bad recipient address syntax');
    const address = (match[1] ?? '').toLowerCase();
    if (this.#recipients.length >= 100) return this.#reply('452 4.5.3 Too many recipients');
    if (!this.#deps.isServed(domainOf(address), this.#provider))
      return this.#say('not-ours', address, 'rcpt');
    const replayed = this.#deps.replay?.answer(this.#provider.name, address);
    if (typeof replayed === 'string') {
      this.#note(
        replayed.startsWith('4') ? 'mailbox-full-for-now' : 'unknown-user',
        address,
        'rcpt',
        replayed,
      );
      this.#reply(replayed);
      return replayed.startsWith('421') ? this.#end() : undefined;
    }
    const reply = this.#deps.conduct.rcpt(this.#provider, this.#ip, this.#from, address);
    if (reply !== 'accepted') return this.#say(reply, address, 'rcpt');
    this.#recipients.push(address);
    this.#reply('250 2.1.5 Ok');
  }

  #data(): void {
    if (this.#strikes('data')) return;
    if (this.#recipients.length === 0) return this.#reply('554 5.5.1 Error: no valid recipients');
    this.#mode = 'data';
    this.#scanned = 0;
    // The end is looked for with the line break of the DATA line before it, so that an empty message has one too.
    this.#buffer = Buffer.concat([Buffer.from('\r\n'), this.#buffer]);
    this.#reply('354 End data with <CR><LF>.<CR><LF>');
  }

  #untilDot(): boolean {
    if (this.#buffer.length > 2 && this.#strikes('body')) return false;
    const end = this.#buffer.indexOf(DOT, Math.max(0, this.#scanned - DOT.length));
    this.#scanned = this.#buffer.length;
    if (end < 0) return false;
    const message = unstuffed(this.#buffer.subarray(0, end + 2)).subarray(2);
    this.#buffer = this.#buffer.subarray(end + DOT.length);
    this.#mode = 'command';
    this.#finish(message);
    return true;
  }

  // RFC 3030 2
  #bdat(line: string): void {
    const match = /^BDAT (\d+)( LAST)?$/i.exec(line);
    if (match === null || !this.#provider.extensions.includes('CHUNKING'))
      return this.#reply('502 5.5.1 Unrecognized command');
    this.#chunkLeft = Number(match[1]);
    this.#isLastChunk = match[2] !== undefined;
    this.#mode = 'chunk';
    // An empty chunk has no bytes to wait for.
    if (this.#chunkLeft === 0) this.#chunkDone();
  }

  #chunk(): boolean {
    if (this.#strikes('body')) return false;
    const part = this.#buffer.subarray(0, this.#chunkLeft);
    this.#chunks.push(part);
    this.#chunkLeft -= part.length;
    this.#buffer = this.#buffer.subarray(part.length);
    if (this.#chunkLeft > 0) return false;
    this.#chunkDone();
    return true;
  }

  #chunkDone(): void {
    this.#mode = 'command';
    if (this.#recipients.length === 0) {
      this.#chunks = [];
      return this.#reply('503 5.5.1 Bad sequence: no valid recipients');
    }
    if (!this.#isLastChunk) return this.#reply('250 2.0.0 Ok, chunk received');
    const message = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#finish(message);
  }

  #finish(message: Buffer): void {
    const fault = this.#deps.faults.strike(this.#provider.name, 'dot');
    if (fault !== undefined && fault.takesMessage !== true) return this.#suffer(fault);
    const recipients = this.#recipients;
    const envelope: Envelope = {
      provider: this.#provider,
      clientIp: this.#ip,
      ehlo: this.#ehlo,
      tls: this.#tls,
      returnPath: this.#from ?? '',
      recipients,
    };
    this.#sent++;
    const tell = (refusal: Reply | null) => {
      if (fault !== undefined) return this.#suffer(fault);
      for (const address of recipients) this.#note(refusal ?? 'accepted', address, 'data');
      this.#reply(this.#words(refusal ?? 'accepted', recipients[0] ?? ''));
      this.#reset();
    };
    const late = this.#provider.looksUpAt === 'data' ? this.#lateRefusal(recipients) : null;
    if (message.length > this.#sizeMax()) return tell('too-big');
    if (late !== null) return tell(late);
    const taken = this.#deps.take(envelope, message);
    this.#busy = true;
    void taken.then(
      (refusal) => this.#resume(() => tell(refusal)),
      (cause: unknown) =>
        this.#resume(() => this.#reply(`451 4.3.0 The lab could not look at this: ${String(cause)}`)),
    );
  }

  #resume(then: () => void): void {
    this.#busy = false;
    then();
    this.#run();
  }

  /** A provider that looks up at the end has one answer for all, so one missing mailbox refuses the message. */
  #lateRefusal(recipients: readonly string[]): Reply | null {
    return recipients.map((one) => this.#deps.conduct.lookUp(one)).find((one) => one !== 'accepted') ?? null;
  }

  #say(reply: Reply, address = '', stage: Answer['stage'] = 'mail'): void {
    const text = this.#words(reply, address);
    if (address !== '') this.#note(reply, address, stage, text);
    this.#reply(text);
    // RFC 5321 3.8: 421 is said by one who is about to leave
    if (text.startsWith('421')) this.#end();
  }

  #note(reply: Reply, address: string, stage: Answer['stage'], text = this.#words(reply, address)): void {
    const code = Number(text.slice(0, 3));
    const kind = code < 400 ? 'accepted' : code < 500 ? 'deferred' : 'refused';
    this.#deps.noted({
      address,
      at: this.#deps.clock.now(),
      provider: this.#provider.name,
      stage,
      kind,
      reply,
      code,
      text,
    });
  }

  #words(reply: Reply, address: string): string {
    return fillReply(this.#provider.says[reply], this.#blanks(address));
  }

  #blanks(address: string): Record<string, string> {
    const now = this.#deps.clock.now();
    const id = `${Math.floor(now / 1000).toString(36)}-${(++serial).toString(36).padStart(6, '0')}`;
    return {
      rcpt: address,
      domain: domainOf(address),
      from: domainOf(this.#from ?? ''),
      ip: this.#ip,
      host: this.#host,
      id,
      mark: `${id.toUpperCase()}.eurprd05.prod.outlook.com`,
      time: String(Math.floor(now / 1000)),
      date: new Date(now).toUTCString(),
    };
  }

  #strikes(stage: Stage): boolean {
    const fault = this.#deps.faults.strike(this.#provider.name, stage);
    if (fault === undefined) return false;
    this.#suffer(fault);
    return true;
  }

  #suffer(fault: Fault): void {
    if (typeof fault.does === 'object') {
      this.#out += fault.does.say;
      if (fault.does.thenDrop === true) this.#end();
      return;
    }
    this.#ended = true;
    // Under TLS it is still the TCP connection that is reset.
    if (fault.does === 'reset') this.#wire.resetAndDestroy();
    if (fault.does !== 'hang') this.#socket.destroy();
  }

  #reply(text: string): void {
    this.#out += `${text.replaceAll('\n', '\r\n')}\r\n`;
  }

  #flush(): void {
    if (this.#out === '' || this.#socket.destroyed) return;
    const out = this.#out;
    this.#out = '';
    this.#socket.write(out);
  }

  #end(): void {
    this.#ended = true;
    this.#flush();
    this.#socket.end();
  }

  #reset(): void {
    this.#from = null;
    this.#recipients = [];
    this.#chunks = [];
  }

  #sizeMax(): number {
    const size = this.#provider.extensions.find((one) => one.startsWith('SIZE '));
    return size === undefined ? 50 * 1024 * 1024 : Number(size.slice(5));
  }
}

const hostAt = (provider: Provider, address: string): string =>
  provider.mx.find((one) => one.address === address)?.host ?? SMALL.mx[0]?.host ?? address;
