/**
 * The planner's facts, gathered: the audience by provider, our addresses with their limits and warm-ups, and how the
 * providers answered in the last thirty days. And afterwards forecast and truth side by side.
 */
import { sql, type RawBuilder } from 'kysely';
import { providerById, type Provider } from '../../config/providers.ts';
import { retryWaitsMs } from '../../config/retry-waits.ts';
import type { Runtime } from '../runtime.ts';
import { limitsFor } from '../sending/limits.ts';
import { dayStart } from '../sending/local-day.ts';
import { capOf, stepsAhead } from '../sending/warmup.ts';
import { answersSince, OTHER_PROVIDER, type Answers } from '../store/answer-slot.ts';
import type { Campaign } from '../store/campaign.ts';
import { audienceByDomain } from '../store/campaign-audience.ts';
import {
  campaignTruth,
  endedOverTime,
  keptForecast,
  waitingByProvider,
  type ProviderShare,
  type ProviderTruth,
} from '../store/forecast.ts';
import { pools, sourcesInPools } from '../store/pool.ts';
import { overrides, type Override } from '../store/shaping.ts';
import { organisationSettings } from '../store/setting.ts';
import type { Db, Row } from '../store/tables.ts';
import { activeThrottles } from '../store/throttle.ts';
import { warmups, type Warmup } from '../store/warmup.ts';
import { audienceCondition, audienceOf, providerShares, stoppedFor } from './audience.ts';
import { planCampaign, type Group, type Lane, type Plan } from './planner.ts';

type Needs = Pick<Runtime, 'store' | 'clock' | 'config'>;

const DAY = 24 * 60 * 60_000;
export const ANSWERS_KEPT_FOR = 30 * DAY;
/** An attempt's length at a provider that we have no experience of. */
const USUAL_MS = 500;
const CURVE_POINTS = 48;

export type Forecast = Plan & { made_at: number };

/** What a campaign would take if it started at `startAt`. */
export async function forecastCampaign(
  runtime: Needs,
  campaign: Campaign,
  startAt: number,
): Promise<Forecast> {
  const shares = await mailableShares(runtime.store.read, campaign, runtime.clock.now());
  return forecastFor(runtime, campaign.pool, shares, startAt);
}

/** The same for given numbers of people by provider. */
export async function forecastFor(
  { store, clock, config }: Needs,
  pool: string,
  shares: readonly ProviderShare[],
  startAt: number,
): Promise<Forecast> {
  const db = store.read;
  const now = clock.now();
  const { speed } = config.clock;
  const [ahead, answers, facts, { timezone }] = await Promise.all([
    waitingByProvider(db),
    answersSince(db, now - ANSWERS_KEPT_FOR),
    sendingFacts(db, pool, now),
    organisationSettings(db),
  ]);
  const groups = shares.map((share): Group => {
    const provider = providerById(share.provider === OTHER_PROVIDER ? null : share.provider);
    const learnt = learntFrom(answers.filter((one) => one.provider === share.provider));
    return {
      ...share,
      label: provider.label,
      ahead: ahead.get(share.provider) ?? 0,
      longest: provider.scope === 'site' ? share.longest : share.recipients,
      lanes: lanesOf(provider, share.provider, facts, {
        now,
        startAt,
        zone: timezone,
        ms: learnt.ms * speed,
      }),
      deferredShare: learnt.deferredShare,
    };
  });
  return {
    made_at: now,
    ...planCampaign({ startAt, zone: timezone, groups, retryMs: retryWaitsMs }),
  };
}

/** Who is to get it and may be mailed. */
export async function mailableCondition(
  db: Db,
  campaign: Campaign,
  now: number,
): Promise<RawBuilder<boolean>> {
  const selected = await audienceCondition(db, audienceOf(campaign), now);
  const stopped = await stoppedFor(db, campaign, now);
  return sql<boolean>`${selected} and not ${stopped}`;
}

async function mailableShares(db: Db, campaign: Campaign, now: number): Promise<ProviderShare[]> {
  const selected = await audienceCondition(db, audienceOf(campaign), now);
  const stopped = await stoppedFor(db, campaign, now);
  return providerShares(await audienceByDomain(db, selected, stopped));
}

interface Facts {
  usable: Pick<Row<'source'>, 'id'>[];
  warming: Warmup[];
  /** A team's own, over the table's. */
  limits: Override[];
  throttles: Awaited<ReturnType<typeof activeThrottles>>;
}

