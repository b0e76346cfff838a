/** The people we write to: their rows, the fields an organisation adds, and the questions that tables and imports ask. */
import { sql, type RawBuilder, type SelectQueryBuilder } from 'kysely';
import { ownerOf } from './address.ts';
import { engineOf, packed, rowsFrom } from './batch.ts';
import { companyOf, sharedAmong } from './company.ts';
import { fromJson } from './json.ts';
import { trackingNow, type TrackingMode } from './tracking.ts';
import type { Db, NewRow, Row, RowPatch, SuppressionScope, Tables } from './tables.ts';

export const contactsById = async (db: Db, ids: readonly number[]): Promise<Row<'contact'>[]> =>
  ids.length === 0 ? [] : db.selectFrom('contact').selectAll().where('id', 'in', ids).execute();

type ContactToFill = Pick<
  Row<'contact'>,
  'id' | 'first_name' | 'last_name' | 'language' | 'timezone' | 'external_id' | 'fields' | 'tags'
> & { tracking_now: TrackingMode };

/** What a message may show of people, and how far they agree to be counted. */
export const contactsToFill = (db: Db, ids: readonly number[]): Promise<ContactToFill[]> =>
  ids.length === 0
    ? Promise.resolve([])
    : packed<ContactToFill>(
        db,
        FILL_COLUMNS,
        (columns) =>
          sql`select ${columns} from (select contact.*, ${trackingNow} as tracking_now from contact) as contact where id in (${engineOf(db) === 'sqlite' ? sql`select value from json_each(${JSON.stringify(ids)})` : sql.join([...ids])})`,
      );

const FILL_COLUMNS = [
  'id',
  'first_name',
  'last_name',
  'language',
  'timezone',
  'external_id',
  'fields',
  'tags',
  'tracking_now',
] as const;

export const contactById = (db: Db, id: number): Promise<Row<'contact'> | undefined> =>
  db.selectFrom('contact').selectAll().where('id', '=', id).executeTakeFirst();

/** Whoever has this address, primary or not; in the store's form (lower-case, A-labels): see `normaliseAddress`. */
export async function contactByEmail(db: Db, email: string): Promise<Row<'contact'> | undefined> {
  const id = await ownerOf(db, email);
  return id === undefined ? undefined : contactById(db, id);
}

/** Adds a contact with its id; undefined when somebody has the address already. */
export async function addContact(db: Db, row: NewRow<'contact'>): Promise<number | undefined> {
  const { company_domain: company } = row;
  const isShared = company != null && (await sharedAmong(db, [company])).size > 0;
  const added = await db
    .insertInto('contact')
    .values(isShared ? { ...row, company_domain: null } : row)
    .onConflict((conflict) => conflict.column('email').doNothing())
    .returning('id')
    .executeTakeFirst();
  return added?.id;
}

/** A contact as a form or an import hands it in; what is absent is empty. */
export interface ContactDraft {
  /** In the store's form. */
  email: string;
  first_name?: string | undefined;
  last_name?: string | undefined;
  language?: string | undefined;
  timezone?: string | null | undefined;
  external_id?: string | null | undefined;
  fields?: string | undefined;
  tags?: string | undefined;
  source: string;
}

const domainOf = (email: string): string => email.slice(email.lastIndexOf('@') + 1);

/** A new row from what was handed in. */
export const contactRow = (draft: ContactDraft, now: number): NewRow<'contact'> => ({
  email: draft.email,
  email_domain: domainOf(draft.email),
  company_domain: companyOf(domainOf(draft.email)),
  first_name: draft.first_name ?? '',
  last_name: draft.last_name ?? '',
  language: draft.language ?? '',
  timezone: draft.timezone ?? null,
  external_id: draft.external_id ?? null,
  fields: draft.fields ?? '{}',
  tags: draft.tags ?? '[]',
  tracking: 'none',
  created_at: now,
  updated_at: now,
  last_human_reply_at: null,
  reply_intent_last: null,
  away_until: null,
  soft_bounces: 0,
  source: draft.source,
});

export async function changeContact(
  db: Db,
  id: number,
  patch: RowPatch<'contact'>,
  now: number,
): Promise<Row<'contact'> | undefined> {
  return db
    .updateTable('contact')
    .set({ ...patch, updated_at: now })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst();
}

// ── the table ─────────────────────────────────────────────────────────────────────────────────────────────────────

export const contactSorts = ['newest', 'oldest', 'email', 'last_name', 'last_reply'] as const;
export type ContactSort = (typeof contactSorts)[number];

export interface ContactQuestion {
  /** Part of an address or name. */
  search?: string | undefined;
  listId?: number | undefined;
  tag?: string | undefined;
  /** A sub-query of contact ids, as `segment-sql.ts` compiles it. */
  within?: RawBuilder<unknown> | undefined;
  sort?: ContactSort | undefined;
  cursor?: string | null | undefined;
  limit?: number | undefined;
}

export interface ContactPage {
  rows: ContactLine[];
  /** Hand it in to get what comes after; null at the end. */
  next: string | null;
}

