/**
 * `bench outbound`: one campaign, personalised HTML and text of 10 KB to unique recipients over 50 domains, signed with
 * RSA-2048, durable, through a whole Parley process to a sink on the same machine. The clock runs from pressing send to
 * the last final 250. Postfix with OpenDKIM gets mail of the same size by SMTP in between, its clock from the first
 * injection. "To a local sink, against Postfix with OpenDKIM on the same machine; providers, not software, set your speed."
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Answer } from '../web/contract.ts';
import {
  cpuSecondsOf,
  has,
  inject,
  median,
  postfixIsHere,
  signingLimit,
  sinkHas,
  startPostfix,
  startSink,
  watchRss,
  type Sink,
  type SinkCounts,
} from './bench-machine.ts';
import type { BenchOptions, BenchResult } from './bench.ts';
import { DOMAIN, importFile, setUp, signIn, until, writeCampaign, type House } from './office.ts';
import { startParley, type ApiClient, type RunningParley } from './parley.ts';
import { startTlsFront } from './tls-front.ts';
import { spawnWorld } from './spawn.ts';
import type { World } from './world.ts';

const DOMAINS = 50;
const PARAGRAPH =
  'Le lin lavé de cet été est teint à la main dans notre atelier de la rue Mercière, en petites séries. ';

/** HTML and text that come to about 10 KB on the wire, with merge fields in both. */
export const LETTER = {
  subject: '{{ contact.first_name | default: "Bonjour" }}, votre sélection d’été',
  html: `<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>Maison Colombe</title></head><body><h1>Bonjour {{ contact.first_name | default: "à vous" }},</h1>${`<p>${PARAGRAPH.repeat(4)}</p>\n`.repeat(9)}<p>Une attention pour {{ contact.first_name }} {{ contact.last_name }} : <a href="https://www.colombe.example/ete">voir la sélection</a>.</p><p>{{ brand.name }} · {{ brand.postal_address }} · <a href="{{ unsubscribe_url }}">Se désabonner</a></p></body></html>`,
  text: `Bonjour {{ contact.first_name | default: "à vous" }},\n\n${`${PARAGRAPH.repeat(4)}\n\n`.repeat(7)}Une attention pour {{ contact.first_name }} {{ contact.last_name }}.\n\n{{ brand.name }} · {{ brand.postal_address }}\nSe désabonner : {{ unsubscribe_url }}`,
};