/** The addresses that a pool sends from: as the MTA chooses them (mta/source.ts). */
async function sendingFacts(db: Db, pool: string, now: number): Promise<Facts> {
  const [all, known, warming, throttles, limits] = await Promise.all([
    sourcesInPools(db),
    pools(db),
    warmups(db),
    activeThrottles(db, now),
    overrides(db),
  ]);
  const stream = known.find((one) => one.name === pool)?.stream ?? 'marketing';
  const members = (name: string) =>
    all.filter((one) => one.pools.some((share) => share.pool === name && share.weight > 0));
  const own = [pool, stream].map(members).find((found) => found.length > 0) ?? all;
  const usable = own.filter((one) => one.paused === 0 && (one.aside_until ?? 0) <= now);
  return { usable: all.length === 0 ? [{ id: 0 }] : usable, warming, throttles, limits };
}

function lanesOf(
  provider: Provider,
  group: string,
  { usable, warming, throttles, limits }: Facts,
  at: { now: number; startAt: number; zone: string; ms: number },
): Lane[] {
  return usable.map(({ id }) => {
    const suspended = throttles.filter(
      (one) =>
        one.source_id === id &&
        one.kind === 'suspended' &&
        one.provider === group &&
        provider.scope === 'provider',
    );
    const one =
      warming.find((row) => row.sourceId === id && row.provider === group) ??
      warming.find((row) => row.sourceId === id && row.provider === OTHER_PROVIDER);
    return {
      perSecond: perSecondOf(limitsFor(provider, '', id, limits).limits, at.ms),
      from: Math.max(0, ...suspended.map((row) => row.until ?? at.now + DAY)),
      rooms: one === undefined ? [null] : roomsOf(one, at),
    };
  });
}

/** The allowance of the start's day, less what is used of it, and of the days to come if each is clean. */
function roomsOf(one: Warmup, { now, startAt, zone }: { now: number; startAt: number; zone: string }) {
  const cap = capOf(one);
  if (cap === null) return [null];
  const startsToday = dayStart(startAt, zone) === dayStart(now, zone);
  const used = startsToday && one.day === dayStart(now, zone) ? one.sent : 0;
  // Steps follow from the campaign's own mail: a later start finds the same step, for idle days leave it.
  return [
    Math.max(0, cap - used),
    ...stepsAhead(one, now, zone).map((day) => day.cap),
    ...(one.state === 'paused' ? [cap] : []),
  ];
}

/** Messages a second from one address: the rate that is allowed, or what its connections can carry. */
function perSecondOf({ rate, connections }: Pick<Provider, 'rate' | 'connections'>, ms: number): number {
  // One connection is kept free for people's mail.
  const forBulk = connections > 2 ? connections - 1 : connections;
  return Math.min((rate.messages / rate.perMs) * 1000, (forBulk * 1000) / Math.max(1, ms));
}

export function learntFrom(answers: readonly Answers[]): { ms: number; deferredShare: number } {
  const spoken = answers.filter((one) => one.outcome !== 'dropped');
  const total = spoken.reduce((sum, one) => sum + one.answers, 0);
  if (total === 0) return { ms: USUAL_MS, deferredShare: 0 };
  const sum = (of: (one: Answers) => number) => spoken.reduce((all, one) => all + of(one), 0);
  return {
    ms: sum((one) => one.ms) / total,
    deferredShare: sum((one) => (one.outcome === 'deferred' ? one.answers : 0)) / total,
  };
}

export interface SideBySide {
  forecast: Forecast | null;
  /** By provider, as it is now. */
  truth: ProviderTruth[];
  curve: { at: number; sent: number }[];
  finished_at: number | null;
}

/** What was foretold of a campaign when it started, and what came of it. */
export async function forecastAndTruth(db: Db, campaign: Campaign, now: number): Promise<SideBySide> {
  const from = campaign.started_at;
  if (from === null) return { forecast: null, truth: [], curve: [], finished_at: null };
  const [forecast, truth, curve] = await Promise.all([
    keptForecast<Forecast>(db, campaign.id),
    campaignTruth(db, campaign.id),
    endedOverTime(db, campaign.id, from, campaign.finished_at ?? now, CURVE_POINTS),
  ]);
  return { forecast, truth, curve, finished_at: campaign.finished_at };
}
