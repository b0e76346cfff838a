/** How often people hear of us: caps, who got how much, what waits for room and what was left out. */
import { z } from 'zod';
import { count, id, time } from './primitive.ts';

const scope = {
  /** Whom it is about; null is everybody. */
  segment_id: id.nullable(),
  /** Which mails it counts and keeps back: those about a list, of a brand; null is all. */
  list_id: id.nullable(),
  brand_id: id.nullable(),
};

/** At most `most` mails to a person in any `days` days. Only bulk mail: letters, receipts and answers are never capped. */
export const capDraft = z.strictObject({
  most: z.int().min(1).max(100),
  days: z.int().min(1).max(90),
  /** A mail that comes too early waits so many days at most; 0: it is left out at once. */
  wait_days: z.int().min(0).max(14),
  segment_id: id.nullable().default(null),
  list_id: id.nullable().default(null),
  brand_id: id.nullable().default(null),
});
export const cap = z.object({
  id,
  most: count,
  days: count,
  wait_days: count,
  ...scope,
  updated_at: time,
});

const bars = z.array(z.object({ mails: count, people: count }));

export const pressure = z.object({
  at: time,
  caps: z.array(cap),
  /** Contacts. */
  people: count,
  /** How many of them got so many bulk mails in 7 and in 30 days; the last bar is "that many or more". */
  week: bars,
  month: bars,
  /** Who got nothing for that many days. */
  unheard: z.object({ days: count, people: count }),
  most: z.array(z.object({ contact_id: id, email: z.string(), week: count, month: count })),
  /** People who asked for less themselves. */
  wishes: z.object({ weekly: count, monthly: count }),
  /** Deliveries that wait for their person's room. */
  waiting: count,
  /** What was left out in the last 30 days, by campaign and reason, the most first. */
  left_out: z.array(
    z.object({ reason: z.string(), campaign_id: id.nullable(), campaign: z.string().nullable(), count }),
  ),
});

export const contactPressure = z.object({
  at: time,
  week: count,
  month: count,
  /** When the last one arrived, of those of the last 90 days. */
  last_at: time.nullable(),
  wish: z.enum(['all', 'weekly', 'monthly']),
  /** The caps that are about this person, their own wish first; `room_at` is null when there is room now. */
  caps: z.array(
    z.object({
      id: id.nullable(),
      most: count,
      days: count,
      got: count,
      list_id: id.nullable(),
      brand_id: id.nullable(),
      room_at: time.nullable(),
    }),
  ),
});

export const campaignPressure = z.object({
  /** Wait for room, and when the first of them comes. */
  put_off: count,
  next_at: time.nullable(),
  /** Ended without being sent. */
  left_out: z.array(z.object({ reason: z.string(), count })),
});
