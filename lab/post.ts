/**
 * How mail leaves the lab: to the hosts that the lab's DNS names for the recipient's domain, from the sender's own
 * provider's address, over kept connections, with STARTTLS where it is offered. A 4xx or a closed port is tried again
 * later by the lab's clock, so a crash of the receiver loses nothing; a 5xx is an answer.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import { dotted } from './dots.ts';
import { domainOf } from './headers.ts';
import type { Host } from './providers.ts';
import type { Zone } from './zone.ts';

export interface Mail {
  /** Empty for bounces and automatic answers. RFC 5321 4.5.5. */
  returnPath: string;
  to: string;
  raw: Buffer;
  from: Host;
  /** Tried once: who forges mail does not wait. */
  once?: boolean;
}

export interface Sent {
  kind: 'accepted' | 'refused' | 'given-up';
  code: number;
  text: string;
  attempts: number;
  at: number;
}

export interface PostOptions {
  zone: Zone;
  clock: Clock;
  /** Where every receiving host outside the lab listens. */
  port: number;
  attempts: number;
  retryMs: number;
  connectionsPerHost: number;
}

interface Reply {
  code: number;
  text: string;
}

/** Real time: how long a receiver may take over one answer. */
const PATIENCE_MS = 60_000;

export class Post {
  readonly #options: PostOptions;
  readonly #lines = new Map<string, Line>();
  readonly #stopped = new AbortController();

  constructor(options: PostOptions) {
    this.#options = options;
  }

  get port(): number {
    return this.#options.port;
  }

  set port(port: number) {
    this.#options.port = port;
  }

  async send(mail: Mail): Promise<Sent> {
    const { clock, retryMs } = this.#options;
    const attempts = mail.once === true ? 1 : this.#options.attempts;
    let last: Reply = { code: 0, text: 'not tried' };
    for (let attempt = 1; attempt <= attempts && !this.#stopped.signal.aborted; attempt++) {
      last = await this.#once(mail);
      const sent = { ...last, attempts: attempt, at: clock.now() };
      if (last.code >= 200 && last.code < 300) return { kind: 'accepted', ...sent };
      if (last.code >= 500) return { kind: 'refused', ...sent };
      if (attempt < attempts) await clock.sleep(retryMs * Math.min(attempt, 6), this.#stopped.signal);
    }
    return { kind: 'given-up', ...last, attempts, at: clock.now() };
  }

  stop(): void {
    this.#stopped.abort();
    for (const line of this.#lines.values()) line.stop();
  }

  async #once(mail: Mail): Promise<Reply> {
    const { zone, connectionsPerHost } = this.#options;
    const address = zone.mailHosts(domainOf(mail.to))[0];
    if (address === undefined) return { code: 0, text: `no mail host for ${domainOf(mail.to)}` };
    const key = `${mail.from.address} ${address} ${this.#options.port}`;
    let line = this.#lines.get(key);
    if (line === undefined) {
      line = new Line(mail.from, address, this.#options.port, connectionsPerHost);
      this.#lines.set(key, line);
    }
    return line.send(mail);
  }
}

/** The connections from one of our hosts to one of theirs. */
class Line {
  readonly #from: Host;
  readonly #address: string;
  readonly #port: number;
  readonly #most: number;
  readonly #waiting: { mail: Mail; done: (reply: Reply) => void }[] = [];
  readonly #open = new Set<Connection>();
  #running = 0;

  constructor(from: Host, address: string, port: number, most: number) {
    this.#from = from;
    this.#address = address;
    this.#port = port;
    this.#most = most;
  }

  send(mail: Mail): Promise<Reply> {
    return new Promise((done) => {
      this.#waiting.push({ mail, done });
      if (this.#running < this.#most) void this.#work();
    });
  }

  stop(): void {
    for (const connection of this.#open) connection.close();
  }

  async #work(): Promise<void> {
    this.#running++;
    let connection: Connection | null = null;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      let reply: Reply;
      try {
        connection ??= await this.#dial();
        reply = await connection.transact(next.mail);
      } catch (cause) {
        reply = { code: 0, text: cause instanceof Error ? cause.message : String(cause) };
      }
      if ((reply.code === 0 || reply.code === 421) && connection !== null) {
        this.#hangUp(connection);
        connection = null;
      }
      next.done(reply);
    }
    if (connection !== null) {
      await connection.quit().catch(() => undefined);
      this.#hangUp(connection);
    }
    this.#running--;
  }

  async #dial(): Promise<Connection> {
    const connection = new Connection(this.#from, this.#address, this.#port);
    this.#open.add(connection);
    try {
      await connection.greet();
      return connection;
    } catch (cause) {
      this.#hangUp(connection);
      throw cause;
    }
  }

  #hangUp(connection: Connection): void {
    connection.close();
    this.#open.delete(connection);
  }
}

class Connection {
  readonly #ehlo: string;
  #socket: Socket;
  #text = '';
  #replies: Reply[] = [];
  #wanting: { resolve: (reply: Reply) => void; reject: (cause: Error) => void } | null = null;
  #dead: Error | null = null;
  #extensions = '';

