/**
 * Read messages on their way to their effects. Several share one transaction while the store is busy; each is threaded and
 * applied in turn, so that one sees what the one before it did. When such a batch fails nothing of it is there, and each
 * message is applied alone: a fault of one takes nobody along.
 */
import type { Runtime } from '../core/runtime.ts';
import { apply, type Applied, type Application } from './apply.ts';
import type { SpamScan } from './scan.ts';
import { checkSpam } from './spam-check.ts';
import type { EnvelopeTokens } from './envelope-token.ts';
import { thread } from './thread.ts';
import { isLimited, limitToken } from './token-limit.ts';

export type ReadMessage = Omit<Application, 'place'> & {
  envelope: EnvelopeTokens;
  /** DNS block lists that name the sending host. */
  listedIn: string[];
  /** What the spam filters say. */
  scan: SpamScan;
};

interface Waiting {
  message: ReadMessage;
  resolve: (applied: Applied) => void;
  reject: (error: unknown) => void;
}

/** In one transaction: port 25 waits behind it for its own. */
const MOST_AT_ONCE = 16;

export class Applier {
  readonly #rt: Runtime;
  readonly #waiting: Waiting[] = [];
  #isRunning = false;

  constructor(rt: Runtime) {
    this.#rt = rt;
  }

  /** Resolves when its effects are committed. */
  apply(message: ReadMessage): Promise<Applied> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ message, resolve, reject });
      if (this.#isRunning) return;
      this.#isRunning = true;
      void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#commit(this.#waiting.splice(0, MOST_AT_ONCE));
    this.#isRunning = false;
  }

  async #commit(batch: Waiting[]): Promise<void> {
    const { store, clock, metrics, log } = this.#rt;
    try {
      const { applied, limited } = await store.write(async (tx) => {
        const now = clock.now();
        const limited: number[] = [];
        const results: Applied[] = [];
        for (const { message } of batch) {
          const { letter, verdict, authentication, envelope, row } = message;
          const place = await thread(tx, {
            letter,
            verdict,
            authentication,
            envelope,
            mailFrom: row.mail_from,
            tokens: this.#rt.tokens,
            now,
          });
          const allowed = await limitToken(
            tx,
            { ...message, place },
            { envelope, limits: this.#rt.config.inbound.reply_token },
            now,
          );
          if (isLimited(allowed)) limited.push(row.id);
          const checked = await checkSpam(tx, allowed, {
            threshold: this.#rt.config.inbound.spam.points,
            listedIn: message.listedIn,
            scan: message.scan,
          });
          results.push(await apply(tx, checked, now));
        }
        return { applied: results, limited };
      });
      for (const inbound of limited) {
        metrics.count('inbound_token_limited');
        log.warn('reply token used too much', { inbound });
      }
      for (const [at, one] of batch.entries()) one.resolve(applied[at] as Applied);
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(error);
      else for (const one of batch) await this.#commit([one]);
    }
  }
}
