/** How the queue's commands speak: times, spans, tables, and why something waits, in plain words. */
import { Problem } from '../core/errors.ts';
import type { Waiting } from '../core/store/delivery.ts';
import type { SourceLine } from '../core/store/queue-source.ts';

export const print = (value: unknown): void => console.log(JSON.stringify(value));

/** Columns as wide as their widest cell; the last one runs on. */
export function table(rows: string[][]): string[] {
  const widths = rows.reduce<number[]>(
    (most, row) => row.map((cell, at) => Math.max(most[at] ?? 0, cell.length)),
    [],
  );
  return rows.map((row) =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

export const when = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ');

const UNITS: [string, number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
];

export function span(ms: number): string {
  for (const [unit, size] of UNITS) if (ms >= 2 * size) return `${Math.round(ms / size)} ${unit}`;
  return `${Math.max(0, Math.round(ms / 1000))} s`;
}

export function whole(what: string): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!Number.isSafeInteger(number) || number < 1)
      throw new Problem('invalid', `${what} must be a whole number above 0`);
    return number;
  };
}

export const deliveries = (count: number): string => `${count} ${count === 1 ? 'delivery' : 'deliveries'}`;

/** Why something waits, in plain words. */
export function inWords({ reason, until }: Waiting, now: number): string {
  const then = until === null ? '' : ` until ${when(until)} (in ${span(until - now)})`;
  switch (reason) {
    case 'moving':
      return 'being sent';
    case 'not-due':
      return `waits for its time${then}`;
    case 'frequency':
      return `its person had as many mails as they may get${then}`;
    case 'deferred':
      return `the receiver said later; next attempt${until === null ? ' soon' : ` in ${span(until - now)}`}`;
    case 'throttled':
      return `slowed down after a reply of the receiver${then}`;
    case 'warm-up':
      return `warm-up: today’s room at this provider is used; next room${until === null ? ' tomorrow' : ` at ${when(until)} (in ${span(until - now)})`}`;
    case 'held':
      return 'held by a person';
    case 'paused':
      return 'its campaign is paused';
    default:
      return reason satisfies never;
  }
}

/** What keeps a source, in plain words. */
export function sourceWords({ reason, until }: Pick<SourceLine, 'reason' | 'until'>, now: number): string {
  switch (reason) {
    case 'paused':
      return 'paused by a person';
    case 'held':
      return 'held by an order';
    case 'draining':
      return 'takes no new work, ends what is on the wire';
    case 'drained':
      return 'drained: nothing is on the wire';
    case 'throttled':
      return `slowed down after a reply of a receiver${until === null ? '' : ` until ${when(until)} (in ${span(until - now)})`}`;
    case 'deferred':
      return `receivers said later; next attempt${until === null ? ' soon' : ` in ${span(until - now)}`}`;
    case 'moving':
      return 'sending';
    case 'idle':
      return 'nothing waits';
    default:
      return reason satisfies never;
  }
}
