/**
 * Parley on a machine in trouble: the disk is full, a sync fails, descriptors run out. Senders are told to come again,
 * nothing that was promised is lost, and what can go on without a restart does.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { pause, signIn, until } from './office.ts';
import { startParley, type ParleyOptions, type RunningParley } from './parley.ts';

/** New mail would be refused long before so small a disk is full (`inbound.min_free_bytes`): here it must get there. */
const TO_THE_LAST_BYTE = { INBOUND_MIN_FREE_BYTES: 0 };

const MAILBOX = 'bonjour@colombe.example';

const runs = (program: string, ...words: string[]): boolean =>
  spawnSync(program, words, { stdio: 'ignore' }).status === 0;
const isRoot = process.getuid?.() === 0;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'parley-disk-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function start(options: ParleyOptions): Promise<RunningParley> {
  const parley = await startParley({
    ...options,
    settings: {
      LOG_LEVEL: 'error',
      INBOUND_HOST: '127.0.0.1',
      INBOUND_WORKERS: 1,
      DNS_SERVERS: '127.0.0.1:9',
      DNS_TIMEOUT_MS: 100,
      ...options.settings,
    },
  });
  onTestFinished(() => parley.kill());
  return parley;
}

/** A house that takes mail for one shared mailbox. */
async function furnish(parley: RunningParley): Promise<void> {
  const client = await signIn(parley);
  await client.post('/api/domains', { name: 'colombe.example' });
  const { rows } = await client.get<{ rows: { id: number }[] }>('/api/brands');
  await client.post('/api/mailboxes', { name: 'Service', address: MAILBOX, brand_id: rows[0]?.id });
}

/** One message; the code of the last answer, or 0 when the line broke. */
function send(port: number, id: string, bytes = 2000): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const body = `Message-ID: <${id}@free.fr>\r\nFrom: l@free.fr\r\nSubject: ${id}\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(Math.ceil(bytes / 72))}.\r\n`;
    const steps = [
      'EHLO x.example\r\n',
      `MAIL FROM:<${id}@free.fr>\r\n`,
      `RCPT TO:<${MAILBOX}>\r\n`,
      'DATA\r\n',
      body,
    ];
    let step = 0;
    let text = '';
    const end = (code: number) => {
      socket.destroy();
      resolve(code);
    };
    socket.setTimeout(20_000, () => end(0));
    socket.on('error', () => end(0)).on('close', () => end(0));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const done = /^(\d{3}) .*\r\n$/m.exec(text);
      if (done === null || !text.endsWith('\r\n')) return;
      text = '';
      const code = Number(done[1]);
      if (code >= 400 || step === steps.length) return end(code);
      socket.write(steps[step++] as string);
    });
  });
}

function receivedIn(dataDir: string): Set<string> {
  const database = new DatabaseSync(join(dataDir, 'parley.db'));
  try {
    const [whole] = database.prepare('pragma integrity_check').all() as { integrity_check: string }[];
    expect(whole?.integrity_check).toBe('ok');
    return new Set(
      (database.prepare('select mail_from from inbound').all() as { mail_from: string }[]).map(
        (row) => row.mail_from.split('@')[0] as string,
      ),
    );
  } finally {
    database.close();
  }
}

// ── a full disk ───────────────────────────────────────────────────────────────────────────────────────────────────

