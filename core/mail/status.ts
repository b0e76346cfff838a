/**
 * Enhanced status codes: the three numbers by which a receiver says what it means, beside the words that it chose.
 * RFC 3463 gives the shape, RFC 5248 the registry.
 */
export interface Status {
  /** 2 success, 4 temporary, 5 permanent. */
  class: 2 | 4 | 5;
  subject: number;
  detail: number;
  /** `5.1.1` */
  text: string;
}

// RFC 3463 2: class "." subject "." detail, the last two of one to three digits.
const STATUS = /^([245])\.(\d{1,3})\.(\d{1,3})$/;
// In a reply the code stands first (RFC 2034 4); many servers write it later, as "(#5.1.1)" or "[5.1.1]". Not an IP.
const STATUS_IN_TEXT = /(?<![\w.#-]|\d\.)#?([245])\.(\d{1,3})\.(\d{1,3})(?![\w-]|\.\d)/;

/** `parseStatus('5.1.1')`; undefined when it is no status code. */
export function parseStatus(text: string): Status | undefined {
  const match = STATUS.exec(text.trim());
  return match === null ? undefined : status(match);
}

/**
 * The first enhanced code in a reply's words. When the reply's own code is handed in and disagrees, the reply's code
 * decides what is temporary: RFC 2034 4 demands that the first digits agree, and the basic code is what SMTP acts upon.
 *
 *     findStatus('550-5.1.1 The email account does not exist', 550) // { class: 5, subject: 1, detail: 1 }
 *     findStatus('421 try later (#5.7.1)', 421).text               // '4.7.1'
 */
export function findStatus(reply: string, code?: number): Status | undefined {
  const words = reply.slice(0, 2000).replace(/^[245]\d\d[ -]/, '');
  const match = STATUS_IN_TEXT.exec(words);
  if (match === null) return undefined;
  const found = status(match);
  const first = code === undefined ? found.class : Math.floor(code / 100);
  if (first === found.class || (first !== 2 && first !== 4 && first !== 5)) return found;
  return { ...found, class: first, text: `${first}.${found.subject}.${found.detail}` };
}

function status(match: RegExpExecArray): Status {
  const first = Number(match[1]) as Status['class'];
  const subject = Number(match[2]);
  const detail = Number(match[3]);
  return { class: first, subject, detail, text: `${first}.${subject}.${detail}` };
}

/** RFC 5248's registry, in the words of an operator. */
const meanings: Record<string, string> = {
  '0.0': 'no further explanation',
  '1.0': 'an address problem',
  '1.1': 'the mailbox does not exist',
  '1.2': 'the domain does not exist',
  '1.3': 'the address is not valid',
  '1.4': 'the address is ambiguous',
  '1.5': 'the address is valid',
  '1.6': 'the mailbox has moved',
  '1.7': 'the sender address is not valid',
  '1.8': 'the sender domain does not exist',
  '1.9': 'relayed to a system that does not report',
  '1.10': 'the domain takes no mail (null MX)',
  '2.0': 'a mailbox problem',
  '2.1': 'the mailbox is disabled',
  '2.2': 'the mailbox is full',
  '2.3': 'the message is longer than the mailbox takes',
  '2.4': 'a mailing list could not be expanded',
  '3.0': 'a problem of the receiving system',
  '3.1': 'the receiving system is full',
  '3.2': 'the receiving system takes no mail now',
  '3.3': 'the receiving system lacks a feature',
  '3.4': 'the message is too large for the receiving system',
  '3.5': 'the receiving system is configured wrongly',
  '4.0': 'a network problem',
  '4.1': 'no answer from the host',
  '4.2': 'a bad connection',
  '4.3': 'the name server failed',
  '4.4': 'no route to the host',
  '4.5': 'the network is congested',
  '4.6': 'a mail loop',
  '4.7': 'the message was too old to be delivered',
  '5.0': 'a protocol problem',
  '5.1': 'an invalid command',
  '5.2': 'a syntax error',
  '5.3': 'too many recipients',
  '5.4': 'invalid command arguments',
  '5.5': 'the wrong protocol version',
  '5.6': 'the authentication exchange is too long',
  '6.0': 'a problem with the content',
  '6.1': 'a kind of content that is not taken',
  '6.2': 'a conversion is needed and forbidden',
  '6.3': 'a conversion is needed and not possible',
  '6.6': 'the content is not available',
  '6.7': 'addresses beyond ASCII are not taken here',
  '6.8': 'a UTF-8 reply is needed',
  '6.9': 'UTF-8 headers cannot go to this recipient',
  '7.0': 'a matter of security or policy',
  '7.1': 'delivery is not authorised',
  '7.2': 'the list may not be written to',
  '7.3': 'a security conversion is needed',
  '7.4': 'a security feature is not there',
  '7.5': 'a cryptographic failure',
  '7.7': 'the message was altered',
  '7.8': 'the credentials are not valid',
  '7.9': 'the authentication is too weak',
  '7.10': 'encryption is needed',
  '7.11': 'encryption is needed for this authentication',
  '7.13': 'the account is disabled',
  '7.15': 'the priority is too low',
  '7.16': 'too large for this priority',
  '7.17': 'the mailbox has changed owner',
  '7.18': 'the domain has changed owner',
  '7.20': 'no DKIM signature passed',
  '7.21': 'no acceptable DKIM signature was found',
  '7.22': 'no DKIM signature of the author passed',
  '7.23': 'SPF failed',
  '7.24': 'SPF could not be checked',
  '7.25': 'the reverse DNS of the sending address failed',
  '7.26': 'several authentication checks failed',
  '7.27': 'the sender domain takes no mail (null MX)',
  '7.28': 'a flood of mail was detected',
  '7.29': 'an ARC check failed',
  '7.30': 'REQUIRETLS is needed',
};

/** What the code says, in a few words; the subject's words when the detail is not in the registry. */
export function explainStatus(code: Status): string {
  return (
    meanings[`${code.subject}.${code.detail}`] ??
    meanings[`${code.subject}.0`] ??
    'a code that no standard names'
  );
}