export async function benchOutbound(options: BenchOptions): Promise<BenchResult> {
  const count = options.count ?? (options.quick ? 3000 : 20_000);
  const rounds = options.rounds ?? (options.quick ? 1 : 5);
  const signatures = Math.min(count, 20_000);
  const sink = await startSink();
  const bed = await makeBed(count, sink).catch((error: unknown) => {
    sink.stop();
    throw error;
  });
  const withPostfix = postfixIsHere() && has('opendkim');
  const theirs = join(bed.directory, 'letter.eml');
  writeFileSync(theirs, peerLetter());
  const mine: Round[] = [];
  const peer: { rate: number; cpu: number }[] = [];
  const limits: number[] = [];
  const signingCpu: number[] = [];
  const shares: number[] = [];
  const ratios: number[] = [];
  try {
    for (let round = 1; round <= rounds; round++) {
      const before = await signingLimit(signatures);
      const ours = await campaignRound(bed, sink, count, `round ${round}`);
      const after = await signingLimit(signatures);
      const limit = (before.rate + after.rate) / 2;
      mine.push(ours);
      limits.push(limit);
      signingCpu.push((before.cpuPer1000 + after.cpuPer1000) / 2);
      shares.push(ours.rate / limit);
      options.say(
        `round ${round}: ${ours.rate.toFixed(0)}/s, ${(ours.rate / limit).toFixed(3)} of ${limit.toFixed(0)} RSA-2048/s, ${ours.cpuPer1000.toFixed(3)} CPU s per 1,000, first on the wire after ${ours.firstMs.toFixed(0)} ms`,
      );
      if (!withPostfix) continue;
      const they = await postfixRound(sink, theirs, options.quick ? 1000 : Math.min(count, 5000));
      peer.push(they);
      ratios.push(ours.rate / they.rate);
      options.say(
        `         Postfix with OpenDKIM ${they.rate.toFixed(0)}/s, ${they.cpu.toFixed(2)} CPU s per 1,000: ratio ${(ours.rate / they.rate).toFixed(1)}`,
      );
    }
    const syncs = await syncsPerMessage(bed, sink, count);
    if (syncs !== undefined) options.say(`syncs per message while sending: ${syncs.toFixed(3)}`);
    const extras = await extraRounds(bed, sink);
    options.say(
      `beside these: ${extras.dual.toFixed(0)}/s with Ed25519 too, ${extras.starttls.toFixed(0)}/s with RSA alone through STARTTLS`,
    );
    const cpu = median(mine.map((one) => one.cpuPer1000));
    const beyond = cpu - median(signingCpu);
    const rates = mine.map((one) => one.rate);
    return {
      size: { messages: count, domains: DOMAINS, octets: mine[0]?.octets ?? 0, rounds },
      rate: median(rates),
      cpu_s_per_1000: cpu,
      rss_mb: Math.max(...mine.map((one) => one.rssMb)),
      figures: {
        cpu_s_per_1000_beyond_signing: beyond,
        first_on_wire_s: median(mine.map((one) => one.firstMs)) / 1000,
        worst_rate: Math.min(...rates),
        worst_of_rsa2048: Math.min(...shares),
        rate_dual_signing: extras.dual,
        rate_starttls: extras.starttls,
        duplicates: mine.reduce((sum, one) => sum + one.duplicates, 0),
        connections: Math.max(...mine.map((one) => one.connections)),
        ...(syncs === undefined ? {} : { syncs_per_message: syncs }),
        ...(ratios.length === 0 ? {} : { worst_ratio: Math.min(...ratios) }),
      },
      peers:
        peer.length === 0
          ? {}
          : { 'postfix+opendkim': { rate: median(peer.map((one) => one.rate)), ratio: median(ratios) } },
      limits: { rsa2048: { rate: median(limits), of: median(shares) } },
      absent: withPostfix ? [] : ['postfix+opendkim'],
      runs: rounds,
      spread: [Math.min(...rates), Math.max(...rates)],
      notes: [
        'To a local sink, against Postfix with OpenDKIM on the same machine; providers, not software, set your speed.',
      ],
    };
  } finally {
    await bed.end();
    sink.stop();
  }
}

export interface Bed {
  parley: RunningParley;
  client: ApiClient;
  house: House;
  world: World;
  listId: number;
  directory: string;
  /** How many are on the list. */
  people: number;
  /** Stops the server and starts it again on the same files, with these settings over its own. */
  restart(settings?: Record<string, string | number>): Promise<void>;
  end(): Promise<void>;
}

