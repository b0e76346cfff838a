/** Personas: segments in an order, of which everybody is in the first that they meet, and everyone else in the last. */
import { z } from 'zod';
import { count, id, neededLine, time } from './primitive.ts';

export const persona = z.object({
  id,
  name: z.string(),
  /** Null: everyone else. */
  segment_id: id.nullable(),
  /** People now; null while it is worked out. */
  count: count.nullable(),
});
export const personaSet = z.object({
  id,
  name: z.string(),
  created_at: time,
  updated_at: time,
  personas: z.array(persona),
  /** Everybody, who are in one of them each. */
  total: count,
});
export const personaSets = z.object({ rows: z.array(personaSet) });
export const personaSetDraft = z.strictObject({
  name: neededLine(100),
  /** In their order; one that is there is named by its id and keeps what is known of it. */
  personas: z
    .array(z.strictObject({ id: id.optional(), name: neededLine(100), segment_id: id }))
    .min(1)
    .max(30),
  /** What everyone else is called. */
  rest: neededLine(100),
});
export const contactPersona = z.object({ id, name: z.string(), set: z.string() });
