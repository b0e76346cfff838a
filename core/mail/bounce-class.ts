/**
 * What a refusal means. Every "no" of a receiver, in session or in a bounce an hour later, is given one of these classes;
 * the class decides whether to try again, whom to blame, and whether the address may ever be mailed again. Both the MTA
 * and the inbound house speak these words, and so do reports and the interface.
 *
 * The rules that find a class in an answer are data in `config/bounce-rules.ts`. `config/` stands below `core/` and
 * names classes as plain strings; the tests of the rules check them with `isBounceClass`.
 */

/** Whose fault it is. Only `recipient` may ever suppress a person. */
export type Blame =
  | 'recipient' // the mailbox: gone, full, unwilling
  | 'content' // this message: refused as spam, too large, a link on a list
  | 'authentication' // our SPF, DKIM, DMARC, TLS or reverse DNS
  | 'source' // our IP or its reputation
  | 'rate' // we are too fast, or have too many connections
  | 'receiver'; // their server, their DNS, the road there

/** What the queue does next, beyond what `temporary` says. */
export type BounceAction =
  | 'give-up' // terminal for this delivery, nothing else changes
  | 'retry' // the ordinary back-off of this delivery
  | 'retry-later' // a long pause for this delivery: a full mailbox, a holiday
  | 'slow-down' // this source sends less to this site for a while
  | 'one-connection' // this source keeps a single connection to this site for a while
  | 'suspend' // this source stops at this site for a while and releases itself
  | 'block' // this source stops at this site until a green re-check or a person
  | 'hold-campaign' // this content stops everywhere until a person looks
  | 'other-mx'; // the next host of the same site, then the back-off

/** `now`: one is enough. `after-repeats`: only when it repeats over days. `never`: it says nothing about the person. */
export type Suppress = 'now' | 'after-repeats' | 'never';

export interface BounceClass {
  class: BounceClassName;
  temporary: boolean;
  blame: Blame;
  suppress: Suppress;
  action: BounceAction;
}

/**
 * The usual tuple of each class. A rule may state another `temporary` or `action` (a provider that answers 550 where
 * it means "later"), but `classified` never lets a temporary refusal, or one that is our own fault, suppress a person.
 */
