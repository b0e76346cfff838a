/** What a provider sends when somebody presses the spam button: a feedback report. RFC 5965. */
import { field, readHead } from './headers.ts';
import { mailDate, multipart } from './letter.ts';
import type { Provider } from './providers.ts';

export interface ComplaintOf {
  provider: Provider;
  recipient: string;
  returnPath: string;
  to: string;
  raw: Buffer;
  clientIp: string;
  at: number;
  receivedAt: number;
  id: string;
}

export function complaintMail(of: ComplaintOf): Buffer {
  const feedback = of.provider.feedback;
  if (feedback === undefined) throw new Error(`${of.provider.name} sends no feedback reports`);
  const head = readHead(of.raw);
  const host = feedback.from.split('@')[1] ?? of.provider.out.host;
  // Who complained is often left out (RFC 6590); what was sent still tells, by its own identifiers.
  const isRedacted = of.provider.name === 'outlook' || of.provider.name === 'orange';
  const reported = isRedacted ? redacted(of.raw, of.recipient) : of.raw;
  const lines = [
    'Feedback-Type: abuse',
    `User-Agent: ${feedback.agent}`,
    'Version: 1',
    `Original-Mail-From: <${of.returnPath}>`,
    ...(isRedacted ? [] : [`Original-Rcpt-To: <${of.recipient}>`]),
    `Arrival-Date: ${mailDate(of.receivedAt)}`,
    `Source-IP: ${of.clientIp}`,
    `Reported-Domain: ${(of.returnPath.split('@')[1] ?? '').toLowerCase()}`,
  ];
  return multipart(
    [
      ['Date', mailDate(of.at)],
      ['From', `<${feedback.from}>`],
      ['To', `<${of.to}>`],
      [
        'Subject',
        of.provider.name === 'outlook'
          ? 'complaint about message from ' + of.clientIp
          : `FW: ${field(head, 'subject') ?? ''}`,
      ],
      ['Message-ID', `<${of.id}@${host}>`],
    ],
    'report; report-type=feedback-report',
    `_----------=_${of.id}`,
    [
      {
        type: 'text/plain; charset="US-ASCII"',
        encoding: '7bit',
        body: `This is an email abuse report for an email message received from IP ${of.clientIp} on ${mailDate(of.receivedAt)}.\r\nFor more information about this format please see RFC 5965.\r\n`,
      },
      { type: 'message/feedback-report', encoding: '7bit', body: `${lines.join('\r\n')}\r\n` },
      { type: 'message/rfc822', encoding: '7bit', body: reported },
    ],
  );
}

function redacted(raw: Buffer, address: string): Buffer {
  const shown = `redacted@${address.split('@')[1] ?? 'redacted.invalid'}`;
  return Buffer.from(raw.toString('latin1').replaceAll(address, shown), 'latin1');
}
