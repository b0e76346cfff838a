/**
 * One question to a scanner over TCP or a Unix socket, and its whole answer: within one time-out, within a size, and with
 * an answer that came before the scanner hung up counted as an answer. Time here is the wire's, not the server's clock.
 */
import { connect, type NetConnectOpts } from 'node:net';

/** `HOST:PORT`, `[IPV6]:PORT` or the path of a socket; undefined when it is none of them. */
export function readPlace(text: string): NetConnectOpts | undefined {
  if (text.startsWith('/')) return { path: text };
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65535) return undefined;
  return { host: match[1] ?? match[2]!, port };
}

export interface Question {
  place: NetConnectOpts;
  /** Written one after the other; nothing is copied. */
  parts: readonly (Buffer | string)[];
  /** Says that the answer is whole before the scanner closes; without it, its closing does. */
  isWhole?: (answer: Buffer) => boolean;
  /** Close our half when all is written. */
  endsHalf: boolean;
  maxAnswer: number;
}

/** Why there is no verdict: the scanner is away, late, or talks nonsense. Never the message's fault. */
export class ScanFault extends Error {}
/** It is there and well, and would not judge this one message: too large for it, most often. */
export class ScanRefusal extends ScanFault {}

/** What one hears of a message from a spam filter: its own points and what it makes of them. */
export interface SpamWord {
  isSpam: boolean;
  points: number;
  /** The points from which it calls a message spam. */
  limit: number;
  /** The rules of its that matched. */
  rules: string[];
}

/** The envelope, as port 25 heard it. */
export interface ScannedEnvelope {
  mailFrom: string;
  rcptTo: readonly string[];
  remoteIp: string;
  helo: string;
}

export function ask(question: Question, signal: AbortSignal): Promise<Buffer> {
  const { place, parts, isWhole, endsHalf, maxAnswer } = question;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new ScanFault('no answer in time'));
    const socket = connect(place);
    const pieces: Buffer[] = [];
    let size = 0;
    const end = (work: () => void) => {
      signal.removeEventListener('abort', late);
      socket.destroy();
      work();
    };
    const late = () => end(() => reject(new ScanFault('no answer in time')));
    signal.addEventListener('abort', late);
    const answer = () => Buffer.concat(pieces);
    socket.on('data', (piece: Buffer) => {
      size += piece.length;
      if (size > maxAnswer) return end(() => reject(new ScanFault('its answer is too long')));
      pieces.push(piece);
      if (isWhole?.(answer()) === true) end(() => resolve(answer()));
    });
    // An error after words is often "you still write while I have answered": the words count.
    socket.on('error', (error: NodeJS.ErrnoException) =>
      end(() => (size > 0 ? resolve(answer()) : reject(new ScanFault(saidOf(error))))),
    );
    socket.on('close', () =>
      end(() => (size > 0 ? resolve(answer()) : reject(new ScanFault('it closed without an answer')))),
    );
    socket.on('connect', () => {
      for (const part of parts) socket.write(part);
      if (endsHalf) socket.end();
    });
  });
}

const known: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ENOENT: 'there is no such socket',
  ENOTFOUND: 'its name is not known',
  ECONNRESET: 'it closed without an answer',
  EPIPE: 'it closed without an answer',
};

export const saidOf = (error: NodeJS.ErrnoException): string =>
  known[error.code ?? ''] ?? error.code ?? error.message;
