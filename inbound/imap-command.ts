/** `parley imap`: mailboxes elsewhere, from the terminal. */
import { Option, type Command } from 'commander';
import { Problem } from '../core/errors.ts';
import {
  createImapAccount,
  dropImapAccount,
  openImapSecret,
  updateImapAccount,
} from '../core/imap-account.ts';
import { imapAccountNamed, imapAccounts, type ImapAccount } from '../core/store/imap-account.ts';
import { receivingAddresses } from '../core/store/inbound.ts';
import type { Db } from '../core/store/tables.ts';
import { accessToken, connectImap, ImapFault } from './imap-client.ts';
import type { Deps } from './report-command.ts';

export function imapCommands(program: Command, deps: Deps): void {
  const imap = program
    .command('imap')
    .description('mailboxes elsewhere whose mail is pulled: at Google, Microsoft or any IMAP host');

  imap
    .command('list')
    .description('each with how the last look went')
    .action(() =>
      deps.withRuntime(async ({ store }) => {
        const rows = await imapAccounts(store.read);
        if (rows.length === 0) console.log('none is connected');
        for (const row of rows) console.log(lineOf(row));
      }),
    );

  imap
    .command('add')
    .description('connect one; what comes from now on is pulled')
    .argument('<name>')
    .requiredOption('--host <host>', 'imap.example.com')
    .requiredOption('--user <name>')
    .requiredOption('--mailbox <address>', 'our shared mailbox for mail that names none of our addresses')
    .option('--port <number>', 'default: 993, or 143 with --starttls')
    .option('--starttls', 'STARTTLS instead of TLS at once')
    .option('--password-env <variable>', 'the environment variable that holds the password')
    .option('--token-url <url>', 'OAuth2: where the refresh token is exchanged')
    .option('--client-id <id>', 'OAuth2')
    .option('--client-secret-env <variable>', 'OAuth2: the environment variable that holds the client secret')
    .option('--refresh-token-env <variable>', 'OAuth2: the environment variable that holds the refresh token')
    .option('--folder <name>', 'which folder', 'INBOX')
    .addOption(
      new Option('--after <what>', 'over there, once it is safe here')
        .choices(['keep', 'seen', 'move'])
        .default('keep'),
    )
    .option('--move-to <folder>', 'with --after move')
    .action((name: string, options: AddOptions) =>
      deps.withRuntime(async (rt) => {
        const isOauth = options.tokenUrl !== undefined;
        await createImapAccount(rt, name, {
          host: options.host,
          port: options.port === undefined ? (options.starttls ? 143 : 993) : Number(options.port),
          tls: options.starttls ? 'starttls' : 'implicit',
          verify: true,
          username: options.user,
          auth: isOauth ? 'oauth2' : 'password',
          password: fromEnvironment(options.passwordEnv),
          client_id: options.clientId,
          client_secret: fromEnvironment(options.clientSecretEnv),
          refresh_token: fromEnvironment(options.refreshTokenEnv),
          token_url: options.tokenUrl ?? '',
          folder: options.folder,
          after: options.after,
          move_to: options.moveTo ?? '',
          mailbox_id: await mailboxOf(rt.store.read, options.mailbox),
        });
        console.log(`${name} is connected; \`parley imap test ${name}\` tries it`);
      }),
    );

  imap
    .command('test')
    .description('connect, sign in, open the folder, and say goodbye; nothing is pulled')
    .argument('<name>')
    .action((name: string) =>
      deps.withRuntime(async (rt) => {
        const row = await named(rt.store.read, name);
        const secret = openImapSecret(rt.secrets, row);
        try {
          const credential =
            row.auth === 'oauth2'
              ? (await accessToken(row.token_url, secret)).token
              : (secret.password ?? '');
          const session = await connectImap(row, credential);
          try {
            const { uidNext } = await session.open(row.folder);
            console.log(`signed in; ${row.folder} is there, its next message is number ${uidNext}`);
            console.log(`folders: ${(await session.folders()).join(', ')}`);
          } finally {
            await session.close();
          }
        } catch (error) {
          if (!(error instanceof ImapFault)) throw error;
          throw new Problem('conflict', `${row.host} failed at ${error.step}: ${error.message}`);
        }
      }),
    );

  for (const [verb, paused] of [
    ['pause', true],
    ['resume', false],
  ] as const)
    imap
      .command(verb)
      .description(paused ? 'pull nothing from it' : 'go on where it was')
      .argument('<name>')
      .action((name: string) =>
        deps.withRuntime(async (rt) => {
          const row = await named(rt.store.read, name);
          await updateImapAccount(rt, row.id, { paused });
          console.log(`${name} ${paused ? 'is paused' : 'goes on'}`);
        }),
      );

  imap
    .command('remove')
    .description('let go of it; what was pulled stays')
    .argument('<name>')
    .action((name: string) =>
      deps.withRuntime(async (rt) => {
        const row = await named(rt.store.read, name);
        await dropImapAccount(rt, row.id);
        console.log(`${name} is removed`);
      }),
    );
}

interface AddOptions {
  host: string;
  user: string;
  mailbox: string;
  port?: string;
  starttls?: boolean;
  passwordEnv?: string;
  tokenUrl?: string;
  clientId?: string;
  clientSecretEnv?: string;
  refreshTokenEnv?: string;
  folder: string;
  after: ImapAccount['after'];
  moveTo?: string;
}

/** Secrets come by the environment: an argument is seen by everybody on the machine. */
function fromEnvironment(variable: string | undefined): string | undefined {
  if (variable === undefined) return undefined;
  const value = process.env[variable];
  if (value === undefined || value === '') throw new Problem('invalid', `${variable} is not set`);
  return value;
}

async function mailboxOf(db: Db, address: string): Promise<number> {
  const { mailboxes } = await receivingAddresses(db);
  const found = mailboxes.find((one) => one.address === address.toLowerCase());
  if (found !== undefined) return found.id;
  throw new Problem(
    'invalid',
    `there is no shared mailbox ${address}; there are: ${mailboxes.map((one) => one.address).join(', ') || 'none'}`,
  );
}

async function named(db: Db, name: string): Promise<ImapAccount> {
  const row = await imapAccountNamed(db, name);
  if (row === undefined) throw new Problem('not-found', `there is no connected mailbox ${name}`);
  return row;
}

function lineOf(row: ImapAccount): string {
  const state =
    row.paused === 1
      ? 'paused'
      : row.error !== null
        ? `fails at ${row.error}`
        : row.checked_at === null
          ? 'not looked at yet'
          : `looked at ${new Date(row.checked_at).toISOString()}`;
  return `${row.name}  ${row.username} at ${row.host}:${row.port}, ${row.folder}  ${row.taken} pulled, ${row.skipped} passed over  ${state}`;
}
