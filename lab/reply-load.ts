/**
 * The load of `bench inbound`: replies of 10 KB to mail of ours, made and signed before the clock starts, and handed in over
 * so many connections with the envelope pipelined, the same way to us and to every peer.
 */
import { connect, type Socket } from 'node:net';

export interface Parcel {
  /** For whoever keeps a ledger. */
  id?: string;
  from: string;
  to: string;
  /** Dot-stuffed, with its final dot. */
  wire: Buffer;
}

export interface HandedIn {
  seconds: number;
  /** From the last byte of a message to its 250, in milliseconds, sorted. */
  waits: number[];
}

/** RFC 5321 4.5.2. */
export const onTheWire = (raw: Buffer): Buffer => {
  const text = raw.toString('latin1').replace(/^\./gm, '..');
  return Buffer.from(`${text}${text.endsWith('\r\n') ? '' : '\r\n'}.\r\n`, 'latin1');
};

/** Hands everything in, each message once, as fast as the other side says yes. Any other answer is an error. */
export async function handIn(
  port: number,
  parcels: readonly Parcel[],
  connections: number,
  accepted: (parcel: Parcel) => void = () => undefined,
): Promise<HandedIn> {
  const lines = await Promise.all(Array.from({ length: connections }, () => Line.open(port)));
  const waits: number[] = [];
  let next = 0;
  const began = performance.now();
  await Promise.all(
    lines.map(async (line) => {
      for (let parcel = parcels[next++]; parcel !== undefined; parcel = parcels[next++]) {
        await line.ask(`MAIL FROM:<${parcel.from}>\r\nRCPT TO:<${parcel.to}>\r\nDATA\r\n`, '250 250 354');
        const sent = performance.now();
        await line.ask(parcel.wire, '250');
        waits.push(performance.now() - sent);
        accepted(parcel);
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  for (const line of lines) line.end();
  return { seconds, waits: waits.sort((a, b) => a - b) };
}

/** One connection: bytes out, codes in. */
class Line {
  readonly #socket: Socket;
  #text = '';
  #waiting: { codes: string; resolve: () => void; reject: (error: Error) => void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk.toString('latin1')));
    socket.on('close', () => this.#waiting?.reject(new Error('the line was closed')));
    socket.on('error', (error) => this.#waiting?.reject(error));
  }

  static async open(port: number): Promise<Line> {
    const line = new Line(connect({ port, host: '127.0.0.1' }));
    await line.#expect('220');
    await line.ask('EHLO bench.test\r\n', '250');
    return line;
  }

  ask(bytes: string | Buffer, codes: string): Promise<void> {
    const heard = this.#expect(codes);
    this.#socket.write(bytes);
    return heard;
  }

  end(): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #expect(codes: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { codes, resolve, reject };
    });
  }

  /** An answer is whole when as many final lines came as there were commands. */
  #read(text: string): void {
    this.#text += text;
    const waiting = this.#waiting;
    if (waiting === undefined || !this.#text.endsWith('\r\n')) return;
    const finals = this.#text.split('\r\n').filter((line) => line.length > 3 && line[3] === ' ');
    const heard = finals.map((line) => line.slice(0, 3)).join(' ');
    if (heard === waiting.codes) {
      this.#text = '';
      waiting.resolve();
    } else if (!waiting.codes.startsWith(heard))
      waiting.reject(new Error(`expected ${waiting.codes}, heard ${this.#text.trim()}`));
  }
}
