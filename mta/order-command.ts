/**
 * `parley queue hold|release|cancel|purge|reroute|retry|drain|orders`: a hand on the queue. An order is one row that a
 * running server obeys within half a second, however many deliveries it means; one delivery is changed here and now.
 * Exit status: 0 done, 1 there was nothing to do or it could not be done, 2 the call was wrong.
 */
import { Option, type Command } from 'commander';
import { Problem } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import {
  addOrder,
  countMeant,
  openOrders,
  orderLines,
  releaseOrder,
  type OrderTarget,
  type QueueOrder,
} from '../core/store/queue-order.ts';
import { cancelSlice, holdSlice, releaseSlice, retryNow } from '../core/store/queue-sweep.ts';
import { poolNames, targetNamed, type Named } from '../core/store/queue-target.ts';
import type { Db, QueueOrderKind } from '../core/store/tables.ts';
import { deliveries, print, table, when, whole } from './queue-words.ts';

interface Deps {
  withRuntime<T>(work: (runtime: Runtime) => Promise<T>): Promise<T>;
}

interface Asked extends Named {
  delivery?: number;
  json?: boolean;
  reason?: string;
  to?: string;
  yes?: boolean;
}

interface Verb {
  name: Exclude<QueueOrderKind, never> | 'release';
  says: string;
  /** What becomes of one delivery. Absent: it cannot be said of one. */
  one?: (tx: Db, id: number, now: number) => Promise<number>;
}

const verbs: Verb[] = [
  {
    name: 'hold',
    says: 'keep back what waits, and what comes, until it is released',
    one: (tx, delivery, now) => holdSlice(tx, { delivery }, 'held by a person', now),
  },
  {
    name: 'release',
    says: 'end a hold or a drain',
    one: (tx, delivery, now) => releaseSlice(tx, { delivery }, now),
  },
  {
    name: 'cancel',
    says: 'take back for good what waits',
    one: (tx, delivery, now) => cancelSlice(tx, { delivery }, 'cancelled by a person', now),
  },
  { name: 'purge', says: 'cancel what waits and put it away at once; counts only, without --yes' },
  { name: 'reroute', says: 'let what waits leave from another pool' },
  {
    name: 'retry',
    says: 'try again now what waits for its next attempt',
    one: (tx, delivery, now) => retryNow(tx, { delivery }, now),
  },
  { name: 'drain', says: 'a source takes no new work, ends what is on the wire, and says when it is quiet' },
];

export function orderCommands(queue: Command, deps: Deps): void {
  for (const verb of verbs) {
    const command = queue.command(verb.name).description(verb.says);
    if (verb.name === 'drain') command.requiredOption('--source <name>', 'the source');
    else {
      command
        .addOption(new Option('--campaign <id>', 'all of a campaign').argParser(whole('--campaign')))
        .option('--destination <domain>', 'all for a recipient domain')
        .option('--site <site>', 'all for the mail servers that several domains share')
        .option('--provider <id>', 'all for a provider, as gmail or ovh')
        .option('--source <name>', 'what was last tried from a source; of a hold, the source itself')
        .option('--pool <name>', 'all that leaves from a pool');
    }
    if (verb.one !== undefined)
      command.addOption(new Option('--delivery <id>', 'one delivery').argParser(whole('--delivery')));
    if (verb.name === 'reroute') command.requiredOption('--to <pool>', 'the pool that it leaves from');
    if (verb.name === 'purge') command.option('--yes', 'do it, and do not only count');
    if (verb.name !== 'release') command.option('--reason <words>', 'why, for whoever asks later');
    command.option('--json', 'print JSON').action((_: unknown, called: Command) =>
      deps.withRuntime(async (runtime) => {
        const done = await obey(runtime, verb, called.optsWithGlobals<Asked>());
        if (!done) process.exitCode = 1;
      }),
    );
  }

  queue
    .command('orders')
    .description('orders in force and the last that were done, with how far they are')
    .option('--json', 'print JSON')
    .action((_: unknown, called: Command) =>
      deps.withRuntime(async ({ store }) => {
        const lines = await orderLines(store.read);
        if (called.optsWithGlobals<Asked>().json) return print(lines);
        for (const line of table(lines.map(orderWords))) console.log(line);
      }),
    );
}

