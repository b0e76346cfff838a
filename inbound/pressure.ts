/**
 * When no new message can be taken: the disk has too little room left, or more mail waits to be understood than may. The
 * sender hears 452 and keeps it (RFC 5321 4.2.2); what was accepted goes on being worked at.
 */
import { statfs } from 'node:fs/promises';
import { explain } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import { isInboundDeeperThan } from '../core/store/inbound.ts';

export interface Pressure {
  code: 452;
  text: string;
}

const LOOK_EVERY_MS = 2000;

export class PressureGauge {
  readonly #rt: Runtime;
  readonly #freeBytes: () => Promise<number>;
  readonly #stopped = new AbortController();
  #now: Pressure | undefined;

  /** `freeBytes`: room on the disk of the data directory. */
  constructor(rt: Runtime, freeBytes = () => roomAt(rt.config.data_dir)) {
    this.#rt = rt;
    this.#freeBytes = freeBytes;
  }

  /** As it was at the last look; undefined: mail is welcome. */
  get now(): Pressure | undefined {
    return this.#now;
  }

  async start(): Promise<void> {
    await this.look();
    void this.#run();
  }

  stop(): void {
    this.#stopped.abort();
  }

  async look(): Promise<void> {
    const rt = this.#rt;
    const { min_free_bytes, max_waiting } = rt.config.inbound;
    const before = this.#now;
    try {
      const free = await this.#freeBytes();
      if (free < min_free_bytes)
        this.#now = { code: 452, text: '4.3.1 no room for mail now, try again later' };
      else if (await isInboundDeeperThan(rt.store.read, max_waiting))
        this.#now = { code: 452, text: '4.3.2 too much mail waits here now, try again later' };
      else this.#now = undefined;
      if (before?.text === this.#now?.text) return;
      if (this.#now === undefined) rt.log.info('mail is accepted again', { freeBytes: free });
      else rt.log.error('mail is not accepted', { reason: this.#now.text, freeBytes: free });
    } catch (error) {
      // Not knowing is no reason to send mail away: what cannot be kept is refused when it comes.
      rt.log.warn('room not measured', { error: explain(error) });
      this.#now = undefined;
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#rt.clock.sleep(LOOK_EVERY_MS, signal);
      if (!signal.aborted) await this.look();
    }
  }
}

async function roomAt(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
