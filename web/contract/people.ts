/** The people who work here: who is signed in, the first owner, the team. */
import { z } from 'zod';
import { emailLine, id, language, neededLine, theme, time } from './primitive.ts';

export const role = z.enum(['owner', 'admin', 'marketer', 'agent', 'deliverability', 'viewer']);

/** What somebody may do; the table of who may what is `web/http/policy.ts`. */
export const permission = z.enum([
  'public',
  'signed-in',
  'inbox.read',
  'inbox.write',
  'audience.read',
  'audience.write',
  'campaign.read',
  'campaign.write',
  'campaign.send',
  'campaign.brake',
  'campaign.override',
  'suppression.read',
  'suppression.add',
  'suppression.lift',
  'sending.read',
  'sending.write',
  'team.manage',
  'settings.write',
]);

export const me = z.object({
  id,
  email: z.string(),
  name: z.string(),
  role,
  language,
  theme,
  permissions: z.array(permission),
});

export const session = z.object({
  /** Null when nobody is signed in. */
  user: me.nullable(),
  /** Goes back in the header `x-csrf-token` with every change. */
  csrf: z.string().nullable(),
  /** True while there is no user at all: the owner's link is in the server's log. */
  first_run: z.boolean(),
  /** The server's time, which a lab may run faster than the wall's. */
  now: time,
});

export const password = z.string().min(10, 'needs at least 10 characters').max(1024);
export const login = z.strictObject({ email: z.string().max(320), password: z.string().max(1024) });

/** What a one-time link is for, without using it up. */
export const linkLook = z.strictObject({ token: z.string().max(200) });
export const linkInfo = z.object({
  purpose: z.enum(['owner', 'invitation', 'reset']),
  email: z.string().nullable(),
  name: z.string().nullable(),
  role: role.nullable(),
  expires_at: time,
});
/** Uses a one-time link. An owner's link needs address and name too; the others know them. */
export const welcome = z.strictObject({
  token: z.string().max(200),
  password,
  email: emailLine.optional(),
  name: neededLine(100).optional(),
  language: language.optional(),
});

export const meChange = z.strictObject({
  name: neededLine(100).optional(),
  language: language.optional(),
  theme: theme.optional(),
});
export const passwordChange = z.strictObject({ current: z.string().max(1024), next: password });

export const user = z.object({
  id,
  email: z.string(),
  name: z.string(),
  role,
  language,
  created_at: time,
  disabled_at: time.nullable(),
  /** False until the invitation was accepted. */
  has_password: z.boolean(),
});
export const invitation = z.strictObject({
  email: emailLine,
  name: neededLine(100),
  role: role.exclude(['owner']),
  language: language.default('en'),
});
/** The link is shown once and works once. */
export const oneTimeLink = z.object({ user_id: id, link: z.string(), expires_at: time });
export const userChange = z.strictObject({
  name: neededLine(100).optional(),
  role: role.optional(),
  disabled: z.boolean().optional(),
});
