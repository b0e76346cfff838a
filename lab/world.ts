/**
 * The internet in a box: a name server, the mailbox providers and their people, on loopback. It knows Parley only as
 * a stranger would, by SMTP, DNS and HTTP, and keeps a ledger of what it received and what its people did, for tests
 * and the demo to compare with Parley's own.
 */
import { createHash } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { systemClock, type Clock } from '../core/clock.ts';
import { Conduct } from './conduct.ts';
import { startDns } from './dns.ts';
import { DEFAULT_SHARES, type Fate, type Shares } from './fate.ts';
import { Faults, type Fault } from './fault.ts';
import { addressIn, decodeWords, field, readHead } from './headers.ts';
import { closeServer, listenEverywhere } from './listen.ts';
import { Mailboxes, type Duplicate, type LedgerEntry, type Receipt } from './mailbox.ts';
import { People, type Act } from './people.ts';
import { Post, type Mail, type Sent } from './post.ts';
import { serveProvider, type Envelope, type ProviderDeps } from './provider.ts';
import type { Reply } from './provider-replies.ts';
import { PROVIDERS, SMALL, providerOf, type Provider } from './providers.ts';
import { roll } from './random.ts';
import { Replay, type Replayed } from './replay.ts';
import { verify } from './verify.ts';
import type { WebOptions } from './web-visit.ts';
import { Zone, type DnsFault, type LabRecord } from './zone.ts';

export interface WorldOptions {
  seed?: number;
  /** Seconds of lab time per real second, and the real time at which both agreed; the same as Parley's. */
  speed?: number;
  epoch?: number;
  /** Records that Parley's own domains publish. */
  records?: readonly LabRecord[];
  /** Where Parley's inbound listens, on the address that its MX names. */
  inboundPort?: number;
  web?: WebOptions;
  /** Where spam reports go (`fbl@…`); to the return path when absent. */
  feedbackTo?: string;
  /** Ports to use instead of free ones. */
  dnsPort?: number;
  smtpPort?: number;
  /** Shares of the audience with each fate, over the defaults. */
  shares?: Partial<Shares>;
  /** Addresses with a given fate. */
  cast?: Readonly<Record<string, Fate>>;
  /** No greylisting, no connection and rate limits. */
  lenient?: boolean;
  /** Lab time from a message to what is done about it: soonest and latest. */
  reactAfterMs?: readonly [number, number];
  fullForMs?: number;
  /** Answers of a real installation's providers, said again. */
  replay?: Replayed;
  /** Share of messages whose DKIM and SPF are verified whole. */
  verifyShare?: number;
  /** Bytes of messages kept to be read again; hashes are kept always. */
  keepBytes?: number;
}

/** By what the world did to Parley, sorted addresses. What Parley should know at the end. */
export interface Expected {
  /** Refused for good in the session: unknown users, and mailboxes full for good. */
  refused: string[];
  unknownUser: string[];
  /** Taken and then returned, and the return was taken by Parley. */
  bouncedLater: string[];
  complained: string[];
  unsubscribedOneClick: string[];
  unsubscribedByMail: string[];
  unsubscribedInWords: string[];
  replied: string[];
  autoReplied: string[];
  left: string[];
  /** Claimed by an attacker to have bounced: must change nothing. */
  forged: string[];
  /** What Parley would not take, or not in time. Empty but for forged ones in a good run. */
  undone: Act[];
}

export interface Status {
  received: number;
  addresses: number;
  /** People who will still do something about what they got. */
  pending: number;
  acts: number;
}

