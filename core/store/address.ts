/**
 * The addresses of a person: the primary one stands on the contact, the others here. Every address has one owner in the whole
 * installation; whoever is looked for by any of theirs is found.
 */
import { sql } from 'kysely';
import { rowsFrom } from './batch.ts';
import { prepared } from './prepared.ts';
import type { Db, Row } from './tables.ts';

export type OtherAddress = Row<'contact_address'>;

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1);

/** Whose address this is, primary or other. Indexes: the unique ones. */
export const ownerOf = async (db: Db, address: string): Promise<number | undefined> =>
  (await owner(db, { address })).rows[0]?.id;

const owner = prepared<{ address: string }, { id: number }>(
  (_db, of) => sql`select id from contact where email = ${of.address}
    union all select contact_id as id from contact_address where address = ${of.address}`,
);

/** The other addresses of these contacts, in the order in which they came. */
export const otherAddresses = (db: Db, ids: readonly number[]): Promise<OtherAddress[]> =>
  ids.length === 0
    ? Promise.resolve([])
    : db.selectFrom('contact_address').selectAll().where('contact_id', 'in', ids).orderBy('id').execute();

/** Every address of a contact, the primary one first. */
export async function addressesOf(db: Db, contactId: number): Promise<string[]> {
  const contact = await db
    .selectFrom('contact')
    .select('email')
    .where('id', '=', contactId)
    .executeTakeFirst();
  const others = await otherAddresses(db, [contactId]);
  return [...(contact === undefined ? [] : [contact.email]), ...others.map((one) => one.address)];
}

/** All addresses of those who have one of these; whose address nobody has stands alone. */
export async function withAllOfTheirs(db: Db, addresses: readonly string[]): Promise<Map<string, number>> {
  if (addresses.length === 0) return new Map();
  const asked = rowsFrom(
    db,
    addresses.map((address) => ({ address })),
    { address: 'text' },
  );
  const { rows } = await sql<{ address: string; id: number }>`with owner as (
      select contact.id from contact join ${asked} as r on r.address = contact.email
      union select a.contact_id from contact_address as a join ${asked} as r on r.address = a.address)
    select contact.email as address, contact.id from contact join owner on owner.id = contact.id
    union all select a.address, a.contact_id from contact_address as a join owner on owner.id = a.contact_id`.execute(
    db,
  );
  return new Map(rows.map((row) => [row.address, row.id]));
}

/** Gives a contact one more address; undefined when somebody has it already. */
export const addAddress = async (
  db: Db,
  { contact_id, address, source }: Pick<OtherAddress, 'contact_id' | 'address' | 'source'>,
  now: number,
): Promise<OtherAddress | undefined> =>
  db
    .insertInto('contact_address')
    .values({ contact_id, address, domain: domainOf(address), source, created_at: now })
    .onConflict((conflict) => conflict.column('address').doNothing())
    .returningAll()
    .executeTakeFirst();

export const otherAddress = (db: Db, contactId: number, address: string): Promise<OtherAddress | undefined> =>
  db
    .selectFrom('contact_address')
    .selectAll()
    .where('contact_id', '=', contactId)
    .where('address', '=', address)
    .executeTakeFirst();

export async function setAddressState(db: Db, id: number, state: OtherAddress['state']): Promise<void> {
  await db.updateTable('contact_address').set({ state }).where('id', '=', id).execute();
}

export async function removeAddress(db: Db, id: number): Promise<void> {
  await db.deleteFrom('contact_address').where('id', '=', id).execute();
}

/** One of the others becomes the primary one; the primary one stays as one of the others. */
export async function makePrimary(
  db: Db,
  { id, contact_id, address }: OtherAddress,
  now: number,
): Promise<void> {
  const { email } = await db
    .selectFrom('contact')
    .select('email')
    .where('id', '=', contact_id)
    .executeTakeFirstOrThrow();
  // In this order: an address is never in both tables.
  await removeAddress(db, id);
  await db
    .updateTable('contact')
    .set({ email: address, email_domain: domainOf(address), updated_at: now })
    .where('id', '=', contact_id)
    .execute();
  await addAddress(db, { contact_id, address: email, source: 'was primary' }, now);
}

/** Whether anybody has more than one address. */
export const somebodyHasMore = async (db: Db): Promise<boolean> =>
  (await db.selectFrom('contact_address').select('id').limit(1).executeTakeFirst()) !== undefined;
