/**
 * Campaigns at a terminal: look at the checks, send, schedule, answer for red checks, and what to do where one stopped.
 * The same doors as the interface: a red check refuses here too, and an override is written down with its reason.
 */
import type { Command } from 'commander';
import { overrideChecks, examineCampaign, scheduleCampaign, sendCampaign } from '../core/campaign/start.ts';
import type { Preflight } from '../core/campaign/preflight.ts';
import { Problem } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import { addAudit, userByEmail } from '../core/store/user.ts';
import { may } from './http/policy.ts';
import type { CommandDeps } from './commands.ts';

interface Asked {
  json?: boolean;
  override?: string;
  as?: string;
}

const LEVELS = { ok: 'ok', warn: 'warning', block: 'BLOCKS' } as const;

export function campaignCommands(program: Command, { withRuntime }: CommandDeps): void {
  const campaign = program.command('campaign').description('look at, send and schedule campaigns');
  campaign
    .command('check <id>')
    .description('what stands in the way of sending it; the exit status is 1 while something does')
    .option('--json', 'print the answer as JSON')
    .action((id: string, options: Asked) =>
      withRuntime(async (rt) => {
        const found = await examineCampaign(rt, whole(id), { fresh: true });
        if (options.json) console.log(JSON.stringify(found));
        else for (const line of inWords(found)) console.log(line);
        if (!found.ready) process.exitCode = 1;
      }),
    );
  const door = (name: string, description: string) =>
    campaign
      .command(name)
      .description(description)
      .option('--override <reason>', 'answer for the checks that are red: the reason is kept in the audit')
      .option('--as <email>', 'whose override it is: somebody with the right to it')
      .option('--json', 'print the answer as JSON');
  door('send <id>', 'send it now; refused while a check blocks it').action((id: string, options: Asked) =>
    withRuntime(async (rt) => {
      await answerFor(rt, whole(id), options);
      const sent = await sendCampaign(rt, whole(id));
      await audit(rt, sent.id, 'campaign sent');
      if (options.json) console.log(JSON.stringify({ id: sent.id, state: sent.state }));
      else console.log(`campaign ${sent.id} is being sent`);
    }),
  );
  door(
    'schedule <id> <time>',
    'send it at a time (2026-05-04T09:00, with Z or an offset); checked again before',
  ).action((id: string, time: string, options: Asked) =>
    withRuntime(async (rt) => {
      const at = Date.parse(time);
      if (Number.isNaN(at)) throw new Problem('invalid', `${time} is not a time: write 2026-05-04T09:00Z`);
      await answerFor(rt, whole(id), options);
      const row = await scheduleCampaign(rt, whole(id), at);
      await audit(rt, row.id, 'campaign scheduled');
      if (options.json) console.log(JSON.stringify({ id: row.id, state: row.state, scheduled_at: at }));
      else console.log(`campaign ${row.id} starts at ${new Date(at).toISOString()}`);
    }),
  );
}

/** Red checks are answered for by a person who may, at a terminal too. */
async function answerFor(rt: Runtime, id: number, { override, as }: Asked): Promise<void> {
  if (override === undefined) return;
  if (as === undefined) throw new Problem('invalid', '--override needs --as: whose answer it is');
  const user = await userByEmail(rt.store.read, as);
  if (user === undefined || user.disabled_at !== null)
    throw new Problem('not-found', `there is no user ${as}`);
  if (!may(user.role, 'campaign.override'))
    throw new Problem('forbidden', `${as} has the role ${user.role}, which may not override a check`);
  if ((await examineCampaign(rt, id, { fresh: true })).ready) return;
  await overrideChecks(rt, id, { reason: override, by: user.id, via: 'the command line' });
}

const audit = (rt: Runtime, id: number, action: string): Promise<void> =>
  rt.store.write((tx) =>
    addAudit(
      tx,
      { userId: null, action, subject: `campaign:${id}`, detail: { via: 'the command line' } },
      rt.clock.now(),
    ),
  );

function inWords({ checks, ready, override, audience }: Preflight): string[] {
  const weight = { block: 0, warn: 1, ok: 2 };
  const answered = new Set(override?.checks);
  return [
    ...checks
      .toSorted((one, other) => weight[one.level] - weight[other.level])
      .flatMap((one) => [
        `${(answered.has(one.id) && one.level === 'block' ? 'answered for' : LEVELS[one.level]).padEnd(12)}  ${one.says}${one.place === null ? '' : `  (${one.place})`}`,
        ...(one.fix !== '' && one.level !== 'ok' ? [`${' '.repeat(14)}${one.fix}`] : []),
      ]),
    ...(override === null ? [] : [`answered for: ${override.reason}`]),
    ready ? `ready: ${audience.mailable} people get it` : 'not ready',
  ];
}

function whole(text: string): number {
  const id = Number(text);
  if (!Number.isSafeInteger(id) || id < 1) throw new Problem('invalid', `${text} is not a campaign's number`);
  return id;
}
