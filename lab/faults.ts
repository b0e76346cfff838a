/**
 * `parley faults`: every row of the fault matrix so many times, and a ledger of what came of it. Each run has a twin with
 * the same mail and nothing broken, in turns before and after it; what the good destinations got in a second is laid beside
 * what they got there.
 */
import { Problem } from '../core/errors.ts';
import { faultRows, type FaultRow } from './fault-rows.ts';
import { runRow, type RunOutcome } from './faults-run.ts';

export interface FaultOptions {
  runs: string;
  row?: string;
  healthy?: string;
  json?: boolean;
}

export interface RowFigures {
  row: string;
  runs: number;
  lost: number;
  /** Came more than once: where none could know that it had come, and elsewhere (which must be 0). */
  duplicates: { in_doubt: number; others: number };
  /** Of the good destinations: with the fault to without it, median of all runs; null where none were sent to. */
  throughput_ratio: number | null;
  /** How often each answer was met at the sick destination while it was sick. */
  answers: Record<string, number>;
  /** What was not as it must be, each once. */
  problems: string[];
}

const HEALTHY = '600';
/** Below this the sick destination is felt by the others. */
const LEAST_RATIO = 0.95;

export async function faults({ runs, row, healthy = HEALTHY, json = false }: FaultOptions): Promise<number> {
  const times = Number(runs);
  const good = Number(healthy);
  if (!Number.isInteger(times) || times < 1) throw new Problem('invalid', '--runs takes a number from 1');
  if (!Number.isInteger(good) || good < 3) throw new Problem('invalid', '--healthy takes a number from 3');
  const rows = faultRows.filter(({ name }) => row === undefined || name.includes(row));
  if (rows.length === 0) throw new Problem('invalid', `no row of the matrix has a name with "${row}"`);
  // The first messages of a process are slower than all that come after: they count for nothing.
  await runRow(rows[0] as FaultRow, good, false);
  const figures: RowFigures[] = [];
  if (!json) console.log(heading);
  for (const one of rows) {
    const found = await figuresOf(one, times, good);
    figures.push(found);
    if (!json) console.log(inWords(found));
  }
  const summary = summed(figures);
  if (json) console.log(JSON.stringify({ ...summary, rows: figures }));
  else console.log(`\n${summaryInWords(summary)}`);
  return summary.lost + summary.duplicates_others + summary.problems > 0 ? 1 : 0;
}

async function figuresOf(row: FaultRow, runs: number, good: number): Promise<RowFigures> {
  const outcomes: RunOutcome[] = [];
  const ratios: number[] = [];
  const problems = new Set<string>();
  for (let run = 0; run < runs; run++) {
    const { broken, well } = await pair(row, good, run % 2 === 0);
    outcomes.push(broken);
    for (const problem of [...broken.problems, ...well.problems]) problems.add(problem);
    if (broken.goodPerSecond !== null && well.goodPerSecond !== null)
      ratios.push(broken.goodPerSecond / well.goodPerSecond);
  }
  const answers: Record<string, number> = {};
  for (const one of outcomes)
    for (const [answer, count] of Object.entries(one.answers))
      answers[answer] = (answers[answer] ?? 0) + count;
  const inDoubt = outcomes.reduce((sum, one) => sum + one.inDoubt, 0);
  return {
    row: row.name,
    runs,
    lost: outcomes.reduce((sum, one) => sum + one.lost.length, 0),
    duplicates: {
      in_doubt: inDoubt,
      others: outcomes.reduce((sum, one) => sum + one.repeated, 0) - inDoubt,
    },
    throughput_ratio: ratios.length === 0 ? null : Number(median(ratios).toFixed(3)),
    answers,
    problems: [...problems],
  };
}

async function pair(row: FaultRow, good: number, brokenFirst: boolean) {
  if (row.refusesPrivate === true) {
    const broken = await runRow(row, good);
    return { broken, well: { ...broken, problems: [] } };
  }
  const first = await runRow(row, good, brokenFirst);
  const second = await runRow(row, good, !brokenFirst);
  return brokenFirst ? { broken: first, well: second } : { broken: second, well: first };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return ((low ?? 0) + (high ?? 0)) / 2;
}

function summed(figures: readonly RowFigures[]) {
  const ratios = figures.flatMap((one) => one.throughput_ratio ?? []);
  return {
    runs: figures.reduce((sum, one) => sum + one.runs, 0),
    lost: figures.reduce((sum, one) => sum + one.lost, 0),
    duplicates_in_doubt: figures.reduce((sum, one) => sum + one.duplicates.in_doubt, 0),
    duplicates_others: figures.reduce((sum, one) => sum + one.duplicates.others, 0),
    problems: figures.reduce((sum, one) => sum + one.problems.length, 0),
    throughput_ratio_median: ratios.length === 0 ? null : Number(median(ratios).toFixed(3)),
    throughput_ratio_worst: ratios.length === 0 ? null : Math.min(...ratios),
    rows_below_goal: figures.filter(({ throughput_ratio: ratio }) => ratio !== null && ratio < LEAST_RATIO)
      .length,
  };
}

// ── in words ──────────────────────────────────────────────────────────────────────────────────────────────────────

const NAME_WIDTH = 62;
const line = (name: string, ...cells: (string | number)[]): string =>
  `${name.padEnd(NAME_WIDTH)} ${cells.map((cell) => String(cell).padStart(6)).join(' ')}`;
const heading = `${line('a destination that', 'runs', 'lost', 'twice', 'doubt', 'ratio')}  answers`;

function inWords({
  row,
  runs,
  lost,
  duplicates,
  throughput_ratio: ratio,
  answers,
  problems,
}: RowFigures): string {
  const said = Object.entries(answers).map(([answer, count]) => `${answer} ${count}`);
  const cells = [runs, lost, duplicates.others, duplicates.in_doubt, ratio?.toFixed(2) ?? '-'];
  return [
    `${line(row.slice(0, NAME_WIDTH), ...cells)}  ${said.join(', ')}`,
    ...problems.map((problem) => `    not as it must be: ${problem}`),
  ].join('\n');
}

function summaryInWords(sum: ReturnType<typeof summed>): string {
  return [
    `${sum.runs} runs: ${sum.lost} lost, ${sum.duplicates_others} twice, ${sum.duplicates_in_doubt} twice where none could know`,
    `throughput of the others beside the same without a fault: median ${sum.throughput_ratio_median ?? '-'}, worst row ${sum.throughput_ratio_worst ?? '-'}; ${sum.rows_below_goal} rows below ${LEAST_RATIO}`,
    ...(sum.problems > 0 ? [`${sum.problems} things are not as they must be`] : []),
  ].join('\n');
}
