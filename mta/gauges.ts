/** What stands now, for those who watch by Prometheus: how much waits and for how long, what we slow down, what is out of use. */
import type { Runtime } from '../core/runtime.ts';
import { queueByProvider } from '../core/store/delivery.ts';
import { sources } from '../core/store/identity.ts';
import { activeThrottles } from '../core/store/throttle.ts';

const EVERY_MS = 15_000;

export class Gauges {
  readonly #runtime: Runtime;
  readonly #connections: () => number;
  /** Every series that was ever set: what stands no more is set to 0, not left at its last value. */
  readonly #known = new Map<string, { name: string; labels: Record<string, string> }>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(runtime: Runtime, connections: () => number) {
    this.#runtime = runtime;
    this.#connections = connections;
  }

  start(): void {
    this.#timer = setInterval(() => this.#go(), EVERY_MS);
    this.#go();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  #go(): void {
    this.#running ??= this.look()
      .catch((error: unknown) => this.#runtime.log.error('gauges could not be read', { error }))
      .finally(() => {
        this.#running = undefined;
      });
  }

  async look(): Promise<void> {
    const { store, clock, metrics } = this.#runtime;
    const now = clock.now();
    const [queue, throttles, egress] = await Promise.all([
      queueByProvider(store.read),
      activeThrottles(store.read, now),
      sources(store.read),
    ]);
    const set = new Set<string>();
    const gauge = (name: string, value: number, labels: Record<string, string> = {}) => {
      const key = JSON.stringify([name, labels]);
      this.#known.set(key, { name, labels });
      set.add(key);
      metrics.gauge(name, value, labels);
    };
    for (const { state, provider, n } of queue) gauge('queue_deliveries', n, { state, provider });
    const oldest = Math.min(now, ...queue.map((row) => row.oldest_at));
    gauge('queue_oldest_age_seconds', Math.max(0, Math.round((now - oldest) / 1000)));
    for (const [provider, some] of Map.groupBy(throttles, (one) => one.provider ?? ''))
      gauge('throttles_active', some.length, { provider });
    for (const source of egress)
      gauge('source_aside', (source.aside_until ?? 0) > now ? 1 : 0, { source: source.name });
    gauge('smtp_connections', this.#connections());
    for (const [key, { name, labels }] of this.#known) if (!set.has(key)) metrics.gauge(name, 0, labels);
  }
}
