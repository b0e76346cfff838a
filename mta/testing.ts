/**
 * Servers for the tests that do as their script says, once per connection: a list of lines in the order of the wire.
 *
 *   '< 220 hi'    the server says it (CRLF is added; what is sent in one write is joined with \r\n)
 *   '> EHLO us'   the client must say exactly that next
 *   '> *'         the client says any one line
 *   '.'           reads a message up to its final dot, and keeps it
 *   '#120'        reads 120 octets, and keeps them
 *   '!close' '!reset' '!hang' '!tls'   ends the connection so, goes silent, or takes the handshake
 *   a function    does anything else
 */
import { createServer, Socket } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { TLSSocket } from 'node:tls';

import { selfSigned } from '../core/tls.ts';

export type Step = string | Buffer | ((peer: Peer) => void | Promise<void>);

export interface Scripted {
  port: number;
  /** What the client did against the script; empty when all went as written. */
  complaints: string[];
  /** Messages and octets kept, in order. */
  kept: Buffer[];
  /** Lines of the client, in order, over all connections. */
  heard: string[];
  connections: number;
  /** A socket connected to it. */
  dial(): Promise<Socket>;
  close(): Promise<void>;
}

let certificate: Promise<{ key: string; cert: string }> | null = null;

export function testCertificate(): Promise<{ key: string; cert: string }> {
  certificate ??= selfSigned('mx.test', Date.now());
  return certificate;
}

/** The n-th connection follows the n-th script; the last script serves all that follow. */
export async function scripted(...scripts: Step[][]): Promise<Scripted> {
  // Made before anyone waits for it: a handshake must not arrive while nobody listens.
  await testCertificate();
  const state: Scripted = {
    port: 0,
    complaints: [],
    kept: [],
    heard: [],
    connections: 0,
    dial: () =>
      new Promise((resolve, reject) => {
        const socket = new Socket();
        socket.once('error', reject);
        socket.connect(state.port, '127.0.0.1', () => {
          socket.removeListener('error', reject);
          resolve(socket);
        });
      }),
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    const script = scripts[Math.min(state.connections, scripts.length - 1)] ?? [];
    state.connections += 1;
    void follow(new Peer(socket), script, state);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  state.port = (server.address() as AddressInfo).port;
  return state;
}

async function follow(peer: Peer, script: Step[], state: Scripted): Promise<void> {
  for (const step of script) {
    try {
      if (typeof step === 'function') await step(peer);
      else if (typeof step !== 'string') peer.socket.write(step);
      else if (step.startsWith('< ')) peer.socket.write(`${step.slice(2)}\r\n`);
      else if (step.startsWith('> ')) {
        const line = await peer.line();
        state.heard.push(line);
        if (step !== '> *' && line !== step.slice(2))
          state.complaints.push(`wanted ${step.slice(2)}, got ${line}`);
      } else if (step === '.') state.kept.push(await peer.message());
      else if (step.startsWith('#')) state.kept.push(await peer.octets(Number(step.slice(1))));
      else if (step === '!close') peer.socket.end();
      else if (step === '!reset') peer.socket.resetAndDestroy();
      else if (step === '!hang') return;
      else if (step === '!tls') await peer.secure();
    } catch (error) {
      state.complaints.push(`at ${String(step)}: ${(error as Error).message}`);
      return;
    }
  }
}

export class Peer {
  socket: Socket;
  #bytes = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void) | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    this.#listen();
  }

  async line(): Promise<string> {
    const end = await this.#until('\r\n');
    return this.#take(end + 2)
      .subarray(0, end)
      .toString();
  }

  /** A message with its final dot, as it stood on the wire. */
  async message(): Promise<Buffer> {
    await this.#enough(() => this.#bytes.indexOf('\r\n.\r\n') !== -1 || this.#bytes.indexOf('.\r\n') === 0);
    const end = this.#bytes.indexOf('.\r\n') === 0 ? -2 : this.#bytes.indexOf('\r\n.\r\n');
    return this.#take(end + 5);
  }

  async octets(count: number): Promise<Buffer> {
    await this.#enough(() => this.#bytes.length >= count);
    return this.#take(count);
  }

  async secure(keys?: { key: string; cert: string }): Promise<void> {
    const plain = this.socket;
    plain.pause();
    plain.removeAllListeners('data');
    this.socket = new TLSSocket(plain, { isServer: true, ...(keys ?? (await testCertificate())) });
    this.#listen();
  }

  #listen(): void {
    const ended = () => {
      this.#ended = true;
      this.#wake?.();
    };
    this.socket.on('error', () => {});
    this.socket.on('end', ended);
    this.socket.on('close', ended);
    this.socket.on('data', (bytes) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      this.#wake?.();
    });
  }

  async #until(mark: string): Promise<number> {
    await this.#enough(() => this.#bytes.includes(mark));
    return this.#bytes.indexOf(mark);
  }

  async #enough(is: () => boolean): Promise<void> {
    while (!is()) {
      if (this.#ended) throw new Error('the client hung up');
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #take(count: number): Buffer {
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }
}
