/** Complaints in the Abuse Reporting Format (RFC 5965): somebody pressed "this is spam". */
import { readAddresses, readHeaders, type Headers } from './header.ts';
import { typedAddress } from './dsn.ts';
import { decodedText, partsOf, readEmbedded, type Part } from './mime.ts';

export interface Complaint {
  /** abuse, fraud, virus, not-spam, auth-failure, opt-out, other. */
  feedbackType: string;
  userAgent: string;
  /** Addresses that the report names; often hidden. */
  recipients: string[];
  sourceIp: string;
  /** RFC 6591: a DMARC failure report is ARF with this type. */
  isAuthenticationFailure: boolean;
}

export function readComplaint(mime: Part): Complaint | undefined {
  const part = [...partsOf(mime)].find((one) => one.type === 'message/feedback-report');
  if (part === undefined) return hotmailComplaint(mime);
  const fields = readHeaders(decodedText(part).replace(/^\n+/, ''));
  const recipients = ['original-rcpt-to', 'removal-recipient']
    .flatMap((name) => fields.all(name))
    .map(typedAddress)
    .filter((address) => address.includes('@'));
  // Some name the reader nowhere but in the message that comes back.
  if (recipients.length === 0) {
    const sentTo = readAddresses(originalHeaders(mime)?.raw('to') ?? '').map((one) => one.address);
    if (sentTo.length === 1 && sentTo[0]?.includes('@')) recipients.push(sentTo[0].toLowerCase());
  }
  const feedbackType = fields.raw('feedback-type').trim().toLowerCase() || 'abuse';
  return {
    feedbackType,
    userAgent: fields.raw('user-agent').slice(0, 200),
    recipients: [...new Set(recipients)],
    sourceIp: fields.raw('source-ip').slice(0, 60),
    isAuthenticationFailure: /^auth-?failure$/.test(feedbackType),
  };
}

/** Outlook.com's junk reports are the message itself, in an envelope of its own, with the reader in one field. */
function hotmailComplaint(mime: Part): Complaint | undefined {
  const reader =
    originalHeaders(mime)?.raw('x-hmxmroriginalrecipient') || mime.headers.raw('x-hmxmroriginalrecipient');
  if (reader === '') return undefined;
  return {
    feedbackType: 'abuse',
    userAgent: 'Outlook.com junk mail reporting',
    recipients: [typedAddress(reader)].filter((address) => address.includes('@')),
    sourceIp: '',
    isAuthenticationFailure: false,
  };
}

/** The header of the message that came back, from whichever part holds it. */
export function originalHeaders(mime: Part): Headers | undefined {
  for (const part of partsOf(mime)) {
    if (part.path === '') continue;
    if (
      part.type === 'message/rfc822' ||
      part.type === 'message/global' ||
      part.type === 'text/rfc822-headers' ||
      part.type === 'message/global-headers'
    ) {
      return readEmbedded(part).headers;
    }
  }
  return undefined;
}

/** Where one of our tokens may stand in what came back: Message-ID, unsubscribe headers, Feedback-ID, return path. */
export function tokensIn(original: Headers): string[] {
  return ['message-id', 'list-unsubscribe', 'feedback-id', 'return-path', 'x-parley-id', 'reply-to']
    .flatMap((name) => original.all(name))
    .filter((value) => value !== '');
}
