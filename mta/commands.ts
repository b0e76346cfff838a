/**
 * `parley queue`: what waits for which destination and from which source, why, and until when; and one delivery's whole
 * life. The hand on the switch is in order-command.ts.
 */
import type { Command } from 'commander';
import { Problem } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import { withWarmupReasons } from '../core/sending/warmup-reason.ts';
import {
  deliveriesTo,
  deliveryStory,
  queueByDestination,
  queueTotals,
  type DeliveryStory,
  type Destination,
} from '../core/store/delivery.ts';
import { fromJson } from '../core/store/json.ts';
import { openOrders } from '../core/store/queue-order.ts';
import { queueBySource, type SourceLine } from '../core/store/queue-source.ts';
import { activeThrottles } from '../core/store/throttle.ts';
import { orderCommands } from './order-command.ts';
import { inWords, print, sourceWords, span, table, when, whole } from './queue-words.ts';
import { shapingCommands } from './shaping-commands.ts';
import { sourceCommands } from './source-commands.ts';
import { tlsCommands } from './tls-command.ts';
import { warmupCommands } from './warmup-commands.ts';

interface Deps {
  withRuntime<T>(work: (runtime: Runtime) => Promise<T>): Promise<T>;
}

interface Asked {
  json?: boolean;
}

export function commands(program: Command, deps: Deps): void {
  warmupCommands(program, deps);
  tlsCommands(program, deps);
  shapingCommands(program, deps);
  const queue = program
    .command('queue')
    .description('what waits to be sent, by destination and by source, with the reason')
    .option('--search <text>', 'only destinations whose name holds this')
    .option('--limit <number>', 'how many destinations', whole('--limit'), 50)
    .option('--json', 'print JSON')
    .action((asked: Asked & { search?: string; limit: number }) =>
      deps.withRuntime(async ({ store, clock }) => {
        const now = clock.now();
        const [totals, found, bySource, throttles, orders] = await Promise.all([
          queueTotals(store.read),
          queueByDestination(store.read, now, asked),
          queueBySource(store.read, now),
          activeThrottles(store.read, now),
          openOrders(store.read),
        ]);
        const destinations = await withWarmupReasons(store.read, found, now);
        if (asked.json) return print({ at: now, totals, destinations, sources: bySource, throttles, orders });
        const { queued, active, deferred, held } = totals;
        console.log(`${queued} queued, ${active} on their way, ${deferred} deferred, ${held} held`);
        for (const line of table(destinations.map((one) => destinationLine(one, now)))) console.log(line);
        for (const line of table(bySource.map((one) => sourceLine(one, now)))) console.log(line);
        if (orders.length > 0) console.log(`${orders.length} orders in force: parley queue orders`);
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

  orderCommands(queue, deps);
  sourceCommands(program, deps);
}

/** Empty when nothing moves: a guess is worse than nothing. */
const eta = (at: number | null, now: number): string => (at === null ? '' : `done in ${span(at - now)}`);

function sourceLine(row: SourceLine, now: number): string[] {
  return [
    `from ${row.name} (${row.pools.join(', ')})`,
    `${row.waiting}`,
    row.oldest_at === null ? '' : `oldest ${span(now - row.oldest_at)}`,
    sourceWords(row, now),
    `${Math.round(row.per_minute)} a minute`,
    eta(row.eta_at, now),
    row.last_reply ?? '',
  ];
}

function destinationLine(row: Destination, now: number): string[] {
  return [
    row.name,
    `${row.waiting + row.deferred + row.active + row.held_back}`,
    row.oldest_at === null ? '' : `oldest ${span(now - row.oldest_at)}`,
    inWords(row, now),
    eta(row.eta_at, now),
    row.last_reply ?? '',
  ];
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
      ...(one.transcript ?? '').split('\n').flatMap((line) => (line === '' ? [] : [`      ${line}`])),
    ]),
    ...events.map((one) => `  ${when(one.at)} ${one.kind} ${eventWords(one.data)}`.trimEnd()),
  ];
}

function eventWords(data: string): string {
  const said = fromJson<Record<string, unknown>>(data, {});
  return [said['reason'], said['class']].filter((word) => typeof word === 'string').join(', ');
}
