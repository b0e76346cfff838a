/** Warm-ups, and how long a campaign takes: foretold and as it was. */
import { z } from 'zod';
import { count, id, time } from './primitive.ts';

const verdict = z.enum(['clean', 'dirty', 'idle']);
const counts = { sent: count, deferred: count, blocked: count, complaints: count };

export const warmupLine = z.object({
  provider: z.string(),
  label: z.string(),
  /** `running`: steps by itself; `paused`: stays at its step; `warm`: no daily limit. */
  state: z.enum(['running', 'paused', 'warm']),
  plan: z.array(count),
  step: count,
  started_at: time,
  today: z.object({
    day: time,
    ...counts,
    /** Null: no limit. */
    cap: count.nullable(),
    /** Claimed of it, with what is on its way. */
    used: count,
    left: count.nullable(),
    verdict,
  }),
  past: z.array(z.object({ day: time, step: count, cap: count.nullable(), ...counts, verdict })),
  /** If each day is clean. */
  ahead: z.array(z.object({ day: time, step: count, cap: count.nullable() })),
});
export const warmups = z.object({
  timezone: z.string(),
  next_day_at: time,
  sources: z.array(
    z.object({
      source_id: id,
      name: z.string(),
      ip: z.string(),
      pool: z.string(),
      providers: z.array(warmupLine),
    }),
  ),
});
export const warmupChange = z.strictObject({
  /** None: at every provider. */
  provider: z.string().max(63).optional(),
  state: z.enum(['running', 'paused', 'warm']).optional(),
  plan: z.array(z.int().min(1).max(100_000_000)).max(60).optional(),
  step: z.int().min(0).max(59).optional(),
});

export const forecast = z.object({
  made_at: time,
  start_at: time,
  /** Null: never, as things stand. */
  finish_at: time.nullable(),
  recipients: count,
  /** The provider that is last. */
  long_pole: z.string().nullable(),
  groups: z.array(
    z.object({
      provider: z.string(),
      label: z.string(),
      recipients: count,
      sent_at: time.nullable(),
      finish_at: time.nullable(),
      held_by: z.enum(['pace', 'warm-up', 'no-source']),
      per_second: z.number(),
    }),
  ),
  curve: z.array(z.object({ at: time, sent: count })),
});
export const forecastQuestion = z.strictObject({
  /** When it would start; now when absent. */
  at: z
    .string()
    .regex(/^\d{1,15}$/, 'is not a time')
    .transform(Number)
    .optional(),
});
export const sideBySide = z.object({
  /** As it was kept when the campaign started. */
  forecast: forecast.nullable(),
  truth: z.array(
    z.object({
      provider: z.string(),
      recipients: count,
      ended: count,
      waiting: count,
      deferred: count,
      last_at: time.nullable(),
    }),
  ),
  curve: z.array(z.object({ at: time, sent: count })),
  finished_at: time.nullable(),
});
