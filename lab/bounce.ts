/**
 * Bounces that come an hour later: the provider said 250 and then found that nobody is at home. Each in the dialect
 * of its server: Google's, Exchange's, Yahoo's, Postfix's, Exim's, and qmail's plain letter without any report part.
 */
import { fillReply } from './provider-replies.ts';
import type { Provider } from './providers.ts';
import { mailbox, mailDate, multipart, singlePart, type Fields, type Part } from './letter.ts';

export interface BounceOf {
  provider: Provider;
  recipient: string;
  returnPath: string;
  /** The message that could not be delivered. */
  raw: Buffer;
  messageId: string;
  subject: string;
  at: number;
  id: string;
}

const REPORT = 'report; report-type=delivery-status';

export function bounceMail(of: BounceOf): Buffer {
  switch (of.provider.bounces.dialect) {
    case 'google':
      return google(of);
    case 'exchange':
      return exchange(of);
    case 'yahoo':
      return plain(of, 'Failure Notice', yahooText(of));
    case 'postfix':
      return postfix(of);
    case 'exim':
      return exim(of);
    case 'qmail':
      return plain(of, 'failure notice', qmailText(of));
    default:
      return of.provider.bounces.dialect satisfies never;
  }
}

function fields(of: BounceOf, name: string, subject: string, more: Fields = []): Fields {
  const host = of.provider.bounces.reporting;
  return [
    ['Received', `by ${host}; ${mailDate(of.at)}`],
    ['Date', mailDate(of.at)],
    ['From', mailbox(name, of.provider.bounces.from)],
    ['To', of.returnPath],
    ['Subject', subject],
    ['Message-ID', `<${of.id}@${host}>`],
    ...more,
  ];
}

/** RFC 3464 2.1: fields of the message, a blank line, fields of the recipient. */
function statusPart(of: BounceOf, status: string, diagnostic: string, more: Fields = []): Part {
  const lines: Fields = [
    ['Reporting-MTA', `dns; ${of.provider.bounces.reporting}`],
    ['Arrival-Date', mailDate(of.at - 60_000)],
    ['', ''],
    ['Final-Recipient', `rfc822; ${of.recipient}`],
    ['Action', 'failed'],
    ['Status', status],
    ['Diagnostic-Code', `smtp; ${diagnostic}`],
    ...more,
  ];
  const body = lines.map(([name, value]) => (name === '' ? '' : `${name}: ${value}`)).join('\r\n');
  return { type: 'message/delivery-status', encoding: '7bit', body: `${body}\r\n` };
}

function google(of: BounceOf): Buffer {
  const domain = of.recipient.split('@')[1] ?? '';
  const text =
    `\r\n** Address not found **\r\n\r\nYour message wasn't delivered to ${of.recipient} because the address couldn't ` +
    'be found, or is unable to receive mail.\r\n\r\nLearn more here: https://support.google.com/mail/?p=NoSuchUser\r\n\r\n' +
    `The response was:\r\n\r\n550 5.1.1 The email account that you tried to reach does not exist at ${domain}.\r\n`;
  return multipart(
    fields(of, 'Mail Delivery Subsystem', 'Delivery Status Notification (Failure)', [
      ['Auto-Submitted', 'auto-replied'],
      ['X-Failed-Recipients', of.recipient],
      ['In-Reply-To', of.messageId],
      ['References', of.messageId],
    ]),
    REPORT,
    `000000000000${of.id}`,
    [
      { type: 'text/plain; charset="UTF-8"', body: text },
      statusPart(of, '5.1.1', '550-5.1.1 The email account that you tried to reach does not exist.', [
        ['Remote-MTA', `dns; ${of.provider.mx[0]?.host ?? domain}`],
        ['Last-Attempt-Date', mailDate(of.at)],
      ]),
      { type: 'message/rfc822', encoding: '7bit', body: of.raw },
    ],
  );
}

function exchange(of: BounceOf): Buffer {
  const host = of.provider.bounces.reporting;
  const text =
    `Your message to ${of.recipient} couldn't be delivered.\r\n\r\n${of.recipient.split('@')[0]} wasn't found at ` +
    `${of.recipient.split('@')[1]}.\r\n\r\nDiagnostic information for administrators:\r\n\r\nGenerating server: ${host}\r\n\r\n` +
    `${of.recipient}\r\nRemote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient ${of.recipient} not found by SMTP address lookup'\r\n`;
  return multipart(
    fields(of, 'Microsoft Outlook', `Undeliverable: ${of.subject}`, [
      ['Auto-Submitted', 'auto-replied'],
      ['X-MS-Exchange-Message-Is-Ndr', ''],
      ['Content-Language', 'en-US'],
      ['In-Reply-To', of.messageId],
      ['References', of.messageId],
    ]),
    REPORT,
    `${of.id}-ndr`,
    [
      { type: 'text/plain; charset="us-ascii"', body: text },
      statusPart(
        of,
        '5.1.10',
        `550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient ${of.recipient} not found by SMTP address lookup`,
      ),
      { type: 'message/rfc822', encoding: '7bit', body: of.raw },
    ],
  );
}

