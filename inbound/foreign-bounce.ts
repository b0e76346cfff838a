/**
 * Bounces of systems that never read RFC 3464: qmail, older Exim, sendmail's prose, Domino, Exchange of long ago. Found by
 * who sends and what the words are; the recipients are the addresses that stand where such systems put them.
 */
import type { Headers } from './header.ts';
import { diagnose } from './diagnosis.ts';
import { readGroups, type BouncedRecipient } from './dsn.ts';
import { certainRecipients } from './prose-recipient.ts';

export interface ForeignSigns {
  headers: Headers;
  /** MAIL FROM of the envelope; empty is the null sender. Undefined when we were not there (a file). */
  mailFrom: string | undefined;
  text: string;
  /** The header of the message that came back, when it is a part of its own. */
  original: Headers | undefined;
}

export interface ForeignBounce {
  recipients: BouncedRecipient[];
  delayed: boolean;
  why: string;
}

const DAEMON =
  /\b(?:system administrator|interscan|post_master|mailer[-_ ]?daemon|mail[-_ ]?delivery[-_ ](?:sub)?system|mail delivery|mdaemon|postmaster|mailadm|mail administrator|mailer|bounce[sd]?|delivery (?:sub)?system|microsoft exchange|root|no-?reply-?mailer|mmdf|system attendant|amavis\w*|mail system|majordomo|smtp gateway|virus|mail ?marshal)\b/i;
const SUBJECT =
  /undeliver|returned (?:mail|to sender)|return(?:ed|ing)? (?:mail|message)|delivery (?:status|failure|failed|notification|problem|report|has failed|error|unsuccessful|delayed)|mail (?:delivery|system|could not|failure|error|undeliverable)|failure (?:notice|delivery)|message (?:delivery|undeliverable|could not|not delivered|delayed)|(?:could|can) ?not (?:be )?deliver|non[- ]remis|echec (?:de )?(?:la )?(?:remise|distribution|livraison)|unzustellbar|nicht zugestellt|no entregado|no se pudo entregar|mancat[ao] (?:recapito|consegna)|nondeliverable|non-?delivery|warning: (?:message|could not)|delivery-status|user unknown|unknown user|permanent (?:fatal )?error|sendmail problem|mailbox (?:full|unavailable|unknown)|notification d'?etat|rejected mail|your mail|error delivering|wiadomosc zwrocona|недоставлен|не доставлено|エラー|配信不能/i;
const BODY =
  /did not reach the following recipient|invalid user address|no such user here|<<< rcpt to|this is the (?:qmail|mail system|postfix|mail delivery)|hi\. this is|a message that you (?:have )?sent could not be delivered|could not be delivered to|(?:following|these) (?:address|recipient|user|message)[^.]{0,60}(?:fail|error|not |undeliver|problem|reject|could|was)|the following address(?:es)? (?:had|failed)|i wasn't able to deliver|i'm sorry to have to inform you|sorry it didn't work out|delivery to the following recipients? (?:has )?failed|delivery (?:to|of) .{0,120}(?:failed|delayed)|your message (?:did not reach|cannot be delivered|could not be delivered|wasn't delivered|to .{0,100} (?:couldn't|could not|was not|wasn't))|undeliverable (?:address|message|mail|to)|transcript of session follows|was not delivered to|wasn't delivered to|could not deliver|unable to deliver|permanent (?:fatal |delivery )?(?:error|failure)|returned (?:to sender|below|message)|not delivered to|message could not be sent|n'a pas (?:pu |ete )|konnte nicht zugestellt|no se ha podido entregar|has been rejected|mail (?:could|can) ?not be|failed address|failed recipient|unknown address error|technical details of permanent failure|delivery failure|there was an error|error (?:occurred )?(?:while )?(?:sending|delivering)/i;
