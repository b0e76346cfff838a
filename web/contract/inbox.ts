/** The shared inbox: views and their counts, conversations, their turns, and what staff do to them. */
import { z } from 'zod';
import { anyJson, count, cursor, id, limit, optionalId, pageOf, time } from './primitive.ts';

export const view = z.enum([
  'mine',
  'unassigned',
  'waiting-on-us',
  'waiting-on-them',
  'all',
  'closed',
  'auto-replies',
  'bounces',
  'newsletters',
  'unverified',
  'other',
  'spam',
]);

export const views = z.object({
  counts: z.record(view, count),
  /** The highest conversation version there is: where a live list begins. */
  version: count,
});

export const conversation = z.object({
  id,
  mailbox_id: id,
  mailbox_name: z.string(),
  contact_id: id.nullable(),
  contact_name: z.string(),
  /** Who the other side is, also when no contact exists. */
  address: z.string(),
  subject: z.string(),
  preview: z.string(),
  state: z.enum(['open', 'closed', 'spam']),
  category: z.enum(['human', 'autoreply', 'bounce', 'list', 'unverified', 'other']),
  assignee_id: id.nullable(),
  assignee_name: z.string().nullable(),
  waiting_on: z.enum(['us', 'them']),
  unread: z.boolean(),
  intent: z.string().nullable(),
  campaign_id: id.nullable(),
  campaign_name: z.string().nullable(),
  /** The delivery that they answered; its mail is at `/api/deliveries/ID/body`. */
  delivery_id: id.nullable(),
  message_count: count,
  last_message_at: time,
  created_at: time,
  closed_at: time.nullable(),
  version: count,
});

export const viewQuestion = z.strictObject({
  view: view.default('all'),
  mailbox_id: optionalId,
  cursor,
  limit: limit(200, 50),
});
export const conversationPage = pageOf(conversation).extend({ version: count });

/** What changed since a version, oldest change first; ask again while `more`. */
export const changeQuestion = z.strictObject({
  since: z
    .string()
    .regex(/^\d{1,15}$/, 'is not a version')
    .transform(Number),
});
export const changes = z.object({ rows: z.array(conversation), version: count, more: z.boolean() });

const attachment = z.object({
  id,
  file_name: z.string(),
  media_type: z.string(),
  size: count,
  content_id: z.string().nullable(),
});

/** Where one recipient of our answer stands. */
const answerDelivery = z.object({
  id,
  address: z.string(),
  state: z.string(),
  due_at: time,
  last_reply: z.string().nullable(),
  last_mx: z.string().nullable(),
  finished_at: time.nullable(),
  bounced_after_at: time.nullable(),
});

export const message = z.object({
  id,
  direction: z.enum(['in', 'out', 'note']),
  kind: z.string(),
  author_id: id.nullable(),
  author_name: z.string().nullable(),
  from_name: z.string(),
  from_address: z.string(),
  to_addresses: z.array(z.string()),
  cc_addresses: z.array(z.string()),
  subject: z.string(),
  /** The person answers under a new subject: the one that stood before. */
  subject_before: z.string().nullable(),
  text: z.string(),
  /** Ranges of `text`; nothing is deleted, quoted parts are folded. */
  segments: z.array(
    z.object({
      kind: z.enum(['new', 'quoted', 'signature', 'forwarded', 'disclaimer']),
      start: count,
      end: count,
      /** Not new, yet to be seen: a quotation that is answered below it, or all that there is. */
      shown: z.boolean().optional(),
    }),
  ),
  /** True: the sanitised HTML is at `/api/messages/ID/body`, for a sandboxed frame. */
  has_html: z.boolean(),
  intent: z.string().nullable(),
  /** The words that say so. */
  intent_evidence: z.string().nullable(),
  /** Where it has an intent: every one, the likeliest first by what this workspace learnt. */
  intents: z.array(z.string()),
  /** Another intent that staff's corrections speak for, and by which words. Nothing acts on it. */
  intent_proposed: z
    .object({
      intent: z.string(),
      words: z.array(z.object({ word: z.string(), seen: count })),
    })
    .nullable(),
  /** Staff said what it means; `was` is what the rules had read. */
  intent_corrected: z.object({ id, was: z.string(), by: z.string().nullable(), at: time }).nullable(),
  /** What a scanner found in it: its files are kept, and only an administrator may take them. */
  malware: z.string().nullable(),
  attachments: z.array(attachment),
  deliveries: z.array(answerDelivery),
  /** Why it was judged so: the rules that matched. */
  rules: z.array(z.object({ id: z.string(), why: z.string() })),
  authentication: z.record(z.string(), anyJson).nullable(),
  trust: z.string().nullable(),
  created_at: time,
});

