/**
 * A mail host that breaks at one step, in one way, until it is healed: the bad destination of the fault matrix, and, with
 * nothing broken, a good one. It keeps whom it took a message for, answered or not.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { TLSSocket, type SecureVersion } from 'node:tls';
import { SmtpTalk, type Step } from './faulty-talk.ts';

export interface Certificate {
  key: string;
  cert: string;
}

export interface Faulty {
  stage: 'none' | 'handshake' | Step;
  /** `say` writes these bytes instead of the reply; `deaf` stops reading; `sip` reads a little at a time from then on. */
  does:
    | 'drop'
    | 'reset'
    | 'hang'
    | 'drip'
    | 'deaf'
    | 'sip'
    | { say: string | Buffer; thenDrop?: boolean; thenHang?: boolean };
  /** At the dot: the message is taken all the same. */
  takesMessage?: boolean;
  /** Strikes only from this command of its kind on, counted on each connection from 1. */
  from?: number;
  /** Strikes only where the recipient matches. */
  to?: RegExp;
}

/** What the host is, beside what is broken in it. */
export interface HostTraits {
  offersTls?: boolean;
  /** In place of the certificate that it was started with. */
  certificate?: Certificate;
  /** The newest TLS that it speaks. */
  maxVersion?: SecureVersion;
  /** Offered in answer to EHLO. */
  extensions?: readonly string[];
  /** Answers the first command of each packet alone, though it offers PIPELINING. */
  losesCommands?: boolean;
  /** Answers 555 to SIZE in MAIL. */
  knowsNoSize?: boolean;
}

export class FaultyHost {
  faults: readonly Faulty[] = [];
  traits: HostTraits = {};
  /** Recipients whose message was taken, with the real time. */
  readonly taken: { to: string; at: number }[] = [];
  /** Connections that were made to it. */
  calls = 0;
  /** Called for each message that was taken. */
  onTaken: (() => void) | undefined;
  readonly #certificate: Certificate;
  readonly #open = new Set<Socket>();
  #server: Server | undefined;
  port = 0;

  constructor(certificate: Certificate) {
    this.#certificate = certificate;
  }

  async start(host: string, port = 0): Promise<this> {
    this.#server = createServer((socket) => this.#greet(socket));
    await new Promise<void>((resolve, reject) => {
      this.#server?.once('error', reject).listen(port, host, resolve);
    });
    const address = this.#server.address();
    this.port = typeof address === 'object' && address !== null ? address.port : 0;
    return this;
  }

  /** All is well from now on; who was kept waiting is let go. */
  heal(traits: HostTraits = {}): void {
    this.faults = [];
    this.traits = traits;
    for (const socket of this.#open) socket.destroy();
  }

  async stop(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  get connections(): number {
    return this.#open.size;
  }

  /** The fault of a step, the `count`th of its kind on its connection. */
  faultOf(stage: Faulty['stage'], count: number, to = ''): Faulty | undefined {
    return this.faults.find(
      (one) => one.stage === stage && count >= (one.from ?? 1) && (one.to?.test(to) ?? true),
    );
  }

  took(to: string): void {
    this.taken.push({ to, at: performance.now() });
    this.onTaken?.();
  }

  #greet(socket: Socket): void {
    this.calls++;
    this.#open.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => this.#open.delete(socket)).on('error', () => {});
    const talk = new SmtpTalk(this, socket, false, () => this.#secure(socket));
    talk.greet();
  }

  #secure(socket: Socket): void {
    const { maxVersion, certificate = this.#certificate } = this.traits;
    const broken = this.faultOf('handshake', 1);
    if (broken !== undefined) {
      const { does } = broken;
      if (does === 'drop') socket.destroy();
      else if (does === 'reset') socket.resetAndDestroy();
      else if (typeof does === 'object') socket.write(does.say, () => does.thenDrop && socket.end());
      return void socket.resume();
    }
    const secure = new TLSSocket(socket, {
      isServer: true,
      ...certificate,
      // Old versions are only spoken at OpenSSL's lowest level of security.
      ...(maxVersion && { maxVersion, minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }),
    });
    secure.on('error', () => socket.destroy());
    new SmtpTalk(this, secure, true).listen();
  }
}
