/**
 * Where people work, as their addresses tell: a domain that is not open to everybody is a company. What was written about one,
 * who is there, and which domains turned out to be shared by strangers.
 */
import { sql } from 'kysely';
import { FREE_MAIL } from '../../config/free-mail.ts';
import { rowsFrom } from './batch.ts';
import { DISPOSABLE } from './campaign-audience.ts';
import type { Db, Row } from './tables.ts';

const THROWN_AWAY = new Set(DISPOSABLE);

/** The company that an address tells of; null: everybody can have such an address. */
export const companyOf = (domain: string): string | null =>
  FREE_MAIL.has(domain) || THROWN_AWAY.has(domain) || domain.endsWith('.invalid') ? null : domain;

/** Those of the domains that somebody marked as shared by strangers. */
export async function sharedAmong(db: Db, domains: readonly string[]): Promise<Set<string>> {
  if (domains.length === 0) return new Set();
  const rows = await db
    .selectFrom('company')
    .select('domain')
    .where('kind', '=', 'shared')
    .where('domain', 'in', [...new Set(domains)])
    .execute();
  return new Set(rows.map((row) => row.domain));
}

/** Works out anew where these people are: by their primary address, else by the first of their others that tells. */
export async function placeAtCompanies(db: Db, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  const { rows } = await sql<{ id: number; domain: string; company_domain: string | null }>`
    select contact.id, contact.email_domain as domain, contact.company_domain, 0 as place
      from contact join ${rowsFrom(
        db,
        ids.map((id) => ({ id })),
        { id: 'int' },
      )} as r on r.id = contact.id
    union all select contact.id, a.domain, contact.company_domain, a.id as place from contact
      join contact_address as a on a.contact_id = contact.id and a.state = 'active'
      join ${rowsFrom(
        db,
        ids.map((id) => ({ id })),
        { id: 'int' },
      )} as r on r.id = contact.id
    order by 1, 4`.execute(db);
  const shared = await sharedAmong(
    db,
    rows.map((row) => row.domain),
  );
  const placed = new Map<number, { id: number; before: string | null; company: string | null }>();
  for (const row of rows) {
    const known = placed.get(row.id) ?? { id: row.id, before: row.company_domain, company: null };
    known.company ??= shared.has(row.domain) ? null : companyOf(row.domain);
    placed.set(row.id, known);
  }
  const changes = [...placed.values()].filter((one) => one.company !== one.before);
  if (changes.length === 0) return;
  await sql`update contact set company_domain = r.company from ${rowsFrom(
    db,
    changes.map(({ id, company }) => ({ id, company })),
    { id: 'int', company: 'text' },
  )} as r where contact.id = r.id`.execute(db);
}

/** The ids after a number, for what goes through everybody in slices. Index: the primary key. */
export const contactIdsAfter = async (db: Db, id: number, limit: number): Promise<number[]> =>
  (await db.selectFrom('contact').select('id').where('id', '>', id).orderBy('id').limit(limit).execute()).map(
    (row) => row.id,
  );

export const companyByDomain = (db: Db, domain: string): Promise<Row<'company'> | undefined> =>
  db.selectFrom('company').selectAll().where('domain', '=', domain).executeTakeFirst();
