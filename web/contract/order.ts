/** Orders over the queue, and what waits seen from the sources. */
import { z } from 'zod';
import { count, id, line, time } from './primitive.ts';

export const kind = z.enum(['hold', 'cancel', 'purge', 'reroute', 'retry', 'drain']);
export const by = z.enum(['campaign', 'destination', 'site', 'provider', 'source', 'pool', 'credential']);

export const order = z.object({
  id,
  kind,
  by_kind: by,
  target_id: id.nullable(),
  target: z.string(),
  to_pool: z.string().nullable(),
  reason: z.string(),
  /** Null: at the command line. */
  made_by_name: z.string().nullable(),
  made_at: time,
  /** How many deliveries it found, and how many it has changed. */
  expected: count,
  moved: count,
  /** A hold has all that it means; a drained source is quiet. */
  settled_at: time.nullable(),
  released_at: time.nullable(),
  done_at: time.nullable(),
});

export const source = z.object({
  source_id: id,
  name: z.string(),
  pools: z.array(z.string()),
  /** Tried from here, and waiting for the next attempt. */
  waiting: count,
  oldest_at: time.nullable(),
  next_at: time.nullable(),
  last_reply: z.string().nullable(),
  reason: z.enum(['paused', 'held', 'drained', 'draining', 'throttled', 'deferred', 'moving', 'idle']),
  until: time.nullable(),
  /** Messages a minute. */
  per_minute: z.number(),
  eta_at: time.nullable(),
  /** The order that holds or drains it. */
  order_id: id.nullable(),
});

export const orders = z.object({
  /** In force first, then the last that were done. */
  rows: z.array(order),
  sources: z.array(source),
  /** Pools that mail may be re-routed to. */
  pools: z.array(z.string()),
  at: time,
});

/** What it is about: a campaign by its number, anything else by its name. A credential is held as itself. */
const target = { by: by.exclude(['credential']), name: line(253).default('') };
export const newOrder = z.strictObject({
  kind,
  ...target,
  /** Of a re-route. */
  to_pool: line(63).optional(),
  reason: line(200).default(''),
});
export const question = z.strictObject({ kind, ...target });
export const meant = z.object({ deliveries: count });
export const act = z.strictObject({ act: z.enum(['hold', 'release', 'cancel', 'retry']) });
