/**
 * Chance that repeats. What a person or a provider does depends on the seed and on the address alone, never on the
 * order in which mail arrives, so that two runs with the same seed tell the same story.
 */

/** A number in [0, 1) that depends on the seed and the words alone. */
export function roll(seed: number, ...words: string[]): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (const word of words) {
    for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ 0x1f, 0x01000193);
  }
  return mixed(hash) / 2 ** 32;
}

/** A stream of numbers in [0, 1), the same for the same seed. */
export function stream(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    return mixed(state) / 2 ** 32;
  };
}

/** One of the list, by a number in [0, 1). */
export function pick<T>(list: readonly T[], unit: number): T {
  return list[Math.min(list.length - 1, Math.floor(unit * list.length))] as T;
}

/** One of the list by weight, by a number in [0, 1). */
export function weigh<T>(list: readonly (readonly [T, number])[], unit: number): T {
  const total = list.reduce((sum, [, weight]) => sum + weight, 0);
  let left = unit * total;
  for (const [value, weight] of list) {
    left -= weight;
    if (left < 0) return value;
  }
  return (list.at(-1) as readonly [T, number])[0];
}

function mixed(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
