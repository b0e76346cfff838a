/**
 * In which words the providers of the lab take and refuse mail, modelled on what the real ones answer (2026-11). A
 * `\n` in a reply makes it a multi-line one; `{rcpt}`, `{ip}`, `{id}` and their like are filled when it is said.
 */

export type Reply =
  | 'unknown-user'
  | 'mailbox-full'
  | 'mailbox-full-for-now'
  | 'greylisted'
  | 'too-many-connections'
  | 'too-many-messages'
  | 'rate-limited'
  | 'unauthenticated'
  | 'tls-required'
  | 'too-big'
  | 'not-ours'
  | 'accepted';

export const POSTFIX_SAYS: Record<Reply, string> = {
  'unknown-user': '550 5.1.1 <{rcpt}>: Recipient address rejected: User unknown in virtual mailbox table',
  'mailbox-full': '552 5.2.2 <{rcpt}>: Recipient address rejected: Mailbox full, quota exceeded',
  'mailbox-full-for-now':
    '452 4.2.2 <{rcpt}>: Recipient address rejected: Mailbox is over quota, try again later',
  greylisted:
    '450 4.2.0 <{rcpt}>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/{domain}.html',
  'too-many-connections': '421 4.7.0 {host} Error: too many connections from {ip}',
  'too-many-messages': '421 4.7.0 {host} Error: too many messages in this session',
  'rate-limited': '450 4.7.1 Error: too much mail from {ip}',
  unauthenticated: '550 5.7.26 Message rejected: DKIM signature of {from} did not verify',
  'tls-required': '530 5.7.0 Must issue a STARTTLS command first',
  'too-big': '552 5.3.4 Message size exceeds fixed limit',
  'not-ours': '554 5.7.1 <{rcpt}>: Relay access denied',
  accepted: '250 2.0.0 Ok: queued as {id}',
};

export const EXIM_SAYS: Record<Reply, string> = {
  ...POSTFIX_SAYS,
  'unknown-user': '550 Unrouteable address',
  'mailbox-full': '552 mailbox is full: retry timeout exceeded',
  'mailbox-full-for-now': '452 4.2.2 mailbox is full',
  greylisted: '450 4.2.0 Greylisted: please try again later',
  'too-many-connections': '421 Too many concurrent SMTP connections from {ip}; please try again later.',
  'rate-limited': '451 Sender rate overlimit - {ip} / 1h',
  'not-ours': '550 relay not permitted',
  accepted: '250 OK id={id}',
};

export const GMAIL_SAYS: Record<Reply, string> = {
  'unknown-user':
    '550-5.1.1 The email account that you tried to reach does not exist. Please try\n' +
    "550-5.1.1 double-checking the recipient's email address for typos or\n" +
    '550-5.1.1 unnecessary spaces. For more information, go to\n' +
    '550 5.1.1  https://support.google.com/mail/?p=NoSuchUser {id} - gsmtp',
  'mailbox-full':
    "552-5.2.2 The recipient's inbox is out of storage space and inactive. Please\n" +
    '552-5.2.2 direct the recipient to\n' +
    '552 5.2.2  https://support.google.com/mail/?p=OverQuotaPerm {id} - gsmtp',
  'mailbox-full-for-now':
    "452-4.2.2 The recipient's inbox is out of storage space. Please direct the\n" +
    '452-4.2.2 recipient to\n' +
    '452 4.2.2  https://support.google.com/mail/?p=OverQuotaTemp {id} - gsmtp',
  greylisted:
    '450-4.2.1 The user you are trying to contact is receiving mail too quickly.\n' +
    '450-4.2.1 Please resend your message at a later time. For more information, go to\n' +
    '450 4.2.1  https://support.google.com/mail/?p=ReceivingRate {id} - gsmtp',
  'too-many-connections':
    '421 4.7.0 Too many concurrent connections from {ip}, closing connection. {id} - gsmtp',
  'too-many-messages': '421 4.7.0 Too many messages on this connection, closing connection. {id} - gsmtp',
  'rate-limited':
    '421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating\n' +
    '421-4.7.28 from your IP address [{ip}]. To protect our users from spam,\n' +
    '421-4.7.28 mail sent from your IP address has been temporarily rate limited.\n' +
    '421 4.7.28  https://support.google.com/mail/?p=UnsolicitedRateLimitError {id} - gsmtp',
  unauthenticated:
    '550-5.7.26 Your email has been blocked because the sender is unauthenticated.\n' +
    '550-5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM.\n' +
    '550-5.7.26  Authentication results:\n' +
    '550-5.7.26  DKIM = did not pass\n' +
    '550 5.7.26  https://support.google.com/mail/answer/81126#authentication {id} - gsmtp',
  'tls-required':
    "421-4.7.29 Your email has been rate limited because this message wasn't sent\n" +
    '421 4.7.29 over a TLS connection. {id} - gsmtp',
  'too-big': '552 5.3.4 Your message exceeded the message size limits. {id} - gsmtp',
  'not-ours': '550 5.7.1 Relaying denied. {id} - gsmtp',
  accepted: '250 2.0.0 OK  {time} {id} - gsmtp',
};

