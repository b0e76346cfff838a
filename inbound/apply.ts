/**
 * What a received message does: one transaction in which the inbox, the suppression list, the delivery, the contact and
 * the event log change together, or not at all. A report acts only with a token that we signed, and each token once.
 */
import { suppressIn, unsubscribeScope } from '../core/audience/suppress.ts';
import { toJson } from '../core/store/json.ts';
import { addEvents, type NewEvent } from '../core/store/event.ts';
import { lockReceived, settleInbound, useToken } from '../core/store/inbound.ts';
import { markBouncedAfter, noteContact } from '../core/store/thread.ts';
import type { NewSuppression } from '../core/store/suppression.ts';
import type { Db, Row } from '../core/store/tables.ts';
import { isForged, type Authentication } from './authenticate.ts';
import type { Rule, Verdict } from './classify.ts';
import { keepReport } from './keep-report.ts';
import type { Letter } from './parse.ts';
import { originalAddress } from './rewritten-address.ts';
import { malwareRule, shownWithMalware } from './malware.ts';
import { machine, show, unverified, type Shown } from './show.ts';
import type { Place } from './thread.ts';

const DAY = 24 * 60 * 60 * 1000;
/** Somebody is away and does not say until when (reference: seven days). */
const AWAY_WITHOUT_DATE_MS = 7 * DAY;

/** What a person said that must stop marketing until somebody has read it. */
const PAUSING = new Set(['unsubscribe', 'complaint']);
/** And at most this long: whoever is not answered by then is mailed again, unless they say it once more. */
const PAUSE_MS = 30 * DAY;

export interface Application {
  row: Row<'inbound'>;
  rcptTo: string[];
  letter: Letter;
  verdict: Verdict;
  authentication: Authentication;
  place: Place;
  /** What ClamAV calls it; null: nothing found, or nobody asked. */
  malware: string | null;
}

export interface Applied {
  conversationId: number | null;
  /** What it was taken for in the end, spam included. */
  kind: Verdict['kind'];
  /** To be put into the view before anything is acknowledged. */
  suppressed: Row<'suppression'>[];
}

/** Applies it, once: a second try finds the row taken and does nothing. */
export async function apply(tx: Db, application: Application, now: number): Promise<Applied> {
  const { row, verdict, place, letter } = application;
  if (!(await lockReceived(tx, row.id))) return { conversationId: null, kind: verdict.kind, suppressed: [] };
  const effect =
    application.malware === null
      ? await effectOf(tx, application, now)
      : { ...nothing(shownWithMalware(application)), rules: [malwareRule(application.malware)] };
  const conversationId = effect.shown === undefined ? null : await show(tx, application, effect.shown, now);
  const link = {
    contact_id: place.contactId,
    campaign_id: place.delivery?.campaign_id ?? null,
    delivery_id: place.delivery?.id ?? null,
    conversation_id: conversationId,
    inbound_id: row.id,
  };
  await addEvents(
    tx,
    effect.events.map((event) => ({ ...link, ...event, at: now })),
  );
  const suppressed = await suppressIn(
    tx,
    effect.suppressions.map((suppression) => ({ ...suppression, inbound_id: row.id })),
    now,
  );
  await settleInbound(
    tx,
    row.id,
    {
      kind: verdict.kind,
      detail_kind: verdict.detail,
      confidence: verdict.confidence,
      rules: toJson([...verdict.rules, ...place.rules, ...effect.rules]),
      authentication: toJson(application.authentication),
      trust: place.trust,
      delivery_id: place.delivery?.id ?? null,
      conversation_id: conversationId,
      facts: toJson({
        recipients: verdict.recipients,
        complaint: verdict.complaint,
        awayUntil: verdict.awayUntil,
        replyTo: letter.replyTo.map((person) => person.address).filter((address) => address !== ''),
        intent: verdict.intent,
      }),
    },
    now,
  );
  return { conversationId, kind: verdict.kind, suppressed };
}

interface Effect {
  shown: Shown | undefined;
  events: Omit<NewEvent, 'at'>[];
  suppressions: NewSuppression[];
  rules: Rule[];
}

const nothing = (shown: Shown | undefined): Effect => ({ shown, events: [], suppressions: [], rules: [] });

