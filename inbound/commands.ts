/** `parley classify`: what Parley makes of a message in a file, with its reasons. Nothing is stored. */
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { explain, Problem } from '../core/errors.ts';
import { Cage } from './cage.ts';
import { imapCommands } from './imap-command.ts';
import type { Reading } from './read.ts';
import { reportCommands, type Deps } from './report-command.ts';
import type { Report } from './reports.ts';

const FILE_CONTEXT = { mailFrom: undefined, purposes: [] };

/** Adds this house's commands. */
export function commands(program: Command, deps: Deps): void {
  reportCommands(program, deps);
  imapCommands(program, deps);
  program
    .command('classify')
    .description(
      'say what a received message is, with the reasons: bounce, complaint, automatic answer, reply …',
    )
    .argument('[files...]', 'messages as they were received (RFC 5322)')
    .option('--json', 'one JSON object a message')
    .option('--jsonl', 'read {"id","path"} lines from standard input and answer each with one JSON line')
    .action(async (files: string[], options: { json?: boolean; jsonl?: boolean }) => {
      const cage = new Cage({ workers: 2 });
      try {
        if (options.jsonl) await answerLines(cage);
        else await answerFiles(cage, files, options.json === true);
      } finally {
        await cage.close();
      }
    });
}

async function answerFiles(cage: Cage, files: string[], asJson: boolean): Promise<void> {
  if (files.length === 0) throw new Problem('invalid', 'name at least one file, or use --jsonl');
  for (const path of files) {
    const reading = await readOne(cage, path);
    if (asJson) console.log(JSON.stringify({ path, ...answer(reading) }));
    else console.log(files.length > 1 ? `${path}\n${describe(reading)}\n` : describe(reading));
  }
}

async function readOne(cage: Cage, path: string): Promise<Reading> {
  let raw: Buffer;
  try {
    raw = await readFile(path);
  } catch (cause) {
    throw new Problem('invalid', `${path} cannot be read`, { cause });
  }
  return cage.read(raw, { ...FILE_CONTEXT, now: Date.now() });
}

async function answerLines(cage: Cage): Promise<void> {
  const open = new Set<Promise<void>>();
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === '') continue;
    const work = answerLine(cage, line).finally(() => open.delete(work));
    open.add(work);
  }
  await Promise.all(open);
}

async function answerLine(cage: Cage, line: string): Promise<void> {
  let id: unknown = null;
  try {
    const question = JSON.parse(line) as { id: unknown; path: string };
    id = question.id;
    const reading = await readOne(cage, question.path);
    console.log(JSON.stringify({ id, ...answer(reading) }));
  } catch (error) {
    console.log(JSON.stringify({ id, error: explain(error) }));
  }
}

/** The answer for programs. */
export function answer({ letter, verdict }: Reading): Record<string, unknown> {
  const named = verdict.complaint?.recipients.map((address) => ({ address })) ?? [];
  return {
    kind: verdict.kind,
    detail: verdict.detail,
    confidence: verdict.confidence,
    rules: verdict.rules,
    recipients: [
      ...verdict.recipients.map(({ address, status, class: className, hard, action, words }) => ({
        address,
        status,
        class: className,
        hard,
        action,
        words,
      })),
      ...named,
    ],
    visibleText: verdict.reply.visible,
    visibleWithSignature: verdict.reply.withSignature,
    ...(verdict.intent === null ? {} : { intent: verdict.intent }),
    ...(verdict.awayUntil === null ? {} : { awayUntil: new Date(verdict.awayUntil).toISOString() }),
    ...(verdict.report === null && verdict.complaint === null
      ? {}
      : {
          report: {
            ...(verdict.complaint && {
              ...verdict.complaint,
              originalRcptTo: verdict.complaint.recipients,
            }),
            ...(verdict.report && reportAnswer(verdict.report)),
          },
        }),
    subject: letter.subject,
    messageId: letter.messageId,
  };
}

/** A report, in the words that other readers of reports use. */
function reportAnswer(report: Report): Record<string, unknown> {
  if (report.kind === 'dmarc-failure') return { ...report };
  const { org, ...facts } = report;
  return { ...facts, ...(report.kind === 'dmarc' ? { policy: report.policy['p'] } : {}), orgName: org };
}

/** The answer for people. */
export function describe({ letter, verdict }: Reading): string {
  const lines = [
    `${verdict.kind}${verdict.detail === '' ? '' : ` (${verdict.detail})`}, ${Math.round(verdict.confidence * 100)} % sure`,
    `  subject: ${letter.subject || '(none)'}`,
    `  from: ${letter.from.map((person) => person.address).join(', ') || '(nobody)'}`,
    ...verdict.rules.map((rule) => `  because ${rule.why} [${rule.id}]`),
    ...verdict.recipients.map(
      (one) =>
        `  ${one.address || '(hidden recipient)'}: ${one.action}, ${one.class}${one.status === '' ? '' : ` ${one.status}`}${one.hard ? ', never mail it again' : ''}`,
    ),
  ];
  if (verdict.awayUntil !== null)
    lines.push(`  away until ${new Date(verdict.awayUntil).toISOString().slice(0, 10)}`);
  if (verdict.intent !== null && verdict.intent.intent !== 'other')
    lines.push(`  wants: ${verdict.intent.intent} (“${verdict.intent.evidence}”)`);
  if (verdict.kind === 'reply') lines.push('', verdict.reply.visible.replace(/^/gm, '    '));
  return lines.join('\n');
}