export const OUTLOOK_SAYS: Record<Reply, string> = {
  'unknown-user': '550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [{mark}]',
  'mailbox-full': '552 5.2.2 Requested mail action aborted: exceeded storage allocation. [{mark}]',
  'mailbox-full-for-now': '452 4.2.2 Mailbox full, please retry later. [{mark}]',
  greylisted:
    '451 4.7.650 The mail server [{ip}] has been temporarily rate limited due to IP reputation. [{mark}]',
  'too-many-connections':
    '421 4.3.2 The maximum number of concurrent server connections has exceeded a limit, closing transmission channel [{mark}]',
  'too-many-messages':
    '421 4.4.2 Exceeded maximum number of messages per connection, closing transmission channel [{mark}]',
  'rate-limited': '451 4.7.500 Server busy. Please try again later from [{ip}]. (S77714) [{mark}]',
  unauthenticated:
    '550 5.7.515 Access denied, sending domain {from} does not meet the required authentication level. [{mark}]',
  'tls-required': '530 5.7.0 Must issue a STARTTLS command first [{mark}]',
  'too-big': '552 5.3.4 Message size exceeds fixed maximum message size [{mark}]',
  'not-ours': '550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain [{mark}]',
  accepted: '250 2.6.0 <{id}@lab> [InternalId={time}, Hostname={mark}] Queued mail for delivery -> 250 2.1.5',
};

export const OFFICE365_SAYS: Record<Reply, string> = {
  ...OUTLOOK_SAYS,
  'unknown-user':
    '550 5.4.1 Recipient address rejected: Access denied. For more information see https://aka.ms/EXOSmtpErrors [{mark}]',
};

export const YAHOO_SAYS: Record<Reply, string> = {
  'unknown-user': "554 delivery error: dd This user doesn't have a {domain} account ({rcpt}) [0] - {host}",
  'mailbox-full':
    '552 5.2.2 Sorry, your message to {rcpt} cannot be delivered. This mailbox is over quota. - {host}',
  'mailbox-full-for-now': '452 4.2.2 Mailbox of {rcpt} is over quota, try again later - {host}',
  greylisted: '451 4.3.2 Internal error, please try again later - {host}',
  'too-many-connections':
    '421 4.7.0 Too many concurrent connections from {ip}; please try again later - {host}',
  'too-many-messages': '421 Max message per connection reached, closing transmission channel - {host}',
  'rate-limited':
    '421 4.7.0 [TSS04] Messages from {ip} temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes',
  unauthenticated:
    '554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes',
  'tls-required': '530 5.7.0 Must issue a STARTTLS command first',
  'too-big': '552 5.3.4 Message size exceeds fixed limit',
  'not-ours': '550 relaying denied for <{rcpt}>',
  accepted: '250 ok dirdel {id}',
};

export const ORANGE_SAYS: Record<Reply, string> = {
  ...POSTFIX_SAYS,
  'unknown-user':
    '550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR204_416 [416]',
  'mailbox-full': '552 5.1.1 La boite du destinataire est pleine. Recipient overquota. OFR_417 [417]',
  'mailbox-full-for-now': '452 4.2.2 Boite du destinataire pleine. Mailbox over quota. OFR204_417 [417]',
  'too-many-connections':
    '421 {host} ME Trop de connexions, veuillez verifier votre configuration. Too many connections, slow down. OFR004_104 [104]',
  'too-many-messages':
    '421 {host} ME Trop de messages sur cette connexion. Too many messages. OFR004_105 [105]',
  'rate-limited':
    '421 {host} Service refuse. Veuillez essayer plus tard. Service refused, please try later. OFR005_103 [103]',
  unauthenticated: '550 5.7.26 Service refuse. DKIM du domaine {from} non valide. OFR_515 [515]',
  accepted: '250 2.0.0 {id} mail accepted for delivery',
};

