/**
 * Where hostile mail is read: a small pool of child processes, each with a bound on time, memory and output. On a breach
 * the child is killed and the message stays, raw and unread. Processes and not threads: a thread's buffers have no bound
 * and its crash is ours.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from './classify.ts';
import type { Task } from './cage-child.ts';
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
  resolve: (reading: Reading) => void;
  reject: (error: Error) => void;
}

interface Child {
  process: ChildProcess;
  job: Job | undefined;
  timer: NodeJS.Timeout | undefined;
  watch: NodeJS.Timeout | undefined;
  breach: Breach | undefined;
  ready: boolean;
}

const PAGE_BYTES = 4096;
const WATCH_MS = 50;

export class Cage {
  readonly #options: Required<CageOptions>;
  readonly #children = new Set<Child>();
  readonly #waiting: Job[] = [];
  #serial = 0;
  #closed = false;

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
      this.#waiting.push({ task: { id: ++this.#serial, raw, context }, resolve, reject });
      this.#next();
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
      const idle = [...this.#children].find((child) => child.job === undefined && child.breach === undefined);
      if (idle === undefined && this.#children.size >= this.#options.workers) return;
      this.#give(idle ?? this.#start(), this.#waiting.shift()!);
    }
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
      job: undefined,
      timer: undefined,
      watch: undefined,
      breach: undefined,
      ready: false,
    };
    process_.on('message', (answer: { id: number; json?: string; error?: string }) =>
      this.#take(child, answer),
    );
    process_.on('error', () => this.#bury(child));
    process_.on('exit', () => this.#bury(child));
    process_.unref();
    process_.channel?.unref();
    this.#children.add(child);
    return child;
  }

  #give(child: Child, job: Job): void {
    child.job = job;
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
        if (child.job === job && bytes > residentMb * 1024 * 1024)
          this.#kill(child, new Breach('memory', `took more than ${residentMb} MB`));
      });
    }, WATCH_MS);
    child.process.send(job.task, (error) => {
      if (error !== null) this.#kill(child, new Breach('crash', 'the reading process could not be reached'));
    });
  }

  #take(child: Child, answer: { id: number; json?: string; error?: string }): void {
    const job = this.#release(child);
    if (job === undefined || answer.id !== job.task.id) return;
    child.ready = true;
    if (answer.json !== undefined) job.resolve(JSON.parse(answer.json) as Reading);
    else
      job.reject(
        new Breach(
          answer.error?.startsWith('more came out') ? 'output' : 'crash',
          answer.error ?? 'no answer',
        ),
      );
    this.#next();
  }

  #kill(child: Child, breach: Breach): void {
    child.breach ??= breach;
    child.process.kill('SIGKILL');
  }

  #bury(child: Child): void {
    if (!this.#children.delete(child)) return;
    const job = this.#release(child);
    job?.reject(child.breach ?? new Breach('crash', 'the reading process died'));
    if (!this.#closed) this.#next();
  }

  #release(child: Child): Job | undefined {
    clearTimeout(child.timer);
    clearInterval(child.watch);
    child.process.channel?.unref();
    const job = child.job;
    child.job = undefined;
    return job;
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
