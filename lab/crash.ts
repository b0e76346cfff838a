/**
 * Kills Parley at random moments of import, fan-out, sending and receiving, starts it again on the same files, and at the
 * end lays three ledgers beside each other: what its clients were promised, what the world received, and what Parley says.
 * Nothing that was promised may be missing and nobody may be skipped. Duplicates may come only from messages of which no
 * result was on disk when the kill came; they are counted, and that allowed number stands beside them.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Answer } from '../web/contract.ts';
import { HTML, TEXT } from './demo-campaign.ts';
import { ourLine } from './demo-ledger.ts';
import {
  DOMAIN,
  ledgerOf,
  pause,
  setUp,
  signIn,
  startImport,
  until,
  writeCampaign,
  type House,
} from './office.ts';
import { freePort, sendOnce, startParley, type ApiClient, type RunningParley } from './parley.ts';
import { pick, stream } from './random.ts';
import type { LedgerEntry } from './mailbox.ts';
import { spawnWorld } from './spawn.ts';
import type { World } from './world.ts';

export interface CrashOptions {
  runs: string;
  seed: string;
  json?: boolean;
  /** People in each import, who are then the audience of a campaign. */
  people?: number;
}

export interface CrashFigures {
  kills: number;
  /** How many kills came while there was work of each kind. */
  during: { import: number; 'fan-out': number; sending: number; receiving: number };
  promised: { imports: number; campaigns: number; inbound: number };
  recipients: number;
  delivered: number;
  /** Promised and not there. Must be empty. */
  lost: string[];
  /** Recipients without a final state, or with another one than the world saw. Must be empty. */
  skipped: string[];
  /** Messages that somebody got twice, and how many the world had at a kill without a result on our disk: the most there may be. */
  duplicates: number;
  allowed: number;
  /** How long before its kill the oldest of those had been answered, in real milliseconds. */
  oldest_in_doubt_ms: number;
  /** Duplicates that were not the same bytes. Must be 0. */
  different: number;
  /** Messages of the world that were applied twice. Must be 0. */
  applied_twice: number;
  seconds: number;
}

const SPEED = 60;
/** A start that comes up is killed this soon and this late after it is ready, in milliseconds. */
const SHORTEST_LIFE_MS = 30;
const LONGEST_LIFE_MS = 2500;
/** What was on the line when the kill came, the world reads within this time; the next life is not up so soon. */
const ON_THE_LINE_MS = 300;

/** Prints the figures; 0 when nothing was lost and nobody skipped. */
export async function crash(options: CrashOptions): Promise<number> {
  const figures = await crashRun({
    runs: Number(options.runs),
    seed: Number(options.seed),
    people: options.people ?? 120,
    say: (text) => console.log(text),
  });
  console.log(textOf(figures));
  if (options.json === true) console.log(JSON.stringify(figures));
  return isSound(figures) ? 0 : 1;
}

export const isSound = (figures: CrashFigures): boolean =>
  figures.lost.length === 0 &&
  figures.skipped.length === 0 &&
  figures.duplicates <= figures.allowed &&
  figures.different === 0 &&
  figures.applied_twice === 0;

export interface CrashRun {
  runs: number;
  seed: number;
  people: number;
  /** The longest that a life may last, in milliseconds: shorter ones make more kills in the same time. */
  longestLifeMs?: number;
  say: (text: string) => void;
}

