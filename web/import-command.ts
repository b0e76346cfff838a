/** `parley import FILE`: takes a file of contacts in from a terminal, showing how far it is. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { previewImport, receiveImport, runImport, startImport } from '../core/audience/import.ts';
import { Problem } from '../core/errors.ts';
import { firstBrand } from '../core/identity.ts';
import type { Runtime } from '../core/runtime.ts';
import { importById, importErrors, type ImportLine } from '../core/store/import.ts';
import { addList, listByName } from '../core/store/list.ts';

interface Options {
  list?: string;
  map: string[];
  update?: boolean;
  consent?: string;
  consentSource?: string;
  consentText?: string;
  json?: boolean;
}

const LOOK_MS = 300;
const SHOWN_ERRORS = 10;

export function importCommand(
  program: Command,
  { withRuntime }: { withRuntime<T>(work: (runtime: Runtime) => Promise<T>): Promise<T> },
): void {
  program
    .command('import <file>')
    .description('take contacts in from a CSV file; rows that cannot be taken are reported, not fatal')
    .option('--list <name>', 'put them on this list; it is made when it is not there')
    .option(
      '--map <column=target>',
      'where a column goes (email, fields.city, …); an empty target leaves it out',
      collect,
      [],
    )
    .option('--update', 'overwrite what is known of contacts that are there already')
    .option('--consent <purpose>', 'claim that they agreed to this; needs --consent-source')
    .option('--consent-source <words>', 'how and where they agreed')
    .option('--consent-text <words>', 'the text they read', '')
    .option('--json', 'print the result as JSON')
    .action((file: string, options: Options) => withRuntime((rt) => importFile(rt, file, options)));
}

const collect = (value: string, all: string[]): string[] => [...all, value];

async function importFile(rt: Runtime, file: string, options: Options): Promise<void> {
  if (options.consent !== undefined && options.consentSource === undefined)
    throw new Problem('invalid', '--consent needs --consent-source: how and where did they agree?');
  if (!(await stat(file).catch(() => undefined))?.isFile())
    throw new Problem('invalid', `there is no file ${file}`);
  const id = await receiveImport(rt, createReadStream(file), { fileName: basename(file) });
  const { columns } = await previewImport(rt, id);
  const mapping: Record<string, string | null> = Object.fromEntries(
    columns.map((column) => [column.name, column.suggestion]),
  );
  for (const pair of options.map) {
    const at = pair.lastIndexOf('=');
    const column = pair.slice(0, at);
    if (at < 1 || !(column in mapping))
      throw new Problem(
        'invalid',
        `--map ${pair}: the file has the columns ${Object.keys(mapping).join(', ')}`,
      );
    mapping[column] = pair.slice(at + 1) || null;
  }
  await startImport(rt, id, {
    mapping,
    listId: options.list === undefined ? null : await listNamed(rt, options.list),
    updateExisting: options.update ?? false,
    newFields: columns.flatMap(({ name, kind }) => {
      const target = mapping[name];
      if (!target?.startsWith('fields.')) return [];
      return [{ name: target.slice('fields.'.length), label: name, kind }];
    }),
    consent:
      options.consent === undefined
        ? null
        : {
            purpose: options.consent,
            method: 'import',
            source: options.consentSource as string,
            text: options.consentText ?? '',
          },
  });
  const job = await watch(rt, id, options.json !== true && process.stderr.isTTY);
  await report(rt, job, options);
}

async function listNamed({ store, clock }: Runtime, name: string): Promise<number> {
  const now = clock.now();
  return store.write(async (tx) => {
    const found = await listByName(tx, name);
    return found?.id ?? addList(tx, { name, brand_id: await firstBrand(tx, now) }, now);
  });
}

/** Takes the rows in; when a running server was quicker to begin, it does the work and we watch. */
async function watch(rt: Runtime, id: number, shows: boolean): Promise<ImportLine> {
  const stop = new AbortController();
  const show = async (): Promise<ImportLine> => {
    const job = (await importById(rt.store.read, id)) as ImportLine;
    if (shows) process.stderr.write(`\r${job.rows_done} rows, ${job.created} new, ${job.failed} not taken `);
    return job;
  };
  const timer = setInterval(() => void show().catch(() => undefined), LOOK_MS);
  try {
    await runImport(rt, id, stop.signal);
    for (;;) {
      const job = await show();
      if (job.state !== 'running') return job;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  } finally {
    clearInterval(timer);
    if (shows) process.stderr.write('\n');
  }
}

async function report({ store }: Runtime, job: ImportLine, { json }: Options): Promise<void> {
  const { rows } = await importErrors(store.read, job.id, { limit: json ? 1000 : SHOWN_ERRORS });
  if (job.state === 'failed') process.exitCode = 1;
  if (json) {
    const { id, state, rows_done, created, updated, duplicates, unchanged, failed, error } = job;
    console.log(
      JSON.stringify({
        id,
        state,
        rows_done,
        created,
        updated,
        duplicates,
        unchanged,
        failed,
        error,
        errors: rows,
      }),
    );
    return;
  }
  if (job.state === 'failed') throw new Problem('conflict', job.error ?? 'the import failed');
  console.log(
    `${job.rows_done} rows: ${job.created} new, ${job.updated} updated, ${job.unchanged} unchanged, ` +
      `${job.duplicates} twice in the file, ${job.failed} not taken`,
  );
  for (const { line, column_name, reason } of rows)
    console.log(`  line ${line}: ${column_name === '' ? '' : `${column_name} `}${reason}`);
  if (job.failed > rows.length) console.log(`  … and ${job.failed - rows.length} more`);
}
