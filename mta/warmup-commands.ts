/**
 * `parley warmup`: where each new address stands at each provider, and the hand on it: begin, pause, or say that it is warm
 * already. It writes rows; a running server sees them within half a second.
 */
import { Option, type Command } from 'commander';
import { Problem } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import { changeWarmup } from '../core/sending/warmup-service.ts';
import { warmupView, type WarmupView } from '../core/sending/warmup-view.ts';
import type { WarmupState } from '../core/sending/warmup.ts';
import { sources } from '../core/store/identity.ts';

interface Deps {
  withRuntime<T>(work: (runtime: Runtime) => Promise<T>): Promise<T>;
}

interface Asked {
  provider?: string;
  plan?: number[];
  step?: number;
  all?: boolean;
  json?: boolean;
}

export function warmupCommands(program: Command, deps: Deps): void {
  const warmup = program
    .command('warmup')
    .description(
      'new addresses that grow slowly at each provider: a day’s allowance that steps up on clean days',
    );

  warmup
    .command('list', { isDefault: true })
    .description('where each source stands, and today’s room')
    .option('--all', 'also providers that nothing was sent to')
    .option('--json', 'print JSON')
    .action((asked: Asked) => deps.withRuntime(async (runtime) => show(await warmupView(runtime), asked)));

  const acts: [string, string, WarmupState][] = [
    ['start', 'begin the warm-up of a source, or go on after a pause', 'running'],
    ['pause', 'stay at the step of today', 'paused'],
    ['warm', 'it is warm already: no daily limit', 'warm'],
  ];
  for (const [name, says, state] of acts) {
    const command = warmup
      .command(name)
      .description(says)
      .argument('<source>', 'name or number of a source')
      .option('--provider <id>', 'only at this provider (google, orange, default …); else at all')
      .option('--json', 'print JSON');
    if (state === 'running')
      command
        .addOption(
          new Option('--plan <numbers>', 'messages a day, step by step, by comma').argParser((text) =>
            text.split(',').map(Number),
          ),
        )
        .addOption(
          new Option('--step <number>', 'the step to begin at, from 1').argParser((text) => Number(text) - 1),
        );
    command.action((which: string, asked: Asked) =>
      deps.withRuntime(async (runtime) => {
        const { plan, step, provider } = asked;
        if (step !== undefined && !(Number.isSafeInteger(step) && step >= 0))
          throw new Problem('invalid', '--step is a number from 1');
        await changeWarmup(
          runtime,
          { sourceId: await sourceBy(runtime, which), provider, state, plan, step },
          null,
        );
        show(await warmupView(runtime), asked);
      }),
    );
  }
}

async function sourceBy({ store }: Runtime, which: string): Promise<number> {
  const found = (await sources(store.read)).find((one) => one.name === which || String(one.id) === which);
  if (found === undefined) throw new Problem('not-found', `there is no source ${which}`);
  return found.id;
}

function show(view: WarmupView, { json, all }: Asked): void {
  if (json === true) {
    console.log(JSON.stringify(view));
    return;
  }
  let lines = 0;
  for (const { name, ip, pool, providers } of view.sources) {
    if (providers.length === 0) continue;
    console.log(`${name}${ip === '' ? '' : ` (${ip})`}, pool ${pool}`);
    const busy = providers.filter(
      (one) => all === true || one.today.used > 0 || one.past.some((day) => day.sent > 0),
    );
    for (const { label, state, step, plan, today } of busy) {
      lines++;
      const room =
        today.cap === null ? 'no limit' : `${today.used} of ${today.cap} used today, ${today.left} left`;
      const bad =
        today.verdict === 'dirty' ? `, not clean: ${today.deferred} deferred, ${today.blocked} blocked` : '';
      console.log(`  ${label}: ${state}, step ${step + 1} of ${plan.length}, ${room}${bad}`);
    }
    const idle = providers.length - busy.length;
    if (idle > 0) console.log(`  ${idle} more providers that nothing was sent to yet (--all lists them)`);
    lines += idle;
  }
  console.log(
    lines === 0
      ? 'no source warms up; parley warmup start SOURCE begins it'
      : `next room at ${new Date(view.next_day_at).toISOString()} (midnight, ${view.timezone})`,
  );
}
