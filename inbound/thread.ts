/**
 * Where a message belongs. First hit wins: the signed token of the envelope or of an address field, In-Reply-To, References
 * from the newest, a mark of ours in the quotation, then the same proved sender with the same "Re:" subject and no ids at
 * all; else it begins a conversation.
 *
 * The scope rule: a conversation is with one person and the people he or we brought in. Whoever else answers the same mail,
 * a thousand of a campaign's readers or a colleague it was forwarded to, gets one of their own and sees nothing of it.
 */
import { LINK_DOMAIN, readOwnMessageId, readRecipient } from '../core/mail/identifiers.ts';
import { baseSubject } from '../core/mail/subject.ts';
import type { Tokens } from '../core/mail/tokens.ts';
import { newestContinuation } from '../core/store/continuation.ts';
import {
  answeredDelivery,
  contactByAddress,
  conversationAbout,
  conversationOfMessage,
  conversationRow,
  conversationsOf,
  knownIdentifiers,
  participantsOf,
  recentConversations,
  type AnsweredDelivery,
} from '../core/store/thread.ts';
import type { Db, Row } from '../core/store/tables.ts';
import { isForged, isFromProved, type Authentication } from './authenticate.ts';
import type { Rule, Verdict } from './classify.ts';
import { deliveryInBody } from './lost-token.ts';
import { hashOf, type EnvelopeToken, type EnvelopeTokens } from './envelope-token.ts';
import type { Letter } from './parse.ts';
import { originalAddress } from './rewritten-address.ts';

const DAY = 24 * 60 * 60 * 1000;
const SUBJECT_DAYS = 30;
/** A conversation closed longer ago stays closed: who answers it begins a new one that names it. */
const REOPEN_DAYS = 30;

export interface Place {
  /** The delivery of ours that this is about. */
  delivery: AnsweredDelivery | undefined;
  /** What the token that counts is, when there is one. */
  token: EnvelopeToken | undefined;
  /** An existing conversation to join. */
  conversation: Row<'conversation'> | undefined;
  /** The one that was closed long ago, which a new one goes on from. */
  continues: Row<'conversation'> | undefined;
  contactId: number | null;
  /** The other side. */
  address: string;
  trust: 'verified' | 'unverified' | 'none';
  /** The sender is who he says, and it is the person we wrote to. */
  isRecipient: boolean;
  rules: Rule[];
}

export interface ThreadInput {
  letter: Letter;
  verdict: Verdict;
  authentication: Authentication;
  envelope: EnvelopeTokens;
  mailFrom: string;
  tokens: Tokens;
  now: number;
}

export async function thread(db: Db, input: ThreadInput): Promise<Place> {
  switch (input.verdict.kind) {
    case 'bounce':
    case 'delayed':
    case 'delivered':
      return placeOfReport(
        db,
        input,
        input.envelope.valid.find((token) => token.purpose === 'b'),
      );
    case 'complaint':
      return placeOfReport(
        db,
        input,
        returnedToken(input) ?? input.envelope.valid.find((token) => token.purpose === 'b'),
      );
    case 'unsubscribe':
      return placeOfReport(
        db,
        input,
        input.envelope.valid.find((token) => token.purpose === 'u'),
      );
    default:
      return placeOfLetter(db, input);
  }
}

/** A machine's word about a delivery: it acts with a token that we signed, and only then. */
async function placeOfReport(db: Db, input: ThreadInput, token: EnvelopeToken | undefined): Promise<Place> {
  const address = input.letter.from[0]?.address || input.mailFrom || 'unknown';
  const delivery = token && (await answeredDelivery(db, token.deliveryId));
  if (token === undefined || delivery === undefined) {
    const located = await locate(db, input);
    const why =
      input.envelope.faulty.length > 0
        ? `its token is not valid (${input.envelope.faulty.join(', ')})`
        : 'it carries no token that we signed';
    return {
      delivery: located,
      token: undefined,
      conversation: undefined,
      continues: undefined,
      contactId: null,
      address,
      trust: 'unverified',
      isRecipient: false,
      rules: [{ id: 'unverified', why }],
    };
  }
  const shown = input.verdict.kind === 'unsubscribe' ? address : delivery.address;
  return {
    delivery,
    token,
    conversation:
      delivery.conversation_id !== null
        ? await conversationRow(db, delivery.conversation_id)
        : await conversationAbout(db, shown, delivery.id),
    continues: undefined,
    contactId: delivery.contact_id,
    address: shown,
    trust: 'verified',
    isRecipient: input.verdict.kind === 'unsubscribe',
    rules: [{ id: 'token', why: `a token that we signed${keptIn(token)}` }],
  };
}

const keptIn = ({ field }: EnvelopeToken): string =>
  field === undefined ? '' : `, kept in ${field} where the envelope lost it`;

