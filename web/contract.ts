/**
 * The HTTP API as one table: each route's name, address, what it takes, what it answers, who may use it. The router, the
 * OpenAPI document and the interface's types all come from here; there is no other description to fall out of step.
 *
 * Every error body is `{ error: { code, message, fields? } }`; `fields` says what is wrong with which field. Times are
 * integer milliseconds since 1970. Changes need the header `x-csrf-token` (from `/api/session`) and a right Origin.
 */
import { z } from 'zod';
import type { Definition, Leaf, Node } from '../core/audience/segment.ts';
import * as audience from './contract/audience.ts';
import * as campaign from './contract/campaign.ts';
import * as inbox from './contract/inbox.ts';
import * as people from './contract/people.ts';
import { idParam, nothing } from './contract/primitive.ts';
import * as sending from './contract/sending.ts';

export type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

/** What a handler answers when it is not JSON: it writes the response itself. */
export const special = {
  html: 'text/html',
  file: 'application/octet-stream',
  events: 'text/event-stream',
  json: 'application/json',
} as const;
export type Special = keyof typeof special;

interface Spec {
  method: Method;
  path: string;
  permission: z.infer<typeof people.permission>;
  summary: string;
  params?: z.ZodType;
  query?: z.ZodType;
  /** JSON that is checked; `stream`: the handler reads the raw body. */
  body?: z.ZodType | 'stream';
  response: z.ZodType | Special;
}

/** Keeps each route's own types while checking its shape. */
const table = <const T extends Record<string, Spec>>(routes: T): T => routes;

const one = z.strictObject({ id: idParam });