  constructor(from: Host, address: string, port: number) {
    this.#ehlo = from.host;
    this.#socket = this.#heard(connect({ host: address, port, localAddress: from.address, noDelay: true }));
  }

  async greet(): Promise<void> {
    expect(await this.#next(), 220);
    await this.#hello();
    if (/^STARTTLS$/im.test(this.#extensions)) {
      expect(await this.#ask('STARTTLS'), 220);
      const plain = this.#socket;
      plain.removeAllListeners('data');
      this.#socket = this.#heard(connectTls({ socket: plain, rejectUnauthorized: false }));
      await this.#hello();
    }
  }

  async transact(mail: Mail): Promise<Reply> {
    const commands = [`MAIL FROM:<${mail.returnPath}>`, `RCPT TO:<${mail.to}>`];
    const answers: Reply[] = [];
    for (const command of commands) {
      const answer = await this.#ask(command);
      answers.push(answer);
      if (answer.code >= 300) return this.#back(answer);
    }
    const ready = await this.#ask('DATA');
    if (ready.code !== 354) return this.#back(ready);
    this.#socket.write(dotted(mail.raw));
    return this.#next();
  }

  async quit(): Promise<void> {
    await this.#ask('QUIT');
  }

  close(): void {
    this.#socket.destroy();
  }

  async #back(answer: Reply): Promise<Reply> {
    if (answer.code !== 421) await this.#ask('RSET');
    return answer;
  }

  async #hello(): Promise<void> {
    const answer = expect(await this.#ask(`EHLO ${this.#ehlo}`), 250);
    this.#extensions = answer.text;
  }

  #ask(command: string): Promise<Reply> {
    this.#socket.write(`${command}\r\n`);
    return this.#next();
  }

  #next(): Promise<Reply> {
    const ready = this.#replies.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    if (this.#dead !== null) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => (this.#wanting = { resolve, reject }));
  }

  #heard(socket: Socket): Socket {
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('the receiver took too long')));
    socket.on('error', (cause) => this.#die(cause));
    socket.on('close', () => this.#die(new Error('the connection was closed')));
    socket.on('data', (chunk: Buffer) => this.#read(chunk.toString('utf8')));
    return socket;
  }

  #read(chunk: string): void {
    this.#text += chunk;
    for (;;) {
      // RFC 5321 4.2.1: the last line of a reply has a space, or nothing, after the code
      const match = /^((?:\d{3}-[^\n]*\n)*)(\d{3})(?: ([^\n]*))?\r?\n/.exec(this.#text);
      if (match === null) return;
      this.#text = this.#text.slice(match[0].length);
      const text = match[0]
        .replace(/^\d{3}[ -]/gm, '')
        .trim()
        .replaceAll('\r', '');
      const reply = { code: Number(match[2]), text };
      const wanting = this.#wanting;
      this.#wanting = null;
      if (wanting === null) this.#replies.push(reply);
      else wanting.resolve(reply);
    }
  }

  #die(cause: Error): void {
    this.#dead ??= cause;
    this.#wanting?.reject(cause);
    this.#wanting = null;
  }
}

function expect(reply: Reply, code: number): Reply {
  if (reply.code !== code) throw new Error(`expected ${code}, got ${reply.code} ${reply.text}`);
  return reply;
}
