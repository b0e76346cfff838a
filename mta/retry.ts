/**
 * When a message that was refused for now is tried again, and when it is given up. Pure: the same delivery, attempt and
 * answer give the same time, on any node and after any crash.
 *
 *   attempt   1      2       3       4    5    6    7 and on
 *   waits     5 min  15 min  30 min  1 h  2 h  4 h  8 h        plus up to a fifth
 *
 * RFC 5321 4.5.4.1 asks for 30 minutes at least; the first two are shorter, because greylisting lets a second attempt in
 * after five. It also asks for 4 to 5 days before giving up: `mta.max_age_ms`, and no sooner than after `mta.min_attempts`.
 */
import { retryWaitsMs } from '../config/retry-waits.ts';
import type { Outcome } from './outcome.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const LONGEST_HINT_MS = 24 * HOUR;
const SHORTEST_HINT_MS = 30 * SECOND;

export interface Failed {
  /** The delivery's id: seeds the jitter. */
  delivery: number;
  /** Which attempt has just failed, from 1. */
  attempt: number;
  queuedAt: number;
  now: number;
  outcome: Pick<Outcome, 'class' | 'action' | 'text'>;
  /** `config.mta.max_age_ms` */
  maxAgeMs: number;
  /** `config.mta.min_attempts`: age alone never ends a delivery. After a long stop it has not had its tries. */
  minAttempts: number;
}

export type NextAttempt = { kind: 'retry'; at: number } | { kind: 'expired'; reason: string };

export function nextAttempt(failed: Failed): NextAttempt {
  const { attempt, queuedAt, now, maxAgeMs, minAttempts } = failed;
  const age = now - queuedAt;
  if (age >= maxAgeMs && attempt >= minAttempts)
    return { kind: 'expired', reason: `given up after ${attempt} attempts in ${inWords(age)}` };
  return { kind: 'retry', at: now + waitMs(failed) };
}

function waitMs({ delivery, attempt, outcome }: Failed): number {
  const jitter = 1 + lot(delivery, attempt) / 5;
  // A receiver that says when to come back is believed, within reason; a little later rather than too early.
  const hint = hintMs(outcome.text);
  if (hint !== null) return Math.round(Math.min(Math.max(hint, SHORTEST_HINT_MS), LONGEST_HINT_MS) * jitter);
  if (isAtOnce(outcome, attempt)) return Math.round(SECOND * jitter);
  const wait = retryWaitsMs[Math.min(Math.max(attempt, 1), retryWaitsMs.length) - 1]!;
  return Math.round(Math.max(wait, leastMs(outcome)) * jitter);
}

/** "Enough on this connection" is no reason to wait: the next connection serves, a few times over. */
function isAtOnce({ class: name }: Failed['outcome'], attempt: number): boolean {
  return (name === 'connection-quota' || name === 'too-many-recipients') && attempt <= 3;
}

function leastMs({ action }: Failed['outcome']): number {
  switch (action) {
    case 'retry-later':
      return 30 * MINUTE;
    // A block is probed once an hour at most.
    case 'block':
    case 'hold-campaign':
      return HOUR;
    default:
      return 0;
  }
}

const UNITS: Record<string, number> = { s: SECOND, m: MINUTE, h: HOUR };
const HINTS = [
  // "try again in 300 seconds", "retry after 5 min", "come back in 1 hour", "réessayez dans 5 minutes"
  /\b(?:again|back|retry|delayed?|wait|resend|r[eé]essay\w*|revenez)\b[^.;]{0,40}?\b(?:in|after|for|dans|apr[eè]s)\s+(\d{1,6})\s*(s|m|h)(?:ec|econd|econde|in|inute|our|r|eure)?s?\b/i,
  // "greylisted for 300 seconds"
  /\bgr[ea]y-?list\w*\b[^.;]{0,40}?\b(\d{1,6})\s*(s|m|h)(?:ec|econd|econde|in|inute|our|r|eure)?s?\b/i,
];
const CLOCK_HINT = /\b(?:in|after)\s+(\d{1,2}):(\d{2}):(\d{2})\b/i;

/** How long the receiver's words ask us to wait; null when they do not say. */
export function hintMs(text: string): number | null {
  for (const pattern of HINTS) {
    const found = pattern.exec(text);
    if (found) return Number(found[1]) * UNITS[found[2]!.toLowerCase()]!;
  }
  // Postgrey: "please come back in 00:04:59"
  const clock = CLOCK_HINT.exec(text);
  if (clock) return Number(clock[1]) * HOUR + Number(clock[2]) * MINUTE + Number(clock[3]) * SECOND;
  return null;
}

/** A number in [0, 1) that belongs to this delivery and attempt: a crowd refused together does not return together. */
function lot(delivery: number, attempt: number): number {
  let hash =
    Math.imul((delivery % 2 ** 32) ^ Math.floor(delivery / 2 ** 32), 0x9e3779b1) ^
    Math.imul(attempt, 0x85ebca77);
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad);
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97);
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32;
}

function inWords(ms: number): string {
  const hours = Math.round(ms / HOUR);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}