const usual = {
  // ── the recipient ────────────────────────────────────────────────────────────────────────────────────────────
  'invalid-recipient': [false, 'recipient', 'now', 'give-up'], // no such mailbox
  'invalid-domain': [false, 'recipient', 'now', 'give-up'], // no such domain, or a null MX: it takes no mail
  'moved-recipient': [false, 'recipient', 'now', 'give-up'], // "has moved to", "no longer works here"
  'inactive-mailbox': [false, 'recipient', 'now', 'give-up'], // disabled or closed for disuse
  'mailbox-full': [true, 'recipient', 'after-repeats', 'retry-later'],
  'mailbox-unavailable': [true, 'recipient', 'after-repeats', 'retry'], // busy, locked, "try again"
  'recipient-rate': [true, 'rate', 'never', 'retry-later'], // this person receives mail too fast
  'recipient-policy': [false, 'receiver', 'never', 'give-up'], // the mailbox takes mail from some senders only
  'ambiguous-recipient': [false, 'recipient', 'after-repeats', 'give-up'],
  // ── this message ─────────────────────────────────────────────────────────────────────────────────────────────
  'spam-content': [false, 'content', 'never', 'hold-campaign'],
  'virus-content': [false, 'content', 'never', 'hold-campaign'],
  'link-listed': [false, 'content', 'never', 'hold-campaign'], // a URL in it is on a list
  'message-too-large': [false, 'content', 'never', 'give-up'],
  'message-malformed': [false, 'content', 'never', 'hold-campaign'],
  'content-refused': [false, 'content', 'never', 'give-up'], // an attachment or a kind of content
  'smtputf8-unsupported': [false, 'receiver', 'never', 'give-up'], // RFC 6531 3.5: never downgrade the local part
  // ── our authentication ───────────────────────────────────────────────────────────────────────────────────────
  'authentication-failed': [false, 'authentication', 'never', 'block'], // more than one, or unsaid
  'spf-failed': [false, 'authentication', 'never', 'block'],
  'dkim-failed': [false, 'authentication', 'never', 'block'],
  'dmarc-failed': [false, 'authentication', 'never', 'block'],
  'reverse-dns': [false, 'authentication', 'never', 'block'], // PTR or EHLO name
  'tls-required': [true, 'authentication', 'never', 'retry'],
  'sender-refused': [false, 'authentication', 'never', 'block'], // bad or unknown MAIL FROM
  'relay-denied': [false, 'receiver', 'never', 'give-up'], // "we do not relay": their MX does not know the domain
  // ── our address on the internet ──────────────────────────────────────────────────────────────────────────────
  'source-listed': [false, 'source', 'never', 'block'], // a DNS block list names our IP
  'source-blocked': [false, 'source', 'never', 'block'], // the provider's own list
  'source-reputation': [true, 'source', 'never', 'suspend'], // throttled for our reputation
  'domain-listed': [false, 'source', 'never', 'block'],
  'policy-refused': [false, 'source', 'never', 'block'], // "5.7.1" without a reason
  // ── too fast ─────────────────────────────────────────────────────────────────────────────────────────────────
  'rate-limited': [true, 'rate', 'never', 'slow-down'],
  'too-many-connections': [true, 'rate', 'never', 'one-connection'],
  'too-many-recipients': [true, 'rate', 'never', 'retry'],
  'connection-quota': [true, 'rate', 'never', 'retry'], // enough messages on this connection
  greylisted: [true, 'receiver', 'never', 'retry'],
  // ── their side, the road ─────────────────────────────────────────────────────────────────────────────────────
  'server-busy': [true, 'receiver', 'never', 'retry'],
  'server-fault': [true, 'receiver', 'never', 'other-mx'], // disk full, internal error
  'dns-failure': [true, 'receiver', 'never', 'retry'],
  'routing-loop': [false, 'receiver', 'never', 'give-up'],
  'bad-route': [true, 'receiver', 'never', 'retry'], // every MX is a private address, or none answers
  'connection-failed': [true, 'receiver', 'never', 'other-mx'],
  'connection-dropped': [true, 'receiver', 'never', 'other-mx'],
  'tls-failed': [true, 'receiver', 'never', 'retry'],
  'protocol-error': [false, 'receiver', 'never', 'give-up'], // 500-504: they did not understand us
  'expired-remotely': [false, 'receiver', 'never', 'give-up'], // 4.4.7: accepted, then given up by a later host
  // ── nothing known ────────────────────────────────────────────────────────────────────────────────────────────
  'unknown-temporary': [true, 'receiver', 'never', 'retry'],
  'unknown-permanent': [false, 'receiver', 'never', 'give-up'],
} as const satisfies Record<string, readonly [boolean, Blame, Suppress, BounceAction]>;

export type BounceClassName = keyof typeof usual;

export const bounceClassNames = Object.keys(usual) as readonly BounceClassName[];

/** Those that suppress at the first one: the address takes no mail, for good. */
export const hardBounceClasses = bounceClassNames.filter((name) => usual[name][2] === 'now');

export function isBounceClass(name: string): name is BounceClassName {
  return Object.hasOwn(usual, name);
}

export interface BounceExceptions {
  temporary?: boolean;
  action?: BounceAction;
}

/**
 * The tuple of a class, with a rule's exceptions laid over it.
 *
 * Whatever a rule says: a temporary refusal never suppresses at once and is never terminal, a permanent one is never
 * retried, and only the recipient's own fault suppresses (DESIGN section 6).
 *
 *     classified('mailbox-full', { temporary: false }) // a 552: no retry, counted towards a suppression
 */
export function classified(name: BounceClassName, exceptions: BounceExceptions = {}): BounceClass {
  const [usuallyTemporary, blame, usualSuppress, usualAction] = usual[name];
  const temporary = exceptions.temporary ?? usuallyTemporary;
  let action: BounceAction = exceptions.action ?? usualAction;
  if (temporary && action === 'give-up') action = 'retry';
  if (!temporary && (action === 'retry' || action === 'retry-later' || action === 'other-mx'))
    action = 'give-up';
  let suppress: Suppress = blame === 'recipient' ? usualSuppress : 'never';
  if (temporary && suppress === 'now') suppress = 'after-repeats';
  return { class: name, temporary, blame, suppress, action };
}
