/**
 * The HTTP API as one table: each route's name, address, what it takes, what it answers, who may use it. The router, the
 * OpenAPI document and the interface's types all come from here; there is no other description to fall out of step.
 *
 * Every error body is `{ error: { code, message, fields? } }`; `fields` says what is wrong with which field. Times are
 * integer milliseconds since 1970. Changes need the header `x-csrf-token` (from `/api/session`) and a right Origin.
 */
import { z } from 'zod';
import type { DateValue, Definition, Leaf, Node, Window } from '../core/audience/segment.ts';
import { peopleRoutes } from './contract/people-routes.ts';
import { inboxRoutes } from './contract/inbox-routes.ts';
import { audienceRoutes } from './contract/audience-routes.ts';
import { formRoutes } from './contract/form-routes.ts';
import { consentRoutes } from './contract/consent-routes.ts';
import { campaignRoutes } from './contract/campaign-routes.ts';
import { orderRoutes } from './contract/order-routes.ts';
import { eventsRoutes } from './contract/events-routes.ts';
import { egressRoutes } from './contract/egress-routes.ts';
import { imapRoutes } from './contract/imap-routes.ts';
import { malwareRoutes } from './contract/malware-routes.ts';
import { programRoutes } from './contract/program-routes.ts';
import { reportRoutes } from './contract/report-routes.ts';
import { safeRoutes } from './contract/safe-routes.ts';
import { shapingRoutes } from './contract/shaping-routes.ts';
import { sendingRoutes } from './contract/sending-routes.ts';
import { healthRoutes } from './contract/health-routes.ts';
import { personaRoutes } from './contract/persona-routes.ts';
import { pressureRoutes } from './contract/pressure-routes.ts';
import { planningRoutes } from './contract/planning-routes.ts';
import { trackingRoutes } from './contract/tracking-routes.ts';
import { learntRoutes } from './contract/learnt-routes.ts';
import { liveRoutes } from './contract/live-routes.ts';
import type * as audience from './contract/audience.ts';
import type * as consent from './contract/consent.ts';
import type * as egress from './contract/egress.ts';
import type * as form from './contract/form.ts';
import type * as imap from './contract/imap.ts';
import type * as campaign from './contract/campaign.ts';
import type * as inbox from './contract/inbox.ts';
import type * as planning from './contract/planning.ts';
import type * as order from './contract/order.ts';
import type * as people from './contract/people.ts';
import type * as program from './contract/program.ts';
import type * as report from './contract/report.ts';
import type * as safe from './contract/safe.ts';
import type * as shaping from './contract/shaping.ts';
import type * as sending from './contract/sending.ts';

export const routes = {
  ...peopleRoutes,
  ...inboxRoutes,
  ...learntRoutes,
  ...audienceRoutes,
  ...eventsRoutes,
  ...consentRoutes,
  ...formRoutes,
  ...campaignRoutes,
  ...egressRoutes,
  ...imapRoutes,
  ...malwareRoutes,
  ...reportRoutes,
  ...safeRoutes,
  ...shapingRoutes,
  ...sendingRoutes,
  ...healthRoutes,
  ...personaRoutes,
  ...pressureRoutes,
  ...planningRoutes,
  ...trackingRoutes,
  ...orderRoutes,
  ...programRoutes,
  ...liveRoutes,
};

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
export type ConsentRow = z.output<typeof consent.consentRow>;
export type Purpose = z.output<typeof consent.purpose>;
export type SignupForm = z.output<typeof form.form>;
export type TimelineEntry = z.output<typeof audience.timelineEntry>;
export type Field = z.output<typeof audience.field>;
export type List = z.output<typeof audience.list>;
export type Segment = z.output<typeof audience.segment>;
/** What a definition must be; checked by core/audience/segment.ts. */
export type SegmentDefinition = Definition;
export type SegmentNode = Node;
export type SegmentLeaf = Leaf;
export type SegmentWindow = Window;
export type SegmentDate = DateValue;
export type SegmentCount = z.output<typeof audience.segmentCount>;
export type ImportJob = z.output<typeof audience.importJob>;
export type ImportPreview = z.output<typeof audience.importPreview>;
export type Suppression = z.output<typeof audience.suppression>;
export type Warmups = z.output<typeof planning.warmups>;
export type WarmupLine = z.output<typeof planning.warmupLine>;
export type Forecast = z.output<typeof planning.forecast>;
export type SideBySide = z.output<typeof planning.sideBySide>;
export type Campaign = z.output<typeof campaign.campaign>;
export type CampaignLine = z.output<typeof campaign.campaignLine>;
export type CampaignAudience = z.output<typeof campaign.audience>;
export type Counts = z.output<typeof campaign.counts>;
export type Preflight = z.output<typeof campaign.preflight>;
export type EgressSource = z.output<typeof egress.egressSource>;
export type Pool = z.output<typeof egress.pool>;
export type Smarthost = z.output<typeof egress.smarthost>;
export type ImapAccount = z.output<typeof imap.imapAccount>;
export type CampaignStop = z.output<typeof safe.stop>;
export type Incident = z.output<typeof safe.incident>;
export type ShapedProvider = z.output<typeof shaping.provider>;
export type ShapingAction = z.output<typeof shaping.action>;
export type TeamReplyRule = z.output<typeof shaping.teamRule>;
export type InForce = z.output<typeof shaping.inForce>;
export type ShapingOverride = z.output<typeof shaping.override>;
export type Preview = z.output<typeof campaign.preview>;
export type Progress = z.output<typeof campaign.progress>;
export type Report = z.output<typeof campaign.report>;
export type LedgerLine = z.output<typeof campaign.ledgerLine>;
export type Domain = z.output<typeof sending.domain>;
export type DnsRecord = z.output<typeof sending.dnsRecord>;
export type Source = z.output<typeof sending.source>;
export type Queue = z.output<typeof sending.queue>;
export type QueueOrder = z.output<typeof order.order>;
export type QueueOrders = z.output<typeof order.orders>;
export type QueueSource = z.output<typeof order.source>;
export type Destination = z.output<typeof sending.destination>;
export type DeliveryStory = z.output<typeof sending.deliveryStory>;
export type Brand = z.output<typeof sending.brand>;
export type Mailbox = z.output<typeof sending.mailbox>;
export type Settings = z.output<typeof sending.settings>;
export type Credential = z.output<typeof program.credential>;
export type Webhook = z.output<typeof program.webhook>;
export type Setup = z.output<typeof sending.setup>;

/** What `/api/stream` sends. */
export type StreamEvent =
  | { event: 'conversation'; data: { rows: Conversation[]; version: number } }
  | { event: 'campaign' | 'import' | 'queue' | 'suppression' | 'segment' | 'settings'; data: { at: number } }
  | { event: 'hello'; data: { version: number; now: number } };
export type ReportFinding = z.output<typeof report.finding>;