async function effectOf(tx: Db, application: Application, now: number): Promise<Effect> {
  const { verdict } = application;
  switch (verdict.kind) {
    case 'reply':
    case 'challenge':
      return replied(tx, application, now);
    case 'autoreply':
      return answeredByProgram(tx, application, now);
    case 'bounce':
      return bounced(tx, application, now);
    case 'complaint':
      return complained(tx, application, now);
    case 'unsubscribe':
      return unsubscribed(tx, application, now);
    case 'list':
      return nothing(machine('list'));
    case 'unreadable':
    case 'other':
      return nothing({ ...unverified, category: 'other' });
    case 'spam':
      return nothing({ ...unverified, category: 'human', state: 'spam', unread: false });
    case 'delayed':
    case 'delivered':
    case 'read-receipt':
      return nothing(undefined);
    case 'dmarc':
    case 'dmarc-failure':
    case 'tlsrpt':
      return reported(tx, application, now);
    default:
      return verdict.kind satisfies never;
  }
}

async function replied(
  tx: Db,
  { verdict, place, authentication }: Application,
  now: number,
): Promise<Effect> {
  const forged = isForged(authentication);
  const person: Shown = { category: 'human', state: 'open', waitingOn: 'us', unread: true, silent: false };
  // Without a token of ours a refuted sender is spam by now (spam.ts); with one, staff judge.
  if (forged !== undefined) return nothing(unverified);
  const intent = verdict.intent;
  const effect = nothing(person);
  if (verdict.kind === 'challenge') return effect;
  effect.events.push({
    kind: 'replied',
    data: {
      intent: intent?.intent ?? null,
      confidence: intent?.confidence ?? null,
      fromRecipient: place.isRecipient,
    },
  });
  if (place.contactId !== null) {
    await noteContact(
      tx,
      place.contactId,
      {
        last_human_reply_at: now,
        reply_intent_last: intent?.intent ?? 'other',
        soft_bounces: 'none',
        // Who writes is back.
        away_until: null,
      },
      now,
    );
  }
  // Acts without a person only when the words are short and plain and the writer is the one we wrote to.
  if (
    intent?.intent === 'unsubscribe' &&
    intent.mayAct &&
    place.isRecipient &&
    place.delivery !== undefined
  ) {
    const scope = unsubscribeScope(place.delivery.list_id);
    effect.suppressions.push({
      address: place.delivery.address,
      scope,
      reason: 'unsubscribe-in-words',
      contact_id: place.delivery.contact_id,
      delivery_id: place.delivery.id,
      evidence: intent.evidence,
    });
    effect.events.push({ kind: 'unsubscribed', data: { method: 'words', scope, evidence: intent.evidence } });
    effect.rules.push({ id: 'unsubscribed', why: 'short, plain, and from the person we wrote to' });
    effect.shown = { ...person, state: 'closed', waitingOn: 'them' };
  } else if (
    intent !== null &&
    PAUSING.has(intent.intent) &&
    place.isRecipient &&
    place.delivery !== undefined
  ) {
    // Said, but not so plainly that nobody need look: no marketing until somebody has (core/audience/wish.ts).
    effect.suppressions.push({
      address: place.delivery.address,
      scope: 'pause',
      reason: 'pause',
      contact_id: place.delivery.contact_id,
      delivery_id: place.delivery.id,
      evidence: intent.evidence,
      until: now + PAUSE_MS,
    });
    effect.rules.push({ id: 'asks-agent', why: 'marketing waits until one of you has decided' });
  }
  return effect;
}

async function answeredByProgram(tx: Db, { verdict, place }: Application, now: number): Promise<Effect> {
  const effect = nothing(machine('autoreply'));
  const isAway = verdict.detail === 'out-of-office';
  const until = isAway ? (verdict.awayUntil ?? now + AWAY_WITHOUT_DATE_MS) : null;
  effect.events.push({ kind: 'auto_replied', data: { detail: verdict.detail, awayUntil: until } });
  // Anybody may claim that somebody is away: only who got our mail is believed.
  if (
    until !== null &&
    place.contactId !== null &&
    place.delivery !== undefined &&
    place.trust === 'verified'
  )
    await noteContact(tx, place.contactId, { away_until: until }, now);
  return effect;
}

