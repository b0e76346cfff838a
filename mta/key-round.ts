/** The round that keeps DKIM keys changing by schedule: it looks once a minute whether something is due anywhere. */
import { tendKeys } from '../core/dkim-rotation.ts';
import type { Runtime } from '../core/runtime.ts';

const ROUND_MS = 60_000;

export class KeyRound {
  readonly #runtime: Runtime;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  start(): void {
    this.#timer = setInterval(() => this.#go(), ROUND_MS);
    this.#go();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  #go(): void {
    this.#running ??= tendKeys(this.#runtime)
      .catch((error: unknown) => this.#runtime.log.error('dkim keys could not be tended', { error }))
      .finally(() => {
        this.#running = undefined;
      });
  }
}
