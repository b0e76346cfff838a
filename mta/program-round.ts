/** The round that follows what became of submitted mail: webhooks are told, and a credential that bounces too much is held. */
import type { Runtime } from '../core/runtime.ts';
import { watchBounces } from '../core/submission/bounce-watch.ts';
import { tellWebhooks } from '../core/submission/webhook.ts';

const ROUND_MS = 1000;
const BOUNCES_EVERY = 5;
/** Looked back further than the round, so that a slow commit is not missed. */
const BACK_MS = 60_000;

export class ProgramRound {
  readonly #runtime: Runtime;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #rounds = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  start(): void {
    this.#timer = setInterval(() => this.#go(), ROUND_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  #go(): void {
    this.#running ??= this.#round()
      .catch((error: unknown) => this.#runtime.log.error('submitted mail could not be followed', { error }))
      .finally(() => {
        this.#running = undefined;
      });
  }

  async #round(): Promise<void> {
    if (this.#rounds++ % BOUNCES_EVERY === 0)
      await watchBounces(this.#runtime, this.#runtime.clock.now() - BACK_MS);
    await tellWebhooks(this.#runtime);
  }
}
