/**
 * The line to a remote server: writes commands, reads their replies in the order they are owed, and knows when it is
 * dead. Replies that came before the end still count; a reply that nothing asked for ends it.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import { handshake, type TlsTerms } from './handshake.ts';
import { ProtocolError, ReplyReader } from './reply.ts';
import type { Reply } from './reply.ts';
import { Timeout, TlsFailure } from './transaction.ts';
import type { TlsState } from './transaction.ts';
import { Transcript } from './transcript.ts';

interface Waiter<T> {
  resolve: (value: T) => void;
  reject: (error: Error) => void;
}

const SLICE_OCTETS = 64 * 1024;

export class Line {
  /** Called once, when the line ends for whatever reason. */
  onEnd: (() => void) | null = null;
  readonly transcript: Transcript | null;
  #socket: Socket | TLSSocket;
  #reader = new ReplyReader();
  #replies: Reply[] = [];
  #owed = 1; // the greeting
  #reading: Waiter<Reply> | null = null;
  #draining: Waiter<void> | null = null;
  #error: Error | null = null;

  constructor(socket: Socket, record: boolean) {
    this.transcript = record ? new Transcript() : null;
    this.#socket = socket;
    // Replies and commands are small and waited for: RFC 1122 4.2.3.4 lets us turn Nagle off.
    socket.setNoDelay(true);
    this.#listen(socket);
  }

  /** Why it ended; null while it lives. */
  get error(): Error | null {
    return this.#error;
  }

  /** Commands are written whose replies have not come. */
  get isOwed(): boolean {
    return this.#owed > 0;
  }

  /** A reply is here that has not been read. */
  get hasReply(): boolean {
    return this.#replies.length > 0;
  }

  /** The next reply, in the order of the commands. */
  read(ms: number): Promise<Reply> {
    const reply = this.#replies.shift();
    if (reply !== undefined) return Promise.resolve(reply);
    if (this.#error !== null) return Promise.reject(this.#error);
    return this.#within(ms, (waiter) => (this.#reading = waiter));
  }

  get isFlushed(): boolean {
    return this.#socket.writableLength === 0;
  }

  /** Command lines, each of which is owed a reply, and what follows the last of them, in one write. */
  say(commands: readonly string[], message: readonly Buffer[] = [], shown = commands): void {
    if (this.transcript !== null) {
      for (const command of shown) this.transcript.ours(command);
      if (message.length > 0) this.transcript.note('> (message)');
    }
    this.#owed += commands.length;
    this.#put([Buffer.from(`${commands.join('\r\n')}\r\n`), ...message]);
  }

  /** A message in one write, which is owed one reply. */
  put(pieces: readonly Buffer[]): void {
    this.#owed += 1;
    this.#put(pieces);
  }

  /**
   * A large message in slices that wait for the line. `beforeLast` is called just before the slice with its end is
   * written. False when the remote answered before all was written: that can only be a refusal, so the rest stays here.
   */
  async pour(pieces: readonly Buffer[], blockMs: number, beforeLast: () => void): Promise<boolean> {
    this.#owed += 1;
    const slices = pieces.flatMap(sliced);
    for (const [index, slice] of slices.entries()) {
      if (this.#replies.length > 0) return false;
      if (this.#error !== null) throw this.#error;
      if (index === slices.length - 1) beforeLast();
      if (!this.#socket.write(slice))
        await this.#within<void>(blockMs, (waiter) => (this.#draining = waiter));
    }
    return true;
  }

  /** Throws when the line is dead, or when bytes lie there that nothing asked for: they are nobody's answer. */
  assertQuiet(): void {
    if (this.#reader.hasBytes) this.fail(new ProtocolError('bytes that nothing asked for'));
    if (this.#error !== null) throw this.#error;
  }

  /** The TLS handshake, to be called right after the 220 to STARTTLS was read. */
  async secure(host: string, ms: number, terms: TlsTerms): Promise<TlsState> {
    // RFC 3207 6: what stands in clear behind the 220 may come from someone between; it is not read as an answer.
    if (this.#reader.hasBytes || this.#replies.length > 0 || this.#error !== null)
      throw new TlsFailure('bytes were put in after the answer to STARTTLS');
    const plain = this.#socket;
    plain.removeAllListeners();
    plain.on('error', () => {});
    const { socket, state } = await handshake(plain, host, ms, terms);
    this.#socket = socket;
    this.#reader = new ReplyReader();
    this.#listen(socket);
    this.transcript?.note(`tls ${state.protocol} ${state.cipher}`);
    return state;
  }

  /** The only way to the end. */
  fail(error: Error): void {
    if (this.#error !== null) return;
    this.#error = error;
    this.transcript?.note(`closed: ${error.message}`);
    this.#socket.destroy();
    this.#reading?.reject(error);
    this.#draining?.reject(error);
    this.#reading = null;
    this.#draining = null;
    this.onEnd?.();
  }

  #listen(socket: Socket | TLSSocket): void {
    const ended = () => this.fail(new Error('the remote closed the connection'));
    socket.on('data', (bytes: Buffer) => this.#onData(bytes));
    socket.on('drain', () => {
      this.#draining?.resolve();
      this.#draining = null;
    });
    socket.on('error', (error) => this.fail(error));
    socket.on('end', ended);
    socket.on('close', ended);
  }

  #onData(bytes: Buffer): void {
    if (this.#error !== null) return;
    this.#reader.push(bytes);
    try {
      for (let reply = this.#reader.next(); reply !== null; reply = this.#reader.next()) this.#onReply(reply);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  #onReply(reply: Reply): void {
    this.transcript?.theirs(reply);
    if (this.#owed === 0) {
      // RFC 5321 3.8: a server may say 421 at any time before it closes; nothing else may come unasked.
      if (reply.code === 421) throw new Error(`the remote closed the connection: ${reply.text}`);
      throw new ProtocolError(`a reply that nothing asked for: ${reply.code} ${reply.text.slice(0, 200)}`);
    }
    this.#owed -= 1;
    const reading = this.#reading;
    this.#reading = null;
    if (reading === null) {
      this.#replies.push(reply);
      // An answer to a message that is still being written.
      this.#draining?.resolve();
      this.#draining = null;
    } else reading.resolve(reply);
  }

  /** A promise that the line's silence ends: RFC 5321 4.5.3.2 gives each step its time, however slowly bytes drip in. */
  #within<T>(ms: number, wait: (waiter: Waiter<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.fail(new Timeout(ms)), ms);
      wait({
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  #put(pieces: readonly Buffer[]): void {
    if (pieces.length === 1) {
      this.#socket.write(pieces[0]!);
      return;
    }
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    this.#socket.uncork();
  }
}

function sliced(piece: Buffer): Buffer[] {
  if (piece.length <= SLICE_OCTETS) return [piece];
  const slices: Buffer[] = [];
  for (let at = 0; at < piece.length; at += SLICE_OCTETS) slices.push(piece.subarray(at, at + SLICE_OCTETS));
  return slices;
}
