/** DKIM keys as rows: which sign now, which wait for their DNS record, which only repeat what they once signed. */
import { sql } from 'kysely';
import type { Db, NewRow, Row } from './tables.ts';

/** A key as it may be shown: without its secret. */
export type DkimKey = Omit<Row<'dkim_key'>, 'sealed'>;
type WithSecret = Row<'dkim_key'> & { domain_name: string };

export async function addDkimKey(db: Db, row: NewRow<'dkim_key'>): Promise<void> {
  await db.insertInto('dkim_key').values(row).execute();
}

/** The keys that sign for a domain, RSA first, with the domain's name. */
export const activeDkimKeys = (db: Db, sendingDomainId: number): Promise<WithSecret[]> =>
  db
    .selectFrom('dkim_key')
    .innerJoin('sending_domain', 'sending_domain.id', 'dkim_key.sending_domain_id')
    .selectAll('dkim_key')
    .select('sending_domain.name as domain_name')
    .where('sending_domain_id', '=', sendingDomainId)
    .where('state', '=', 'active')
    .orderBy('algorithm', 'desc')
    .execute();

/** One key, whatever its state: a retry signs with the key that its first attempt signed with. */
export const dkimKeyById = (db: Db, id: number): Promise<WithSecret | undefined> =>
  db
    .selectFrom('dkim_key')
    .innerJoin('sending_domain', 'sending_domain.id', 'dkim_key.sending_domain_id')
    .selectAll('dkim_key')
    .select('sending_domain.name as domain_name')
    .where('dkim_key.id', '=', id)
    .executeTakeFirst();

/** Every key that a domain ever had, the newest first, without its secret. */
export const dkimKeysOf = (db: Db, sendingDomainId: number): Promise<DkimKey[]> =>
  db
    .selectFrom('dkim_key')
    .select([
      'id',
      'sending_domain_id',
      'selector',
      'algorithm',
      'record',
      'state',
      'created_at',
      'activated_at',
      'looked_at',
      'seen_at',
      'retiring_at',
    ])
    .where('sending_domain_id', '=', sendingDomainId)
    .orderBy('id', 'desc')
    .execute();

/** What one look at the DNS said of a pending key. */
export async function setDkimLook(
  db: Db,
  id: number,
  look: { looked_at: number; seen_at: number | null },
): Promise<void> {
  await db.updateTable('dkim_key').set(look).where('id', '=', id).where('state', '=', 'pending').execute();
}

/** The pending keys of a domain sign from now on; those that did step back. False when there was none pending. */
export async function activatePendingKeys(
  db: Db,
  sendingDomainId: number,
  ids: readonly number[],
  now: number,
): Promise<boolean> {
  const waiting = await db
    .selectFrom('dkim_key')
    .select('id')
    .where('sending_domain_id', '=', sendingDomainId)
    .where('state', '=', 'pending')
    .execute();
  if (waiting.length === 0 || !waiting.every((row) => ids.includes(row.id))) return false;
  const mine = db.updateTable('dkim_key').where('sending_domain_id', '=', sendingDomainId);
  await mine.set({ state: 'retiring', retiring_at: now }).where('state', '=', 'active').execute();
  await mine.set({ state: 'active', activated_at: now }).where('state', '=', 'pending').execute();
  return true;
}

/** A retired key signs nothing more: its secret is wiped, its record kept for the eye. */
export async function retireDkimKey(db: Db, id: number): Promise<void> {
  await db
    .updateTable('dkim_key')
    .set({ state: 'retired', sealed: new Uint8Array() })
    .where('id', '=', id)
    .where('state', '=', 'retiring')
    .execute();
}

/** Whether mail that was frozen before `until` may still have to be sent again for a domain. */
export async function hasFrozenMail(db: Db, sendingDomainId: number, until: number): Promise<boolean> {
  // The states are written out, one question each, so that the planner sees that a partial index covers them.
  for (const states of [`state in ('queued', 'deferred')`, `state = 'active'`, `state = 'held'`]) {
    const { rows } = await sql`select 1 from delivery where ${sql.raw(states)} and fill is not null
      and sending_domain_id = ${sendingDomainId} and queued_at <= ${until} limit 1`.execute(db);
    if (rows.length > 0) return true;
  }
  return false;
}
