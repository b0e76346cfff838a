/**
 * The fields by which bulk mail says what it is and how to leave it. They are what Gmail, Yahoo and the others look for,
 * and all of them are under our signature.
 */
import { createHash } from 'node:crypto';
import { rawField, type HeaderField } from './header.ts';

/** What is the same in all messages of a campaign. */
export interface ListFrame {
  listId: HeaderField | undefined;
  feedback: HeaderField;
}

export interface CampaignFacts {
  /** The list's id, stable for its life, and its name; absent when the mail goes to a segment only. */
  list?: { id: number; name: string };
  /** The From domain. */
  domain: string;
  /** Counted together in Gmail's Postmaster Tools; never personal. */
  feedback: { campaign: string; segment?: string; stream: string; sender: string };
}

export const listFrame = ({ list, domain, feedback }: CampaignFacts): ListFrame => ({
  listId: list === undefined ? undefined : listIdField(list, domain),
  feedback: feedbackField(feedback),
});

export interface ListFacts {
  frame: ListFrame;
  /** One HTTPS address that acts upon POST (RFC 8058), unforgeable, of this recipient alone. */
  unsubscribeUrl: string;
  /** The same by mail, for programs that know only RFC 2369. */
  unsubscribeAddress: string;
  /** The signed reference that comes back in complaints. */
  reference: string;
}

/** Ours: carries the f token, which a feedback report must bring back before it may act. */
export const REFERENCE_FIELD = 'X-Parley-Reference';

/**
 * The fields of one bulk message, in order.
 *
 * No Auto-Submitted: a campaign is written by people and wants their answers, out-of-office ones included (RFC 3834 5 is
 * for what machines write). Precedence: bulk stays, so that ill-mannered responders keep quiet.
 */
export function listHeaders(facts: ListFacts): HeaderField[] {
  const fields = [
    // RFC 2369 3.2, RFC 8058 3.1: exactly one HTTPS URI; ours comes first, since programs take the first they know.
    rawField('List-Unsubscribe', [
      `<${facts.unsubscribeUrl}>,`,
      `<mailto:${facts.unsubscribeAddress}?subject=unsubscribe>`,
    ]),
    // RFC 8058 3.1: the value is literal.
    'List-Unsubscribe-Post: List-Unsubscribe=One-Click',
    facts.frame.feedback,
    `${REFERENCE_FIELD}: ${facts.reference}`,
    'Precedence: bulk',
  ];
  if (facts.frame.listId !== undefined) fields.unshift(facts.frame.listId);
  return fields;
}

/** RFC 2919 2: the identifier never changes with the list's name. */
function listIdField({ id, name }: { id: number; name: string }, domain: string): HeaderField {
  const words = /^[\u0020-\u007e]{1,60}$/.test(name) ? [`"${name.replace(/["\\]/g, '')}"`] : [];
  return rawField('List-Id', [...words, `<list-${id}.${domain}>`]);
}

/**
 * Google's Feedback-ID: up to three fields of ours, none of them personal, and the sender last, which must be the same for
 * all of our mail from a domain and have 5 to 15 characters.
 */
function feedbackField({ campaign, segment = '', stream, sender }: CampaignFacts['feedback']): HeaderField {
  const clean = (text: string) => text.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 40);
  return rawField('Feedback-ID', [[campaign, segment, stream, feedbackSender(sender)].map(clean).join(':')]);
}

/** The domain where it fits, else its beginning and a digest of it: the same for a domain for ever. */
export function feedbackSender(domain: string): string {
  if (domain.length >= 5 && domain.length <= 15) return domain;
  const digest = createHash('sha256').update(domain).digest('hex');
  return `${domain.slice(0, 6)}-${digest.slice(0, 8)}`;
}
