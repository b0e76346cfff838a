/**
 * Whether one more mail is too many for a person, now: the caps that are about them, their own wish, and the mails that
 * they got or that are under way to them. Pure; limit.ts gathers the facts within the claim.
 *
 * Whoever is under way holds a place until it ends, so that of all mails that arrive within one window the last one that
 * was claimed saw all the others: nobody gets more than the cap, in whatever order things happen.
 */
import { FREQUENCY } from '../store/pressure.ts';

const DAY_MS = 86_400_000;
/** How soon it is looked at again while something under way may still end without having arrived. */
export const LOOK_AGAIN_MS = 60 * 60_000;

/** What people may ask for themselves, as days in which they get one. */
export const wishDays = { weekly: 7, monthly: 30 } as const;
/** The longest window, and how long a mail waits at most: `mail_got` is kept for the one, the queue is sized by the other. */
export const LONGEST_DAYS = 90;
export const LONGEST_WAIT_DAYS = 14;

export interface Cap {
  most: number;
  days: number;
  wait_days: number;
  list_id: number | null;
  brand_id: number | null;
}

/** What a mail is about. */
export interface About {
  list_id: number | null;
  brand_id: number;
}

export interface MailOf extends About {
  /** When it arrived; null: it is under way. */
  at: number | null;
}

export type Verdict<C extends Cap> =
  | { kind: 'go' }
  /** Not before this. */
  | { kind: 'later'; dueAt: number; cap: C }
  /** Not at all: there is no room before its time is over. */
  | { kind: 'never'; cap: C };

/** The wish of a person as a cap: over everything, and what comes too early is left out. */
export const capOfWish = (wish: 'weekly' | 'monthly'): Cap => ({
  most: 1,
  days: wishDays[wish],
  wait_days: 0,
  list_id: null,
  brand_id: null,
});

export const isAbout = (cap: Pick<Cap, 'list_id' | 'brand_id'>, mail: About): boolean =>
  (cap.list_id === null || cap.list_id === mail.list_id) &&
  (cap.brand_id === null || cap.brand_id === mail.brand_id);

/** When a cap lets the next mail through, if all that is under way arrives now: `now` itself when there is room. */
export function roomAt(cap: Cap, mails: readonly MailOf[], now: number): number {
  const times = mails
    .filter((mail) => isAbout(cap, mail))
    .map((mail) => mail.at ?? now)
    .filter((at) => at > now - cap.days * DAY_MS)
    .sort((a, b) => a - b);
  const leaving = times[times.length - cap.most];
  return leaving === undefined ? now : leaving + cap.days * DAY_MS;
}

/** Judges one mail by the caps that are about its person. The first cap that leaves it out speaks; else the longest wait. */
export function judge<C extends Cap>(
  caps: readonly C[],
  mails: readonly MailOf[],
  mail: About & { queuedAt: number },
  now: number,
): Verdict<C> {
  let verdict: Verdict<C> = { kind: 'go' };
  const arrived = mails.filter((one) => one.at !== null);
  for (const cap of caps) {
    if (!isAbout(cap, mail)) continue;
    const room = roomAt(cap, mails, now);
    if (room <= now) continue;
    // What is under way may yet be refused: by what has arrived alone there may be room in time.
    const soonest = roomAt(cap, arrived, now);
    const last = mail.queuedAt + cap.wait_days * DAY_MS;
    if (soonest > last || (soonest <= now && now >= last)) return { kind: 'never', cap };
    const dueAt = room > soonest ? Math.min(room, Math.max(soonest, now + LOOK_AGAIN_MS)) : room;
    if (verdict.kind === 'go' || dueAt > verdict.dueAt) verdict = { kind: 'later', dueAt, cap };
  }
  return verdict;
}

/** What the queue and the ledger say of it. */
export const reasonOf = ({ most, days }: Pick<Cap, 'most' | 'days'>): string =>
  `${FREQUENCY}: at most ${most} in ${days} ${days === 1 ? 'day' : 'days'}`;
export const reasonOfWish = (wish: 'weekly' | 'monthly'): string =>
  `${FREQUENCY}: asked for one a ${wish === 'weekly' ? 'week' : 'month'} at most`;
