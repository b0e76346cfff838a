/** Programs that hand in mail, and the webhooks that tell them what became of it, as the interface sees them. */
import { z } from 'zod';
import { count, id, neededLine, time } from './primitive.ts';

const limits = z.strictObject({
  daily_cap: z.int().min(0).max(100_000_000),
  new_recipients_per_hour: z.int().min(0).max(1_000_000),
  bounce_percent: z.number().min(0).max(100),
});

/** What an API key may do. */
const scope = z.enum(['mail', 'events']);

export const credential = z.object({
  id,
  name: z.string(),
  kind: z.enum(['smtp', 'api']),
  username: z.string(),
  senders: z.array(z.string()),
  scopes: z.array(scope),
  ...limits.shape,
  state: z.enum(['active', 'held', 'revoked']),
  reason: z.string(),
  created_at: time,
  last_used_at: time.nullable(),
  recipients_today: count,
  new_this_hour: count,
  held: count,
});
/** `smtp` is what programs are set up with; a port of 0 is off. */
export const programs = z.object({
  rows: z.array(credential),
  smtp: z.object({ host: z.string(), port: count, tls_port: count }),
  api: z.string(),
});
export const newCredential = z.strictObject({
  name: neededLine(100),
  kind: z.enum(['smtp', 'api']),
  senders: z.array(neededLine(320)).max(50).default([]),
  scopes: z.array(scope).min(1).default(['mail']),
  ...limits.partial().shape,
});
/** The secret is in this answer and nowhere else. */
export const issued = z.object({ username: z.string(), secret: z.string() });
export const credentialLimits = limits;
export const holdReason = z.strictObject({ reason: neededLine(200) });
export const revoking = z.strictObject({ cancel: z.boolean() });

export const webhook = z.object({
  id,
  name: z.string(),
  url: z.string(),
  kinds: z.array(z.string()),
  state: z.enum(['active', 'disabled']),
  reason: z.string(),
  failures: count,
  next_at: time,
  created_at: time,
});
export const webhooks = z.object({ rows: z.array(webhook), kinds: z.array(z.string()) });
export const newWebhook = z.strictObject({
  name: neededLine(100),
  url: z.string().max(2000),
  kinds: z.array(z.string().max(40)).max(50).default([]),
});
export const webhookMade = z.object({ id, secret: z.string() });
export const attempt = z.object({
  id,
  delivery: z.string(),
  events: count,
  at: time,
  ok: z.boolean(),
  status: z.int().nullable(),
  ms: count,
  answer: z.string(),
});
export const attempts = z.object({ rows: z.array(attempt) });
export const posted = z.object({
  ok: z.boolean(),
  status: z.int().nullable(),
  ms: count,
  answer: z.string(),
});
export const replay = z.strictObject({ hours: z.int().min(1).max(720) });
