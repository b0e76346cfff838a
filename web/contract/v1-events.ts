/**
 * What programs tell of people, as Segment's libraries write it. `core/audience/event-call.ts` judges each entry for
 * itself; this is its description. Names are the API's own: they never change once given.
 */
import { z } from 'zod';

const properties = z.record(z.string(), z.unknown());
const instant = z.union([z.string(), z.number()]).describe('ISO 8601, or milliseconds since 1970');

const common = z.object({
  userId: z.string().max(256).optional().describe("the person's id in your system"),
  anonymousId: z.string().max(256).optional().describe('a visitor who has not said who they are'),
  messageId: z
    .string()
    .max(256)
    .optional()
    .describe('a call with an id that was taken before changes nothing'),
  timestamp: instant.optional().describe('when it was so; now when absent'),
  sentAt: instant.optional().describe('when it was sent, by your clock: the difference to ours is taken off'),
  context: z
    .object({ traits: z.object({ email: z.string().optional() }).loose().optional() })
    .loose()
    .optional()
    .describe('only traits.email is read, to find the person'),
});

export const identifyCall = common.extend({
  traits: properties
    .optional()
    .describe('email, firstName, lastName, language, timezone, and your own fields'),
});
export const trackCall = common.extend({
  event: z.string().min(1).max(64).describe('what happened, such as order_placed'),
  properties: properties.optional(),
});
export const batchCall = z.object({
  batch: z
    .array(
      z.union([
        identifyCall.extend({ type: z.literal('identify') }),
        trackCall.extend({ type: z.literal('track') }),
        common.extend({
          type: z.enum(['page', 'screen']),
          name: z.string().optional(),
          properties: properties.optional(),
        }),
        common.extend({ type: z.literal('alias'), previousId: z.string().max(256) }),
      ]),
    )
    .min(1)
    .max(100),
  sentAt: instant.optional(),
});

const ignored = z.object({ trait: z.string(), reason: z.string() });

export const taken = z.object({
  success: z.literal(true),
  duplicate: z.boolean().describe('it was taken before'),
  contact: z.number().nullable().describe('the contact it is about; null while nobody knows'),
  ignored: z.array(ignored).describe('traits that could not be kept, and why'),
});
export const takenMany = z.object({
  success: z.literal(true),
  taken: z.number(),
  duplicates: z.number(),
  refused: z.array(
    z.object({
      index: z.number(),
      messageId: z.string().nullable(),
      field: z.string(),
      message: z.string(),
    }),
  ),
  ignored: z.array(ignored.extend({ index: z.number() })),
});
