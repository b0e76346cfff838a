/**
 * `parley bench NAME`: measurements with their peer in the same run. Each prints what it did in words and, with --json, one
 * object on its last line. A peer that is not installed is named as absent.
 */
import { machine } from './bench-machine.ts';

export interface BenchOptions {
  /** A form of under 40 seconds. */
  quick: boolean;
  rounds?: number;
  count?: number;
  say: (text: string) => void;
}

/** What a benchmark found; every ratio is a median over alternating pairs. */
export interface BenchResult {
  size: Record<string, number | string>;
  /** Per second. */
  rate?: number;
  p50_ms?: number;
  p95_ms?: number;
  p99_ms?: number;
  cpu_s_per_1000?: number;
  rss_mb?: number;
  figures: Record<string, number>;
  /** `ratio` is ours over theirs. */
  peers: Record<string, { rate: number; ratio: number }>;
  /** `of` is our share of what the machine can do at all. */
  limits: Record<string, { rate: number; of: number }>;
  absent: string[];
  runs: number;
  /** Lowest and highest rate. */
  spread: [number, number];
  notes: string[];
}

type Bench = (options: BenchOptions) => Promise<BenchResult>;

const benches: Record<string, { what: string; load: () => Promise<Bench> }> = {
  outbound: {
    what: 'a signed campaign to a local sink, beside Postfix with OpenDKIM and the RSA limit',
    load: async () => (await import('./bench-outbound.ts')).benchOutbound,
  },
  rtt: {
    what: 'the same to a sink 50 ms of round trip away, one message in flight on each connection',
    load: async () => (await import('./bench-rtt.ts')).benchRtt,
  },
  submission: {
    what: 'messages accepted and synced per second by SMTP submission and by the HTTP API, beside Postfix',
    load: async () => (await import('./bench-submission.ts')).benchSubmission,
  },
  inbound: {
    what: 'replies accepted, synced and understood, beside Postfix to a maildir and smtp-server with simpleParser',
    load: async () => (await import('./bench-inbound.ts')).benchInbound,
  },
  classify: {
    what: 'received replies through every stage to their committed effects, without network',
    load: async () => (await import('./bench-classify.ts')).benchClassify,
  },
  fanout: {
    what: 'a million recipients queued from a segment, claims beside ten million, and a campaign taken back',
    load: async () => (await import('./bench-fanout.ts')).benchFanout,
  },
};

export const benchNames = (): string => Object.keys(benches).join(', ');

export const benchList = (): string =>
  Object.entries(benches)
    .map(([name, { what }]) => `  ${name.padEnd(12)} ${what}`)
    .join('\n');

export interface BenchCall {
  json?: boolean;
  quick?: boolean;
  rounds?: string;
  count?: string;
}

export async function bench(name: string, call: BenchCall): Promise<number> {
  if (name === 'list') {
    console.log(benchList());
    return 0;
  }
  const known = benches[name];
  if (known === undefined) {
    console.error(`parley: there is no benchmark ${name}; there are ${benchNames()}`);
    return 2;
  }
  const run = await known.load();
  const result = await run({
    quick: call.quick === true,
    ...(call.rounds === undefined ? {} : { rounds: Number(call.rounds) }),
    ...(call.count === undefined ? {} : { count: Number(call.count) }),
    // With --json the words go beside the answer, so that the last line of the output is the object.
    say: (text) => (call.json === true ? console.error(text) : console.log(text)),
  });
  const report = { bench: name, at: new Date().toISOString(), machine: machine(), ...result };
  if (call.json === true) console.log(JSON.stringify(report));
  else for (const note of result.notes) console.log(note);
  return 0;
}
