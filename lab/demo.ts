/**
 * The product in a world: import, segment, send, receive, answer, send again, and compare the two ledgers. It reads like
 * the day of a team; every step goes through Parley's ports, and the world knows Parley as a stranger would.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { styleText } from 'node:util';
import type { Answer } from '../web/contract.ts';
import { isLyonWomanRecent, writeContactsCsv, type Planted } from './audience.ts';
import { HTML, SECOND_SUBJECT, SUBJECT, TEXT } from './demo-campaign.ts';
import { compare, ledgerText, type Comparison, type WorldFacts } from './demo-ledger.ts';
import {
  DOMAIN,
  OWNER,
  importFile,
  isAllRead,
  ledgerOf,
  membersOf,
  pause,
  setUp,
  signIn,
  suppressionsOf,
  until,
  writeCampaign,
  type House,
} from './office.ts';
import { startParley, type ApiClient, type LogLine, type RunningParley } from './parley.ts';
import { spawnWorld } from './spawn.ts';
import type { Expected, World } from './world.ts';

export interface DemoOptions {
  once?: boolean;
  contacts: string;
  speed: string;
  seed: string;
  json?: boolean;
}

interface Check {
  says: string;
  ok: boolean;
  detail: string;
}

const LIMIT_MS = 8 * 60_000;

/** Does the job; 0 when both ledgers agree and every check holds, 1 otherwise. */
export async function demo(options: DemoOptions): Promise<number> {
  const count = positive(options.contacts, 'contacts');
  const speed = positive(options.speed, 'speed');
  const seed = positive(options.seed, 'seed');
  const epoch = Date.now();
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-demo-'));
  const troubles: LogLine[] = [];
  let parley: RunningParley | undefined;
  let world: World | undefined;
  const clear = async () => {
    await parley?.stop().catch(() => null);
    await world?.stop().catch(() => undefined);
    rmSync(dataDir, { recursive: true, force: true });
  };
  const interrupted = () => void clear().then(() => process.exit(130));
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    title('A small internet and Parley start on this machine');
    world = await spawnWorld({
      seed,
      speed,
      epoch,
      feedbackTo: `abuse@${DOMAIN}`,
      reactAfterMs: [60_000, 10 * 60_000],
    });
    parley = await startParley({
      dataDir,
      settings: {
        LOG_LEVEL: 'warn',
        CLOCK_SPEED: speed,
        CLOCK_EPOCH: epoch,
        DNS_SERVERS: `127.0.0.1:${world.dnsPort}`,
        MTA_REMOTE_PORT: world.smtpPort,
        MTA_ALLOW_PRIVATE_TARGETS: 'true',
        MTA_HOSTNAME: `mail.${DOMAIN}`,
        // The lab's people complain as if the list had been bought: so much that a campaign would stop at providers.
        SAFETY_COMPLAINT_PERCENT: 5,
        INBOUND_HOST: '127.0.0.1',
        INBOUND_HOSTNAME: `mail.${DOMAIN}`,
        INBOUND_MAX_CONNECTIONS_PER_ADDRESS: 200,
      },
      onLog: (line) => troubles.push(line),
    });
    await world.reach({ inboundPort: parley.inboundPort, web: { http: parley.httpPort } });
    const day = new Day(parley, world, { count, seed, speed, epoch });
    const outcome = await day.live();
    report(outcome, troubles, options.json === true);
    if (options.once === true) return outcome.ok ? 0 : 1;
    await staysUp(parley);
    return outcome.ok ? 0 : 1;
  } finally {
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
    await clear();
  }
}

interface Outcome {
  ok: boolean;
  first: Comparison;
  second: Comparison;
  checks: Check[];
  sendingS: number;
  answeringS: number;
}

class Day {
  readonly #parley: RunningParley;
  readonly #world: World;
  readonly #options: { count: number; seed: number; speed: number; epoch: number };
  readonly #checks: Check[] = [];

