/**
 * How long a campaign will take, provider by provider, and which one is the long pole. Counts with what is in force: the
 * limits of each of our addresses, the room that warm-ups leave on each day to come, what waits ahead of it, and how the
 * provider answered of late. Pure: everything it knows is handed in.
 */
import { dayStart, nextDayStart } from '../sending/local-day.ts';

/** One of our addresses at one provider. */
export interface Lane {
  /** Messages a second that it may and can send. */
  perSecond: number;
  /** Not before: it is suspended there until then. */
  from: number;
  /** Today's room and that of the days to come; the last one holds on. Null: no daily limit. */
  rooms: readonly (number | null)[];
}

export interface Group {
  provider: string;
  label: string;
  recipients: number;
  /** Waits for the same provider already, and goes first. */
  ahead: number;
  /** Recipients of its largest destination, where limits hold for each destination apart; else all of them. */
  longest: number;
  lanes: readonly Lane[];
  /** Share of attempts that were put off, by what was answered of late. */
  deferredShare: number;
}

export interface PlanQuestion {
  startAt: number;
  zone: string;
  groups: readonly Group[];
  /** Waits before the second, third … attempt. */
  retryMs: readonly number[];
}

export interface GroupPlan {
  provider: string;
  label: string;
  recipients: number;
  /** When the last first attempt is over, and when the last put-off one is. Null: no address of ours may send there. */
  sent_at: number | null;
  finish_at: number | null;
  /** What sets the pace: the limit in a second, the room of a day, or nothing to send with. */
  held_by: 'pace' | 'warm-up' | 'no-source';
  per_second: number;
}

export interface Plan {
  start_at: number;
  finish_at: number | null;
  recipients: number;
  /** The provider that is last. */
  long_pole: string | null;
  groups: GroupPlan[];
  /** Messages sent by a time, from the start to the end. */
  curve: { at: number; sent: number }[];
}

const CURVE_POINTS = 48;
const LONGEST_DAYS = 400;

interface Span {
  from: number;
  to: number;
  messages: number;
}

export function planCampaign({ startAt, zone, groups, retryMs }: PlanQuestion): Plan {
  const spans: Span[] = [];
  const plans = groups
    .filter((group) => group.recipients > 0)
    .map((group) => {
      const { plan, sent } = planGroup(group, startAt, zone, retryMs);
      spans.push(...sent);
      return plan;
    });
  plans.sort((a, b) => (b.finish_at ?? Infinity) - (a.finish_at ?? Infinity) || b.recipients - a.recipients);
  const last = plans[0];
  const finish = plans.some((plan) => plan.finish_at === null) ? null : (last?.finish_at ?? startAt);
  return {
    start_at: startAt,
    finish_at: finish,
    recipients: plans.reduce((sum, plan) => sum + plan.recipients, 0),
    long_pole: last?.provider ?? null,
    groups: plans,
    curve: curveOf(spans, startAt),
  };
}

function planGroup(
  { provider, label, recipients, ahead, longest, lanes, deferredShare }: Group,
  startAt: number,
  zone: string,
  retryMs: readonly number[],
): { plan: GroupPlan; sent: Span[] } {
  const perSecond = lanes.reduce((sum, lane) => sum + lane.perSecond, 0);
  const base = { provider, label, recipients, per_second: perSecond };
  // Where limits hold per destination the largest one sets the pace, and the others go beside it.
  const stretch = recipients > 0 && longest > 0 ? longest / recipients : 1;
  const fast = lanes.map((lane) => ({ ...lane, perSecond: lane.perSecond / stretch }));
  const sent: Span[] = [];
  let left = recipients;
  let before = ahead;
  let from = startAt;
  let days = 0;
  for (let day = 0; left > 0; day++) {
    if (day > LONGEST_DAYS || fast.every((lane) => lane.perSecond <= 0 || lane.rooms.at(-1) === 0))
      return { plan: { ...base, sent_at: null, finish_at: null, held_by: 'no-source' }, sent };
    const end = nextDayStart(dayStart(from, zone), zone);
    const room = (until: number) => capacity(fast, day, from, until);
    const whole = room(end);
    const passed = Math.min(before, whole);
    const mine = Math.min(left, whole - passed);
    if (mine > 0) {
      const begin = passed === 0 ? from : reach(room, passed, from, end);
      const stop = reach(room, passed + mine, from, end);
      sent.push({ from: begin, to: stop, messages: mine });
      if (stop < end) days = day;
    }
    before -= passed;
    left -= mine;
    if (left > 0) {
      from = end;
      days = day + 1;
    }
  }
  const sentAt = sent.at(-1)?.to ?? startAt;
  const finishAt = sentAt + tailOf(recipients, deferredShare, retryMs);
  const held_by = days > 0 && lanes.some((lane) => lane.rooms[0] !== null) ? 'warm-up' : 'pace';
  return { plan: { ...base, sent_at: Math.round(sentAt), finish_at: Math.round(finishAt), held_by }, sent };
}

/** What the addresses can send from one moment to another of the same day. */
const capacity = (lanes: readonly Lane[], day: number, from: number, until: number): number =>
  lanes.reduce((sum, lane) => {
    const room = lane.rooms[Math.min(day, lane.rooms.length - 1)] ?? Infinity;
    const ms = Math.max(0, until - Math.max(from, lane.from));
    return sum + Math.min(room, (lane.perSecond * ms) / 1000);
  }, 0);

/** The moment by which so many are sent. */
function reach(room: (until: number) => number, messages: number, from: number, end: number): number {
  let low = from;
  let high = end;
  for (let step = 0; step < 40 && high - low > 1; step++) {
    const middle = (low + high) / 2;
    if (room(middle) + 1e-6 >= messages) high = middle;
    else low = middle;
  }
  return high;
}

/** How long put-off messages come again, until less than half a one is expected to be left. */
export function tailOf(recipients: number, deferredShare: number, retryMs: readonly number[]): number {
  let left = recipients * Math.min(0.95, deferredShare);
  let tail = 0;
  for (const wait of retryMs) {
    if (left < 0.5) break;
    tail += wait;
    left *= Math.min(0.95, deferredShare);
  }
  return tail;
}

function curveOf(spans: readonly Span[], startAt: number): { at: number; sent: number }[] {
  const end = Math.max(startAt, ...spans.map((span) => span.to));
  const points: { at: number; sent: number }[] = [];
  for (let point = 0; point <= CURVE_POINTS; point++) {
    const at = startAt + ((end - startAt) * point) / CURVE_POINTS;
    let sent = 0;
    for (const span of spans) {
      const share = span.to > span.from ? (at - span.from) / (span.to - span.from) : at >= span.to ? 1 : 0;
      sent += span.messages * Math.min(1, Math.max(0, share));
    }
    points.push({ at: Math.round(at), sent: Math.round(sent) });
    if (end === startAt) break;
  }
  return points;
}
