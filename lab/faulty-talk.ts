/** One conversation of a mail host that may break (faulty-host.ts): SMTP as far as a sender can tell, until a fault strikes. */
import type { Socket } from 'node:net';
import type { Faulty, FaultyHost } from './faulty-host.ts';

export type Step =
  | 'connect'
  | 'ehlo'
  | 'helo'
  | 'starttls'
  | 'mail'
  | 'rcpt'
  | 'data'
  | 'body'
  | 'bdat'
  | 'dot'
  | 'rset'
  | 'quit';

/** What a sip reads, and how often: the segments of a very narrow line. */
const SIP_OCTETS = 64;
const SIP_MS = 2;
const DRIP_MS = 50;

export class SmtpTalk {
  readonly #host: FaultyHost;
  readonly #socket: Socket;
  readonly #encrypted: boolean;
  readonly #secure: (() => void) | undefined;
  readonly #counts = new Map<Step, number>();
  #rest: Buffer = Buffer.alloc(0);
  #to = '';
  #inData = false;
  /** Octets of a BDAT that are still to come. */
  #chunk: number | undefined;
  /** Says and hears nothing any more. */
  #isDeaf = false;
  #heard = false;

  constructor(host: FaultyHost, socket: Socket, encrypted: boolean, secure?: () => void) {
    this.#host = host;
    this.#socket = socket;
    this.#encrypted = encrypted;
    this.#secure = secure;
  }

  greet(): void {
    this.#answer('connect', '220 mx.bad.test');
    if (this.#isDeaf) this.#socket.resume();
    else this.listen();
  }

  listen(): void {
    this.#socket.on('data', (bytes: Buffer) => this.#hear(bytes));
  }

  /** The reply to a step, or what the fault there does instead; true when a fault struck. */
  #answer(stage: Step, reply: string): boolean {
    const count = (this.#counts.get(stage) ?? 0) + 1;
    this.#counts.set(stage, count);
    const fault = this.#host.faultOf(stage, count, this.#to);
    if (fault === undefined) this.#socket.write(`${reply}\r\n`);
    else this.#strike(fault, reply);
    return fault !== undefined && fault.does !== 'sip';
  }

  #strike({ does }: Faulty, reply: string): void {
    const socket = this.#socket;
    if (does === 'sip') {
      socket.write(`${reply}\r\n`);
      this.#sip();
      return;
    }
    if (does === 'drop') socket.destroy();
    else if (does === 'reset') socket.resetAndDestroy();
    else if (does === 'deaf') {
      // The window closes: the other side can write as much as the two kernels keep, and no more.
      socket.write(`${reply}\r\n`);
      socket.pause();
    } else if (does === 'drip') {
      const timer = setInterval(() => socket.write('2'), DRIP_MS);
      socket.on('close', () => clearInterval(timer));
    } else if (typeof does === 'object') {
      socket.write(does.say);
      if (does.thenDrop === true) socket.end();
    }
    // A reply of its own does not end the conversation, unless it says so.
    this.#isDeaf = typeof does === 'string' || does.thenDrop === true || does.thenHang === true;
  }

  #sip(): void {
    const socket = this.#socket;
    socket.removeAllListeners('data');
    socket.pause();
    const timer = setInterval(() => {
      const bytes = socket.read(Math.min(SIP_OCTETS, socket.readableLength || SIP_OCTETS)) as Buffer | null;
      if (bytes !== null) this.#hear(bytes);
    }, SIP_MS);
    socket.on('close', () => clearInterval(timer));
  }

  #hear(bytes: Buffer): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    this.#heard = false;
    while (!this.#isDeaf && this.#step());
  }

  /** Takes in one command or one message; false when more bytes are needed. */
  #step(): boolean {
    if (this.#inData) return this.#message('\r\n.\r\n');
    if (this.#chunk !== undefined) return this.#message(this.#chunk);
    const end = this.#rest.indexOf('\r\n');
    if (end < 0) return false;
    const line = this.#rest.toString('utf8', 0, end);
    this.#rest = this.#rest.subarray(end + 2);
    if (this.#host.traits.losesCommands === true) {
      if (this.#heard) return true;
      this.#heard = true;
    }
    this.#command(line, line.slice(0, 4).toUpperCase());
    return true;
  }

  #message(until: string | number): boolean {
    const broken = this.#host.faultOf('body', 1, this.#to);
    if (broken !== undefined && this.#rest.length > 0) {
      this.#strike(broken, '');
      this.#isDeaf = true;
      return false;
    }
    const end = typeof until === 'string' ? this.#rest.indexOf(until) : until;
    if (end < 0 || this.#rest.length < end) return false;
    this.#rest = this.#rest.subarray(typeof until === 'string' ? end + until.length : end);
    this.#inData = false;
    this.#chunk = undefined;
    const to = this.#to;
    if (to === '') {
      this.#socket.write('503 no recipient\r\n');
      return true;
    }
    const fault = this.#host.faultOf('dot', 1, to);
    this.#answer('dot', '250 2.0.0 taken');
    if (fault === undefined || fault.takesMessage === true) this.#host.took(to);
    this.#to = '';
    return true;
  }

  #command(line: string, verb: string): void {
    switch (verb) {
      case 'EHLO': {
        const { offersTls, extensions = ['PIPELINING'] } = this.#host.traits;
        const offers = [...extensions, ...(offersTls === true && !this.#encrypted ? ['STARTTLS'] : [])];
        const lines = ['mx.bad.test', ...offers];
        const said = lines.map((one, at) => `250${at < lines.length - 1 ? '-' : ' '}${one}`).join('\r\n');
        this.#answer('ehlo', said);
        return;
      }
      case 'HELO':
        this.#answer('helo', '250 mx.bad.test');
        return;
      case 'STAR':
        if (this.#answer('starttls', '220 go')) return;
        this.#socket.removeAllListeners('data');
        this.#isDeaf = true;
        this.#secure?.();
        return;
      case 'MAIL':
        this.#to = '';
        if (this.#host.traits.knowsNoSize === true && /SIZE=/i.test(line))
          this.#socket.write('555 5.5.4 what is SIZE?\r\n');
        else this.#answer('mail', '250 ok');
        return;
      case 'RCPT': {
        this.#to = /<(.*?)>/.exec(line)?.[1] ?? '';
        if (this.#answer('rcpt', '250 ok')) this.#to = '';
        return;
      }
      case 'DATA':
        if (this.#to === '') this.#socket.write('503 no recipient\r\n');
        else this.#inData = !this.#answer('data', '354 go on');
        return;
      case 'BDAT':
        this.#bdat(Number(/\d+/.exec(line)?.[0]));
        return;
      case 'QUIT':
        if (!this.#answer('quit', '221 bye')) this.#socket.end();
        return;
      default:
        if (verb === 'RSET') {
          this.#to = '';
          this.#answer('rset', '250 ok');
        } else this.#socket.write('502 not known here\r\n');
    }
  }

  #bdat(octets: number): void {
    const fault = this.#host.faultOf('bdat', 1, this.#to);
    // A host that does not know the command takes its octets for commands.
    if (fault !== undefined) this.#strike(fault, '');
    else this.#chunk = octets;
  }
}