const DELAYED =
  /warning: (?:message|could not send)|will (?:keep|continue) (?:trying|to (?:try|retry))|has not (?:yet )?been delivered|this is a warning message only|no action is required|do not need to resend|will be retried|still being retried|delivery (?:is )?delayed|delayed delivery|(?:message|mail|delivery) (?:was |has been |is )?delayed|could not be delivered for the last|verzogert|retarde/i;

const ADDRESS = /[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,253}[a-z0-9])?/gi;

/** Where the returned message begins: nothing below is the reporting system's own word. */
const ORIGINAL_BELOW =
  /^(?:[->\s]*-{2,}.{0,80}(?:message|headers?|mail|copy|follows|text).{0,60}-{2,}.*|-{3,} ?(?:below this line|this is a copy|original message|returned message|undelivered message).*|.{0,20}(?:original (?:message|mail|text|headers?)|copy of (?:the|your) message|returned message|message (?:text|header)s? (?:follow|below)).{0,80}:?|(?:return-path|received): .*)$/gim;

/** Reads a bounce in prose; undefined when nothing says that it is one. */
export function readForeignBounce(signs: ForeignSigns): ForeignBounce | undefined {
  const { headers, mailFrom, original } = signs;
  const text = signs.text.slice(0, 128 * 1024);
  const from = headers.text('from');
  const subject = headers.text('subject');
  const failed = headers.all('x-failed-recipients').join(', ');
  const fromDaemon = DAEMON.test(from) || mailFrom === '' || headers.raw('return-path').trim() === '<>';
  const plainSubject = subject.normalize('NFKD').replace(/\p{M}/gu, '');
  const saysSo = BODY.test(text.slice(0, 20_000));
  const isTitled = SUBJECT.test(plainSubject);
  const score =
    (fromDaemon ? 2 : 0) +
    (isTitled ? 2 : 0) +
    (saysSo ? 2 : 0) +
    (failed !== '' ? 4 : 0) +
    (original !== undefined ? 1 : 0);
  if (score < 4 || (!fromDaemon && failed === '' && !(isTitled && saysSo && original !== undefined)))
    return undefined;

  const own = text.slice(0, ownEnd(text));
  const addresses = recipientsIn(own, { failed, from, original, headers });
  const delayed =
    DELAYED.test(`${plainSubject}\n${own.slice(0, 8000)}`) &&
    !/permanent|fatal|giving up|final/i.test(own.slice(0, 8000));
  // Some systems write the fields of RFC 3464 into the text, without parts.
  const byTheBook = STATUS_FIELDS.test(text) ? readGroups(text, own) : [];
  const recipients =
    byTheBook.length > 0
      ? byTheBook
      : addresses.map((address) => recipientFrom(address, own, delayed, addresses));
  if (recipients.length === 0 && !(fromDaemon && isTitled)) return undefined;
  const why = [
    fromDaemon ? 'sent by a mail system' : '',
    isTitled ? 'its subject says so' : '',
    saysSo ? 'its words say so' : '',
    failed === '' ? '' : 'X-Failed-Recipients',
  ]
    .filter((reason) => reason !== '')
    .join(', ');
  return { recipients, delayed, why };
}

const STATUS_FIELDS = /^final-recipient[ \t]*:[^\n]{1,400}@/im;

function ownEnd(text: string): number {
  for (const match of text.matchAll(ORIGINAL_BELOW)) {
    // A title above the first address ("----- The following addresses had errors -----") is not the end.
    if (
      /address|recipient|error|transcript|diagnos|reason|session|notification/i.test(match[0]) &&
      !/original|copy|header/i.test(match[0])
    )
      continue;
    if (match.index > 40 && /@|\b[45]\d\d\b/.test(text.slice(0, match.index))) return match.index;
  }
  return text.length;
}

