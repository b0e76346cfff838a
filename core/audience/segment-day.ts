/**
 * Which days and instants a condition means, seen from now: in UTC, in the zone of a wall calendar, or for each contact
 * in its own. Days are lived: they begin at the zone's midnight, or at the first instant after it where clocks skip it.
 */
import type { DateValue, Window } from './segment.ts';

const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
const QUARTER = 15 * 60_000;

// ── days of a zone ────────────────────────────────────────────────────────────────────────────────────────────────

const formats = new Map<string, Intl.DateTimeFormat>();

/** The day that a zone's wall calendar shows: `2026-01-31`. */
export function localDay(at: number, zone: string): string {
  if (zone === 'UTC') return new Date(at).toISOString().slice(0, 10);
  let format = formats.get(zone);
  if (format === undefined) {
    // Swedish writes a day as ISO 8601 does.
    format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone });
    formats.set(zone, format);
  }
  return format.format(at);
}

const begins = new Map<string, number>();

/** The first instant of a day in a zone. */
export function dayBegin(name: string, zone: string): number {
  const noted = Date.parse(name);
  if (zone === 'UTC') return noted;
  const key = `${zone} ${name}`;
  const known = begins.get(key);
  if (known !== undefined) return known;
  // No zone is further than 15 hours away, and clocks change by whole seconds: the first second that shows the day.
  let [before, from] = [noted / 1000 - 16 * 3600, noted / 1000 + 16 * 3600];
  while (from - before > 1) {
    const middle = Math.floor((before + from) / 2);
    if (localDay(middle * 1000, zone) >= name) from = middle;
    else before = middle;
  }
  if (begins.size > 20_000) begins.clear();
  begins.set(key, from * 1000);
  return from * 1000;
}

const moved = (name: string, days: number): string =>
  new Date(Date.parse(name) + days * DAY).toISOString().slice(0, 10);

/** Days from the first to the last, as one: `name` is the first. */
export interface Day {
  /** `2026-01-31`. */
  name: string;
  last: string;
  begin: number;
  /** The first instant that is no longer in it. */
  end: number;
}

const days = (name: string, last: string, zone: string): Day => ({
  name,
  last,
  begin: dayBegin(name, zone),
  end: dayBegin(moved(last, 1), zone),
});

// ── moving ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A time moved by `-90d`, `+1m` or the like; months and years by the calendar of UTC, at most to its month's last day. */
export function shifted(time: number, distance: string): number {
  const [, amount, unit] = /^([+-]?\d+)([hdwmy])$/.exec(distance) ?? [];
  const n = Number(amount);
  switch (unit) {
    case 'h':
      return time + n * HOUR;
    case 'd':
      return time + n * DAY;
    case 'w':
      return time + n * 7 * DAY;
    default: {
      const at = new Date(time);
      const months = at.getUTCFullYear() * 12 + at.getUTCMonth() + (unit === 'y' ? 12 * n : n);
      const lastDay = new Date(Date.UTC(0, months + 1, 0));
      lastDay.setUTCFullYear(Math.floor(months / 12), (((months % 12) + 12) % 12) + 1, 0);
      const midnight =
        lastDay.getTime() - (lastDay.getUTCDate() - Math.min(at.getUTCDate(), lastDay.getUTCDate())) * DAY;
      return midnight + (time - Math.floor(time / DAY) * DAY);
    }
  }
}

const ymd = (year: number, month: number, day: number): string =>
  new Date(Date.UTC(year, month, day)).toISOString().slice(0, 10);

/** The days of this, the last or the next week (from Monday), month, quarter or year. */
function unitDays({ unit, at }: Extract<DateValue, { unit: unknown }>, today: string): [string, string] {
  const by = at === 'last' ? -1 : at === 'next' ? 1 : 0;
  const [year, month] = today.split('-').map(Number) as [number, number];
  const months = (first: number, many: number): [string, string] => [
    ymd(year, first + by * many, 1),
    ymd(year, first + (by + 1) * many, 0),
  ];
  const whole = ((): [string, string] => {
    switch (unit) {
      case 'day':
        return [moved(today, by), moved(today, by)];
      case 'week': {
        const monday = moved(today, by * 7 - ((new Date(today).getUTCDay() + 6) % 7));
        return [monday, moved(monday, 6)];
      }
      case 'month':
        return months(month - 1, 1);
      case 'quarter':
        return months(Math.floor((month - 1) / 3) * 3, 3);
      case 'year':
        return months(0, 12);
      default:
        return unit satisfies never;
    }
  })();
  if (at === 'start') return [whole[0], whole[0]];
  return at === 'end' ? [whole[1], whole[1]] : whole;
}

