/** Opens and clicks of a campaign: of those who may be counted, machines apart. */
import { z } from 'zod';
import { count } from './primitive.ts';

const happened = z.object({
  /** Messages on which it happened. */
  people: count,
  /** How often in all. */
  hits: count,
});

export const campaignTracking = z.object({
  delivered: count,
  /** Delivered to people who agreed to be counted: every other number is of these. */
  full: count,
  /** Delivered to people of whom only the day of the last opening is kept. */
  hygiene: count,
  opened: happened,
  clicked: happened,
  machines: z.object({
    opened: happened,
    clicked: happened,
    reasons: z.array(z.object({ reason: z.string(), hits: count })),
  }),
  links: z.array(
    z.object({
      number: count,
      /** As written in the template, merge fields and all. */
      url: z.string(),
      product: z.string().optional(),
      brand: z.string().optional(),
      category: z.string().optional(),
      clicked: happened,
      machines: count,
    }),
  ),
});
