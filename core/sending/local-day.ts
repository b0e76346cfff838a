/**
 * Days as the organisation lives them: from midnight to midnight of its time zone. A warm-up counts by these, so that
 * "today's room" means the same as on the wall calendar, also on the days when clocks change.
 */
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const formats = new Map<string, Intl.DateTimeFormat>();

function wall(at: number, zone: string): { day: string; sinceMidnight: number } {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-CA', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    formats.set(zone, format);
  }
  const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
  return {
    day: `${part['year']}-${part['month']}-${part['day']}`,
    sinceMidnight:
      Number(part['hour']) * HOUR +
      Number(part['minute']) * MINUTE +
      Number(part['second']) * 1000 +
      (at % 1000),
  };
}

/** When the local day of this moment began. */
export function dayStart(at: number, zone: string): number {
  const { day, sinceMidnight } = wall(at, zone);
  let start = at - sinceMidnight;
  // The clock changed since midnight: the difference shows at the supposed midnight, and is taken back.
  for (let step = 0; step < 2; step++) {
    const there = wall(start, zone);
    if (there.day === day && there.sinceMidnight === 0) break;
    start += there.day === day ? -there.sinceMidnight : 24 * HOUR - there.sinceMidnight;
  }
  return start;
}

/** When the next local day begins: 23, 24 or 25 hours after this one began. */
export const nextDayStart = (at: number, zone: string): number =>
  dayStart(dayStart(at, zone) + 36 * HOUR, zone);
