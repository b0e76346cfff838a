/** Rows of the membership engine (core/audience/membership.ts): what changed, what is known by atom, who came and went. */
import type { Generated } from 'kysely';

export interface MembershipTables {
  /** Written by triggers, whoever changes a contact; taken away once looked at. */
  audience_change: {
    id: Generated<number>;
    contact_id: number;
    what: 'person' | 'contact' | 'list' | 'suppression' | 'consent' | 'conversation' | 'event' | 'company';
  };
  /** A condition of some segment, worked out for everybody. `id` is the hash of the condition. */
  atom: {
    id: string;
    leaf: string;
    /** The moment that its windows and days were last seen from. */
    seen_at: number;
    built_at: number;
  };
  /** 65,536 contacts of an atom as bits. */
  atom_chunk: { atom_id: string; chunk: number; bits: Uint8Array };
  /** What of a segment is worked out; `definition` is the one that `members` is true of, without references. */
  segment_state: {
    segment_id: number;
    definition: string;
    members: number;
    built_at: number;
  };
  /** Who came and who went, in order: consumers keep a cursor. */
  segment_change: {
    id: Generated<number>;
    segment_id: number;
    contact_id: number;
    /** 1: came, 0: went. */
    entered: number;
    at: number;
    /** edit: the definition was changed, not the person. */
    cause: 'change' | 'edit';
  };
  /** For growth: the last count of each day (UTC), and how many came and went in it. */
  segment_day: {
    segment_id: number;
    day: string;
    members: number;
    entered: number;
    departed: number;
  };
  /** Ordered exclusive segments: everybody is in exactly one persona of a set. */
  persona_set: { id: Generated<number>; name: string; created_at: number; updated_at: number };
  /**
   * Whoever is in its segment and in none of those before it; without a segment, everyone else, who come last.
   * `segment_state` and `segment_change` know it by its id, negated.
   */
  persona: {
    id: Generated<number>;
    set_id: number;
    position: number;
    name: string;
    segment_id: number | null;
  };
  /** One row: which events were looked at. */
  membership_cursor: { id: number; event_id: number };
}