/** For showing what an unverified report is probably about; it never acts. */
async function locate(db: Db, { verdict, tokens, now }: ThreadInput): Promise<AnsweredDelivery | undefined> {
  for (const id of verdict.returnedIds) {
    const reading = readOwnMessageId(tokens, id, now);
    if (reading?.kind === 'valid' && reading.purpose === 'm') return answeredDelivery(db, reading.id);
  }
  return undefined;
}

const TOKEN_ADDRESS = /([a-z0-9.+=_-]{1,200}@[a-z0-9.-]{1,253})/gi;
const TOKEN_LINK = /\/[up]\/([0-9a-z]{32})(?![0-9a-z])/gi;

/** RFC 5965 reports hide the recipient: our own signed marks in the message that came back say who it was. */
function returnedToken({ verdict, tokens, now }: ThreadInput): EnvelopeToken | undefined {
  for (const id of verdict.returnedIds) {
    const reading = readOwnMessageId(tokens, id, now);
    if (reading?.kind === 'valid' && reading.purpose === 'm')
      return { purpose: 'b', deliveryId: reading.id, hash: hashOf(id) };
  }
  for (const value of verdict.returned) {
    for (const match of value.slice(0, 8192).matchAll(TOKEN_ADDRESS)) {
      const found = readRecipient(match[1]!);
      if (found.kind !== 'token') continue;
      const reading = tokens.read(found.token, { domain: found.domain, purpose: found.purpose, now });
      if (reading.kind === 'valid')
        return { purpose: found.purpose, deliveryId: reading.id, hash: hashOf(found.token) };
    }
    for (const match of value.slice(0, 8192).matchAll(TOKEN_LINK)) {
      const reading = tokens.read(match[1]!, { domain: LINK_DOMAIN, purpose: 'u', now });
      if (reading.kind === 'valid') return { purpose: 'u', deliveryId: reading.id, hash: hashOf(match[1]!) };
    }
  }
  return undefined;
}

async function placeOfLetter(db: Db, input: ThreadInput): Promise<Place> {
  const { letter, authentication, envelope, now } = input;
  const from = letter.from[0]?.address || originalAddress(input.mailFrom) || 'unknown';
  const proved = isFromProved(authentication, from);
  const forged = isForged(authentication);
  const rules: Rule[] = [];

  const token = envelope.valid.find((one) => one.purpose === 'r') ?? envelope.valid[0];
  const hit: Hit | undefined =
    token === undefined
      ? ((await byMessageIds(db, input, from)) ??
        (await byThreadIndex(db, input, from)) ??
        byQuotation(input))
      : { deliveryId: token.deliveryId, conversationId: undefined };
  const isWeak = hit?.isWeak === true;
  const delivery = hit?.deliveryId === undefined ? undefined : await answeredDelivery(db, hit.deliveryId);
  if (token !== undefined)
    rules.push({ id: 'thread-token', why: `sent to an address with our token${keptIn(token)}` });
  else if (hit?.byThreadIndex === true)
    rules.push({
      id: 'thread-index',
      why: 'Outlook’s Thread-Index, the subject and the sender are those of a conversation',
    });
  else if (isWeak)
    rules.push({
      id: 'thread-quotation',
      why: 'quotes a mail of ours: it places the answer, and acts on nobody',
    });
  else if (hit !== undefined)
    rules.push({ id: 'thread-message-id', why: 'answers a Message-ID that we know' });

  const contact = await contactByAddress(db, from);
  // They, from the address that we wrote to or from another of theirs.
  const isTheirs =
    delivery !== undefined &&
    (delivery.address.toLowerCase() === from ||
      (contact !== undefined && contact.id === delivery.contact_id));
  const isSame = isTheirs && forged === undefined;
  const place: Place = {
    delivery,
    token,
    conversation: undefined,
    continues: undefined,
    contactId: contact?.id ?? (isSame ? delivery.contact_id : null),
    address: from,
    trust:
      delivery !== undefined && !isWeak && (token !== undefined || proved)
        ? 'verified'
        : envelope.faulty.length > 0
          ? 'unverified'
          : 'none',
    // What only a quotation says is for reading: anybody whom it was sent on to could write the same.
    isRecipient: isSame && !isWeak,
    rules,
  };
  if (forged !== undefined) {
    rules.push({ id: 'dmarc-fail', why: `the From domain's DMARC policy says ${forged}` });
    return { ...place, trust: 'unverified', isRecipient: false };
  }
  const conversation = await conversationFor(db, input, {
    delivery,
    conversationId: hit?.conversationId,
    from,
    proved,
  });
  if (conversation !== undefined) {
    const latest = await newestContinuation(db, conversation, from);
    if (wakes.has(input.verdict.kind) && isLongClosed(latest, now)) {
      place.continues = latest;
      rules.push({
        id: 'continues',
        why: `it goes on from a conversation closed ${REOPEN_DAYS} days ago or more`,
      });
    } else place.conversation = latest;
    place.contactId ??= conversation.address === from ? conversation.contact_id : null;
  } else if (delivery !== undefined && !isSame) {
    rules.push({ id: 'other-address', why: 'answered from another address, or forwarded' });
  }
  return place;
}

