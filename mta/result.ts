/**
 * Turns how an attempt ended into what is written down: the state it leads to, when the next attempt is, and whether the
 * address may be mailed again. Pure, so that its test is a table.
 */
import type { NewSuppression } from '../core/store/suppression.ts';
import type { Delivery, Settlement } from '../core/store/queue.ts';
import type { Outcome } from './outcome.ts';
import { nextAttempt } from './retry.ts';
import type { Route } from './route.ts';
import type { Session } from './session.ts';
import type { Refusal } from './stops.ts';
import type { Transaction } from './transaction.ts';

export interface Result {
  settlement: Settlement;
  suppress: NewSuppression | undefined;
  /** What was said, of an attempt that did not deliver. */
  transcript?: string;
  /** Where it was said (core/store/place.ts): a provider at fault is not believed. */
  place?: string;
}

export interface Attempted {
  transaction: Exclude<Transaction, { kind: 'withheld' }>;
  outcome: Outcome;
  /** With or without brackets. */
  messageId: string;
  sourceId: number | null;
  /** The smarthost that was spoken with. */
  via?: string | null;
  /** The host that was meant, where there was no session. */
  mx: string;
  session: Session | undefined;
  beganAt: number;
  ms: number;
}

export interface Circumstances {
  node: string;
  now: number;
  maxAgeMs: number;
  minAttempts: number;
}

const REPLY_LENGTH = 2048;

/** The remote's answer in one line, code first; ours where it gave none. */
export function wordsOf({ code, enhanced, text, reason }: Outcome): string {
  if (code === null) return reason;
  return [code, enhanced !== null && text.startsWith(enhanced) ? '' : enhanced, text]
    .filter(Boolean)
    .join(' ');
}

/** Our knowledge ends there, and that is said. */
const handedTo = (smarthost: string): string =>
  `handed to ${smarthost}; what the recipient’s provider said of it is not known here`;

/** After the wire. */
export function resultOf(delivery: Delivery, attempted: Attempted, at: Circumstances): Result {
  const { transaction, outcome, session } = attempted;
  const words = wordsOf(outcome).slice(0, REPLY_LENGTH);
  // No session came of it: then what was said is with the refusal.
  const refusal = 'spoke' in transaction ? transaction.spoke : undefined;
  const talk = session ?? refusal;
  const settlement: Settlement = {
    ...blank(delivery, at),
    ...fate(delivery, outcome, at),
    source_id: attempted.sourceId,
    via: attempted.via ?? null,
    ...(attempted.via && outcome.state === 'delivered' && { reason: handedTo(attempted.via) }),
    message_id: attempted.messageId.replace(/^<|>$/g, '').toLowerCase() || null,
    code: outcome.code,
    enhanced: outcome.enhanced,
    reply: words,
    mx: talk?.host ?? attempted.mx,
    ip: talk?.remote.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1') ?? '',
    tls: session?.tls ? `${session.tls.protocol} ${session.tls.cipher}` : '',
    class: outcome.class,
    outcome: transaction.kind === 'dropped' ? 'dropped' : outcome.state,
    began_at: attempted.beganAt,
    ms: Math.round(attempted.ms),
  };
  const isHard = settlement.state === 'bounced' && outcome.suppress === 'now';
  const said = settlement.state === 'delivered' ? [] : (session?.transcript() ?? refusal?.transcript ?? []);
  return {
    settlement,
    suppress: isHard ? hardBounce(delivery, words) : undefined,
    ...(said.length > 0 && { transcript: bounded(said.join('\n')) }),
  };
}

const TRANSCRIPT_OCTETS = 8192;

/** The beginning tells who they are and the end what went wrong: what is too long loses its middle. */
function bounded(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= TRANSCRIPT_OCTETS) return text;
  const half = TRANSCRIPT_OCTETS / 2 - 16;
  // A character that was cut in two becomes the sign for it.
  return `${bytes.subarray(0, half).toString()}\n…\n${bytes.subarray(-half).toString()}`;
}

/** A destination without a route is answered by us, in the receiver's stead. */
export function unroutedResult(
  delivery: Delivery,
  route: Extract<Route, { kind: 'refused' }>,
  at: Circumstances,
): Result {
  const name = route.temporary ? 'dns-failure' : 'invalid-domain';
  const outcome = { class: name, action: null, text: '' } as const;
  const settlement: Settlement = {
    ...blank(delivery, at),
    ...fate(
      delivery,
      { ...outcome, state: route.temporary ? 'deferred' : 'bounced', reason: route.reason },
      at,
    ),
    enhanced: route.enhanced,
    reply: route.reason,
    class: name,
    outcome: route.temporary ? 'deferred' : 'bounced',
  };
  return { settlement, suppress: route.temporary ? undefined : hardBounce(delivery, route.reason) };
}

/** We keep the recipient off the wire for good. */
export function refusedResult(
  delivery: Delivery,
  refusal: Exclude<Refusal, { kind: 'not-now' }>,
  at: Circumstances,
): Result {
  return {
    settlement: {
      ...blank(delivery, at),
      state: refusal.kind,
      reason: hasUnknownEnd(delivery) ? `${refusal.reason}; ${MAY_HAVE_ARRIVED}` : refusal.reason,
      outcome: 'withheld',
    },
    suppress: undefined,
  };
}

/** An attempt before this one was begun, and the process ended before its answer was on disk. */
const hasUnknownEnd = ({ attempt, last_reply }: Delivery): boolean => attempt > 1 && last_reply === null;

const MAY_HAVE_ARRIVED = 'an earlier attempt was cut off and may have arrived';

/** A fault of ours (a template limit, a key that is missing): it waits, and the reason is on it. */
export function faultyResult(delivery: Delivery, reason: string, at: Circumstances): Result {
  const outcome = { state: 'deferred', class: null, action: null, text: '', reason } as const;
  return {
    settlement: {
      ...blank(delivery, at),
      ...fate(delivery, outcome, at),
      reply: reason,
      outcome: 'withheld',
    },
    suppress: undefined,
  };
}

function fate(
  delivery: Delivery,
  outcome: Pick<Outcome, 'state' | 'class' | 'action' | 'text' | 'reason'>,
  { now, maxAgeMs, minAttempts }: Circumstances,
): Pick<Settlement, 'state' | 'due_at' | 'reason'> {
  const { state, reason } = outcome;
  if (state !== 'deferred') return { state, due_at: now, reason };
  const { id, attempt, queued_at } = delivery;
  const next = nextAttempt({
    delivery: id,
    attempt,
    queuedAt: queued_at,
    now,
    outcome,
    maxAgeMs,
    minAttempts,
  });
  return next.kind === 'expired'
    ? { state: 'expired', due_at: now, reason: `${next.reason}: ${reason}` }
    : { state: 'deferred', due_at: next.at, reason };
}

function blank(delivery: Delivery, { node, now }: Circumstances): Settlement {
  return {
    id: delivery.id,
    attempt: delivery.attempt,
    owner: node,
    state: 'deferred',
    due_at: now,
    source_id: null,
    message_id: null,
    code: null,
    enhanced: null,
    reply: '',
    mx: '',
    ip: '',
    tls: '',
    class: null,
    reason: '',
    outcome: 'deferred',
    began_at: now,
    ms: 0,
  };
}

/** DESIGN section 5: a hard bounce stops everything to an address. */
function hardBounce(delivery: Delivery, words: string): NewSuppression {
  return {
    address: delivery.address,
    scope: 'everything',
    reason: 'hard-bounce',
    contact_id: delivery.contact_id,
    delivery_id: delivery.id,
    evidence: words,
  };
}
