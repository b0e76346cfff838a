/** Rows of frequency (core/pressure/): how many mails each person got, how many they may get, and at which hours they act. */
import type { Generated } from 'kysely';

export interface PressureTables {
  /** One mail that somebody got in the bulk lane: written with the result, taken away when no window reaches back to it. */
  mail_got: {
    contact_id: number;
    at: number;
    delivery_id: number;
    /** What it was about: null is marketing as a whole. */
    list_id: number | null;
    brand_id: number;
  };
  /** At most `most` mails to a person in any `days` days. */
  frequency_cap: {
    id: Generated<number>;
    most: number;
    days: number;
    /** A mail that comes too early waits so many days at most, counted from when it was queued; 0: it is left out at once. */
    wait_days: number;
    /** Whom it is about: null is everybody. */
    segment_id: number | null;
    /** Which mails it counts and keeps back: those about a list, of a brand; null is all. */
    list_id: number | null;
    brand_id: number | null;
    made_by: number | null;
    created_at: number;
    updated_at: number;
  };
  /** How much somebody did themself in an hour of the week (0 is Monday, midnight, where they live); fades with time. */
  person_hour: { contact_id: number; hour: number; weight: number };
  /** The same of everybody at a recipient domain; the empty name is everybody. */
  domain_hour: { domain: string; hour: number; weight: number };
  /** One row: which events were looked at for it. */
  hour_cursor: { id: number; event_id: number };
}