/** A contact as a table shows it, with the widest suppression that is active. */
export interface ContactLine extends Row<'contact'> {
  suppressed: SuppressionScope | null;
}

// Each order ends in the id, so that a page break never falls between two equals.
const orders = {
  newest: { key: sql<string | number>`contact.id`, direction: 'desc' },
  oldest: { key: sql<string | number>`contact.id`, direction: 'asc' },
  email: { key: sql<string | number>`contact.email`, direction: 'asc' },
  last_name: { key: sql<string | number>`contact.last_name`, direction: 'asc' },
  last_reply: { key: sql<string | number>`coalesce(contact.last_human_reply_at, 0)`, direction: 'desc' },
} as const satisfies Record<ContactSort, { key: RawBuilder<string | number>; direction: 'asc' | 'desc' }>;

/** One page of the table, by key: the thousandth page costs what the first did. */
export async function contactPage(db: Db, question: ContactQuestion): Promise<ContactPage> {
  const { sort = 'newest', limit = 50, cursor } = question;
  const { key, direction } = orders[sort];
  let query = matching(db, question)
    .selectAll('contact')
    .select(key.as('sort_key'))
    .orderBy(key, direction)
    .orderBy('contact.id', direction)
    .limit(limit + 1);
  const after = cursor ? readCursor(cursor) : undefined;
  if (after !== undefined) {
    const than = direction === 'asc' ? sql`>` : sql`<`;
    query = query.where(sql<boolean>`(${key}, contact.id) ${than} (${after.key}, ${after.id})`);
  }
  const found = await query.execute();
  const shown = found.slice(0, limit);
  const last = shown.at(-1);
  const scopes = await widestSuppressions(
    db,
    shown.map((row) => row.email),
  );
  return {
    rows: shown.map(({ sort_key: _key, ...row }) => ({ ...row, suppressed: scopes.get(row.email) ?? null })),
    next:
      found.length > limit && last !== undefined
        ? Buffer.from(JSON.stringify([last.sort_key, last.id])).toString('base64url')
        : null,
  };
}

/** How many the whole selection has. Without conditions it is one walk over an index. */
export async function countContacts(db: Db, question: ContactQuestion = {}): Promise<number> {
  const { n } = await matching(db, question)
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow();
  return Number(n);
}

function matching(
  db: Db,
  { search, listId, tag, within }: ContactQuestion,
): SelectQueryBuilder<Tables, 'contact', object> {
  let query: SelectQueryBuilder<Tables, 'contact', object> = db.selectFrom('contact');
  if (search !== undefined && search.trim() !== '') {
    const part = `%${search
      .trim()
      .toLowerCase()
      .replace(/[\\%_]/g, '\\$&')}%`;
    query = query.where(
      sql<boolean>`(contact.email like ${part} escape '\\'
        or lower(contact.first_name || ' ' || contact.last_name) like ${part} escape '\\')`,
    );
  }
  if (listId !== undefined) {
    query = query.where(({ exists, selectFrom }) =>
      exists(
        selectFrom('list_member')
          .select(sql`1`.as('one'))
          .whereRef('list_member.contact_id', '=', 'contact.id')
          .where('list_member.list_id', '=', listId)
          .where('list_member.status', '=', 'subscribed'),
      ),
    );
  }
  if (tag !== undefined) query = query.where(hasTag(db, tag));
  if (within !== undefined) query = query.where(sql<boolean>`contact.id in ${within}`);
  return query;
}

/** Whether `contact.tags` holds a tag, in SQL of either engine. */
export const hasTag = (db: Db, tag: string): RawBuilder<boolean> =>
  engineOf(db) === 'sqlite'
    ? sql<boolean>`exists (select 1 from json_each(contact.tags) where value = ${tag})`
    : sql<boolean>`contact.tags ? ${tag}`;

function readCursor(text: string): { key: string | number; id: number } | undefined {
  try {
    const [key, id] = JSON.parse(Buffer.from(text, 'base64url').toString()) as [unknown, unknown];
    if ((typeof key === 'string' || typeof key === 'number') && Number.isSafeInteger(id))
      return { key, id: id as number };
  } catch {
    // A cursor that somebody made up: begin at the first page.
  }
  return undefined;
}

/** The widest active suppression of each address that has one: everything, then marketing, then a brand or list. */
export async function widestSuppressions(
  db: Db,
  addresses: readonly string[],
): Promise<Map<string, SuppressionScope>> {
  if (addresses.length === 0) return new Map();
  const rows = await db
    .selectFrom('suppression')
    .select(['address', 'scope'])
    .where('address', 'in', addresses)
    .where('lifted_at', 'is', null)
    .execute();
  const width = (scope: SuppressionScope) =>
    scope === 'everything'
      ? 0
      : scope === 'marketing'
        ? 1
        : scope === 'pause'
          ? 2
          : scope.startsWith('brand:')
            ? 3
            : 4;
  const widest = new Map<string, SuppressionScope>();
  for (const { address, scope } of rows) {
    const known = widest.get(address);
    if (known === undefined || width(scope) < width(known)) widest.set(address, scope);
  }
  return widest;
}

