/** What programs submitted: the messages, whom they are to, what became of them, and what repeated requests are answered. */
import { sql } from 'kysely';
import { rowsFrom } from './batch.ts';
import { enqueueSubmitted } from './queue.ts';
import type { Db, DeliveryState, NewRow, Row } from './tables.ts';

export type Submission = Row<'submission'>;

export interface NewRecipient {
  address: string;
  /** Why it is not mailed; then it is only written down. */
  refused: string | null;
}

export interface NewSubmission {
  row: NewRow<'submission'> & { send_at: number; public_id: string };
  tags: readonly string[];
  recipients: readonly NewRecipient[];
}

/** Writes messages down and queues them: one delivery for each recipient that is not refused. One statement a table. */
export async function addSubmissions(tx: Db, added: readonly NewSubmission[], now: number): Promise<void> {
  if (added.length === 0) return;
  const { rows: made } = await sql<{
    id: number;
    public_id: string;
  }>`insert into submission (public_id, credential_id, via,
      sending_domain_id, envelope_from, from_address, subject, message_id, tags, metadata, raw_hash, size, smtputf8, require_tls,
      send_at, created_at)
    select public_id, credential_id, via, sending_domain_id, envelope_from, from_address, subject, message_id, tags, metadata,
      raw_hash, size, smtputf8, require_tls, send_at, created_at
    from ${rowsFrom(
      tx,
      added.map(({ row }) => ({
        ...row,
        require_tls: row.require_tls ?? 0,
        tags: JSON.parse(row.tags) as unknown,
        metadata: JSON.parse(row.metadata) as unknown,
      })) as unknown as Record<string, unknown>[],
      {
        public_id: 'text',
        credential_id: 'int',
        via: 'text',
        sending_domain_id: 'int',
        envelope_from: 'text',
        from_address: 'text',
        subject: 'text',
        message_id: 'text',
        tags: 'json',
        metadata: 'json',
        raw_hash: 'text',
        size: 'int',
        smtputf8: 'int',
        require_tls: 'int',
        send_at: 'int',
        created_at: 'int',
      },
    )} as r where true order by ordinal returning id, public_id`.execute(tx);
  const ids = new Map(made.map((row) => [row.public_id, row.id]));
  const placed = added.map((one) => ({
    ...one,
    id: ids.get(one.row.public_id) as number,
    places: one.recipients.map((recipient, place) => ({ ...recipient, place })),
  }));
  const deliveries = await enqueueSubmitted(
    tx,
    placed.map(({ id, row, places }) => ({
      credentialId: row.credential_id,
      submissionId: id,
      sendingDomainId: row.sending_domain_id,
      dueAt: row.send_at,
      recipients: places.filter((one) => one.refused === null),
    })),
    now,
  );
  await sql`insert into submission_recipient (submission_id, place, address, delivery_id, refused)
    select submission_id, place, address, delivery_id, refused from ${rowsFrom(
      tx,
      placed.flatMap(({ id, places }) =>
        places.map((one) => ({
          ...one,
          submission_id: id,
          delivery_id: deliveries.get(`${id}.${one.place}`) ?? null,
        })),
      ),
      { submission_id: 'int', place: 'int', address: 'text', delivery_id: 'int', refused: 'text' },
    )} as r where true`.execute(tx);
  const tags = placed.flatMap(({ id, row, tags: named }) =>
    named.map((tag) => ({ credential_id: row.credential_id, tag, submission_id: id })),
  );
  if (tags.length > 0) await tx.insertInto('submission_tag').values(tags).execute();
}

export const submissionById = (db: Db, id: number): Promise<Submission | undefined> =>
  db.selectFrom('submission').selectAll().where('id', '=', id).executeTakeFirst();

/** One of a credential's own; nobody sees another's. */
export const submissionOf = (
  db: Db,
  credentialId: number,
  publicId: string,
): Promise<Submission | undefined> =>
  db
    .selectFrom('submission')
    .selectAll()
    .where('public_id', '=', publicId)
    .where('credential_id', '=', credentialId)
    .executeTakeFirst();

/** Which submission a delivery carries: its recipient_key is `submission.place`. */
export const submissionIdOf = (recipientKey: string): number => Number(recipientKey.split('.')[0]);

