/**
 * What a real host still needs before real mail, each with the fix, in plain words. Nothing here changes anything.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { createServer, isIP } from 'node:net';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { settings, type Config } from '../config/schema.ts';
import { checkDomain } from './identity.ts';
import type { Runtime } from './runtime.ts';
import { examineSource, type Tick } from './sending/source-check.ts';
import { imapAccounts } from './store/imap-account.ts';
import { sendingDomains, sources } from './store/identity.ts';

export interface Finding {
  id: string;
  level: 'ok' | 'warn' | 'fail';
  /** What was seen. */
  says: string;
  /** What to do about it; empty when it is well. */
  fix: string;
}

interface Deps {
  config(): Config;
  withRuntime<T>(work: (runtime: Runtime) => Promise<T>): Promise<T>;
  /** What the houses examine of their own. */
  examinations: ((runtime: Runtime) => Promise<Finding[]>)[];
}

export function doctorCommand(program: Command, deps: Deps): void {
  program
    .command('doctor')
    .description('explain what is missing before real sending: ports, DNS, PTR, TLS, clock, disk, scanners')
    .option('--settings', 'print every setting with its default and what it does')
    .option('--json', 'print the findings as JSON')
    .action(async (options: { settings?: boolean; json?: boolean }) => {
      if (options.settings) {
        if (options.json) console.log(JSON.stringify(settings()));
        else
          for (const setting of settings())
            console.log(`${setting.name} = ${JSON.stringify(setting.default)}\n    ${setting.sentence}`);
        return;
      }
      const findings = await deps.withRuntime(async (runtime) => {
        const found = await examine(runtime);
        for (const more of deps.examinations) found.push(...(await more(runtime)));
        return found;
      });
      if (options.json) console.log(JSON.stringify(findings));
      else printFindings(findings);
      process.exitCode = findings.some((finding) => finding.level === 'fail') ? 1 : 0;
    });
}

const MARKS = { ok: '✓', warn: '!', fail: '✗' } as const;

function printFindings(findings: Finding[]): void {
  for (const { level, says, fix } of findings) {
    console.log(`${MARKS[level]} ${says}`);
    if (fix !== '') console.log(`    ${fix}`);
  }
  const bad = findings.filter((finding) => finding.level === 'fail').length;
  const soft = findings.filter((finding) => finding.level === 'warn').length;
  console.log(
    bad === 0 ? `ready to send (${soft} to look at)` : `not ready: ${bad} to mend, ${soft} to look at`,
  );
}

/** Every examination, in the order in which one depends on another. */
export async function examine(runtime: Runtime): Promise<Finding[]> {
  return [
    ...(await ports(runtime.config)),
    baseUrl(runtime.config),
    tls(runtime.config),
    ...(await clock(runtime)),
    disk(runtime.config),
    driver(runtime),
    ...(await resolver(runtime)),
    ...(await egress(runtime)),
    ...(await domains(runtime)),
    ...(await mailboxesElsewhere(runtime)),
  ];
}

const ok = (id: string, says: string): Finding => ({ id, level: 'ok', says, fix: '' });
const warn = (id: string, says: string, fix: string): Finding => ({ id, level: 'warn', says, fix });
const fail = (id: string, says: string, fix: string): Finding => ({ id, level: 'fail', says, fix });

async function ports(config: Config): Promise<Finding[]> {
  const wanted = [
    {
      id: 'port.inbound',
      host: config.inbound.host,
      port: config.inbound.port,
      what: 'incoming mail (inbound.port)',
    },
    {
      id: 'port.http',
      host: config.http.host,
      port: config.http.port,
      what: 'the web application (http.port)',
    },
  ];
  const findings = await Promise.all(
    wanted.map(async ({ id, host, port, what }) => {
      if (port === 0) return ok(id, `a free port is taken for ${what}`);
      const code = await tryToListen(host, port);
      if (code === undefined) return ok(id, `port ${port} can be opened for ${what}`);
      if (code === 'EADDRINUSE')
        return warn(
          id,
          `port ${port} for ${what} is in use: fine if Parley runs, else another program holds it`,
          `see who listens: ss -ltnp sport = :${port}`,
        );
      if (code === 'EACCES')
        return fail(
          id,
          `port ${port} for ${what} needs a permission`,
          `allow it: setcap 'cap_net_bind_service=+ep' "$(command -v node)", or set a higher port and forward ${port} to it`,
        );
      return fail(id, `port ${port} for ${what} cannot be opened (${code})`, `check the address ${host}`);
    }),
  );
  if (config.inbound.port !== 25 && config.inbound.port !== 0) {
    findings.push(
      warn(
        'port.25',
        `incoming mail listens on ${config.inbound.port}, but the world delivers to port 25`,
        'set inbound.port: 25, or forward port 25 to it',
      ),
    );
  }
  return findings;
}

