/** What people agreed to: purposes, and the ledger of consents. */
import { z } from 'zod';
import { anyJson, id, line, neededLine, time } from './primitive.ts';

export const consentState = z.enum(['given', 'withdrawn', 'refused']);

/** One row of the ledger. */
export const consentRow = z.object({
  id,
  purpose: z.string(),
  state: consentState,
  method: z.string(),
  source: z.string(),
  /** Exactly what they read, and its SHA-256. */
  text: z.string(),
  text_hash: z.string(),
  form_id: id.nullable(),
  form_version: z.int().nullable(),
  language: z.string(),
  ip: z.string(),
  agent: z.string(),
  evidence: anyJson,
  at: time,
});
export const consentRows = z.object({ rows: z.array(consentRow) });

export const purpose = z.object({
  id,
  /** What consents, forms and segments call it. */
  name: z.string(),
  name_fr: z.string(),
  name_en: z.string(),
  /** The sentence beside the box. */
  description_fr: z.string(),
  description_en: z.string(),
  created_at: time,
  retired_at: time.nullable(),
});
export const purposes = z.object({ rows: z.array(purpose) });

const purposeWords = {
  name_fr: neededLine(100),
  name_en: neededLine(100),
  description_fr: neededLine(500),
  description_en: neededLine(500),
};
export const newPurpose = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_-]{0,62}$/, 'is not a name: small letters, digits, - and _, a letter first'),
  ...purposeWords,
});
export const purposeChange = z.strictObject({ ...purposeWords, retired: z.boolean() }).partial();

/** The address once more, as it is typed by who answers for it. */
export const erasure = z.strictObject({ address: z.string().max(320) });
export const erased = z.object({
  /** How many rows of what. */
  counts: z.record(z.string(), z.int()),
  /** False: remains lie in the database file until it is written anew (`parley erase --rewrite`). */
  rewritten: z.boolean(),
});

/** What somebody said by phone or on paper, written down by a person who answers for it. */
export const newConsent = z.strictObject({
  purpose: neededLine(100),
  state: consentState,
  source: neededLine(500),
  text: line(2000).default(''),
});
