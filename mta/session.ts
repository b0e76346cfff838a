/**
 * One SMTP conversation with one server: greeting, EHLO, STARTTLS, then as many transactions as both sides like, one
 * recipient each. What the remote answers is a value, never an exception; what it does to the line (drops it, talks
 * nonsense, falls silent) is a value too, and says whether the message may have arrived.
 *
 *   state     invariant                                        exits
 *   opening   greeting, EHLO, STARTTLS and its handshake;      250 to the last EHLO → idle
 *             `#stage` says which; nothing of a message        any refusal → closed (refused)
 *             was written                                      5xx to EHLO → HELO, once
 *                                                              STARTTLS refused → idle in clear, or closed if required
 *                                                              bytes after its 220, failed handshake → closed (dropped)
 *   idle      no reply is owed; between transactions           transact → busy · quit → closed · any byte → closed
 *   busy      one transaction, or RSET; replies are owed       all replies read → idle · 421 → closed
 *                                                              no or bad reply, line lost → closed (dropped)
 *   closed    the socket is gone; nothing leads out
 *
 * RFC 2920 (pipelining): MAIL, RCPT and DATA go in one write, and their replies are read in order. RFC 3030 (chunking):
 * a small message goes in that same write, so that it costs one round trip; not on a connection that lay idle or where
 * recipients are often refused, since a line lost then leaves us in doubt about a message that nobody took.
 */
import type { Socket } from 'node:net';

import { capabilitiesOf, noCapabilities } from './capabilities.ts';
import type { Capabilities } from './capabilities.ts';
import { dotStuffed } from './dot.ts';
import { localRefusal, mailCommand, rcptCommand } from './envelope.ts';
import type { Envelope } from './envelope.ts';
import { TlsClient, type TlsTerms } from './handshake.ts';
import { Line } from './line.ts';
import type { Extension } from './quirks.ts';
import { ProtocolError } from './reply.ts';
import type { Reply } from './reply.ts';
import { Timeout, TlsFailure } from './transaction.ts';
import type { Dropped, Refused, Spoke, Stage, TlsAttempt, TlsState, Transaction } from './transaction.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** Real milliseconds to wait at each step. RFC 5321 4.5.3.2. */
export const rfcTimeouts = {
  greeting: 5 * MINUTE, // 4.5.3.2.1
  ehlo: 5 * MINUTE,
  tls: MINUTE,
  mail: 5 * MINUTE, // 4.5.3.2.2
  rcpt: 5 * MINUTE, // 4.5.3.2.3
  data: 2 * MINUTE, // 4.5.3.2.4
  block: 3 * MINUTE, // 4.5.3.2.5
  dot: 10 * MINUTE, // 4.5.3.2.6
  quit: 5 * SECOND, // nothing depends on the answer
};
export type Timeouts = typeof rfcTimeouts;

/** A share of those times, but never so little that a host which is well could miss it. */
export function timeoutsOf(percent: number): Timeouts {
  const share = (ms: number) => (percent === 100 ? ms : Math.max(SHORTEST_MS, (ms * percent) / 100));
  return Object.fromEntries(Object.entries(rfcTimeouts).map(([step, ms]) => [step, share(ms)])) as Timeouts;
}
const SHORTEST_MS = 400;

export interface SessionOptions {
  /** The name we greet with: that of the egress source. */
  ehlo: string;
  /** The MX name, for the handshake (SNI). */
  host: string;
  tls: 'none' | 'opportunistic' | 'required';
  /** What the host must prove in the handshake; encryption alone, when absent. */
  terms?: TlsTerms;
  timeouts?: Partial<Timeouts>;
  /** Keep what was said, without bodies, for `transcript`. */
  record?: boolean;
  /** Extensions that are not used though the server may offer them: it is known not to have them. */
  without?: readonly Extension[];
  /** What this session teaches about the server's extensions. */
  onLie?: (extension: Extension) => void;
  onPipelining?: (isAnswered: boolean) => void;
}

export type Opened = { kind: 'open'; session: Session } | Refused | Dropped;

/** Messages up to this size go in one write; larger ones in slices that wait for the line. */
const AT_ONCE_OCTETS = 64 * 1024;
/** A connection that lay idle longer may be dead without our knowing. */
const FRESH_MS = 2 * SECOND;
/** Weight of one transaction in the share of refusals, and the share from which on the message waits for RCPT. */
const REFUSAL_WEIGHT = 0.1;
const OFTEN_REFUSED = 0.2;

