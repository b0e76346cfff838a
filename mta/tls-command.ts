/** `parley tls`: how encrypted sessions with mail hosts ended, and the MTA-STS policies that are kept. */
import type { Command } from 'commander';
import type { Runtime } from '../core/runtime.ts';
import { fromJson } from '../core/store/json.ts';
import { policiesShown } from '../core/store/mta-sts.ts';
import { tlsDay, tlsResults } from '../core/store/tls-result.ts';
import { print, table, whole } from './queue-words.ts';

interface Deps {
  withRuntime<T>(work: (runtime: Runtime) => Promise<T>): Promise<T>;
}

interface Asked {
  days: number;
  limit: number;
  domain?: string;
  failures?: boolean;
  json?: boolean;
}

const DAY_MS = 86_400_000;
const dateOf = (at: number) => new Date(at).toISOString().slice(0, 10);

export function tlsCommands(program: Command, deps: Deps): void {
  const tls = program
    .command('tls')
    .description('how encrypted sessions with mail hosts ended, failures first')
    .option('--days <number>', 'how many days back', whole('--days'), 7)
    .option('--limit <number>', 'how many lines', whole('--limit'), 50)
    .option('--domain <name>', 'only this recipient domain')
    .option('--failures', 'only what failed')
    .option('--json', 'print JSON')
    .action((asked: Asked) =>
      deps.withRuntime(async ({ store, clock }) => {
        const to = tlsDay(clock.now());
        const rows = await tlsResults(store.read, {
          from: to - asked.days + 1,
          to,
          domain: asked.domain?.toLowerCase(),
          failuresOnly: asked.failures,
          limit: asked.limit,
        });
        if (asked.json) return print(rows);
        if (rows.length === 0) return console.log('no sessions in that time');
        const lines = rows.map((row) => [
          dateOf(row.day * DAY_MS),
          row.domain,
          row.mx,
          row.policy,
          row.result,
          String(row.sessions),
          row.detail.slice(0, 80),
        ]);
        for (const line of table([
          ['day', 'domain', 'host', 'policy', 'result', 'sessions', 'detail'],
          ...lines,
        ]))
          console.log(line);
      }),
    );

  tls
    .command('policies')
    .description('the MTA-STS policies of recipient domains that are kept')
    .action((_: unknown, command: Command) =>
      deps.withRuntime(async ({ store }) => {
        const { json, limit } = command.optsWithGlobals<Asked>();
        const rows = await policiesShown(store.read, limit);
        if (json) return print(rows);
        if (rows.length === 0) return console.log('no policies are kept');
        const lines = rows.map((row) => [
          row.domain,
          row.mode,
          fromJson<string[]>(row.mx, []).join(' '),
          dateOf(row.expires_at),
          row.failure ?? '',
        ]);
        for (const line of table([['domain', 'mode', 'hosts', 'until', 'last fetch'], ...lines]))
          console.log(line);
      }),
    );
}
