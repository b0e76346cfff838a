/** Who we are as rows: brands, sending domains with their keys, egress sources, shared mailboxes. */
import { setPoolsOf } from './pool.ts';
import type { Db, NewRow, Row, RowPatch } from './tables.ts';

export const brands = (db: Db): Promise<Row<'brand'>[]> =>
  db.selectFrom('brand').selectAll().orderBy('id').execute();

export const brandById = (db: Db, id: number): Promise<Row<'brand'> | undefined> =>
  db.selectFrom('brand').selectAll().where('id', '=', id).executeTakeFirst();

export async function addBrand(db: Db, row: NewRow<'brand'>): Promise<number> {
  return (await db.insertInto('brand').values(row).returning('id').executeTakeFirstOrThrow()).id;
}

export async function changeBrand(db: Db, id: number, patch: RowPatch<'brand'>): Promise<void> {
  await db.updateTable('brand').set(patch).where('id', '=', id).execute();
}

export const sendingDomains = (db: Db): Promise<Row<'sending_domain'>[]> =>
  db.selectFrom('sending_domain').selectAll().orderBy('name').execute();

export const sendingDomainById = (db: Db, id: number): Promise<Row<'sending_domain'> | undefined> =>
  db.selectFrom('sending_domain').selectAll().where('id', '=', id).executeTakeFirst();

export const sendingDomainByName = (db: Db, name: string): Promise<Row<'sending_domain'> | undefined> =>
  db.selectFrom('sending_domain').selectAll().where('name', '=', name).executeTakeFirst();

export const sendingDomainsByName = (db: Db, names: readonly string[]): Promise<Row<'sending_domain'>[]> =>
  names.length === 0
    ? Promise.resolve([])
    : db.selectFrom('sending_domain').selectAll().where('name', 'in', names).execute();

export async function addSendingDomain(db: Db, row: NewRow<'sending_domain'>): Promise<number> {
  return (await db.insertInto('sending_domain').values(row).returning('id').executeTakeFirstOrThrow()).id;
}

/** What the last look at the DNS said. */
export async function setDomainCheck(db: Db, id: number, check: string, now: number): Promise<void> {
  await db.updateTable('sending_domain').set({ check, checked_at: now }).where('id', '=', id).execute();
}

export const sources = (db: Db): Promise<Row<'source'>[]> =>
  db.selectFrom('source').selectAll().orderBy('id').execute();

/** With its first pool; without a weight it takes a share like the others. */
export async function addSource(
  db: Db,
  { pool, weight = 1, ...row }: NewRow<'source'> & { pool: string; weight?: number },
): Promise<number> {
  const { id } = await db.insertInto('source').values(row).returning('id').executeTakeFirstOrThrow();
  await setPoolsOf(db, id, [{ pool, weight }], row.created_at);
  return id;
}

export async function changeSource(db: Db, id: number, patch: RowPatch<'source'>): Promise<void> {
  await db.updateTable('source').set(patch).where('id', '=', id).execute();
}

export const mailboxes = (db: Db): Promise<Row<'mailbox'>[]> =>
  db.selectFrom('mailbox').selectAll().orderBy('id').execute();

export const mailboxByAddress = (db: Db, address: string): Promise<Row<'mailbox'> | undefined> =>
  db.selectFrom('mailbox').selectAll().where('address', '=', address.toLowerCase()).executeTakeFirst();

export const mailboxById = (db: Db, id: number): Promise<Row<'mailbox'> | undefined> =>
  db.selectFrom('mailbox').selectAll().where('id', '=', id).executeTakeFirst();

export async function addMailbox(db: Db, row: NewRow<'mailbox'>): Promise<number> {
  return (await db.insertInto('mailbox').values(row).returning('id').executeTakeFirstOrThrow()).id;
}

export async function changeMailbox(db: Db, id: number, patch: RowPatch<'mailbox'>): Promise<void> {
  await db.updateTable('mailbox').set(patch).where('id', '=', id).execute();
}
