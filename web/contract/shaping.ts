/** How fast we may go at each provider, what replies made of it, and a team's own numbers and rules. */
import { z } from 'zod';
import { count, id, line, neededLine, time } from './primitive.ts';

export const tls = z.enum(['opportunistic', 'required']);
const rate = z.object({ messages: count, per_ms: count });
const limits = z.object({
  connections: count,
  messages_per_connection: count,
  rate,
  tls,
});

export const action = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('slow'),
    messages: z.int().min(1).max(1_000_000),
    perMs: z.int().min(1000).max(86_400_000),
    connections: z.int().min(1).max(1000).optional(),
  }),
  z.strictObject({ kind: z.literal('one-connection') }),
  z.strictObject({ kind: z.literal('messages-per-connection'), messages: z.int().min(1).max(10_000) }),
  z.strictObject({ kind: z.literal('suspend') }),
  z.strictObject({ kind: z.literal('block'), cause: z.enum(['listing', 'policy', 'authentication']) }),
  z.strictObject({ kind: z.literal('suspend-campaign') }),
]);

/** A place's own numbers as they were set. */
export const override = z.object({
  place: z.string(),
  source_id: id.nullable(),
  source_name: z.string().nullable(),
  connections: count.nullable(),
  messages_per_connection: count.nullable(),
  rate_messages: count.nullable(),
  rate_per_ms: count.nullable(),
  tls: tls.nullable(),
  note: z.string(),
  set_by: z.string().nullable(),
  at: time,
});

export const replyRule = z.object({
  id: z.string(),
  words: z.string(),
  action,
  times: count,
  within_ms: count,
  for_ms: count,
  samples: z.array(z.string()),
});

export const provider = z.object({
  id: z.string(),
  label: z.string(),
  mx: z.array(z.string()),
  scope: z.enum(['provider', 'site']),
  /** In force for all sources. */
  limits,
  /** As in the table. */
  table: limits,
  /** Which of them are a team's own. */
  edited: z.array(z.string()),
  source: z.string(),
  as_of: z.string(),
  postmaster: z.string(),
  release: z.string(),
  rules: z.array(replyRule),
});

export const finding = z.object({ what: z.string(), ok: z.boolean(), words: z.string() });
export const recheck = z.object({ green: z.boolean(), findings: z.array(finding) });

export const inForce = z.object({
  id,
  source_name: z.string(),
  site: z.string(),
  provider: z.string(),
  provider_label: z.string(),
  kind: z.string(),
  rule: z.string(),
  reply: z.string(),
  since: time,
  until: time.nullable(),
  cause: z.enum(['listing', 'policy', 'authentication']).nullable(),
  facts: z
    .object({
      ip: z.string(),
      ehlo: z.string(),
      ptr: z.string(),
      domain: z.string(),
      mx: z.string(),
      at: time,
      reply: z.string(),
    })
    .nullable(),
  /** Where the provider takes requests for release; empty: not known. */
  release: z.string(),
  probed_at: time.nullable(),
  next_probe_at: time.nullable(),
  checked_at: time.nullable(),
  check: recheck.nullable(),
});

export const teamRule = replyRule.extend({
  number: id,
  place: z.string(),
  note: z.string(),
  set_by: z.string().nullable(),
  at: time,
});

export const shaping = z.object({
  providers: z.array(provider),
  overrides: z.array(override),
  rules: z.array(teamRule),
  in_force: z.array(inForce),
  sources: z.array(z.object({ id, name: z.string() })),
  at: time,
});

const place = neededLine(253);
export const where = z.strictObject({ place, source_id: id.nullable().default(null) });
export const newLimits = where.extend({
  connections: z.int().min(1).max(1000).nullable().default(null),
  messages_per_connection: z.int().min(1).max(10_000).nullable().default(null),
  rate_messages: z.int().min(1).max(1_000_000).nullable().default(null),
  rate_per_ms: z.int().min(1000).max(86_400_000).nullable().default(null),
  tls: tls.nullable().default(null),
  note: line(200).default(''),
});
export const newRule = z.strictObject({
  /** A provider's id or a mail host; empty: everywhere. */
  place: line(253).default(''),
  words: neededLine(200),
  action,
  times: z.int().min(1).max(1000).default(1),
  within_ms: z.int().min(60_000).max(86_400_000).default(3_600_000),
  for_ms: z
    .int()
    .min(60_000)
    .max(7 * 86_400_000)
    .default(3_600_000),
  sample: neededLine(500),
  note: line(200).default(''),
});
export const looked = z.object({ ended: z.boolean(), check: recheck });
