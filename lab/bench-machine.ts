/**
 * What a benchmark needs of the machine it runs on: its RSA limit, the processor time and memory of a process, a sink that
 * swallows mail as fast as C can, and Postfix as the peer. What is not installed is absent, never guessed.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { freePort } from './parley.ts';

const PEERS = join(import.meta.dirname, 'peers');

export const has = (program: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0 ||
  existsSync(`/usr/sbin/${program}`);

/** The machine in one line, for whoever reads the figures later. */
export const machine = (): string =>
  `${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, node ${process.versions.node}, openssl ${process.versions.openssl}`;

export interface SigningLimit {
  /** RSA-2048 signatures per second, asynchronous on the thread pool of this process. */
  rate: number;
  /** Processor seconds for a thousand of them. */
  cpuPer1000: number;
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

/** RFC 6376's signature and nothing else, as many at once as the thread pool has threads. */
export async function signingLimit(count: number): Promise<SigningLimit> {
  const data = randomBytes(700);
  const one = (): Promise<unknown> =>
    new Promise((resolve, reject) =>
      sign('sha256', data, rsa, (error, signature) => (error === null ? resolve(signature) : reject(error))),
    );
  const before = process.cpuUsage();
  const began = performance.now();
  let left = count;
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (left-- > 0) await one();
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { rate: count / seconds, cpuPer1000: (user + system) / 1000 / count };
}

const CLOCK_TICKS = 100;

/** Processor seconds that a process has used so far, and what it waited for children that ended. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

export const rssMbOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;

/** Looks at the memory of a process four times a second; the highest so far. */
export function watchRss(pid: number): { peak(): number; stop(): void } {
  let peak = rssMbOf(pid);
  const timer = setInterval(() => {
    if (existsSync(`/proc/${pid}/status`)) peak = Math.max(peak, rssMbOf(pid));
  }, 250);
  return { peak: () => peak, stop: () => clearInterval(timer) };
}

export interface SinkCounts {
  msgs: number;
  dupl: number;
  dkim: number;
  conns: number;
  maxconc: number;
  bytes: number;
  /** Seconds since 1970, of the first and the last message. */
  first: number;
  last: number;
}

export interface Sink {
  port: number;
  pid: number;
  reset(): Promise<void>;
  counts(): Promise<SinkCounts>;
  stop(): void;
}

/** Builds a C program of lab/peers/ with gcc, once a run. */
function built(name: string, directory: string): string {
  const binary = join(directory, name);
  if (!existsSync(binary))
    execFileSync('gcc', ['-O2', '-w', '-pthread', '-o', binary, join(PEERS, `${name}.c`)]);
  return binary;
}

const workshop = (() => {
  let directory: string | undefined;
  return (): string => {
    if (directory === undefined) {
      const made = mkdtempSync(join(tmpdir(), 'parley-bench-'));
      process.once('exit', () => rmSync(made, { recursive: true, force: true }));
      directory = made;
    }
    return directory;
  };
})();

/** The sink of lab/peers/sink.c: PIPELINING, CHUNKING, no TLS; counts, and sees who got a message twice. */
export async function startSink(): Promise<Sink> {
  const port = await freePort();
  const child = spawn(built('sink', workshop()), [String(port)], { stdio: 'ignore' });
  const control = await connected(port);
  return {
    port,
    pid: child.pid ?? 0,
    reset: async () => void (await control.ask('XRESET')),
    counts: async () => JSON.parse((await control.ask('XSTAT')).slice(4)) as SinkCounts,
    stop: () => {
      control.end();
      child.kill('SIGKILL');
    },
  };
}

async function connected(port: number): Promise<{ ask(verb: string): Promise<string>; end(): void }> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await new Promise((resolve, reject) => {
        const socket = createConnection(port, '127.0.0.1');
        let answer: ((line: string) => void) | undefined;
        let text = '';
        socket.once('error', reject);
        socket.on('data', (chunk) => {
          text += chunk.toString('latin1');
          if (!text.endsWith('\r\n')) return;
          const line = text.trim();
          text = '';
          if (answer !== undefined) answer(line);
          else resolve({ ask, end: () => socket.destroy() });
        });
        const ask = (verb: string) =>
          new Promise<string>((done) => {
            answer = done;
            socket.write(`${verb}\r\n`);
          });
      });
    } catch (error) {
      if (attempt === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Resolves when the sink has `count` messages; the count does not grow for `patienceMs`: rejects. */
export async function sinkHas(sink: Sink, count: number, patienceMs = 30_000): Promise<SinkCounts> {
  let last = -1;
  let since = Date.now();
  for (;;) {
    const counts = await sink.counts();
    if (counts.msgs >= count) return counts;
    if (counts.msgs > last) {
      last = counts.msgs;
      since = Date.now();
    } else if (Date.now() - since > patienceMs) {
      throw new Error(`the sink has ${counts.msgs} of ${count} messages, and no more came`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export interface Postfix {
  port: number;
  directory: string;
  /** Processor seconds of all its processes so far, OpenDKIM's included. */
  cpuSeconds(): number;
  stop(): void;
}

export const postfixIsHere = (): boolean => has('postfix') && has('gcc') && process.getuid?.() === 0;

/** A private Postfix that relays to the sink or keeps a maildir, with OpenDKIM where asked: lab/peers/postfix.sh. */
export async function startPostfix(sinkPort: number | 'maildir', dkim: boolean): Promise<Postfix> {
  const port = await freePort();
  // Postfix looks for a user of its own on the way to its queue.
  const directory = mkdtempSync('/tmp/parley-postfix-');
  const script = join(PEERS, 'postfix.sh');
  execFileSync('chmod', ['755', directory]);
  execFileSync('bash', [script, 'up', directory, String(port), String(sinkPort), ...(dkim ? ['dkim'] : [])], {
    stdio: 'ignore',
  });
  return {
    port,
    directory,
    cpuSeconds: () => familyOf(directory).reduce((sum, pid) => sum + cpuWithChildren(pid), 0),
    stop: () => {
      spawnSync('bash', [script, 'down', directory], { stdio: 'ignore' });
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The master of a Postfix with its children, and its OpenDKIM. */
function familyOf(directory: string): number[] {
  const listing = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  const rows = listing.map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)).filter((row) => row !== null);
  const pids = new Set<number>();
  for (const file of ['spool/pid/master.pid', 'dkim/pid']) {
    const path = join(directory, file);
    if (existsSync(path)) pids.add(Number(readFileSync(path, 'latin1').trim()));
  }
  for (let grew = true; grew;) {
    grew = false;
    for (const [, pid, parent] of rows) {
      if (pids.has(Number(parent)) && !pids.has(Number(pid))) {
        pids.add(Number(pid));
        grew = true;
      }
    }
  }
  return [...pids];
}

/** With what ended children used (`cutime`, `cstime`), since Postfix's processes come and go. */
function cpuWithChildren(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0) / CLOCK_TICKS;
  } catch {
    return 0;
  }
}

export interface Injection {
  /** Seconds since 1970. */
  t0: number;
  t1: number;
}

/** lab/peers/source.c: the template to user<N>@d<k>.test over so many connections. */
export function inject(
  port: number,
  template: string,
  count: number,
  connections: number,
): Promise<Injection> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(
      built('source', workshop()),
      ['127.0.0.1', String(port), template, String(count), String(connections), '100'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.once('exit', (code) => {
      if (code !== 0) reject(new Error(`the source ended with ${code}`));
      else resolve(JSON.parse(text) as Injection);
    });
  });
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
};