/** Everything is asynchronous, so that a world in another process looks the same. */
export interface World {
  readonly dnsPort: number;
  /** Parley's `mta.remote_port`. */
  readonly smtpPort: number;
  readonly speed: number;
  readonly epoch: number;
  publish(records: readonly LabRecord[]): Promise<void>;
  unpublish(name: string, type?: LabRecord['type']): Promise<void>;
  /** Makes a name, and all below it, fail; null heals it. */
  dnsFault(name: string, fault: DnsFault | null): Promise<void>;
  /** Makes a provider's servers break at given steps; an empty list heals them. */
  misbehave(provider: string, faults: readonly Fault[]): Promise<void>;
  /** Where Parley listens, when that became known only after the start. */
  reach(ports: { inboundPort?: number; web?: WebOptions }): Promise<void>;
  ledger(): Promise<LedgerEntry[]>;
  duplicates(): Promise<Duplicate[]>;
  /** One mailbox, with the messages themselves as far as they were kept. */
  mailbox(address: string): Promise<LedgerEntry>;
  acts(): Promise<Act[]>;
  expected(): Promise<Expected>;
  status(): Promise<Status>;
  /** Resolves when nobody has anything left to do about what has arrived so far. */
  settled(): Promise<void>;
  /** A hand-made mail from somebody in the world to Parley; `from` is a provider's name. */
  send(mail: Omit<Mail, 'from'> & { provider: string }): Promise<Sent>;
  stop(): Promise<void>;
}

const MINUTE = 60_000;

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const { seed = 1, speed = 1, epoch = Date.now(), keepBytes = 64 * 1024 * 1024 } = options;
  const clock = systemClock({ speed, epoch });
  const zone = new Zone();
  zone.publish(options.records ?? []);
  const fates = { seed, shares: { ...DEFAULT_SHARES, ...options.shares }, cast: lowered(options.cast ?? {}) };
  const mailboxes = new Mailboxes(keepBytes);
  const faults = new Faults(() => clock.now());
  const post = new Post({
    zone,
    clock,
    port: options.inboundPort ?? 25,
    attempts: 60,
    retryMs: 2 * MINUTE,
    connectionsPerHost: 3,
  });
  const people = new People(
    {
      ...fates,
      feedbackTo: options.feedbackTo,
      web: options.web ?? {},
      reactAfterMs: options.reactAfterMs ?? [MINUTE, 20 * MINUTE],
    },
    { clock, zone, post },
  );
  const conduct = new Conduct(clock, {
    ...fates,
    lenient: options.lenient ?? false,
    fullForMs: options.fullForMs ?? 20 * MINUTE,
  });
  const take = taker({ clock, zone, mailboxes, people, seed, share: options.verifyShare ?? 0.05 });
  const dns = await startDns(zone, options.dnsPort);
  const smtp = await openProviders(
    {
      clock,
      conduct,
      replay: options.replay && new Replay(seed, options.replay),
      faults,
      isServed,
      take,
      noted: (one) => mailboxes.answer(one),
      at,
    },
    options.smtpPort,
  );

  return {
    dnsPort: dns.port,
    smtpPort: smtp.port,
    speed,
    epoch,
    async publish(records) {
      zone.publish(records);
    },
    async unpublish(name, type) {
      zone.unpublish(name, type);
    },
    async dnsFault(name, fault) {
      zone.fail(name, fault);
    },
    async misbehave(provider, list) {
      faults.set(provider, list);
    },
    async reach({ inboundPort, web }) {
      if (inboundPort !== undefined) post.port = inboundPort;
      if (web !== undefined) people.web = web;
    },
    ledger: async () => mailboxes.ledger(),
    duplicates: async () => mailboxes.duplicates(),
    mailbox: async (address) => mailboxes.of(address),
    acts: async () => [...people.acts],
    expected: async () => expected(mailboxes.ledger(), people.acts),
    status: async () => ({
      received: mailboxes.received,
      addresses: mailboxes.addresses,
      pending: people.pending,
      acts: people.acts.length,
    }),
    settled: () => people.settled(),
    send: ({ provider, ...mail }) => {
      const from = (PROVIDERS.find((one) => one.name === provider) ?? SMALL).out;
      // Bytes that came from another process are no longer a Buffer.
      return post.send({ ...mail, raw: Buffer.from(mail.raw), from });
    },
    async stop() {
      people.stop();
      post.stop();
      await Promise.all([dns.stop(), smtp.stop()]);
    },
  };
}

