/**
 * The inbound house: a listener that keeps what comes, and workers that understand it. They meet in the `inbound` table;
 * each could run on another machine.
 */
import { hostname as machineName } from 'node:os';
import { CertificateWatch } from '../core/certificate-watch.ts';
import type { Role, Runtime } from '../core/runtime.ts';
import { claimInbound, freeInbound } from '../core/store/inbound.ts';
import { explain } from '../core/errors.ts';
import { Doorkeeper } from './admission.ts';
import { Cage } from './cage.ts';
import { Forwarders } from './forwarder.ts';
import { listen, type Listener } from './listener.ts';
import { ImapPuller } from './imap-puller.ts';
import { keeper, STILL_BUSY_MS, type Rush } from './keep.ts';
import { PressureGauge } from './pressure.ts';
import { process as processRows, type Reader } from './receive.ts';
import { Recipients } from './recipient.ts';

/** Longer than any message may take; only another node waits it out. */
const LEASE_MS = 15 * 60_000;
const POLL_MS = 5000;
/** However much comes in at port 25, what was accepted longer ago is read at full speed. */
const LONGEST_LAG_MS = 5000;

/** The listener and its workers, as `main.ts` starts them. */
export function inbound(rt: Runtime): Role {
  const { config, store, clock, wake, log } = rt;
  const settings = config.inbound;
  const hostname = settings.hostname || machineName();
  const forwarders = new Forwarders(settings.forwarders);
  let listener: Listener | undefined;
  let workers: Workers | undefined;
  let puller: ImapPuller | undefined;
  let certificates: CertificateWatch | undefined;
  const pressure = new PressureGauge(rt);
  const off: (() => void)[] = [];

  return {
    name: 'inbound',
    async start() {
      if (store.engine === 'sqlite') await store.write((tx) => freeInbound(tx));
      certificates = await CertificateWatch.open({
        certificate: config.tls.certificate,
        key: config.tls.key,
        dataDir: config.data_dir,
        hostname,
        clock,
        log,
      });
      const recipients = new Recipients(store.read, rt.tokens);
      off.push(wake.on('settings', () => recipients.forget()));
      const keep = keeper(rt);
      workers = new Workers(
        { rt, hostname, forwarders, cage: new Cage({ workers: settings.workers }) },
        settings.workers,
        keep.rush,
      );
      off.push(wake.on('inbound', () => workers?.wake()));
      workers.start();
      await pressure.start();
      const { key, cert, selfSigned } = certificates.now;
      const port25 = await listen({
        host: settings.host,
        port: settings.port,
        hostname,
        maxSize: settings.max_size,
        key,
        cert,
        greetingDelayMs: settings.greeting_delay_ms,
        pressure: () => pressure.now,
        dataDir: config.data_dir,
        doorkeeper: new Doorkeeper(
          {
            connections: settings.max_connections,
            connectionsPerAddress: settings.max_connections_per_address,
            connectionsPerMinute: settings.max_connections_per_minute,
          },
          (ip) => forwarders.trusts(ip),
        ),
        judge: (address) => recipients.judge(address, clock.now()),
        keep,
        log,
      });
      listener = port25;
      certificates.onRenewal((renewed) => port25.renew(renewed));
      puller = new ImapPuller({ rt, judge: (address) => recipients.judge(address, clock.now()) });
      await puller.start();
      log.info('listening for mail', {
        host: settings.host,
        port: port25.port,
        selfSigned,
      });
    },
    async stop() {
      for (const stop of off.splice(0)) stop();
      certificates?.stop();
      pressure.stop();
      await puller?.stop();
      await listener?.close();
      await workers?.stop();
    },
  };
}

/**
 * Takes rows as long as there are any, a few at a time, and sleeps until the bell or the next poll: a crash between commit
 * and bell delays nothing for long.
 */
export class Workers {
  readonly #reader: Reader;
  readonly #atOnce: number;
  readonly #rush: () => Rush;
  readonly #running = new Set<Promise<void>>();
  readonly #stopped = new AbortController();
  #bell: (() => void) | undefined;
  #rung = false;
  /** Rows claimed and not yet ended, and how many there may be now. */
  #held = 0;
  #most: number;
  /** How long the oldest row had waited when it was last looked, and when that was. */
  #lagMs = 0;
  #lookedAt = 0;
  #loop: Promise<void> | undefined;

  constructor(reader: Reader, atOnce: number, rush: () => Rush = () => 'none') {
    this.#reader = reader;
    this.#rush = rush;
    // While some are read in their cages, others wait for name servers and commits.
    this.#atOnce = atOnce * 16;
    this.#most = this.#atOnce;
  }

  start(): void {
    this.#loop = this.#run();
  }

  wake(): void {
    this.#rung = true;
    this.#bell?.();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#bell?.();
    await this.#loop;
    await Promise.all(this.#running);
    await this.#reader.cage.close();
  }

  /** Everything that waits now, to its end: for tests and commands. */
  async drain(): Promise<void> {
    for (;;) {
      const taken = await this.#claim();
      if (taken === 0 && this.#running.size === 0) return;
      // What still has room comes along with what runs.
      if (taken === 0) await Promise.race(this.#running);
    }
  }

  async #run(): Promise<void> {
    const { rt } = this.#reader;
    while (!this.#stopped.signal.aborted) {
      this.#rung = false;
      let taken = 0;
      try {
        taken = await this.#claim();
      } catch (error) {
        rt.log.error('inbound queue not read', { error: explain(error) });
      }
      // Full, or nothing there: each row that ends rings when there is room for many.
      if (taken === 0 && !this.#rung) await this.#sleep(this.#most === 0 ? STILL_BUSY_MS : POLL_MS);
    }
  }

  async #claim(): Promise<number> {
    const { rt } = this.#reader;
    this.#most = this.#mostNow();
    const room = this.#most - this.#held;
    // A claim is a commit: many rows at once.
    if (room <= this.#most / 4) return 0;
    const rows = await rt.store.write((tx) =>
      claimInbound(tx, { limit: room, leaseMs: LEASE_MS }, rt.clock.now()),
    );
    this.#lookedAt = rt.clock.now();
    this.#lagMs = rows[0] === undefined ? 0 : this.#lookedAt - rows[0].received_at;
    if (rows.length === 0) return 0;
    this.#held += rows.length;
    const work = processRows(this.#reader, rows, () => {
      this.#held--;
      if (this.#held <= (this.#most * 3) / 4) this.wake();
    }).finally(() => {
      this.#running.delete(work);
    });
    this.#running.add(work);
    return rows.length;
  }

  /**
   * Who is on the line waits for us, what is accepted can wait a little: few at a time, and none while it floods, unless
   * some have waited long.
   */
  #mostNow(): number {
    const waited = this.#lagMs + this.#reader.rt.clock.now() - this.#lookedAt;
    if (waited >= LONGEST_LAG_MS) return this.#atOnce;
    const rush = this.#rush();
    switch (rush) {
      case 'none':
        return this.#atOnce;
      case 'some':
        return Math.ceil(this.#atOnce / 8);
      case 'flood':
        return 0;
      default:
        return rush satisfies never;
    }
  }

  async #sleep(longest: number): Promise<void> {
    // A stop that came while rows were claimed rang a bell that nobody heard.
    if (this.#stopped.signal.aborted) return;
    const ended = new AbortController();
    const bell = new Promise<void>((resolve) => (this.#bell = resolve));
    await Promise.race([bell, this.#reader.rt.clock.sleep(longest, ended.signal)]);
    ended.abort();
    this.#bell = undefined;
  }
}
