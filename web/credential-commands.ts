/** `parley credential`: the programs that may hand in mail or tell events. A running server obeys at once. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { Problem } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import { credentialByUsername, credentialLines, type Credential } from '../core/store/credential.ts';
import { fromJson } from '../core/store/json.ts';
import {
  DEFAULT_LIMITS,
  holdCredential,
  issueCredential,
  releaseCredential,
  revokeCredential,
  scopes,
  type Scope,
} from '../core/submission/credential.ts';
import type { CommandDeps } from './commands.ts';

interface Json {
  json?: boolean;
}

const print = (options: Json, value: unknown, words: () => string): void =>
  console.log(options.json ? JSON.stringify(value) : words());

const whole = (text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed');
  return Number(text);
};

export function credentialCommands(program: Command, { withRuntime }: CommandDeps): void {
  const credential = program
    .command('credential')
    .description('the programs that may hand in mail, by SMTP or with an API key, or tell events');

  credential
    .command('add <name>')
    .description('make one; prints its secret, once')
    .requiredOption('--kind <kind>', 'smtp or api')
    .option('--sender <sender...>', 'what may stand in From: addresses, or @domain; needed for mail', [])
    .addOption(
      new Option('--scope <scope...>', 'what an API key is for').choices(scopes).default(['mail'], 'mail'),
    )
    .option('--daily-cap <n>', 'recipients a day; 0: no cap', whole, DEFAULT_LIMITS.daily_cap)
    .option(
      '--new-recipients <n>',
      'addresses never mailed before, in any hour, from which it is held; 0: no brake',
      whole,
      DEFAULT_LIMITS.new_recipients_per_hour,
    )
    .option(
      '--bounce-percent <n>',
      'share of hard bounces from which it is held; 0: no brake',
      whole,
      DEFAULT_LIMITS.bounce_percent,
    )
    .option('--json', 'print the answer as JSON')
    .action(
      (
        name: string,
        options: Json & {
          kind: string;
          sender: string[];
          scope: Scope[];
          dailyCap: number;
          newRecipients: number;
          bouncePercent: number;
        },
      ) =>
        withRuntime(async (rt) => {
          const { kind } = options;
          if (kind !== 'smtp' && kind !== 'api')
            throw new Problem('invalid', `${kind} is no kind: smtp, api`);
          const made = await rt.store.write((tx) =>
            issueCredential(
              tx,
              {
                name,
                kind,
                senders: options.sender,
                scopes: options.scope,
                limits: {
                  daily_cap: options.dailyCap,
                  new_recipients_per_hour: options.newRecipients,
                  bounce_percent: options.bouncePercent,
                },
              },
              rt.clock.now(),
            ),
          );
          const { username } = made.credential;
          print(options, { username, secret: made.secret }, () =>
            kind === 'smtp' ? `username  ${username}\npassword  ${made.secret}` : `key  ${made.secret}`,
          );
        }),
    );

  credential
    .command('list')
    .description('all of them, what they sent today and how they stand')
    .option('--json', 'print the answer as JSON')
    .action((options: Json) =>
      withRuntime(async (rt) => {
        const rows = await credentialLines(rt.store.read, rt.clock.now());
        print(
          options,
          rows.map((row) => ({
            ...row,
            secret_hash: undefined,
            senders: fromJson<string[]>(row.senders, []),
          })),
          () =>
            rows
              .map(
                (row) =>
                  `${row.username}  ${row.state}  ${row.name}  ${row.recipients_today} today, ${row.held} held` +
                  (row.reason === '' ? '' : `  (${row.reason})`),
              )
              .join('\n') || 'none yet: parley credential add',
        );
      }),
    );

  const act = (
    name: string,
    says: string,
    work: (rt: Runtime, row: Credential, options: { reason?: string; cancel?: boolean }) => Promise<string>,
  ): Command =>
    credential
      .command(`${name} <username>`)
      .description(says)
      .action((username: string, options: { reason?: string; cancel?: boolean }) =>
        withRuntime(async (rt) => {
          // The API key's own name is enough; a whole key on a command line would be kept by the shell.
          const row = await credentialByUsername(rt.store.read, username);
          if (row === undefined) throw new Problem('not-found', `there is no credential ${username}`);
          console.log(await work(rt, row, options));
        }),
      );

  act('hold', 'keep back all of its mail, what waits and what comes', async (rt, row, { reason }) => {
    const held = await rt.store.write((tx) =>
      holdCredential(tx, row.id, reason ?? 'held by hand', { userId: null }, rt.clock.now()),
    );
    return held ? `${row.username} is held` : `${row.username} is ${row.state} already`;
  }).option('--reason <text>', 'why');
  act('release', 'let its mail go on', async (rt, row) => {
    await rt.store.write((tx) => releaseCredential(tx, row.id, { userId: null }, rt.clock.now()));
    return `${row.username} is released`;
  });
  act(
    'revoke',
    'it never logs in again; what waits goes on, unless --cancel',
    async (rt, row, { cancel }) => {
      await rt.store.write((tx) =>
        revokeCredential(tx, row.id, { userId: null, cancel: cancel ?? false }, rt.clock.now()),
      );
      return `${row.username} is revoked`;
    },
  ).option('--cancel', 'throw away what it left in the queue, as when it was stolen');
}
