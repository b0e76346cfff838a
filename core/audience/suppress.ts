/**
 * Who may not be mailed, and how that becomes true at once. A suppression is a row with its evidence; beside the rows
 * stands a view in memory, which the MTA asks in the very tick in which it writes RCPT. The view is updated before the
 * suppression is acknowledged to anybody, so what was acknowledged is in force.
 *
 * What suppresses what (DESIGN section 5): a hard bounce, everything; a complaint, marketing; an unsubscribe, its list,
 * else marketing. People who answer people by hand are warned, not blocked.
 */
import type { Runtime } from '../runtime.ts';
import { addConsents } from '../store/consent.ts';
import { erasures, erasuresMark } from '../store/erasure.ts';
import { addEvents } from '../store/event.ts';
import { liftSuppression, spreadWishes, type Lifted } from '../store/person-wish.ts';
import {
  activeSuppressions,
  addSuppression,
  liftedSince,
  suppressionsOf,
  type NewSuppression,
} from '../store/suppression.ts';
import type { Db, Row, SuppressionReason, SuppressionScope } from '../store/tables.ts';

/** What is about to be sent, as far as it decides who may get it. */
export interface Mailing {
  address: string;
  /** Bulk mail obeys every scope; a message to one person only what stops everything. */
  lane: 'transactional' | 'bulk';
  listId?: number | null;
  brandId?: number | null;
}

export type MayMail =
  { kind: 'may' } | { kind: 'suppressed'; scope: SuppressionScope; reason: SuppressionReason };

interface Active {
  id: number;
  address: string;
  scope: SuppressionScope;
  reason: SuppressionReason;
}

const PAGE = 20_000;
/** Other nodes' and commands' rows reach the view within this time (DESIGN section 6: at most a second). */
export const FOLLOW_MS = 500;

/** Everyone who may not be mailed, in memory. Addresses are lower-case, as contacts have them. */
export class SuppressionView {
  readonly #scopes = new Map<string, Map<SuppressionScope, SuppressionReason>>();
  /** Keyed hashes of who was erased, and how an address becomes one; see erase.ts. */
  #erased = new Set<string>();
  #erasedMark = '';
  #hashOf: ((address: string) => string) | undefined;
  #lastId = 0;
  #followedAt = 0;

  get size(): number {
    return this.#scopes.size;
  }