export const routes = table({
  // ── session and team ────────────────────────────────────────────────────────────────────────────────────────────
  session: {
    method: 'GET',
    path: '/api/session',
    permission: 'public',
    summary: 'Who is signed in, and whether there is anybody at all',
    response: people.session,
  },
  login: {
    method: 'POST',
    path: '/api/login',
    permission: 'public',
    summary: 'Sign in',
    body: people.login,
    response: people.session,
  },
  logout: {
    method: 'POST',
    path: '/api/logout',
    permission: 'signed-in',
    summary: 'Sign out',
    response: nothing,
  },
  linkInfo: {
    method: 'POST',
    path: '/api/welcome/look',
    permission: 'public',
    summary: 'What a one-time link is for, without using it',
    body: people.linkLook,
    response: people.linkInfo,
  },
  welcome: {
    method: 'POST',
    path: '/api/welcome',
    permission: 'public',
    summary: 'Use a one-time link: first owner, invitation, new password. Signs in',
    body: people.welcome,
    response: people.session,
  },
  updateMe: {
    method: 'PATCH',
    path: '/api/me',
    permission: 'signed-in',
    summary: 'Change one’s own name, language or theme',
    body: people.meChange,
    response: people.session,
  },
  changePassword: {
    method: 'POST',
    path: '/api/me/password',
    permission: 'signed-in',
    summary: 'Change one’s password; every other session ends',
    body: people.passwordChange,
    response: people.session,
  },
  users: {
    method: 'GET',
    path: '/api/users',
    permission: 'signed-in',
    summary: 'The team',
    response: z.object({ rows: z.array(people.user) }),
  },
  inviteUser: {
    method: 'POST',
    path: '/api/users',
    permission: 'team.manage',
    summary: 'Invite somebody: answers a link that works once, for seven days',
    body: people.invitation,
    response: people.oneTimeLink,
  },
  updateUser: {
    method: 'PATCH',
    path: '/api/users/:id',
    permission: 'team.manage',
    summary: 'Change a role or name, or disable; a new role or disabling ends their sessions',
    params: one,
    body: people.userChange,
    response: people.user,
  },
  resetLink: {
    method: 'POST',
    path: '/api/users/:id/reset-link',
    permission: 'team.manage',
    summary: 'A link to set a new password, once, for a day',
    params: one,
    response: people.oneTimeLink,
  },

  // ── inbox ───────────────────────────────────────────────────────────────────────────────────────────────────────
  views: {
    method: 'GET',
    path: '/api/views',
    permission: 'inbox.read',
    summary: 'How many conversations each view holds',
    response: inbox.views,
  },
  conversations: {
    method: 'GET',
    path: '/api/conversations',
    permission: 'inbox.read',
    summary: 'One view, newest first',
    query: inbox.viewQuestion,
    response: inbox.conversationPage,
  },
  conversationChanges: {
    method: 'GET',
    path: '/api/conversations/changes',
    permission: 'inbox.read',
    summary: 'What changed since a version',
    query: inbox.changeQuestion,
    response: inbox.changes,
  },
  conversation: {
    method: 'GET',
    path: '/api/conversations/:id',
    permission: 'inbox.read',
    summary: 'One conversation with every turn, who it is with, and who a reply would go to',
    params: one,
    response: inbox.conversationWhole,
  },
  reply: {
    method: 'POST',
    path: '/api/conversations/:id/reply',
    permission: 'inbox.write',
    summary: 'Answer; 409 when they wrote again since `seen_message_id`',
    params: one,
    body: inbox.reply,
    response: inbox.replied,
  },
  note: {
    method: 'POST',
    path: '/api/conversations/:id/notes',
    permission: 'inbox.write',
    summary: 'A private note: only the team sees it',
    params: one,
    body: inbox.note,
    response: inbox.noted,
  },
  assign: {
    method: 'POST',
    path: '/api/conversations/:id/assign',
    permission: 'inbox.write',
    summary: 'Give it to somebody, or with null back to everybody',
    params: one,
    body: inbox.assignment,
    response: inbox.changedConversation,
  },
  closeConversation: {
    method: 'POST',
    path: '/api/conversations/:id/close',
    permission: 'inbox.write',
    summary: 'Close it',
    params: one,
    response: inbox.changedConversation,
  },
  reopenConversation: {
    method: 'POST',
    path: '/api/conversations/:id/reopen',
    permission: 'inbox.write',
    summary: 'Open it again (undo of close and of spam)',
    params: one,
    response: inbox.changedConversation,
  },
  spamConversation: {
    method: 'POST',
    path: '/api/conversations/:id/spam',
    permission: 'inbox.write',
    summary: 'Mark it as spam',
    params: one,
    response: inbox.changedConversation,
  },
  readConversation: {
    method: 'POST',
    path: '/api/conversations/:id/read',
    permission: 'inbox.write',
    summary: 'Mark it read or unread',
    params: one,
    body: inbox.reading,
    response: inbox.changedConversation,
  },
  messageBody: {
    method: 'GET',
    path: '/api/messages/:id/body',
    permission: 'inbox.read',
    summary: 'The sanitised HTML, for a sandboxed frame. Remote images stay blocked: there is no proxy yet',
    params: one,
    response: 'html',
  },
  attachment: {
    method: 'GET',
    path: '/api/attachments/:id',
    permission: 'inbox.read',
    summary: 'An attachment, to be saved and never shown in place',
    params: one,
    response: 'file',
  },
  search: {
    method: 'GET',
    path: '/api/search',
    permission: 'signed-in',
    summary: 'Conversations, contacts and campaigns that have these words, as far as one may see them',
    query: z.strictObject({ q: z.string().min(1).max(200) }),
    response: inbox.searchHits,
  },

  // ── audience ────────────────────────────────────────────────────────────────────────────────────────────────────
  contacts: {
    method: 'GET',
    path: '/api/contacts',
    permission: 'audience.read',
    summary: 'The table of contacts',
    query: audience.contactQuestion,
    response: audience.contactPage,
  },
  createContact: {
    method: 'POST',
    path: '/api/contacts',
    permission: 'audience.write',
    summary: 'Add one contact by hand',
    body: audience.newContact,
    response: audience.contact,
  },
  contact: {
    method: 'GET',
    path: '/api/contacts/:id',
    permission: 'audience.read',
    summary: 'One contact with lists, segments, campaigns, consents and suppressions',
    params: one,
    response: audience.contactWhole,
  },
  updateContact: {
    method: 'PATCH',
    path: '/api/contacts/:id',
    permission: 'audience.write',
    summary: 'Change a contact; fields that are not named stay',
    params: one,
    body: audience.contactChange,
    response: audience.contact,
  },
  timeline: {
    method: 'GET',
    path: '/api/contacts/:id/timeline',
    permission: 'audience.read',
    summary: 'Everything sent to and received from somebody, newest first',
    params: one,
    query: audience.timelineQuestion,
    response: audience.timeline,
  },
  setMembership: {
    method: 'PUT',
    path: '/api/contacts/:id/lists/:list_id',
    permission: 'audience.write',
    summary: 'Put a contact on a list, or take them off',
    params: z.strictObject({ id: idParam, list_id: idParam }),
    body: audience.membership,
    response: audience.contactWhole,
  },
  fields: {
    method: 'GET',
    path: '/api/fields',
    permission: 'audience.read',
    summary: 'What contacts may know of themselves',
    response: audience.fieldList,
  },
  createField: {
    method: 'POST',
    path: '/api/fields',
    permission: 'audience.write',
    summary: 'Add a custom field',
    body: audience.newField,
    response: audience.field,
  },
  lists: {
    method: 'GET',
    path: '/api/lists',
    permission: 'audience.read',
    summary: 'Lists with how many are on them',
    response: audience.lists,
  },
  createList: {
    method: 'POST',
    path: '/api/lists',
    permission: 'audience.write',
    summary: 'Add a list',
    body: audience.newList,
    response: audience.list,
  },
  updateList: {
    method: 'PATCH',
    path: '/api/lists/:id',
    permission: 'audience.write',
    summary: 'Rename or describe a list',
    params: one,
    body: audience.listChange,
    response: audience.list,
  },
  segments: {
    method: 'GET',
    path: '/api/segments',
    permission: 'audience.read',
    summary: 'Segments with their counts',
    response: audience.segments,
  },
  createSegment: {
    method: 'POST',
    path: '/api/segments',
    permission: 'audience.write',
    summary: 'Keep a segment',
    body: audience.newSegment,
    response: audience.segment,
  },
  countSegment: {
    method: 'POST',
    path: '/api/segments/count',
    permission: 'audience.read',
    summary: 'How many a definition has, and each of its conditions alone',
    body: audience.segmentCheck,
    response: audience.segmentCount,
  },
  previewMembers: {
    method: 'POST',
    path: '/api/segments/members',
    permission: 'audience.read',
    summary: 'Who a definition has, before it is kept',
    body: audience.memberCheck,
    response: audience.memberPage,
  },
  segmentVocabulary: {
    method: 'GET',
    path: '/api/segments/vocabulary',
    permission: 'audience.read',
    summary: 'What conditions may speak of: fields, events that were seen, tags',
    response: audience.segmentVocabulary,
  },
  segment: {
    method: 'GET',
    path: '/api/segments/:id',
    permission: 'audience.read',
    summary: 'One segment',
    params: one,
    response: audience.segment,
  },
  updateSegment: {
    method: 'PATCH',
    path: '/api/segments/:id',
    permission: 'audience.write',
    summary: 'Change a segment',
    params: one,
    body: audience.segmentChange,
    response: audience.segment,
  },
  deleteSegment: {
    method: 'DELETE',
    path: '/api/segments/:id',
    permission: 'audience.write',
    summary: 'Forget a segment; 409 while a campaign uses it',
    params: one,
    response: nothing,
  },
  segmentMembers: {
    method: 'GET',
    path: '/api/segments/:id/members',
    permission: 'audience.read',
    summary: 'Who is in it',
    params: one,
    query: audience.memberQuestion,
    response: audience.memberPage,
  },
  segmentWhy: {
    method: 'GET',
    path: '/api/segments/:id/why/:contact_id',
    permission: 'audience.read',
    summary: 'Why somebody is in it, or not',
    params: z.strictObject({ id: idParam, contact_id: idParam }),
    response: audience.segmentWhy,
  },
  imports: {
    method: 'GET',
    path: '/api/imports',
    permission: 'audience.read',
    summary: 'Imports, newest first',
    response: audience.imports,
  },
  uploadImport: {
    method: 'POST',
    path: '/api/imports',
    permission: 'audience.write',
    summary: 'Upload a CSV file as the raw body (text/csv); answers what is in it and where it could go',
    query: audience.uploadQuestion,
    body: 'stream',
    response: audience.importPreview,
  },
  importPreview: {
    method: 'GET',
    path: '/api/imports/:id/preview',
    permission: 'audience.read',
    summary: 'What is in the file and where it could go, again',
    params: one,
    response: audience.importPreview,
  },
  startImport: {
    method: 'POST',
    path: '/api/imports/:id/start',
    permission: 'audience.write',
    summary: 'Take the rows in; a second start answers 409',
    params: one,
    body: audience.importStart,
    response: audience.importJob,
  },
  import: {
    method: 'GET',
    path: '/api/imports/:id',
    permission: 'audience.read',
    summary: 'How far it is',
    params: one,
    response: audience.importJob,
  },
  importErrors: {
    method: 'GET',
    path: '/api/imports/:id/errors',
    permission: 'audience.read',
    summary: 'Rows that were not taken, with line, column and reason',
    params: one,
    query: audience.importErrorQuestion,
    response: audience.importErrors,
  },
  suppressions: {
    method: 'GET',
    path: '/api/suppressions',
    permission: 'suppression.read',
    summary: 'Who may not be mailed, with the evidence',
    query: audience.suppressionQuestion,
    response: audience.suppressionPage,
  },
  addSuppression: {
    method: 'POST',
    path: '/api/suppressions',
    permission: 'suppression.add',
    summary: 'Suppress an address; in force when this answers',
    body: audience.newSuppression,
    response: audience.suppression,
  },
  liftSuppression: {
    method: 'POST',
    path: '/api/suppressions/:id/lift',
    permission: 'suppression.lift',
    summary: 'Lift one; the row stays, with who did it',
    params: one,
    response: audience.suppression,
  },

  // ── campaigns ───────────────────────────────────────────────────────────────────────────────────────────────────
  campaigns: {
    method: 'GET',
    path: '/api/campaigns',
    permission: 'campaign.read',
    summary: 'Campaigns with their counts, newest first',
    query: campaign.campaignQuestion,
    response: campaign.campaigns,
  },
  createCampaign: {
    method: 'POST',
    path: '/api/campaigns',
    permission: 'campaign.write',
    summary: 'Begin a draft',
    body: campaign.newCampaign,
    response: campaign.campaign,
  },
  campaign: {
    method: 'GET',
    path: '/api/campaigns/:id',
    permission: 'campaign.read',
    summary: 'One campaign as it is written',
    params: one,
    response: campaign.campaign,
  },
  updateCampaign: {
    method: 'PATCH',
    path: '/api/campaigns/:id',
    permission: 'campaign.write',
    summary: 'Change a draft; 409 once it was sent',
    params: one,
    body: campaign.campaignChange,
    response: campaign.campaign,
  },
  deleteCampaign: {
    method: 'DELETE',
    path: '/api/campaigns/:id',
    permission: 'campaign.write',
    summary: 'Forget a draft',
    params: one,
    response: nothing,
  },
  duplicateCampaign: {
    method: 'POST',
    path: '/api/campaigns/:id/duplicate',
    permission: 'campaign.write',
    summary: 'A new draft with the same content and audience',
    params: one,
    response: campaign.campaign,
  },
  previewCampaign: {
    method: 'GET',
    path: '/api/campaigns/:id/preview',
    permission: 'campaign.read',
    summary: 'The mail as one real person would get it',
    params: one,
    query: campaign.previewQuestion,
    response: campaign.preview,
  },
  previewBody: {
    method: 'GET',
    path: '/api/campaigns/:id/preview/body',
    permission: 'campaign.read',
    summary: 'The same, its HTML alone, for a sandboxed frame',
    params: one,
    query: campaign.previewQuestion,
    response: 'html',
  },
  preflight: {
    method: 'GET',
    path: '/api/campaigns/:id/preflight',
    permission: 'campaign.read',
    summary: 'What stands in the way, who will get it',
    params: one,
    response: campaign.preflight,
  },
  testCampaign: {
    method: 'POST',
    path: '/api/campaigns/:id/test',
    permission: 'campaign.write',
    summary: 'Send a test to a few addresses, as one real person would get it',
    params: one,
    body: campaign.test,
    response: campaign.tested,
  },
  sendCampaign: {
    method: 'POST',
    path: '/api/campaigns/:id/send',
    permission: 'campaign.send',
    summary: 'Send now; 409 with the reasons while a check blocks it',
    params: one,
    response: campaign.campaign,
  },
  scheduleCampaign: {
    method: 'POST',
    path: '/api/campaigns/:id/schedule',
    permission: 'campaign.send',
    summary: 'Send at a time',
    params: one,
    body: campaign.schedule,
    response: campaign.campaign,
  },
  unscheduleCampaign: {
    method: 'POST',
    path: '/api/campaigns/:id/unschedule',
    permission: 'campaign.send',
    summary: 'Back to a draft',
    params: one,
    response: campaign.campaign,
  },
  pauseCampaign: {
    method: 'POST',
    path: '/api/campaigns/:id/pause',
    permission: 'campaign.brake',
    summary: 'Nothing more leaves from now on',
    params: one,
    response: campaign.campaign,
  },
  resumeCampaign: {
    method: 'POST',
    path: '/api/campaigns/:id/resume',
    permission: 'campaign.brake',
    summary: 'Go on',
    params: one,
    response: campaign.campaign,
  },
  cancelCampaign: {
    method: 'POST',
    path: '/api/campaigns/:id/cancel',
    permission: 'campaign.brake',
    summary: 'Take back what has not left; cannot be undone',
    params: one,
    response: campaign.campaign,
  },
  campaignProgress: {
    method: 'GET',
    path: '/api/campaigns/:id/progress',
    permission: 'campaign.read',
    summary: 'How it goes right now, by provider',
    params: one,
    response: campaign.progress,
  },
  campaignReport: {
    method: 'GET',
    path: '/api/campaigns/:id/report',
    permission: 'campaign.read',
    summary: 'The result',
    params: one,
    response: campaign.report,
  },
  campaignLedger: {
    method: 'GET',
    path: '/api/campaigns/:id/ledger',
    permission: 'campaign.read',
    summary: 'Every recipient with what became of them',
    params: one,
    query: campaign.ledgerQuestion,
    response: campaign.ledger,
  },

  // ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────────
  domains: {
    method: 'GET',
    path: '/api/domains',
    permission: 'sending.read',
    summary: 'Sending domains with their records as last checked',
    response: sending.domains,
  },
  addDomain: {
    method: 'POST',
    path: '/api/domains',
    permission: 'sending.write',
    summary: 'Add a sending domain: makes its DKIM keys and says which records to set',
    body: sending.newDomain,
    response: sending.domain,
  },
  domain: {
    method: 'GET',
    path: '/api/domains/:id',
    permission: 'sending.read',
    summary: 'One domain',
    params: one,
    response: sending.domain,
  },
  checkDomain: {
    method: 'POST',
    path: '/api/domains/:id/check',
    permission: 'sending.read',
    summary: 'Look every record up now',
    params: one,
    response: sending.domain,
  },
  sources: {
    method: 'GET',
    path: '/api/sources',
    permission: 'sending.read',
    summary: 'Egress sources: local addresses with their EHLO names',
    response: sending.sources,
  },
  addSource: {
    method: 'POST',
    path: '/api/sources',
    permission: 'sending.write',
    summary: 'Add a source',
    body: sending.newSource,
    response: sending.source,
  },
  updateSource: {
    method: 'PATCH',
    path: '/api/sources/:id',
    permission: 'sending.write',
    summary: 'Change or pause a source',
    params: one,
    body: sending.sourceChange,
    response: sending.source,
  },
  queue: {
    method: 'GET',
    path: '/api/queue',
    permission: 'sending.read',
    summary: 'What waits, by destination, with the reason',
    query: sending.queueQuestion,
    response: sending.queue,
  },
  destination: {
    method: 'GET',
    path: '/api/queue/destinations/:id',
    permission: 'sending.read',
    summary: 'The messages that wait for one destination, oldest first',
    params: one,
    query: sending.destinationQuestion,
    response: sending.destinationPage,
  },
  holdDestination: {
    method: 'POST',
    path: '/api/queue/destinations/:id/hold',
    permission: 'sending.write',
    summary: 'Hold a destination, or let go of it',
    params: one,
    body: sending.hold,
    response: sending.moved,
  },
  retryDestination: {
    method: 'POST',
    path: '/api/queue/destinations/:id/retry',
    permission: 'sending.write',
    summary: 'Try what waits for a destination again now',
    params: one,
    response: sending.moved,
  },
  delivery: {
    method: 'GET',
    path: '/api/deliveries/:id',
    permission: 'sending.read',
    summary: 'One message’s whole life',
    params: one,
    response: sending.deliveryStory,
  },
  deliveryBody: {
    method: 'GET',
    path: '/api/deliveries/:id/body',
    permission: 'inbox.read',
    summary: 'The very mail that this person got, for a sandboxed frame',
    params: one,
    response: 'html',
  },
  brands: {
    method: 'GET',
    path: '/api/brands',
    permission: 'signed-in',
    summary: 'Brands',
    response: sending.brands,
  },
  createBrand: {
    method: 'POST',
    path: '/api/brands',
    permission: 'settings.write',
    summary: 'Add a brand',
    body: sending.newBrand,
    response: sending.brand,
  },
  updateBrand: {
    method: 'PATCH',
    path: '/api/brands/:id',
    permission: 'settings.write',
    summary: 'Change a brand',
    params: one,
    body: sending.brandChange,
    response: sending.brand,
  },
  mailboxes: {
    method: 'GET',
    path: '/api/mailboxes',
    permission: 'signed-in',
    summary: 'Shared addresses that staff answer from',
    response: sending.mailboxes,
  },
  createMailbox: {
    method: 'POST',
    path: '/api/mailboxes',
    permission: 'settings.write',
    summary: 'Add a mailbox',
    body: sending.newMailbox,
    response: sending.mailbox,
  },
  updateMailbox: {
    method: 'PATCH',
    path: '/api/mailboxes/:id',
    permission: 'settings.write',
    summary: 'Rename a mailbox or change its signature',
    params: one,
    body: sending.mailboxChange,
    response: sending.mailbox,
  },
  settings: {
    method: 'GET',
    path: '/api/settings',
    permission: 'signed-in',
    summary: 'What the organisation decided',
    response: sending.settings,
  },
  updateSettings: {
    method: 'PATCH',
    path: '/api/settings',
    permission: 'settings.write',
    summary: 'Decide otherwise',
    body: sending.settingsChange,
    response: sending.settings,
  },
  setup: {
    method: 'GET',
    path: '/api/setup',
    permission: 'signed-in',
    summary: 'The cards of a first run, ticked by reality',
    response: sending.setup,
  },

  // ── live ────────────────────────────────────────────────────────────────────────────────────────────────────────
  stream: {
    method: 'GET',
    path: '/api/stream',
    permission: 'signed-in',
    summary:
      'Server-sent events: `conversation` with the changed rows (its id is a conversation version; Last-Event-ID catches up), and `campaign`, `import`, `queue`, `suppression`, `settings` that say: ask again',
    response: 'events',
  },
  openapi: {
    method: 'GET',
    path: '/api/openapi.json',
    permission: 'public',
    summary: 'This table as OpenAPI 3.1',
    response: 'json',
  },
});

