/** Rows about one person who has several addresses, about companies, and about contacts who may be the same person. */
import type { Generated } from 'kysely';
import type { Json } from './tables.ts';

export interface PeopleTables {
  /**
   * The other addresses of a contact; the primary one is `contact.email`. Triggers see to it that no address is in both
   * tables: who inserts one that is taken inserts nothing.
   */
  contact_address: {
    id: Generated<number>;
    contact_id: number;
    /** In the store's form; unique. */
    address: string;
    domain: string;
    /** Retired: mail from it is still theirs, mail to it is not sent any more. */
    state: Generated<'active' | 'retired'>;
    source: string;
    created_at: number;
  };
  /** What was written about a company. A company without a row is its domain and the people there. */
  company: {
    domain: string;
    name: Generated<string>;
    note: Generated<string>;
    /** Shared: strangers have addresses there (a provider that our table does not know), so it is nobody's company. */
    kind: Generated<'company' | 'shared'>;
    updated_at: number;
  };
  /** Two contacts who may be one person, the lower id first: proposed, never done. */
  duplicate_pair: {
    a_id: number;
    b_id: number;
    /** Why, the strongest first: `DuplicateReason` of core/audience/duplicate.ts. */
    reasons: Json;
    score: number;
    /** Dismissed: somebody said they are two people; it is never proposed again. */
    state: Generated<'open' | 'dismissed'>;
    found_at: number;
    decided_by: Generated<number | null>;
    decided_at: Generated<number | null>;
  };
  /** A contact that became part of another. */
  contact_merge: {
    id: Generated<number>;
    kept_id: number;
    gone_id: number;
    at: number;
    made_by: number | null;
    /** What was moved and what stood before, to take it back; null once that is over or done. */
    snapshot: Json | null;
    undone_at: Generated<number | null>;
    undone_by: Generated<number | null>;
  };
}
