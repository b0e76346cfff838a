/** What an administrator does at a terminal: users, suppressions, imports, sending domains. The server may run beside it. */
import type { Command } from 'commander';
import { suppress, unsuppress } from '../core/audience/suppress.ts';
import { Problem } from '../core/errors.ts';
import { checkDomain, createSendingDomain, dnsRecordsFor, type DnsRecord } from '../core/identity.ts';
import { beginRotation, KEEP_RECORD_MS, LOOK_EVERY_MS } from '../core/dkim-rotation.ts';
import { checkAddress, normaliseAddress } from '../core/mail/address.ts';
import { dkimRecordName } from '../core/mail/dkim-key.ts';
import type { Runtime } from '../core/runtime.ts';
import { contactByEmail } from '../core/store/contact.ts';
import { dkimKeysOf, type DkimKey } from '../core/store/dkim-key.ts';
import { sendingDomainByName, sendingDomains } from '../core/store/identity.ts';
import { suppressionList, suppressionsOf } from '../core/store/suppression.ts';
import type { Role, SuppressionScope } from '../core/store/tables.ts';
import { userByEmail, users } from '../core/store/user.ts';
import { role } from './contract/people.ts';
import { suppressionScope } from './contract/audience.ts';
import { invite, resetLink, updateUser } from './account.ts';
import { campaignCommands, incidentCommands } from './campaign-commands.ts';
import { credentialCommands } from './credential-commands.ts';
import { importCommand } from './import-command.ts';
import { personCommands } from './person-commands.ts';
import { metricsKey } from './http/health.ts';

export interface CommandDeps {
  withRuntime<T>(work: (runtime: Runtime) => Promise<T>): Promise<T>;
}

interface Json {
  json?: boolean;
}

const print = (options: Json, value: unknown, words: () => string): void =>
  console.log(options.json ? JSON.stringify(value) : words());

export function commands(program: Command, deps: CommandDeps): void {
  userCommands(program, deps);
  suppressCommands(program, deps);
  domainCommands(program, deps);
  importCommand(program, deps);
  personCommands(program, deps);
  campaignCommands(program, deps);
  incidentCommands(program, deps);
  credentialCommands(program, deps);
  program
    .command('metrics-key')
    .description('print the key with which another machine may read /metrics (as a bearer token)')
    .action(() => deps.withRuntime(async (rt) => console.log(metricsKey(rt))));
}

// ── users ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function userCommands(program: Command, { withRuntime }: CommandDeps): void {
  const user = program.command('user').description('the people who may sign in');
  user
    .command('add <email>')
    .description(
      'add somebody; prints a link, good for seven days and once, with which they set their password',
    )
    .option('--name <name>', 'their name')
    .option('--role <role>', `one of ${role.options.join(', ')}`, 'agent')
    .option('--language <language>', 'fr or en', 'en')
    .option('--json', 'print the answer as JSON')
    .action((email: string, options: Json & { name?: string; role: string; language: string }) =>
      withRuntime(async (rt) => {
        const asked = role.safeParse(options.role);
        if (!asked.success)
          throw new Problem('invalid', `${options.role} is not a role: ${role.options.join(', ')}`);
        if (options.language !== 'fr' && options.language !== 'en')
          throw new Problem('invalid', `${options.language} is not a language: fr, en`);
        const made = await invite(
          rt,
          {
            email,
            name: options.name ?? (email.split('@')[0] as string),
            role: asked.data as Role,
            language: options.language,
          },
          null,
        );
        print(options, made, () => `${email} may come in by this link, once:\n${made.link}`);
      }),
    );
  user
    .command('list')
    .description('everybody with role and state')
    .option('--json', 'print the answer as JSON')
    .action((options: Json) =>
      withRuntime(async (rt) => {
        const rows = (await users(rt.store.read)).map(({ password_hash, ...one }) => ({
          ...one,
          has_password: password_hash !== null,
        }));
        print(options, rows, () =>
          rows.length === 0
            ? 'nobody yet'
            : rows
                .map(
                  (one) =>
                    `${one.email}  ${one.role}  ${one.disabled_at !== null ? 'disabled' : one.has_password ? 'active' : 'invited'}  ${one.name}`,
                )
                .join('\n'),
        );
      }),
    );
  user
    .command('reset-link <email>')
    .description('a link with which somebody sets a new password, good for a day and once')
    .option('--json', 'print the answer as JSON')
    .action((email: string, options: Json) =>
      withRuntime(async (rt) => {
        const made = await resetLink(rt, (await existingUser(rt, email)).id, null);
        print(options, made, () => made.link);
      }),
    );
  user
    .command('disable <email>')
    .description('sign somebody out everywhere and let them in no more')
    .action((email: string) =>
      withRuntime(async (rt) => {
        await updateUser(rt, (await existingUser(rt, email)).id, { disabled: true }, null);
        console.log(`${email} is disabled`);
      }),
    );
  user
    .command('enable <email>')
    .description('let somebody in again')
    .action((email: string) =>
      withRuntime(async (rt) => {
        await updateUser(rt, (await existingUser(rt, email)).id, { disabled: false }, null);
        console.log(`${email} may sign in again`);
      }),
    );
}