export const suppressionBrief = z.object({
  id,
  scope: z.string(),
  reason: z.string(),
  evidence: z.string(),
  created_at: time,
});

/** What they wrote about leaving, and what it did. */
export const wish = z.object({
  suppression_id: id,
  /** `asked`: marketing is paused until somebody decides. `left`: they get no more of it. */
  kind: z.enum(['asked', 'left']),
  scope: z.string(),
  evidence: z.string(),
  at: time,
  /** When the pause ends by itself. */
  until: time.nullable(),
  /** Who decided; null: the words were plain enough. */
  decided_by: z.string().nullable(),
});
export const wishDecision = z.strictObject({ decision: z.enum(['leave', 'stay']) });

/** Who one writes to, for the panel beside the conversation. */
export const contactPanel = z.object({
  id: id.nullable(),
  email: z.string(),
  first_name: z.string(),
  last_name: z.string(),
  language: z.string(),
  tags: z.array(z.string()),
  fields: z.record(z.string(), anyJson),
  away_until: time.nullable(),
  last_human_reply_at: time.nullable(),
  segments: z.array(z.object({ id, name: z.string() })),
  lists: z.array(z.object({ id, name: z.string(), status: z.string() })),
  campaigns: z.array(
    z.object({
      id,
      name: z.string(),
      delivery_id: id,
      state: z.string(),
      at: time,
      replied: z.boolean(),
    }),
  ),
  suppressions: z.array(suppressionBrief),
  conversations: z.array(
    z.object({ id, subject: z.string(), state: z.string(), last_message_at: time, message_count: count }),
  ),
});

export const replyPlan = z.object({
  from: z.string(),
  to: z.array(z.string()),
  /** A suggestion: everyone else who was on it. */
  cc: z.array(z.string()),
  subject: z.string(),
});

const neighbour = z.object({ id, subject: z.string(), last_message_at: time });

export const conversationWhole = z.object({
  conversation,
  /** The conversation, closed long before, that this one goes on from. */
  before: neighbour.nullable(),
  /** Those that go on from this one. */
  after: z.array(neighbour),
  messages: z.array(message),
  contact: contactPanel.nullable(),
  reply: replyPlan,
  wish: wish.nullable(),
  signature: z.string(),
});

export const reply = z.strictObject({
  text: z.string().min(1, 'is empty').max(500_000),
  cc: z.array(z.string().max(320)).max(50).default([]),
  /** The newest message the writer has seen: a newer one from them answers 409, unless `anyway`. */
  seen_message_id: count.optional(),
  anyway: z.boolean().default(false),
  close: z.boolean().default(false),
});
export const replied = z.object({ message_id: id, delivery_ids: z.array(id), conversation });
export const note = z.strictObject({ text: z.string().min(1, 'is empty').max(100_000) });
export const noted = z.object({ message_id: id, conversation });
export const assignment = z.strictObject({ user_id: id.nullable() });
export const reading = z.strictObject({ read: z.boolean().default(true) });
export const changedConversation = z.object({ conversation });

/** One hit of the one search box. */
export const searchHits = z.object({
  conversations: z.array(conversation),
  contacts: z.array(z.object({ id, email: z.string(), first_name: z.string(), last_name: z.string() })),
  campaigns: z.array(z.object({ id, name: z.string(), state: z.string() })),
});