function postfix(of: BounceOf): Buffer {
  const host = of.provider.bounces.reporting;
  const said = fillReply(of.provider.says['unknown-user'].split('\n')[0] ?? '', {
    rcpt: of.recipient,
    domain: of.recipient.split('@')[1] ?? '',
    host,
    ip: of.provider.out.address,
    id: of.id,
  });
  const status = /^\d{3}[ -](5\.\d+\.\d+)/.exec(said)?.[1] ?? '5.1.1';
  const text =
    `This is the mail system at host ${host}.\r\n\r\nI'm sorry to have to inform you that your message could not\r\n` +
    "be delivered to one or more recipients. It's attached below.\r\n\r\nFor further assistance, please send mail to postmaster.\r\n\r\n" +
    `                   The mail system\r\n\r\n<${of.recipient}>: host ${of.provider.mx[0]?.host ?? host}[${of.provider.mx[0]?.address ?? '127.0.0.1'}] said:\r\n    ${said} (in reply to RCPT TO command)\r\n`;
  return multipart(
    fields(of, 'Mail Delivery System', 'Undelivered Mail Returned to Sender', [
      ['Auto-Submitted', 'auto-replied'],
    ]),
    REPORT,
    `${of.id}/${host}`,
    [
      {
        type: 'text/plain; charset=us-ascii',
        encoding: '7bit',
        body: text,
        fields: [['Content-Description', 'Notification']],
      },
      statusPart(of, status, said, [
        ['Original-Recipient', `rfc822;${of.recipient}`],
        ['Remote-MTA', `dns; ${of.provider.mx[0]?.host ?? host}`],
      ]),
      // RFC 3462 2: the header alone is enough, and many send no more
      { type: 'text/rfc822-headers', encoding: '7bit', body: headerOf(of.raw) },
    ],
  );
}

function exim(of: BounceOf): Buffer {
  const text =
    'This message was created automatically by mail delivery software.\r\n\r\nA message that you sent could not be delivered to one or more of its\r\n' +
    `recipients. This is a permanent error. The following address(es) failed:\r\n\r\n  ${of.recipient}\r\n    host ${of.provider.bounces.reporting}\r\n` +
    '    SMTP error from remote mail server after RCPT TO:\r\n    550 Unrouteable address\r\n';
  return multipart(
    fields(of, 'Mail Delivery System', 'Mail delivery failed: returning message to sender', [
      ['Auto-Submitted', 'auto-replied'],
      ['X-Failed-Recipients', of.recipient],
    ]),
    REPORT,
    `${of.id}-eximdsn`,
    [
      { type: 'text/plain; charset=us-ascii', encoding: '7bit', body: text },
      statusPart(of, '5.0.0', '550 Unrouteable address'),
      { type: 'message/rfc822', encoding: '7bit', body: of.raw },
    ],
  );
}

function yahooText(of: BounceOf): string {
  return (
    `Sorry, we were unable to deliver your message to the following address.\r\n\r\n<${of.recipient}>:\r\n` +
    `554: delivery error: dd Not a valid recipient - ${of.provider.bounces.reporting}\r\n\r\n--- Below this line is a copy of the message.\r\n\r\n`
  );
}

function qmailText(of: BounceOf): string {
  return (
    `Hi. This is the qmail-send program at ${of.provider.bounces.reporting}.\r\nI'm afraid I wasn't able to deliver your message to the following addresses.\r\n` +
    `This is a permanent error; I've given up. Sorry it didn't work out.\r\n\r\n<${of.recipient}>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\r\n` +
    `--- Below this line is a copy of the message.\r\n\r\n`
  );
}

/** A bounce older than RFC 3464: one text, the message pasted below it. */
function plain(of: BounceOf, subject: string, text: string): Buffer {
  return singlePart(fields(of, '', subject), {
    type: 'text/plain; charset=utf-8',
    encoding: '8bit',
    body: Buffer.concat([Buffer.from(`${text}Return-Path: <${of.returnPath}>\r\n`), of.raw]),
  });
}

function headerOf(raw: Buffer): Buffer {
  const end = raw.indexOf('\r\n\r\n');
  return end < 0 ? raw : raw.subarray(0, end + 2);
}
