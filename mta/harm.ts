/**
 * When a campaign must stop at a provider, and when the provider itself is most likely at fault. Pure decisions over
 * counts; who counts is watch.ts.
 */
import type { Config } from '../config/schema.ts';
import type { BounceClassName } from '../core/mail/bounce-class.ts';
import type { Stage } from './transaction.ts';

type Safety = Config['safety'];

export interface Harm {
  /** Ended with a word of the receiver: delivered or bounced. */
  attempts: number;
  hard: number;
  complaints: number;
  /** Refusals of us rather than of a person: once is enough for some, others must repeat. */
  blocks: number;
}

/** What is said before a message is named is about our address: it blocks that there (place.ts), whatever it sends. */
const isBeforeAnyMessage = (stage: Stage): boolean =>
  stage === 'connect' || stage === 'greeting' || stage === 'ehlo' || stage === 'starttls';

/** How much a refusal counts towards a block: at 3 the campaign stops there. */
export function blockWeight(name: BounceClassName | null, stage: Stage): number {
  if (isBeforeAnyMessage(stage)) return 0;
  switch (name) {
    // These are about our name, our address or our content, whoever the recipient is.
    case 'source-blocked':
    case 'source-listed':
    case 'domain-listed':
    case 'authentication-failed':
    case 'spf-failed':
    case 'dkim-failed':
    case 'dmarc-failed':
    case 'reverse-dns':
    case 'virus-content':
    case 'link-listed':
      return 3;
    // These may be one person's filter.
    case 'policy-refused':
    case 'spam-content':
    case 'sender-refused':
    case 'message-malformed':
    case 'content-refused':
      return 1;
    default:
      return 0;
  }
}

const BLOCKED_AT = 3;

/** Why a campaign must stop there; undefined while it may go on. A few of a handful say nothing. */
export function stopReason(
  { attempts, hard, complaints, blocks }: Harm,
  safety: Safety,
): 'hard-bounces' | 'complaints' | 'block' | undefined {
  if (blocks >= BLOCKED_AT) return 'block';
  const isKnown = attempts >= safety.hard_bounce_attempts || hard >= safety.hard_bounce_least;
  if (isKnown && (100 * hard) / attempts > safety.hard_bounce_percent) return 'hard-bounces';
  const arrived = attempts - hard;
  if (complaints >= safety.complaint_least && 100 * complaints > safety.complaint_percent * arrived)
    return 'complaints';
  return undefined;
}

export interface Seen {
  attempts: number;
  unknown: number;
}

/** Attempts from which a provider's own usual is believed. */
const USUAL_FROM = 200;
/** Without a usual only what no list explains is an incident. */
const BEYOND_ANY_LIST = 0.5;
/** Fewer attempts are enough when most of them are denied. */
const EARLY_FROM = 15;
/** Latest attempts that show that it is over. */
const OVER_FROM = 20;

/** The share of denied users above which a provider is at fault. */
function threshold(usual: Seen, safety: Safety): number {
  if (usual.attempts < USUAL_FROM) return BEYOND_ANY_LIST;
  const usually = usual.unknown / usual.attempts;
  return Math.min(0.9, Math.max(safety.incident_percent / 100, safety.incident_factor * usually));
}

/** Whether an incident begins, by the latest attempts and the provider's own usual. */
export function isIncident(latest: Seen, usual: Seen, safety: Safety): boolean {
  if (latest.attempts === 0) return false;
  const rate = latest.unknown / latest.attempts;
  const isEarly = latest.attempts >= EARLY_FROM && rate >= BEYOND_ANY_LIST;
  return (latest.attempts >= safety.incident_attempts || isEarly) && rate > threshold(usual, safety);
}

/** Whether it is over, by the latest attempts since it began. */
export function isOver(latest: Seen, usual: Seen, safety: Safety): boolean {
  return latest.attempts >= OVER_FROM && latest.unknown / latest.attempts <= threshold(usual, safety) / 2;
}
