/**
 * What Amazon SES reports through SNS: the mail's text is one JSON object that says bounce, complaint or delivery, with the
 * recipients (docs.aws.amazon.com/ses, "notification contents").
 */
import { diagnose } from './diagnosis.ts';
import type { BouncedRecipient } from './dsn.ts';
import type { Headers } from './header.ts';

export interface SesNotice {
  kind: 'bounce' | 'complaint' | 'delivered';
  recipients: BouncedRecipient[];
  /** `abuse` and the like, of a complaint. */
  feedbackType: string;
}

const LONGEST = 256 * 1024;
const MOST = 500;

export function readSesNotice(headers: Headers, text: string): SesNotice | undefined {
  const isSns =
    headers.has('x-amz-sns-message-id') || /@sns\.amazonaws\.com>?\s*$/i.test(headers.raw('from'));
  if (!isSns) return undefined;
  const notice = objectIn(text.slice(0, LONGEST));
  // Asked for with raw delivery the notice is the message, else it stands inside of it as text.
  const inner = typeof notice?.['Message'] === 'string' ? objectIn(notice['Message']) : notice;
  if (inner === undefined) return undefined;
  const type = String(inner['notificationType'] ?? inner['eventType'] ?? '').toLowerCase();
  const about = objectOf(inner[type]);
  if (about === undefined) return undefined;
  if (type === 'bounce') {
    const isPermanent = String(about['bounceType']).toLowerCase() === 'permanent';
    return {
      kind: 'bounce',
      feedbackType: '',
      recipients: listOf(about['bouncedRecipients']).map((one) =>
        recipientOf(
          one['emailAddress'],
          'failed',
          String(one['diagnosticCode'] ?? ''),
          String(one['status'] ?? (isPermanent ? '5.0.0' : '4.0.0')),
        ),
      ),
    };
  }
  if (type === 'complaint')
    return {
      kind: 'complaint',
      feedbackType: String(about['complaintFeedbackType'] ?? 'abuse').toLowerCase(),
      recipients: listOf(about['complainedRecipients']).map((one) =>
        recipientOf(one['emailAddress'], 'delivered', '', ''),
      ),
    };
  if (type !== 'delivery') return undefined;
  const said = String(about['smtpResponse'] ?? '');
  const status = /\b(2\.\d{1,3}\.\d{1,3})\b/.exec(said)?.[1] ?? '2.0.0';
  const addresses = Array.isArray(about['recipients']) ? about['recipients'] : [];
  return {
    kind: 'delivered',
    feedbackType: '',
    recipients: addresses.slice(0, MOST).map((address) => recipientOf(address, 'delivered', said, status)),
  };
}

function recipientOf(
  address: unknown,
  action: BouncedRecipient['action'],
  words: string,
  status: string,
): BouncedRecipient {
  const told = diagnose(status, words.slice(0, 2048));
  return {
    address: String(address ?? '')
      .toLowerCase()
      .slice(0, 320),
    action,
    words: words.slice(0, 2048),
    remoteMta: '',
    ...(action === 'delivered' ? { class: 'unknown-permanent' as const, status, hard: false } : told),
  };
}

type Bag = Record<string, unknown>;

const objectOf = (value: unknown): Bag | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Bag) : undefined;

const listOf = (value: unknown): Bag[] =>
  Array.isArray(value)
    ? value
        .slice(0, MOST)
        .map(objectOf)
        .filter((one) => one !== undefined)
    : [];

/** The first line that is a whole object; SNS writes a footer below it. */
function objectIn(text: string): Bag | undefined {
  for (const line of [text.trim(), ...text.split('\n')]) {
    if (!line.trimStart().startsWith('{')) continue;
    try {
      return objectOf(JSON.parse(line));
    } catch {
      // Not this line.
    }
  }
  return undefined;
}
