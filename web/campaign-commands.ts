/**
 * Campaigns at a terminal: look at the checks, send, schedule, answer for red checks, and what to do where one stopped.
 * The same doors as the interface: a red check refuses here too, and an override is written down with its reason.
 */
import type { Command } from 'commander';
import { nameOf } from '../core/campaign/check.ts';
import { overrideChecks, examineCampaign, scheduleCampaign, sendCampaign } from '../core/campaign/start.ts';
import type { Preflight } from '../core/campaign/preflight.ts';
import { endIncident } from '../core/audience/quarantine.ts';
import { endStop, stopsOfCampaign } from '../core/campaign/stop.ts';
import { Problem } from '../core/errors.ts';
import { incidents } from '../core/store/incident.ts';
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
  stopCommands(campaign, { withRuntime });
}

function stopCommands(campaign: Command, { withRuntime }: CommandDeps): void {
  campaign
    .command('stops <id>')
    .description('where a campaign stopped, with the receiver’s words')
    .option('--json', 'print the answer as JSON')
    .action((id: string, options: Asked) =>
      withRuntime(async (rt) => {
        const rows = await stopsOfCampaign(rt, whole(id));
        if (options.json) return console.log(JSON.stringify(rows));
        for (const row of rows) {
          console.log(
            `${row.id}  ${row.provider}  ${row.state}: ${row.reason}, ${row.hard} hard bounces and ${row.complaints} complaints of ${row.attempts}`,
          );
          for (const reply of row.replies) console.log(`    ${reply}`);
        }
        if (rows.length === 0) console.log('it stopped nowhere');
      }),
    );
  campaign
    .command('slower <stop>')
    .description('go on where it stopped, at a quarter of its pace there or at the one that is given')
    .option('--per-hour <messages>', 'messages an hour')
    .action((stop: string, options: { perHour?: string }) =>
      withRuntime(async (rt) => {
        const ratePerHour = options.perHour === undefined ? undefined : whole(options.perHour);
        const row = await endStop(rt, whole(stop), { kind: 'slower', ratePerHour }, null);
        console.log(`it goes on at ${row.provider} with ${row.rate_per_hour} messages an hour`);
      }),
    );
  campaign
    .command('cancel-at <stop>')
    .description('take back what has not left for the provider where it stopped')
    .action((stop: string) =>
      withRuntime(async (rt) => {
        const row = await endStop(rt, whole(stop), { kind: 'cancelled' }, null);
        console.log(`nothing more of it goes to ${row.provider}`);
      }),
    );
}

export function incidentCommands(program: Command, { withRuntime }: CommandDeps): void {
  const incident = program
    .command('incident')
    .description('providers that denied far more of their users than usual; their bounces are kept apart');
  incident
    .command('list')
    .option('--json', 'print the answer as JSON')
    .action((options: Asked) =>
      withRuntime(async (rt) => {
        const rows = await incidents(rt.store.read);
        if (options.json) return console.log(JSON.stringify(rows));
        if (rows.length === 0) console.log('none');
        for (const row of rows)
          console.log(
            `${row.id}  ${row.provider}  ${row.closed_at === null ? 'open' : (row.outcome ?? '')}  since ${new Date(row.opened_at).toISOString()}, ${row.quarantined} bounces kept apart, ${row.waiting} undecided`,
          );
      }),
    );
  for (const [name, outcome, description] of [
    ['forgive', 'forgiven', 'end it; nobody is suppressed, and the next message to each decides'],
    ['suppress', 'suppressed', 'end it; the addresses that bounced are suppressed after all'],
  ] as const)
    incident
      .command(`${name} <id>`)
      .description(description)
      .action((id: string) =>
        withRuntime(async (rt) => {
          const decided = await endIncident(rt, whole(id), { outcome, by: null });
          console.log(`${decided} bounces ${outcome}`);
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
        `${(answered.has(nameOf(one)) && one.level === 'block' ? 'answered for' : LEVELS[one.level]).padEnd(12)}  ${one.says}${one.place === null ? '' : `  (${one.place})`}`,
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
