/**
 * `parley shaping`: the limits in force by provider, a team's own numbers over them, and what replies made of it now. It
 * writes rows; a running server holds to them within half a second.
 */
import { Option, type Command } from 'commander';
import { Problem } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import {
  limitsByProvider,
  lookAgainAt,
  release,
  resetLimits,
  setLimits,
  type ProviderLimits,
} from '../core/sending/shaping.ts';
import { sources } from '../core/store/identity.ts';
import type { Override } from '../core/store/shaping.ts';
import { activeThrottles, PROBE_EVERY_MS, type Throttle } from '../core/store/throttle.ts';
import type { Db } from '../core/store/tables.ts';

interface Deps {
  withRuntime<T>(work: (runtime: Runtime) => Promise<T>): Promise<T>;
}

interface Asked {
  json?: boolean;
}

interface Numbers extends Asked {
  connections?: number;
  perConnection?: number;
  rate?: { messages: number; perMs: number };
  tls?: 'opportunistic' | 'required';
  source?: string;
  note?: string;
}

export function shapingCommands(program: Command, deps: Deps): void {
  const shaping = program
    .command('shaping')
    .description('how fast we may go at each provider, and what replies made of it now')
    .option('--json', 'print JSON')
    .action((asked: Asked) => deps.withRuntime((runtime) => list(runtime, asked)));

  shaping
    .command('list')
    .description('the same: limits by provider, your own numbers, what is in force')
    .option('--json', 'print JSON')
    .action((_: Asked, command: Command) =>
      deps.withRuntime((runtime) => list(runtime, command.optsWithGlobals())),
    );

  shaping
    .command('set')
    .description(
      'your own numbers at a provider (its id) or a mail host; what is not named stays as in the table',
    )
    .argument('<place>', 'id of a provider as `parley shaping list` shows it, or a mail host')
    .addOption(new Option('--connections <n>', 'connections at once').argParser(whole('--connections')))
    .addOption(new Option('--per-connection <n>', 'messages on each').argParser(whole('--per-connection')))
    .addOption(new Option('--rate <n/unit>', 'messages in a time, like 60/min').argParser(rateOf))
    .addOption(
      new Option('--tls <word>', 'whether mail may go in clear').choices(['opportunistic', 'required']),
    )
    .option('--source <name>', 'for this source alone')
    .option('--note <text>', 'why', '')
    .option('--json', 'print JSON')
    .action((place: string, _: Numbers, command: Command) =>
      deps.withRuntime(async (runtime) => {
        const asked = command.optsWithGlobals<Numbers>();
        const sourceId = await sourceOf(runtime.store.read, asked.source);
        const numbers = {
          connections: asked.connections ?? null,
          messages_per_connection: asked.perConnection ?? null,
          rate_messages: asked.rate?.messages ?? null,
          rate_per_ms: asked.rate?.perMs ?? null,
          tls: asked.tls ?? null,
          note: asked.note ?? '',
        };
        await setLimits(runtime, { place, sourceId }, numbers, null);
        say(asked, { place, source_id: sourceId, ...numbers }, `set at ${place}`);
      }),
    );

  shaping
    .command('reset')
    .description('back to the table')
    .argument('<place>', 'as it was set')
    .option('--source <name>', 'the numbers of this source alone')
    .option('--json', 'print JSON')
    .action((place: string, _: Numbers, command: Command) =>
      deps.withRuntime(async (runtime) => {
        const asked = command.optsWithGlobals<Numbers>();
        const sourceId = await sourceOf(runtime.store.read, asked.source);
        await resetLimits(runtime, { place, sourceId }, null);
        say(asked, { place, source_id: sourceId }, `${place} is as in the table again`);
      }),
    );

  shaping
    .command('release')
    .description('let go on where a reply slowed or stopped us')
    .argument('<number>', 'as `parley shaping list` shows it')
    .option('--json', 'print JSON')
    .action((number: string, _: Asked, command: Command) =>
      deps.withRuntime(async (runtime) => {
        const id = whole('the number')(number);
        await release(runtime, id, null);
        say(command.optsWithGlobals(), { released: id }, `${id} is released`);
      }),
    );

  shaping
    .command('check')
    .description('look again at our own facts behind a block; what was wrong and is right now ends it')
    .argument('<number>', 'as `parley shaping list` shows it')
    .option('--json', 'print JSON')
    .action((number: string, _: Asked, command: Command) =>
      deps.withRuntime(async (runtime) => {
        const looked = await lookAgainAt(runtime, whole('the number')(number));
        const asked = command.optsWithGlobals<Asked>();
        if (asked.json) return say(asked, looked, '');
        for (const { ok, words } of looked.check.findings) console.log(`${ok ? 'right' : 'WRONG'}  ${words}`);
        if (looked.check.findings.length === 0)
          console.log('there is nothing of ours to look at: an accepted message or a person ends this block');
        console.log(looked.ended ? 'the block is over' : 'the block stands');
      }),
    );
}

