/**
 * What an attempt has come to: delivered, to be tried again, or refused for good; of which class, by whose fault, what to
 * do, and the words for a person who asks why. Pure: it touches neither socket nor store. What a reply means is known by
 * `core/mail/classify-reply.ts`; here the step at which it was given is added.
 */
import type { Provider } from '../config/providers.ts';
import { classified } from '../core/mail/bounce-class.ts';
import type {
  Blame,
  BounceAction,
  BounceClass,
  BounceClassName,
  Suppress,
} from '../core/mail/bounce-class.ts';
import { classifyReply } from '../core/mail/classify-reply.ts';
import { findStatus } from '../core/mail/status.ts';
import { ProtocolError } from './reply.ts';
import { TlsFailure } from './transaction.ts';
import type { Dropped, Refused, Transaction } from './transaction.ts';

export interface Outcome {
  state: 'delivered' | 'deferred' | 'bounced';
  /** Null when nothing was refused: delivered, or withheld by us. */
  class: BounceClassName | null;
  temporary: boolean;
  blame: Blame | null;
  suppress: Suppress;
  action: BounceAction | null;
  /** In plain words, without the remote's. */
  reason: string;
  /** The remote's answer; null when there was none. */
  code: number | null;
  enhanced: string | null;
  text: string;
  /** The message may have arrived all the same: the line broke after its end was sent. */
  inDoubt: boolean;
}

export function outcomeOf(transaction: Transaction, provider: Provider): Outcome {
  switch (transaction.kind) {
    case 'accepted':
      return {
        ...unclassified,
        state: 'delivered',
        reason: 'accepted by the receiver',
        code: transaction.reply.code,
        enhanced: transaction.reply.enhanced ?? null,
        text: transaction.reply.text,
      };
    case 'refused':
      return ofRefusal(transaction, provider);
    case 'dropped':
      return ofDrop(transaction);
    case 'withheld':
      return { ...unclassified, state: 'deferred', temporary: true, reason: transaction.reason };
    default:
      return transaction satisfies never;
  }
}

const unclassified = {
  class: null,
  temporary: false,
  blame: null,
  suppress: 'never',
  action: null,
  code: null,
  enhanced: null,
  text: '',
  inDoubt: false,
} as const;

function ofRefusal(refused: Refused, provider: Provider): Outcome {
  const { code, enhanced, text } = refused.reply;
  const verdict = atStage(refused, classifyReply(code, enhanced, text, provider.id));
  return {
    state: verdict.temporary ? 'deferred' : 'bounced',
    ...verdict,
    reason: plainly[verdict.class],
    code,
    enhanced: enhanced ?? findStatus(text, code)?.text ?? null,
    text,
    inDoubt: false,
  };
}

/** What was refused depends on what had been asked: before RCPT nothing can be about the recipient. */
function atStage({ stage, reply, local }: Refused, verdict: BounceClass): BounceClass {
  switch (stage) {
    case 'connect':
    case 'greeting':
    case 'ehlo':
      // RFC 7504 3: a host that says 521 and takes no mail at all says so for good.
      if (reply.code === 521 && verdict.class === 'invalid-domain') return verdict;
      // Else a 5xx here is about us and not about this message: it waits, as the next host or the next hour may differ.
      return classified(verdict.blame === 'recipient' ? 'policy-refused' : verdict.class, {
        temporary: true,
      });
    case 'starttls':
      return classified(local ? 'tls-required' : 'tls-failed', { temporary: true });
    case 'mail':
      if (isBareSize(reply.code, verdict)) return classified('message-too-large', verdict);
      // RFC 5321 3.3: the only address in MAIL is ours.
      return verdict.blame === 'recipient'
        ? classified('sender-refused', { temporary: verdict.temporary })
        : verdict;
    case 'rcpt':
      return verdict;
    case 'data':
    case 'dot':
      return isBareSize(reply.code, verdict) && reply.text === '' ? classified('message-too-large') : verdict;
    default:
      return stage satisfies never;
  }
}

