/** How often a stranger may try: sign-in, one-time links, public pages. In memory, per process, by the wall's time. */
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { Problem } from '../../core/errors.ts';

export interface Limits {
  /** One more try to sign in, from an address and for a name. Throws `TooMany`. */
  login(ip: string, email: string): Promise<void>;
  /** It was right: the name's count begins anew. */
  loginWorked(ip: string, email: string): Promise<void>;
  /** One more try of a one-time link. */
  link(ip: string): Promise<void>;
  /** One more hit of a public page. */
  publicPage(ip: string): Promise<void>;
  /** One more sign-up form sent. */
  signup(ip: string): Promise<void>;
}

/** 429 with the seconds to wait. */
export class TooMany extends Problem {
  readonly retryAfter: number;

  constructor(retryAfter: number) {
    super('too-many', `too many tries: wait ${retryAfter} seconds`);
    this.retryAfter = retryAfter;
  }
}

export function createLimits(): Limits {
  const byAddress = new RateLimiterMemory({ points: 50, duration: 600 });
  // Somebody who guesses one person's password from many addresses is slowed down too; the pair keeps that person able
  // to sign in from where they are.
  const byName = new RateLimiterMemory({ points: 100, duration: 3600 });
  const byPair = new RateLimiterMemory({ points: 8, duration: 300 });
  const links = new RateLimiterMemory({ points: 30, duration: 600 });
  const pages = new RateLimiterMemory({ points: 600, duration: 60 });
  // Room for a stand at a fair where everybody shares one address, and none for a list of a thousand strangers.
  const signups = new RateLimiterMemory({ points: 30, duration: 600 });
  const pair = (ip: string, email: string) => `${ip} ${email.trim().toLowerCase()}`;
  return {
    async login(ip, email) {
      await take(byAddress, ip);
      await take(byPair, pair(ip, email));
      await take(byName, email.trim().toLowerCase());
    },
    async loginWorked(ip, email) {
      await byPair.delete(pair(ip, email));
    },
    link: (ip) => take(links, ip),
    publicPage: (ip) => take(pages, ip),
    signup: (ip) => take(signups, ip),
  };
}

async function take(limiter: RateLimiterMemory, key: string): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal;
    throw new TooMany(Math.max(1, Math.ceil(refusal.msBeforeNext / 1000)));
  }
}