/** What a person says; machine mail joins an old conversation without waking it. */
const wakes = new Set<Verdict['kind']>(['reply', 'challenge', 'other', 'unreadable']);

const isLongClosed = ({ state, closed_at, last_message_at }: Row<'conversation'>, now: number): boolean =>
  state === 'closed' && (closed_at ?? last_message_at) < now - REOPEN_DAYS * DAY;

interface Hit {
  deliveryId: number | undefined;
  conversationId: number | undefined;
  /** Found in what a quotation repeats. */
  isWeak?: boolean;
  byThreadIndex?: boolean;
}

/**
 * Outlook writes the same beginning of Thread-Index into every message of a conversation, also where a gateway dropped the
 * ids. It is not a secret and not always true, so it counts together with the subject and the sender only.
 */
async function byThreadIndex(db: Db, { letter }: ThreadInput, from: string): Promise<Hit | undefined> {
  if (letter.threadIndex === null) return undefined;
  const [known] = await knownIdentifiers(db, [letter.threadIndex]);
  if (known?.conversation_id == null) return undefined;
  const conversation = await conversationRow(db, known.conversation_id);
  if (conversation?.address !== from) return undefined;
  if (baseSubject(conversation.subject).base !== baseSubject(letter.subject).base) return undefined;
  return {
    deliveryId: conversation.delivery_id ?? undefined,
    conversationId: conversation.id,
    isWeak: true,
    byThreadIndex: true,
  };
}

function byQuotation({ letter, tokens, now }: ThreadInput): Hit | undefined {
  const deliveryId = deliveryInBody(letter, { tokens, now });
  return deliveryId === undefined ? undefined : { deliveryId, conversationId: undefined, isWeak: true };
}

/** In-Reply-To, then References from the last: ours by their token, others by what we remember. */
async function byMessageIds(
  db: Db,
  { letter, tokens, now }: ThreadInput,
  from: string,
): Promise<Hit | undefined> {
  const ids = [...new Set([...letter.inReplyTo, ...letter.references.toReversed()])].slice(0, 60);
  const known = await knownIdentifiers(db, ids);
  // A colleague wrote to them from elsewhere with us in copy: their answer to that names our conversation with them too.
  const several = new Set(known.map((row) => row.conversation_id).filter((id) => id !== null));
  const own = several.size < 2 ? new Set<number>() : new Set(await conversationsOf(db, [...several], from));
  const isAnothers = (id: number | null) => id !== null && own.size > 0 && !own.has(id);
  for (const id of ids) {
    const reading = readOwnMessageId(tokens, id, now);
    if (reading?.kind === 'valid') {
      if (reading.purpose === 'm') return { deliveryId: reading.id, conversationId: undefined };
      const conversationId = await conversationOfMessage(db, reading.id);
      if (conversationId !== undefined) return { deliveryId: undefined, conversationId };
    }
    // Remembered in lower case, written as their programs like.
    const row = known.find((one) => one.value === id.toLowerCase());
    if (row !== undefined && !isAnothers(row.conversation_id))
      return { deliveryId: row.delivery_id ?? undefined, conversationId: row.conversation_id ?? undefined };
  }
  return undefined;
}

async function conversationFor(
  db: Db,
  input: ThreadInput,
  {
    delivery,
    conversationId,
    from,
    proved,
  }: {
    delivery: AnsweredDelivery | undefined;
    conversationId: number | undefined;
    from: string;
    proved: boolean;
  },
): Promise<Row<'conversation'> | undefined> {
  const wanted = conversationId ?? delivery?.conversation_id ?? undefined;
  if (wanted !== undefined) {
    const conversation = await conversationRow(db, wanted);
    if (conversation === undefined) return undefined;
    const isMember = conversation.address === from || (await participantsOf(db, conversation.id)).has(from);
    return isMember ? conversation : undefined;
  }
  if (delivery !== undefined) return conversationAbout(db, from, delivery.id);
  return bySubject(db, input, from, proved);
}

/** The writer's system dropped every id: the proved sender, the same subject with a "Re:", not long ago. */
async function bySubject(
  db: Db,
  { letter, now }: ThreadInput,
  from: string,
  proved: boolean,
): Promise<Row<'conversation'> | undefined> {
  if (!proved || letter.inReplyTo.length > 0 || letter.references.length > 0) return undefined;
  const { base, isReply, isForward } = baseSubject(letter.subject);
  // "WG: AW: x" passes an answer on: it answers nothing itself.
  if (!isReply || isForward || base === '') return undefined;
  const recent = await recentConversations(db, from, now - SUBJECT_DAYS * DAY);
  return recent.find((conversation) => baseSubject(conversation.subject).base === base);
}
