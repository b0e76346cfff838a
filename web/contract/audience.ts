/** People we write to: contacts and their timeline, fields, lists, segments, imports, suppressions. */
import { z } from 'zod';
import type { Definition, Leaf } from '../../core/audience/segment.ts';
import { consentRow } from './consent.ts';
import { contactPanel } from './inbox.ts';
import { contactPersona } from './persona.ts';
import { anyJson, count, cursor, emailLine, flag, id, limit, line, neededLine } from './primitive.ts';
import { optionalId, pageOf, time } from './primitive.ts';

// ── contacts ──────────────────────────────────────────────────────────────────────────────────────────────────────

export const contact = z.object({
  id,
  email: z.string(),
  first_name: z.string(),
  last_name: z.string(),
  language: z.string(),
  timezone: z.string().nullable(),
  external_id: z.string().nullable(),
  fields: z.record(z.string(), anyJson),
  tags: z.array(z.string()),
  tracking: z.enum(['none', 'hygiene', 'full']),
  created_at: time,
  updated_at: time,
  last_human_reply_at: time.nullable(),
  reply_intent_last: z.string().nullable(),
  away_until: time.nullable(),
  source: z.string(),
  max_frequency: z.enum(['all', 'weekly', 'monthly']),
  /** The widest active suppression, if any: `everything`, `marketing`, `list:3` … */
  suppressed: z.string().nullable(),
});

export const contactQuestion = z.strictObject({
  search: z.string().max(200).optional(),
  list_id: optionalId,
  segment_id: optionalId,
  persona_id: optionalId,
  tag: z.string().max(100).optional(),
  sort: z.enum(['newest', 'oldest', 'email', 'last_name', 'last_reply']).default('newest'),
  cursor,
  limit: limit(500, 50),
});
/** `total` is of the whole selection; null where counting it would take too long. */
export const contactPage = pageOf(contact).extend({ total: count.nullable() });

const fields = z.record(z.string().max(64), anyJson);
export const newContact = z.strictObject({
  email: emailLine,
  first_name: line(200).optional(),
  last_name: line(200).optional(),
  language: line(35).optional(),
  timezone: line(64).nullable().optional(),
  external_id: line(200).nullable().optional(),
  fields: fields.optional(),
  tags: z.array(neededLine(100)).max(200).optional(),
});
export const contactChange = newContact.omit({ email: true }).extend({
  max_frequency: z.enum(['all', 'weekly', 'monthly']).optional(),
  tracking: z.enum(['none', 'hygiene', 'full']).optional(),
});

export const contactWhole = z.object({
  contact,
  panel: contactPanel,
  consents: z.array(consentRow),
  /** What the person is, in every set of personas. */
  personas: z.array(contactPersona),
});

/** One thing that happened, with what it belongs to, newest first. */
export const timelineEntry = z.object({
  id,
  kind: z.string(),
  at: time,
  campaign_id: id.nullable(),
  campaign_name: z.string().nullable(),
  delivery_id: id.nullable(),
  conversation_id: id.nullable(),
  subject: z.string().nullable(),
  data: anyJson,
});
export const timelineQuestion = z.strictObject({ cursor, limit: limit(200, 50) });
export const timeline = pageOf(timelineEntry);

export const membership = z.strictObject({ status: z.enum(['subscribed', 'unsubscribed']) });

// ── fields ────────────────────────────────────────────────────────────────────────────────────────────────────────

export const fieldKind = z.enum(['text', 'number', 'boolean', 'date', 'choice', 'json']);
export const field = z.object({ id, name: z.string(), label: z.string(), kind: fieldKind, created_at: time });
export const fieldList = z.object({
  /** Columns that every contact has, then custom fields. */
  standard: z.array(z.object({ name: z.string(), kind: fieldKind })),
  rows: z.array(field),
});
export const newField = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,62}$/, 'is not a name: small letters, digits and _, a letter first'),
  label: neededLine(100),
  kind: fieldKind,
});

// ── lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export const list = z.object({
  id,
  name: z.string(),
  brand_id: id,
  brand_name: z.string(),
  description: z.string(),
  created_at: time,
  /** Offered to everybody of the brand on the preference page. */
  is_public: z.boolean(),
  subscribed: count,
  pending: count,
  unsubscribed: count,
});
export const lists = z.object({ rows: z.array(list) });
export const newList = z.strictObject({
  name: neededLine(100),
  brand_id: id,
  description: line(500).default(''),
  is_public: z.boolean().default(false),
});
export const listChange = z.strictObject({
  name: neededLine(100).optional(),
  description: line(500).optional(),
  is_public: z.boolean().optional(),
});

// ── segments ──────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * The segment language is told and checked in core/audience/segment.ts; here it is JSON of bounded size. What is wrong
 * with it comes back as a 422 whose fields are places in the definition.
 */
export const definition = z
  .custom<Definition>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), {
    error: 'is not a definition',
  })
  .meta({ override: { type: 'object', description: '{ "root": … }, as core/audience/segment.ts tells it' } });
export const leaf = z
  .custom<Leaf>((value) => typeof value === 'object' && value !== null)
  .meta({ override: { type: 'object' } });

export const segment = z.object({
  id,
  name: z.string(),
  definition,
  created_at: time,
  updated_at: time,
  /** Members now; null when it names a segment that is gone. */
  count: count.nullable(),
});
export const segments = z.object({ rows: z.array(segment) });
export const newSegment = z.strictObject({ name: neededLine(100), definition });
export const segmentChange = z.strictObject({
  name: neededLine(100).optional(),
  definition: definition.optional(),
});
export const segmentCheck = z.strictObject({ definition });
/** The count of the whole, and of every condition on its own, by its place: `root.all.0`. */
export const segmentCount = z.object({
  count,
  total: count,
  leaves: z.array(z.object({ path: z.string(), leaf, count })),
  /** Groups within the whole, each on its own. */
  groups: z.array(z.object({ path: z.string(), count })),
  /** False: estimated from a sample while it is worked out. */
  exact: z.boolean(),
});
/** How a segment grew, by day (UTC), and the last who came and went. */
export const segmentGrowth = z.object({
  days: z.array(z.object({ day: z.string(), members: count, entered: count, departed: count })),
  changes: z.array(
    z.object({
      contact_id: id,
      email: z.string(),
      name: z.string(),
      entered: z.boolean(),
      at: time,
      cause: z.enum(['change', 'edit']),
    }),
  ),
});
export const changesQuestion = z.strictObject({
  after: z.coerce.number().int().min(0).default(0),
  limit: limit(1000, 100),
});
/** Who came and who went after a number: ask again with `after` for the next; each is told once. */
export const segmentChanges = z.object({
  rows: z.array(
    z.object({
      id,
      contact_id: id,
      entered: z.boolean(),
      at: time,
      cause: z.enum(['change', 'edit']),
    }),
  ),
  after: z.int(),
});
export const memberQuestion = z.strictObject({ cursor, limit: limit(200, 50) });
export const memberPage = pageOf(contact);
export const memberCheck = z.strictObject({
  definition,
  cursor,
  limit: z.int().min(1).max(200).default(20),
});
/** The reader's language makes the sentence of a `leaf`. Why somebody is in or not: every condition with its answer and what was found. */
export const segmentWhy = z.object({
  member: z.boolean(),
  leaves: z.array(z.object({ path: z.string(), leaf, matches: z.boolean(), found: z.string() })),
});
/** What a segment may speak of: fields with their kinds, events that were ever seen, campaigns and so on. */
export const segmentVocabulary = z.object({
  fields: z.array(z.object({ name: z.string(), label: z.string(), kind: z.string() })),
  events: z.array(
    z.object({
      name: z.string(),
      count,
      /** By a program; else it is Parley's own. */
      told: z.boolean(),
      /** What it was seen with: `total`, `products[].brand`. */
      properties: z.array(z.object({ name: z.string(), types: z.array(z.string()) })),
    }),
  ),
  tags: z.array(z.object({ name: z.string(), count })),
  personas: z.array(contactPersona),
});

