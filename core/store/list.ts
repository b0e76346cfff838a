/** Lists and who is on them. Whoever left stays as a row that says so: nothing but their own wish puts them back. */
import { sql } from 'kysely';
import { rowsFrom } from './batch.ts';
import type { Db, Row, RowPatch } from './tables.ts';

export type MemberStatus = Row<'list_member'>['status'];

export interface ListLine extends Row<'list'> {
  brand_name: string;
  subscribed: number;
  pending: number;
  unsubscribed: number;
}

export const listById = (db: Db, id: number): Promise<Row<'list'> | undefined> =>
  db.selectFrom('list').selectAll().where('id', '=', id).executeTakeFirst();

export const listByName = (db: Db, name: string): Promise<Row<'list'> | undefined> =>
  db.selectFrom('list').selectAll().where('name', '=', name).executeTakeFirst();

/** Lists with how many are on them; one list when an id is given. */
export async function lists(db: Db, id?: number): Promise<ListLine[]> {
  let query = db
    .selectFrom('list')
    .leftJoin('brand', 'brand.id', 'list.brand_id')
    .selectAll('list')
    .select('brand.name as brand_name')
    .orderBy('list.name');
  let members = db
    .selectFrom('list_member')
    .select(({ fn }) => ['list_id', 'status', fn.countAll<number>().as('n')])
    .groupBy(['list_id', 'status']);
  if (id !== undefined) {
    query = query.where('list.id', '=', id);
    members = members.where('list_id', '=', id);
  }
  const [rows, counts] = await Promise.all([query.execute(), members.execute()]);
  const count = (list: number, status: MemberStatus) =>
    Number(counts.find((one) => one.list_id === list && one.status === status)?.n ?? 0);
  return rows.map((row) => ({
    ...row,
    brand_name: row.brand_name ?? '',
    subscribed: count(row.id, 'subscribed'),
    pending: count(row.id, 'pending'),
    unsubscribed: count(row.id, 'unsubscribed'),
  }));
}

export const addList = async (
  db: Db,
  list: { name: string; brand_id: number; description?: string; is_public?: number },
  now: number,
): Promise<number> =>
  (
    await db
      .insertInto('list')
      .values({ description: '', ...list, created_at: now })
      .returning('id')
      .executeTakeFirstOrThrow()
  ).id;

export const changeList = (db: Db, id: number, patch: RowPatch<'list'>): Promise<Row<'list'> | undefined> =>
  db.updateTable('list').set(patch).where('id', '=', id).returningAll().executeTakeFirst();

export interface Membership extends Row<'list_member'> {
  name: string;
}

/** The lists that somebody is or was on. Index: list_member_contact. */
export const membershipsOf = (db: Db, contactId: number): Promise<Membership[]> =>
  db
    .selectFrom('list_member')
    .innerJoin('list', 'list.id', 'list_member.list_id')
    .selectAll('list_member')
    .select('list.name')
    .where('contact_id', '=', contactId)
    .orderBy('list.name')
    .execute();

/** A person's own wish, or that of somebody who answers for it; true when it changed anything. */
export async function setMembership(
  db: Db,
  member: { list_id: number; contact_id: number; status: MemberStatus; source: string },
  now: number,
): Promise<boolean> {
  const row = await db
    .insertInto('list_member')
    .values({ ...member, since: now })
    .onConflict((conflict) =>
      conflict
        .columns(['list_id', 'contact_id'])
        .doUpdateSet({ status: member.status, since: now, source: member.source })
        .where('list_member.status', '<>', member.status),
    )
    .returning('contact_id')
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * Puts many on a list. Whoever was on it in any way stays as they are: an import never brings back who left. Answers the
 * contacts that are new on it.
 */
export async function joinList(
  db: Db,
  listId: number,
  contactIds: readonly number[],
  source: string,
  now: number,
): Promise<number[]> {
  if (contactIds.length === 0) return [];
  const { rows } = await sql<{
    contact_id: number;
  }>`insert into list_member (list_id, contact_id, status, since, source)
    select cast(${listId} as bigint), contact_id, 'subscribed', cast(${now} as bigint), cast(${source} as text)
    from ${rowsFrom(
      db,
      contactIds.map((contact_id) => ({ contact_id })),
      { contact_id: 'int' },
    )} as r
    where true on conflict (list_id, contact_id) do nothing returning contact_id`.execute(db);
  return rows.map((row) => row.contact_id);
}
