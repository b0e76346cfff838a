/**
 * One person out of every table: what is theirs alone is deleted, what the books need stays without them. Each step goes by
 * an index, but for the small tables at the end, where a receiver's words or somebody's note may hold the address.
 */
import { sql, type RawBuilder } from 'kysely';
import { addressesOf, ownerOf } from './address.ts';
import { engineOf } from './batch.ts';
import type { Db, Row } from './tables.ts';

/** Who is meant, found before anything goes. */
export interface Traces {
  /** Every address of theirs, the one that was asked for among them. */
  addresses: string[];
  contactId: number | null;
  deliveries: number[];
  conversations: number[];
  submissions: number[];
  inbounds: number[];
  people: number[];
}

const ids = async (query: Promise<{ id: unknown }[]>): Promise<number[]> =>
  (await query).map((row) => Number(row.id));
const listed = (values: readonly number[]): RawBuilder<unknown> =>
  values.length === 0 ? sql`(null)` : sql`(${sql.join(values.map((value) => sql.lit(value)))})`;

const among = (column: string, addresses: readonly string[]): RawBuilder<boolean> =>
  sql<boolean>`lower(${sql.ref(column)}) in (${sql.join([...addresses])})`;

/** Everything that hangs on whoever has an address, by its rows. */
export async function tracesOf(tx: Db, address: string): Promise<Traces> {
  const contactId = (await ownerOf(tx, address)) ?? null;
  const addresses = contactId === null ? [address] : await addressesOf(tx, contactId);
  const theirs = (column: string) =>
    sql<boolean>`(${among(column, addresses)}${contactId === null ? sql`` : sql` or contact_id = ${contactId}`})`;
  const deliveries = await ids(tx.selectFrom('any_delivery').select('id').where(theirs('address')).execute());
  const conversations = await ids(
    tx.selectFrom('conversation').select('id').where(theirs('address')).execute(),
  );
  const submissions = await ids(
    tx
      .selectFrom('submission_recipient')
      .select('submission_id as id')
      .distinct()
      .where(among('address', addresses))
      .execute(),
  );
  const inbounds = await ids(
    tx
      .selectFrom('inbound')
      .select('id')
      .where(
        sql<boolean>`(${among('mail_from', addresses)} or conversation_id in ${listed(conversations)}
          or delivery_id in ${listed(deliveries)})`,
      )
      .execute(),
  );
  const people = await ids(
    tx
      .selectFrom('person_key')
      .select('id')
      .where(
        sql<boolean>`(${among('key', addresses)} ${contactId === null ? sql`` : sql`or contact_id = ${contactId}`})`,
      )
      .execute(),
  );
  return { addresses, contactId, deliveries, conversations, submissions, inbounds, people };
}

/** Deliveries of theirs that are on the wire this moment: nothing can be taken back of them. */
export const onTheWire = (tx: Db, { deliveries }: Traces): Promise<{ id: number }[]> =>
  tx
    .selectFrom('delivery')
    .select('id')
    .where(sql<boolean>`id in ${listed(deliveries)}`)
    .where('state', '=', 'active')
    .execute();

export type Counts = Record<string, number>;