/** What happens to a whole message: verified, refused or put into each recipient's mailbox, and reacted to. */
function taker(world: {
  clock: Clock;
  zone: Zone;
  mailboxes: Mailboxes;
  people: People;
  seed: number;
  share: number;
}): ProviderDeps['take'] {
  const { clock, zone, mailboxes, people, seed, share } = world;
  return async (envelope, raw): Promise<Reply | null> => {
    const head = readHead(raw);
    const messageId = field(head, 'message-id') ?? '';
    const letter = {
      raw,
      head,
      returnPath: envelope.returnPath,
      clientIp: envelope.clientIp,
      ehlo: envelope.ehlo,
    };
    const verdict = await verify(
      letter,
      zone,
      // What a person wrote is always verified whole; of bulk mail a share.
      field(head, 'list-unsubscribe') === undefined ||
        roll(seed, 'verify', messageId, envelope.recipients[0] ?? '') < share,
    );
    const isRefused = verdict.dkim === 'fail' || verdict.dkim === 'none';
    if (envelope.provider.wantsDkim && envelope.returnPath !== '' && isRefused) return 'unauthenticated';
    const common = {
      ...about(envelope),
      at: clock.now(),
      messageId,
      from: decodeWords(field(head, 'from') ?? ''),
      replyTo: addressIn(field(head, 'reply-to')),
      subject: decodeWords(field(head, 'subject') ?? ''),
      inReplyTo: field(head, 'in-reply-to') ?? '',
      references: field(head, 'references') ?? '',
      isBulk: field(head, 'list-unsubscribe') !== undefined,
      size: raw.length,
      verdict,
      hash: sha256(raw),
      bodyHash: sha256(raw.subarray(head.bodyAt)),
    };
    // A copy of its own, or one mailbox would keep the whole network buffer alive.
    const kept = Buffer.from(raw);
    for (const address of envelope.recipients) {
      const receipt: Receipt = { ...common, address, raw: kept };
      mailboxes.accept(receipt);
      people.got(receipt, kept);
    }
    return null;
  };
}

function about({ provider, tls, clientIp, ehlo, returnPath }: Envelope) {
  return { provider: provider.name, tls, clientIp, ehlo, returnPath };
}

async function openProviders(
  deps: ProviderDeps,
  port?: number,
): Promise<{ port: number; stop(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const make = (address: string): Server =>
    createServer((socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      serveProvider(socket, address, deps);
    });
  const addresses = [...PROVIDERS, SMALL].flatMap((one) => one.mx.map((host) => host.address));
  const { port: chosen, servers } = await listenEverywhere(addresses, make, port);
  return {
    port: chosen,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map(closeServer));
    },
  };
}

const owners = new Map<string, Provider>(
  [...PROVIDERS, SMALL].flatMap((one) => one.mx.map((host) => [host.address, one] as const)),
);
const at = (address: string): Provider => owners.get(address) ?? SMALL;
const isServed = (domain: string, provider: Provider): boolean => providerOf(domain) === provider;

function expected(ledger: readonly LedgerEntry[], acts: readonly Act[]): Expected {
  const refused = ledger.filter((one) => one.refused.length > 0 && one.accepted.length === 0);
  const did = (kind: Act['kind']): string[] =>
    sorted(acts.filter((one) => one.kind === kind && one.outcome === 'done').map((one) => one.address));
  return {
    refused: sorted(refused.map((one) => one.address)),
    unknownUser: sorted(refused.filter((one) => isUnknown(one)).map((one) => one.address)),
    bouncedLater: did('bounces-later'),
    complained: did('complains'),
    unsubscribedOneClick: did('one-click'),
    unsubscribedByMail: did('mailto'),
    unsubscribedInWords: did('in-words'),
    replied: did('replies'),
    autoReplied: did('away'),
    left: did('left'),
    forged: sorted(acts.filter((one) => one.kind === 'forged').map((one) => one.address)),
    undone: acts.filter((one) => one.kind !== 'forged' && one.outcome !== null && one.outcome !== 'done'),
  };
}

const isUnknown = (entry: LedgerEntry): boolean => entry.refused.some((one) => one.reply === 'unknown-user');
const lowered = (cast: Readonly<Record<string, Fate>>): Record<string, Fate> =>
  Object.fromEntries(Object.entries(cast).map(([address, fate]) => [address.toLowerCase(), fate]));
const sorted = (addresses: readonly string[]): string[] => [...new Set(addresses)].sort();
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
