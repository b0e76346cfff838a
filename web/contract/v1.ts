/** What programs hand in to `/v1`, and what they are answered. Names are the API's own: they never change once given. */
import { z } from 'zod';

const address = z.string().min(3).max(400).describe('"ana@example.org" or "Ana <ana@example.org>"');
const addresses = z
  .union([address, z.array(address).max(1000)])
  .transform((value) => (Array.isArray(value) ? value : [value]));

const attachment = z.strictObject({
  name: z.string().min(1).max(255),
  type: z.string().min(3).max(255).default('application/octet-stream'),
  content: z.base64().describe('the file, base64'),
  cid: z
    .string()
    .regex(/^[A-Za-z0-9._@+-]{1,100}$/)
    .optional()
    .describe('shown inside the HTML as cid:…'),
});

export const newMessage = z
  .strictObject({
    from: address.optional(),
    to: addresses.default([]),
    cc: addresses.default([]),
    bcc: addresses.default([]),
    reply_to: address.optional(),
    subject: z.string().max(990).optional(),
    html: z.string().max(2_000_000).optional(),
    text: z.string().max(2_000_000).optional(),
    template: z
      .strictObject({
        campaign: z.int().positive().describe('the campaign whose subject, HTML and text are filled'),
        data: z.record(z.string(), z.unknown()).default({}).describe('values, read as {{ data.name }}'),
      })
      .optional(),
    raw: z
      .base64()
      .optional()
      .describe('a whole message (RFC 5322), base64; to, cc and bcc are its envelope'),
    attachments: z.array(attachment).max(50).default([]),
    headers: z.record(z.string(), z.string().max(900)).default({}),
    tags: z
      .array(z.string().regex(/^[\w.:-]{1,64}$/))
      .max(20)
      .default([]),
    metadata: z.record(z.string().max(64), z.string().max(500)).default({}),
    require_tls: z
      .boolean()
      .default(false)
      .describe('only to hosts with proved TLS that promise the same (RFC 8689); refused otherwise'),
    send_at: z.int().min(0).optional().describe('milliseconds since 1970; now when absent'),
  })
  .describe('one of html/text, template or raw');

export const newMessages = z.strictObject({ messages: z.array(newMessage).min(1).max(1000) });

export const accepted = z.object({
  id: z.string(),
  message_id: z.string(),
  status: z.enum(['queued', 'held']),
  recipients: z.array(
    z.object({ address: z.string(), status: z.enum(['queued', 'held', 'refused']), reason: z.string() }),
  ),
});
export const acceptedMany = z.object({ messages: z.array(accepted) });

export const messageLine = z.object({
  id: z.string(),
  message_id: z.string(),
  from: z.string(),
  subject: z.string(),
  tags: z.array(z.string()),
  metadata: z.record(z.string(), z.string()),
  created_at: z.number(),
  send_at: z.number(),
  cancelled_at: z.number().nullable(),
});

export const messageStatus = messageLine.extend({
  recipients: z.array(
    z.object({
      address: z.string(),
      status: z
        .string()
        .describe(
          'queued, active, deferred, held, delivered, bounced, expired, cancelled, suppressed or refused',
        ),
      attempts: z.number(),
      code: z.number().nullable(),
      reply: z.string(),
      bounced_after_at: z.number().nullable(),
    }),
  ),
  events: z.array(z.object({ id: z.number(), type: z.string(), at: z.number(), recipient: z.string() })),
});

export const messagePage = z.object({ messages: z.array(messageLine), next: z.string().nullable() });

export const messageQuery = z.strictObject({
  tag: z.string().max(64).optional(),
  before: z
    .string()
    .regex(/^\d{1,15}$/)
    .optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export type NewMessage = z.output<typeof newMessage>;
