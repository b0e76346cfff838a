/**
 * What a received message is. The rules are asked in order and the first that answers decides; each says which sign it
 * saw, so that staff can read "why". Pure: it sees the letter and the envelope, never the store.
 *
 *     1 reports (DMARC, TLS)   2 complaint (ARF)   3 read receipt   4 bounce by the book (RFC 3464)
 *     5 bounce in prose        6 unsubscribe by mail   7 automatic answer   8 challenge   9 list mail
 *     10 a person
 */
import { challengePhrases } from '../config/autoreply-phrases.ts';
import { originalHeaders, readComplaint, tokensIn, type Complaint } from './arf.ts';
import { readAutoReply } from './auto-reply.ts';
import type { NamedPerson } from './named-people.ts';
import type { Absence } from './return-date.ts';
import { kindOf, readDsn, statusParts, type BouncedRecipient } from './dsn.ts';
import { readForeignBounce } from './foreign-bounce.ts';
import { readIntent, type IntentReading } from './intent.ts';
import { readMessageIds } from './header.ts';
import { partsOf, type Part } from './mime.ts';
import type { Letter } from './parse.ts';
import { readReply, type ReplyReading } from './reply.ts';
import { readReport, type Report } from './reports.ts';
import { readSesNotice } from './ses-notice.ts';
import { withUntoldStage } from './untold-stage.ts';
import { plainLetters } from './words.ts';
import type { VerdictKind } from '../core/store/tables.ts';

export interface Rule {
  id: string;
  why: string;
}

/** What the envelope and the store know before anything is read. */
export interface Context {
  /** Undefined for a file that never came by SMTP. */
  mailFrom: string | undefined;
  /** Purposes of the tokens among the recipients. */
  purposes: ('b' | 'r' | 'u')[];
  now: number;
  /** The text of the mail that this may answer, when we hold it. */
  ownText?: string | undefined;
  /** What the HTML beside the text marks as a quotation. */
  oldText?: string | undefined;
}

/** What an automatic answer says of its writer: shown, and proposed where a person must decide. */
export interface Told {
  hasLeft: boolean;
  absence: Absence | null;
  people: NamedPerson[];
  /** The words by which it was known. */
  evidence: string;
}

export interface Verdict {
  kind: VerdictKind;
  detail: string;
  /** 0 to 1. */
  confidence: number;
  rules: Rule[];
  recipients: BouncedRecipient[];
  complaint: Complaint | null;
  /** What a receiver's report says, where it could be read. */
  report: Report | null;
  /** Header values of the returned message in which a token of ours may stand. */
  returned: string[];
  /** Message-IDs of the returned message. */
  returnedIds: string[];
  /** When somebody who is away is back, and only where no doubt remains. */
  awayUntil: number | null;
  /** What an automatic answer tells. */
  told: Told | null;
  reply: ReplyReading;
  intent: IntentReading | null;
}

