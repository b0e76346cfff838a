/** `parley person` and `parley erase`: what is known of somebody, and everything about them taken out, at a terminal. */
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { erasePerson, exportPerson } from '../core/audience/erase.ts';
import { Problem } from '../core/errors.ts';
import { normaliseAddress } from '../core/mail/address.ts';
import type { Runtime } from '../core/runtime.ts';

export function personCommands(
  program: Command,
  { withRuntime }: { withRuntime<T>(work: (runtime: Runtime) => Promise<T>): Promise<T> },
): void {
  program
    .command('person <address>')
    .description('everything that is known of a person, as JSON for them (GDPR 15 and 20)')
    .action((text: string) =>
      withRuntime(async (rt) => {
        const found = await exportPerson(rt, addressOf(text));
        if (found === undefined) throw new Problem('not-found', 'nothing is known of that address');
        process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
      }),
    );
  program
    .command('erase <address>')
    .description(
      'erase a person from every table and from the disk; asks for the address once more. Cannot be undone',
    )
    .option('--yes', 'do not ask')
    .option('--rewrite', 'write the database file anew whatever its size: needs as much room again')
    .option('--json', 'print the answer as JSON')
    .action((text: string, options: { yes?: boolean; rewrite?: boolean; json?: boolean }) =>
      withRuntime(async (rt) => {
        const address = addressOf(text);
        if (options.yes !== true) await confirm(address);
        const erased = await erasePerson(rt, address, null, { rewrite: options.rewrite ?? false });
        if (options.json) process.stdout.write(`${JSON.stringify(erased)}\n`);
        else {
          for (const [what, n] of Object.entries(erased.counts))
            process.stdout.write(`${what.padEnd(22)} ${n}\n`);
          process.stdout.write(
            erased.rewritten
              ? 'erased; nothing of it is left in the database file\n'
              : 'erased; free pages may still hold remains: run it again with --rewrite in a quiet hour (PostgreSQL: vacuum full)\n',
          );
        }
      }),
    );
}

function addressOf(text: string): string {
  const address = normaliseAddress(text);
  if (address === undefined) throw new Problem('invalid', `${text} is not an address`);
  return address;
}

async function confirm(address: string): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const typed = await terminal.question('This cannot be undone. Type the address once more: ');
    if (typed.trim().toLowerCase() !== address)
      throw new Problem('invalid', 'that is another address: nothing was erased');
  } finally {
    terminal.close();
  }
}