export interface RecipientStatus {
  address: string;
  refused: string | null;
  delivery_id: number | null;
  state: DeliveryState | null;
  attempt: number | null;
  last_code: number | null;
  last_enhanced: string | null;
  last_reply: string | null;
  reason: string | null;
  finished_at: number | null;
  bounced_after_at: number | null;
}

export async function recipientsOf(db: Db, submissionId: number): Promise<RecipientStatus[]> {
  const { rows } =
    await sql<RecipientStatus>`select r.address, r.refused, r.delivery_id, d.state, d.attempt, d.last_code,
      d.last_enhanced, d.last_reply, d.reason, d.finished_at, d.bounced_after_at
    from submission_recipient r left join any_delivery d on d.id = r.delivery_id
    where r.submission_id = ${submissionId} order by r.place`.execute(db);
  return rows;
}

export interface SubmissionEvent {
  id: number;
  kind: string;
  at: number;
  address: string;
}

export async function eventsOf(db: Db, submissionId: number, limit = 1000): Promise<SubmissionEvent[]> {
  const { rows } = await sql<SubmissionEvent>`select event.id, event.kind, event.at, r.address
    from submission_recipient r join event on event.delivery_id = r.delivery_id
    where r.submission_id = ${submissionId} order by event.id limit ${limit}`.execute(db);
  return rows;
}

/** A credential's messages, newest first; `before` is the last id seen. */
export async function submissionsOf(
  db: Db,
  credentialId: number,
  { tag, before, limit }: { tag?: string | undefined; before?: number | undefined; limit: number },
): Promise<Submission[]> {
  let query = db
    .selectFrom('submission')
    .selectAll('submission')
    .where('submission.credential_id', '=', credentialId)
    .orderBy('submission.id', 'desc')
    .limit(limit);
  if (tag !== undefined)
    query = query
      .innerJoin('submission_tag', (join) =>
        join
          .onRef('submission_tag.submission_id', '=', 'submission.id')
          .onRef('submission_tag.credential_id', '=', 'submission.credential_id'),
      )
      .where('submission_tag.tag', '=', tag);
  if (before !== undefined) query = query.where('submission.id', '<', before);
  return query.execute();
}

/** Takes back what waits. Answers the deliveries that were cancelled; what is on the wire stays. */
export async function cancelSubmission(tx: Db, submission: Submission, now: number): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`update delivery set state = 'cancelled', finished_at = ${now},
      reason = 'cancelled by the program that submitted it'
    where id in (select delivery_id from submission_recipient where submission_id = ${submission.id})
      and state in ('queued', 'deferred', 'held') returning id`.execute(tx);
  if (rows.length > 0)
    await tx.updateTable('submission').set({ cancelled_at: now }).where('id', '=', submission.id).execute();
  return rows.map((row) => row.id);
}

export const idempotentAnswer = async (
  db: Db,
  credentialId: number,
  key: string,
): Promise<Row<'idempotency_key'> | undefined> => (await idempotentAnswers(db, [{ credentialId, key }]))[0];

/** What was answered to these keys of these credentials. */
export async function idempotentAnswers(
  db: Db,
  asked: readonly { credentialId: number; key: string }[],
): Promise<Row<'idempotency_key'>[]> {
  if (asked.length === 0) return [];
  const { rows } = await sql<Row<'idempotency_key'>>`select idempotency_key.* from ${rowsFrom(
    db,
    asked.map(({ credentialId, key }) => ({ credential_id: credentialId, name: key })),
    { credential_id: 'int', name: 'text' },
  )} as r join idempotency_key on idempotency_key.credential_id = r.credential_id and idempotency_key.key = r.name`.execute(
    db,
  );
  return rows;
}

/** Keeps answers, and forgets a few that are older than a week. */
export async function keepAnswers(
  tx: Db,
  rows: readonly NewRow<'idempotency_key'>[],
  now: number,
): Promise<void> {
  if (rows.length === 0) return;
  const week = now - 7 * 86_400_000;
  await tx
    .insertInto('idempotency_key')
    .values([...rows])
    .execute();
  await sql`delete from idempotency_key where (credential_id, key) in
    (select credential_id, key from idempotency_key where created_at < ${week} limit 20)`.execute(tx);
}