/** Takes them out. Answers how many rows of what, and the raw messages that nobody else needs. */
export async function eraseTraces(
  tx: Db,
  traces: Traces,
  stand: string,
  mailedHash: (address: string) => string,
  now: number,
): Promise<{ counts: Counts; files: string[] }> {
  const counts: Counts = {};
  const run = async (name: string, statement: RawBuilder<unknown>) => {
    const { numAffectedRows } = await statement.execute(tx);
    const n = Number(numAffectedRows ?? 0);
    if (n > 0) counts[name] = (counts[name] ?? 0) + n;
  };
  const { addresses, contactId, deliveries, conversations, submissions, inbounds, people } = traces;
  const own = contactId === null ? sql`1 = 0` : sql`contact_id = ${contactId}`;
  const rawHashes = await rawOnlyTheirs(tx, traces);

  // ── what they wrote and what was written to them ──
  const messages = await ids(
    tx
      .selectFrom('message')
      .select('id')
      .where(sql<boolean>`(conversation_id in ${listed(conversations)} or inbound_id in ${listed(inbounds)})`)
      .execute(),
  );
  await run('intent_correction', sql`delete from intent_correction where message_id in ${listed(messages)}`);
  await run('attachment', sql`delete from attachment where message_id in ${listed(messages)}`);
  await run('search', sql`delete from message_text where rowid in ${listed(messages)}`);
  await run('message', sql`delete from message where id in ${listed(messages)}`);
  await run(
    'message_identifier',
    sql`delete from message_identifier where conversation_id in ${listed(conversations)}`,
  );
  await run('conversation', sql`delete from conversation where id in ${listed(conversations)}`);
  await run('inbound', sql`delete from inbound where id in ${listed(inbounds)}`);
  await run('reply_token_use', sql`delete from reply_token_use where ${among('sender', addresses)}`);

  // ── submitted mail ──
  const alone = await ids(
    tx
      .selectFrom('submission_recipient')
      .select('submission_id as id')
      .where(sql<boolean>`submission_id in ${listed(submissions)}`)
      .groupBy('submission_id')
      .having(({ fn }) => fn.countAll(), '=', 1)
      .execute(),
  );
  await run(
    'submission_recipient',
    sql`update submission_recipient set address = ${stand} where ${among('address', addresses)}`,
  );
  await run(
    'submission',
    sql`update submission set subject = '', metadata = '{}', cancelled_at = coalesce(cancelled_at, ${now})
      where id in ${listed(alone)}`,
  );

  // ── deliveries: the ledger keeps that there was one, and no more ──
  for (const table of ['delivery', 'delivery_retired'])
    await run(
      'delivery',
      sql`update ${sql.table(table)} set address = ${stand}, contact_id = null, fill = null, last_reply = null,
        reason = case when state in ('queued', 'deferred', 'held') then 'the person was erased' else null end,
        finished_at = coalesce(finished_at, ${now}),
        state = case when state in ('queued', 'deferred', 'held') then 'cancelled' else state end
        where id in ${listed(deliveries)}`,
    );
  await run('attempt', sql`update attempt set reply = '' where delivery_id in ${listed(deliveries)}`);
  await run('transcript', sql`delete from attempt_transcript where delivery_id in ${listed(deliveries)}`);

  // ── events: what campaigns count stays, without who ──
  await run(
    'event',
    sql`delete from event where campaign_id is null and (${own}
      or id in (select event_id from event_pending where person_key_id in ${listed(people)}))`,
  );
  await run(
    'event',
    sql`update event set contact_id = null, conversation_id = null, inbound_id = null, data = '{}'
      where ${own} or delivery_id in ${listed(deliveries)}`,
  );
  await run('event_pending', sql`delete from event_pending where person_key_id in ${listed(people)}`);
  await run('person_key', sql`delete from person_key where id in ${listed(people)}`);

  // ── the person ──
  await run('mail_got', sql`delete from mail_got where ${own}`);
  // A domain may be theirs alone: what it knows of its hours must not be what it knew of them.
  await sql`update domain_hour set weight = case when domain_hour.weight > p.weight then domain_hour.weight - p.weight else 0 end
    from person_hour as p where p.contact_id = ${contactId ?? 0} and p.hour = domain_hour.hour
      and (domain_hour.domain = '' or domain_hour.domain = (select email_domain from contact where id = p.contact_id))`.execute(
    tx,
  );
  await run('person_hour', sql`delete from person_hour where ${own}`);
  await run('consent', sql`delete from consent where ${own}`);
  await run('list_member', sql`delete from list_member where ${own}`);
  await run('suppression', sql`delete from suppression where ${among('address', addresses)} or ${own}`);
  await run(
    'bounce_quarantine',
    sql`delete from bounce_quarantine where ${among('address', addresses)} or ${own}`,
  );
  await run(
    'mailed_address',
    sql`delete from mailed_address where hash in (${sql.join(addresses.map((one) => mailedHash(one)))})`,
  );
  await run('signup', sql`delete from signup where ${among('email', addresses)}`);
  if (contactId !== null) {
    await run('contact_address', sql`delete from contact_address where ${own}`);
    await run(
      'duplicate_pair',
      sql`delete from duplicate_pair where a_id = ${contactId} or b_id = ${contactId}`,
    );
    // What a merge kept to take itself back is a copy of them.
    await run(
      'contact_merge',
      sql`delete from contact_merge where kept_id = ${contactId} or gone_id = ${contactId}`,
    );
    await run('contact', sql`delete from contact where id = ${contactId}`);
  }

  for (const { hash } of rawHashes) await sql`delete from raw_message where hash = ${hash}`.execute(tx);
  if (rawHashes.length > 0) counts['raw_message'] = rawHashes.length;
  for (const address of addresses) await scrub(tx, address, stand, counts);
  return {
    counts,
    files: rawHashes.filter(({ encoding }) => encoding === 'file').map(({ hash }) => hash),
  };
}

