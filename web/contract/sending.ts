/** The machinery: domains and their records, sources, the queue, one delivery's story, brands, mailboxes, settings. */
import { z } from 'zod';
import {
  anyJson,
  count,
  cursor,
  emailLine,
  id,
  language,
  limit,
  line,
  neededLine,
  pageOf,
  time,
} from './primitive.ts';

// ── domains ───────────────────────────────────────────────────────────────────────────────────────────────────────

export const dnsRecord = z.object({
  /** What it is for: `dkim`, `spf`, `dmarc`, `bounce-mx` … */
  purpose: z.string(),
  type: z.string(),
  name: z.string(),
  value: z.string(),
  /** `differs`: something else is there; `unknown`: the DNS did not answer; `unchecked`: not looked up yet. */
  status: z.enum(['ok', 'missing', 'differs', 'unknown', 'unchecked']),
  /** What the DNS says now. */
  found: z.array(z.string()),
  /** What is wrong, in one sentence. */
  fault: z.string(),
});
/** Never the secret. */
export const dkimKey = z.object({
  id,
  selector: z.string(),
  algorithm: z.string(),
  /** Where its record stands, and what it says. */
  record_name: z.string(),
  record: z.string(),
  /** `pending`: waits for its record; `active`: signs; `retiring`: its record must stay; `retired`: it may go. */
  state: z.enum(['pending', 'active', 'retiring', 'retired']),
  created_at: time,
  activated_at: time.nullable(),
  /** Pending: when the DNS was asked last, and since when it has had the record. */
  looked_at: time.nullable(),
  seen_at: time.nullable(),
  /** Pending and seen: from when on it may sign. Retiring: until when its record must stay at least. */
  until: time.nullable(),
});
export const domain = z.object({
  id,
  name: z.string(),
  brand_id: id,
  bounce_host: z.string(),
  reply_host: z.string(),
  created_at: time,
  checked_at: time.nullable(),
  /** Whether all needed records are right, at `checked_at`. */
  ready: z.boolean(),
  records: z.array(dnsRecord),
  keys: z.array(dkimKey),
});
export const domains = z.object({ rows: z.array(domain) });
export const newDomain = z.strictObject({ name: neededLine(253), brand_id: id.optional() });

// ── sources ───────────────────────────────────────────────────────────────────────────────────────────────────────

export const source = z.object({
  id,
  name: z.string(),
  ip: z.string(),
  ehlo: z.string(),
  pool: z.string(),
  weight: count,
  paused: z.boolean(),
  note: z.string(),
  created_at: time,
});
export const sources = z.object({ rows: z.array(source) });
export const newSource = z.strictObject({
  name: neededLine(63),
  ip: neededLine(45),
  ehlo: neededLine(253),
  pool: neededLine(63).default('marketing'),
  weight: z.int().min(0).max(1000).default(1),
  note: line(500).default(''),
});
export const sourceChange = z.strictObject({
  ehlo: neededLine(253).optional(),
  pool: neededLine(63).optional(),
  weight: z.int().min(0).max(1000).optional(),
  paused: z.boolean().optional(),
  note: line(500).optional(),
});

// ── queue ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Why mail for a destination waits. */
export const waitReason = z.enum([
  'moving', // nothing holds it: it is being sent
  'not-due', // its time has not come
  'frequency', // its person had as much as they may get for now
  'deferred', // the receiver said later; `last_reply` are its words
  'throttled', // we go slower there, by a rule
  'warm-up', // today's room of our new addresses is used there
  'held', // a person holds it
  'paused', // its campaign or its source is paused
]);
export const destination = z.object({
  domain_id: id,
  name: z.string(),
  site: z.string().nullable(),
  provider: z.string().nullable(),
  waiting: count,
  active: count,
  deferred: count,
  held: z.boolean(),
  oldest_at: time.nullable(),
  next_at: time.nullable(),
  reason: waitReason,
  /** Until when, where that is known. */
  until: time.nullable(),
  last_reply: z.string().nullable(),
  last_code: z.number().nullable(),
  last_mx: z.string().nullable(),
  /** Of a warm-up: what might be sent there today, all of it used. */
  allowance: count.nullable(),
  /** Messages a minute now, and when it is done at that pace. */
  per_minute: z.number(),
  eta_at: time.nullable(),
});
export const queue = z.object({
  totals: z.object({ queued: count, active: count, deferred: count, held: count }),
  rows: z.array(destination),
  throttles: z.array(
    z.object({
      id,
      source_name: z.string(),
      site: z.string(),
      kind: z.string(),
      rule: z.string(),
      reply: z.string(),
      since: time,
      until: time.nullable(),
    }),
  ),
  /** The server's time when this was true. */
  at: time,
});
export const queueQuestion = z.strictObject({
  search: z.string().max(253).optional(),
  limit: limit(500, 100),
});
export const waitingDelivery = z.object({
  id,
  address: z.string(),
  lane: z.string(),
  state: z.string(),
  attempt: count,
  due_at: time,
  queued_at: time,
  last_reply: z.string().nullable(),
  origin_kind: z.string(),
  origin_id: id,
});
export const destinationQuestion = z.strictObject({ cursor, limit: limit(500, 100) });
export const destinationPage = pageOf(waitingDelivery);
export const hold = z.strictObject({ held: z.boolean() });
export const moved = z.object({ moved: count });

