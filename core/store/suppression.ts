/** Who may not be mailed, with the evidence. A suppression is active until somebody lifts it; the row stays. */
import { sql } from 'kysely';
import type { Db, Row, SuppressionReason, SuppressionScope } from './tables.ts';

export interface NewSuppression {
  address: string;
  scope: SuppressionScope;
  reason: SuppressionReason;
  contact_id?: number | null;
  delivery_id?: number | null;
  inbound_id?: number | null;
  /** The words that say so: the receiver's reply, the sentence, who asked. */
  evidence: string;
  created_by?: number | null;
  /** Of a pause: when it is lifted by itself. */
  until?: number | null;
}

/** Adds it unless it is active already; null then. Index: suppression_active. */
export async function addSuppression(
  db: Db,
  suppression: NewSuppression,
  now: number,
): Promise<Row<'suppression'> | null> {
  const row = await db
    .insertInto('suppression')
    .values({
      address: suppression.address,
      scope: suppression.scope,
      reason: suppression.reason,
      contact_id: suppression.contact_id ?? null,
      delivery_id: suppression.delivery_id ?? null,
      inbound_id: suppression.inbound_id ?? null,
      evidence: suppression.evidence.slice(0, 2048),
      created_by: suppression.created_by ?? null,
      created_at: now,
      lifted_by: null,
      lifted_at: null,
      until: suppression.until ?? null,
    })
    .onConflict((conflict) =>
      conflict.columns(['address', 'scope']).where('lifted_at', 'is', null).doNothing(),
    )
    .returningAll()
    .executeTakeFirst();
  return row ?? null;
}

/** What somebody wrote about leaving, and what became of it. */
export interface Wish extends Row<'suppression'> {
  /** The list that the answered campaign was for. */
  list_id: number | null;
  created_by_name: string | null;
}

/** What messages of this conversation say about leaving and is in force, the latest first. Index: suppression_active. */
export const wishesIn = (db: Db, conversationId: number): Promise<Wish[]> =>
  db
    .selectFrom('conversation')
    .innerJoin('suppression', 'suppression.address', 'conversation.address')
    .innerJoin('inbound', 'inbound.id', 'suppression.inbound_id')
    .leftJoin('any_delivery as delivery', 'delivery.id', 'suppression.delivery_id')
    .leftJoin('campaign', (join) =>
      join.onRef('campaign.id', '=', 'delivery.origin_id').on('delivery.origin_kind', '=', 'campaign'),
    )
    .leftJoin('user', 'user.id', 'suppression.created_by')
    .selectAll('suppression')
    .select(['campaign.list_id', 'user.name as created_by_name'])
    .where('conversation.id', '=', conversationId)
    .whereRef('inbound.conversation_id', '=', 'conversation.id')
    .where('suppression.lifted_at', 'is', null)
    .where('suppression.reason', 'in', ['pause', 'unsubscribe-in-words'])
    .orderBy('suppression.id', 'desc')
    .execute();

/** Active ones, in the order of their ids, for a view in memory: what is newer than `afterId`. */
export const activeSuppressions = (
  db: Db,
  afterId: number,
  limit: number,
): Promise<{ id: number; address: string; scope: SuppressionScope; reason: SuppressionReason }[]> =>
  db
    .selectFrom('suppression')
    .select(['id', 'address', 'scope', 'reason'])
    .where('lifted_at', 'is', null)
    .where('id', '>', afterId)
    .orderBy('id')
    .limit(limit)
    .execute();

/** What other nodes or commands lifted since a time. */
export const liftedSince = (
  db: Db,
  since: number,
): Promise<Pick<Row<'suppression'>, 'id' | 'address' | 'scope'>[]> =>
  db.selectFrom('suppression').select(['id', 'address', 'scope']).where('lifted_at', '>=', since).execute();

export const suppressionsOf = (db: Db, address: string): Promise<Row<'suppression'>[]> =>
  db.selectFrom('suppression').selectAll().where('address', '=', address).orderBy('id', 'desc').execute();

