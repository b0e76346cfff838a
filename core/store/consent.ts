/** Who agreed to what, when, how and to which text (GDPR 7.1). Rows are added and never changed; the newest one counts. */
import { sql } from 'kysely';
import { rowsFrom } from './batch.ts';
import type { Db, Row } from './tables.ts';

export interface NewConsent {
  contact_id: number;
  /** `marketing`, `list:3`, `tracking` … */
  purpose: string;
  state: Row<'consent'>['state'];
  /** `import`, `form`, `by hand`, `one-click` … */
  method: string;
  source: string;
  /** What they read when they agreed. */
  text: string;
  /** Proof: file and line, address and agent, message. */
  evidence: unknown;
  at: number;
}

/** Adds consents in one statement. */
export async function addConsents(db: Db, consents: readonly NewConsent[]): Promise<void> {
  if (consents.length === 0) return;
  await sql`insert into consent (contact_id, purpose, state, method, source, text, evidence, at)
    select contact_id, purpose, state, method, source, text, evidence, at
    from ${rowsFrom(db, consents as unknown as Record<string, unknown>[], {
      contact_id: 'int',
      purpose: 'text',
      state: 'text',
      method: 'text',
      source: 'text',
      text: 'text',
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