/** What one transaction has come to so far. */
interface Course {
  envelope: Envelope;
  mail: string;
  rcpt: string;
  message: Buffer[];
  size: number;
  dotSent: boolean;
  /** The first refusal is the one that counts. */
  refusal: Refused | null;
}

export class Session {
  caps: Capabilities = noCapabilities;
  tls: TlsState | null = null;
  /** The server offered STARTTLS and then refused it; the session went on in clear. */
  tlsRefusal: Reply | null = null;
  /** How TLS ended on the connections up to this one. */
  tlsAttempts: readonly TlsAttempt[] = [];
  greeting = '';
  /** Address and port of the server. */
  readonly remote: string;
  readonly openedAt = Date.now();
  /** Messages handed over or refused on this connection so far. */
  transactions = 0;
  /** Called once, when the connection ends for whatever reason. */
  onClosed: (() => void) | null = null;

  readonly #options: SessionOptions;
  readonly #timeouts: Timeouts;
  readonly #line: Line;
  #state: 'opening' | 'idle' | 'busy' | 'closed' = 'opening';
  #stage: Stage = 'greeting';
  #needsReset = false;
  #leaving = false;
  #refusedShare = 0;
  #idleSince = 0;

  private constructor(socket: Socket, options: SessionOptions) {
    this.#options = options;
    this.#timeouts = { ...rfcTimeouts, ...options.timeouts };
    this.remote = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`;
    this.#line = new Line(socket, options.record === true);
    this.#line.onEnd = () => {
      this.#state = 'closed';
      this.onClosed?.();
    };
  }

  /** Takes a connected socket through greeting, EHLO and STARTTLS. On anything but `open` the socket is given up. */
  static async open(socket: Socket, options: SessionOptions): Promise<Opened> {
    const session = new Session(socket, options);
    try {
      const refused = await session.#introduce();
      if (refused === null) return { kind: 'open', session };
      const spoke = session.#spoke();
      void session.quit();
      return { ...refused, spoke };
    } catch (error) {
      session.destroy();
      const spoke = session.#spoke();
      return { kind: 'dropped', stage: session.#stage, dotSent: false, error: error as Error, spoke };
    }
  }

  /** The MX name that it was opened to. */
  get host(): string {
    return this.#options.host;
  }

  /** Another transaction may begin. */
  get isUsable(): boolean {
    // RFC 9422: LIMITS MAILMAX is how many transactions the server bears on one connection.
    return this.#state === 'idle' && !this.#leaving && this.transactions < this.caps.mailMax;
  }

  /** All that we said has left this process. */
  get isFlushed(): boolean {
    return this.#line.isFlushed;
  }

  /** Takes no more messages; whoever has it says goodbye. */
  retire(): void {
    this.#leaving = true;
  }

  #spoke(): Spoke {
    return { host: this.host, remote: this.remote, transcript: this.transcript() };
  }

  /** What was said so far, one line each; empty unless `record` was set. */
  transcript(): string[] {
    return this.#line.transcript?.lines() ?? [];
  }

  /**
   * Hands over one message to one recipient. `message` has CRLF line ends and is sent byte for byte.
   *
   * `envelope.maySend` is asked in the tick in which the first bytes that name the recipient are written, and again in
   * that of RCPT where the server takes one command at a time.
   */
  async transact(envelope: Envelope, message: Buffer | Buffer[]): Promise<Transaction> {
    if (this.#state === 'busy' || this.#state === 'opening')
      throw new Error('a transaction is already running on this session');
    if (!this.isUsable) {
      const error = this.#line.error ?? new Error('the connection takes no more messages');
      return { kind: 'dropped', stage: 'mail', dotSent: false, error };
    }
    this.#line.transcript?.begin();
    const pieces = Array.isArray(message) ? message : [message];
    const size = pieces.reduce((octets, piece) => octets + piece.length, 0);
    const course: Course = {
      envelope,
      mail: mailCommand(envelope, size, this.caps),
      rcpt: rcptCommand(envelope, this.caps),
      message: pieces,
      size,
      dotSent: false,
      refusal: null,
    };
    const refusal = localRefusal(envelope, size, this.caps, this.tls);
    if (refusal !== null) return { kind: 'refused', stage: 'mail', reply: refusal, local: true };
    this.#state = 'busy';
    this.#stage = 'mail';
    let result: Transaction;
    try {
      this.#line.assertQuiet();
      result = this.caps.pipelining ? await this.#together(course) : await this.#oneByOne(course);
    } catch (error) {
      this.destroy();
      // A server that refuses and hangs up has refused (seen at Outlook and iCloud): its reply stands.
      result = course.refusal ?? {
        kind: 'dropped',
        stage: this.#stage,
        dotSent: course.dotSent,
        error: error as Error,
      };
    }
    this.#conclude(result);
    return result;
  }

  /**
   * One command outside of a transaction, and its reply. `shown` stands for it in the transcript when it is a secret.
   * Rejects when the line does not live to the reply.
   */
  async command(text: string, shown = text): Promise<Reply> {
    if (this.#state !== 'idle')
      throw this.#line.error ?? new Error('the connection is not free for a command');
    this.#state = 'busy';
    try {
      this.#line.assertQuiet();
      this.#line.say([text], [], [shown]);
      const reply = await this.#line.read(this.#timeouts.ehlo);
      this.#rest();
      return reply;
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  /** Clears whatever the server holds of a transaction; false when the connection did not survive it. */
  async reset(): Promise<boolean> {
    if (this.#state !== 'idle') return false;
    this.#state = 'busy';
    try {
      this.#line.say(['RSET']);
      await this.#readReset();
    } catch {
      this.destroy();
      return false;
    }
    this.#rest();
    return this.isUsable;
  }

  /** Says goodbye and closes; waits for the answer a little, and for nothing else. Never rejects. */
  async quit(): Promise<void> {
    this.#leaving = true;
    if (this.#state !== 'closed' && !this.#line.isOwed) {
      try {
        this.#line.say(['QUIT']);
        await this.#line.read(this.#timeouts.quit);
      } catch {
        // The goodbye is a courtesy; a line that is already gone needs none.
      }
    }
    this.destroy();
  }

  destroy(): void {
    this.#line.fail(new Error('the connection was closed by us'));
  }

  // ── introduction ────────────────────────────────────────────────────────────────────────────────────────────

  async #introduce(): Promise<Refused | null> {
    const greeting = await this.#line.read(this.#timeouts.greeting);
    this.greeting = greeting.text;
    if (greeting.code !== 220) return this.#refused('greeting', greeting);
    const refused = (await this.#sayEhlo()) ?? (await this.#startTls());
    if (refused === null) this.#rest();
    return refused;
  }

  async #sayEhlo(): Promise<Refused | null> {
    this.#stage = 'ehlo';
    this.#line.assertQuiet();
    this.#line.say([`EHLO ${this.#options.ehlo}`]);
    const ehlo = await this.#line.read(this.#timeouts.ehlo);
    if (ehlo.code === 250) {
      this.caps = capabilitiesOf(ehlo.lines);
      for (const extension of this.#options.without ?? []) this.#doWithout(extension);
      return null;
    }
    // RFC 5321 3.2: a server that does not know EHLO is greeted with HELO. A 550 or 554 is no ignorance but a refusal.
    if (ehlo.code < 500 || ehlo.code > 504) return this.#refused('ehlo', ehlo);
    this.caps = noCapabilities;
    this.#line.say([`HELO ${this.#options.ehlo}`]);
    const helo = await this.#line.read(this.#timeouts.ehlo);
    return helo.code === 250 ? null : this.#refused('ehlo', helo);
  }

  async #startTls(): Promise<Refused | null> {
    const { tls, host } = this.#options;
    if (tls === 'none') return null;
    this.#stage = 'starttls';
    if (!this.caps.starttls) {
      return tls === 'required'
        ? { kind: 'refused', stage: 'starttls', reply: NO_STARTTLS, local: true }
        : null;
    }
    this.#line.assertQuiet();
    this.#line.say(['STARTTLS']);
    const reply = await this.#line.read(this.#timeouts.ehlo);
    if (reply.code !== 220) {
      if (tls === 'required' || reply.code === 421) return this.#refused('starttls', reply);
      this.tlsRefusal = reply;
      return null;
    }
    this.tls = await this.#line.secure(host, this.#timeouts.tls, this.#options.terms ?? plainTerms());
    // RFC 3207 4.2: all that was learnt before the handshake is forgotten.
    this.caps = noCapabilities;
    try {
      return await this.#sayEhlo();
    } catch (error) {
      // RFC 8446 4.4.2: a server may refuse a handshake that for us is over: then nothing works under TLS.
      if (error instanceof ProtocolError) throw error;
      throw new TlsFailure(`nothing came under tls: ${(error as Error).message}`, error);
    }
  }

  // ── transactions ────────────────────────────────────────────────────────────────────────────────────────────

  /** RFC 2920: the commands in one write; with CHUNKING the message too, where that is safe. */
  async #together(course: Course): Promise<Transaction> {
    const { chunking } = this.caps;
    const atOnce =
      chunking &&
      course.size <= AT_ONCE_OCTETS &&
      this.#refusedShare < OFTEN_REFUSED &&
      Date.now() - this.#idleSince < FRESH_MS;
    const withReset = this.#needsReset;
    const commands = withReset ? ['RSET', course.mail, course.rcpt] : [course.mail, course.rcpt];
    if (atOnce) commands.push(bdat(course.size));
    else if (!chunking) commands.push('DATA');

    const verdict = course.envelope.maySend();
    if (verdict !== true) return { kind: 'withheld', reason: verdict.refused };
    course.dotSent = atOnce;
    this.#line.say(commands, atOnce ? course.message : []);

    if (withReset) await this.#readReset();
    await this.#expect('mail', course);
    await this.#expect('rcpt', course);
    if (atOnce) return this.#readVerdict(course);
    if (chunking) return course.refusal ?? this.#sendChunk(course);
    return this.#afterData(course);
  }