export interface SuppressionQuestion {
  /** Part of an address. */
  search?: string | undefined;
  reason?: SuppressionReason | undefined;
  lifted?: boolean | undefined;
  beforeId?: number | undefined;
  limit?: number | undefined;
}

export interface SuppressionLine extends Row<'suppression'> {
  created_by_name: string | null;
  campaign_id: number | null;
  campaign_name: string | null;
  conversation_id: number | null;
}

/** Newest first, with the names that a table shows and the message that is the evidence. */
export async function suppressionList(
  db: Db,
  { search, reason, lifted = false, beforeId, limit = 100 }: SuppressionQuestion,
): Promise<SuppressionLine[]> {
  let query = db
    .selectFrom('suppression')
    .leftJoin('user', 'user.id', 'suppression.created_by')
    // Each table by itself: SQLite would copy the whole of `any_delivery` to join it from the right.
    .leftJoin('delivery', (join) =>
      join.onRef('delivery.id', '=', 'suppression.delivery_id').on('delivery.origin_kind', '=', 'campaign'),
    )
    .leftJoin('delivery_retired', (join) =>
      join
        .onRef('delivery_retired.id', '=', 'suppression.delivery_id')
        .on('delivery_retired.origin_kind', '=', 'campaign'),
    )
    .leftJoin('campaign', (join) =>
      join.on('campaign.id', '=', ({ fn }) =>
        fn.coalesce('delivery.origin_id', 'delivery_retired.origin_id'),
      ),
    )
    .leftJoin('inbound', 'inbound.id', 'suppression.inbound_id')
    .selectAll('suppression')
    .select([
      'user.name as created_by_name',
      'campaign.id as campaign_id',
      'campaign.name as campaign_name',
      'inbound.conversation_id as conversation_id',
    ])
    .where('suppression.lifted_at', lifted ? 'is not' : 'is', null);
  if (reason !== undefined) query = query.where('suppression.reason', '=', reason);
  if (search !== undefined && search !== '') {
    query = query.where(
      sql<boolean>`suppression.address like ${`%${search.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`} escape '\\'`,
    );
  }
  if (beforeId !== undefined) query = query.where('suppression.id', '<', beforeId);
  return query.orderBy('suppression.id', 'desc').limit(limit).execute();
}

export const countSuppressions = async (db: Db): Promise<{ reason: SuppressionReason; n: number }[]> =>
  db
    .selectFrom('suppression')
    .select(['reason', ({ fn }) => fn.countAll<number>().as('n')])
    .where('lifted_at', 'is', null)
    .groupBy('reason')
    .execute();

/** The active suppressions that these deliveries' hard bounces made. Index: suppression_active. */
export async function hardBouncesOf(
  db: Db,
  bounced: readonly { delivery: number; address: string }[],
): Promise<Row<'suppression'>[]> {
  if (bounced.length === 0) return [];
  return db
    .selectFrom('suppression')
    .selectAll()
    .where(
      'address',
      'in',
      bounced.map((one) => one.address.toLowerCase()),
    )
    .where('scope', '=', 'everything')
    .where(
      'delivery_id',
      'in',
      bounced.map((one) => one.delivery),
    )
    .where('reason', '=', 'hard-bounce')
    .where('lifted_at', 'is', null)
    .execute();
}

/** Lifts one row; null when it was not active. Whoever takes back a wish wants `liftSuppression` of person-wish.ts. */
export async function liftOne(
  db: Db,
  id: number,
  by: number | null,
  now: number,
): Promise<Row<'suppression'> | null> {
  const row = await db
    .updateTable('suppression')
    .set({ lifted_at: now, lifted_by: by })
    .where('id', '=', id)
    .where('lifted_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
  return row ?? null;
}

/** Pauses whose end has come. Index: suppression_until. */
export const pausesOver = (db: Db, now: number, limit: number): Promise<{ id: number }[]> =>
  db
    .selectFrom('suppression')
    .select('id')
    .where('until', '<=', now)
    .where('lifted_at', 'is', null)
    .orderBy('id')
    .limit(limit)
    .execute();
