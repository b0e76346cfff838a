/** Mailboxes elsewhere whose mail is pulled. Secrets go in and never come out. */
import { z } from 'zod';
import { count, id, line, neededLine, time } from './primitive.ts';

const tls = z.enum(['implicit', 'starttls']);
const auth = z.enum(['password', 'oauth2']);
const after = z.enum(['keep', 'seen', 'move']);

export const imapAccount = z.object({
  id,
  name: z.string(),
  host: z.string(),
  port: count,
  tls,
  verify: z.boolean(),
  username: z.string(),
  auth,
  token_url: z.string(),
  folder: z.string(),
  after,
  move_to: z.string(),
  mailbox_id: id,
  paused: z.boolean(),
  taken: count,
  /** Too large, or here already. */
  skipped: count,
  last_taken_at: time.nullable(),
  /** The last look that went well. */
  checked_at: time.nullable(),
  /** Step and words of what went wrong last: `auth: …`. */
  error: z.string().nullable(),
  error_at: time.nullable(),
});
export const imapAccounts = z.object({ rows: z.array(imapAccount) });

const fields = {
  host: neededLine(253),
  port: z.int().min(1).max(65_535),
  tls,
  verify: z.boolean(),
  username: neededLine(320),
  auth,
  password: z.string().max(1000).optional(),
  client_id: line(500).optional(),
  client_secret: z.string().max(1000).optional(),
  refresh_token: z.string().max(4000).optional(),
  token_url: line(500),
  folder: neededLine(200),
  after,
  move_to: line(200),
  mailbox_id: id,
};
export const newImapAccount = z.strictObject({
  ...fields,
  name: neededLine(63),
  port: fields.port.default(993),
  tls: tls.default('implicit'),
  verify: z.boolean().default(true),
  auth: auth.default('password'),
  token_url: fields.token_url.default(''),
  folder: neededLine(200).default('INBOX'),
  after: after.default('keep'),
  move_to: fields.move_to.default(''),
});
export const imapAccountChange = z.strictObject({ ...fields, paused: z.boolean() }).partial();