async function existingUser({ store }: Runtime, email: string) {
  const found = await userByEmail(store.read, email);
  if (found === undefined) throw new Problem('not-found', `there is no user ${email}`);
  return found;
}

// ── suppressions ──────────────────────────────────────────────────────────────────────────────────────────────────

function suppressCommands(program: Command, { withRuntime }: CommandDeps): void {
  const command = program.command('suppress').description('who may not be mailed');
  command
    .command('add <address>')
    .description('stop mail to an address; a running server obeys within a second')
    .option('--scope <scope>', 'everything, marketing, list:ID or brand:ID', 'everything')
    .requiredOption('--because <words>', 'why: kept as the evidence')
    .option('--json', 'print the answer as JSON')
    .action((address: string, options: Json & { scope: string; because: string }) =>
      withRuntime(async (rt) => {
        if (!suppressionScope.safeParse(options.scope).success)
          throw new Problem(
            'invalid',
            `${options.scope} is not a scope: everything, marketing, list:ID, brand:ID`,
          );
        const email = checkAddress(address).kind === 'address' ? normaliseAddress(address) : undefined;
        if (email === undefined) throw new Problem('invalid', `${address} is not an address`);
        const [added] = await suppress(rt, {
          address: email,
          scope: options.scope as SuppressionScope,
          reason: 'manual',
          contact_id: (await contactByEmail(rt.store.read, email))?.id ?? null,
          evidence: options.because,
        });
        print(options, added ?? null, () =>
          added === undefined ? `${email} was suppressed already` : `${email} is suppressed`,
        );
      }),
    );
  command
    .command('lift <address>')
    .description('let mail go to an address again: every active suppression, or those of one scope')
    .option('--scope <scope>', 'only this scope')
    .option('--json', 'print the answer as JSON')
    .action((address: string, options: Json & { scope?: string }) =>
      withRuntime(async (rt) => {
        const email = normaliseAddress(address) ?? address.toLowerCase();
        const active = (await suppressionsOf(rt.store.read, email)).filter(
          (one) => one.lifted_at === null && (options.scope === undefined || one.scope === options.scope),
        );
        if (active.length === 0) throw new Problem('not-found', `${address} is not suppressed`);
        for (const one of active) await unsuppress(rt, one.id, null);
        print(
          options,
          active,
          () => `lifted: ${active.map((one) => `${one.scope} (${one.reason})`).join(', ')}`,
        );
      }),
    );
  command
    .command('list')
    .description('the newest suppressions with their evidence')
    .option('--search <part>', 'only addresses with this part')
    .option('--limit <number>', 'how many', '100')
    .option('--json', 'print the answer as JSON')
    .action((options: Json & { search?: string; limit: string }) =>
      withRuntime(async (rt) => {
        const limit = Number(options.limit);
        if (!Number.isInteger(limit) || limit < 1) throw new Problem('invalid', '--limit must be a number');
        const rows = await suppressionList(rt.store.read, { search: options.search, limit });
        print(options, rows, () =>
          rows.length === 0
            ? 'nobody'
            : rows
                .map(
                  (one) =>
                    `${one.address}  ${one.scope}  ${one.reason}  ${new Date(one.created_at).toISOString()}  ${one.evidence.replace(/\s+/g, ' ').slice(0, 120)}`,
                )
                .join('\n'),
        );
      }),
    );
}