export const LAPOSTE_SAYS: Record<Reply, string> = {
  ...POSTFIX_SAYS,
  'unknown-user': '550 5.1.1 <{rcpt}>: Adresse du destinataire inconnue. Unknown recipient. LPN007_416',
  'mailbox-full': '552 5.2.2 <{rcpt}>: La boite du destinataire est pleine. Recipient overquota. LPN007_417',
  'mailbox-full-for-now': '452 4.2.2 <{rcpt}>: La boite du destinataire est pleine. Mailbox full. LPN007_417',
  greylisted: '450 4.2.0 <{rcpt}>: Service temporairement indisponible, veuillez reessayer. LPN007_201',
  'too-many-connections': '421 4.7.0 {host} Trop de connexions simultanees. Too many connections. LPN007_104',
  'rate-limited': '451 4.7.1 Service refuse, veuillez reessayer plus tard. Slow down. LPN007_105',
  unauthenticated: '550 5.7.26 Authentification DKIM de {from} en echec. LPN007_402',
};

export const FREE_SAYS: Record<Reply, string> = {
  ...POSTFIX_SAYS,
  'unknown-user': '550 5.1.1 <{rcpt}>: Recipient address rejected: User unknown in relay recipient table',
  greylisted: '451 too many errors from your ip (Greylisted {ip}) please visit http://postmaster.free.fr/',
  'too-many-connections': '421 Too many spams from your IP ({ip}), please visit http://postmaster.free.fr/',
  'rate-limited': '421 4.7.1 {ip} rate limited, please visit http://postmaster.free.fr/',
};

export const SFR_SAYS: Record<Reply, string> = {
  ...POSTFIX_SAYS,
  'unknown-user': '550 5.1.1 <{rcpt}>: Recipient address rejected: unknown user {domain}',
  'too-many-connections': '421 4.7.0 {host} Error: too many connections from {ip}, slow down',
  'rate-limited': '450 4.7.1 <{ip}>: Client host rejected: too many messages, retry later',
};

export const GMX_SAYS: Record<Reply, string> = {
  ...POSTFIX_SAYS,
  'unknown-user':
    '550-Requested action not taken: mailbox unavailable\n' +
    '550 For explanation visit https://postmaster.gmx.net/en/error-messages?ip={ip}&c=rcpt',
  'mailbox-full':
    '552 Requested mail action aborted: exceeded storage allocation\n552 Quota exceeded for <{rcpt}>',
  'too-many-connections': '421 {host} Service closing transmission channel - Too many connections from {ip}',
  'rate-limited':
    '450 Requested mail action not taken: mailbox unavailable, policy restrictions, retry later',
  unauthenticated: '554-Transaction failed\n554 Reject due to policy violations: DKIM of {from} failed',
  accepted: '250 Requested mail action okay, completed: id={id}',
};

export const ICLOUD_SAYS: Record<Reply, string> = {
  ...POSTFIX_SAYS,
  'unknown-user': '550 5.1.1 <{rcpt}>: user does not exist',
  'mailbox-full': '552 5.2.2 <{rcpt}>: user is over quota',
  'mailbox-full-for-now': '452 4.2.2 <{rcpt}>: user is over quota',
  'rate-limited':
    '450 4.7.0 [CS01] Message rejected due to local policy. Please visit https://support.apple.com/en-us/HT204137',
  'too-many-messages':
    '421 4.7.0 [HM07] Too many messages in one session. Please visit https://support.apple.com/en-us/HT204137',
  unauthenticated:
    '554 5.7.1 [HM08] Message rejected due to local policy: DKIM. Please visit https://support.apple.com/en-us/HT204137',
};

/** Fills the blanks of a reply: `{rcpt}`, `{ip}`, `{id}` and their like. */
export function fillReply(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (blank, name: string) => values[name] ?? blank);
}