  constructor(
    parley: RunningParley,
    world: World,
    options: { count: number; seed: number; speed: number; epoch: number },
  ) {
    this.#parley = parley;
    this.#world = world;
    this.#options = options;
  }

  async live(): Promise<Outcome> {
    const client = await signIn(this.#parley);
    const house = await this.#setUp(client);
    const { planted, listId } = await this.#import(client);
    this.#unmailable = [...planted.unmailable.nullMx, ...planted.unmailable.noSuchDomain];
    await this.#segment(client, planted);
    const began = Date.now();
    const firstId = await this.#send(client, house, listId, 'Sélection d’été', SUBJECT);
    const sendingS = (Date.now() - began) / 1000;
    await this.#settle(client);
    const answeringS = (Date.now() - began) / 1000 - sendingS;
    const first = await this.#compareFirst(client, firstId, planted);
    await this.#answer(client);
    await this.#repliers(client);
    await this.#suppressed(client);
    const second = await this.#sendAgain(client, house, listId, planted);
    const ok =
      first.differences.length === 0 &&
      second.differences.length === 0 &&
      this.#checks.every((check) => check.ok);
    return { ok, first, second, checks: this.#checks, sendingS, answeringS };
  }

  #check(says: string, ok: boolean, detail = ''): void {
    this.#checks.push({ says, ok, detail });
    line(
      `${ok ? styleText('green', '✓') : styleText('red', '✗')} ${says}${detail === '' ? '' : styleText('dim', `  ${detail}`)}`,
    );
  }

  /** The world's time, which is Parley's too. */
  #now(): number {
    const { speed, epoch } = this.#options;
    return epoch + (Date.now() - epoch) * speed;
  }

  async #setUp(client: ApiClient): Promise<House> {
    const house = await setUp(client, this.#world);
    this.#check(`${DOMAIN}: keys made, DNS records published and found right`, true);
    return house;
  }

