/**
 * The parley command. It gathers each house's commands, and `serve` starts the roles by name and stops them in reverse.
 * Only this file may import all houses; the lab is loaded when a command asks for it.
 */
import { Command, CommanderError } from 'commander';
import { ConfigError, loadConfig } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { explain, Problem } from './core/errors.ts';
import { createLog, type Log } from './core/log.ts';
import type { Role, Runtime } from './core/runtime.ts';
import { startRuntime, type Started } from './core/start.ts';
import { doctorCommand } from './core/doctor.ts';
import { commands as inboundCommands } from './inbound/commands.ts';
import { examineScanners } from './inbound/scan-doctor.ts';
import { inbound } from './inbound/service.ts';
import { examineWays } from './inbound/way-doctor.ts';
import { commands as mtaCommands } from './mta/commands.ts';
import { mta } from './mta/service.ts';
import { commands as webCommands } from './web/commands.ts';
import { web } from './web/service.ts';

const roles: Record<Config['roles'][number], (runtime: Runtime) => Role> = { mta, inbound, web };

/** What a house's commands are given: the configuration when they need it, a runtime that closes after them. */
export interface CommandDeps {
  config(): Config;
  /** Opens the store for one command; the server may be running beside it. */
  withRuntime<T>(work: (runtime: Runtime) => Promise<T>): Promise<T>;
  log(): Log;
}

const program = new Command('parley')
  .description('A mail server bundle that a team runs itself: campaigns out, replies in, one audience.')
  .option('-c, --config <file>', 'settings file (YAML); the environment variable PARLEY_CONFIG names one too')
  .version('0.1.0')
  .showHelpAfterError('(parley --help lists the commands)')
  .exitOverride();

const deps: CommandDeps = {
  config: () => {
    const file = program.opts<{ config?: string }>().config ?? process.env['PARLEY_CONFIG'];
    return loadConfig({ file });
  },
  log: () => createLog(deps.config().log_level),
  async withRuntime(work) {
    // A command's answer is on standard output; what it logs would only be in the way, warnings apart.
    const runtime = await startRuntime(deps.config(), createLog('warn'), { exclusive: false });
    try {
      return await work(runtime);
    } finally {
      await runtime.close();
    }
  },
};

program
  .command('serve')
  .description('run the server: the roles of the configuration, until told to stop')
  .option('--roles <names>', 'only these roles, by comma: mta, inbound, web')
  .action(async (options: { roles?: string }) => {
    const config = deps.config();
    const names = options.roles === undefined ? config.roles : (options.roles.split(',') as Config['roles']);
    for (const name of names) {
      if (!(name in roles))
        throw new Problem('invalid', `there is no role ${name}; the roles are mta, inbound and web`);
    }
    await serve(config, names);
  });

doctorCommand(program, { ...deps, examinations: [examineScanners, examineWays] });
mtaCommands(program, deps);
inboundCommands(program, deps);
webCommands(program, deps);

program
  .command('demo')
  .description('the whole main job in the built-in world: import, send, receive, answer, compare the ledgers')
  .option(
    '--once',
    'do the job, print the ledger and exit: 0 when both ledgers agree, 1 with the differences',
  )
  .option('--contacts <number>', 'how many people', '10000')
  .option('--speed <factor>', 'seconds of the world per real second', '60')
  .option('--seed <number>', 'the same seed gives the same world', '1')
  .option('--json', 'print the ledger as one JSON object on the last line')
  .action(async (options) => {
    const { demo } = await import('./lab/demo.ts');
    process.exitCode = await demo(options);
  });

program
  .command('rehearse')
  .description(
    'send a real campaign into the built-in world, answered as your providers did of late, and forecast its end',
  )
  .argument('<campaign>', 'number of the campaign')
  .option('--speed <factor>', 'seconds of the world per real second', '60')
  .option('--sample <number>', 'how many of its people at most', '300')
  .option('--json', 'print JSON')
  .action(async (campaign: string, options) => {
    const { rehearse } = await import('./lab/rehearse.ts');
    process.exitCode = await deps.withRuntime((runtime) => rehearse(runtime, { campaign, ...options }));
  });

