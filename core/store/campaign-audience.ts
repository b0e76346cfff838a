/** Questions about the people of an audience before they are mailed. One condition on `contact` comes in; counts come out. */
import { sql, type RawBuilder } from 'kysely';
import { packed } from './batch.ts';
import type { Db, Row } from './tables.ts';

export interface AudienceFacts {
  people: number;
  /** Nobody wrote down why they may be mailed. */
  withoutBasis: number;
  roles: number;
  /** Frequent misspellings of large providers. */
  typos: number;
  disposable: number;
  /** Full tracking is on for them, and no consent to it is on file. */
  trackedWithoutConsent: number;
}

/** Local parts of functions, not of people. */
export const ROLES =
  'abuse|accounting|admin|billing|compta|contact|commercial|direction|hello|help|info|jobs|mail|marketing|office|postmaster|recrutement|sales|secretariat|security|service|spam|support|webmaster'.split(
    '|',
  );
const TYPOS =
  'gmial.com|gmai.com|gmal.com|gmail.co|gmail.con|gnail.com|gamil.com|hotmial.com|hotmal.com|hotmail.con|hotmai.com|outlok.com|outloook.com|yaho.com|yahoo.con|yaho.fr|orage.fr|ornage.fr|wanado.fr|laposte.ne|fre.fr|iclould.com'.split(
    '|',
  );
/** Domains of addresses made to be thrown away. */
export const DISPOSABLE =
  'mailinator.com|yopmail.com|yopmail.fr|guerrillamail.com|10minutemail.com|tempmail.com|temp-mail.org|trashmail.com|jetable.org|sharklasers.com|throwawaymail.com|getnada.com|maildrop.cc|dispostable.com|mohmal.com'.split(
    '|',
  );

/** The people of one recipient domain, and what is known of it. */
export interface DomainShare {
  name: string;
  /** Null: nobody has looked, or it is none that we know. */
  provider: string | null;
  /** Null: not looked up yet; empty: it takes no mail, when last looked. */
  site: string | null;
  selected: number;
  /** Of these, who may not be mailed. */
  stopped: number;
}

/** An audience by recipient domain: who is selected, and who of them may not be mailed. One walk. */
export async function audienceByDomain(
  db: Db,
  condition: RawBuilder<boolean>,
  stopped: RawBuilder<boolean>,
): Promise<DomainShare[]> {
  return packed<DomainShare>(
    db,
    ['name', 'provider', 'site', 'selected', 'stopped'],
    (columns) => sql`with by_domain as materialized (
      select contact.email_domain as of_domain, count(*) as n, sum(case when ${stopped} then 1 else 0 end) as m
      from contact where ${condition} group by 1)
    select ${columns} from (select of_domain as name, nullif(domain.provider, '') as provider,
        case when domain.resolved_at is null then null else domain.site end as site, n as selected, m as stopped
      from by_domain left join domain on domain.name = by_domain.of_domain) as shares order by name`,
  ).then((rows) =>
    rows.map((row) => ({ ...row, selected: Number(row.selected), stopped: Number(row.stopped) })),
  );
}

