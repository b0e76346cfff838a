/**
 * `bench rtt`: how much of a long line is used. The sink stands behind a proxy that holds every byte for 25 ms each way;
 * ten connections, one message in flight on each, no TLS. Messages per second and connection, times the round trip: 1 means
 * that a message costs one round trip, which CHUNKING with PIPELINING allows; without CHUNKING it cannot be over 0.5.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject, postfixIsHere, sinkHas, startPostfix, startSink, type Sink } from './bench-machine.ts';
import { campaignRound, makeBed, peerLetter } from './bench-outbound.ts';
import type { BenchOptions, BenchResult } from './bench.ts';
import { startProxy, type Proxy } from './proxy.ts';

const ONE_WAY_MS = 25;
const RTT_S = (2 * ONE_WAY_MS) / 1000;
const CONNECTIONS = 10;
const SITES = 5;

export async function benchRtt(options: BenchOptions): Promise<BenchResult> {
  const count = options.count ?? (options.quick ? 600 : 3000);
  const sink = await startSink();
  const far = await startProxy({ target: { host: '127.0.0.1', port: sink.port }, delayMs: ONE_WAY_MS });
  const plain = await startProxy({
    target: { host: '127.0.0.1', port: sink.port },
    delayMs: ONE_WAY_MS,
    hide: 'CHUNKING',
  });
  try {
    const chunked = await ours(sink, far, count);
    options.say(`with CHUNKING ${told(chunked)}`);
    const dotted = await ours(sink, plain, count);
    options.say(`without       ${told(dotted)}`);
    const peer = postfixIsHere() ? await theirs(sink, far, Math.min(count, 1000)) : undefined;
    if (peer !== undefined) options.say(`Postfix       ${told(peer)}`);
    return {
      size: { messages: count, connections: CONNECTIONS, rtt_ms: 2 * ONE_WAY_MS },
      rate: chunked.rate,
      figures: {
        round_trip_share_chunking: chunked.share,
        round_trip_share_pipelining: dotted.share,
        connections_chunking: chunked.connections,
        connections_pipelining: dotted.connections,
        ...(peer === undefined ? {} : { round_trip_share_postfix: peer.share }),
      },
      peers: peer === undefined ? {} : { postfix: { rate: peer.rate, ratio: chunked.share / peer.share } },
      limits: {},
      absent: peer === undefined ? ['postfix'] : [],
      runs: 1,
      spread: [chunked.rate, chunked.rate],
      notes: ['The peer sends unsigned mail over up to 20 connections; shares are per connection.'],
    };
  } finally {
    await far.stop();
    await plain.stop();
    sink.stop();
  }
}

interface Far {
  rate: number;
  /** Messages per second and connection, times the round trip. */
  share: number;
  connections: number;
}

const told = ({ rate, share, connections }: Far): string =>
  `${rate.toFixed(0)}/s over ${connections} connections: ${share.toFixed(2)} of a message per round trip`;

/** From the first message to the last: opening the connections is not what is measured. */
const farOf = (count: number, counts: { first: number; last: number }, connections: number): Far => {
  const rate = (count - connections) / (counts.last - counts.first);
  return { rate, connections, share: (rate / connections) * RTT_S };
};

async function ours(sink: Sink, line: Proxy, count: number): Promise<Far> {
  const bed = await makeBed(
    count,
    sink,
    { MTA_REMOTE_PORT: line.port, MTA_MAX_CONNECTIONS: CONNECTIONS },
    SITES,
  );
  try {
    // Two for each of five sites, and kept: ten lines are busy from beginning to end, and none is opened anew.
    await bed.client.call('PUT', '/api/shaping/limits', {
      place: 'default',
      connections: CONNECTIONS / SITES,
      messages_per_connection: 10_000,
      rate_messages: 10_000,
      rate_per_ms: 1000,
    });
    const { counts } = await campaignRound(bed, sink, count, 'far away');
    return farOf(count, counts, CONNECTIONS);
  } finally {
    await bed.end();
  }
}

async function theirs(sink: Sink, line: Proxy, count: number): Promise<Far> {
  const postfix = await startPostfix(line.port, false);
  try {
    const template = join(postfix.directory, 'letter.eml');
    writeFileSync(template, peerLetter());
    await sink.reset();
    await inject(postfix.port, template, count, 10);
    const counts = await sinkHas(sink, count);
    return farOf(count, counts, counts.maxconc - 1);
  } finally {
    postfix.stop();
  }
}
