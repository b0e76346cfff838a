/**
 * `parley queue`: what waits for which destination and why, one delivery's whole life, and the hand on the switch: hold,
 * release, cancel, retry now. It writes rows; a running server sees them within half a second.
 */
import { Option, type Command } from 'commander';
import { Problem } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import {
  deliveriesTo,
  deliveryStory,
  domainByName,
  holdDestination,
  queueByDestination,
  queueTotals,
  type DeliveryStory,
  type Destination,
  type Waiting,
} from '../core/store/delivery.ts';
import { fromJson } from '../core/store/json.ts';
import { cancelSlice, holdSlice, releaseSlice, retryNow, type Selection } from '../core/store/queue-sweep.ts';
import type { Db } from '../core/store/tables.ts';
import { activeThrottles } from '../core/store/throttle.ts';

interface Deps {
  withRuntime<T>(work: (runtime: Runtime) => Promise<T>): Promise<T>;
}

interface Asked {
  json?: boolean;
}

export function commands(program: Command, deps: Deps): void {
  const queue = program
    .command('queue')
    .description('what waits to be sent, by destination, with the reason')
    .option('--search <text>', 'only destinations whose name holds this')
    .option('--limit <number>', 'how many destinations', whole('--limit'), 50)
    .option('--json', 'print JSON')
    .action((asked: Asked & { search?: string; limit: number }) =>
      deps.withRuntime(async ({ store, clock }) => {
        const now = clock.now();
        const [totals, destinations, throttles] = await Promise.all([
          queueTotals(store.read),
          queueByDestination(store.read, now, asked),
          activeThrottles(store.read, now),
        ]);
        if (asked.json) return print({ at: now, totals, destinations, throttles });
        const { queued, active, deferred, held } = totals;
        console.log(`${queued} queued, ${active} on their way, ${deferred} deferred, ${held} held`);
        for (const line of table(destinations.map((one) => destinationLine(one, now)))) console.log(line);
      }),
    );

  queue
    .command('show')
    .description('one delivery by its number, or the latest ones to an address')
    .argument('<delivery>', 'number of a delivery, or an e-mail address')
    .option('--json', 'print JSON')
    .action((which: string, _: Asked, command: Command) =>
      deps.withRuntime(async ({ store, clock }) => {
        const { json } = command.optsWithGlobals<Asked>();
        const now = clock.now();
        if (which.includes('@')) {
          const rows = await deliveriesTo(store.read, which);
          if (json) return print(rows);
          if (rows.length === 0) throw new Problem('not-found', `nothing was sent to ${which}`);
          for (const row of rows)
            console.log(`${row.id}  ${row.state}  ${when(row.queued_at)}  ${row.last_reply ?? ''}`);
          return;
        }
        const story = await deliveryStory(store.read, whole('the delivery')(which), now);
        if (json) return print(story);
        for (const line of storyLines(story, now)) console.log(line);
      }),
    );

  const verbs: [name: string, description: string, act: Act][] = [
    ['hold', 'keep back what waits', hold],
    ['release', 'let go of what was held', release],
    [
      'cancel',
      'take back for good what waits',
      (runtime, chosen) => sweep(runtime, chosen.selection, cancelled),
    ],
    ['retry', 'try again now what waits for its next attempt', retry],
  ];
  for (const [name, description, act] of verbs) {
    queue
      .command(name)
      .description(description)
      .addOption(new Option('--campaign <id>', 'all of a campaign').argParser(whole('--campaign')))
      .option('--destination <domain>', 'all for a recipient domain')
      .addOption(new Option('--delivery <id>', 'one delivery').argParser(whole('--delivery')))
      .option('--json', 'print JSON')
      .action((_: unknown, command: Command) =>
        deps.withRuntime(async (runtime) => {
          const asked = command.optsWithGlobals<Asked & Picked>();
          const moved = await act(runtime, await chosenBy(runtime.store.read, asked));
          runtime.wake.ring('queue');
          if (asked.json) print({ moved });
          else console.log(`${moved} ${moved === 1 ? 'delivery' : 'deliveries'}`);
        }),
      );
  }
}

// ── by hand ───────────────────────────────────────────────────────────────────────────────────────────────────────

interface Picked {
  campaign?: number;
  destination?: string;
  delivery?: number;
}

interface Chosen {
  selection: Selection;
  /** Set when it is a destination: that is held by one row. */
  domainId: number | null;
}

type Act = (runtime: Runtime, chosen: Chosen) => Promise<number>;
type Slice = (db: Db, selection: Selection, now: number) => Promise<number>;

async function chosenBy(db: Db, { campaign, destination, delivery }: Picked): Promise<Chosen> {
  const given = [campaign, destination, delivery].filter((one) => one !== undefined);
  if (given.length !== 1)
    throw new Problem('invalid', 'give one of --campaign, --destination and --delivery');
  if (campaign !== undefined) return { selection: { campaign }, domainId: null };
  if (delivery !== undefined) return { selection: { delivery }, domainId: null };
  const row = await domainByName(db, destination as string);
  if (row === undefined) throw new Problem('not-found', `nothing was ever queued for ${destination}`);
  return { selection: { domain: row.id }, domainId: row.id };
}