function tryToListen(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
}

function baseUrl({ http }: Config): Finding {
  if (http.base_url === '')
    return fail(
      'base_url',
      'links in mails would lead to this machine only',
      'set http.base_url to the public https address of the application',
    );
  if (!http.base_url.startsWith('https:'))
    return fail(
      'base_url',
      `${http.base_url} is not https: one-click unsubscribe needs it (RFC 8058)`,
      'put a TLS proxy in front and set http.base_url to its https address',
    );
  return ok('base_url', `links lead to ${http.base_url}`);
}

function tls({ tls: { certificate } }: Config): Finding {
  if (certificate === '')
    return warn(
      'tls',
      'SMTP offers TLS with a self-signed certificate',
      'most senders accept it; set tls.certificate and tls.key for one that others can verify',
    );
  return ok('tls', `SMTP uses the certificate ${certificate}`);
}

async function clock({ store }: Runtime): Promise<Finding[]> {
  if (store.engine === 'sqlite') {
    const year = new Date().getUTCFullYear();
    return year < 2025
      ? [
          fail(
            'clock',
            `the clock says ${new Date().toISOString()}`,
            'set the clock and run a time service (chrony, systemd-timesyncd)',
          ),
        ]
      : [ok('clock', `the clock says ${new Date().toISOString()}`)];
  }
  const { sql } = await import('kysely');
  const answer = await sql<{
    ms: number;
  }>`select (extract(epoch from clock_timestamp()) * 1000)::bigint as ms`.execute(store.read);
  const skew = Math.abs((answer.rows[0]?.ms ?? 0) - Date.now());
  return [
    skew > 2000
      ? fail('clock', `this machine and the database differ by ${skew} ms`, 'run a time service on both')
      : ok('clock', `this machine and the database agree within ${skew} ms`),
  ];
}

const SYNCS = 20;

/** How long one synced write takes. Far too quick means that the disk keeps it in a cache that a power cut empties. */
function disk(config: Config): Finding {
  const directory = resolve(config.data_dir);
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `doctor-${process.pid}`);
  const file = openSync(path, 'w');
  const block = Buffer.alloc(4096, 1);
  const times: number[] = [];
  try {
    for (let round = 0; round < SYNCS; round++) {
      const began = performance.now();
      writeSync(file, block);
      fsyncSync(file);
      times.push(performance.now() - began);
    }
  } finally {
    closeSync(file);
    rmSync(path, { force: true });
  }
  const median = times.sort((a, b) => a - b)[SYNCS / 2] as number;
  const seen = `a synced write takes ${median.toFixed(2)} ms on ${directory}`;
  if (median > 50) return warn('disk', seen, 'accepting mail will be slow: use a disk with a faster sync');
  if (median < 0.1)
    return warn(
      'disk',
      `${seen}, which is too quick for a real disk`,
      'a cache that a power cut empties may lie below: turn it off, or accept the risk',
    );
  return ok('disk', seen);
}

function driver({ store }: Runtime): Finding {
  if (store.engine === 'postgres') return ok('store', 'the store is PostgreSQL');
  return ok('store', `the store is SQLite (${store.driver})`);
}

