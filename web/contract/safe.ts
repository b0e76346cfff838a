/** Stops of a campaign at a provider, and incidents of providers with what is kept apart for them. */
import { z } from 'zod';
import { count, cursor, id, limit, neededLine, pageOf, time } from './primitive.ts';

export const stop = z.object({
  id,
  campaign_id: id,
  /** A provider's id, or the mail host where the provider is not one that we know. */
  provider: z.string(),
  reason: z.enum(['hard-bounces', 'complaints', 'block', 'rule', 'person']),
  state: z.enum(['stopped', 'slower', 'cancelled', 'released']),
  /** What was counted when it stopped. */
  attempts: count,
  hard: count,
  complaints: count,
  /** The receiver's own words. */
  replies: z.array(z.string()),
  pace_per_hour: count,
  at: time,
  released_at: time.nullable(),
  rate_per_hour: count.nullable(),
  /** How many messages wait there because of it. */
  waiting: count,
  /** The pace that one click proposes. */
  slower_per_hour: count,
});
export const stops = z.object({ rows: z.array(stop) });
export const newStop = z.strictObject({ provider: neededLine(255) });
export const slower = z.strictObject({ rate_per_hour: z.int().min(1).max(10_000_000).optional() });

export const incident = z.object({
  id,
  provider: z.string(),
  opened_at: time,
  /** The latest attempts when it was noticed, and how many of them were denied. */
  attempts: count,
  unknown: count,
  /** Its own usual. */
  usual_attempts: count,
  usual_unknown: count,
  replies: z.array(z.string()),
  closed_at: time.nullable(),
  outcome: z.enum(['over', 'forgiven', 'suppressed']).nullable(),
  quarantined: count,
  waiting: count,
});
export const incidents = z.object({ rows: z.array(incident) });
export const quarantineQuestion = z.strictObject({ cursor, limit: limit(500, 50) });
export const quarantined = pageOf(
  z.object({
    id,
    address: z.string(),
    contact_id: id.nullable(),
    delivery_id: id.nullable(),
    evidence: z.string(),
    at: time,
    decision: z.enum(['suppressed', 'forgiven']).nullable(),
  }),
);
export const decision = z.strictObject({ decision: z.enum(['forgiven', 'suppressed']) });
export const decided = z.object({ decided: count });