export function classify(letter: Letter, mime: Part, context: Context): Verdict {
  const { headers } = mime;
  const original = originalHeaders(mime);
  const reply = readReply(letter.text, {
    marks: letter.marks,
    ownText: context.ownText,
    oldText: context.oldText,
  });
  const base: Verdict = {
    kind: 'other',
    detail: '',
    confidence: 1,
    rules: [],
    recipients: [],
    complaint: null,
    report: null,
    returned: original === undefined ? [] : tokensIn(original),
    returnedIds: original === undefined ? [] : readMessageIds(original.raw('message-id')),
    awayUntil: null,
    told: null,
    reply,
    intent: null,
  };
  const verdict = (
    kind: VerdictKind,
    detail: string,
    id: string,
    why: string,
    more: Partial<Verdict> = {},
  ): Verdict => ({
    ...base,
    kind,
    detail,
    ...more,
    rules: more.rules ?? [{ id, why }],
  });

  const found = readReport(headers, letter.subject, mime);
  if (found !== undefined)
    return verdict(found.kind, found.detail, `report-${found.kind}`, found.why, {
      report: found.report,
      // The same form (RFC 6591 3): whom the failed message was for stands in it too.
      complaint: found.kind === 'dmarc-failure' ? (readComplaint(mime) ?? null) : null,
    });

  const complaint = readComplaint(mime);
  if (complaint !== undefined)
    return verdict('complaint', complaint.feedbackType, 'arf', `Feedback-Type: ${complaint.feedbackType}`, {
      complaint,
    });

  // RFC 8098 3: Disposition tells what became of it; never a sign that the person wrote.
  if ([...partsOf(mime)].some((part) => part.type === 'message/disposition-notification'))
    return verdict('read-receipt', 'disposition', 'mdn', 'a disposition notification (RFC 8098)');

  const notice = readSesNotice(headers, letter.text);
  if (notice !== undefined)
    return verdict(notice.kind, 'amazon-ses', 'amazon-ses', `Amazon SES reports a ${notice.kind}`, {
      recipients: notice.recipients,
      ...(notice.kind === 'complaint' && {
        complaint: {
          feedbackType: notice.feedbackType,
          userAgent: 'Amazon SES',
          recipients: notice.recipients.map((one) => one.address),
          sourceIp: '',
          isAuthenticationFailure: false,
        },
      }),
    });

  const doubted = (recipient: BouncedRecipient) => withUntoldStage(recipient, { headers, text: letter.text });
  const parts = statusParts(mime);
  if (parts.length > 0) {
    const recipients = readDsn(parts, letter.text).map(doubted);
    if (recipients.length > 0) {
      const kind = kindOf(recipients);
      return verdict(
        kind,
        recipients[0]!.class,
        'rfc3464',
        `a delivery status notification, Action: ${recipients[0]!.action}`,
        { recipients },
      );
    }
  }

  const foreign = readForeignBounce({ headers, mailFrom: context.mailFrom, text: letter.text, original });
  if (foreign !== undefined) foreign.recipients = foreign.recipients.map(doubted);
  const automatic = readAutoReply({
    headers,
    mailFrom: context.mailFrom,
    fromAddress: letter.from[0]?.address ?? '',
    subject: letter.subject,
    text: reply.visible,
    toReturnPath: context.purposes.includes('b'),
    sent: writersDay(letter.date, headers.raw('date'), context.now),
    known: [...letter.from, ...letter.replyTo, ...letter.to, ...letter.cc].map((one) => one.address),
  });
  const rules = automatic.signs.map(({ id, why, points }) => ({
    id: `auto-${id}`,
    why: `${why} (${points > 0 ? '+' : ''}${points})`,
  }));
  const isClearlyAutomatic = automatic.signs.some(
    (sign) => ['auto-submitted', 'subject', 'absence'].includes(sign.id) && sign.points >= 3,
  );
  const isDaemonBounce = foreign !== undefined && (foreign.recipients.length > 0 || !automatic.isAutomatic);
  if (
    isDaemonBounce &&
    !(automatic.isAutomatic && isClearlyAutomatic && automatic.detail === 'out-of-office')
  ) {
    return verdict(
      foreign.delayed ? 'delayed' : 'bounce',
      foreign.recipients[0]?.class ?? 'unknown-permanent',
      'foreign-bounce',
      foreign.why,
      { recipients: foreign.recipients, confidence: foreign.recipients.length > 0 ? 0.8 : 0.5 },
    );
  }

  if (context.purposes.includes('u'))
    return verdict('unsubscribe', 'mailto', 'unsubscribe-address', 'sent to an unsubscribe address');

  if (automatic.isAutomatic)
    return verdict('autoreply', automatic.detail, 'auto-reply', '', {
      rules,
      confidence: Math.min(0.99, 0.5 + automatic.score / 20),
      // Read by the writer's clock; what is over by ours does nothing.
      awayUntil:
        automatic.absence === undefined ||
        automatic.absence.isDoubtful ||
        automatic.absence.until <= context.now
          ? null
          : automatic.absence.until,
      told: {
        hasLeft: automatic.detail === 'left-company',
        absence: automatic.absence ?? null,
        people: automatic.people,
        evidence: automatic.evidence,
      },
    });

  const challenge = challengeIn(letter);
  if (challenge !== undefined)
    return verdict('challenge', 'challenge', 'challenge', `says “${challenge}”`, { confidence: 0.7 });

  const isAnswer = context.purposes.includes('r') || letter.inReplyTo.length > 0;
  const listSign = ['list-id', 'list-post', 'list-unsubscribe', 'feedback-id'].find((name) =>
    headers.has(name),
  );
  const isBulk = /^\s*(?:bulk|list|junk)\s*$/i.test(headers.raw('precedence'));
  if ((listSign !== undefined || isBulk) && !isAnswer)
    return verdict(
      'list',
      'newsletter',
      'list',
      listSign === undefined ? 'Precedence: bulk' : `has ${listSign}`,
      { confidence: 0.9 },
    );

  const intent = readIntent(ownWords(letter.text, reply));
  return verdict(
    'reply',
    intent.intent,
    'person',
    isAnswer ? 'an answer, with no sign of a program' : 'no sign of a program',
    {
      intent,
      confidence: isAnswer ? 0.95 : 0.8,
      rules: [
        { id: 'person', why: isAnswer ? 'an answer, with no sign of a program' : 'no sign of a program' },
        ...(intent.intent === 'other'
          ? []
          : [{ id: `intent-${intent.intent}`, why: `“${intent.evidence}” (${intent.rule})` }]),
        ...rules,
      ],
    },
  );
}

/** The time on the writer's own clock, as if it were UTC: their "tomorrow". A date from the future is none. */
function writersDay(date: number | null, field: string, now: number): number {
  if (date === null || date > now + 24 * 60 * 60 * 1000) return now;
  const zone = /([+-])(\d\d)(\d\d)\s*(?:\([^()]{0,40}\)\s*)?$/.exec(field.slice(0, 200));
  if (zone === null) return date;
  const minutes = Number(zone[2]) * 60 + Number(zone[3]);
  return minutes > 14 * 60 ? date : date + (zone[1] === '-' ? -1 : 1) * minutes * 60_000;
}

/** New words and signature: what is quoted is ours. */
function ownWords(text: string, reply: ReplyReading): string {
  const own = reply.segments.filter((segment) => segment.kind === 'new' || segment.kind === 'signature');
  return own.map((segment) => text.slice(segment.start, segment.end)).join('\n');
}

function challengeIn(letter: Letter): string | undefined {
  const text = plainLetters(`${letter.subject}\n${letter.text.slice(0, 4000)}`);
  return challengePhrases.find((phrase) => text.includes(phrase));
}
