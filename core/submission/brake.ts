/**
 * How much of what a credential hands in may leave: its daily cap refuses, its brake holds. The brake is for stolen
 * credentials: they write to people whom nobody here ever wrote to, and to addresses that do not exist.
 */
import type { Credential } from '../store/credential.ts';

/** The bounce share counts from this many ended deliveries. */
export const BOUNCES_FROM = 20;
/** What the bounce share looks back over. */
export const BOUNCE_WINDOW_MS = 24 * 3_600_000;
/** The hour of "new recipients in an hour": it slides. */
export const NEW_WINDOW_MS = 3_600_000;

export interface Usage {
  /** Recipients that are asked for now. */
  wanted: number;
  today: number;
  /** Of those asked for, never mailed before. */
  strangers: number;
  strangersThisHour: number;
}

export type Brake =
  | { kind: 'go' }
  /** Not today: nothing of it is taken. */
  | { kind: 'capped' }
  /** Taken, and kept back with everything else of the credential. */
  | { kind: 'hold'; reason: string };

type Limits = Pick<Credential, 'state' | 'reason' | 'daily_cap' | 'new_recipients_per_hour'>;

export function brakeOn(credential: Limits, usage: Usage): Brake {
  if (credential.daily_cap > 0 && usage.today + usage.wanted > credential.daily_cap)
    return { kind: 'capped' };
  if (credential.state === 'held') return { kind: 'hold', reason: credential.reason };
  const limit = credential.new_recipients_per_hour;
  const strangers = usage.strangersThisHour + usage.strangers;
  if (limit > 0 && usage.strangers > 0 && strangers > limit)
    return {
      kind: 'hold',
      reason: `${strangers} recipients never mailed before within an hour, ${limit} allowed`,
    };
  return { kind: 'go' };
}

/** Why so many bounces are too many, or undefined. */
export function bounceBrake(
  credential: Pick<Credential, 'bounce_percent'>,
  { ended, hard }: { ended: number; hard: number },
): string | undefined {
  if (credential.bounce_percent <= 0 || ended < BOUNCES_FROM) return undefined;
  const share = (hard / ended) * 100;
  if (share <= credential.bounce_percent) return undefined;
  return `${hard} of the last ${ended} messages bounced for good, ${credential.bounce_percent} % allowed`;
}
