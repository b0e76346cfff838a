/**
 * Hosts that offer what they cannot do. An extension that a host offered and then did not know, or in which it lost
 * commands, is not used with it for a while; nobody's mail is refused or kept waiting for it. Kept in memory alone: to
 * learn it once more after a restart costs one message one round trip.
 */

export type Extension = 'chunking' | 'pipelining' | 'size';

const DAY = 24 * 3_600_000;
const REMEMBERED_MS = 3 * DAY;
/** Silence in the middle of a pipelined transaction may be a bad moment of the network; twice in a row it is a habit. */
const SILENCES = 2;
const HOSTS = 10_000;

export class Quirks {
  readonly #until = new Map<string, number>();
  readonly #silences = new Map<string, number>();

  /** False for an extension that the host does not really have. */
  mayUse(host: string, extension: Extension, now: number): boolean {
    const key = `${extension} ${host}`;
    const until = this.#until.get(key);
    if (until === undefined) return true;
    if (until > now) return false;
    this.#until.delete(key);
    return true;
  }

  /** The host did not know a command or a parameter of an extension that it offers. */
  lied(host: string, extension: Extension, now: number): void {
    const key = `${extension} ${host}`;
    this.#until.delete(key);
    this.#until.set(key, now + REMEMBERED_MS);
    if (this.#until.size > HOSTS) this.#until.delete(this.#until.keys().next().value as string);
  }

  /** It answered the first of several commands, and fell silent. */
  fellSilent(host: string, now: number): void {
    const times = (this.#silences.get(host) ?? 0) + 1;
    this.#silences.delete(host);
    if (times >= SILENCES) return this.lied(host, 'pipelining', now);
    this.#silences.set(host, times);
    if (this.#silences.size > HOSTS) this.#silences.delete(this.#silences.keys().next().value as string);
  }

  /** It answered several commands at once, all of them. */
  keptUp(host: string): void {
    if (this.#silences.size > 0) this.#silences.delete(host);
  }
}
