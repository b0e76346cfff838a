/** How good the data about people is, and segments that it suggests. */
import { z } from 'zod';
import { definition } from './audience.ts';
import { count, time } from './primitive.ts';

export const audienceHealth = z.object({
  /** When the sample was looked at, and how long that took. */
  at: time,
  ms: count,
  total: count,
  /** How many were looked at; as many as there are when there are few. */
  sampled: count,
  fields: z.array(
    z.object({
      name: z.string(),
      label: z.string(),
      kind: z.string(),
      filled: count,
      top: z.array(z.object({ value: z.string(), count })),
      histogram: z.array(z.object({ from: z.number(), to: z.number(), count })),
    }),
  ),
  /** Of those who were looked at: addresses of functions such as info@. */
  roles: count,
  /** And at domains of addresses made to be thrown away. */
  disposable: count,
  /** Of everybody; `exact` false: about, while it is worked out. */
  shares: z.array(
    z.object({ what: z.enum(['unreachable', 'bounced', 'inactive']), count, exact: z.boolean() }),
  ),
  /** What everybody is asked for, beside and now and then; null until it was done once. */
  whole: z
    .object({
      at: time,
      ms: count,
      /** Contacts who share first and last name with another. */
      sharing: z.object({ people: count, names: count }),
      /** Arrivals by month, UTC. */
      growth: z.array(z.object({ month: z.string(), added: count })),
    })
    .nullable(),
  suggestions: z.array(
    z.object({
      what: z.enum(['silent', 'fresh', 'replied', 'birthday', 'missing', 'loyal', 'lapsed', 'bounced']),
      /** The field it speaks of, if it does. */
      field: z.string().nullable(),
      definition,
      count,
      exact: z.boolean(),
    }),
  ),
});
