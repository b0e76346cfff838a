/**
 * `parley crash --inbound`: kills Parley again and again while mail comes in on many connections, some killed while it is
 * received, some while it is read, some while it is applied; and at the end asks whether everything that was answered 250
 * is there with all its effects, and nothing has any effect twice.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DOMAIN, pause, setUp, signIn, until } from './office.ts';
import { freePort, startParley } from './parley.ts';
import { stream } from './random.ts';
import { replyText } from './reply-letter.ts';
import { handIn, onTheWire, type Parcel } from './reply-load.ts';
import { spawnWorld } from './spawn.ts';

export interface InboundCrashFigures {
  kills: number;
  /** Kills at which mail lay received and not applied, and the most that lay there. */
  with_mail_unread: number;
  most_unread: number;
  /** Answered 250. */
  promised: number;
  /** Promised, and not in the inbox. Must be empty. */
  lost: string[];
  /** What was done more than once, in words. Must be empty. */
  twice: string[];
  seconds: number;
}

export interface InboundCrashRun {
  runs: number;
  seed: number;
  /** The longest that a life may last once it is up, in milliseconds. */
  longestLifeMs?: number;
  say: (text: string) => void;
}

const CONNECTIONS = 12;
const SHORTEST_LIFE_MS = 20;
const LONGEST_LIFE_MS = 1500;
const A_LIFE = 2000;
const READERS = 60;

export async function crashInbound(options: { runs: string; seed: string; json?: boolean }): Promise<number> {
  const say = (text: string) => console.log(text);
  const figures = await crashInboundRun({ runs: Number(options.runs), seed: Number(options.seed), say });
  say(
    `${figures.kills} kills in ${figures.seconds} s, ${figures.with_mail_unread} with mail unread (at most ${figures.most_unread}); ${figures.promised} messages were promised, ${figures.lost.length} lost, ${figures.twice.length} effects came twice`,
  );
  for (const line of [...figures.lost, ...figures.twice].slice(0, 20)) say(`  ${line}`);
  if (options.json === true) say(JSON.stringify(figures));
  return figures.lost.length === 0 && figures.twice.length === 0 ? 0 : 1;
}

export async function crashInboundRun({
  runs,
  seed,
  longestLifeMs = LONGEST_LIFE_MS,
  say,
}: InboundCrashRun): Promise<InboundCrashFigures> {
  const began = Date.now();
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-crash-inbound-'));
  const world = await spawnWorld({ seed });
  const settings = {
    LOG_LEVEL: 'error',
    DNS_SERVERS: `127.0.0.1:${world.dnsPort}`,
    MTA_REMOTE_PORT: world.smtpPort,
    MTA_ALLOW_PRIVATE_TARGETS: 'true',
    MTA_HOSTNAME: `mail.${DOMAIN}`,
    INBOUND_HOST: '127.0.0.1',
    INBOUND_HOSTNAME: `mail.${DOMAIN}`,
    INBOUND_MAX_CONNECTIONS_PER_ADDRESS: 200,
    HTTP_PORT: await freePort(),
    INBOUND_PORT: await freePort(),
  };
  // A proper end writes down what Node compiled, and every later start takes half the time.
  const environment = { NODE_COMPILE_CACHE: join(dataDir, 'compiled') };
  const random = stream(seed);
  const promised = new Set<string>();
  const store = new Body(join(dataDir, 'parley.db'));
  let parley = await startParley({ dataDir, environment, settings });
  let unread = 0;
  let most = 0;
  try {
    await setUp(await signIn(parley), world);
    await parley.stop();
    for (let kill = 1; kill <= runs; kill++) {
      parley = await startParley({ dataDir, environment, settings });
      const mail = letters(kill);
      const handed = handIn(parley.inboundPort, mail, CONNECTIONS, (parcel) =>
        promised.add(parcel.id ?? ''),
      ).catch(() => undefined);
      // Early in a life the queue of the last one is read, later its own.
      await pause(SHORTEST_LIFE_MS + random() ** 2 * (longestLifeMs - SHORTEST_LIFE_MS));
      await parley.kill();
      await handed;
      const left = store.number(`select count(*) as n from inbound where state = 'received'`);
      if (left > 0) unread++;
      most = Math.max(most, left);
      if (kill % 10 === 0 || kill === runs)
        say(`${kill} kills; ${promised.size} messages promised, ${left} unread now`);
    }
    parley = await startParley({ dataDir, environment, settings });
    await until(
      'incoming mail to be read',
      () =>
        Promise.resolve(
          store.number(`select count(*) as n from inbound where state = 'received'`) === 0 ? true : undefined,
        ),
      600_000,
    );
    const known = new Set(
      store.texts(`select message_id as text from message where direction = 'in' and message_id is not null`),
    );
    return {
      kills: runs,
      with_mail_unread: unread,
      most_unread: most,
      promised: promised.size,
      lost: [...promised].filter((id) => !known.has(id)),
      twice: Object.entries(TWICE).flatMap(([what, sql]) =>
        store.texts(sql).map((text) => `${what}: ${text}`),
      ),
      seconds: Math.round((Date.now() - began) / 1000),
    };
  } finally {
    await parley.kill();
    await world.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Each finds what cannot be when every received message had its effects once. */
const TWICE = {
  'two turns of one received message': `select inbound_id as text from message
    where inbound_id is not null group by inbound_id having count(*) > 1`,
  'two events of one received message': `select inbound_id || ' ' || kind as text from event
    where inbound_id is not null group by inbound_id, kind having count(*) > 1`,
  'a conversation that counts other turns than it has': `select conversation.id as text from conversation
    where message_count <> (select count(*) from message where conversation_id = conversation.id)`,
  'the same bytes shown twice': `select min(message.message_id) as text from message
    join inbound on inbound.id = message.inbound_id group by inbound.raw_hash having count(*) > 1`,
  'applied without its turn': `select inbound.id as text from inbound where state = 'applied' and detail_kind <> 'duplicate'
    and not exists (select 1 from message where message.inbound_id = inbound.id)`,
  'given up': `select id || ': ' || error as text from inbound where state = 'failed'`,
};

function letters(life: number): Parcel[] {
  return Array.from({ length: A_LIFE }, (_, at) => {
    const from = `lecteur${at % READERS}@inconnu.test`;
    const to = `bonjour@${DOMAIN}`;
    const serial = `c${life}-${at}`;
    // The reader's own last one: threads grow while the server dies.
    const inReplyTo = `c${life}-${at - READERS}@mail.gmail.com`;
    const raw = replyText({ from, to, serial, inReplyTo, at: Date.now(), lines: 6 });
    return { id: `${serial}@mail.gmail.com`, from, to, wire: onTheWire(raw) };
  });
}

/** The file of a server that may be dead. */
class Body {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  number = (sql: string): number => this.#rows<{ n: number }>(sql)[0]?.n ?? 0;
  texts = (sql: string): string[] => this.#rows<{ text: string }>(sql).map((row) => String(row.text));

  #rows<T>(sql: string): T[] {
    // Not read only: after a kill the log has to be recovered.
    const database = new DatabaseSync(this.#path, { timeout: 5000 });
    try {
      return database.prepare(sql).all() as T[];
    } finally {
      database.close();
    }
  }
}
