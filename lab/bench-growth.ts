/**
 * How the time of reading a message grows with its size, from 4 KB to 1 MB: parsed, and parsed, split and classified. It is
 * processor time, the least of several turns, so that what else the machine does is not in it.
 */
import { parse } from '../inbound/parse.ts';
import { read } from '../inbound/read.ts';
import { htmlReply, replyText } from './reply-letter.ts';

const SIZES_KB = [4, 16, 64, 256, 1024];
/** Each turn is long enough for the processor clock. */
const TURN_MS = 12;
const TURNS = 7;

const kinds: Record<string, (bytes: number) => Buffer> = {
  html: htmlReply,
  plain: (bytes) =>
    replyText({
      from: 'lecteur@gmail.com',
      to: 'bonjour@colombe.example',
      serial: 's',
      inReplyTo: 'x@y.test',
      at: Date.UTC(2026, 10, 23),
      lines: Math.ceil(bytes / 110),
    }),
};

export interface Growth {
  figures: Record<string, number>;
  /** A line of each size, for people. */
  table: string[];
}

export function growth(): Growth {
  const figures: Record<string, number> = {};
  const table = ['size      parsed   read     read per KB'];
  const context = { mailFrom: 'lecteur@gmail.com', purposes: [], now: Date.UTC(2026, 10, 23) };
  for (const [kind, make] of Object.entries(kinds)) {
    for (const kb of SIZES_KB) {
      const raw = make(kb * 1024);
      const parsed = processorMs(() => parse(raw));
      const whole = processorMs(() => read(raw, context));
      figures[`parse_${kind}_${kb}kb_ms`] = parsed;
      figures[`read_${kind}_${kb}kb_ms`] = whole;
      const cells = [`${kb} KB ${kind}`, `${parsed.toFixed(2)} ms`, `${whole.toFixed(2)} ms`];
      table.push(`${cells.map((cell) => cell.padEnd(14)).join('')}${((whole / kb) * 1000).toFixed(0)} µs`);
    }
    // 16 is linear from 64 KB to 1 MB; 256 would be quadratic.
    figures[`growth_${kind}_x16`] = figures[`read_${kind}_1024kb_ms`]! / figures[`read_${kind}_64kb_ms`]!;
  }
  return { figures, table };
}

function processorMs(work: () => unknown): number {
  let count = 1;
  // The first turns also warm the code up.
  while (turnMs(work, count) < TURN_MS) count *= 2;
  let least = Infinity;
  for (let turn = 0; turn < TURNS; turn++) least = Math.min(least, turnMs(work, count) / count);
  return least;
}

function turnMs(work: () => unknown, count: number): number {
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
