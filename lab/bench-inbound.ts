/**
 * `bench inbound`: replies of 10 KB, each with one DKIM signature, over 20 connections, synced before their 250 by a whole
 * Parley process, and from there through parse, authenticate, classify, thread and apply. Beside it, in the same round and
 * by the same load: Postfix that keeps a maildir, smtp-server that throws away, and smtp-server with mailparser.
 */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { loadConfig } from '../config/load.ts';
import { createLog } from '../core/log.ts';
import { messageIdFor, replyAddress } from '../core/mail/identifiers.ts';
import { startRuntime } from '../core/start.ts';
import { median, postfixIsHere, startPostfix, startSink } from './bench-machine.ts';
import { campaignRound, makeBed, type Bed } from './bench-outbound.ts';
import type { BenchOptions, BenchResult } from './bench.ts';
import { DOMAIN, until } from './office.ts';
import { replyText, signedReply } from './reply-letter.ts';
import { handIn, onTheWire, type HandedIn, type Parcel } from './reply-load.ts';

const CONNECTIONS = 20;
/** Of our readers: more would only make the preparation longer. */
const PEOPLE = 500;

export async function benchInbound(options: BenchOptions): Promise<BenchResult> {
  const count = options.count ?? (options.quick ? 1000 : 5000);
  const rounds = options.rounds ?? (options.quick ? 1 : 5);
  const sink = await startSink();
  const bed = await makeBed(PEOPLE, sink, {
    INBOUND_MAX_CONNECTIONS_PER_ADDRESS: 1000,
    // Each reader answers many times here; in life that is an address that leaked, and spam.
    INBOUND_REPLY_TOKEN_MESSAGES_PER_DAY: 1_000_000,
    LOG_LEVEL: 'error',
  }).catch((error: unknown) => {
    sink.stop();
    throw error;
  });
  const rows: Round[] = [];
  const peers: Record<string, number[]> = {};
  const peer = (name: string, handed: HandedIn, size: number) =>
    (peers[name] ??= []).push(size / handed.seconds);
  try {
    await campaignRound(bed, sink, PEOPLE, 'what is answered');
    const readers = await readersOf(bed);
    for (let round = 1; round <= rounds; round++) {
      const plain = await parcels(readers, Math.ceil(count / 2), `p${round}`, false);
      const signedOnes = await parcels(readers, count, `s${round}`, true);
      const unauthenticated = await ourRound(bed, plain);
      const ours = await ourRound(bed, signedOnes);
      rows.push({ ...ours, unauthenticated: unauthenticated.processed });
      if (postfixIsHere()) {
        const postfix = await startPostfix('maildir', false);
        try {
          const theirs = signedOnes.map((one, at) => ({ ...one, to: `user${at}@d${at % 100}.test` }));
          peer('postfix', await handIn(postfix.port, theirs, CONNECTIONS), count);
        } finally {
          postfix.stop();
        }
      }
      peer('smtp-server', await toSmtpServer('discard', signedOnes), count);
      peer('smtp-server+simpleParser', await toSmtpServer('parse', signedOnes), count);
      options.say(
        `round ${round}: accepted ${ours.accepted.toFixed(0)}/s, processed ${ours.processed.toFixed(0)}/s (${unauthenticated.processed.toFixed(0)}/s without a signature), 250 after ${ours.p50.toFixed(1)} ms, p99 ${ours.p99.toFixed(1)} ms, ${ours.backlog} waited at the end; ${Object.entries(
          peers,
        )
          .map(([name, rates]) => `${name} ${(rates.at(-1) ?? 0).toFixed(0)}/s`)
          .join(', ')}`,
      );
    }
    return result(rows, peers, { count, rounds });
  } finally {
    await bed.end();
    sink.stop();
  }
}

interface Round {
  accepted: number;
  processed: number;
  unauthenticated: number;
  p50: number;
  p99: number;
  backlog: number;
}

interface Reader {
  address: string;
  replyTo: string;
  messageId: string;
}

/** Whom we wrote to, with the signed addresses that an answer goes to. */
async function readersOf(bed: Bed): Promise<Reader[]> {
  const dataDir = join(bed.directory, 'data');
  const config = { ...loadConfig({ environment: {} }), data_dir: dataDir };
  const rt = await startRuntime(config, createLog('silent'), { exclusive: false });
  try {
    const rows = await rt.store.read.selectFrom('any_delivery').select(['id']).orderBy('id').execute();
    const { reply_host } = await rt.store.read
      .selectFrom('sending_domain')
      .select('reply_host')
      .executeTakeFirstOrThrow();
    const now = rt.clock.now();
    return rows.map(({ id }) => ({
      address: `lecteur${id}@gmail.com`,
      replyTo: replyAddress(rt.tokens, { id, now }, { mailbox: 'bonjour', host: reply_host }),
      messageId: messageIdFor(rt.tokens, { id, now }, DOMAIN).slice(1, -1),
    }));
  } finally {
    await rt.close();
  }
}

