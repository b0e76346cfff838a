/**
 * What people stopped: a campaign, a destination, a source, or anything by an order over the queue. Each is one row; here
 * is their mirror in memory, read again after each ring and a few times a second, and asked at claim and in the tick in
 * which RCPT is written.
 */
import type { Runtime } from '../core/runtime.ts';
import { stoppedCampaigns } from '../core/store/campaign.ts';
import { heldDomains, type Delivery, type WaitingDomain } from '../core/store/queue.ts';
import { heldBy, openOrders, stepsAside, type QueueOrder } from '../core/store/queue-order.ts';
import { cancelledBy } from '../core/store/queue-order-slice.ts';
import type { Compiled } from './content.ts';

/** A recipient stays off the wire, and what becomes of the delivery. */
export type Refusal =
  | { kind: 'suppressed'; reason: string }
  | { kind: 'cancelled'; reason: string }
  /** Nothing is decided: it goes back, and comes again when it may. `order`: it steps aside for that one. */
  | { kind: 'not-now'; reason: string; order?: number };

/** From where to where a delivery is about to go. */
export interface Passage {
  sourceId: number;
  site: string;
  provider: string;
}

/** The view of suppressions must have followed what other nodes write within this time, or it answers nothing. */
const STALE_MS = 1000;

export class Stops {
  readonly #runtime: Runtime;
  #campaigns = new Map<number, 'paused' | 'cancelled'>();
  #domains = new Set<number>();
  #orders: QueueOrder[] = [];
  #followedAt = Date.now();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** The campaigns whose deliveries stay where they are. */
  get campaigns(): number[] {
    const ordered = this.#orders.filter((order) => order.by_kind === 'campaign' && stops(order));
    return [...this.#campaigns.keys(), ...ordered.map((order) => order.target_id ?? 0)];
  }

  /** Sources that take no work: held, or being drained. */
  get sources(): Set<number> {
    const stopped = this.#orders.filter(
      (order) => order.by_kind === 'source' && (order.kind === 'hold' || order.kind === 'drain'),
    );
    return new Set(stopped.map((order) => order.target_id ?? 0));
  }

  /** Without the destinations that an order stops. */
  open<D extends Pick<WaitingDomain, 'id' | 'site' | 'provider'>>(domains: D[]): D[] {
    const orders = this.#orders.filter(stops);
    if (orders.length === 0) return domains;
    return domains.filter((domain) => !orders.some((order) => isAt(order, domain.id, domain)));
  }

  /** The pool that it leaves from: an order that re-routes it holds before its row has followed. */
  poolOf(delivery: Delivery): string {
    const order = this.#orders.findLast((one) => one.kind === 'reroute' && isMeant(one, delivery, undefined));
    return order?.to_pool ?? delivery.pool;
  }

  async refresh(): Promise<void> {
    const { store } = this.#runtime;
    const [campaigns, domains, orders] = await Promise.all([
      stoppedCampaigns(store.read),
      heldDomains(store.read),
      openOrders(store.read),
    ]);
    this.#orders = orders.filter((order) => order.released_at === null);
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
  refuses(delivery: Delivery, compiled: Compiled | undefined, passage?: Passage): Refusal | undefined {
    const { suppressions, store } = this.#runtime;
    if (delivery.origin_kind === 'campaign') {
      const stopped = this.#campaigns.get(delivery.origin_id);
      if (stopped === 'cancelled') return { kind: 'cancelled', reason: 'the campaign was cancelled' };
      if (stopped === 'paused') return { kind: 'not-now', reason: 'the campaign is paused' };
    }
    if (this.#domains.has(delivery.domain_id)) return { kind: 'not-now', reason: 'the destination is held' };
    for (const order of this.#orders) {
      if (!stops(order) || !isMeant(order, delivery, passage)) continue;
      return order.kind === 'hold'
        ? { kind: 'not-now', reason: heldBy(order.id), ...(stepsAside(order) && { order: order.id }) }
        : { kind: 'cancelled', reason: cancelledBy(order) };
    }
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

/** Whether an order keeps deliveries off the wire. A hold or drain of a source stops the source and not what it had tried. */
const stops = ({ kind, by_kind }: QueueOrder): boolean =>
  kind === 'cancel' || kind === 'purge' || (kind === 'hold' && by_kind !== 'source');

/** Whether an order is about a destination, by itself or by its site or provider. */
function isAt(
  { by_kind, target_id, target }: QueueOrder,
  domainId: number,
  place: { site: string | null; provider: string | null } | undefined,
): boolean {
  switch (by_kind) {
    case 'destination':
      return target_id === domainId;
    case 'site':
      return place?.site === target;
    case 'provider':
      return place?.provider === target;
    case 'campaign':
    case 'credential':
    case 'source':
    case 'pool':
      return false;
    default:
      return by_kind satisfies never;
  }
}

function isMeant(order: QueueOrder, delivery: Delivery, passage: Passage | undefined): boolean {
  // A hold takes also what came after it.
  if (order.kind !== 'hold' && delivery.id > order.upto_id) return false;
  switch (order.by_kind) {
    case 'campaign':
      return delivery.origin_kind === 'campaign' && delivery.origin_id === order.target_id;
    case 'credential':
      return delivery.origin_kind === 'submission' && delivery.origin_id === order.target_id;
    case 'source':
      return delivery.source_id === order.target_id;
    case 'pool':
      return delivery.pool === order.target;
    case 'destination':
    case 'site':
    case 'provider':
      return isAt(order, delivery.domain_id, passage);
    default:
      return order.by_kind satisfies never;
  }
}
