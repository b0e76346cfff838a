/**
 * Which of a pool's addresses each message leaves from: turns by weight, and for a retry the address of the time before
 * where that may send. Pure, so that its test is a table.
 */

/** A source that may take some now. */
export interface Candidate {
  id: number;
  weight: number;
  /** How many messages it takes. */
  room: number;
}

/**
 * Smooth turns: of weights 5, 1 and 1 the turns are a a b a c a a, and never five of one in a row. Each has a credit that
 * grows by its weight with every turn; the richest goes and pays for all.
 */
export class Rota {
  readonly #credit = new Map<number, number>();

  next(candidates: readonly Candidate[]): number | undefined {
    let best: Candidate | undefined;
    let total = 0;
    for (const one of candidates) {
      if (one.weight <= 0) continue;
      total += one.weight;
      const credit = this.#creditOf(one.id) + one.weight;
      this.#credit.set(one.id, credit);
      if (best === undefined || credit > this.#creditOf(best.id)) best = one;
    }
    if (best === undefined) return undefined;
    this.#credit.set(best.id, this.#creditOf(best.id) - total);
    return best.id;
  }

  #creditOf(id: number): number {
    return this.#credit.get(id) ?? 0;
  }
}

interface Waiting {
  /** The source of the attempt before. */
  source_id: number | null;
}

export interface Dealt<T> {
  /** By the id of the source. */
  hands: Map<number, T[]>;
  /** There was no room for these. */
  left: T[];
}

/** Deals messages to the sources that have room for them. */
export function deal<T>(
  items: readonly T[],
  of: (item: T) => Waiting,
  candidates: readonly Candidate[],
  turns: Rota,
): Dealt<T> {
  const open = new Map(candidates.map((one) => [one.id, { ...one }]));
  const hands = new Map<number, T[]>();
  const left: T[] = [];
  for (const item of items) {
    const before = of(item).source_id;
    const withRoom = [...open.values()].filter((one) => one.room > 0);
    const id = withRoom.some((one) => one.id === before && one.weight > 0)
      ? (before as number)
      : turns.next(withRoom);
    const taker = id === undefined ? undefined : open.get(id);
    if (taker === undefined) {
      left.push(item);
      continue;
    }
    taker.room--;
    const hand = hands.get(taker.id);
    if (hand === undefined) hands.set(taker.id, [item]);
    else hand.push(item);
  }
  return { hands, left };
}
