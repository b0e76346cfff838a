/**
 * The scanners that the settings name: ClamAV for malware, rspamd and SpamAssassin for spam. One that is away, late or
 * talks nonsense stops no mail and no worker: its verdict is "not scanned", with the reason, and after some failures in
 * a row it is left alone for a while (scan-circuit.ts).
 */
import type { NetConnectOpts } from 'node:net';
import { explain } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import { askClamd } from './clamd.ts';
import type { Rule } from './classify.ts';
import { askRspamd } from './rspamd.ts';
import { Circuit } from './scan-circuit.ts';
import { readPlace, ScanFault, ScanRefusal, type ScannedEnvelope, type SpamWord } from './scan-wire.ts';
import { askSpamd } from './spamd.ts';

/** As the settings, the metrics and the rules call them, and as people do. */
const names = { clamav: 'ClamAV', rspamd: 'rspamd', spamassassin: 'SpamAssassin' } as const;
export type ScannerId = keyof typeof names;
export const scannerName = (id: ScannerId): string => names[id];

export interface FilterWord extends SpamWord {
  scanner: ScannerId;
}

/** What the scanners say of one message; nothing when none is set. */
export interface MalwareScan {
  /** What ClamAV calls it. */
  malware: string | null;
  rules: Rule[];
}
export interface SpamScan {
  words: FilterWord[];
  rules: Rule[];
}

/** Questions to one scanner at once: clamd has ten threads and spamd five children unless told otherwise. */
const AT_ONCE = 8;

export class Scanners {
  readonly #clamav: Scanner<string | null> | undefined;
  readonly #filters: Scanner<SpamWord>[] = [];

  constructor(rt: Pick<Runtime, 'clock' | 'metrics' | 'log'> & { config: Runtime['config'] }) {
    const settings = rt.config.inbound.scan;
    const clamav = readPlace(settings.clamav);
    if (clamav !== undefined)
      this.#clamav = new Scanner(rt, {
        id: 'clamav',
        maxSize: settings.max_size,
        ask: (raw, _, signal) => askClamd(clamav, raw, signal),
        resultOf: (found) => (found === null ? 'clean' : 'malware'),
      });
    const filter = (
      id: ScannerId,
      ask: (raw: Buffer, envelope: ScannedEnvelope, signal: AbortSignal) => Promise<SpamWord>,
    ) =>
      this.#filters.push(
        new Scanner(rt, {
          id,
          maxSize: settings.spam_max_size,
          ask,
          resultOf: (word) => (word.isSpam ? 'spam' : 'clean'),
        }),
      );
    if (settings.rspamd !== '')
      filter('rspamd', (raw, envelope, signal) => askRspamd(settings.rspamd, raw, envelope, signal));
    const spamd: NetConnectOpts | undefined = readPlace(settings.spamassassin);
    if (spamd !== undefined) filter('spamassassin', (raw, _, signal) => askSpamd(spamd, raw, signal));
  }

  /** Every message: what a bounce brings back may be malware too. */
  async malware(raw: Buffer, envelope: ScannedEnvelope): Promise<MalwareScan> {
    if (this.#clamav === undefined) return { malware: null, rules: [] };
    const scan = await this.#clamav.scan(raw, envelope);
    if (scan.kind === 'unscanned') return { malware: null, rules: [unscanned('clamav', scan.why)] };
    const why = scan.word === null ? 'ClamAV found nothing' : `ClamAV found ${scan.word}`;
    return { malware: scan.word, rules: [{ id: 'scan-clamav', why }] };
  }

  /** Letters only: whatever a filter says of a bounce, its proof is another. */
  async spam(raw: Buffer, envelope: ScannedEnvelope): Promise<SpamScan> {
    const result: SpamScan = { words: [], rules: [] };
    await Promise.all(
      this.#filters.map(async (filter) => {
        const scan = await filter.scan(raw, envelope);
        if (scan.kind === 'unscanned') result.rules.push(unscanned(filter.id, scan.why));
        else result.words.push({ ...scan.word, scanner: filter.id });
      }),
    );
    return result;
  }
}

const unscanned = (id: ScannerId, why: string): Rule => ({
  id: `not-scanned-${id}`,
  why: `not scanned by ${names[id]}: ${why}`,
});

