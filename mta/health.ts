/**
 * Whether a source can be used at all: set aside when its address cannot be bound, or when host after host of different
 * owners will not talk to it, and nobody in between did. One provider that refuses is that provider's affair (shaper.ts).
 * Pure but for its memory; the clock is handed in.
 */
import type { Aside } from './source.ts';

const MINUTE = 60_000;

/** So many owners in a row, within so long. */
const OWNERS = 5;
const WITHIN_MS = 15 * MINUTE;
/** Set aside so long the first time, and twice as long each time that it was no better. */
const UNBOUND_MS = 10 * MINUTE;
const UNWANTED_MS = 10 * MINUTE;
const FOR_NOW_MS = MINUTE;
const LONGEST_MS = 4 * 60 * MINUTE;

export class SourceHealth {
  /** By source: who refused since somebody last talked to us, and their last words. */
  readonly #refusals = new Map<number, Map<string, { at: number; words: string }>>();
  readonly #times = new Map<number, number>();

  /** A host talked to us: the address is sound. */
  talked(sourceId: number): void {
    this.#refusals.delete(sourceId);
    this.#times.delete(sourceId);
  }

  /** Our address cannot be used on this machine. */
  unbound(sourceId: number, error: Error, now: number): Aside {
    return this.#aside(sourceId, now, UNBOUND_MS, wordsOf(error));
  }

  /** A smarthost does not take us: soon again when it says for now, later when a person has to mend it. */
  fault(sourceId: number, words: string, isTemporary: boolean, now: number): Aside {
    return this.#aside(sourceId, now, isTemporary ? FOR_NOW_MS : UNBOUND_MS, words);
  }

  /** A host would not talk to us. Says so when that was one too many. */
  refused(sourceId: number, host: string, words: string, now: number): Aside | undefined {
    const refusals = this.#refusals.get(sourceId) ?? new Map<string, { at: number; words: string }>();
    this.#refusals.set(sourceId, refusals);
    for (const [owner, { at }] of refusals) if (at <= now - WITHIN_MS) refusals.delete(owner);
    refusals.set(ownerOf(host), { at: now, words });
    if (refusals.size < OWNERS) return undefined;
    this.#refusals.delete(sourceId);
    return this.#aside(
      sourceId,
      now,
      UNWANTED_MS,
      `${OWNERS} mail hosts of different owners in a row would not talk to it; the last, ${host}: ${words}`,
    );
  }

  #aside(sourceId: number, since: number, shortest: number, reason: string): Aside {
    const times = this.#times.get(sourceId) ?? 0;
    this.#times.set(sourceId, times + 1);
    return {
      since,
      until: since + Math.min(LONGEST_MS, shortest * 2 ** times),
      reason: reason.slice(0, 500),
    };
  }
}

/** The last two labels: near enough to tell one owner from another. */
const ownerOf = (host: string): string => host.toLowerCase().split('.').slice(-2).join('.');

const PLAIN: Record<string, string> = {
  EADDRNOTAVAIL: 'is not an address of this machine',
  EINVAL: 'cannot be used for this destination',
  EADDRINUSE: 'has no port left',
  EACCES: 'may not be used by this program',
  EPERM: 'is kept from sending by a firewall of this machine',
  EMFILE: 'needs more open files than this program may have',
  ENFILE: 'needs more open files than this machine has',
};

function wordsOf(error: Error): string {
  const code = (error as { code?: string }).code ?? '';
  return code in PLAIN ? `${PLAIN[code]} (${code})` : error.message;
}
