/** Smarthosts as rows: somebody else's servers that carry our mail. One that is removed stays, for its name. */
import type { Db, NewRow, Row, RowPatch } from './tables.ts';

export type Smarthost = Row<'smarthost'>;

export const smarthosts = (db: Db): Promise<Smarthost[]> =>
  db.selectFrom('smarthost').selectAll().where('removed_at', 'is', null).orderBy('id').execute();

export const smarthostById = (db: Db, id: number): Promise<Smarthost | undefined> =>
  db
    .selectFrom('smarthost')
    .selectAll()
    .where('id', '=', id)
    .where('removed_at', 'is', null)
    .executeTakeFirst();

/** Removed ones too: a name is not given twice, since reports speak of it. */
export const isSmarthostName = async (db: Db, name: string): Promise<boolean> =>
  (await db.selectFrom('smarthost').select('id').where('name', '=', name).executeTakeFirst()) !== undefined;

export async function addSmarthost(db: Db, row: NewRow<'smarthost'>): Promise<number> {
  return (await db.insertInto('smarthost').values(row).returning('id').executeTakeFirstOrThrow()).id;
}

export async function changeSmarthost(db: Db, id: number, patch: RowPatch<'smarthost'>): Promise<void> {
  await db.updateTable('smarthost').set(patch).where('id', '=', id).execute();
}

/** Pools let go of it, and its password is forgotten. */
export async function removeSmarthost(db: Db, id: number, now: number): Promise<void> {
  await db
    .updateTable('pool')
    .set({ smarthost_id: null, smarthost_mode: 'off', smarthost_share: 0 })
    .where('smarthost_id', '=', id)
    .execute();
  await db.updateTable('smarthost').set({ removed_at: now, sealed: null }).where('id', '=', id).execute();
}

/** How many of a campaign's deliveries were handed to which smarthost. */
export async function handedOver(db: Db, campaignId: number): Promise<{ via: string; handed: number }[]> {
  const rows = await db
    .selectFrom('any_delivery')
    .select(['via', ({ fn }) => fn.countAll<number>().as('handed')])
    .where('origin_kind', '=', 'campaign')
    .where('origin_id', '=', campaignId)
    .where('via', 'is not', null)
    .where('state', '=', 'delivered')
    .groupBy('via')
    .orderBy('via')
    .execute();
  return rows.map((row) => ({ via: row.via ?? '', handed: Number(row.handed) }));
}