type Scan<T> = { kind: 'scanned'; word: T } | { kind: 'unscanned'; why: string };

interface Asking<T> {
  id: ScannerId;
  maxSize: number;
  ask(raw: Buffer, envelope: ScannedEnvelope, signal: AbortSignal): Promise<T>;
  resultOf(word: T): 'clean' | 'spam' | 'malware';
}

/** One of them, with its circuit and its places. */
class Scanner<T> {
  readonly id: ScannerId;
  readonly #rt: Pick<Runtime, 'clock' | 'metrics' | 'log' | 'config'>;
  readonly #asking: Asking<T>;
  readonly #circuit: Circuit;
  readonly #waiting: (() => void)[] = [];
  #busy = 0;
  /** What it failed with last, for those that it is not asked about. */
  #fault = '';

  constructor(rt: Pick<Runtime, 'clock' | 'metrics' | 'log' | 'config'>, asking: Asking<T>) {
    this.id = asking.id;
    this.#rt = rt;
    this.#asking = asking;
    this.#circuit = new Circuit(rt.clock);
  }

  async scan(raw: Buffer, envelope: ScannedEnvelope): Promise<Scan<T>> {
    const scan = await this.#scan(raw, envelope);
    const result = scan.kind === 'scanned' ? this.#asking.resultOf(scan.word) : 'unscanned';
    this.#rt.metrics.count('inbound_scans', { scanner: this.id, result });
    return scan;
  }

  async #scan(raw: Buffer, envelope: ScannedEnvelope): Promise<Scan<T>> {
    if (raw.length > this.#asking.maxSize)
      return { kind: 'unscanned', why: `larger than ${this.#asking.maxSize} bytes` };
    // The wire's time, whatever speed the clock has. The wait has a time-out of its own: a queue is no fault of the scanner.
    const timeout = () => AbortSignal.timeout(this.#rt.config.inbound.scan.timeout_ms);
    if (!(await this.#takePlace(timeout()))) return { kind: 'unscanned', why: 'too many before it' };
    try {
      // Asked after the wait: those before it may have found it dead.
      if (!this.#circuit.mayAsk()) return { kind: 'unscanned', why: `left alone after: ${this.#fault}` };
      return await this.#ask(raw, envelope, timeout());
    } finally {
      this.#busy--;
      this.#waiting.shift()?.();
    }
  }

  async #ask(raw: Buffer, envelope: ScannedEnvelope, signal: AbortSignal): Promise<Scan<T>> {
    const { log, metrics } = this.#rt;
    const began = performance.now();
    try {
      const word = await this.#asking.ask(raw, envelope, signal);
      if (this.#circuit.good()) log.info('scanner is back', { scanner: this.id });
      return { kind: 'scanned', word };
    } catch (error) {
      const why = error instanceof ScanFault ? error.message : explain(error);
      // Whoever sends what it refuses must not be able to switch it off.
      if (error instanceof ScanRefusal) this.#circuit.good();
      else {
        this.#fault = why;
        const pause = this.#circuit.bad();
        if (pause > 0)
          log.error('scanner does not answer', { scanner: this.id, reason: why, pauseMs: pause });
      }
      return { kind: 'unscanned', why };
    } finally {
      metrics.observe('inbound_scan', performance.now() - began, { scanner: this.id });
    }
  }

  /** False: its time-out came first. */
  async #takePlace(signal: AbortSignal): Promise<boolean> {
    while (this.#busy >= AT_ONCE) {
      if (signal.aborted) return false;
      await new Promise<void>((resolve) => {
        const go = () => {
          signal.removeEventListener('abort', go);
          const at = this.#waiting.indexOf(go);
          if (at >= 0) this.#waiting.splice(at, 1);
          resolve();
        };
        signal.addEventListener('abort', go);
        this.#waiting.push(go);
      });
    }
    if (signal.aborted) {
      // Woken too late: the place is for the next.
      this.#waiting.shift()?.();
      return false;
    }
    this.#busy++;
    return true;
  }
}

/** One set a runtime: what one worker learns of a dead scanner all know. */
const known = new WeakMap<Runtime, Scanners>();

export function scannersOf(rt: Runtime): Scanners {
  const scanners = known.get(rt) ?? new Scanners(rt);
  known.set(rt, scanners);
  return scanners;
}
