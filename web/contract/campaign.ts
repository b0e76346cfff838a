/** Campaigns: the draft, its checks, the send, the watch, the result. */
import { z } from 'zod';
import {
  count,
  cursor,
  emailLine,
  id,
  limit,
  line,
  neededLine,
  optionalId,
  pageOf,
  time,
} from './primitive.ts';

export const campaignState = z.enum([
  'draft',
  'scheduled',
  'blocked',
  'queueing',
  'sending',
  'paused',
  'sent',
  'cancelled',
]);

export const audience = z.object({
  lists: z.array(id).default([]),
  segments: z.array(id).default([]),
  excludeSegments: z.array(id).default([]),
  /** People whose conversation is open do not get it. */
  excludeOpenConversations: z.boolean().default(false),
});

export const check = z.object({
  id: z.string(),
  /** `block` stops the send; `warn` is shown. */
  level: z.enum(['ok', 'warn', 'block']),
  says: z.string(),
  /** What to do about it. */
  fix: z.string(),
  /** What it is about: an address, a host, how many. */
  about: z.string(),
  /** Which of the five steps mends it. */
  step: z.enum(['audience', 'content', 'sender', 'checks', 'time']),
  place: z.string().nullable(),
  /** Whether somebody who may can answer for it; what could not be sent at all cannot be overridden. */
  overridable: z.boolean(),
});
/** Somebody answers for checks that are red. */
export const override = z.object({
  checks: z.array(z.string()),
  reason: z.string(),
  by: id.nullable(),
  at: time,
});
export const newOverride = z.strictObject({ reason: z.string().trim().min(1).max(1000) });
export const preflightQuestion = z.strictObject({
  /** 1: look everything up again; else the DNS as it was a minute ago will do. */
  fresh: z.enum(['0', '1']).optional(),
});

export const campaign = z.object({
  id,
  name: z.string(),
  state: campaignState,
  brand_id: id,
  sending_domain_id: id.nullable(),
  from_name: z.string(),
  /** What stands before the @ of the sending domain. */
  from_local: z.string(),
  /** Where replies are read. */
  mailbox_id: id.nullable(),
  subject: z.string(),
  preheader: z.string(),
  html: z.string(),
  text: z.string(),
  audience,
  /** The list that an unsubscribe leaves; null: marketing as a whole. */
  list_id: id.nullable(),
  scheduled_at: time.nullable(),
  started_at: time.nullable(),
  finished_at: time.nullable(),
  cancelled_at: time.nullable(),
  paused: z.boolean(),
  /** The checks for which it did not start. */
  red: z.array(check),
  override: override.nullable(),
  created_at: time,
  updated_at: time,
});

/** How many deliveries are in each state; the states of DESIGN section 4. */
export const counts = z.object({
  total: count,
  queued: count,
  active: count,
  deferred: count,
  held: count,
  delivered: count,
  /** Of the delivered: those of which a bounce came back later. */
  delivered_then_bounced: count,
  bounced: count,
  expired: count,
  cancelled: count,
  suppressed: count,
});

export const campaignLine = campaign
  .omit({ html: true, text: true })
  .extend({ counts, replied: count, unsubscribed: count, complained: count });
export const campaigns = pageOf(campaignLine);
export const campaignQuestion = z.strictObject({
  state: campaignState.optional(),
  cursor,
  limit: limit(200, 50),
});

export const newCampaign = z.strictObject({ name: neededLine(200), brand_id: id.optional() });
export const campaignChange = z.strictObject({
  name: neededLine(200).optional(),
  brand_id: id.optional(),
  sending_domain_id: id.nullable().optional(),
  from_name: line(100).optional(),
  from_local: line(64).optional(),
  mailbox_id: id.nullable().optional(),
  subject: line(500).optional(),
  preheader: line(500).optional(),
  html: z.string().max(2_000_000).optional(),
  text: z.string().max(1_000_000).optional(),
  audience: audience.strict().optional(),
  list_id: id.nullable().optional(),
});

/** `contact_id` absent: the first person of the audience. */
export const previewQuestion = z.strictObject({ contact_id: optionalId });
export const preview = z.object({
  /** Null when the audience is empty: made-up values are shown then. */
  contact: z.object({ id, email: z.string(), first_name: z.string(), last_name: z.string() }).nullable(),
  from: z.string(),
  reply_to: z.string(),
  subject: z.string(),
  preheader: z.string(),
  /** For a sandboxed frame (`srcdoc`), or take `/api/campaigns/ID/preview/body`. */
  html: z.string().nullable(),
  text: z.string(),
});

export const preflight = z.object({
  /** True: it may be sent; no check blocks it but those that were answered for. */
  ready: z.boolean(),
  override: override.nullable(),
  checks: z.array(check),
  audience: z.object({
    /** People in the lists and segments, the excluded left out. */
    selected: count,
    suppressed: count,
    /** Who will get it. */
    mailable: count,
  }),
  providers: z.array(z.object({ provider: z.string(), count })),
});

export const test = z.strictObject({
  to: z.array(emailLine).min(1).max(10),
  contact_id: id.nullable().default(null),
});
export const tested = z.object({ delivery_ids: z.array(id) });
export const schedule = z.strictObject({ at: time });

export const campaignAnswer = z.object({ campaign });

/** The live view; asked again after each `campaign` event of the stream. */
export const progress = z.object({
  campaign: campaignLine,
  /** Delivered in the last ten seconds of the server's clock, per second. */
  per_second: z.number(),
  /** When it will be done at this pace; null when nothing can be said. */
  eta_at: time.nullable(),
  providers: z.array(
    z.object({
      provider: z.string(),
      total: count,
      delivered: count,
      waiting: count,
      bounced: count,
      /** Why it waits, and until when. */
      last_reply: z.string().nullable(),
      next_at: time.nullable(),
    }),
  ),
});

export const report = z.object({
  campaign: campaignLine,
  counts,
  replied: count,
  auto_replied: count,
  complained: count,
  unsubscribed: count,
  intents: z.array(z.object({ intent: z.string(), count })),
  providers: z.array(
    z.object({ provider: z.string(), total: count, delivered: count, bounced: count, waiting: count }),
  ),
  /** The receivers' most frequent words for what was not delivered. */
  reasons: z.array(z.object({ class: z.string(), reply: z.string(), count })),
  /** Taken by a smarthost: what the recipients' providers said of these is not known here. */
  handed: z.array(z.object({ via: z.string(), handed: count })),
});

/** The lines of the ledger; every recipient is in exactly one when the campaign is over. */
export const ledgerLine = z.enum([
  'delivered',
  'delivered-then-bounced',
  'bounced',
  'expired',
  'cancelled',
  'suppressed',
  'waiting',
]);
export const ledgerQuestion = z.strictObject({
  line: ledgerLine.optional(),
  search: z.string().max(200).optional(),
  cursor,
  limit: limit(2000, 100),
});
export const ledger = pageOf(
  z.object({
    delivery_id: id,
    contact_id: id.nullable(),
    address: z.string(),
    state: z.string(),
    line: ledgerLine,
    attempt: count,
    last_code: z.number().nullable(),
    last_reply: z.string().nullable(),
    reason: z.string().nullable(),
    finished_at: time.nullable(),
    bounced_after_at: time.nullable(),
  }),
).extend({ counts });
