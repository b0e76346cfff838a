/**
 * A message while it comes in: kept piece by piece, watched for what no message may hold. After the first fault the rest
 * is read and thrown away, so that the answer comes when SMTP expects it.
 */
import { LineWatch } from '../core/mail/line-watch.ts';
import { RawSpool } from '../core/store/raw-message.ts';
import { Refusal } from './refusal.ts';

export interface BodyLimits {
  dataDir: string;
  maxSize: number;
  /** BDAT says where a chunk ends by count, so its line ends are looked at here; DATA's are by its reader. */
  isChunked: boolean;
}

export class Body {
  readonly spool: RawSpool;
  readonly isChunked: boolean;
  readonly #maxSize: number;
  readonly #lines: LineWatch | undefined;
  #size = 0;
  #fault: unknown;

  constructor({ dataDir, maxSize, isChunked }: BodyLimits) {
    this.spool = new RawSpool(dataDir);
    this.isChunked = isChunked;
    this.#maxSize = maxSize;
    if (isChunked) this.#lines = new LineWatch();
  }

  /** Why it will not be kept, as far as known. */
  get fault(): unknown {
    return this.#fault;
  }

  async add(piece: Buffer): Promise<void> {
    this.#size += piece.length;
    if (this.#fault !== undefined) return;
    if (this.#size > this.#maxSize)
      return this.#fail(new Refusal(552, `5.3.4 the message is larger than ${this.#maxSize} bytes`));
    // RFC 5321 4.5.2 and RFC 6152: no BINARYMIME here, so it is text, and text holds no NUL.
    if (piece.includes(0)) return this.#fail(new Refusal(550, '5.6.0 a message holds no NUL'));
    if (this.#lines?.see(piece) === 'bare-line-end')
      return this.#fail(new Refusal(550, '5.5.2 lines must end with CR LF'));
    try {
      await this.spool.write(piece);
    } catch (error) {
      await this.#fail(error);
    }
  }

  async #fail(fault: unknown): Promise<void> {
    this.#fault = fault;
    await this.spool.drop();
  }
}