  async #import(client: ApiClient): Promise<{ planted: Planted; listId: number }> {
    title(`Import of ${this.#options.count} contacts`);
    const directory = mkdtempSync(join(tmpdir(), 'parley-csv-'));
    try {
      const path = join(directory, 'clients.csv');
      const planted = await writeContactsCsv(path, {
        count: this.#options.count,
        seed: this.#options.seed,
        now: this.#options.epoch,
      });
      const brand = (await client.get<Answer<'brands'>>('/api/brands')).rows[0];
      const list = await client.post<Answer<'createList'>>('/api/lists', {
        name: 'La lettre',
        brand_id: brand?.id,
      });
      const began = Date.now();
      const job = await importFile(client, path, {
        listId: list.id,
        onProgress: (one) => progress(one.rows_done, planted.rows, 'rows'),
      });
      progressEnd();
      this.#check(
        `${job.created} contacts imported, ${job.duplicates} duplicates merged, ${job.failed} broken rows reported`,
        job.created === planted.addresses.length &&
          job.duplicates === planted.duplicates.length &&
          job.failed === planted.broken.length,
        `planted: ${planted.addresses.length}, ${planted.duplicates.length}, ${planted.broken.length}; ${seconds(Date.now() - began)}`,
      );
      return { planted, listId: list.id };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }

  async #segment(client: ApiClient, planted: Planted): Promise<void> {
    const definition = {
      root: {
        all: [
          { field: 'fields.sex', op: 'eq', value: 'f' },
          { field: 'fields.city', op: 'eq', value: 'Lyon' },
          { field: 'fields.last_order_at', op: 'since', value: { rel: '-90d' } },
        ],
      },
    };
    const segment = await client.post<Answer<'createSegment'>>('/api/segments', {
      name: 'Lyonnaises, commande de moins de 90 jours',
      definition,
    });
    const members = await membersOf(client, segment.id);
    const women = planted.customers
      .filter((one) => isLyonWomanRecent(one, this.#now()))
      .map((one) => one.email);
    this.#check(
      `segment “women in Lyon who ordered in the last 90 days”: ${members.length} people`,
      same(members, women),
      `planted: ${women.length}`,
    );
  }

  /** Writes, looks, tries and sends; resolves when every recipient has a final state. */
  async #send(
    client: ApiClient,
    house: House,
    listId: number,
    name: string,
    subject: string,
  ): Promise<number> {
    title(`Campaign “${name}”`);
    const id = await writeCampaign(client, house, listId, { name, subject, html: HTML, text: TEXT });
    const checks = await client.get<Answer<'preflight'>>(`/api/campaigns/${id}/preflight`);
    line(
      styleText(
        'dim',
        `${checks.audience.mailable} will get it, ${checks.audience.suppressed} may not be mailed; ${checks.checks.filter((one) => one.level === 'warn').length} warnings`,
      ),
    );
    const began = Date.now();
    await client.post(`/api/campaigns/${id}/send`);
    const done = await until(
      `campaign “${name}” to end`,
      async () => {
        const { campaign } = await client.get<Answer<'campaignProgress'>>(`/api/campaigns/${id}/progress`);
        const { counts } = campaign;
        const final = counts.total - counts.queued - counts.active - counts.deferred - counts.held;
        progress(
          final,
          counts.total,
          `final · ${counts.delivered} delivered · ${counts.deferred} deferred · ${campaign.replied} replies`,
        );
        return campaign.state === 'sent' ? campaign : undefined;
      },
      LIMIT_MS,
      400,
    );
    progressEnd();
    this.#check(
      `every recipient has a final state: ${done.counts.delivered} delivered of ${done.counts.total}`,
      true,
      seconds(Date.now() - began),
    );
    return id;
  }

  /** Until the people of the world have done what they will do, and Parley has understood all of it. */
  async #settle(client: ApiClient): Promise<void> {
    const began = Date.now();
    await until(
      'the world to react',
      async () => {
        const { pending, received } = await this.#world.status();
        progress(received - pending, received, `messages read by their people · ${pending} will still react`);
        return pending === 0 || undefined;
      },
      LIMIT_MS,
    );
    progressEnd();
    await until('incoming mail to be read', async () => (await isAllRead(client)) || undefined, LIMIT_MS);
    line(
      styleText('dim', `the world has reacted and everything is read (${seconds(Date.now() - began)} more)`),
    );
  }

  async #facts(
    planted: Planted,
    isOurs: (subject: string) => boolean,
    from: number,
    left: string[],
  ): Promise<WorldFacts> {
    const [ledger, expected] = await Promise.all([this.#world.ledger(), this.#world.expected()]);
    return {
      entries: new Map(ledger.map((entry) => [entry.address, entry])),
      isOurs,
      from,
      until: Number.MAX_SAFE_INTEGER,
      bouncedLater: new Set(expected.bouncedLater),
      unmailable: new Set([...planted.unmailable.nullMx, ...planted.unmailable.noSuchDomain]),
      left: new Set(left),
    };
  }

  async #compareFirst(client: ApiClient, id: number, planted: Planted): Promise<Comparison> {
    const facts = await this.#facts(planted, (subject) => subject.includes('sélection d’été'), 0, []);
    const compared = compare(await ledgerOf(client, id), facts);
    title('Ledger of the first campaign');
    console.log(ledgerText(compared));
    const duplicates = await this.#world.duplicates();
    this.#check(
      'nobody got the same message twice',
      duplicates.length === 0,
      duplicates
        .map((one) => one.address)
        .slice(0, 3)
        .join(', '),
    );
    return compared;
  }

  /** Answers the newest question; it must arrive, signed, in that person's thread. */
  async #answer(client: ApiClient): Promise<void> {
    title('Shared inbox');
    const page = await client.get<Answer<'conversations'>>('/api/conversations?view=all&limit=200');
    const replied = await this.#world.acts();
    const act = replied.find(
      (one) => one.kind === 'replies' && page.rows.some((row) => row.address === one.address),
    );
    const conversation = page.rows.find((row) => row.address === act?.address);
    if (act === undefined || conversation === undefined) return this.#check('a reply is in the inbox', false);
    const text =
      'Bonjour, oui, la robe bleue est encore disponible en 38. Je vous la mets de côté jusqu’à samedi. Camille';
    const answered = await client.post<Answer<'reply'>>(`/api/conversations/${conversation.id}/reply`, {
      text,
      close: true,
    });
    const arrived = await until(
      'the answer to arrive',
      async () => {
        const entry = await this.#world.mailbox(conversation.address);
        return entry.accepted.find((receipt) => !receipt.isBulk && receipt.inReplyTo !== '');
      },
      120_000,
    );
    const inThread =
      act.sentMessageId !== undefined && arrived.inReplyTo.includes(act.sentMessageId.replace(/^<|>$/g, ''));
    this.#check(
      `the answer to ${conversation.address} arrived in the thread, DKIM ${arrived.verdict.dkim}, ${arrived.tls === false ? 'in clear' : arrived.tls}`,
      inThread && arrived.verdict.dkim === 'pass',
      arrived.subject,
    );
    await until(
      'the answer to be shown as delivered',
      async () => {
        const whole = await client.get<Answer<'conversation'>>(`/api/conversations/${conversation.id}`);
        return (
          whole.messages
            .find((message) => message.id === answered.message_id)
            ?.deliveries.every((one) => one.state === 'delivered') || undefined
        );
      },
      60_000,
    );
  }

  async #repliers(client: ApiClient): Promise<void> {
    const expected = await this.#world.expected();
    const definition = { root: { message: { did: 'replied', campaign: 'any', window: { last: '7d' } } } };
    const segment = await client.post<Answer<'createSegment'>>('/api/segments', {
      name: 'A répondu à une campagne ces 7 derniers jours',
      definition,
    });
    const members = await membersOf(client, segment.id);
    const people = [...new Set([...expected.replied, ...expected.unsubscribedInWords])].sort();
    this.#check(
      `segment “replied to a campaign in the last 7 days”: ${members.length} people`,
      same(members, people),
      difference(members, people),
    );
  }

  /** Hard bounces, complaints and unsubscribes are suppressions; forged ones are not. */
  async #suppressed(client: ApiClient): Promise<void> {
    const rows = await suppressionsOf(client);
    const expected = await this.#world.expected();
    const of = (...reasons: string[]) =>
      [...new Set(rows.filter((row) => reasons.includes(row.reason)).map((row) => row.address))].sort();
    const all = new Set(rows.map((row) => row.address));
    const missing = (addresses: string[]) => addresses.filter((address) => !all.has(address));
    const named: [string, string[]][] = [
      ['unknown users', expected.unknownUser],
      ['spam complaints', expected.complained],
      ['one-click unsubscribes', expected.unsubscribedOneClick],
      ['unsubscribes by mail', expected.unsubscribedByMail],
      ['unsubscribes in words', expected.unsubscribedInWords],
    ];
    for (const [what, addresses] of named) {
      const absent = missing(addresses);
      this.#check(
        `${what} are suppressions: ${addresses.length - absent.length} of ${addresses.length}`,
        absent.length === 0,
        absent.slice(0, 3).join(', '),
      );
    }
    const undone = expected.undone.map((act) => `${act.kind} of ${act.address}: ${act.answer}`);
    this.#check(
      'Parley took everything that the world sent back',
      undone.length === 0,
      undone.slice(0, 2).join('; '),
    );
    const justified = this.#justified(expected);
    const wrong = [...all].filter((address) => !justified.has(address));
    this.#check(
      'nobody else is suppressed, and no forged bounce did anything',
      wrong.length === 0 &&
        expected.forged.every(
          (address) => !of('hard-bounce', 'complaint').includes(address) || justified.has(address),
        ),
      wrong.slice(0, 5).join(', '),
    );
  }

  #justified(expected: Expected): Set<string> {
    return new Set([
      ...expected.refused,
      ...expected.bouncedLater,
      ...expected.complained,
      ...expected.unsubscribedOneClick,
      ...expected.unsubscribedByMail,
      ...expected.unsubscribedInWords,
      ...expected.left,
      ...this.#unmailable,
    ]);
  }

  #unmailable: string[] = [];

  async #sendAgain(client: ApiClient, house: House, listId: number, planted: Planted): Promise<Comparison> {
    const gone = (await suppressionsOf(client)).map((row) => row.address);
    const from = this.#now();
    const id = await this.#send(client, house, listId, 'Dernier rappel', SECOND_SUBJECT);
    await this.#settle(client);
    const facts = await this.#facts(planted, (subject) => subject.startsWith('Dernier rappel'), from, gone);
    const compared = compare(await ledgerOf(client, id), facts);
    title('Ledger of the second campaign');
    console.log(ledgerText(compared));
    const reached = gone.filter((address) =>
      facts.entries.get(address)?.accepted.some((receipt) => facts.isOurs(receipt.subject)),
    );
    this.#check(
      `the second campaign reached none of the ${gone.length} suppressed`,
      reached.length === 0,
      reached.slice(0, 3).join(', '),
    );
    return compared;
  }
}

