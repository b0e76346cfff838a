/** The programs that may submit mail, what they sent today, and whom they mailed before. Limits are decided in core/submission. */
import { sql } from 'kysely';
import { rowsFrom } from './batch.ts';
import { hardClasses } from './place.ts';
import type { Db, NewRow, Row, RowPatch } from './tables.ts';

export type Credential = Row<'credential'>;

export const DAY_MS = 86_400_000;
export const dayOf = (now: number): number => Math.floor(now / DAY_MS);

export async function addCredential(db: Db, row: NewRow<'credential'>): Promise<Credential> {
  return db.insertInto('credential').values(row).returningAll().executeTakeFirstOrThrow();
}

export const credentialById = (db: Db, id: number): Promise<Credential | undefined> =>
  db.selectFrom('credential').selectAll().where('id', '=', id).executeTakeFirst();

export const credentialsByIds = (db: Db, ids: readonly number[]): Promise<Credential[]> =>
  ids.length === 0
    ? Promise.resolve([])
    : db.selectFrom('credential').selectAll().where('id', 'in', ids).execute();

export const credentialByUsername = (db: Db, username: string): Promise<Credential | undefined> =>
  db.selectFrom('credential').selectAll().where('username', '=', username).executeTakeFirst();

export async function changeCredential(db: Db, id: number, patch: RowPatch<'credential'>): Promise<void> {
  await db.updateTable('credential').set(patch).where('id', '=', id).execute();
}

/** Written at most once a minute for each, so that no request waits for it. */
export async function touchCredential(db: Db, id: number, now: number): Promise<void> {
  await db.updateTable('credential').set({ last_used_at: now }).where('id', '=', id).execute();
}

export interface CredentialLine extends Credential {
  messages_today: number;
  recipients_today: number;
  new_this_hour: number;
  /** Of its mail, kept back now. */
  held: number;
}

/** All of them with what they did today, the newest first. */
export async function credentialLines(db: Db, now: number): Promise<CredentialLine[]> {
  const { rows } = await sql<CredentialLine>`select credential.*,
      coalesce(day.messages, 0) as messages_today, coalesce(day.recipients, 0) as recipients_today,
      (select count(*) from mailed_address m where m.credential_id = credential.id and m.at > ${now - 3_600_000}) as new_this_hour,
      (select count(*) from delivery where origin_kind = 'submission' and origin_id = credential.id and state = 'held') as held
    from credential left join credential_day day on day.credential_id = credential.id and day.day = ${dayOf(now)}
    order by credential.id desc`.execute(db);
  return rows.map((row) => ({ ...row, new_this_hour: Number(row.new_this_hour), held: Number(row.held) }));
}

/** Recipients that each mailed on the day of `now`. */
export async function recipientsToday(
  db: Db,
  ids: readonly number[],
  now: number,
): Promise<Map<number, number>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('credential_day')
    .select(['credential_id', 'recipients'])
    .where('credential_id', 'in', ids)
    .where('day', '=', dayOf(now))
    .execute();
  return new Map(rows.map((row) => [row.credential_id, row.recipients]));
}

export async function countSubmitted(
  db: Db,
  id: number,
  { messages, recipients }: { messages: number; recipients: number },
  now: number,
): Promise<void> {
  await sql`insert into credential_day (credential_id, day, messages, recipients)
    values (${id}, ${dayOf(now)}, ${messages}, ${recipients})
    on conflict (credential_id, day) do update set messages = credential_day.messages + excluded.messages,
      recipients = credential_day.recipients + excluded.recipients`.execute(db);
}

/** Which of these were never mailed: by no submission, and to no contact. */
export async function strangersAmong(
  db: Db,
  addresses: readonly { hash: string; address: string }[],
): Promise<Set<string>> {
  if (addresses.length === 0) return new Set();
  const { rows } = await sql<{ hash: string }>`select r.hash as hash from
      ${rowsFrom(db, addresses, { hash: 'text', address: 'text' })} as r
    where not exists (select 1 from mailed_address m where m.hash = r.hash)
      and not exists (select 1 from contact join any_delivery d on d.contact_id = contact.id
        where contact.email = r.address and d.attempt > 0)`.execute(db);
  return new Set(rows.map((row) => row.hash));
}

export async function rememberMailed(
  db: Db,
  credentialId: number,
  hashes: readonly string[],
  now: number,
): Promise<void> {
  if (hashes.length === 0) return;
  await sql`insert into mailed_address (hash, credential_id, at) select hash, ${credentialId}, ${now}
    from ${rowsFrom(
      db,
      hashes.map((hash) => ({ hash })),
      { hash: 'text' },
    )} as r where true on conflict (hash) do nothing`.execute(db);
}

/** How many it was the first to mail since a time. Index: mailed_address_credential. */
export async function firstMailedSince(db: Db, credentialId: number, since: number): Promise<number> {
  const row = await db
    .selectFrom('mailed_address')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .where('credential_id', '=', credentialId)
    .where('at', '>', since)
    .executeTakeFirstOrThrow();
  return Number(row.n);
}

/** Of the mail that ended since a time: how much, and how much of it bounced hard, also after it was taken. */
export async function bouncesOf(
  db: Db,
  credentialId: number,
  since: number,
): Promise<{ ended: number; hard: number }> {
  const { rows } = await sql<{ ended: number; hard: number }>`select count(*) as ended,
      count(case when (state = 'bounced' and class in ${hardClasses}) or bounced_after_at is not null then 1 end) as hard
    from any_delivery where origin_kind = 'submission' and origin_id = ${credentialId}
      and state in ('delivered', 'bounced') and finished_at > ${since}`.execute(db);
  return { ended: Number(rows[0]?.ended ?? 0), hard: Number(rows[0]?.hard ?? 0) };
}

/** The credentials whose mail bounced, in session or later, since a time. Index: event_kind. */
export async function bouncedSince(db: Db, since: number): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`select distinct d.origin_id as id from event
    join any_delivery d on d.id = event.delivery_id
    where event.kind = 'bounced' and event.at > ${since} and d.origin_kind = 'submission' and d.origin_id > 0`.execute(
    db,
  );
  return rows.map((row) => row.id);
}