export const errorBody = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    fields: z.record(z.string(), z.string()).optional(),
  }),
});

export type Routes = typeof routes;
export type RouteName = keyof Routes;
type Of<N extends RouteName, K extends string> =
  Routes[N] extends Record<K, infer S> ? (S extends z.ZodType ? S : never) : never;

/** What a caller hands in, and what a handler gets after the check. */
export type Params<N extends RouteName> = z.output<Of<N, 'params'>>;
export type Query<N extends RouteName> = z.output<Of<N, 'query'>>;
export type Body<N extends RouteName> = z.output<Of<N, 'body'>>;
export type QueryInput<N extends RouteName> = z.input<Of<N, 'query'>>;
export type BodyInput<N extends RouteName> = z.input<Of<N, 'body'>>;
export type Answer<N extends RouteName> = z.output<Of<N, 'response'>>;

export type ErrorBody = z.output<typeof errorBody>;
export type Role = z.output<typeof people.role>;
export type Permission = z.output<typeof people.permission>;
export type Me = z.output<typeof people.me>;
export type Session = z.output<typeof people.session>;
export type User = z.output<typeof people.user>;
export type View = z.output<typeof inbox.view>;
export type Conversation = z.output<typeof inbox.conversation>;
export type ConversationWhole = z.output<typeof inbox.conversationWhole>;
export type Message = z.output<typeof inbox.message>;
export type ContactPanel = z.output<typeof inbox.contactPanel>;
export type Contact = z.output<typeof audience.contact>;
export type ContactWhole = z.output<typeof audience.contactWhole>;
export type TimelineEntry = z.output<typeof audience.timelineEntry>;
export type Field = z.output<typeof audience.field>;
export type List = z.output<typeof audience.list>;
export type Segment = z.output<typeof audience.segment>;
/** What a definition must be; checked by core/audience/segment.ts. */
export type SegmentDefinition = Definition;
export type SegmentNode = Node;
export type SegmentLeaf = Leaf;
export type SegmentCount = z.output<typeof audience.segmentCount>;
export type ImportJob = z.output<typeof audience.importJob>;
export type ImportPreview = z.output<typeof audience.importPreview>;
export type Suppression = z.output<typeof audience.suppression>;
export type Campaign = z.output<typeof campaign.campaign>;
export type CampaignLine = z.output<typeof campaign.campaignLine>;
export type CampaignAudience = z.output<typeof campaign.audience>;
export type Counts = z.output<typeof campaign.counts>;
export type Preflight = z.output<typeof campaign.preflight>;
export type Preview = z.output<typeof campaign.preview>;
export type Progress = z.output<typeof campaign.progress>;
export type Report = z.output<typeof campaign.report>;
export type LedgerLine = z.output<typeof campaign.ledgerLine>;
export type Domain = z.output<typeof sending.domain>;
export type DnsRecord = z.output<typeof sending.dnsRecord>;
export type Source = z.output<typeof sending.source>;
export type Queue = z.output<typeof sending.queue>;
export type Destination = z.output<typeof sending.destination>;
export type DeliveryStory = z.output<typeof sending.deliveryStory>;
export type Brand = z.output<typeof sending.brand>;
export type Mailbox = z.output<typeof sending.mailbox>;
export type Settings = z.output<typeof sending.settings>;
export type Setup = z.output<typeof sending.setup>;

/** What `/api/stream` sends. */
export type StreamEvent =
  | { event: 'conversation'; data: { rows: Conversation[]; version: number } }
  | { event: 'campaign' | 'import' | 'queue' | 'suppression' | 'settings'; data: { at: number } }
  | { event: 'hello'; data: { version: number; now: number } };