/** Raw mail of theirs that no row of anybody else names. */
async function rawOnlyTheirs(
  tx: Db,
  { inbounds, submissions }: Traces,
): Promise<Pick<Row<'raw_message'>, 'hash' | 'encoding'>[]> {
  const { rows } = await sql<
    Pick<Row<'raw_message'>, 'hash' | 'encoding'>
  >`select hash, encoding from raw_message
    where (hash in (select raw_hash from inbound where id in ${listed(inbounds)})
        or hash in (select raw_hash from submission where id in ${listed(submissions)}))
      and not exists (select 1 from inbound where inbound.raw_hash = raw_message.hash
        and inbound.id not in ${inbounds.length === 0 ? sql`(0)` : listed(inbounds)})
      and not exists (select 1 from submission join submission_recipient as other on other.submission_id = submission.id
        where submission.id in ${listed(submissions)} and submission.raw_hash = raw_message.hash
        and (select count(*) from submission_recipient as one where one.submission_id = submission.id) > 1)`.execute(
    tx,
  );
  return rows;
}

/** Where receivers, files and people may have written the address down. Small tables, read whole. */
const NOTES = [
  ['import_error', 'raw'],
  ['audit', 'subject'],
  ['audit', 'detail'],
  ['idempotency_key', 'answer'],
  ['throttle', 'reply'],
  ['answer_slot', 'reply'],
  ['provider_incident', 'replies'],
  ['campaign_stop', 'replies'],
  ['shaping_rule', 'sample'],
  ['webhook_attempt', 'answer'],
  ['job', 'payload'],
  ['job', 'error'],
] as const;

async function scrub(tx: Db, address: string, stand: string, counts: Counts): Promise<void> {
  const isJson = (column: string) => ['detail', 'answer', 'replies', 'payload'].includes(column);
  const like = `%${address.replace(/[\\%_]/g, '\\$&')}%`;
  for (const [table, column] of NOTES) {
    const at = sql.ref(column);
    const asText = engineOf(tx) === 'postgres' ? sql`cast(${at} as text)` : at;
    const isTyped = engineOf(tx) === 'postgres' && isJson(column) && table !== 'webhook_attempt';
    // Written in any case: what matches is written anew in small letters, the address replaced.
    const anew = sql`replace(lower(${asText}), ${address}, ${stand})`;
    const { numAffectedRows } =
      await sql`update ${sql.table(table)} set ${at} = ${isTyped ? sql`cast(${anew} as jsonb)` : anew}
        where lower(${asText}) like ${like} escape '\\'`.execute(tx);
    if (Number(numAffectedRows ?? 0) > 0) counts[table] = (counts[table] ?? 0) + Number(numAffectedRows);
  }
}