  /** For servers without PIPELINING: a command, its reply, the next command. */
  async #oneByOne(course: Course): Promise<Transaction> {
    if (this.#needsReset) {
      this.#line.say(['RSET']);
      await this.#readReset();
      this.#needsReset = false;
    }
    for (const stage of ['mail', 'rcpt'] as const) {
      this.#line.assertQuiet();
      const verdict = course.envelope.maySend();
      if (verdict !== true) {
        this.#needsReset = stage === 'rcpt';
        return { kind: 'withheld', reason: verdict.refused };
      }
      this.#line.say([course[stage]]);
      await this.#expect(stage, course);
      if (course.refusal !== null) return course.refusal;
    }
    if (this.caps.chunking) return this.#sendChunk(course);
    this.#line.say(['DATA']);
    return this.#afterData(course);
  }

  /** Reads the reply to MAIL or RCPT. */
  async #expect(stage: 'mail' | 'rcpt', course: Course): Promise<void> {
    if (course.refusal === null) this.#stage = stage;
    const reply = await this.#line.read(this.#timeouts[stage]);
    if (reply.code >= 400) course.refusal ??= this.#refused(stage, reply);
    else if (reply.code >= 300)
      throw new ProtocolError(`${stage.toUpperCase()} was answered with ${reply.code}`);
  }

  /** Reads the reply to DATA, and sends the message if it is wanted. */
  async #afterData(course: Course): Promise<Transaction> {
    if (course.refusal === null) this.#stage = 'data';
    const data = await this.#line.read(this.#timeouts.data);
    if (course.refusal !== null) {
      // RFC 2920 3.1: a server may say 354 with no recipient left; a lone dot ends it, and its answer means nothing.
      if (data.code === 354) {
        this.#line.say(['.']);
        await this.#line.read(this.#timeouts.dot);
      }
      return course.refusal;
    }
    if (data.code >= 400) return this.#refused('data', data);
    if (data.code !== 354) throw new ProtocolError(`DATA was answered with ${data.code}`);
    await this.#sendMessage(dotStuffed(course.message), course);
    return this.#readVerdict(course);
  }

  /** RFC 3030 4: the octets as they are, counted, with LAST. */
  async #sendChunk(course: Course): Promise<Transaction> {
    const head = bdat(course.size);
    this.#line.transcript?.ours(head);
    await this.#sendMessage([Buffer.from(`${head}\r\n`), ...course.message], course);
    return this.#readVerdict(course);
  }

  async #sendMessage(pieces: Buffer[], course: Course): Promise<void> {
    this.#stage = 'dot';
    this.#line.assertQuiet();
    this.#line.transcript?.note(`> (message of ${course.size} octets)`);
    if (course.size <= AT_ONCE_OCTETS) {
      course.dotSent = true;
      this.#line.put(pieces);
      return;
    }
    const whole = await this.#line.pour(pieces, this.#timeouts.block, () => (course.dotSent = true));
    // The server still waits for the rest of the message and cannot be told otherwise.
    if (!whole) this.#leaving = true;
  }

  async #readVerdict(course: Course): Promise<Transaction> {
    if (course.refusal === null) this.#stage = 'dot';
    const reply = await this.#line.read(this.#timeouts.dot);
    if (course.refusal !== null) return course.refusal;
    if (this.caps.chunking && isSyntax(reply.code)) return this.#unknownChunk(reply);
    if (reply.code >= 400) return this.#refused('dot', reply);
    if (reply.code >= 300 || !course.dotSent)
      throw new ProtocolError(`the message was answered with ${reply.code}`);
    // More replies than commands: this one may have been meant for RCPT. In doubt is the honest word.
    if (this.#line.error instanceof ProtocolError) throw this.#line.error;
    return { kind: 'accepted', reply };
  }

  /** The server took BDAT for no command, and each line of the message for another one: this line is of no more use. */
  #unknownChunk({ code, text }: Reply): Dropped {
    const error = new ProtocolError(`CHUNKING is offered, and BDAT was answered with ${code} ${text}`);
    this.#learn('chunking');
    this.#line.fail(error);
    return { kind: 'dropped', stage: 'dot', dotSent: false, error, lie: 'chunking' };
  }

  #learn(extension: Extension): void {
    this.#doWithout(extension);
    this.#options.onLie?.(extension);
  }

  #doWithout(extension: Extension): void {
    this.caps = { ...this.caps, [extension]: false };
  }

  async #readReset(): Promise<void> {
    const reply = await this.#line.read(this.#timeouts.mail);
    if (reply.code >= 300) throw new ProtocolError(`RSET was answered with ${reply.code}`);
  }

  /** The one place where a transaction's end changes the session. */
  #conclude(result: Transaction): void {
    if (this.caps.pipelining) {
      if (result.kind === 'accepted') this.#options.onPipelining?.(true);
      else if (result.kind === 'dropped' && result.error instanceof Timeout && isMidway(result.stage))
        this.#options.onPipelining?.(false);
    }
    if (result.kind !== 'withheld') {
      this.transactions += 1;
      const refused = result.kind === 'refused';
      this.#refusedShare += REFUSAL_WEIGHT * ((refused ? 1 : 0) - this.#refusedShare);
      this.#needsReset = refused;
    }
    this.#rest();
  }

  #rest(): void {
    if (this.#state === 'closed') return;
    this.#state = 'idle';
    this.#idleSince = Date.now();
    if (this.#leaving) this.destroy();
  }

  #refused(stage: Stage, reply: Reply): Refused {
    // RFC 5321 3.8: a 421 means that the server is closing the channel.
    if (reply.code === 421) this.#leaving = true;
    // RFC 5321 4.1.1.11: 555 is about a parameter, and of those SIZE alone can be left out.
    if (stage === 'mail' && reply.code === 555 && this.caps.size) {
      this.#learn('size');
      return { kind: 'refused', stage, reply, lie: 'size' };
    }
    return { kind: 'refused', stage, reply };
  }
}

const NO_STARTTLS: Reply = {
  code: 450,
  enhanced: '4.7.10',
  text: 'the receiver offers no STARTTLS, and this destination is never sent to in clear',
  lines: [],
};

/** RFC 5321 4.2.1: x0z is about the command itself, never about the message. */
const isSyntax = (code: number): boolean => code >= 500 && code <= 504;

/** The first of several commands was answered, and then one was not. */
const isMidway = (stage: Stage): boolean => stage === 'rcpt' || stage === 'data';

const plainTerms = (): TlsTerms => ({
  client: new TlsClient(),
  policy: { kind: 'opportunistic' },
  now: Date.now(),
});

const bdat = (size: number) => `BDAT ${size} LAST`;