/** One walk over the audience. Indexes: list_member by contact, consent_contact. */
export async function audienceFacts(db: Db, condition: RawBuilder<boolean>): Promise<AudienceFacts> {
  const one = (is: RawBuilder<unknown>) => sql<number>`coalesce(sum(case when ${is} then 1 else 0 end), 0)`;
  const list = (values: readonly string[]) => sql`(${sql.join(values.map((value) => sql.lit(value)))})`;
  const local = sql`substr(contact.email, 1, length(contact.email) - length(contact.email_domain) - 1)`;
  const newest = (
    purposes: RawBuilder<unknown>,
  ) => sql`(select state from consent where consent.contact_id = contact.id
    and ${purposes} order by consent.at desc, consent.id desc limit 1)`;
  const basis = newest(sql`(consent.purpose = 'marketing' or consent.purpose like 'list:%')`);
  const { rows } = await sql<AudienceFacts>`select count(*) as people,
      ${one(sql`not exists (select 1 from list_member where list_member.contact_id = contact.id
        and list_member.status = 'subscribed') and coalesce(${basis}, '') <> 'given'`)} as ${sql.ref('withoutBasis')},
      ${one(sql`${local} in ${list(ROLES)}`)} as roles,
      ${one(sql`contact.email_domain in ${list(TYPOS)}`)} as typos,
      ${one(sql`contact.email_domain in ${list(DISPOSABLE)}`)} as disposable,
      ${one(sql`contact.tracking = 'full' and coalesce(${newest(sql`consent.purpose = 'tracking'`)}, '') <> 'given'`)}
        as ${sql.ref('trackedWithoutConsent')}
    from contact where ${condition}`.execute(db);
  const row = rows[0];
  return {
    people: Number(row?.people ?? 0),
    withoutBasis: Number(row?.withoutBasis ?? 0),
    roles: Number(row?.roles ?? 0),
    typos: Number(row?.typos ?? 0),
    disposable: Number(row?.disposable ?? 0),
    trackedWithoutConsent: Number(row?.trackedWithoutConsent ?? 0),
  };
}

const PLACES = 10;

/** Some people from all over the audience, by the order of their numbers: the oldest and the newest are among them. */
export async function sampleOf(
  db: Db,
  condition: RawBuilder<boolean>,
  size: number,
): Promise<Row<'contact'>[]> {
  const ends = await db
    .selectFrom('contact')
    .select(({ fn }) => [fn.min('id').as('first'), fn.max('id').as('last')])
    .executeTakeFirst();
  const first = Number(ends?.first ?? 0);
  const step = Math.max(1, Math.floor((Number(ends?.last ?? 0) - first + 1) / PLACES));
  const found = new Map<number, Row<'contact'>>();
  for (let place = 0; place < PLACES; place++) {
    const rows = await db
      .selectFrom('contact')
      .selectAll()
      .where('id', '>=', first + place * step)
      .where(condition)
      .orderBy('id')
      .limit(Math.ceil(size / PLACES))
      .execute();
    for (const row of rows) found.set(row.id, row);
  }
  return [...found.values()].slice(0, size);
}

/** When a list was last mailed by a campaign; null when it never was. */
export async function lastMailed(db: Db, listIds: readonly number[]): Promise<number | null> {
  const rows = await db
    .selectFrom('campaign')
    .select(['audience', 'started_at'])
    .where('started_at', 'is not', null)
    .orderBy('started_at', 'desc')
    .limit(500)
    .execute();
  const wanted = new Set(listIds);
  const last = rows.find((row) =>
    ((JSON.parse(row.audience) as { lists?: number[] }).lists ?? []).some((id) => wanted.has(id)),
  );
  return last?.started_at ?? null;
}

/** Complaints and arrivals of campaigns since a time. Index: event_kind. */
export async function complaintsSince(
  db: Db,
  since: number,
): Promise<{ delivered: number; complained: number }> {
  const rows = await db
    .selectFrom('event')
    .select(({ fn }) => ['kind', fn.countAll<number>().as('n')])
    .where('kind', 'in', ['delivered', 'complained'])
    .where('at', '>=', since)
    .groupBy('kind')
    .execute();
  const of = (kind: string) => Number(rows.find((row) => row.kind === kind)?.n ?? 0);
  return { delivered: of('delivered'), complained: of('complained') };
}

/**
 * Something that is another when a person, a consent, a suppression or a membership has come. Read off the ends of indexes,
 * the number of list members apart, which is a walk of one narrow index (40 ms for a million).
 */
export async function latestOfPeople(db: Db): Promise<string> {
  const { rows } = await sql<Record<string, unknown>>`select (select max(id) from contact) as contact,
    (select max(id) from consent) as consent, (select max(id) from suppression) as suppression,
    (select max(lifted_at) from suppression) as lifted, (select count(*) from list_member) as members,
    (select max(id) from segment) as segment, (select max(updated_at) from segment) as changed,
    (select count(*) from frequency_cap) as caps, (select max(updated_at) from frequency_cap) as capped`.execute(
    db,
  );
  return JSON.stringify(rows[0]);
}
