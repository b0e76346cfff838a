/** The calendar of warm-ups as people see it: per source and provider the days that were, today's room, the days to come. */
import type { Runtime } from '../runtime.ts';
import { sourcesInPools } from '../store/pool.ts';
import { organisationSettings } from '../store/setting.ts';
import { warmupDays, warmups, type Warmup, type WarmupDay } from '../store/warmup.ts';
import { dayStart, nextDayStart } from './local-day.ts';
import { daysCounts } from './warmup-day.ts';
import { warmupProviders } from './warmup-service.ts';
import { capOf, stepsAhead, verdictOf, type DayCounts, type Verdict } from './warmup.ts';

const SHOWN_DAYS = 30 * 24 * 60 * 60_000;

export interface WarmupLine {
  provider: string;
  label: string;
  state: Warmup['state'];
  plan: number[];
  step: number;
  started_at: number;
  today: DayCounts & { day: number; cap: number | null; used: number; left: number | null; verdict: Verdict };
  past: WarmupDay[];
  ahead: { day: number; step: number; cap: number | null }[];
}

export interface WarmupSource {
  source_id: number;
  name: string;
  ip: string;
  pool: string;
  providers: WarmupLine[];
}

export interface WarmupView {
  timezone: string;
  /** When the next day's room is there. */
  next_day_at: number;
  sources: WarmupSource[];
}

export async function warmupView({ store, clock }: Pick<Runtime, 'store' | 'clock'>): Promise<WarmupView> {
  const db = store.read;
  const now = clock.now();
  const [{ timezone }, all, rows, days] = await Promise.all([
    organisationSettings(db),
    sourcesInPools(db),
    warmups(db),
    warmupDays(db, now - SHOWN_DAYS),
  ]);
  const today = dayStart(now, timezone);
  const labels = new Map(warmupProviders.map((one) => [one.id, one.label]));
  const views: WarmupSource[] = [];
  for (const source of all) {
    const own = rows.filter((row) => row.sourceId === source.id);
    const counts =
      own.length === 0 ? new Map<string, DayCounts>() : await daysCounts(db, source.id, today, now + 1);
    views.push({
      source_id: source.id,
      name: source.name,
      ip: source.ip,
      pool: source.pools.map((one) => one.pool).join(', '),
      providers: own.map((row) => {
        const came = counts.get(row.provider) ?? { sent: 0, deferred: 0, blocked: 0, complaints: 0 };
        const cap = capOf(row);
        const used = row.day === today ? row.sent : 0;
        return {
          provider: row.provider,
          label: labels.get(row.provider) ?? row.provider,
          state: row.state,
          plan: [...row.plan],
          step: row.step,
          started_at: row.startedAt,
          today: {
            ...came,
            day: today,
            cap,
            used,
            left: cap === null ? null : Math.max(0, cap - used),
            verdict: verdictOf(came),
          },
          past: days
            .filter((day) => day.source_id === source.id && day.provider === row.provider)
            .map(({ source_id: _source, provider: _provider, ...day }) => day),
          ahead: stepsAhead(row, now, timezone),
        };
      }),
    });
  }
  return { timezone, next_day_at: nextDayStart(now, timezone), sources: views };
}