/** RFC 5321 4.2.2: 552 is storage; before a recipient was named that is our message's size, not anyone's mailbox. */
function isBareSize(code: number, verdict: BounceClass): boolean {
  return code === 552 && verdict.class === 'mailbox-full';
}

function ofDrop(dropped: Dropped): Outcome {
  const { error, stage, dotSent } = dropped;
  const name: BounceClassName =
    stage === 'connect'
      ? 'connection-failed'
      : error instanceof TlsFailure
        ? 'tls-failed'
        : error instanceof ProtocolError
          ? 'protocol-error'
          : 'connection-dropped';
  return {
    ...unclassified,
    ...classified(name, { temporary: true }),
    state: 'deferred',
    reason: dotSent
      ? 'the connection was lost after the whole message was sent and before it was answered: it may have arrived'
      : `${plainly[name]}: ${error.message}`.slice(0, 500),
    inDoubt: dotSent,
  };
}

/** Each class in words that need no manual. */
const plainly: Record<BounceClassName, string> = {
  'invalid-recipient': 'the mailbox does not exist',
  'invalid-domain': 'the domain does not exist or takes no mail',
  'moved-recipient': 'the recipient has moved to another address',
  'inactive-mailbox': 'the mailbox is disabled or no longer used',
  'mailbox-full': 'the mailbox is full',
  'mailbox-unavailable': 'the mailbox cannot be reached at the moment',
  'recipient-rate': 'the recipient is receiving too much mail at the moment',
  'recipient-policy': 'the recipient takes mail from certain senders only',
  'ambiguous-recipient': 'the address fits more than one mailbox',
  'spam-content': 'the message was taken for spam',
  'virus-content': 'the message was taken for malware',
  'link-listed': 'a link in the message is on a block list',
  'message-too-large': 'the message is too large',
  'message-malformed': 'the receiver finds the message badly formed',
  'content-refused': 'the receiver does not take this kind of content',
  'smtputf8-unsupported': 'the receiver does not take internationalised addresses',
  'authentication-failed': 'the message did not pass the receiver’s authentication checks',
  'spf-failed': 'SPF failed: the sending address is not in the domain’s record',
  'dkim-failed': 'the DKIM signature was not accepted',
  'dmarc-failed': 'DMARC failed: neither SPF nor DKIM is aligned with the From domain',
  'reverse-dns': 'the sending address has no matching reverse DNS name',
  'tls-required': 'encryption is required and was not available',
  'sender-refused': 'the sender address was refused',
  'relay-denied': 'the mail host does not take mail for this domain',
  'source-listed': 'the sending address is on a block list',
  'source-blocked': 'the receiver blocks the sending address',
  'source-reputation': 'the receiver holds back mail because of the sending address’s reputation',
  'domain-listed': 'the sending domain is on a block list',
  'policy-refused': 'the receiver refused by a policy that it does not explain',
  'rate-limited': 'the receiver limits how much may be sent at a time',
  'too-many-connections': 'the receiver bears fewer connections',
  'too-many-recipients': 'the receiver bears fewer recipients at a time',
  'connection-quota': 'the receiver bears fewer messages on one connection',
  greylisted: 'the receiver wants to see a second attempt (greylisting)',
  'server-busy': 'the receiver is busy',
  'server-fault': 'the receiver has a fault of its own',
  'dns-failure': 'a DNS look-up failed',
  'routing-loop': 'the receiver’s hosts send mail in a circle',
  'bad-route': 'no mail host of the domain can be reached',
  'connection-failed': 'no connection could be made',
  'connection-dropped': 'the connection was lost',
  'tls-failed': 'encryption could not be set up',
  'protocol-error': 'the receiver did not keep to the protocol',
  'expired-remotely': 'a later host gave up after trying for days',
  'unknown-temporary': 'refused for now, for a reason that is not understood',
  'unknown-permanent': 'refused for good, for a reason that is not understood',
};