async function bounced(tx: Db, application: Application, now: number): Promise<Effect> {
  const { verdict, place, row } = application;
  if (place.trust !== 'verified' || place.token === undefined || place.delivery === undefined)
    return nothing(unverified);
  const delivery = place.delivery;
  // A bounce of a colleague's answer belongs before his eyes, in its conversation.
  const shown =
    delivery.conversation_id === null ? machine('bounce') : { ...unverified, category: 'human' as const };
  const effect = nothing(shown);
  if (!(await useToken(tx, { hash: place.token.hash, kind: 'bounce', inboundId: row.id }, now))) {
    effect.rules.push({ id: 'token-used', why: 'this token has counted before: kept, and nothing done' });
    return effect;
  }
  const failed = verdict.recipients.filter((recipient) => recipient.action === 'failed');
  const named = failed.find(
    (recipient) => originalAddress(recipient.address) === delivery.address.toLowerCase(),
  );
  const report = named ?? failed[0];
  const isAboutOther = named === undefined && report !== undefined && report.address !== '';
  const className = report?.class ?? 'unknown-permanent';
  const words = report?.words ?? '';
  await markBouncedAfter(tx, delivery.id, { class: className, words }, now);
  effect.events.push({
    kind: 'bounced',
    data: {
      after: true,
      class: className,
      status: report?.status ?? '',
      words: words.slice(0, 500),
      reported: report?.address ?? '',
    },
  });
  // The report names somebody else (a forward): a sign about the person, no proof.
  if (report?.hard === true && !isAboutOther) {
    effect.suppressions.push({
      address: delivery.address,
      scope: 'everything',
      reason: 'hard-bounce',
      contact_id: delivery.contact_id,
      delivery_id: delivery.id,
      evidence: words,
    });
  } else if (delivery.contact_id !== null) {
    await noteContact(tx, delivery.contact_id, { soft_bounces: 'one-more' }, now);
    if (isAboutOther)
      effect.rules.push({
        id: 'other-recipient',
        why: `it names ${report.address}, not the person we wrote to`,
      });
  }
  return effect;
}

async function complained(tx: Db, { verdict, place, row }: Application, now: number): Promise<Effect> {
  if (place.trust !== 'verified' || place.token === undefined || place.delivery === undefined)
    return nothing(unverified);
  const effect = nothing(machine('bounce'));
  if (!(await useToken(tx, { hash: place.token.hash, kind: 'complaint', inboundId: row.id }, now))) {
    effect.rules.push({ id: 'token-used', why: 'this token has counted before: kept, and nothing done' });
    return effect;
  }
  const type = verdict.complaint?.feedbackType ?? 'abuse';
  effect.events.push({ kind: 'complained', data: { type, reporter: verdict.complaint?.userAgent ?? '' } });
  // RFC 5965 3.1 and its registry: not-spam takes it back; it never suppresses.
  if (type === 'not-spam') return effect;
  effect.suppressions.push({
    address: place.delivery.address,
    scope: 'marketing',
    reason: 'complaint',
    contact_id: place.delivery.contact_id,
    delivery_id: place.delivery.id,
    evidence: `feedback report: ${type}`,
  });
  return effect;
}

/** Into the tables of reports, and never further. */
async function reported(
  tx: Db,
  { verdict, row, letter, authentication }: Application,
  now: number,
): Promise<Effect> {
  const effect = nothing(undefined);
  if (verdict.report === null) return effect;
  const rule = await keepReport(
    tx,
    {
      report: verdict.report,
      inboundId: row.id,
      fromAddress: letter.from[0]?.address || row.mail_from,
      messageId: letter.messageId,
      authentication,
    },
    now,
  );
  effect.rules.push(rule);
  return effect;
}

async function unsubscribed(tx: Db, { place, row }: Application, now: number): Promise<Effect> {
  if (place.trust !== 'verified' || place.token === undefined || place.delivery === undefined)
    return nothing(unverified);
  // Silent: no conversation, no confirmation that could loop.
  const effect = nothing(undefined);
  if (!(await useToken(tx, { hash: place.token.hash, kind: 'unsubscribe', inboundId: row.id }, now)))
    return effect;
  const scope = unsubscribeScope(place.delivery.list_id);
  effect.suppressions.push({
    address: place.delivery.address,
    scope,
    reason: 'unsubscribe',
    contact_id: place.delivery.contact_id,
    delivery_id: place.delivery.id,
    evidence: 'mail to the unsubscribe address',
  });
  effect.events.push({
    kind: 'unsubscribed',
    contact_id: place.delivery.contact_id,
    data: { method: 'mailto', scope },
  });
  return effect;
}
