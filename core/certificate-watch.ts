/**
 * The server's certificate over the years: renewed files are noticed within seconds and handed to every port that uses
 * them; nobody who is connected is dropped. A pair that does not fit is reported and the one before stays.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Clock } from './clock.ts';
import { explain } from './errors.ts';
import type { Log } from './log.ts';
import { serverCertificate, type Certificate, type CertificateOptions } from './tls.ts';

const LOOK_EVERY_MS = 10_000;

export interface CertificateWatchOptions extends CertificateOptions {
  clock: Clock;
  log: Log;
}

export class CertificateWatch {
  readonly #options: CertificateWatchOptions;
  readonly #stopped = new AbortController();
  readonly #users: ((certificate: Certificate) => void)[] = [];
  #now: Certificate;
  /** What was complained of, so that it is said once. */
  #misfit = '';

  private constructor(options: CertificateWatchOptions, now: Certificate) {
    this.#options = options;
    this.#now = now;
  }

  /** Throws when the configured files cannot be read, or do not fit each other. */
  static async open(options: CertificateWatchOptions): Promise<CertificateWatch> {
    const certificate = await serverCertificate(options, options.clock.now());
    checkPair(certificate);
    const watch = new CertificateWatch(options, certificate);
    // One that we made ourselves is good for ten years.
    if (!certificate.selfSigned) void watch.#run();
    return watch;
  }

  get now(): Certificate {
    return this.#now;
  }

  /** Called with each new certificate. */
  onRenewal(use: (certificate: Certificate) => void): void {
    this.#users.push(use);
  }

  stop(): void {
    this.#stopped.abort();
  }

  async look(): Promise<void> {
    const { log, clock } = this.#options;
    try {
      const found = await serverCertificate(this.#options, clock.now());
      if (found.cert === this.#now.cert && found.key === this.#now.key) return;
      checkPair(found);
      this.#now = found;
      this.#misfit = '';
      for (const use of this.#users) use(found);
      log.info('certificate renewed', { validTo: new X509Certificate(found.cert).validTo });
    } catch (error) {
      const reason = explain(error);
      // Two files are written one after the other: the next look may find both.
      if (reason !== this.#misfit) log.warn('certificate not renewed', { error: reason });
      this.#misfit = reason;
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#options.clock.sleep(LOOK_EVERY_MS, signal);
      if (!signal.aborted) await this.look();
    }
  }
}

function checkPair({ cert, key }: Certificate): void {
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
    throw new Error('the tls certificate and the tls key do not belong together');
}
