/** How a receiving server of the lab is told to break: at which step, in which way, how often. */

export type Stage = 'connect' | 'ehlo' | 'starttls' | 'mail' | 'rcpt' | 'data' | 'body' | 'dot';

export interface Fault {
  stage: Stage;
  /** `say` writes these bytes instead of the reply, as they are: a 421, a broken line, whatever is wanted. */
  does: 'drop' | 'reset' | 'hang' | { say: string; thenDrop?: boolean };
  /** At the dot: the message is taken all the same, so the sender cannot know. */
  takesMessage?: boolean;
  /** How often it happens before all is well again; always, when absent. */
  times?: number;
  /** For how long, in the world's time; then all is well again by itself. */
  forMs?: number;
}

export class Faults {
  readonly #byProvider = new Map<string, (Fault & { until: number })[]>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  set(provider: string, faults: readonly Fault[]): void {
    this.#byProvider.set(
      provider,
      faults.map((one) => ({ ...one, until: one.forMs === undefined ? Infinity : this.#now() + one.forMs })),
    );
  }

  /** The fault that strikes now, counted down. */
  strike(provider: string, stage: Stage): Fault | undefined {
    const fault = this.#byProvider
      .get(provider)
      ?.find((one) => one.stage === stage && one.times !== 0 && this.#now() < one.until);
    if (fault?.times !== undefined) fault.times--;
    return fault;
  }
}
