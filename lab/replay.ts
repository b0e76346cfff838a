/**
 * Providers that answer as an installation's own providers did of late: the same shares of refusals and put-offs, in the
 * same words. Who is refused for good is drawn once for an address; who is put off, anew at each attempt.
 */
import { roll } from './random.ts';

/** One kind of answer at a provider. */
export interface ReplayedAnswer {
  /** As it was said: three digits first. */
  says: string;
  share: number;
}

/** By the lab's name of a provider. What is left of 1 is taken. */
export type Replayed = Readonly<Record<string, readonly ReplayedAnswer[]>>;

export class Replay {
  readonly #seed: number;
  readonly #answers: Replayed;
  readonly #attempts = new Map<string, number>();

  constructor(seed: number, answers: Replayed) {
    this.#seed = seed;
    this.#answers = answers;
  }

  /** What a recipient is answered at RCPT; null: taken. */
  answer(provider: string, address: string): string | null {
    const answers = this.#answers[provider] ?? [];
    const attempt = (this.#attempts.get(address) ?? 0) + 1;
    this.#attempts.set(address, attempt);
    return (
      this.#drawn(
        answers.filter((one) => one.says.startsWith('5')),
        'refused',
        address,
      ) ??
      this.#drawn(
        answers.filter((one) => one.says.startsWith('4')),
        'put off',
        `${address} ${attempt}`,
      )
    );
  }

  #drawn(answers: readonly ReplayedAnswer[], what: string, key: string): string | null {
    let left = roll(this.#seed, what, key);
    for (const { says, share } of answers) {
      left -= share;
      if (left < 0) return says;
    }
    return null;
  }
}
