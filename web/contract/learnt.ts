/** What staff said replies mean, and what Parley learnt from it: shapes of the API. */
import { z } from 'zod';
import { intents } from '../../config/intent-phrases.ts';
import { count, cursor, id, limit, pageOf, time } from './primitive.ts';

export const intentChoice = z.strictObject({ intent: z.enum(intents) });

const tipping = z.object({
  word: z.string(),
  /** In so many replies that staff gave this intent. */
  seen: count,
});

export const learntQuestion = z.strictObject({ cursor, limit: limit(200, 50) });

export const correction = z.object({
  id,
  message_id: id,
  conversation_id: id,
  from_name: z.string(),
  from_address: z.string(),
  subject: z.string(),
  /** The beginning of what they wrote themselves. */
  excerpt: z.string(),
  was: z.string(),
  intent: z.string(),
  made_by_name: z.string().nullable(),
  made_at: time,
  /** Its words that speak for this intent most. */
  words: z.array(tipping),
});

export const learnt = pageOf(correction).extend({
  total: count,
  /** By intent, what speaks for it by now. */
  taught: z.array(z.object({ intent: z.string(), replies: count, words: z.array(tipping) })),
});