  /** Reads what it does not know yet. At the start that is everything. */
  async load(db: Db, now = Date.now()): Promise<void> {
    for (;;) {
      const page = await activeSuppressions(db, this.#lastId, PAGE);
      for (const row of page) this.add(row);
      if (page.length < PAGE) break;
    }
    this.#followedAt = now;
  }

  /** From now on addresses are also held against those who were erased. */
  async loadErased(db: Db, hashOf: (address: string) => string): Promise<void> {
    this.#hashOf = hashOf;
    await this.#followErased(db);
  }

  async #followErased(db: Db): Promise<void> {
    const mark = await erasuresMark(db);
    if (mark === this.#erasedMark) return;
    this.#erased = new Set(await erasures(db));
    this.#erasedMark = mark;
  }

  /** Whether somebody with this address asked to be erased, and has not come back by themself. */
  isErased(address: string): boolean {
    return this.#erased.size > 0 && this.#hashOf !== undefined && this.#erased.has(this.#hashOf(address));
  }

  /** The hash by which somebody with this address was erased; undefined when nobody was. */
  erasedAs(address: string): string | undefined {
    return this.isErased(address) ? this.#hashOf?.(address) : undefined;
  }

  addErased(hash: string): void {
    this.#erased.add(hash);
  }

  removeErased(hash: string): void {
    this.#erased.delete(hash);
  }

  /** Nothing of an address stays in memory. */
  forget(address: string): void {
    this.#scopes.delete(address);
  }

  /** What others added or lifted since the last look. */
  async follow(db: Db, now: number): Promise<void> {
    const since = this.#followedAt - 60_000;
    for (const row of await liftedSince(db, since)) {
      const known = (await suppressionsOf(db, row.address)).some(
        (one) => one.scope === row.scope && one.lifted_at === null,
      );
      if (!known) this.remove(row);
    }
    if (this.#hashOf !== undefined) await this.#followErased(db);
    // Ids may commit out of their order on PostgreSQL: look a little back.
    const from = Math.max(0, this.#lastId - 1000);
    for (const row of await activeSuppressions(db, from, PAGE)) this.add(row);
    this.#followedAt = now;
  }

  /** Whether what others wrote is known as of at most `withinMs` ago. */
  isFresh(now: number, withinMs: number): boolean {
    return now - this.#followedAt <= withinMs;
  }

  add({ id, address, scope, reason }: Active): void {
    const scopes = this.#scopes.get(address) ?? new Map<SuppressionScope, SuppressionReason>();
    this.#scopes.set(address, scopes);
    scopes.set(scope, reason);
    this.#lastId = Math.max(this.#lastId, id);
  }

  remove({
    address,
    scope,
    also = [],
  }: Pick<Active, 'address' | 'scope'> & { also?: readonly string[] }): void {
    for (const one of [address, ...also]) {
      const scopes = this.#scopes.get(one);
      scopes?.delete(scope);
      if (scopes?.size === 0) this.#scopes.delete(one);
    }
  }

  /** The answer for one message, without waiting. */
  mayMail({ address, lane, listId, brandId }: Mailing): MayMail {
    if (lane === 'bulk' && this.isErased(address))
      return { kind: 'suppressed', scope: 'marketing', reason: 'unsubscribe' };
    const scopes = this.#scopes.get(address.toLowerCase());
    if (scopes === undefined) return { kind: 'may' };
    const stops = (scope: SuppressionScope): MayMail | undefined => {
      const reason = scopes.get(scope);
      return reason === undefined ? undefined : { kind: 'suppressed', scope, reason };
    };
    const everything = stops('everything');
    if (everything !== undefined || lane === 'transactional') return everything ?? { kind: 'may' };
    return (
      stops('marketing') ??
      stops('pause') ??
      (brandId ? stops(`brand:${brandId}`) : undefined) ??
      (listId ? stops(`list:${listId}`) : undefined) ?? { kind: 'may' }
    );
  }
}

/** The scope that an unsubscribe from a message of this list has. */
export const unsubscribeScope = (listId: number | null): SuppressionScope =>
  listId === null ? 'marketing' : `list:${listId}`;

/**
 * Adds suppressions within somebody's transaction: rows (also for the other addresses of whoever said it), events, the membership of a left list, and in the ledger of
 * consents that somebody took theirs back. Returns those that are new. Whoever calls it must hand them to `view.add` after
 * the commit and before acknowledging anything.
 */
export async function suppressIn(
  tx: Db,
  suppressions: readonly NewSuppression[],
  now: number,
  { isInLedger = false } = {},
): Promise<Row<'suppression'>[]> {
  const added: Row<'suppression'>[] = [];
  for (const suppression of suppressions) {
    const row = await addSuppression(tx, { ...suppression, address: suppression.address.toLowerCase() }, now);
    if (row === null) continue;
    added.push(row);
    const list = /^list:(\d+)$/.exec(row.scope)?.[1];
    if (list !== undefined && row.contact_id !== null) {
      await tx
        .updateTable('list_member')
        .set({ status: 'unsubscribed', since: now })
        .where('list_id', '=', Number(list))
        .where('contact_id', '=', row.contact_id)
        .execute();
    }
  }
  if (!isInLedger)
    await addConsents(
      tx,
      added.flatMap((row) => withdrawal(row, now)),
    );
  await addEvents(
    tx,
    added.map((row) => ({
      kind: 'suppressed',
      at: now,
      contact_id: row.contact_id,
      delivery_id: row.delivery_id,
      inbound_id: row.inbound_id,
      data: { scope: row.scope, reason: row.reason },
    })),
  );
  return [...added, ...(await spreadWishes(tx, added, now))];
}

/** Somebody's own wish not to be mailed, as a row of the ledger. Bounces and the like are no wish. */
const withdrawal = (row: Row<'suppression'>, now: number) =>
  row.contact_id !== null && (row.reason === 'unsubscribe' || row.reason === 'unsubscribe-in-words')
    ? [
        {
          contact_id: row.contact_id,
          purpose: row.scope === 'everything' ? 'marketing' : row.scope,
          state: 'withdrawn' as const,
          method: row.reason,
          source: row.evidence,
          text: '',
          evidence: { suppression: row.id, delivery: row.delivery_id, inbound: row.inbound_id },
          at: now,
        },
      ]
    : [];

/** Suppresses, durably and at once: it is in force when this resolves. */
export async function suppress(
  { store, suppressions, wake, clock }: Pick<Runtime, 'store' | 'suppressions' | 'wake' | 'clock'>,
  ...wanted: NewSuppression[]
): Promise<Row<'suppression'>[]> {
  const added = await store.write((tx) => suppressIn(tx, wanted, clock.now()));
  for (const row of added) suppressions.add(row);
  if (added.length > 0) wake.ring('suppression');
  return added;
}

/** Lifts one suppression, by a person who answers for it. Null when it was not active. */
export async function unsuppress(
  { store, suppressions, wake, clock }: Pick<Runtime, 'store' | 'suppressions' | 'wake' | 'clock'>,
  id: number,
  by: number | null,
): Promise<Lifted | null> {
  const now = clock.now();
  const lifted = await store.write(async (tx) => {
    const row = await liftSuppression(tx, id, by, now);
    if (row === null) return null;
    await addEvents(tx, [
      {
        kind: 'unsuppressed',
        at: now,
        contact_id: row.contact_id,
        data: { scope: row.scope, reason: row.reason, by },
      },
    ]);
    return row;
  });
  if (lifted !== null) {
    suppressions.remove(lifted);
    wake.ring('suppression');
  }
  return lifted;
}
