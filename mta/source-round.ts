/**
 * Looks after the ways out: the names of every address at start and each hour, and the tests of smarthosts that people ask
 * for. A test connects, signs in and says goodbye; it sends nothing.
 */
import type { Runtime } from '../core/runtime.ts';
import { openPassword, testOf, type SmarthostTest } from '../core/sending/smarthost-service.ts';
import { checkSources } from '../core/sending/source-check.ts';
import { toJson } from '../core/store/json.ts';
import { changeSmarthost, smarthosts, type Smarthost } from '../core/store/smarthost.ts';
import { defaultProvider } from '../config/providers.ts';
import { connectSmarthost, SmarthostFault } from './smarthost-connect.ts';

const HOUR_MS = 3_600_000;
const POLL_MS = 500;
/** A person waits for it. */
const TEST_TIMEOUT_MS = 15_000;

export class SourceRound {
  readonly #runtime: Runtime;
  readonly #ehlo: string;
  #timer: NodeJS.Timeout | undefined;
  #checkedAt = -Infinity;
  #working: Promise<void> | undefined;

  constructor(runtime: Runtime, ehlo: string) {
    this.#runtime = runtime;
    this.#ehlo = ehlo;
  }

  start(): void {
    this.#timer = setInterval(() => this.#go(), POLL_MS);
    this.#go();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#working;
  }

  #go(): void {
    this.#working ??= this.#round()
      .catch((error: unknown) => this.#runtime.log.error('looking after the sources failed', { error }))
      .finally(() => (this.#working = undefined));
  }

  async #round(): Promise<void> {
    // Real time: the DNS and a clock that runs fast have nothing to do with each other.
    if (Date.now() - this.#checkedAt >= HOUR_MS) {
      this.#checkedAt = Date.now();
      await checkSources(this.#runtime);
    }
    const { store } = this.#runtime;
    for (const row of await smarthosts(store.read)) {
      if (testOf(row)?.state !== 'asked') continue;
      const test = await testSmarthost(this.#runtime, row, this.#ehlo);
      await store.write((tx) =>
        changeSmarthost(tx, row.id, {
          test: toJson(test),
          tested_at: test.at,
          // What set it aside is mended.
          ...(test.state === 'ok' && { aside_since: null, aside_until: null, aside_reason: null }),
        }),
      );
    }
  }
}

/** Connects, signs in, says goodbye; says at which step it failed, and in whose words. */
export async function testSmarthost(
  { dns, clock, secrets }: Pick<Runtime, 'dns' | 'clock' | 'secrets'>,
  row: Smarthost,
  ehlo: string,
): Promise<SmarthostTest> {
  const began = performance.now();
  const ms = () => Math.round(performance.now() - began);
  try {
    const session = await connectSmarthost(
      {
        ...row,
        verify: row.verify === 1,
        password: openPassword(secrets, row),
        provider: defaultProvider,
      },
      {
        dns,
        ehlo,
        connectMs: TEST_TIMEOUT_MS,
        timeouts: { greeting: TEST_TIMEOUT_MS, ehlo: TEST_TIMEOUT_MS, tls: TEST_TIMEOUT_MS },
      },
    );
    const { tls, greeting } = session;
    await session.quit();
    const said = tls === null ? '' : `${tls.protocol} ${tls.cipher}`;
    return { state: 'ok', at: clock.now(), tls: said, ms: ms(), greeting };
  } catch (error) {
    const step = error instanceof SmarthostFault ? error.step : 'settings';
    const words = error instanceof Error ? error.message : String(error);
    return { state: 'failed', at: clock.now(), step, words, ms: ms() };
  }
}
