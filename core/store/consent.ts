/**
 * Who agreed to what, when, how and to which text (GDPR 7.1). Rows are added and never changed, which the database itself
 * sees to; the newest one counts. They go only with the person (core/audience/erase.ts).
 */
import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { rowsFrom } from './batch.ts';
import type { Db, Row } from './tables.ts';

export interface NewConsent {
  contact_id: number;
  /** `marketing`, `list:3`, `tracking`, or what a team named. */
  purpose: string;
  state: Row<'consent'>['state'];
  /** `import`, `form`, `by hand`, `preferences` … */
  method: string;
  source: string;
  /** Exactly what they read when they agreed. */
  text: string;
  form_id?: number | null;
  form_version?: number | null;
  /** Of the text. */
  language?: string;
  ip?: string;
  agent?: string;
  /** Proof beyond that: file and line, message. */
  evidence: unknown;
  at: number;
}

export const consentTextHash = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Adds consents in one statement. */
export async function addConsents(db: Db, consents: readonly NewConsent[]): Promise<void> {
  if (consents.length === 0) return;
  const rows = consents.map((consent) => ({
    ...consent,
    text_hash: consentTextHash(consent.text),
    form_id: consent.form_id ?? null,
    form_version: consent.form_version ?? null,
    language: consent.language ?? '',
    ip: consent.ip ?? '',
    agent: (consent.agent ?? '').slice(0, 500),
  }));
  await sql`insert into consent (contact_id, purpose, state, method, source, text, text_hash, form_id, form_version,
      language, ip, agent, evidence, at)
    select contact_id, purpose, state, method, source, text, text_hash, form_id, form_version, language, ip, agent,
      evidence, at
    from ${rowsFrom(db, rows as unknown as Record<string, unknown>[], {
      contact_id: 'int',
      purpose: 'text',
      state: 'text',
      method: 'text',
      source: 'text',
      text: 'text',
      text_hash: 'text',
      form_id: 'int',
      form_version: 'int',
      language: 'text',
      ip: 'text',
      agent: 'text',
      evidence: 'json',
      at: 'int',
    })} as r where true`.execute(db);
}

/** Everything that somebody agreed to or took back, newest first. Index: consent_contact. */
export const consentsOf = (db: Db, contactId: number): Promise<Row<'consent'>[]> =>
  db
    .selectFrom('consent')
    .selectAll()
    .where('contact_id', '=', contactId)
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .execute();

/** What counts now for one purpose; undefined when nothing was ever said. */
export const consentFor = (db: Db, contactId: number, purpose: string): Promise<Row<'consent'> | undefined> =>
  db
    .selectFrom('consent')
    .selectAll()
    .where('contact_id', '=', contactId)
    .where('purpose', '=', purpose)
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .executeTakeFirst();

export interface LedgerRow extends Row<'consent'> {
  email: string;
}

/** A page of the whole ledger in the order it was written, of one person or of everybody. */
export function consentLedger(
  db: Db,
  { contactId, afterId, limit }: { contactId?: number | undefined; afterId: number; limit: number },
): Promise<LedgerRow[]> {
  let query = db
    .selectFrom('consent')
    .leftJoin('contact', 'contact.id', 'consent.contact_id')
    .selectAll('consent')
    .select(sql<string>`coalesce(contact.email, '')`.as('email'))
    .where('consent.id', '>', afterId)
    .orderBy('consent.id')
    .limit(limit);
  if (contactId !== undefined) query = query.where('consent.contact_id', '=', contactId);
  return query.execute();
}