/** False when there was nothing to do. */
async function obey(runtime: Runtime, verb: Verb, asked: Asked): Promise<boolean> {
  const { store, clock, wake } = runtime;
  if (asked.delivery !== undefined) {
    if (
      verb.one === undefined ||
      'campaign destination site provider source pool'.split(' ').some((k) => k in asked)
    )
      throw new Problem('invalid', 'give --delivery alone');
    const one = verb.one;
    const { delivery } = asked;
    const moved = await store.write((tx) => one(tx, delivery, clock.now()));
    wake.ring('queue');
    if (asked.json) print({ moved });
    else console.log(deliveries(moved));
    return moved > 0;
  }
  const target = await targetNamed(store.read, asked);
  if (verb.name === 'release') return release(runtime, target, asked);
  return give(runtime, verb.name, target, asked);
}

async function give(
  { store, clock, wake }: Runtime,
  kind: QueueOrderKind,
  target: OrderTarget,
  asked: Asked,
): Promise<boolean> {
  const { reason, to, yes, json } = asked;
  if (to !== undefined && !(await poolNames(store.read)).includes(to))
    throw new Problem('not-found', `no source sends for the pool ${to}`);
  const meant = await countMeant(store.read, kind, target);
  const what = `${kind} ${target.by} ${target.name}`;
  if (kind === 'purge' && yes !== true) {
    if (json) print({ dry_run: true, deliveries: meant });
    else console.log(`${deliveries(meant)} would be purged; say --yes to do it`);
    return false;
  }
  const lasts = kind === 'hold' || kind === 'drain';
  if (meant === 0 && !lasts) {
    if (json) print({ order: null, deliveries: 0 });
    else console.log(`${what}: nothing waits there`);
    return false;
  }
  const order = await store.write((tx) =>
    addOrder(tx, { kind, ...target, reason, toPool: to }, meant, clock.now()),
  );
  wake.ring('order');
  if (json) print({ order, deliveries: meant });
  else
    console.log(
      `order ${order.id}: ${what}${to === undefined ? '' : ` to ${to}`}, ${deliveries(meant)}, in force`,
    );
  return true;
}

/** Ends what holds or drains this very target. */
async function release(
  { store, clock, wake }: Runtime,
  target: OrderTarget,
  { json }: Asked,
): Promise<boolean> {
  const released = await store.write(async (tx) => {
    const orders = (await openOrders(tx)).filter(
      (order) =>
        (order.kind === 'hold' || order.kind === 'drain') &&
        order.by_kind === target.by &&
        order.target === target.name &&
        order.released_at === null,
    );
    for (const order of orders) await releaseOrder(tx, order, null, clock.now());
    return orders.map((order) => order.id);
  });
  wake.ring('order');
  wake.ring('queue');
  if (json) print({ released });
  else if (released.length === 0) console.log(`nothing holds ${target.by} ${target.name}`);
  else console.log(`released ${target.by} ${target.name} (order ${released.join(', ')})`);
  return released.length > 0;
}

function orderWords(order: QueueOrder): string[] {
  return [
    String(order.id),
    `${order.kind} ${order.by_kind} ${order.target}${order.to_pool === null ? '' : ` to ${order.to_pool}`}`,
    when(order.made_at),
    progressOf(order),
    order.reason,
  ];
}

function progressOf(order: QueueOrder): string {
  const { kind, moved, settled_at, released_at, done_at } = order;
  if (released_at !== null)
    return done_at === null ? 'released, coming back' : `released ${when(released_at)}`;
  if (kind === 'drain') return settled_at === null ? 'draining' : `drained ${when(settled_at)}`;
  if (kind === 'hold') return `in force, ${deliveries(moved)} set aside`;
  return `${deliveries(moved)} of ${order.expected}${done_at === null ? '' : ', done'}`;
}