/** A Parley with an audience, a domain with one RSA key, and 50 recipient domains whose MX is the sink. */
export async function makeBed(
  count: number,
  sink: Sink,
  settings: Record<string, string | number> = {},
  domains = DOMAINS,
): Promise<Bed> {
  const directory = mkdtempSync(join(tmpdir(), 'parley-outbound-'));
  const world = await spawnWorld({ seed: 1 });
  const dataDir = join(directory, 'data');
  const start = (more: Record<string, string | number> = {}) =>
    startParley({
      dataDir,
      settings: {
        LOG_LEVEL: 'warn',
        DNS_SERVERS: `127.0.0.1:${world.dnsPort}`,
        MTA_REMOTE_PORT: sink.port,
        MTA_ALLOW_PRIVATE_TARGETS: 'true',
        MTA_HOSTNAME: `mail.${DOMAIN}`,
        INBOUND_HOST: '127.0.0.1',
        INBOUND_HOSTNAME: `mail.${DOMAIN}`,
        ...settings,
        ...more,
      },
    });
  const parley = await start();
  let ended = false;
  const bed: Partial<Bed> & Pick<Bed, 'parley' | 'end'> = {
    parley,
    people: count,
    restart: async (more) => {
      await bed.parley.stop();
      bed.parley = await start(more);
      bed.client = await signIn(bed.parley);
    },
    end: async () => {
      if (ended) return;
      ended = true;
      await bed.parley.stop();
      await world.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  try {
    return Object.assign(bed, await furnished(parley, world, directory, dataDir, count, domains)) as Bed;
  } catch (error) {
    await bed.end();
    throw error;
  }
}

async function furnished(
  parley: RunningParley,
  world: World,
  directory: string,
  dataDir: string,
  count: number,
  domains: number,
): Promise<Omit<Bed, 'end' | 'restart' | 'people'>> {
  const client = await signIn(parley);
  const house = await setUp(client, world);
  secondKey(join(dataDir, 'parley.db'), 'retired');
  await world.publish(
    Array.from({ length: domains }, (_, at) => at).flatMap((at) => [
      { name: `d${at}.test`, type: 'MX' as const, data: { preference: 10, exchange: `mx.d${at}.test` } },
      { name: `mx.d${at}.test`, type: 'A' as const, data: '127.0.0.1' },
    ]),
  );
  const listId = (
    await client.post<Answer<'createList'>>('/api/lists', { name: 'Everybody', brand_id: house.brandId })
  ).id;
  if (count === 0) return { parley, client, house, world, listId, directory };
  const file = join(directory, 'people.csv');
  writeFileSync(
    file,
    `email,first_name,last_name\n${Array.from({ length: count }, (_, at) => `user${at}@d${at % domains}.test,Prénom${at % 997},Nom${at % 1009}`).join('\n')}\n`,
  );
  await importFile(client, file, { listId });
  return { parley, client, house, world, listId, directory };
}

/** The comparison is of RSA-2048 alone; a second signature is a figure of its own. */
function secondKey(path: string, state: 'active' | 'retired'): void {
  const database = new DatabaseSync(path, { timeout: 5000 });
  database.prepare("update dkim_key set state = ? where algorithm like 'ed25519%'").run(state);
  database.close();
}

/** One round with both signatures, and one through STARTTLS: what the comparison leaves out, as figures of their own. */
async function extraRounds(bed: Bed, sink: Sink): Promise<{ dual: number; starttls: number }> {
  const file = join(bed.directory, 'data', 'parley.db');
  const front = await startTlsFront(sink.port);
  try {
    secondKey(file, 'active');
    await bed.restart();
    const dual = await campaignRound(bed, sink, bed.people, 'two signatures');
    secondKey(file, 'retired');
    await bed.restart({ MTA_REMOTE_PORT: front.port });
    const secure = await campaignRound(bed, sink, bed.people, 'STARTTLS');
    return { dual: dual.rate, starttls: secure.rate };
  } finally {
    await front.stop();
    await bed.restart();
  }
}

interface Round {
  rate: number;
  cpuPer1000: number;
  rssMb: number;
  firstMs: number;
  duplicates: number;
  connections: number;
  octets: number;
  counts: SinkCounts;
}

/** Writes a campaign, presses send, and waits for the last 250. */
export async function campaignRound(bed: Bed, sink: Sink, count: number, name: string): Promise<Round> {
  const { client, parley } = bed;
  const id = await writeCampaign(client, bed.house, bed.listId, { name, ...LETTER });
  await sink.reset();
  const pid = parley.process.pid as number;
  const rss = watchRss(pid);
  const cpu = cpuSecondsOf(pid);
  const pressed = Date.now() / 1000;
  await client.post(`/api/campaigns/${id}/send`);
  const counts = await sinkHas(sink, count).catch(async (error: unknown) => {
    // A message that waits has a reason, and the queue knows it.
    const { rows } = await client.get<Answer<'queue'>>('/api/queue');
    throw new Error(`${(error as Error).message}; the queue: ${JSON.stringify(rows).slice(0, 2000)}`, {
      cause: error,
    });
  });
  const cpuPer1000 = ((cpuSecondsOf(pid) - cpu) / count) * 1000;
  rss.stop();
  // The next round begins when this one is written down to its last row.
  await until(
    'the campaign is finished',
    async () => {
      const campaign = await client.get<Answer<'campaign'>>(`/api/campaigns/${id}`);
      return campaign.state === 'sent' ? true : undefined;
    },
    60_000,
  );
  if (counts.dkim !== count) throw new Error(`${counts.dkim} of ${count} messages were signed`);
  return {
    rate: count / (counts.last - pressed),
    cpuPer1000,
    rssMb: rss.peak(),
    firstMs: (counts.first - pressed) * 1000,
    duplicates: counts.dupl,
    connections: counts.maxconc,
    octets: Math.round(counts.bytes / count),
    counts,
  };
}

async function postfixRound(
  sink: Sink,
  template: string,
  count: number,
): Promise<{ rate: number; cpu: number }> {
  const postfix = await startPostfix(sink.port, true);
  try {
    await sink.reset();
    const cpu = postfix.cpuSeconds();
    const { t0 } = await inject(postfix.port, template, count, 10);
    const counts = await sinkHas(sink, count);
    if (counts.dkim !== count) throw new Error(`Postfix signed ${counts.dkim} of ${count}`);
    return { rate: count / (counts.last - t0), cpu: ((postfix.cpuSeconds() - cpu) / count) * 1000 };
  } finally {
    postfix.stop();
  }
}

/** Mail of the same size and shape for the peer. */
export function peerLetter(): string {
  const body = `${PARAGRAPH.normalize('NFD').replace(/[^\x20-\x7e]/g, '')}\r\n`;
  return [
    'From: Camille <camille@sender.test>',
    'To: user@@00000000@@@d.test',
    'Subject: Votre selection @@00000000@@',
    'Date: Mon, 23 Nov 2026 10:00:00 +0000',
    'Message-ID: <@@00000000@@@sender.test>',
    'MIME-Version: 1.0',
    'List-Unsubscribe: <https://sender.test/u/@@00000000@@>',
    'List-Unsubscribe-Post: List-Unsubscribe=One-Click',
    'Content-Type: multipart/alternative; boundary=b',
    '',
    '--b',
    'Content-Type: text/plain; charset=utf-8',
    '',
    `Bonjour @@00000000@@,\r\n${body.repeat(36)}`,
    '--b',
    'Content-Type: text/html; charset=utf-8',
    '',
    `<p>Bonjour @@00000000@@,</p>\r\n${body.repeat(56)}`,
    '--b--',
    '',
  ].join('\r\n');
}

/** Counted by strace in a round of its own, since it slows what it watches. */
async function syncsPerMessage(bed: Bed, sink: Sink, count: number): Promise<number | undefined> {
  if (!has('strace')) return undefined;
  const out = join(bed.directory, 'strace.txt');
  const strace = spawn(
    'strace',
    ['-f', '-c', '-e', 'trace=fsync,fdatasync', '-o', out, '-p', String(bed.parley.process.pid)],
    { stdio: 'ignore' },
  );
  await new Promise((resolve) => setTimeout(resolve, 500));
  if (strace.exitCode !== null) return undefined;
  await campaignRound(bed, sink, count, 'counted');
  strace.kill('SIGINT');
  await new Promise((resolve) => strace.once('exit', resolve));
  const text = spawnSync('cat', [out], { encoding: 'utf8' }).stdout;
  const calls = [...text.matchAll(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(?:fsync|fdatasync)$/gm)];
  return calls.reduce((sum, match) => sum + Number(match[1]), 0) / count;
}