// ── what is known of a person ──────────────────────────────────────────────────────────────────────────────────────

/** Every row that hangs on them, by table, for their own eyes (GDPR 15 and 20). */
export async function rowsOfPerson(db: Db, traces: Traces): Promise<Record<string, unknown[]>> {
  const { addresses, contactId, deliveries, conversations, submissions, inbounds } = traces;
  const own = contactId === null ? sql`1 = 0` : sql`contact_id = ${contactId}`;
  const rows = async (query: RawBuilder<unknown>) => (await query.execute(db)).rows;
  return {
    contact: await rows(
      sql`select * from contact where ${contactId === null ? sql`1 = 0` : sql`id = ${contactId}`}`,
    ),
    other_addresses: await rows(
      sql`select address, state, source, created_at from contact_address where ${own} order by id`,
    ),
    lists: await rows(sql`select list.name, list_member.status, list_member.since, list_member.source
      from list_member join list on list.id = list_member.list_id where ${own}`),
    consents: await rows(sql`select * from consent where ${own} order by id`),
    signups: await rows(sql`select * from signup where ${among('email', addresses)} order by id`),
    suppressions: await rows(sql`select scope, reason, evidence, created_at, lifted_at, until from suppression
      where ${among('address', addresses)} order by id`),
    events: await rows(sql`select kind, at, campaign_id, data from event where ${own} order by id`),
    mail_sent: await rows(sql`select origin_kind, address, state, queued_at, finished_at, last_reply, fill
      from any_delivery where id in ${listed(deliveries)} order by id`),
    mail_submitted: await rows(sql`select subject, from_address, created_at, metadata from submission
      where id in ${listed(submissions)} order by id`),
    mail_got: await rows(
      sql`select at, delivery_id, list_id, brand_id from mail_got where ${own} order by at`,
    ),
    hours: await rows(sql`select hour, weight from person_hour where ${own} order by hour`),
    conversations: await rows(sql`select id, subject, state, created_at, last_message_at from conversation
      where id in ${listed(conversations)} order by id`),
    messages:
      await rows(sql`select conversation_id, direction, from_name, from_address, to_addresses, subject, text, created_at
      from message where conversation_id in ${listed(conversations)} and direction <> 'note' order by id`),
    intent_corrections:
      await rows(sql`select intent_correction.was, intent_correction.intent, intent_correction.made_at,
      intent_correction.message_id
      from intent_correction join message on message.id = intent_correction.message_id
      where message.conversation_id in ${listed(conversations)} order by intent_correction.id`),
    mail_received: await rows(sql`select received_at, mail_from, remote_ip, kind, size from inbound
      where id in ${listed(inbounds)} order by id`),
  };
}

// ── who was erased ────────────────────────────────────────────────────────────────────────────────────────────────

/** Keeps that somebody was erased, by the keyed hash alone. */
export async function keepErasure(
  tx: Db,
  erasure: { hash: string; made_by: number | null; counts: string },
  now: number,
): Promise<void> {
  await tx
    .insertInto('erasure')
    .values({ ...erasure, at: now })
    .onConflict((conflict) => conflict.column('hash').doUpdateSet({ at: now, counts: erasure.counts }))
    .execute();
}

/** They came back by themself. */
export const forgetErasure = async (tx: Db, hash: string): Promise<void> => {
  await tx.deleteFrom('erasure').where('hash', '=', hash).execute();
};

export const erasures = async (db: Db): Promise<string[]> =>
  (await db.selectFrom('erasure').select('hash').execute()).map((row) => row.hash);

/** Another text when the set may be another one. */
export const erasuresMark = async (db: Db): Promise<string> => {
  const row = await db
    .selectFrom('erasure')
    .select(({ fn }) => [fn.countAll<number>().as('n'), fn.max('at').as('last')])
    .executeTakeFirst();
  return `${row?.n ?? 0} ${row?.last ?? 0}`;
};