async function list({ store, clock }: Runtime, asked: Asked): Promise<void> {
  const now = clock.now();
  const [{ rows, overrides }, throttles, egress] = await Promise.all([
    limitsByProvider(store.read),
    activeThrottles(store.read, now),
    sources(store.read),
  ]);
  const nameOf = new Map(egress.map((one) => [one.id, one.name]));
  if (asked.json) {
    const providers = rows.map(({ provider, limits, whence }) => ({
      ...provider,
      rules: provider.rules.map((rule) => rule.id),
      limits,
      edited: Object.keys(whence),
    }));
    say(asked, { at: now, providers, overrides, throttles }, '');
    return;
  }
  for (const row of rows) console.log(providerLine(row));
  for (const row of overrides.filter(
    (one) => one.source_id !== null || !rows.some((r) => r.provider.id === one.place),
  ))
    console.log(overrideLine(row, nameOf));
  if (throttles.length > 0) console.log('');
  for (const one of throttles) console.log(throttleLine(one, nameOf));
}

function providerLine({ provider, limits, whence }: ProviderLimits): string {
  const { messages, perMs } = limits.rate;
  const fields = [
    provider.id.padEnd(15),
    `${limits.connections} connections`.padEnd(15),
    `${limits.messagesPerConnection} on each`.padEnd(13),
    `${messages}/${unit(perMs)}`.padEnd(10),
    limits.tls === 'required' ? 'TLS ' : '    ',
    Object.keys(whence).length > 0 ? 'your own' : provider.asOf,
  ];
  return fields.join(' ');
}

function overrideLine(row: Override, nameOf: Map<number, string>): string {
  const who = row.source_id === null ? '' : ` for ${nameOf.get(row.source_id) ?? row.source_id}`;
  const numbers = [
    row.connections === null ? '' : `${row.connections} connections`,
    row.messages_per_connection === null ? '' : `${row.messages_per_connection} on each`,
    row.rate_messages === null ? '' : `${row.rate_messages}/${unit(row.rate_per_ms ?? 0)}`,
    row.tls === null ? '' : `TLS ${row.tls}`,
  ].filter(Boolean);
  return `${row.place}${who}: ${numbers.join(', ')}`;
}

function throttleLine(one: Throttle, nameOf: Map<number, string>): string {
  const source = nameOf.get(one.source_id) ?? `source ${one.source_id}`;
  const end =
    one.until === null
      ? `until a person or a green look; one message at ${new Date((one.probed_at ?? one.since) + PROBE_EVERY_MS).toISOString()}`
      : `until ${new Date(one.until).toISOString()}`;
  return `${one.id}  ${one.kind}  ${one.site} from ${source}, ${end}: ${one.reply}`;
}

const UNITS: [name: string, ms: number][] = [
  ['s', 1000],
  ['min', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
];

const unit = (ms: number): string => UNITS.find(([, one]) => one === ms)?.[0] ?? `${ms / 1000}s`;

function rateOf(text: string): { messages: number; perMs: number } {
  const [, messages = '', name = ''] = /^(\d{1,7})\/(s|min|h|d)$/.exec(text) ?? [];
  const perMs = UNITS.find(([known]) => known === name)?.[1];
  if (perMs === undefined || Number(messages) === 0)
    throw new Problem('invalid', `--rate ${text} is not like 60/min; units are s, min, h, d`);
  return { messages: Number(messages), perMs };
}

function whole(what: string) {
  return (text: string): number => {
    if (!/^[1-9]\d{0,8}$/.test(text)) throw new Problem('invalid', `${what} must be a whole number above 0`);
    return Number(text);
  };
}

async function sourceOf(db: Db, name: string | undefined): Promise<number | null> {
  if (name === undefined) return null;
  const found = (await sources(db)).find((one) => one.name === name);
  if (found === undefined) throw new Problem('not-found', `there is no source ${name}`);
  return found.id;
}

function say({ json }: Asked, value: unknown, words: string): void {
  console.log(json ? JSON.stringify(value, null, 2) : words);
}