export async function crashRun({
  runs,
  seed,
  people,
  longestLifeMs = LONGEST_LIFE_MS,
  say,
}: CrashRun): Promise<CrashFigures> {
  const began = Date.now();
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-crash-'));
  const epoch = Date.now();
  const world = await spawnWorld({
    seed,
    speed: SPEED,
    epoch,
    lenient: true,
    feedbackTo: `abuse@${DOMAIN}`,
    reactAfterMs: [1000, 60_000],
    keepBytes: 8 * 1024 * 1024,
  });
  const victim = new Victim(world, dataDir, epoch, seed, people);
  try {
    await victim.begin();
    for (let kill = 1; kill <= runs; kill++) {
      await victim.liveAndDie(longestLifeMs);
      if (kill % 10 === 0 || kill === runs) say(`${kill} kills; ${victim.progress()}`);
    }
    return await victim.reckon(Date.now() - began, runs);
  } finally {
    await victim.end();
    await world.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

interface Sent {
  id: number;
  subject: string;
  people: string[];
}

class Victim {
  readonly #world: World;
  readonly #dataDir: string;
  readonly #epoch: number;
  readonly #random: () => number;
  readonly #people: number;
  #parley: RunningParley | undefined;
  #client: ApiClient | undefined;
  #house: House | undefined;
  #httpPort = 0;
  #inboundPort = 0;
  #serial = 0;
  /** What was answered with 2xx before the kill: a promise. */
  readonly #promises = {
    imports: new Map<number, string[]>(),
    campaigns: [] as Sent[],
    inbound: new Set<string>(),
  };
  readonly #during: CrashFigures['during'] = { import: 0, 'fan-out': 0, sending: 0, receiving: 0 };
  /** Claimed when a kill came, with no result on disk: at which lab time, to whom, which message. */
  readonly #claimed: { born: number; at: number; address: string; subject: string }[] = [];
  /** Lab time at which this life began. */
  #born = 0;

  constructor(world: World, dataDir: string, epoch: number, seed: number, people: number) {
    this.#world = world;
    this.#dataDir = dataDir;
    this.#epoch = epoch;
    this.#random = stream(seed);
    this.#people = people;
  }

  progress(): string {
    return `${this.#promises.imports.size} imports, ${this.#promises.campaigns.length} campaigns, ${this.#promises.inbound.size} messages promised`;
  }

  async begin(): Promise<void> {
    this.#httpPort = await freePort();
    this.#inboundPort = await freePort();
    await this.#start();
    const client = await signIn(this.#parley as RunningParley);
    this.#client = client;
    this.#house = await setUp(client, this.#world);
    // A proper end writes down what Node compiled, and every later start takes half the time.
    await this.#parley?.stop();
    this.#parley = undefined;
  }

  #now = (): number => this.#epoch + (Date.now() - this.#epoch) * SPEED;

  async #start(): Promise<void> {
    this.#born = this.#now();
    this.#parley = await startParley({
      dataDir: this.#dataDir,
      environment: { NODE_COMPILE_CACHE: join(this.#dataDir, 'compiled') },
      settings: {
        HTTP_PORT: this.#httpPort,
        INBOUND_PORT: this.#inboundPort,
        LOG_LEVEL: 'error',
        CLOCK_SPEED: SPEED,
        CLOCK_EPOCH: this.#epoch,
        DNS_SERVERS: `127.0.0.1:${this.#world.dnsPort}`,
        MTA_REMOTE_PORT: this.#world.smtpPort,
        MTA_ALLOW_PRIVATE_TARGETS: 'true',
        MTA_HOSTNAME: `mail.${DOMAIN}`,
        // The lab's people complain as if the list had been bought: so much that a campaign would stop at providers.
        SAFETY_COMPLAINT_PERCENT: 5,
        INBOUND_HOST: '127.0.0.1',
        INBOUND_HOSTNAME: `mail.${DOMAIN}`,
        INBOUND_MAX_CONNECTIONS_PER_ADDRESS: 200,
      },
    });
    await this.#world.reach({ inboundPort: this.#inboundPort, web: { http: this.#httpPort } });
  }

  /** One life: work of every kind begins, and a kill comes when it pleases. */
  async liveAndDie(longestMs: number): Promise<void> {
    if (this.#parley === undefined) await this.#start();
    const work = this.#work().catch(() => undefined);
    await pause(SHORTEST_LIFE_MS + this.#random() * (longestMs - SHORTEST_LIFE_MS));
    await this.#parley?.kill();
    this.#parley = undefined;
    await work;
    this.#lookAtTheBody();
  }

  /** What a team and the world do at once; a call that was not answered is no promise. */
  async #work(): Promise<void> {
    const serial = ++this.#serial;
    await Promise.allSettled([
      this.#import(serial),
      this.#send(),
      this.#writeIn(serial, 0),
      this.#writeIn(serial, 1),
    ]);
  }

  async #import(serial: number): Promise<void> {
    const client = this.#client as ApiClient;
    const people = Array.from(
      { length: this.#people },
      (_, at) => `p${serial}-${at}@${pick(DOMAINS, this.#random())}`,
    );
    const path = join(this.#dataDir, `people-${serial}.csv`);
    const rows = people.map((address, at) => `${address},Personne ${at},Lyon,${at % 7}`);
    writeFileSync(path, `email,first_name,city,orders\n${rows.join('\n')}\n`);
    const list = await client.post<Answer<'createList'>>('/api/lists', {
      name: `vague ${serial}`,
      brand_id: this.#house?.brandId,
    });
    this.#promises.imports.set(await startImport(client, path, list.id), people);
  }

  /** A campaign goes to everyone of an earlier wave whose import is over, so that its audience is known. */
  async #send(): Promise<void> {
    const client = this.#client as ApiClient;
    for (const [id, people] of this.#promises.imports) {
      if (this.#sentTo.has(id)) continue;
      const job = await client.get<Answer<'import'>>(`/api/imports/${id}`);
      if (job.state !== 'done' || job.list_id === null) continue;
      this.#sentTo.add(id);
      const subject = `Vague ${id}`;
      const campaignId = await writeCampaign(client, this.#house as House, job.list_id, {
        name: subject,
        subject,
        html: HTML,
        text: TEXT,
      });
      await client.post(`/api/campaigns/${campaignId}/send`);
      this.#promises.campaigns.push({ id: campaignId, subject, people });
    }
  }

  readonly #sentTo = new Set<number>();

  /** A stranger writes to the shared mailbox; a 250 is a promise. */
  async #writeIn(serial: number, at: number): Promise<void> {
    for (let turn = 0; turn < 6; turn++) {
      const id = `crash-${serial}-${at}-${turn}@free.fr`;
      const raw = Buffer.from(
        [
          `From: Personne ${serial} <lecteur${serial}-${at}-${turn}@free.fr>`,
          `To: bonjour@${DOMAIN}`,
          `Message-ID: <${id}>`,
          `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
          `Subject: Question ${serial}.${at}.${turn}`,
          '',
          'Bonjour, avez-vous la robe en 40 ?',
          '',
        ].join('\r\n'),
      );
      const answer = await sendOnce(this.#inboundPort, {
        from: `lecteur${serial}-${at}-${turn}@free.fr`,
        to: `bonjour@${DOMAIN}`,
        raw,
      });
      if (answer === 'accepted') this.#promises.inbound.add(id);
      else return;
    }
  }

  /** What was on disk when the kill came: which work it hit, and which deliveries the world has that we do not know of. */
  #lookAtTheBody(): void {
    const database = new DatabaseSync(join(this.#dataDir, 'parley.db'));
    try {
      const count = (sql: string) => Number((database.prepare(sql).get() as { n: number }).n);
      const claimed = database
        .prepare(
          `select delivery.address, campaign.subject from delivery join campaign on campaign.id = delivery.origin_id
           where delivery.state = 'active' and delivery.origin_kind = 'campaign'`,
        )
        .all() as { address: string; subject: string }[];
      const at = this.#now();
      this.#claimed.push(
        ...claimed.map(({ address, subject }) => ({ born: this.#born, at, address, subject })),
      );
      const active = claimed.length;
      if (active > 0) this.#during.sending++;
      if (count(`select count(*) as n from import where state = 'running'`) > 0) this.#during.import++;
      if (count(`select count(*) as n from campaign where state = 'queueing'`) > 0) this.#during['fan-out']++;
      if (count(`select count(*) as n from inbound where state = 'received'`) > 0) this.#during.receiving++;
    } finally {
      database.close();
    }
  }

  /** Lets everything come to its end, and compares. */
  async reckon(killingMs: number, kills: number): Promise<CrashFigures> {
    await this.#start();
    const client = this.#client as ApiClient;
    await until(
      'imports to end',
      async () =>
        (await client.get<Answer<'imports'>>('/api/imports')).rows.every((job) => job.state !== 'running')
          ? true
          : undefined,
      300_000,
    );
    await until(
      'campaigns to end',
      async () => {
        const page = await client.get<Answer<'campaigns'>>('/api/campaigns?limit=200');
        return page.rows.every((one) => one.state === 'sent' || one.state === 'draft') ? true : undefined;
      },
      600_000,
    );
    await this.#world.settled();
    await until(
      'incoming mail to be read',
      async () => (this.#waitingInbound() === 0 ? true : undefined),
      300_000,
    );

    const lost: string[] = [];
    const skipped: string[] = [];
    const ledger = new Map((await this.#world.ledger()).map((entry) => [entry.address, entry]));
    let recipients = 0;
    let delivered = 0;
    for (const campaign of this.#promises.campaigns) {
      const rows = new Map((await ledgerOf(client, campaign.id)).map((row) => [row.address, row]));
      for (const address of campaign.people) {
        recipients++;
        const row = rows.get(address);
        const line = row === undefined ? null : ourLine(row);
        const took =
          ledger.get(address)?.accepted.some((receipt) => receipt.subject === campaign.subject) ?? false;
        if (took) delivered++;
        const says = line === 'delivered' || line === 'delivered, then bounced';
        // Taken by the world, the answer lost with the process, and then nobody might mail this person any more.
        const isInDoubt =
          took && this.#claimed.some((one) => one.address === address && one.subject === campaign.subject);
        if (line === null || (says !== took && !isInDoubt))
          skipped.push(
            `${address}: Parley says ${line ?? row?.state ?? 'nothing'}, the world ${took ? 'has it' : 'has not'}`,
          );
      }
    }
    await this.#lostImports(client, lost);
    const known = this.#knownInbound();
    for (const id of this.#promises.inbound) if (!known.has(id)) lost.push(`message ${id}`);
    const duplicates = await this.#world.duplicates();
    return {
      kills,
      during: this.#during,
      promised: {
        imports: this.#promises.imports.size,
        campaigns: this.#promises.campaigns.length,
        inbound: this.#promises.inbound.size,
      },
      recipients,
      delivered,
      lost,
      skipped,
      duplicates: duplicates.reduce((sum, one) => sum + one.times - 1, 0),
      ...this.#inDoubt(ledger),
      different: duplicates.filter((one) => !one.identical).length,
      applied_twice: this.#appliedTwice(),
      seconds: Math.round(killingMs / 1000),
    };
  }

  /** Of what was claimed at a kill, what the world had taken by then: only that may come twice (D3 of the promises). */
  #inDoubt(ledger: ReadonlyMap<string, LedgerEntry>): Pick<CrashFigures, 'allowed' | 'oldest_in_doubt_ms'> {
    const ages = this.#claimed.flatMap(({ born, at, address, subject }) => {
      // What an earlier life left in doubt was counted when that life ended.
      const taken = (ledger.get(address)?.accepted ?? []).filter(
        (receipt) =>
          receipt.subject === subject && receipt.at >= born && receipt.at <= at + ON_THE_LINE_MS * SPEED,
      );
      return taken.map((receipt) => Math.max(0, at - receipt.at));
    });
    return { allowed: ages.length, oldest_in_doubt_ms: Math.round(Math.max(0, ...ages) / SPEED) };
  }

  async #lostImports(client: ApiClient, lost: string[]): Promise<void> {
    for (const [id, people] of this.#promises.imports) {
      const job = await client.get<Answer<'import'>>(`/api/imports/${id}`);
      const rows = this.#query<{ email: string }>(
        `select contact.email from list_member join contact on contact.id = list_member.contact_id where list_id = ${job.list_id ?? 0}`,
      );
      const there = new Set(rows.map((row) => row.email));
      if (job.state !== 'done') lost.push(`import ${id} is ${job.state}`);
      for (const address of people) if (!there.has(address)) lost.push(`contact ${address} of import ${id}`);
    }
  }

  #query<T>(sql: string): T[] {
    const database = new DatabaseSync(join(this.#dataDir, 'parley.db'), { readOnly: true });
    try {
      return database.prepare(sql).all() as T[];
    } finally {
      database.close();
    }
  }

  #waitingInbound = (): number =>
    this.#query<{ n: number }>(`select count(*) as n from inbound where state = 'received'`)[0]?.n ?? 0;

  #knownInbound(): Set<string> {
    return new Set(
      this.#query<{ id: string }>(
        `select message_id as id from message where direction = 'in' and message_id is not null`,
      ).map((row) => row.id),
    );
  }

  /** A peer that got no answer sends again, so the same mail may be accepted twice; one accepted mail is applied once. */
  #appliedTwice(): number {
    return this.#query(
      `select inbound_id from message where inbound_id is not null group by inbound_id having count(*) > 1`,
    ).length;
  }

  async end(): Promise<void> {
    await this.#parley?.kill();
  }
}

const DOMAINS = ['gmail.com', 'orange.fr', 'free.fr', 'yahoo.fr', 'gmx.fr', 'petite-boite.example'] as const;

function textOf(figures: CrashFigures): string {
  const { during, promised } = figures;
  return [
    `${figures.kills} kills in ${figures.seconds} s: ${during.import} during an import, ${during['fan-out']} during a fan-out, ${during.sending} while sending, ${during.receiving} with mail unread`,
    `promised: ${promised.imports} imports, ${promised.campaigns} campaigns to ${figures.recipients} people, ${promised.inbound} received messages`,
    `lost ${figures.lost.length}, skipped ${figures.skipped.length}, applied twice ${figures.applied_twice}`,
    `duplicates ${figures.duplicates} of ${figures.allowed} allowed (taken by the world, no result on disk at the kill; the oldest ${figures.oldest_in_doubt_ms} ms before), ${figures.different} not the same bytes`,
    ...[...figures.lost, ...figures.skipped].slice(0, 20).map((one) => `  ${one}`),
  ].join('\n');
}