function report(outcome: Outcome, troubles: LogLine[], json: boolean): void {
  title(outcome.ok ? 'Both ledgers agree' : 'THE LEDGERS DIFFER');
  const bad = outcome.checks.filter((check) => !check.ok);
  for (const check of bad) line(`${styleText('red', '✗')} ${check.says}  ${check.detail}`);
  line(
    `sending ${outcome.sendingS.toFixed(1)} s, answering ${outcome.answeringS.toFixed(1)} s more, of wall time`,
  );
  const errors = troubles.filter((one) => one.level === 'error');
  if (errors.length > 0) {
    line(`${errors.length} error lines in Parley's log; the first ones:`);
    for (const one of errors.slice(0, 5)) line(styleText('dim', JSON.stringify(one).slice(0, 400)));
  }
  if (json) {
    console.log(
      JSON.stringify({
        ok: outcome.ok,
        sending_s: outcome.sendingS,
        answering_s: outcome.answeringS,
        first: outcome.first.lines,
        second: outcome.second.lines,
        checks: outcome.checks,
      }),
    );
  }
}

async function staysUp(parley: RunningParley): Promise<void> {
  title('Have a look');
  line(`address   ${styleText('bold', parley.url)}`);
  line(`log-in    ${OWNER.email}`);
  line(`password  ${OWNER.password}`);
  line(styleText('dim', 'Ctrl-C ends Parley and its world; nothing is kept.'));
  for (;;) await pause(3_600_000);
}

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.toSorted().join() === b.toSorted().join();

function difference(ours: readonly string[], theirs: readonly string[]): string {
  const only = (a: readonly string[], b: readonly string[]) =>
    a.filter((one) => !b.includes(one)).slice(0, 3);
  const more = only(ours, theirs);
  const less = only(theirs, ours);
  return [
    more.length > 0 ? `only here: ${more.join(', ')}` : '',
    less.length > 0 ? `missing: ${less.join(', ')}` : '',
  ]
    .filter((one) => one !== '')
    .join('; ');
}

function positive(text: string, name: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be a whole number above 0`);
  return value;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function title(text: string): void {
  console.log(`\n${styleText('bold', text)}`);
}

function line(text: string): void {
  console.log(`  ${text}`);
}

const WIDTH = 28;

/** One line that redraws itself on a terminal; elsewhere it stays silent until its end. */
function progress(done: number, total: number, words: string): void {
  if (!process.stdout.isTTY) return;
  const filled = total === 0 ? 0 : Math.min(WIDTH, Math.round((done / total) * WIDTH));
  process.stdout.write(
    `\r\u001b[2K  ${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${done}/${total} ${words}`,
  );
}

function progressEnd(): void {
  if (process.stdout.isTTY) process.stdout.write('\r\u001b[2K');
}