// ── domains ───────────────────────────────────────────────────────────────────────────────────────────────────────

function domainCommands(program: Command, { withRuntime }: CommandDeps): void {
  const domain = program.command('domain').description('the domains that mail is sent from');
  domain
    .command('add <name>')
    .description('add a sending domain: makes its DKIM keys and prints the records to set')
    .option('--json', 'print the answer as JSON')
    .action((name: string, options: Json) =>
      withRuntime(async (rt) => {
        const id = await createSendingDomain(rt, { name });
        const records = await dnsRecordsFor(rt, id);
        print(options, { id, records }, () => recordText(records));
      }),
    );
  domain
    .command('list')
    .description('every sending domain')
    .option('--json', 'print the answer as JSON')
    .action((options: Json) =>
      withRuntime(async (rt) => {
        const rows = (await sendingDomains(rt.store.read)).map(
          ({ id, name, bounce_host, reply_host, checked_at }) => ({
            id,
            name,
            bounce_host,
            reply_host,
            checked_at,
          }),
        );
        print(options, rows, () => (rows.length === 0 ? 'none yet' : rows.map((row) => row.name).join('\n')));
      }),
    );
  domain
    .command('records <name>')
    .description('the DNS records that must stand for a domain')
    .option('--json', 'print the answer as JSON')
    .action((name: string, options: Json) =>
      withRuntime(async (rt) => {
        const records = await dnsRecordsFor(rt, (await existingDomain(rt, name)).id);
        print(options, records, () => recordText(records));
      }),
    );
  domain
    .command('check <name>')
    .description('look every record up now; the exit status is 1 when one is not right')
    .option('--json', 'print the answer as JSON')
    .action((name: string, options: Json) =>
      withRuntime(async (rt) => {
        const check = await checkDomain(rt, (await existingDomain(rt, name)).id);
        print(options, check, () =>
          check.records
            .map(
              (one) =>
                `${one.status === 'ok' ? '✓' : '✗'} ${one.type} ${one.name}${one.fault && `: ${one.fault}`}`,
            )
            .join('\n'),
        );
        if (check.records.some((one) => one.status !== 'ok')) process.exitCode = 1;
      }),
    );
  domain
    .command('rotate <name>')
    .description('make the next DKIM keys and print their records: they sign once the DNS has them')
    .option('--json', 'print the answer as JSON')
    .action((name: string, options: Json) =>
      withRuntime(async (rt) => {
        const found = await existingDomain(rt, name);
        const made = await beginRotation(rt, found.id);
        print(options, made, () => keyText(made, found.name));
      }),
    );
  domain
    .command('keys <name>')
    .description('the DKIM keys of a domain, what each is for now and which record may be removed')
    .option('--json', 'print the answer as JSON')
    .action((name: string, options: Json) =>
      withRuntime(async (rt) => {
        const found = await existingDomain(rt, name);
        const keys = await dkimKeysOf(rt.store.read, found.id);
        print(options, keys, () => keyText(keys, found.name));
      }),
    );
}

const keyText = (keys: readonly DkimKey[], domain: string): string =>
  keys
    .map((key) => `${dkimRecordName(key.selector, domain)}  TXT  ${key.record}  (${keyWords(key)})`)
    .join('\n');

function keyWords({ state, seen_at, retiring_at }: DkimKey): string {
  switch (state) {
    case 'pending':
      return seen_at === null
        ? 'waits for this record'
        : `seen, signs after ${new Date(seen_at + LOOK_EVERY_MS).toISOString()}`;
    case 'active':
      return 'signs';
    case 'retiring':
      return `keep the record until ${new Date((retiring_at ?? 0) + KEEP_RECORD_MS).toISOString()} at least`;
    case 'retired':
      return 'you may remove the record';
    default:
      return state satisfies never;
  }
}

const recordText = (records: readonly DnsRecord[]): string =>
  records.map((one) => `${one.name}  ${one.type}  ${one.value}`).join('\n');

async function existingDomain({ store }: Runtime, name: string) {
  const found = await sendingDomainByName(store.read, name.toLowerCase());
  if (found === undefined) throw new Problem('not-found', `there is no sending domain ${name}`);
  return found;
}