/** For the one search box: names and addresses that have these words. */
export const searchContacts = async (db: Db, search: string, limit = 20): Promise<Row<'contact'>[]> =>
  (await contactPage(db, { search, limit })).rows;

// ── tags and custom fields ────────────────────────────────────────────────────────────────────────────────────────

/** Every tag with how many have it, most used first. Walks all contacts: for a vocabulary, not for a page. */
export async function tagsSeen(db: Db, limit = 200): Promise<{ name: string; count: number }[]> {
  const each =
    engineOf(db) === 'sqlite'
      ? sql`json_each(contact.tags) as t`
      : sql`jsonb_array_elements_text(contact.tags) as t(value)`;
  const { rows } = await sql<{ name: string; count: number }>`select t.value as name, count(*) as count
    from contact, ${each} group by t.value order by count(*) desc, t.value limit ${limit}`.execute(db);
  return rows;
}

export const fields = (db: Db): Promise<Row<'field'>[]> =>
  db.selectFrom('field').selectAll().orderBy('name').execute();

/** Adds custom fields that are not there yet; the kind of one that is stays. */
export async function addFields(
  db: Db,
  wanted: readonly { name: string; label: string; kind: Row<'field'>['kind'] }[],
  now: number,
): Promise<void> {
  if (wanted.length === 0) return;
  await db
    .insertInto('field')
    .values(wanted.map(({ name, label, kind }) => ({ name, label, kind, created_at: now })))
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute();
}

// ── batches, for imports ──────────────────────────────────────────────────────────────────────────────────────────

/** Those of the addresses that somebody has, as primary or other, with the contact as it stands. */
export async function contactsByEmail(
  db: Db,
  emails: readonly string[],
): Promise<Map<string, Row<'contact'>>> {
  if (emails.length === 0) return new Map();
  const asked = rowsFrom(
    db,
    emails.map((email) => ({ email })),
    { email: 'text' },
  );
  const { rows } = await sql<
    Row<'contact'> & { asked: string }
  >`select contact.*, r.email as asked from contact
      join ${asked} as r on r.email = contact.email
    union all select contact.*, r.email as asked from contact_address as a
      join ${asked} as r on r.email = a.address join contact on contact.id = a.contact_id`.execute(db);
  return new Map(rows.map(({ asked: email, ...row }) => [email, row]));
}

/** Adds contacts in one statement; answers the ids of those that were not there, by address. */
export async function addContacts(
  db: Db,
  drafts: readonly ContactDraft[],
  now: number,
): Promise<Map<string, number>> {
  if (drafts.length === 0) return new Map();
  const rows = drafts.map((draft) => {
    const row = contactRow(draft, now);
    return { ...row, fields: fromJson(row.fields, {}), tags: fromJson(row.tags, []) };
  });
  const added = await sql<{
    id: number;
    email: string;
  }>`insert into contact (email, email_domain, company_domain,
      first_name, last_name, language, timezone, external_id, fields, tags, tracking, created_at, updated_at, source)
    select email, email_domain, case when exists (select 1 from company where company.domain = company_domain
        and company.kind = 'shared') then null else company_domain end, first_name, last_name, language, timezone,
      external_id, fields, tags, tracking, created_at, updated_at, source
    from ${rowsFrom(db, rows as unknown as Record<string, unknown>[], {
      email: 'text',
      email_domain: 'text',
      company_domain: 'text',
      first_name: 'text',
      last_name: 'text',
      language: 'text',
      timezone: 'text',
      external_id: 'text',
      fields: 'json',
      tags: 'json',
      tracking: 'text',
      created_at: 'int',
      updated_at: 'int',
      source: 'text',
    })} as r where true on conflict (email) do nothing returning id, email`.execute(db);
  return new Map(added.rows.map((row) => [row.email, row.id]));
}

/** Writes what an import or a program changed of people who were there, in one statement. */
export async function changeContacts(
  db: Db,
  changes: readonly Pick<
    Row<'contact'>,
    'id' | 'first_name' | 'last_name' | 'language' | 'timezone' | 'external_id' | 'fields' | 'tags' | 'set_at'
  >[],
  now: number,
): Promise<void> {
  if (changes.length === 0) return;
  const rows = changes.map((row) => ({
    ...row,
    fields: fromJson(row.fields, {}),
    tags: fromJson(row.tags, []),
    set_at: fromJson(row.set_at, {}),
  }));
  await sql`update contact set first_name = r.first_name, last_name = r.last_name, language = r.language,
      timezone = r.timezone, external_id = r.external_id, fields = r.fields, tags = r.tags, set_at = r.set_at,
      updated_at = ${now}
    from ${rowsFrom(db, rows as unknown as Record<string, unknown>[], {
      id: 'int',
      first_name: 'text',
      last_name: 'text',
      language: 'text',
      timezone: 'text',
      external_id: 'text',
      fields: 'json',
      tags: 'json',
      set_at: 'json',
    })} as r where contact.id = r.id`.execute(db);
}
