/**
 * What becomes of the mail that somebody gets: decided once for each address, by the seed, so that the same audience
 * lives the same story in every run.
 */
import { domainOf } from './headers.ts';
import { providerOf } from './providers.ts';
import { roll } from './random.ts';

/**
 * - `reader` opens or ignores it, and nothing comes back.
 * - `unknown-user` has no mailbox; `full` is over quota for good, `full-for-a-while` makes room after some time.
 * - `bounces-later`: taken with 250, returned some minutes after.
 * - `complains` presses the spam button; where the provider sends no reports, nobody ever hears of it.
 * - `one-click`, `mailto`, `in-words`: three ways to unsubscribe.
 * - `replies` answers by hand; `away` and `left` are answered for by a machine.
 * - `forged`: an attacker claims, without the token, that this address bounced.
 */
export const FATES = [
  'unknown-user',
  'full',
  'full-for-a-while',
  'bounces-later',
  'complains',
  'one-click',
  'mailto',
  'in-words',
  'replies',
  'away',
  'left',
  'forged',
] as const;

export type Fate = 'reader' | (typeof FATES)[number];

/** Share of the audience for each fate; the rest are readers. */
export type Shares = Record<(typeof FATES)[number], number>;

export const DEFAULT_SHARES: Shares = {
  'unknown-user': 0.012,
  full: 0.003,
  'full-for-a-while': 0.004,
  'bounces-later': 0.008,
  complains: 0.003,
  'one-click': 0.006,
  mailto: 0.002,
  'in-words': 0.002,
  replies: 0.03,
  away: 0.02,
  left: 0.002,
  forged: 0.002,
};

export interface FateOptions {
  seed: number;
  shares: Shares;
  /** Addresses whose fate is given. */
  cast: Readonly<Record<string, Fate>>;
}

export function fateOf(address: string, options: FateOptions): Fate {
  const key = address.toLowerCase();
  const fate = options.cast[key] ?? drawn(key, options);
  // Where no feedback loop exists the spam button is silent, and the person a reader to us.
  return fate === 'complains' && providerOf(domainOf(key)).feedback === undefined ? 'reader' : fate;
}

function drawn(key: string, { seed, shares }: FateOptions): Fate {
  let left = roll(seed, 'fate', key);
  for (const fate of FATES) {
    left -= shares[fate];
    if (left < 0) return fate;
  }
  return 'reader';
}
