/**
 * Who may try to log in. Failures make the next answer slower; five on one connection end it, twenty from an address or
 * against a name within ten minutes lock them out for the rest of these. In memory, by the wall's time.
 */
export interface DoorLimits {
  connections: number;
  connectionsPerAddress: number;
}

const WINDOW_MS = 10 * 60_000;
const FAILURES = 20;
const FAILURES_PER_CONNECTION = 5;
const STEP_MS = 1000;
const LONGEST_WAIT_MS = 10_000;
const MOST_REMEMBERED = 20_000;

interface Failures {
  count: number;
  since: number;
}

export class SubmissionDoor {
  readonly #limits: DoorLimits;
  readonly #open = new Map<string, number>();
  readonly #failures = new Map<string, Failures>();
  #all = 0;

  constructor(limits: DoorLimits) {
    this.#limits = limits;
  }

  /** One more connection; `leave` must follow, also after a refusal. Answers why not. */
  arrive(ip: string, at: number): string | undefined {
    const mine = (this.#open.get(ip) ?? 0) + 1;
    this.#open.set(ip, mine);
    this.#all += 1;
    if (this.#all > this.#limits.connections) return '4.3.2 too many connections, try again later';
    if (mine > this.#limits.connectionsPerAddress) return '4.7.0 too many connections from your address';
    if (this.#count(`ip ${ip}`, at) >= FAILURES) return '4.7.0 too many failed logins from your address';
    return undefined;
  }

  leave(ip: string): void {
    const mine = (this.#open.get(ip) ?? 1) - 1;
    if (mine <= 0) this.#open.delete(ip);
    else this.#open.set(ip, mine);
    this.#all = Math.max(0, this.#all - 1);
  }

  /** Whether this name may be tried now. The answer to a locked name is that of a wrong password. */
  mayTry(username: string, at: number): boolean {
    return this.#count(`name ${username}`, at) < FAILURES;
  }

  /** A failed login: how long to wait before saying so, and whether to hang up then. */
  failed(
    ip: string,
    username: string,
    onConnection: number,
    at: number,
  ): { waitMs: number; hangUp: boolean } {
    const count = Math.max(this.#add(`ip ${ip}`, at), this.#add(`name ${username}`, at));
    return {
      waitMs: Math.min(count * STEP_MS, LONGEST_WAIT_MS),
      hangUp: onConnection >= FAILURES_PER_CONNECTION || count >= FAILURES,
    };
  }

  #count(key: string, at: number): number {
    const known = this.#failures.get(key);
    return known === undefined || at - known.since >= WINDOW_MS ? 0 : known.count;
  }

  #add(key: string, at: number): number {
    const count = this.#count(key, at) + 1;
    const since = count === 1 ? at : (this.#failures.get(key)?.since ?? at);
    if (this.#failures.size >= MOST_REMEMBERED)
      this.#failures.delete(this.#failures.keys().next().value as string);
    this.#failures.set(key, { count, since });
    return count;
  }
}
