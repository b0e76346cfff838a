/** The checks on how long it would take: that there is a way out to every provider, and that a warm-up leaves room for it. */
import type { Runtime } from '../runtime.ts';
import type { Campaign } from '../store/campaign.ts';
import type { ProviderShare } from '../store/forecast.ts';
import { check, type Check } from './check.ts';
import { forecastFor, type Forecast } from './forecast.ts';

const DAY = 24 * 60 * 60_000;

export async function paceChecks(
  runtime: Pick<Runtime, 'store' | 'clock' | 'config'>,
  campaign: Pick<Campaign, 'pool' | 'scheduled_at'>,
  shares: readonly ProviderShare[],
): Promise<Check[]> {
  if (shares.length === 0) return [];
  const now = runtime.clock.now();
  return paceVerdict(
    await forecastFor(runtime, campaign.pool, shares, Math.max(now, campaign.scheduled_at ?? now)),
  );
}

export function paceVerdict({ start_at, groups }: Pick<Forecast, 'start_at' | 'groups'>): Check[] {
  const checks: Check[] = [];
  const shut = groups.filter((one) => one.held_by === 'no-source' || one.finish_at === null);
  if (shut.length > 0) {
    const about = shut.map((one) => one.label).join(', ');
    const people = shut.reduce((sum, one) => sum + one.recipients, 0);
    checks.push(
      check('time', 'pace.no-source', 'warn', `no address of ours may send to ${about} now: ${people} wait`, {
        about,
        fix: 'release or add a source, or let a smarthost help out',
      }),
    );
  }
  const warming = groups.filter(
    (one) => one.held_by === 'warm-up' && one.finish_at !== null && one.finish_at - start_at > DAY,
  );
  const last = warming.toSorted((a, b) => (b.finish_at ?? 0) - (a.finish_at ?? 0))[0];
  if (last !== undefined) {
    const days = Math.ceil(((last.finish_at ?? 0) - start_at) / DAY);
    checks.push(
      check('time', 'pace.warm-up', 'warn', `the warm-up lets it reach ${last.label} in ${days} days`, {
        about: `${last.label} · ${days}`,
        fix: 'send to the most engaged first, or begin with a smaller audience',
      }),
    );
  }
  return checks;
}
