/**
 * What the other side has sent and nobody has read yet. The socket is told to wait as soon as more lies here than one
 * read is worth, so that a client that floods us fills its own memory, not ours.
 */
import type { Socket } from 'node:net';

export type Line =
  | { kind: 'line'; text: string }
  /** It went on for longer than allowed; all of it is thrown away. */
  | { kind: 'too-long' }
  /** A line that a bare LF ended, or that held a bare CR. */
  | { kind: 'bare-line-end' }
  | { kind: 'gone'; why: Gone };

export type Gone = 'closed' | 'timeout';

const ENOUGH_BYTES = 64 * 1024;
const LF = 0x0a;

export class Input {
  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #gone: Gone | undefined;
  #waiting: (() => void) | undefined;
  #isPaused = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', this.#arrived);
    socket.on('end', this.#closed);
    socket.on('close', this.#closed);
    socket.on('timeout', this.#timedOut);
  }

  readonly #arrived = (chunk: Buffer) => {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (this.#rest.length > ENOUGH_BYTES && !this.#isPaused) {
      this.#isPaused = true;
      this.#socket.pause();
    }
    this.#ring();
  };
  readonly #closed = () => this.#end('closed');
  readonly #timedOut = () => this.#end('timeout');

  #end(why: Gone): void {
    this.#gone ??= why;
    this.#ring();
  }

  #ring(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  /** The reader leaves: what was sent and not read is forgotten. RFC 3207 4.2: nothing from before TLS counts after it. */
  leave(): void {
    this.#socket.off('data', this.#arrived);
    this.#socket.off('end', this.#closed);
    this.#socket.off('close', this.#closed);
    this.#socket.off('timeout', this.#timedOut);
    this.#rest = Buffer.alloc(0);
    this.#end('closed');
  }

  /** Ends whatever waits for input, as if the other side had gone. */
  interrupt(): void {
    this.#end('closed');
  }

  get isEmpty(): boolean {
    return this.#rest.length === 0;
  }

  /** Whether a whole line lies here, so that reading it waits for nobody. */
  get hasLine(): boolean {
    return this.#rest.includes(LF);
  }

  async line(longest: number): Promise<Line> {
    let isTooLong = false;
    for (;;) {
      const end = this.#rest.indexOf(LF);
      if (end >= 0) {
        const line = this.#take(end + 1);
        if (isTooLong || line.length > longest) return { kind: 'too-long' };
        return readLine(line);
      }
      if (this.#rest.length > longest) {
        isTooLong = true;
        this.#take(this.#rest.length);
      }
      if (this.#gone !== undefined) return { kind: 'gone', why: this.#gone };
      await this.#more();
    }
  }

  /** What lies here, and at most `most` of it; undefined when the other side is gone. */
  async some(most = Number.MAX_SAFE_INTEGER): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      if (this.#gone !== undefined) return undefined;
      await this.#more();
    }
    return this.#take(Math.min(most, this.#rest.length));
  }

  /** What was read too far. */
  giveBack(bytes: Buffer): void {
    if (bytes.length > 0) this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([bytes, this.#rest]);
  }

  get gone(): Gone | undefined {
    return this.#gone;
  }

  #take(size: number): Buffer {
    const taken = this.#rest.subarray(0, size);
    this.#rest = this.#rest.subarray(size);
    return taken;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
      if (!this.#isPaused) return;
      this.#isPaused = false;
      this.#socket.resume();
    });
  }
}

function readLine(line: Buffer): Line {
  const body = line.subarray(0, -2);
  // RFC 5321 2.3.8: CR and LF occur only together.
  if (line.at(-2) !== 0x0d || body.includes(0x0d)) return { kind: 'bare-line-end' };
  // RFC 6531 3.7.1: paths may be UTF-8; what is not, is not an address either.
  return { kind: 'line', text: body.toString('utf8') };
}