const cancelled: Slice = (db, selection, now) => cancelSlice(db, selection, 'cancelled by a person', now);
const heldBack: Slice = (db, selection, now) => holdSlice(db, selection, 'held by a person', now);

/** Slice by slice, each its own short transaction, so that results and inbound mail are never kept waiting. */
async function sweep({ store, clock }: Runtime, selection: Selection, slice: Slice): Promise<number> {
  let all = 0;
  for (;;) {
    const moved = await store.write((tx) => slice(tx, selection, clock.now()));
    if (moved === 0) return all;
    all += moved;
  }
}

async function hold(runtime: Runtime, { selection, domainId }: Chosen): Promise<number> {
  if (domainId === null) return sweep(runtime, selection, heldBack);
  await runtime.store.write((tx) => holdDestination(tx, domainId, true));
  return waitingAt(runtime, domainId);
}

async function release(runtime: Runtime, { selection, domainId }: Chosen): Promise<number> {
  if (domainId === null) return sweep(runtime, selection, releaseSlice);
  await runtime.store.write((tx) => holdDestination(tx, domainId, false));
  return waitingAt(runtime, domainId);
}

const retry: Act = ({ store, clock }, { selection }) =>
  store.write((tx) => retryNow(tx, selection, clock.now()));

async function waitingAt({ store, clock }: Runtime, domainId: number): Promise<number> {
  const [row] = await queueByDestination(store.read, clock.now(), { domainId });
  return row === undefined ? 0 : row.waiting + row.deferred;
}

// ── in words ──────────────────────────────────────────────────────────────────────────────────────────────────────

const print = (value: unknown): void => console.log(JSON.stringify(value));

function destinationLine(row: Destination, now: number): string[] {
  return [
    row.name,
    `${row.waiting + row.deferred + row.active + row.held_back}`,
    row.oldest_at === null ? '' : `oldest ${span(now - row.oldest_at)}`,
    inWords(row, now),
    row.last_reply ?? '',
  ];
}

/** Why something waits, in plain words. */
export function inWords({ reason, until }: Waiting, now: number): string {
  const then = until === null ? '' : ` until ${when(until)} (in ${span(until - now)})`;
  switch (reason) {
    case 'moving':
      return 'being sent';
    case 'not-due':
      return `waits for its time${then}`;
    case 'deferred':
      return `the receiver said later; next attempt${until === null ? ' soon' : ` in ${span(until - now)}`}`;
    case 'throttled':
      return `slowed down after a reply of the receiver${then}`;
    case 'held':
      return 'held by a person';
    case 'paused':
      return 'its campaign is paused';
    default:
      return reason satisfies never;
  }
}

function storyLines(
  { delivery, domain, origin_name, waiting, attempts, events }: DeliveryStory,
  now: number,
): string[] {
  const by = domain.provider === null ? '' : ` (${domain.provider})`;
  return [
    `delivery ${delivery.id} to ${delivery.address}: ${delivery.state}`,
    `  from ${delivery.origin_kind} ${delivery.origin_id}${origin_name === null ? '' : `, ${origin_name}`}`,
    `  through ${domain.site ?? domain.name}${by}`,
    `  queued ${when(delivery.queued_at)}`,
    ...(waiting === null ? [] : [`  waits: ${inWords(waiting, now)}`]),
    ...(delivery.reason ? [`  because ${delivery.reason}`] : []),
    ...(delivery.bounced_after_at === null
      ? []
      : [`  bounced after delivery ${when(delivery.bounced_after_at)}`]),
    ...attempts.flatMap((one) => [
      `  attempt ${one.number} ${when(one.at)}: ${one.outcome} at ${one.mx || 'no host'}${one.ip && ` [${one.ip}]`} in ${one.ms} ms`,
      ...(one.reply === '' ? [] : [`    ${one.reply}`]),
    ]),
    ...events.map((one) => `  ${when(one.at)} ${one.kind} ${eventWords(one.data)}`.trimEnd()),
  ];
}

function eventWords(data: string): string {
  const said = fromJson<Record<string, unknown>>(data, {});
  return [said['reason'], said['class']].filter((word) => typeof word === 'string').join(', ');
}

/** Columns as wide as their widest cell; the last one runs on. */
function table(rows: string[][]): string[] {
  const widths = rows.reduce<number[]>(
    (most, row) => row.map((cell, at) => Math.max(most[at] ?? 0, cell.length)),
    [],
  );
  return rows.map((row) =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

const when = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ');

const UNITS: [string, number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
];

function span(ms: number): string {
  for (const [unit, size] of UNITS) if (ms >= 2 * size) return `${Math.round(ms / size)} ${unit}`;
  return `${Math.max(0, Math.round(ms / 1000))} s`;
}

function whole(what: string): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!Number.isSafeInteger(number) || number < 1)
      throw new Problem('invalid', `${what} must be a whole number above 0`);
    return number;
  };
}
