/**
 * Mailboxes elsewhere whose mail is pulled: where they are, how far we have read, and how the last look went. The place
 * moves in the transaction that keeps the message, so nothing is taken twice and nothing is passed over.
 */
import type { Db, NewRow, Row, RowPatch } from './tables.ts';

export type ImapAccount = Row<'imap_account'>;

export const imapAccounts = (db: Db): Promise<ImapAccount[]> =>
  db.selectFrom('imap_account').selectAll().orderBy('id').execute();

export const imapAccountById = (db: Db, id: number): Promise<ImapAccount | undefined> =>
  db.selectFrom('imap_account').selectAll().where('id', '=', id).executeTakeFirst();

export const imapAccountNamed = (db: Db, name: string): Promise<ImapAccount | undefined> =>
  db.selectFrom('imap_account').selectAll().where('name', '=', name).executeTakeFirst();

export const addImapAccount = async (db: Db, row: NewRow<'imap_account'>): Promise<number> =>
  (await db.insertInto('imap_account').values(row).returning('id').executeTakeFirstOrThrow()).id;

export async function changeImapAccount(db: Db, id: number, patch: RowPatch<'imap_account'>): Promise<void> {
  await db.updateTable('imap_account').set(patch).where('id', '=', id).execute();
}

/** Its password goes with it. What was taken from it stays. */
export async function removeImapAccount(db: Db, id: number): Promise<void> {
  await db.deleteFrom('imap_account').where('id', '=', id).execute();
}

/** A message was kept: the place behind it, in the same transaction. */
export async function passedUid(
  db: Db,
  id: number,
  { uidValidity, uid, taken }: { uidValidity: string; uid: number; taken: boolean },
  now: number,
): Promise<void> {
  await db
    .updateTable('imap_account')
    .set((eb) => ({
      uid_validity: uidValidity,
      last_uid: uid,
      ...(taken ? { taken: eb('taken', '+', 1), last_taken_at: now } : { skipped: eb('skipped', '+', 1) }),
    }))
    .where('id', '=', id)
    .execute();
}

/** Whether these very bytes came in before: a folder that was numbered anew shows everything again. */
export async function isKept(db: Db, rawHash: string): Promise<boolean> {
  const row = await db
    .selectFrom('inbound')
    .select('id')
    .where('raw_hash', '=', rawHash)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
