/** `parley source` and `parley smarthost`: the ways out of this machine, how they are, and the hand on them. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { Option, type Command } from 'commander';
import { Problem } from '../core/errors.ts';
import { createSource } from '../core/identity.ts';
import type { Runtime } from '../core/runtime.ts';
import { updatePool } from '../core/sending/pool-service.ts';
import { createSmarthost, dropSmarthost, shownSmarthost } from '../core/sending/smarthost-service.ts';
import { checkSources, ticksOf, type Tick } from '../core/sending/source-check.ts';
import { changeSource } from '../core/store/identity.ts';
import { toJson } from '../core/store/json.ts';
import { poolByName, sourcesInPools, type Pool, type SourceInPools } from '../core/store/pool.ts';
import { changeSmarthost, smarthosts, type Smarthost } from '../core/store/smarthost.ts';
import { testSmarthost } from './source-round.ts';

interface Deps {
  withRuntime<T>(work: (runtime: Runtime) => Promise<T>): Promise<T>;
}
interface Asked {
  json?: boolean;
}

const print = (value: unknown): void => console.log(JSON.stringify(value));
const jsonOption = ['--json', 'print JSON'] as const;
const number = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Problem('invalid', `${text} is not a whole number above 0`);
  return value;
};

export function sourceCommands(program: Command, deps: Deps): void {
  const source = program
    .command('source')
    .description('the addresses that mail leaves from, and whether the world believes them');
  source
    .command('list')
    .description('every source with its pools, weights and health')
    .option(...jsonOption)
    .action((asked: Asked) =>
      deps.withRuntime(async ({ store, clock }) => {
        const rows = await sourcesInPools(store.read);
        if (asked.json) return print(rows.map((row) => ({ ...row, check: ticksOf(row) })));
        if (rows.length === 0)
          return console.log('no source: mail leaves from the address that this machine chooses');
        for (const row of rows) console.log(sourceLine(row, clock.now()));
      }),
    );
  source
    .command('add')
    .description('an address of this machine that mail may leave from')
    .argument('<name>', 'a short name')
    .requiredOption('--ip <address>', 'IPv4 or IPv6')
    .requiredOption('--ehlo <name>', 'the name that it greets with; its PTR must say the same')
    .option('--pool <name>', 'the pool', 'marketing')
    .option('--weight <number>', 'its share of the pool', number, 1)
    .option(...jsonOption)
    .action((name: string, asked: Asked & { ip: string; ehlo: string; pool: string; weight: number }) =>
      deps.withRuntime(async (runtime) => {
        const id = await createSource(runtime, { name, ...asked });
        if (asked.json) print({ id });
        else console.log(`source ${name} added to the pool ${asked.pool}`);
      }),
    );
  for (const [verb, paused] of [
    ['pause', 1],
    ['resume', 0],
  ] as const) {
    source
      .command(verb)
      .description(paused ? 'no message leaves from it' : 'it takes part again, also when it was set aside')
      .argument('<name>')
      .option(...jsonOption)
      .action((name: string, asked: Asked) =>
        deps.withRuntime(async ({ store }) => {
          const { id } = await sourceNamed(store.read, name);
          const mended = { aside_since: null, aside_until: null, aside_reason: null };
          await store.write((tx) => changeSource(tx, id, { paused, ...(paused ? {} : mended) }));
          if (asked.json) print({ id, paused: paused === 1 });
          else console.log(`${name}: ${paused ? 'paused' : 'resumed'}`);
        }),
      );
  }
  source
    .command('check')
    .description('look up PTR and name of one source, or of all; 1 when something is wrong')
    .argument('[name]')
    .option(...jsonOption)
    .action((name: string | undefined, asked: Asked) =>
      deps.withRuntime(async (runtime) => {
        const only = name === undefined ? undefined : (await sourceNamed(runtime.store.read, name)).id;
        const seen = await checkSources(runtime, only);
        if (asked.json)
          print(seen.map((one) => ({ id: one.source.id, name: one.source.name, ticks: one.ticks })));
        else for (const one of seen) console.log(`${one.source.name}  ${tickWords(one.ticks)}`);
        const isWrong = ({ status }: Tick) => status === 'wrong' || status === 'missing';
        if (seen.some((one) => one.ticks.some(isWrong))) process.exitCode = 1;
      }),
    );

  const smarthost = program
    .command('smarthost')
    .description("somebody else's server that takes our mail to the world");
  smarthost
    .command('list')
    .description('every smarthost with its health and last test')
    .option(...jsonOption)
    .action((asked: Asked) =>
      deps.withRuntime(async ({ store, clock }) => {
        const rows = await smarthosts(store.read);
        if (asked.json) return print(rows.map(shownSmarthost));
        if (rows.length === 0) return console.log('no smarthost');
        for (const row of rows) console.log(smarthostLine(row, clock.now()));
      }),
    );
  smarthost
    .command('add')
    .description('the password is read from a file, or from standard input with -')
    .argument('<name>')
    .requiredOption('--host <name>', 'its host name: the certificate is checked against it')
    .option('--port <number>', '465 with --implicit-tls, else 587', number)
    .option('--implicit-tls', 'TLS from the first byte; else STARTTLS, without which nothing is sent')
    .option('--user <name>', 'the user name', '')
    .option('--password-file <file>', 'a file, or - for standard input')
    .option('--connections <number>', 'at most so many at once', number, 2)
    .option('--per-connection <number>', 'messages on each', number, 50)
    .option('--per-minute <number>', 'messages in a minute', number, 60)
    .option(...jsonOption)
    .action((name: string, asked: Asked & AddSmarthost) =>
      deps.withRuntime(async (runtime) => {
        const file = asked.passwordFile;
        const password =
          file === undefined ? undefined : readFileSync(file === '-' ? 0 : file, 'utf8').trim();
        const id = await createSmarthost(runtime, name, {
          host: asked.host,
          port: asked.port ?? (asked.implicitTls ? 465 : 587),
          tls: asked.implicitTls ? 'implicit' : 'starttls',
          verify: true,
          username: asked.user,
          password,
          max_connections: asked.connections,
          messages_per_connection: asked.perConnection,
          messages_per_minute: asked.perMinute,
          note: '',
        });
        if (asked.json) print({ id });
        else console.log(`smarthost ${name} added: choose it for a pool in Sending, Sources`);
      }),
    );
  smarthost
    .command('test')
    .description('connect, sign in and say goodbye now; 1 when it fails, with the step and the words')
    .argument('<name>')
    .option(...jsonOption)
    .action((name: string, asked: Asked) =>
      deps.withRuntime(async (runtime) => {
        const row = await smarthostNamed(runtime, name);
        const { mta } = runtime.config;
        const test = await testSmarthost(runtime, row, mta.hostname || hostname());
        await runtime.store.write((tx) =>
          changeSmarthost(tx, row.id, { test: toJson(test), tested_at: test.at }),
        );
        if (asked.json) print(test);
        else if (test.state === 'failed') console.log(`${name}: failed at ${test.step}: ${test.words}`);
        else console.log(`${name}: signed in`);
        if (test.state === 'failed') process.exitCode = 1;
      }),
    );
  smarthost
    .command('use')
    .description(
      'let a pool leave through it: always, by failover, by a share of a hundred, or no more (off)',
    )
    .argument('<name>')
    .requiredOption('--pool <name>', 'the pool')
    .addOption(
      new Option('--mode <mode>').choices(['always', 'failover', 'share', 'off']).default('failover'),
    )
    .option('--share <number>', 'with --mode share: of a hundred messages', number)
    .option(...jsonOption)
    .action((name: string, asked: Asked & { pool: string; mode: Pool['smarthost_mode']; share?: number }) =>
      deps.withRuntime(async (runtime) => {
        const { id } = await smarthostNamed(runtime, name);
        const pool = await poolByName(runtime.store.read, asked.pool);
        if (pool === undefined) throw new Problem('not-found', `there is no pool ${asked.pool}`);
        await updatePool(runtime, pool.id, {
          smarthost_id: id,
          smarthost_mode: asked.mode,
          smarthost_share: asked.mode === 'share' ? (asked.share ?? 0) : 0,
        });
        if (asked.json) print({ pool: pool.name, smarthost: name, mode: asked.mode });
        else console.log(`${pool.name}: ${name}, ${asked.mode}`);
      }),
    );
  smarthost
    .command('remove')
    .description('pools let go of it and its password is forgotten')
    .argument('<name>')
    .option(...jsonOption)
    .action((name: string, asked: Asked) =>
      deps.withRuntime(async (runtime) => {
        const { id } = await smarthostNamed(runtime, name);
        await dropSmarthost(runtime, id);
        if (asked.json) print({ id });
        else console.log(`smarthost ${name} removed`);
      }),
    );
}

interface AddSmarthost {
  host: string;
  port?: number;
  implicitTls?: boolean;
  user: string;
  passwordFile?: string;
  connections: number;
  perConnection: number;
  perMinute: number;
}

async function sourceNamed(db: Runtime['store']['read'], name: string): Promise<SourceInPools> {
  const row = (await sourcesInPools(db)).find((one) => one.name === name);
  if (row === undefined) throw new Problem('not-found', `there is no source ${name}`);
  return row;
}

async function smarthostNamed({ store }: Runtime, name: string): Promise<Smarthost> {
  const row = (await smarthosts(store.read)).find((one) => one.name === name);
  if (row === undefined) throw new Problem('not-found', `there is no smarthost ${name}`);
  return row;
}

const until = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ');

function sourceLine(row: SourceInPools, now: number): string {
  const { aside_until, aside_reason } = row;
  const health =
    row.paused === 1
      ? 'paused'
      : aside_until !== null && aside_until > now
        ? `set aside until ${until(aside_until)}: ${aside_reason}`
        : 'works';
  const pools = row.pools.map((one) => `${one.pool}:${one.weight}`).join(' ');
  return [row.name, row.ip, row.ehlo, pools, health, tickWords(ticksOf(row))].filter(Boolean).join('  ');
}

function smarthostLine(row: Smarthost, now: number): string {
  const { aside_until, aside_reason } = row;
  const health =
    aside_until !== null && aside_until > now
      ? `set aside until ${until(aside_until)}: ${aside_reason}`
      : row.paused === 1
        ? 'paused'
        : 'works';
  return `${row.name}  ${row.host}:${row.port}  ${row.tls}  ${health}`;
}

const tickWords = (ticks: readonly Tick[]): string =>
  ticks
    .map(
      ({ what, status, found }) => `${what} ${status}${status === 'wrong' ? ` (${found.join(', ')})` : ''}`,
    )
    .join(', ');
