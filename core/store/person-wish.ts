/**
 * What somebody said with one of their addresses holds for all of them: who left does not hear from us at their other address.
 * What only says that an address takes no mail stays with that address.
 */
import { sql } from 'kysely';
import { rowsFrom } from './batch.ts';
import { addSuppression, liftOne } from './suppression.ts';
import type { Db, Row, SuppressionReason } from './tables.ts';

type Suppression = Row<'suppression'>;

const ABOUT_AN_ADDRESS: readonly SuppressionReason[] = ['hard-bounce', 'left-company'];

export const isWish = ({ reason }: Pick<Suppression, 'reason'>): boolean =>
  !ABOUT_AN_ADDRESS.includes(reason);

/** The other addresses of those who have these: by the address that was asked for. Indexes: the unique ones. */
async function alsoTheirs(db: Db, addresses: readonly string[]): Promise<Map<string, string[]>> {
  if (addresses.length === 0) return new Map();
  const asked = rowsFrom(
    db,
    addresses.map((address) => ({ address })),
    { address: 'text' },
  );
  const { rows } = await sql<{ asked: string; address: string }>`with owner as (
      select r.address as asked, a.contact_id as id from contact_address as a join ${asked} as r on r.address = a.address
      union all select r.address, contact.id from contact join ${asked} as r on r.address = contact.email
        where exists (select 1 from contact_address where contact_address.contact_id = contact.id))
    select owner.asked, contact.email as address from owner join contact on contact.id = owner.id
    union all select owner.asked, a.address from owner join contact_address as a on a.contact_id = owner.id`.execute(
    db,
  );
  const found = new Map<string, string[]>();
  for (const { asked: one, address } of rows)
    if (address !== one) found.set(one, [...(found.get(one) ?? []), address]);
  return found;
}

async function copied(
  db: Db,
  row: Suppression,
  addresses: readonly string[],
  now: number,
): Promise<Suppression[]> {
  const added: Suppression[] = [];
  for (const address of addresses) {
    const copy = await addSuppression(db, { ...row, address }, now);
    if (copy !== null) added.push(copy);
  }
  return added;
}

/** What was just said, for the other addresses of whoever said it. Returns the rows that are new. */
export async function spreadWishes(
  db: Db,
  said: readonly Suppression[],
  now: number,
): Promise<Suppression[]> {
  const wishes = said.filter(isWish);
  const others = await alsoTheirs(
    db,
    wishes.map((row) => row.address),
  );
  const added: Suppression[] = [];
  for (const row of wishes) added.push(...(await copied(db, row, others.get(row.address) ?? [], now)));
  return added;
}

/** Everything that is in force for one of these addresses of one person, for all of them. Returns the rows that are new. */
export async function shareWishes(db: Db, addresses: readonly string[], now: number): Promise<Suppression[]> {
  if (addresses.length < 2) return [];
  const rows = await db
    .selectFrom('suppression')
    .selectAll()
    .where('address', 'in', addresses)
    .where('lifted_at', 'is', null)
    .orderBy('id')
    .execute();
  const added: Suppression[] = [];
  for (const row of rows.filter(isWish)) added.push(...(await copied(db, row, addresses, now)));
  return added;
}

/** A row that was lifted, and for which other addresses of the same person it was lifted with it. */
export interface Lifted extends Suppression {
  also: string[];
}

/** Lifts one, and what was copied of it to their other addresses; null when it was not active. */
export async function liftSuppression(
  db: Db,
  id: number,
  by: number | null,
  now: number,
): Promise<Lifted | null> {
  const row = await liftOne(db, id, by, now);
  if (row === null) return null;
  const others = isWish(row) ? ((await alsoTheirs(db, [row.address])).get(row.address) ?? []) : [];
  if (others.length === 0) return { ...row, also: [] };
  const lifted = await db
    .updateTable('suppression')
    .set({ lifted_at: now, lifted_by: by })
    .where('address', 'in', others)
    .where('scope', '=', row.scope)
    .where('reason', '=', row.reason)
    .where('lifted_at', 'is', null)
    .returning('address')
    .execute();
  return { ...row, also: lifted.map((one) => one.address) };
}