async function parcels(readers: Reader[], count: number, name: string, isSigned: boolean): Promise<Parcel[]> {
  const made: Parcel[] = [];
  for (let at = 0; at < count; at++) {
    const reader = readers[at % readers.length] as Reader;
    const fields = {
      from: reader.address,
      to: reader.replyTo,
      serial: `${name}-${at}`,
      inReplyTo: reader.messageId,
      at: Date.now(),
    };
    const raw = isSigned ? await signedReply(fields) : replyText(fields);
    made.push({ from: reader.address, to: reader.replyTo, wire: onTheWire(raw) });
  }
  return made;
}

/** From the first command until the last effect is committed. */
async function ourRound(bed: Bed, mail: Parcel[]): Promise<Omit<Round, 'unauthenticated'>> {
  const database = new DatabaseSync(join(bed.directory, 'data', 'parley.db'), { readOnly: true });
  const count = (state: string) =>
    Number(
      (database.prepare('select count(*) as n from inbound where state = ?').get(state) as { n: number }).n,
    );
  try {
    const before = count('applied');
    const began = performance.now();
    const { seconds, waits } = await handIn(bed.parley.inboundPort, mail, CONNECTIONS);
    const backlog = count('received');
    await until(
      'all replies to be applied',
      () => Promise.resolve(count('received') === 0 ? true : undefined),
      120_000,
    );
    const processed = mail.length / ((performance.now() - began) / 1000);
    const applied = count('applied') - before;
    if (applied !== mail.length) throw new Error(`${applied} of ${mail.length} replies were applied`);
    return {
      accepted: mail.length / seconds,
      processed,
      p50: waits[Math.floor(waits.length / 2)] ?? 0,
      p99: waits[Math.floor(waits.length * 0.99)] ?? 0,
      backlog,
    };
  } finally {
    database.close();
  }
}

async function toSmtpServer(what: 'discard' | 'parse', mail: Parcel[]): Promise<HandedIn> {
  const child = fork(join(import.meta.dirname, 'peers', 'smtp-discard.ts'), [what]);
  try {
    const { port } = await new Promise<{ port: number }>((resolve, reject) => {
      child.once('message', (message) => resolve(message as { port: number }));
      child.once('exit', () => reject(new Error('smtp-server did not start')));
    });
    return await handIn(port, mail, CONNECTIONS);
  } finally {
    child.kill();
  }
}

function result(
  rows: Round[],
  peers: Record<string, number[]>,
  { count, rounds }: { count: number; rounds: number },
): BenchResult {
  const accepted = rows.map((row) => row.accepted);
  const processed = rows.map((row) => row.processed);
  const isProcessing = (name: string) => name.includes('simpleParser');
  const p99 = rows.map((row) => row.p99);
  const ratios = Object.entries(peers).map(([name, rates]) => {
    const ours = isProcessing(name) ? processed : accepted;
    const pairs = rates.map((rate, at) => (ours[at] ?? 0) / rate);
    return { name, rate: median(rates), ratio: median(pairs), worst: Math.min(...pairs) };
  });
  return {
    size: { messages: count, connections: CONNECTIONS, octets: 10_000, rounds },
    rate: median(accepted),
    p50_ms: median(rows.map((row) => row.p50)),
    p99_ms: median(p99),
    figures: {
      accepted_per_s: median(accepted),
      processed_per_s: median(processed),
      processed_unauthenticated_per_s: median(rows.map((row) => row.unauthenticated)),
      listener_p99_ms: median(p99),
      listener_p99_worst_ms: Math.max(...p99),
      backlog: Math.max(...rows.map((row) => row.backlog)),
      ...Object.fromEntries(ratios.map(({ name, worst }) => [`worst_ratio_${name}`, worst])),
    },
    peers: Object.fromEntries(ratios.map(({ name, rate, ratio }) => [name, { rate, ratio }])),
    limits: {},
    absent: peers['postfix'] === undefined ? ['postfix'] : [],
    runs: rounds,
    spread: [Math.min(...accepted), Math.max(...accepted)],
    notes: [
      'Ours syncs before each 250, as Postfix does; smtp-server keeps nothing. The ratio to simpleParser is of what was applied, to the others of what was accepted.',
    ],
  };
}
