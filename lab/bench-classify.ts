/**
 * `bench classify`: replies that lie received on disk, through every stage (parse and classify in their cages, authenticate
 * with DNS answers at hand, thread, apply) until their effects are committed; no network. Beside it the stages alone, in
 * this process: how long 64 KB of plain text and of HTML take, what mailparser's simpleParser needs for the same, and how
 * the time grows from 4 KB to 1 MB.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import { loadConfig } from '../config/load.ts';
import { systemClock } from '../core/clock.ts';
import { DnsError, type Resolver } from '../core/dns.ts';
import { createMailbox, createSendingDomain, firstBrand } from '../core/identity.ts';
import { createLog } from '../core/log.ts';
import type { Runtime } from '../core/runtime.ts';
import { startRuntime } from '../core/start.ts';
import { addInbound, countWaiting } from '../core/store/inbound.ts';
import { addRawMessage, RawSpool } from '../core/store/raw-message.ts';
import { authenticate } from '../inbound/authenticate.ts';
import { Cage } from '../inbound/cage.ts';
import { Forwarders } from '../inbound/forwarder.ts';
import { parse } from '../inbound/parse.ts';
import { read } from '../inbound/read.ts';
import { Workers } from '../inbound/service.ts';
import { growth } from './bench-growth.ts';
import { median } from './bench-machine.ts';
import type { BenchOptions, BenchResult } from './bench.ts';
import { labDkimRecord } from './ca.ts';
import { DOMAIN } from './office.ts';
import { htmlReply, replyText, signedReply } from './reply-letter.ts';

const IP = '127.0.0.9';
const MAILBOX = `bonjour@${DOMAIN}`;
const READERS = 200;

export async function benchClassify(options: BenchOptions): Promise<BenchResult> {
  const count = options.count ?? (options.quick ? 600 : 4000);
  const rounds = options.rounds ?? (options.quick ? 1 : 5);
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-classify-'));
  const config = { ...loadConfig({ environment: {} }), data_dir: dataDir };
  const started = await startRuntime(config, createLog('error'), { exclusive: true });
  const rt: Runtime = { ...started, dns: answersAtHand };
  const rates: number[] = [];
  const peer: number[] = [];
  try {
    const now = rt.clock.now();
    const brandId = await rt.store.write((tx) => firstBrand(tx, now));
    await createSendingDomain(rt, { name: DOMAIN, brandId });
    await createMailbox(rt, { name: 'Service client', address: MAILBOX, brandId, signature: '' });
    for (let round = 1; round <= rounds; round++) {
      const mail = await replies(count, `r${round}`);
      for (const one of mail) await receive(rt, one);
      rates.push(await throughAllStages(rt, count));
      peer.push(await parsedBySimpleParser(mail.slice(0, 300)));
      options.say(
        `round ${round}: ${(rates.at(-1) ?? 0).toFixed(0)}/s through all stages; simpleParser alone ${(peer.at(-1) ?? 0).toFixed(0)}/s`,
      );
    }
    const stages = await stageTimes();
    for (const [name, ms] of Object.entries(stages)) options.say(`${name}: ${ms.toFixed(2)}`);
    const { figures: grown, table } = growth();
    for (const line of table) options.say(line);
    return {
      size: { messages: count, octets: 10_000, rounds },
      rate: median(rates),
      figures: { processed_per_s: median(rates), worst_per_s: Math.min(...rates), ...stages, ...grown },
      peers: {
        simpleParser: { rate: median(peer), ratio: median(rates.map((rate, at) => rate / (peer[at] ?? 1))) },
      },
      limits: {},
      absent: [],
      runs: rounds,
      spread: [Math.min(...rates), Math.max(...rates)],
      notes: ['simpleParser only parses, in one process; ours is the whole way to committed effects.'],
    };
  } finally {
    await started.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

const replies = (count: number, name: string): Promise<Buffer[]> =>
  Promise.all(
    Array.from({ length: count }, (_, at) =>
      signedReply({
        from: `lecteur${at % READERS}@gmail.com`,
        to: MAILBOX,
        serial: `${name}-${at}`,
        // The reader's own last one, so that threading finds a conversation to join.
        inReplyTo: `${name}-${at - READERS}@mail.gmail.com`,
        at: systemClock().now(),
      }),
    ),
  );

async function receive(rt: Runtime, raw: Buffer): Promise<void> {
  const spool = new RawSpool(rt.config.data_dir);
  await spool.write(raw);
  const kept = await spool.keep();
  const from = /^Return-Path: <([^>]*)>/m.exec(raw.toString('latin1'))?.[1] ?? '';
  const envelope = { mailFrom: from, rcptTo: [MAILBOX], remoteIp: IP, helo: 'mail.gmail.com', tls: '' };
  await rt.store.write(async (tx) => {
    await addRawMessage(tx, kept, rt.clock.now());
    await addInbound(tx, { ...envelope, rawHash: kept.hash, size: kept.size }, rt.clock.now());
  });
}

async function throughAllStages(rt: Runtime, count: number): Promise<number> {
  const { workers: atOnce, forwarders } = rt.config.inbound;
  const workers = new Workers(
    {
      rt,
      hostname: `mail.${DOMAIN}`,
      cage: new Cage({ workers: atOnce }),
      forwarders: new Forwarders(forwarders),
    },
    atOnce,
  );
  const began = performance.now();
  await workers.drain();
  const rate = count / ((performance.now() - began) / 1000);
  await workers.stop();
  const left = await countWaiting(rt.store.read);
  if (left > 0) throw new Error(`${left} messages were not applied`);
  return rate;
}

async function parsedBySimpleParser(mail: Buffer[]): Promise<number> {
  const began = performance.now();
  for (const one of mail) await simpleParser(one);
  return mail.length / ((performance.now() - began) / 1000);
}

/** Milliseconds of each stage for one message, the median of many in this process. */
async function stageTimes(): Promise<Record<string, number>> {
  const fields = { from: 'a@gmail.com', to: MAILBOX, serial: 's', inReplyTo: 'x@y.test', at: Date.now() };
  const small = await signedReply(fields);
  const large = replyText({ ...fields, lines: 600 });
  const html = htmlReply(64 * 1024);
  const context = { mailFrom: fields.from, purposes: [], now: fields.at };
  const proof = { raw: small, mailFrom: fields.from, remoteIp: IP, helo: 'mail.gmail.com', hostname: 'mx' };
  return {
    parse_10kb_ms: await medianMs(() => parse(small)),
    parse_64kb_ms: await medianMs(() => parse(large)),
    read_10kb_ms: await medianMs(() => read(small, context)),
    read_64kb_ms: await medianMs(() => read(large, context)),
    parse_html_64kb_wall_ms: await medianMs(() => parse(html)),
    read_html_64kb_wall_ms: await medianMs(() => read(html, context)),
    simpleparser_64kb_ms: await medianMs(() => simpleParser(large)),
    simpleparser_html_64kb_wall_ms: await medianMs(() => simpleParser(html)),
    authenticate_ms: await medianMs(() => authenticate(proof, answersAtHand)),
  };
}

async function medianMs(work: () => unknown, times = 60): Promise<number> {
  const each: number[] = [];
  for (let turn = 0; turn < times; turn++) {
    const began = performance.now();
    await work();
    each.push(performance.now() - began);
  }
  return median(each.slice(times / 3));
}

/** DNS as a resolver with a warm cache gives it: one domain that signs, with SPF and a policy. */
const answersAtHand = new Proxy({} as Resolver, {
  get: (_, method) => {
    if (method === 'forget') return () => undefined;
    return (name: string) => {
      const known: Record<string, string> = {
        'lab._domainkey.gmail.com': labDkimRecord,
        '_dmarc.gmail.com': 'v=DMARC1; p=quarantine',
        'gmail.com': `v=spf1 ip4:${IP} -all`,
      };
      const text = method === 'txt' ? known[name] : undefined;
      return text === undefined ? Promise.reject(new DnsError('NXDOMAIN', name)) : Promise.resolve([text]);
    };
  },
});