// ── imports ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Column of the file → contact column, `fields.NAME`, `tags`, or null to leave it out. */
export const mapping = z.record(z.string().max(200), z.string().max(100).nullable());

export const importJob = z.object({
  id,
  file_name: z.string(),
  state: z.enum(['ready', 'running', 'done', 'failed']),
  mapping,
  list_id: id.nullable(),
  list_name: z.string().nullable(),
  update_existing: z.boolean(),
  bytes_total: count,
  rows_done: count,
  /** Rows in the file; null until known. */
  rows_total: count.nullable(),
  created: count,
  updated: count,
  duplicates: count,
  unchanged: count,
  failed: count,
  error: z.string().nullable(),
  created_by_name: z.string().nullable(),
  created_at: time,
  finished_at: time.nullable(),
});
export const imports = z.object({ rows: z.array(importJob) });
export const uploadQuestion = z.strictObject({ file_name: neededLine(255) });
export const importPreview = z.object({
  import: importJob,
  encoding: z.string(),
  delimiter: z.string(),
  columns: z.array(
    z.object({
      name: z.string(),
      /** Where it would go; null: nowhere yet. */
      suggestion: z.string().nullable(),
      /** Of what kind its values look. */
      kind: fieldKind,
      samples: z.array(z.string()),
    }),
  ),
  rows: z.array(z.array(z.string())),
});
export const importStart = z.strictObject({
  mapping,
  list_id: id.nullable().default(null),
  update_existing: z.boolean().default(false),
  /** New custom fields that the mapping speaks of. */
  new_fields: z.array(newField).max(200).default([]),
  /** Who agreed to what, how: kept with every contact as evidence. Null: nothing is claimed. */
  consent: z
    .strictObject({
      purpose: neededLine(100),
      method: neededLine(100),
      source: neededLine(500),
      text: z.string().max(5000).default(''),
    })
    .nullable()
    .default(null),
});
export const importErrors = pageOf(
  z.object({ id, line: count, column_name: z.string(), reason: z.string(), raw: z.string() }),
);
export const importErrorQuestion = z.strictObject({ cursor, limit: limit(500, 100) });

// ── suppressions ──────────────────────────────────────────────────────────────────────────────────────────────────

export const suppressionReason = z.enum([
  'hard-bounce',
  'complaint',
  'unsubscribe',
  'unsubscribe-in-words',
  'manual',
  'import',
  'left-company',
  'pause',
]);
export const suppressionScope = z
  .string()
  .regex(/^(everything|marketing|(list|brand):[1-9]\d{0,14})$/, 'is not a scope');

export const suppression = z.object({
  id,
  address: z.string(),
  scope: z.string(),
  reason: suppressionReason,
  /** The words that say so. */
  evidence: z.string(),
  contact_id: id.nullable(),
  delivery_id: id.nullable(),
  campaign_id: id.nullable(),
  campaign_name: z.string().nullable(),
  conversation_id: id.nullable(),
  created_by_name: z.string().nullable(),
  created_at: time,
  lifted_at: time.nullable(),
});
export const suppressionQuestion = z.strictObject({
  search: z.string().max(200).optional(),
  reason: suppressionReason.optional(),
  lifted: flag.optional(),
  cursor,
  limit: limit(500, 100),
});
export const suppressionPage = pageOf(suppression).extend({
  /** Active ones by reason. */
  counts: z.array(z.object({ reason: suppressionReason, count })),
});
export const newSuppression = z.strictObject({
  address: emailLine,
  scope: suppressionScope.default('everything'),
  evidence: neededLine(500),
});
