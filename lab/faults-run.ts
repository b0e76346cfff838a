/**
 * One run of one row of the fault matrix: the fault is set up, a campaign goes to the bad destination and to the good
 * ones, the good ones get all of theirs while the fault lasts, then it is mended. What came of it is laid beside what must.
 */
import type { FaultRow } from './fault-rows.ts';
import { openTown, papersOf, type Town } from './faults-town.ts';

export interface RunOutcome {
  /** Of everybody: neither arrived nor refused by a word of the receiver. */
  lost: string[];
  /** Messages that came more than once; `inDoubt`: where none could know that they had come. */
  repeated: number;
  inDoubt: number;
  /** How often each answer was met at the bad destination while the fault lasted. */
  answers: Record<string, number>;
  /** Messages a second to the good destinations, from start to the last of them; null where none went. */
  goodPerSecond: number | null;
  /** What is not as it must be. */
  problems: string[];
}

const BAD = 4;
const LIMIT_MS = 25_000;
const LOOK_MS = 10;

const badOnes = Array.from({ length: BAD }, (_, at) => `b${at}@bad.test`);
export const goodOnes = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `p${at}@good${at % 3}.test`);

/** `isBroken` false: the same mail with nothing wrong, to compare the speed with. */
export async function runRow(row: FaultRow, good: number, isBroken = true): Promise<RunOutcome> {
  const to = row.to ?? badOnes;
  const others = row.refusesPrivate === true ? [] : goodOnes(good);
  const town = await openTown({
    bad: to,
    good: others,
    ...(row.heavy !== undefined && { heavy: row.heavy }),
    refusesPrivate: isBroken && row.refusesPrivate === true,
  });
  try {
    if (isBroken) await arrange(town, row);
    return await observe(town, row, to, others, isBroken);
  } finally {
    await town.stop();
  }
}

async function arrange(town: Town, row: FaultRow): Promise<void> {
  const { host, zone, policy } = town;
  host.faults = row.faults ?? [];
  host.traits = typeof row.traits === 'function' ? row.traits(await papersOf()) : (row.traits ?? {});
  row.dns?.(zone);
  if (row.sts === undefined) return;
  policy.text = `version: STSv1\r\nmode: ${row.sts}\r\nmx: mx.bad.test\r\nmax_age: 86400\r\n`;
  zone.publish([{ name: '_mta-sts.bad.test', type: 'TXT', data: 'v=STSv1; id=1;' }]);
}

async function observe(
  town: Town,
  row: FaultRow,
  to: readonly string[],
  others: readonly string[],
  isBroken: boolean,
): Promise<RunOutcome> {
  const problems: string[] = [];
  const began = performance.now();
  const goodDone = arrivals(town, others.length);
  await town.start();
  const ended = await within(goodDone, problems, 'the good destinations did not get all of theirs');
  const goodPerSecond = others.length === 0 ? null : (1000 * others.length) / (ended - began);
  if (!isBroken) return { lost: [], repeated: 0, inDoubt: 0, answers: {}, goodPerSecond, problems };

  const { host } = town;
  const answers: Record<string, number> = {};
  const isOver = async () => {
    const states = await town.states();
    if (row.fate === 'waits') return (await town.attempts()).length > 0;
    if (row.fate === 'refused') return (states['bounced'] ?? 0) === to.length;
    return (states['delivered'] ?? 0) === to.length + others.length;
  };
  if (!(await met(isOver))) problems.push(`not ${row.fate}: ${JSON.stringify(await town.states())}`);
  for (const { answer } of await town.attempts()) {
    answers[answer] = (answers[answer] ?? 0) + 1;
    if (row.answer !== undefined && !row.answer.test(answer)) problems.push(`answered as ${answer}`);
  }
  if (row.fate === 'waits' && row.refusesPrivate !== true) {
    const { valid } = await papersOf();
    host.heal(row.sts === undefined ? {} : { offersTls: true, certificate: valid });
    mend(town, row);
    const all = to.length + others.length;
    const isDelivered = async () => (await town.states())['delivered'] === all;
    if (!(await met(isDelivered)))
      problems.push(`not delivered once mended: ${JSON.stringify(await town.states())}`);
  }
  return { ...tally(town, row, to, others, problems), answers, goodPerSecond, problems };
}

function mend({ zone, runtime }: Town, row: FaultRow): void {
  row.mend?.(zone);
  runtime.dns.forget();
}

/** Resolves with the time when the good host took as many messages. */
function arrivals({ good }: Town, count: number): Promise<number> {
  return new Promise((resolve) => {
    if (count === 0) resolve(performance.now());
    const heard = new Set<string>();
    good.onTaken = () => {
      heard.add(good.taken.at(-1)?.to ?? '');
      if (heard.size === count) resolve(performance.now());
    };
  });
}

function tally(
  { host, good }: Town,
  row: FaultRow,
  to: readonly string[],
  others: readonly string[],
  problems: string[],
): Pick<RunOutcome, 'lost' | 'repeated' | 'inDoubt'> {
  const times = new Map<string, number>();
  for (const one of [...host.taken, ...good.taken]) times.set(one.to, (times.get(one.to) ?? 0) + 1);
  const mustArrive = row.fate === 'refused' || row.refusesPrivate === true ? others : [...to, ...others];
  const lost = mustArrive.filter((address) => !times.has(address));
  const twice = [...times].filter(([, count]) => count > 1).map(([address]) => address);
  const inDoubt = row.mayRepeat === true ? twice.filter((address) => to.includes(address)) : [];
  if (lost.length > 0) problems.push(`lost: ${lost.slice(0, 5).join(', ')}`);
  if (twice.length > inDoubt.length) problems.push(`came twice: ${twice.slice(0, 5).join(', ')}`);
  if (row.fate === 'refused' && host.taken.length > 0) problems.push('taken though refused');
  return { lost, repeated: twice.length, inDoubt: inDoubt.length };
}

async function within(done: Promise<number>, problems: string[], what: string): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), LIMIT_MS);
  });
  const at = await Promise.race([done, limit]);
  clearTimeout(timer);
  if (at === undefined) problems.push(what);
  return at ?? performance.now();
}

/** Whether it came to be so in time. */
async function met(look: () => Promise<boolean>): Promise<boolean> {
  const until = Date.now() + LIMIT_MS;
  while (Date.now() < until) {
    if (await look()) return true;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return look();
}
