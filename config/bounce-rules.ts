/**
 * What refusals mean, as data: enhanced status codes, and phrases of receivers. `core/mail/classify-reply.ts` reads them,
 * for answers in session and for the diagnostics of bounces alike. Class names are those of `core/mail/bounce-class.ts`.
 *
 * A phrase is matched against one line: code, enhanced code, words. Every rule carries replies that it is for; a test
 * checks that each gets its class. New replies from the wild are added to a rule's samples first, then the rule is made
 * to fit. Read 2026-11-22: RFC 3463 and its registry (RFC 5248), the providers' postmaster pages, replies as seen.
 */

export interface StatusRule {
  class: string;
  /** The code is used for so much that words, where there are any that we know, say more. */
  vague?: true;
}

/** By subject and detail: `5.1.1` and `4.1.1` are both `1.1`; what is temporary, the reply's code says. */
export const statusRules: Readonly<Record<string, StatusRule>> = {
  '1.0': { class: 'unknown', vague: true },
  '1.1': { class: 'invalid-recipient' },
  '1.2': { class: 'invalid-domain' },
  '1.3': { class: 'invalid-recipient' },
  '1.4': { class: 'ambiguous-recipient' },
  '1.6': { class: 'moved-recipient' },
  '1.7': { class: 'sender-refused' },
  '1.8': { class: 'sender-refused' },
  '1.10': { class: 'invalid-domain' }, // RFC 7505
  '2.0': { class: 'unknown', vague: true },
  '2.1': { class: 'inactive-mailbox', vague: true }, // at Gmail also "receiving mail at a rate", elsewhere a block
  '2.2': { class: 'mailbox-full' },
  '2.3': { class: 'message-too-large' },
  '2.4': { class: 'recipient-policy' },
  '3.0': { class: 'unknown', vague: true },
  '3.1': { class: 'server-fault' },
  '3.2': { class: 'server-busy', vague: true },
  '3.3': { class: 'content-refused', vague: true },
  '3.4': { class: 'message-too-large' },
  '3.5': { class: 'server-fault' },
  '4.0': { class: 'unknown', vague: true },
  '4.1': { class: 'connection-failed', vague: true }, // at Microsoft 365 an unknown user
  '4.2': { class: 'connection-dropped', vague: true },
  '4.3': { class: 'dns-failure' },
  '4.4': { class: 'bad-route', vague: true },
  '4.5': { class: 'server-busy' },
  '4.6': { class: 'routing-loop' },
  '4.7': { class: 'expired-remotely' },
  '5.0': { class: 'unknown', vague: true }, // at Outlook.com an unknown user
  '5.1': { class: 'protocol-error', vague: true },
  '5.2': { class: 'protocol-error', vague: true },
  '5.3': { class: 'too-many-recipients' },
  '5.4': { class: 'protocol-error', vague: true },
  '6.0': { class: 'content-refused', vague: true },
  '6.1': { class: 'content-refused' },
  '6.2': { class: 'content-refused' },
  '6.3': { class: 'content-refused' },
  '6.7': { class: 'smtputf8-unsupported' }, // RFC 6531 4.4
  '7.0': { class: 'policy-refused', vague: true },
  '7.1': { class: 'policy-refused', vague: true }, // blocks, DMARC, spam, relaying: never a person's fault by itself
  '7.2': { class: 'recipient-policy' },
  '7.7': { class: 'dkim-failed', vague: true },
  '7.8': { class: 'authentication-failed', vague: true },
  '7.9': { class: 'authentication-failed', vague: true },
  '7.10': { class: 'tls-required' },
  '7.17': { class: 'moved-recipient' }, // RFC 7293: the mailbox has another owner now
  '7.18': { class: 'moved-recipient' },
  '7.20': { class: 'dkim-failed' }, // RFC 7372
  '7.21': { class: 'dkim-failed' },
  '7.22': { class: 'dkim-failed' },
  '7.23': { class: 'spf-failed' },
  '7.24': { class: 'spf-failed' },
  '7.25': { class: 'reverse-dns' },
  '7.26': { class: 'authentication-failed' },
  '7.27': { class: 'sender-refused' }, // RFC 7505: the sender's domain has a null MX
  '7.28': { class: 'rate-limited' },
};

const google = {
  '7.27': { class: 'spf-failed' },
  '7.29': { class: 'tls-required' },
  '7.30': { class: 'dkim-failed' },
  '7.31': { class: 'dmarc-failed' },
  '7.32': { class: 'dmarc-failed' },
  '7.40': { class: 'dmarc-failed' },
} as const satisfies Record<string, StatusRule>;

const microsoft = {
  '1.10': { class: 'invalid-recipient' },
  '1.11': { class: 'sender-refused' },
  '7.54': { class: 'relay-denied' },
  '7.64': { class: 'relay-denied' },
  '7.124': { class: 'recipient-policy' },
  '7.129': { class: 'recipient-policy' },
  '7.133': { class: 'recipient-policy' },
  '7.134': { class: 'recipient-policy' },
  '7.500': { class: 'rate-limited', vague: true },
  '7.501': { class: 'rate-limited', vague: true },
  '7.508': { class: 'rate-limited' },
  '7.509': { class: 'dmarc-failed' },
  '7.511': { class: 'source-blocked' },
  '7.515': { class: 'authentication-failed' },
  '7.606': { class: 'source-blocked' },
  '7.650': { class: 'source-reputation' },
  '7.708': { class: 'source-blocked' },
  '7.750': { class: 'source-blocked' },
} as const satisfies Record<string, StatusRule>;

/** Where a provider uses a code in its own way. By provider id of `providers.ts`. */
export const providerStatusRules: Readonly<Record<string, Readonly<Record<string, StatusRule>>>> = {
  google,
  outlook: microsoft,
  office365: microsoft,
  'office365-dane': microsoft,
};

/** By code alone, when neither an enhanced code nor words are known. */
export const codeRules: Readonly<Record<number, string>> = {
  421: 'server-busy',
  450: 'mailbox-unavailable',
  451: 'server-fault',
  452: 'server-busy',
  454: 'tls-failed',
  455: 'protocol-error',
  500: 'protocol-error',
  501: 'protocol-error',
  502: 'protocol-error',
  503: 'protocol-error',
  504: 'protocol-error',
  521: 'policy-refused', // RFC 7504: the host takes no mail; in use it is a block
  530: 'tls-required',
  535: 'authentication-failed',
  551: 'relay-denied',
  552: 'mailbox-full',
  553: 'sender-refused',
  555: 'protocol-error',
  556: 'invalid-domain', // RFC 7504
};

export interface PhraseRule {
  class: string;
  /** Id of `providers.ts`: the words mean this there, and are tried first. */
  provider?: string;
  pattern: RegExp;
  /** The words are so plain that they win over an exact status code: receivers get codes wrong more often. */
  overrules?: true;
  /** The receiver answers 5xx and means "later". */
  temporary?: true;
  samples: readonly [string, ...string[]];
}
