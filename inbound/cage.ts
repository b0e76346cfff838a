/**
 * Where hostile mail is read: a small pool of child processes, each with a bound on time, memory and output. On a breach
 * the child is killed and the message stays, raw and unread. Processes and not threads: a thread's buffers have no bound
 * and its crash is ours.
 *
 * Children live on from message to message, and small messages that wait go in together, since a turn between processes
 * costs more than many a message. They share one bound; when it is breached each is read again, alone, with the bound to
 * itself, so that one hostile message takes no other along.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from './classify.ts';
import type { Answer, Task } from './cage-child.ts';
import type { Reading } from './read.ts';

export type BreachKind = 'time' | 'memory' | 'output' | 'crash';

/** The message could not be read within its bounds; it is kept and shown as that. */
export class Breach extends Error {
  readonly kind: BreachKind;

  constructor(kind: BreachKind, message: string) {
    super(message);
    this.name = 'Breach';
    this.kind = kind;
  }
}

export interface CageOptions {
  workers: number;
  /** Real time for one message. */
  timeMs?: number;
  heapMb?: number;
  /** Of the whole process: heap, buffers and the program itself. */
  residentMb?: number;
  /** For tests: another program in the cage. */
  program?: string;
}

interface Job {
  task: Task;
  /** It was in a batch that breached a bound: whose fault that was, only reading it alone can say. */
  alone: boolean;
  resolve: (reading: Reading) => void;
  reject: (error: Error) => void;
}

interface Child {
  process: ChildProcess;
  /** What it reads now; empty when it is idle. */
  jobs: Job[];
  timer: NodeJS.Timeout | undefined;
  watch: NodeJS.Timeout | undefined;
  breach: Breach | undefined;
  ready: boolean;
}

const MOST_TOGETHER = 16;
const MOST_BYTES_TOGETHER = 512 * 1024;
const PAGE_BYTES = 4096;
const WATCH_MS = 50;

export class Cage {
  readonly #options: Required<CageOptions>;
  readonly #children = new Set<Child>();
  readonly #waiting: Job[] = [];
  #serial = 0;
  #closed = false;
  #isDue = false;

  constructor(options: CageOptions) {
    this.#options = {
      timeMs: 2000,
      heapMb: 256,
      residentMb: 512,
      program: join(import.meta.dirname, 'cage-child.ts'),
      ...options,
    };
  }

  /** Reads one message. Throws a `Breach` when it does not stay within its bounds. */
  read(raw: Uint8Array, context: Context): Promise<Reading> {
    if (this.#closed) return Promise.reject(new Error('the cage is closed'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task: { id: ++this.#serial, raw, context }, alone: false, resolve, reject });
      if (this.#isDue) return;
      // Whoever comes in this turn of the event loop goes in together.
      this.#isDue = true;
      setImmediate(() => {
        this.#isDue = false;
        if (!this.#closed) this.#next();
      });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#waiting.splice(0)) job.reject(new Error('the cage is closed'));
    const ends = [...this.#children].map(
      (child) => new Promise((resolve) => child.process.once('exit', resolve)),
    );
    for (const child of this.#children) {
      // Idle children do not keep us alive; their end is worth waiting for.
      child.process.ref();
      child.process.kill('SIGKILL');
    }
    await Promise.all(ends);
  }

  #next(): void {
    while (this.#waiting.length > 0) {
      const idle = [...this.#children].find((child) => child.jobs.length === 0 && child.breach === undefined);
      if (idle === undefined && this.#children.size >= this.#options.workers) return;
      this.#give(idle ?? this.#start(), this.#batch());
    }
  }

  /** What goes to one child next: several small ones, or one that is large or has to be alone. */
  #batch(): Job[] {
    const first = this.#waiting.shift()!;
    const jobs = [first];
    let bytes = first.task.raw.byteLength;
    // A share of what waits, so that the other children have their share.
    const most = Math.min(MOST_TOGETHER, Math.ceil((this.#waiting.length + 1) / this.#options.workers));
    while (jobs.length < most && !first.alone) {
      const next = this.#waiting[0];
      if (next === undefined || next.alone || bytes + next.task.raw.byteLength > MOST_BYTES_TOGETHER) break;
      bytes += next.task.raw.byteLength;
      jobs.push(next);
      this.#waiting.shift();
    }
    return jobs;
  }

  #start(): Child {
    const process_ = fork(this.#options.program, [], {
      execArgv: [
        `--max-old-space-size=${this.#options.heapMb}`,
        '--max-semi-space-size=8',
        '--disable-warning=ExperimentalWarning',
      ],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      // Nothing of ours is in there: no settings, no secrets.
      env: { PATH: process.env['PATH'] ?? '' },
    });
    const child: Child = {
      process: process_,
      jobs: [],
      timer: undefined,
      watch: undefined,
      breach: undefined,
      ready: false,
    };
    process_.on('message', (answers: Answer[]) => this.#take(child, answers));
    process_.on('error', () => this.#bury(child));
    process_.on('exit', () => this.#bury(child));
    process_.unref();
    process_.channel?.unref();
    this.#children.add(child);
    return child;
  }

  #give(child: Child, jobs: Job[]): void {
    child.jobs = jobs;
    child.process.channel?.ref();
    const { timeMs, residentMb } = this.#options;
    // The first message of a child also waits for its start.
    const limit = child.ready ? timeMs : timeMs + 5000;
    child.timer = setTimeout(
      () => this.#kill(child, new Breach('time', `not read within ${timeMs} ms`)),
      limit,
    );
    child.watch = setInterval(() => {
      void residentBytes(child.process.pid).then((bytes) => {
        if (child.jobs === jobs && bytes > residentMb * 1024 * 1024)
          this.#kill(child, new Breach('memory', `took more than ${residentMb} MB`));
      });
    }, WATCH_MS);
    child.process.send(
      jobs.map((job) => job.task),
      (error) => {
        if (error !== null)
          this.#kill(child, new Breach('crash', 'the reading process could not be reached'));
      },
    );
  }

  #take(child: Child, answers: Answer[]): void {
    const jobs = this.#release(child);
    child.ready = true;
    for (const [at, job] of jobs.entries()) {
      const answer = answers[at];
      if (answer?.json !== undefined && answer.id === job.task.id)
        job.resolve(JSON.parse(answer.json) as Reading);
      else {
        const error = answer?.error ?? 'no answer';
        job.reject(new Breach(error.startsWith('more came out') ? 'output' : 'crash', error));
      }
    }
    this.#next();
  }

  #kill(child: Child, breach: Breach): void {
    child.breach ??= breach;
    child.process.kill('SIGKILL');
  }

  #bury(child: Child): void {
    if (!this.#children.delete(child)) return;
    const jobs = this.#release(child);
    if (jobs.length > 1 && !this.#closed)
      this.#waiting.unshift(...jobs.map((job) => ({ ...job, alone: true })));
    else for (const job of jobs) job.reject(child.breach ?? new Breach('crash', 'the reading process died'));
    if (!this.#closed) this.#next();
  }

  #release(child: Child): Job[] {
    clearTimeout(child.timer);
    clearInterval(child.watch);
    child.process.channel?.unref();
    const jobs = child.jobs;
    child.jobs = [];
    return jobs;
  }
}

/** Resident memory of a process where the system tells it (Linux); 0 elsewhere, where the heap bound alone stands. */
async function residentBytes(pid: number | undefined): Promise<number> {
  if (pid === undefined) return 0;
  try {
    const statm = await readFile(`/proc/${pid}/statm`, 'utf8');
    return Number(statm.split(' ')[1]) * PAGE_BYTES;
  } catch {
    return 0;
  }
}