async function resolver({ dns, config }: Runtime): Promise<Finding[]> {
  const name = config.inbound.hostname || hostname();
  try {
    await dns.txt('example.com');
    return [ok('dns', 'the resolver answers')];
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code === 'NXDOMAIN' || code === 'NODATA') return [ok('dns', 'the resolver answers')];
    return [
      fail(
        'dns',
        `the resolver does not answer (${code}) on ${name}`,
        'check dns.servers, or /etc/resolv.conf',
      ),
    ];
  }
}

/** What is pulled: whether the last look went well. A new look is `parley imap test`. */
async function mailboxesElsewhere({ store, clock: time }: Runtime): Promise<Finding[]> {
  return (await imapAccounts(store.read)).map((row) => {
    const id = `imap.${row.name}`;
    const what = `the connected mailbox ${row.name} (${row.username} at ${row.host})`;
    if (row.paused === 1) return warn(id, `${what} is paused`, `parley imap resume ${row.name}`);
    if (row.error !== null)
      return fail(
        id,
        `${what} fails at ${row.error}`,
        `mend it in the settings; parley imap test ${row.name}`,
      );
    if (row.checked_at === null || time.now() - row.checked_at > 3_600_000)
      return warn(id, `${what} was not looked at within the last hour`, 'start the server');
    return ok(id, `${what} is read`);
  });
}

async function egress({ store, dns, config }: Runtime): Promise<Finding[]> {
  const rows = await sources(store.read);
  if (rows.length === 0)
    return [
      warn(
        'source',
        'no egress source: mail leaves from the default address of this machine',
        'add one in Sending, with its public IP and EHLO name',
      ),
    ];
  return Promise.all(
    rows.map(async (source) => {
      const id = `source.${source.name}`;
      if (await isForeign(source.ip))
        return fail(
          id,
          `${source.ip} of source ${source.name} is not an address of this machine`,
          'add it to an interface, or remove the source',
        );
      if (source.ip === '' || source.ip.startsWith('127.') || config.mta.allow_private_targets)
        return ok(id, `source ${source.name} can be used`);
      const ticks = await examineSource(dns, source, async () => true);
      const of = (what: Tick['what']) => ticks.find((tick) => tick.what === what);
      const [ptr, forward] = [of('ptr'), of('forward')];
      if (ptr?.status === 'unknown' || forward?.status === 'unknown')
        return warn(id, `the DNS does not answer about ${source.ip}`, 'check dns.servers, and look again');
      if (ptr?.status !== 'ok')
        return fail(
          id,
          ptr?.status === 'wrong'
            ? `the PTR of ${source.ip} is ${ptr.found.join(', ')}, the EHLO name is ${source.ehlo}`
            : `${source.ip} has no PTR`,
          `ask your host to set the PTR of ${source.ip} to ${source.ehlo}`,
        );
      if (forward?.status !== 'ok')
        return fail(
          id,
          `${source.ehlo} does not resolve to ${source.ip}`,
          `add the ${isIP(source.ip) === 6 ? 'AAAA' : 'A'} record ${source.ehlo} → ${source.ip}`,
        );
      return ok(id, `${source.ip}, its PTR and ${source.ehlo} agree`);
    }),
  );
}

async function isForeign(ip: string): Promise<boolean> {
  if (ip === '' || ip === '0.0.0.0') return false;
  return (await tryToListen(ip, 0)) === 'EADDRNOTAVAIL';
}

async function domains(runtime: Runtime): Promise<Finding[]> {
  const rows = await sendingDomains(runtime.store.read);
  if (rows.length === 0)
    return [fail('domain', 'no sending domain yet', 'add one: parley domain add example.com')];
  const findings: Finding[] = [];
  for (const row of rows) {
    const check = await checkDomain(runtime, row.id);
    const faults = check.records.filter((record) => record.status !== 'ok');
    if (faults.length === 0)
      findings.push(ok(`domain.${row.name}`, `all DNS records of ${row.name} are right`));
    for (const record of faults) {
      findings.push(
        fail(
          `domain.${row.name}.${record.purpose}`,
          `${row.name}: ${record.fault}`,
          `set ${record.type} ${record.name} to ${record.value}`,
        ),
      );
    }
  }
  return findings;
}