/** The day, or the days, that a date means, seen from `now` in a zone. */
export function dayOf(value: DateValue, now: number, zone = 'UTC'): Day {
  if (typeof value === 'string') return days(value, value, zone);
  const today = localDay(now, zone);
  if ('unit' in value) return days(...unitDays(value, today), zone);
  const name = new Date(shifted(Date.parse(today), value.rel)).toISOString().slice(0, 10);
  return days(name, name, zone);
}

/** The instants from `begin` to before `end` that a window means; absent sides are open. */
export function spanOf(
  given: Window | undefined,
  now: number,
  zone = 'UTC',
): { begin?: number; end?: number } {
  if (given === undefined) return {};
  if ('last' in given) return { begin: shifted(now, `-${given.last}`) };
  if ('from' in given)
    return { begin: dayOf(given.from, now, zone).begin, end: dayOf(given.to, now, zone).end };
  if ('before' in given) return { end: dayOf(given.before, now, zone).begin };
  return { begin: dayOf(given.after, now, zone).end };
}

/** Days of the year, as `MM-DD`, from a day counted from today to another. 29 February is kept on the 28th in other years. */
export function daysOfYear([from, to]: readonly [number, number], now: number, zone = 'UTC'): string[] {
  const today = Date.parse(localDay(now, zone));
  const names = new Set<string>();
  for (let at = from; at <= Math.min(to, from + 366); at++) {
    const day = new Date(today + at * DAY);
    const name = day.toISOString().slice(5, 10);
    names.add(name);
    const isLeap = new Date(Date.UTC(day.getUTCFullYear(), 1, 29)).getUTCMonth() === 1;
    if (name === '02-28' && !isLeap) names.add('02-29');
  }
  return [...names];
}

// ── zones ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `contact:Europe/Paris`: each contact's own zone, and this one for who has none. */
const OWN = 'contact:';
export const isEachOwn = (tz: string | undefined): boolean => tz?.startsWith(OWN) === true;
/** The zone that is the same for everybody: of those without one, where each has their own. */
export const commonZone = (tz: string | undefined): string =>
  tz === undefined ? 'UTC' : isEachOwn(tz) ? tz.slice(OWN.length) : tz;
export const eachOwn = (fallback: string): string => `${OWN}${fallback}`;

/** Names that today's lists use and older ones do not, or the other way round; both are written by people. */
const OTHER_NAMES = [
  'UTC Etc/UTC GMT Asia/Kolkata Asia/Calcutta Asia/Ho_Chi_Minh Asia/Saigon Asia/Kathmandu Asia/Katmandu Asia/Yangon',
  'Asia/Rangoon Atlantic/Faroe Atlantic/Faeroe Europe/Kyiv Europe/Kiev America/Nuuk America/Godthab Africa/Asmara',
  'Africa/Asmera Pacific/Chuuk Pacific/Truk Pacific/Pohnpei Pacific/Ponape Pacific/Kanton Pacific/Enderbury',
  'America/Argentina/Buenos_Aires America/Buenos_Aires America/Indiana/Indianapolis America/Indianapolis',
  'America/Kentucky/Louisville America/Louisville America/Argentina/Cordoba America/Argentina/Catamarca',
  'America/Argentina/Jujuy America/Argentina/Mendoza US/Eastern US/Central US/Mountain US/Pacific Asia/Beijing PRC',
].join(' ');
const isZone = (name: string): boolean => {
  try {
    localDay(0, name);
    return true;
  } catch {
    return false;
  }
};
let zones: string[] | undefined;
const allZones = (): string[] =>
  (zones ??= [...new Set([...Intl.supportedValuesOf('timeZone'), ...OTHER_NAMES.split(' ')])].filter(isZone));

/** The zones that answer alike to a question, by their answer. */
export function zonesBy(ask: (zone: string) => string): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const zone of allZones()) {
    const answer = ask(zone);
    const known = groups.get(answer);
    if (known === undefined) groups.set(answer, [zone]);
    else known.push(zone);
  }
  return groups;
}

const turns = new Map<number, string>();

/** Another one whenever a midnight was: in the zone, or where each has their own, in any. */
export function turnOf(tz: string | undefined, at: number): string {
  if (!isEachOwn(tz)) return localDay(at, commonZone(tz));
  // Every zone's midnight falls on a quarter of an hour.
  const quarter = Math.floor(at / QUARTER);
  let turn = turns.get(quarter);
  if (turn === undefined) {
    turn = allZones()
      .map((zone) => localDay(quarter * QUARTER, zone).slice(8))
      .join('');
    if (turns.size > 100) turns.clear();
    turns.set(quarter, turn);
  }
  return turn;
}
