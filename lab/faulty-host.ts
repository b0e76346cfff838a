/**
 * A mail host that breaks at one step, in one way, until it is healed: the bad destination of the fault matrix. It keeps
 * whom it took a message for, answered or not.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

export interface Faulty {
  stage: 'none' | 'connect' | 'ehlo' | 'starttls' | 'handshake' | 'mail' | 'rcpt' | 'data' | 'body' | 'dot';
  /** `say` writes these bytes instead of the reply. */
  does: 'drop' | 'reset' | 'hang' | 'drip' | { say: string | Buffer; thenDrop?: boolean; thenHang?: boolean };
  /** At the dot: the message is taken all the same. */
  takesMessage?: boolean;
}

export class FaultyHost {
  fault: Faulty = { stage: 'none', does: 'drop' };
  offersTls = false;
  /** Recipients whose message was taken. */
  readonly taken: string[] = [];
  readonly #certificate: { key: string; cert: string };
  readonly #open = new Set<Socket>();
  #server: Server | undefined;

  constructor(certificate: { key: string; cert: string }) {
    this.#certificate = certificate;
  }

  async start(host: string, port: number): Promise<this> {
    this.#server = createServer((socket) => this.#greet(socket));
    await new Promise<void>((resolve, reject) => {
      this.#server?.once('error', reject).listen(port, host, resolve);
    });
    return this;
  }

  /** All is well from now on; who was kept waiting is let go. */
  heal(): void {
    this.fault = { stage: 'none', does: 'drop' };
    for (const socket of this.#open) socket.destroy();
  }

  async stop(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  #greet(socket: Socket): void {
    this.#open.add(socket);
    socket.on('close', () => this.#open.delete(socket)).on('error', () => {});
    if (this.#strikes(socket, 'connect')) return void socket.resume();
    socket.write('220 mx.bad.test\r\n');
    this.#converse(socket, false);
  }

  /** True when the fault struck and nothing else is to be said. */
  #strikes(socket: Socket, stage: Faulty['stage']): boolean {
    if (this.fault.stage !== stage) return false;
    const { does } = this.fault;
    if (does === 'drop') socket.destroy();
    else if (does === 'reset') socket.resetAndDestroy();
    else if (does === 'drip') {
      const timer = setInterval(() => socket.write('2'), 50);
      socket.on('close', () => clearInterval(timer));
    } else if (does !== 'hang') {
      socket.write(does.say);
      if (does.thenDrop === true) socket.end();
    }
    return true;
  }

  #converse(socket: Socket, encrypted: boolean): void {
    let text = '';
    let to = '';
    let inData = false;
    let isDeaf = false;
    const answer = (stage: Faulty['stage'], reply: string): boolean => {
      const struck = this.#strikes(socket, stage);
      if (!struck) socket.write(`${reply}\r\n`);
      const { does } = this.fault;
      // A reply of its own does not end the conversation, unless it says so.
      isDeaf = struck && (typeof does === 'string' || does.thenDrop === true || does.thenHang === true);
      return struck;
    };
    const hear = (bytes: Buffer) => {
      text += bytes.toString('latin1');
      while (!isDeaf) {
        if (inData) {
          if (this.fault.stage === 'body') {
            this.#strikes(socket, 'body');
            isDeaf = true;
            return;
          }
          const end = text.indexOf('\r\n.\r\n');
          if (end < 0) return;
          inData = false;
          text = text.slice(end + 5);
          const { takesMessage } = this.fault;
          const struck = answer('dot', '250 2.0.0 taken');
          if (!struck || takesMessage === true) this.taken.push(to);
          continue;
        }
        const end = text.indexOf('\r\n');
        if (end < 0) return;
        const verb = text.slice(0, 4).toUpperCase();
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        if (verb === 'EHLO')
          answer(
            'ehlo',
            `250-mx.bad.test\r\n250${this.offersTls && !encrypted ? '-STARTTLS\r\n250' : ''} PIPELINING`,
          );
        else if (verb === 'STAR') {
          if (answer('starttls', '220 go')) continue;
          socket.removeListener('data', hear);
          if (this.#strikes(socket, 'handshake')) return void socket.resume();
          const secure = new TLSSocket(socket, { isServer: true, ...this.#certificate });
          secure.on('error', () => socket.destroy());
          return this.#converse(secure, true);
        } else if (verb === 'MAIL') answer('mail', '250 ok');
        else if (verb === 'RCPT') {
          const struck = answer('rcpt', '250 ok');
          to = struck ? '' : (/<(.*?)>/.exec(line)?.[1] ?? '');
        } else if (verb === 'DATA') {
          if (to === '') socket.write('503 no recipient\r\n');
          else inData = !answer('data', '354 go on');
        } else if (verb === 'QUIT') {
          socket.end('221 bye\r\n');
          return;
        } else {
          if (verb === 'RSET') to = '';
          socket.write('250 ok\r\n');
        }
      }
    };
    socket.on('data', hear);
  }
}
