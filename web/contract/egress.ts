/** The ways out: pools with their sources, what the world thinks of each address, and smarthosts without their passwords. */
import { z } from 'zod';
import { count, id, line, neededLine, time } from './primitive.ts';

const stream = z.enum(['marketing', 'transactional']);
const mode = z.enum(['off', 'share', 'failover', 'always']);
const tls = z.enum(['implicit', 'starttls', 'none']);

export const tick = z.object({
  what: z.enum(['local', 'ptr', 'forward']),
  status: z.enum(['ok', 'wrong', 'missing', 'unknown', 'private']),
  found: z.array(z.string()),
});
/** Set aside by the server itself, now; it is tried again at `until`. */
export const aside = z.object({ since: time, until: time, reason: z.string(), host: z.string() });

export const egressSource = z.object({
  id,
  name: z.string(),
  ip: z.string(),
  ehlo: z.string(),
  paused: z.boolean(),
  note: z.string(),
  pools: z.array(z.object({ pool: z.string(), weight: count })),
  aside: aside.nullable(),
  /** An order of the queue that keeps mail off it. */
  order: z.object({ id, kind: z.enum(['hold', 'drain']), reason: z.string() }).nullable(),
  checked_at: time.nullable(),
  ticks: z.array(tick),
});
export const pool = z.object({
  id,
  name: z.string(),
  stream,
  brand_id: id.nullable(),
  smarthost_id: id.nullable(),
  smarthost_mode: mode,
  smarthost_share: count,
  note: z.string(),
});
export const smarthost = z.object({
  id,
  name: z.string(),
  host: z.string(),
  port: count,
  tls,
  verify: z.boolean(),
  username: z.string(),
  has_password: z.boolean(),
  max_connections: count,
  messages_per_connection: count,
  messages_per_minute: count,
  paused: z.boolean(),
  note: z.string(),
  aside: aside.nullable(),
  test: z
    .discriminatedUnion('state', [
      z.object({ state: z.literal('asked'), at: time }),
      z.object({ state: z.literal('ok'), at: time, tls: z.string(), ms: count, greeting: z.string() }),
      z.object({ state: z.literal('failed'), at: time, step: z.string(), words: z.string(), ms: count }),
    ])
    .nullable(),
});
export const egress = z.object({
  pools: z.array(pool),
  sources: z.array(egressSource),
  smarthosts: z.array(smarthost),
});

export const newPool = z.strictObject({
  name: neededLine(63),
  stream: stream.default('marketing'),
  brand_id: id.nullable().default(null),
  note: line(500).default(''),
});
export const poolChange = z.strictObject({
  stream: stream.optional(),
  brand_id: id.nullable().optional(),
  smarthost_id: id.nullable().optional(),
  smarthost_mode: mode.optional(),
  smarthost_share: z.int().min(0).max(99).optional(),
  note: line(500).optional(),
});
export const sourcePools = z.strictObject({
  pools: z.array(z.strictObject({ pool: neededLine(63), weight: z.int().min(0).max(1000) })).max(50),
});

const smarthostFields = {
  host: neededLine(253),
  port: z.int().min(1).max(65_535),
  tls,
  verify: z.boolean(),
  username: line(320),
  /** It goes in and never comes out. */
  password: z.string().max(1000).optional(),
  max_connections: z.int().min(1).max(100),
  messages_per_connection: z.int().min(1).max(10_000),
  messages_per_minute: z.int().min(1).max(100_000),
  note: line(500),
};
export const newSmarthost = z.strictObject({
  ...smarthostFields,
  name: neededLine(63),
  port: smarthostFields.port.default(587),
  tls: tls.default('starttls'),
  verify: z.boolean().default(true),
  username: smarthostFields.username.default(''),
  max_connections: smarthostFields.max_connections.default(2),
  messages_per_connection: smarthostFields.messages_per_connection.default(50),
  messages_per_minute: smarthostFields.messages_per_minute.default(60),
  note: line(500).default(''),
});
export const smarthostChange = z.strictObject({ ...smarthostFields, paused: z.boolean() }).partial();
