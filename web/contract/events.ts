/** What programs tell of people, as the interface sees it: which events there are, and what their properties hold. */
import { z } from 'zod';
import { count, time } from './primitive.ts';

const type = z.object({
  kind: z.string(),
  /** Rows that are kept. */
  count,
  first_at: time,
  last_at: time,
  /** Null: the setting `events.keep_days`; 0: for ever. */
  keep_days: count.nullable(),
  /** Its rows are being deleted. */
  deleting: z.boolean(),
});
export const eventTypes = z.object({
  rows: z.array(type.extend({ properties: count })),
  /** Days that events are kept where their kind says nothing; 0: for ever. */
  keep_days: count,
  stranger_days: count,
});

const property = z.object({
  property: z.string(),
  /** Events in which it has a value, and their share of all. */
  filled: count,
  share: z.number(),
  /** How many values of each type, most first. */
  types: z.array(
    z.object({
      type: z.enum(['text', 'number', 'boolean', 'date', 'list', 'object', 'empty']),
      count,
    }),
  ),
  /** Most seen first; null when they are many. */
  samples: z.array(z.object({ value: z.string(), count })).nullable(),
  last_at: time,
});
export const eventType = type.extend({ properties: z.array(property), default_keep_days: count });

export const kindParam = z.strictObject({ kind: z.string().min(1).max(64) });
export const keeping = z.strictObject({
  keep_days: z.int().min(0).max(36_500).nullable(),
});
export const deleted = z.object({ deleted: count });