program
  .command('crash')
  .description(
    'kill the server at random moments of import, fan-out, sending and receiving, and compare the ledgers',
  )
  .option('--runs <number>', 'how many kills', '100')
  .option('--seed <number>', 'the same seed gives the same moments', '1')
  .option('--inbound', 'only mail that comes in, on many connections at once')
  .option('--json', 'print the figures as one JSON object on the last line')
  .action(async (options) => {
    if (options.inbound === true) {
      const { crashInbound } = await import('./lab/crash-inbound.ts');
      process.exitCode = await crashInbound(options);
      return;
    }
    const { crash } = await import('./lab/crash.ts');
    process.exitCode = await crash(options);
  });

program
  .command('faults')
  .description(
    'send to a destination that misbehaves in every way of the fault matrix, and to others that must not feel it',
  )
  .option('--runs <number>', 'how often each row', '25')
  .option('--row <words>', 'only rows with these words in their name')
  .option('--healthy <number>', 'messages to the other destinations in each run', '600')
  .option('--json', 'print the figures as one JSON object on the last line')
  .action(async (options) => {
    const { faults } = await import('./lab/faults.ts');
    process.exitCode = await faults(options);
  });

program
  .command('powercut')
  .description(
    'record every write, sync and promise of a server at work, and open its files as a power cut at any point leaves them',
  )
  .option('--messages <number>', 'how many messages come in', '120')
  .option('--images <number>', 'how many power cuts', '10000')
  .option('--seed <number>', 'the same seed gives the same cuts of the same record', '1')
  .option('--driver <name>', 'SQLite driver: auto, sqlite3 or node:sqlite', 'auto')
  .option('--json', 'print the figures as one JSON object on the last line')
  .action(async (options) => {
    const { powercut } = await import('./lab/powercut.ts');
    process.exitCode = await powercut(options);
  });

program
  .command('bench <name>')
  .description('measure one thing with its peer in the same run; `parley bench list` names them')
  .option('--quick', 'a form of under 40 seconds')
  .option('--rounds <number>', 'how many rounds')
  .option('--count <number>', 'how many messages, recipients or rows')
  .option('--json', 'print the figures as one JSON object on the last line')
  .action(async (name: string, options) => {
    const { bench } = await import('./lab/bench.ts');
    process.exitCode = await bench(name, options);
  });

/** Whoever waits is told to come again before the process ends. */
const LAST_WORDS_MS = 500;

async function serve(config: Config, names: Config['roles']): Promise<void> {
  const log = createLog(config.log_level);
  const runtime = await startRuntime(config, log, {
    exclusive: true,
    // The system reports a failed sync once and then forgets it: to go on would be to promise what may not be on disk.
    onBroken: (error) => {
      log.error('the disk failed: stopping, so that a restart finds out what was kept', { error });
      setTimeout(() => process.exit(1), LAST_WORDS_MS);
    },
  });
  const started: Role[] = [];
  let stopping: Promise<void> | undefined;
  const stop = (why: string) => (stopping ??= stopAll(started, runtime, log, why));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop(signal));
  // An error that nobody caught leaves us in a state that nobody thought of: what is on disk is sound, so start again.
  process.on('uncaughtException', (error) => {
    log.error('uncaught error', { error });
    process.exit(1);
  });
  process.on('unhandledRejection', (error) => {
    log.error('unhandled rejection', { error });
    process.exit(1);
  });
  try {
    for (const name of names) {
      const role = roles[name](runtime);
      await role.start();
      started.push(role);
      log.info('role started', { role: name });
    }
  } catch (error) {
    await stop('a role did not start');
    throw error;
  }
  process.send?.({ kind: 'ready' });
}

async function stopAll(started: Role[], runtime: Started, log: Log, why: string): Promise<void> {
  log.info('stopping', { why });
  for (const role of started.toReversed()) {
    await role
      .stop()
      .catch((error: unknown) => log.error('role did not stop cleanly', { role: role.name, error }));
  }
  await runtime.close();
  log.info('stopped');
}

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = lastWords(error);
}

/** Plain words and an exit status: 2 for a call that is wrong, 1 for one that failed. No stack. */
function lastWords(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof ConfigError) {
    console.error(`parley: ${error.message}`);
    return 2;
  }
  console.error(`parley: ${explain(error)}`);
  if (error instanceof Problem) {
    for (const [field, message] of Object.entries(error.fields)) console.error(`  ${field}: ${message}`);
    return error.code === 'invalid' ? 2 : 1;
  }
  return 1;
}