function recipientsIn(
  own: string,
  {
    failed,
    from,
    original,
    headers,
  }: { failed: string; from: string; original: Headers | undefined; headers: Headers },
): string[] {
  const listed = unique(failed);
  if (listed.length > 0) return listed;
  const sure = certainRecipients(own).filter((address) => unique(address).length === 1);
  if (sure.length > 0) return sure;
  const notThem = new Set(
    unique(
      `${from} ${headers.text('to')} ${original?.text('from') ?? ''} ${original?.raw('return-path') ?? ''} ${original?.raw('message-id') ?? ''}`,
    ),
  );
  const isTheirs = (address: string) =>
    !notThem.has(address) && !/^(?:mailer-daemon|postmaster|mailerdaemon|noreply|no-reply)@/.test(address);
  const sentTo = unique(
    `${original?.text('to') ?? ''} ${original?.text('cc') ?? ''} ${original?.raw('x-original-to') ?? ''} ${original?.raw('delivered-to') ?? ''}`,
  );
  const written = unique(own);
  // Whoever the message was sent to and is named in the report is certain.
  const both = written.filter((address) => sentTo.includes(address));
  if (both.length > 0) return both;
  // A line of its own, or in angle brackets at the beginning of a line: where every system puts them.
  const standing = unique(
    own
      .split('\n')
      .flatMap((line) => {
        const match =
          /^[\s>*-]*(?:to:?|recipient:?|address:?|user:?|rcpt to:?|failed (?:address|recipient):?)?[\s:]*<?([^\s<>"(),;]+@[^\s<>"(),;]+?)>?[\s:;,.)(-]*(?:$|[:(-]|\s[-–]|\.\.\.)/i.exec(
            line,
          ) ?? /^\s*<([^\s<>]+@[^\s<>]+)>/.exec(line);
        return match === null ? [] : [match[1]!];
      })
      .join(' '),
  ).filter(isTheirs);
  if (standing.length > 0) return standing.slice(0, 50);
  const loose = written.filter(
    (address) => isTheirs(address) && !/^(?:abuse|help|support|webmaster)@/.test(address),
  );
  if (loose.length > 0) return loose.slice(0, 1);
  return sentTo.filter((address) => !unique(from).includes(address)).slice(0, 5);
}

function unique(text: string): string[] {
  const found = (text.slice(0, 128 * 1024).match(ADDRESS) ?? []).map((address) =>
    address.toLowerCase().replace(/^[.'`=]+|[.'`]+$/g, ''),
  );
  return [...new Set(found)].filter(
    (address) => /^[^@]+@[^@]+\.[^@.]+$/.test(address) || address.endsWith('@localhost'),
  );
}

/** The words about this one: from its address to the next one's. */
function recipientFrom(address: string, own: string, delayed: boolean, all: string[]): BouncedRecipient {
  const lower = own.toLowerCase();
  const at = lower.indexOf(address);
  let end = own.length;
  for (const other of all) {
    const next = other === address ? -1 : lower.indexOf(other, at + address.length);
    if (next > 0 && next < end) end = next;
  }
  const after = at < 0 ? own : own.slice(at + address.length, end);
  const isTelling = /\b[45]\d\d\b|[45]\.\d+\.\d+|unknown|not |full|reject|fail|quota|invalid|disabled/i.test(
    after,
  );
  // sendmail gives each address one line of its transcript.
  const line = /^>?\.\.\. ?([^\n]{3,})/.exec(after)?.[1];
  const about = line ?? (isTelling || all.length > 1 ? after : own);
  const isMute = all.length === 1 && diagnose('', about).class.startsWith('unknown');
  const words = (isMute ? own : about).slice(0, 2048).trim();
  const code = /\bstatus\b[^\d\n]{0,10}([245]\.\d{1,3}\.\d{1,3})/i.exec(words)?.[1] ?? '';
  return {
    address,
    action: delayed ? 'delayed' : 'failed',
    words: words.replace(/\s+/g, ' '),
    remoteMta: '',
    // RFC 3463 2: what is delayed is temporary, whatever the words quote.
    ...diagnose(code === '' && delayed ? '4.0.0' : code, words),
  };
}