/** A small file system of its own, when we may mount one. */
function smallDisk(megabytes: number): string | undefined {
  if (!isRoot || process.platform !== 'linux') return undefined;
  const path = mkdtempSync(join(tmpdir(), 'parley-small-'));
  if (!runs('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path)) {
    rmSync(path, { recursive: true, force: true });
    return undefined;
  }
  return path;
}

const probe = smallDisk(1);
if (probe !== undefined) unmount(probe);
function unmount(path: string): void {
  execFileSync('umount', ['-l', path]);
  rmSync(path, { recursive: true, force: true });
}

test.skipIf(probe === undefined)(
  `a full disk: senders hear 452, nothing promised is lost, and mail flows again without a restart${probe === undefined ? ' (skipped: needs root and tmpfs)' : ''}`,
  { timeout: 120_000 },
  async () => {
    const disk = smallDisk(24) as string;
    onTestFinished(() => unmount(disk));
    const dataDir = join(disk, 'data');
    const parley = await start({ dataDir, settings: TO_THE_LAST_BYTE });
    await furnish(parley);
    const promised = new Set<string>();
    const said = new Set<number>();
    const take = async (id: string, bytes?: number) => {
      const code = await send(parley.inboundPort, id, bytes);
      said.add(code);
      if (code === 250) promised.add(id);
      return code;
    };

    expect(await take('before')).toBe(250);
    // Somebody else's file takes what is left.
    const ballast = join(disk, 'ballast');
    writeFileSync(ballast, Buffer.alloc(1));
    const fill = () => {
      for (const size of [1 << 20, 1 << 16, 1 << 12])
        for (;;)
          try {
            writeFileSync(ballast, Buffer.alloc(size), { flag: 'a' });
          } catch {
            break;
          }
    };
    for (let round = 0; round < 3; round++) {
      fill();
      let refused = 0;
      for (let at = 0; at < 40 && refused < 5; at++)
        if ((await take(`full-${round}-${at}`, at % 4 === 3 ? 400_000 : 8000)) !== 250) refused++;
      expect(refused, [...said].join()).toBe(5);
      rmSync(ballast);
      for (let at = 0; at < 5; at++) expect(await take(`after-${round}-${at}`)).toBe(250);
    }
    expect([...said].toSorted()).toEqual([250, 452]);
    expect(parley.process.exitCode).toBeNull();
    expect(await parley.stop()).toBe(0);
    const there = receivedIn(dataDir);
    for (const id of promised) expect(there.has(id), id).toBe(true);
    // What was refused left nothing behind.
    expect(readdirSync(join(dataDir, 'raw', 'incoming'))).toEqual([]);
  },
);

// ── a sync that fails ─────────────────────────────────────────────────────────────────────────────────────────────

const hasStrace = runs('strace', '-o', '/dev/null', '-e', 'inject=fsync:error=EIO:when=9', 'true');

test.skipIf(!hasStrace)(
  `a sync that fails: the sender hears 451, the process ends with 1, and a restart has all that was promised${hasStrace ? '' : ' (skipped: no strace that may inject faults)'}`,
  { timeout: 120_000 },
  async () => {
    const dataDir = folder();
    const first = await start({ dataDir, settings: TO_THE_LAST_BYTE });
    await furnish(first);
    // The twelfth sync from now on fails, and all that follow, in whichever thread; the tracer comes and goes with the process.
    const trace = join(dataDir, '..', `trace-${first.process.pid}`);
    onTestFinished(() => rmSync(trace, { force: true }));
    const tracer = spawn(
      'strace',
      `-f -q -p ${first.process.pid} -o ${trace} -e trace=fsync,fdatasync -e inject=fsync,fdatasync:error=EIO:when=12+`.split(
        ' ',
      ),
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    onTestFinished(() => void tracer.kill('SIGKILL'));
    await until(
      'the tracer to hold on',
      async () => {
        const status = readFileSync(`/proc/${first.process.pid}/status`, 'utf8');
        return /^TracerPid:\s+[1-9]/m.test(status) ? true : undefined;
      },
      20_000,
      20,
    );
    const ended = new Promise<number | null>((resolve) => first.process.once('exit', resolve));
    const promised: string[] = [];
    const said: number[] = [];
    for (let at = 0; at < 60 && first.process.exitCode === null; at++) {
      const code = await send(first.inboundPort, `eio-${at}`);
      said.push(code);
      if (code === 250) promised.push(`eio-${at}`);
      if (code === 0) break;
    }
    expect(await ended).toBe(1);
    expect(promised.length).toBeGreaterThan(0);
    expect(said).toContain(451);
    // Once a sync failed, nobody was told that anything is safe.
    expect(said.lastIndexOf(250)).toBeLessThan(said.indexOf(451));

    const second = await start({ dataDir, settings: TO_THE_LAST_BYTE });
    expect(await send(second.inboundPort, 'afterwards')).toBe(250);
    await second.stop();
    const there = receivedIn(dataDir);
    for (const id of [...promised, 'afterwards']) expect(there.has(id), id).toBe(true);
  },
);

// ── no descriptors left ───────────────────────────────────────────────────────────────────────────────────────────

/** A sender who is connected and was greeted. */
async function greeted(port: number): Promise<{ say(line: string): Promise<string> }> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  const answer = () =>
    new Promise<string>((resolve, reject) => {
      socket.once('data', (chunk) => resolve(chunk.toString()));
      socket.once('error', reject);
    });
  await answer();
  return {
    say(line) {
      socket.write(`${line}\r\n`);
      return answer();
    },
  };
}

const hasPrlimit = runs('prlimit', '--version');

test.skipIf(!hasPrlimit)(
  `no descriptors left: whoever is connected goes on, and once some are free new senders are taken${hasPrlimit ? '' : ' (skipped: no prlimit)'}`,
  { timeout: 120_000 },
  async () => {
    const dataDir = folder();
    const parley = await start({
      dataDir,
      settings: { ...TO_THE_LAST_BYTE, INBOUND_MAX_CONNECTIONS_PER_ADDRESS: 400 },
    });
    await furnish(parley);
    const pid = parley.process.pid as number;
    const before = await greeted(parley.inboundPort);
    const open = readdirSync(`/proc/${pid}/fd`).length;
    execFileSync('prlimit', ['--pid', String(pid), `--nofile=${open + 8}:`]);
    const idle: Socket[] = [];
    onTestFinished(() => idle.forEach((socket) => socket.destroy()));
    for (let at = 0; at < 40; at++) {
      const socket = connect(parley.inboundPort, '127.0.0.1');
      socket.on('error', () => undefined);
      idle.push(socket);
    }
    await pause(1000);
    expect(parley.process.exitCode).toBeNull();
    // There is no descriptor left: the server has as many as it may, and forty senders were not all taken.
    expect(readdirSync(`/proc/${pid}/fd`).length).toBeGreaterThanOrEqual(open + 7);
    expect(await before.say('NOOP')).toMatch(/^250 /);
    for (const socket of idle.splice(0)) socket.destroy();
    await until(
      'new senders to be taken again',
      async () => ((await send(parley.inboundPort, `again-${Date.now()}`)) === 250 ? true : undefined),
      30_000,
    );
    execFileSync('prlimit', ['--pid', String(pid), '--nofile=1024:']);
    expect(await parley.stop()).toBe(0);
    expect(receivedIn(dataDir).size).toBeGreaterThan(0);
  },
);