/** One message's whole life, for `/m/ID`. */
export const deliveryStory = z.object({
  id,
  address: z.string(),
  lane: z.string(),
  state: z.string(),
  origin_kind: z.string(),
  origin_id: id,
  origin_name: z.string().nullable(),
  contact_id: id.nullable(),
  conversation_id: id.nullable(),
  domain: z.string(),
  site: z.string().nullable(),
  provider: z.string().nullable(),
  message_id: z.string().nullable(),
  queued_at: time,
  due_at: time,
  attempt: count,
  class: z.string().nullable(),
  reason: z.string().nullable(),
  last_code: z.number().nullable(),
  last_reply: z.string().nullable(),
  last_mx: z.string().nullable(),
  finished_at: time.nullable(),
  bounced_after_at: time.nullable(),
  /** The smarthost that it was handed to: what the recipient's provider said of it is not known. */
  via: z.string().nullable(),
  /** Why it waits, when it does. */
  waiting: z.object({ reason: waitReason, until: time.nullable() }).nullable(),
  attempts: z.array(
    z.object({
      number: count,
      at: time,
      source_name: z.string().nullable(),
      mx: z.string(),
      ip: z.string(),
      tls: z.string(),
      outcome: z.string(),
      code: z.number().nullable(),
      enhanced: z.string().nullable(),
      reply: z.string(),
      class: z.string().nullable(),
      ms: count,
      /** What was said, one line each, where it is kept: of attempts that did not deliver. */
      transcript: z.string().nullable(),
    }),
  ),
  events: z.array(z.object({ id, kind: z.string(), at: time, data: anyJson })),
});

// ── brands, mailboxes, settings ───────────────────────────────────────────────────────────────────────────────────

export const brand = z.object({
  id,
  name: z.string(),
  language,
  postal_address: z.string(),
  created_at: time,
});
export const brands = z.object({ rows: z.array(brand) });
export const newBrand = z.strictObject({
  name: neededLine(100),
  language: language.default('en'),
  postal_address: z.string().max(500).default(''),
});
export const brandChange = z.strictObject({
  name: neededLine(100).optional(),
  language: language.optional(),
  postal_address: z.string().max(500).optional(),
});

export const mailbox = z.object({
  id,
  brand_id: id,
  name: z.string(),
  address: z.string(),
  signature: z.string(),
  created_at: time,
});
export const mailboxes = z.object({ rows: z.array(mailbox) });
export const newMailbox = z.strictObject({
  brand_id: id.optional(),
  name: neededLine(100),
  address: emailLine,
  signature: z.string().max(5000).default(''),
});
export const mailboxChange = z.strictObject({
  name: neededLine(100).optional(),
  signature: z.string().max(5000).optional(),
});

/** What the organisation decided; the machine's own settings are in the configuration. */
export const settings = z.object({
  organisation: z.string(),
  timezone: z.string(),
  language,
});
export const settingsChange = z.strictObject({
  organisation: line(100).optional(),
  timezone: neededLine(64).optional(),
  language: language.optional(),
});

/** The cards of a first run: each ticks itself as reality changes. */
export const setup = z.object({
  steps: z.array(
    z.object({
      id: z.enum(['domain', 'records', 'mailbox', 'contacts', 'campaign']),
      done: z.boolean(),
      count: count,
    }),
  ),
});
