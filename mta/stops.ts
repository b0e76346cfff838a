/**
 * What people stopped: a campaign, a destination, a source. Each is one row; here is their mirror in memory, read again
 * after each ring and a few times a second, and asked at claim and in the tick in which RCPT is written.
 */
import type { Runtime } from '../core/runtime.ts';
import { stoppedCampaigns } from '../core/store/campaign.ts';
import { heldDomains, type Delivery } from '../core/store/queue.ts';
import type { Compiled } from './content.ts';

/** A recipient stays off the wire, and what becomes of the delivery. */
export type Refusal =
  | { kind: 'suppressed'; reason: string }
  | { kind: 'cancelled' }
  /** Nothing is decided: it goes back, and comes again when it may. */
  | { kind: 'not-now'; reason: string };

/** The view of suppressions must have followed what other nodes write within this time, or it answers nothing. */
const STALE_MS = 1000;

export class Stops {
  readonly #runtime: Runtime;
  #campaigns = new Map<number, 'paused' | 'cancelled'>();
  #domains = new Set<number>();
  #followedAt = Date.now();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** The campaigns whose deliveries stay where they are. */
  get campaigns(): number[] {
    return [...this.#campaigns.keys()];
  }

  async refresh(): Promise<void> {
    const { store } = this.#runtime;
    const [campaigns, domains] = await Promise.all([stoppedCampaigns(store.read), heldDomains(store.read)]);
    this.#campaigns = new Map(
      campaigns.map((row) => [row.id, row.cancelled_at === null ? 'paused' : 'cancelled']),
    );
    this.#domains = new Set(domains);
  }

  /** What other nodes and commands suppressed or lifted. What this process writes is in the view already. */
  async followSuppressions(): Promise<void> {
    const { store, suppressions, clock } = this.#runtime;
    const began = Date.now();
    await suppressions.follow(store.read, clock.now());
    this.#followedAt = began;
  }

  /** Whether the recipient may go on the wire now. From memory alone; people who answer people are never held back. */
  refuses(delivery: Delivery, compiled: Compiled | undefined): Refusal | undefined {
    const { suppressions, store } = this.#runtime;
    if (delivery.origin_kind === 'campaign') {
      const stopped = this.#campaigns.get(delivery.origin_id);
      if (stopped === 'cancelled') return { kind: 'cancelled' };
      if (stopped === 'paused') return { kind: 'not-now', reason: 'the campaign is paused' };
    }
    if (this.#domains.has(delivery.domain_id)) return { kind: 'not-now', reason: 'the destination is held' };
    if (delivery.origin_kind === 'message' || delivery.origin_kind === 'test') return undefined;
    if (store.engine === 'postgres' && Date.now() - this.#followedAt > STALE_MS)
      return { kind: 'not-now', reason: 'the list of suppressions is not current' };
    const answer = suppressions.mayMail({
      address: delivery.address,
      lane: delivery.lane,
      listId: compiled?.listId ?? null,
      brandId: compiled?.brandId ?? null,
    });
    if (answer.kind === 'may') return undefined;
    return { kind: 'suppressed', reason: `suppressed for ${answer.scope}: ${answer.reason}` };
  }
}
