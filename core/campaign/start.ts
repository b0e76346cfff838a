/**
 * The doors by which a campaign starts: send, schedule, its time, going on after a long pause. Interface, API, command
 * line and pickup all come through here, and none of them starts it while a blocking check is red, save for those checks
 * that somebody who may has answered for, with a reason that is kept.
 */
import { Problem } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { changeCampaign, type Campaign } from '../store/campaign.ts';
import { addTemplateVersion } from '../store/content.ts';
import { addEvents } from '../store/event.ts';
import { keepForecast, type ProviderShare } from '../store/forecast.ts';
import { fromJson, toJson } from '../store/json.ts';
import type { Db } from '../store/tables.ts';
import { addAudit } from '../store/user.ts';
import { audienceOf } from './audience.ts';
import { nameOf } from './check.ts';
import { forecastFor } from './forecast.ts';
import { preflight, type Check, type Override, type Preflight } from './preflight.ts';
import { existing, freeze } from './service.ts';
import { moveCampaign } from './states.ts';

type Needs = Pick<
  Runtime,
  'store' | 'clock' | 'wake' | 'config' | 'tokens' | 'dns' | 'secrets' | 'suppressions'
>;

/** A scheduled campaign is examined again this long before its time, so that somebody can still mend what turned red. */
export const RECHECK_MS = 15 * 60_000;
/** While it is blocked and its time is not past, it is looked at again this often. */
const RECHECK_EVERY_MS = 60_000;
/** A pause longer than this is long enough for the world to have changed. */
const LONG_PAUSE_MS = 3_600_000;

/** What the last examination before a start found, as it stands on the campaign. */
export interface LastExamination {
  at: number;
  ready: boolean;
  checks: Check[];
}

/** Examines it as it stands; changes nothing. `fresh`: nothing that was looked up a minute ago will do. */
export async function examineCampaign(
  runtime: Needs,
  id: number,
  how: { fresh?: boolean } = {},
): Promise<Preflight> {
  return preflight(runtime, await existing(runtime.store.read, id), how);
}

/** Freezes and starts it. */
export async function sendCampaign(runtime: Needs, id: number): Promise<Campaign> {
  const { campaign, shares } = await refuseRed(runtime, id);
  return start(runtime, campaign, shares);
}

/** Starts by itself at `at`. Checked now, again a quarter of an hour before, and when it starts. */
export async function scheduleCampaign(runtime: Needs, id: number, at: number): Promise<Campaign> {
  const { store, clock, wake } = runtime;
  if (at <= clock.now()) throw new Problem('invalid', 'this time is past', { fields: { at: 'is past' } });
  const { campaign: examined } = await refuseRed(runtime, id);
  const campaign = await store.write(async (tx) => {
    await unchanged(tx, examined);
    return moveCampaign(tx, id, 'scheduled', { scheduled_at: at, preflight: null }, clock.now());
  });
  wake.ring('campaign');
  return campaign;
}

/**
 * Answers for the checks that are red now, with a reason: it may start in spite of them. It holds for these checks and
 * for the campaign as it stands; a change of the campaign, or another check that turns red, needs another answer.
 */
export async function overrideChecks(
  runtime: Needs,
  id: number,
  { reason, by, via }: { reason: string; by: number | null; via: string },
): Promise<Preflight> {
  const { store, clock, wake } = runtime;
  const examined = await existing(store.read, id);
  if (examined.state !== 'draft' && examined.state !== 'blocked' && examined.state !== 'paused')
    throw new Problem('conflict', `this campaign is ${examined.state}: there is nothing to override`);
  if (reason.trim() === '')
    throw new Problem('invalid', 'an override needs a reason', { fields: { reason: 'is missing' } });
  const result = await preflight(runtime, examined, { fresh: true });
  const red = result.checks.filter((check) => check.level === 'block');
  const firm = red.filter((check) => !check.overridable);
  if (red.length === 0) throw new Problem('conflict', 'no check is red');
  if (firm.length > 0)
    throw new Problem(
      'conflict',
      `nobody can answer for this: ${firm.map((check) => check.says).join('; ')}`,
      {
        fields: Object.fromEntries(firm.map((check) => [check.id, check.says])),
      },
    );
  const now = clock.now();
  const override: Override = {
    checks: red.map(nameOf),
    reason: reason.trim(),
    by,
    at: now,
  };
  await store.write(async (tx) => {
    await unchanged(tx, examined);
    await changeCampaign(tx, id, ['draft', 'blocked', 'paused'], { override: toJson(override) }, now);
    await addAudit(
      tx,
      {
        userId: by,
        action: 'red checks overridden',
        subject: `campaign:${id}`,
        detail: {
          reason: override.reason,
          via,
          checks: red.map((check) => ({ check: nameOf(check), says: check.says })),
        },
      },
      now,
    );
    await addEvents(tx, [
      {
        kind: 'override',
        at: now,
        campaign_id: id,
        data: { by, reason: override.reason, checks: override.checks },
      },
    ]);
  });
  wake.ring('campaign');
  return { ...result, ready: true, override };
}

/** Whether pickup should examine a campaign that waits for its time: `before` it, or because the time has come. */
export function examinationDue(
  { state, scheduled_at, preflight: last }: Pick<Campaign, 'state' | 'scheduled_at' | 'preflight'>,
  now: number,
): 'start' | 'before' | undefined {
  if (scheduled_at === null) return undefined;
  const at = fromJson<LastExamination | null>(last, null)?.at;
  if (state === 'scheduled') {
    if (now >= scheduled_at) return 'start';
    return now >= scheduled_at - RECHECK_MS && at === undefined ? 'before' : undefined;
  }
  if (state !== 'blocked' || now >= scheduled_at) return undefined;
  return at === undefined || now - at >= RECHECK_EVERY_MS ? 'before' : undefined;
}

/**
 * A scheduled campaign's time has come, or is near. What is red blocks it, with the reasons on it; what was mended in
 * time is scheduled again by itself. Past its time only a person starts a blocked one.
 */
export async function examineScheduled(
  runtime: Needs,
  id: number,
): Promise<'started' | 'blocked' | 'scheduled' | 'nothing'> {
  const { store, clock, wake } = runtime;
  const campaign = await existing(store.read, id);
  const due = examinationDue(campaign, clock.now());
  if (due === undefined) return 'nothing';
  const result = await preflight(runtime, campaign, { fresh: true });
  if (due === 'start' && result.ready) {
    await start(runtime, campaign, result.shares);
    return 'started';
  }
  const now = clock.now();
  const to = result.ready ? 'scheduled' : 'blocked';
  const red = result.checks.filter((check) => check.level === 'block');
  const patch = {
    preflight: toJson({ at: now, ready: result.ready, checks: red } satisfies LastExamination),
  };
  await store.write(async (tx) => {
    await unchanged(tx, campaign);
    if (to === campaign.state) {
      await changeCampaign(tx, id, [to], patch, now);
      return;
    }
    await moveCampaign(tx, id, to, patch, now);
    await addEvents(tx, [
      {
        kind: to === 'blocked' ? 'blocked' : 'unblocked',
        at: now,
        campaign_id: id,
        data: { checks: red.map((check) => check.id), says: red.map((check) => check.says) },
      },
    ]);
  });
  wake.ring('campaign');
  return to;
}

/** Goes on. After a long pause the sender's checks must be green again: DNS and reputation do not wait for us. */
export async function resumeCampaign(runtime: Needs, id: number): Promise<Campaign> {
  const { store, clock, wake } = runtime;
  const seen = await existing(store.read, id);
  if (seen.state === 'paused' && clock.now() - seen.updated_at > LONG_PAUSE_MS) await refuseRed(runtime, id);
  const campaign = await store.write(async (tx) => {
    const paused = await existing(tx, id);
    if (paused.state !== 'paused') throw new Problem('conflict', 'this campaign is not paused');
    const to = paused.fanout_done_at === null ? 'queueing' : 'sending';
    return moveCampaign(tx, id, to, { paused: 0 }, clock.now());
  });
  wake.ring('campaign');
  wake.ring('queue');
  return campaign;
}

/** The campaign as it was examined; a Problem with the reasons when it may not start. */
async function refuseRed(
  runtime: Needs,
  id: number,
): Promise<{ campaign: Campaign; shares: ProviderShare[] }> {
  const campaign = await existing(runtime.store.read, id);
  const result = await preflight(runtime, campaign, { fresh: true });
  if (result.ready) return { campaign, shares: result.shares };
  const answered = new Set(result.override?.checks);
  const red = result.checks.filter((check) => check.level === 'block' && !answered.has(nameOf(check)));
  throw new Problem('conflict', `the campaign is not ready: ${red.map((check) => check.says).join('; ')}`, {
    fields: Object.fromEntries(red.map((check) => [check.id, check.says])),
  });
}

/** What was examined is what starts: an edit in between must not slip past the checks. */
async function unchanged(tx: Db, examined: Campaign): Promise<Campaign> {
  const now = await existing(tx, examined.id);
  if (now.updated_at !== examined.updated_at || now.state !== examined.state)
    throw new Problem('conflict', 'the campaign was changed while it was being checked: try again');
  return now;
}

async function start(
  runtime: Needs,
  examined: Campaign,
  shares: readonly ProviderShare[],
): Promise<Campaign> {
  const { store, clock, wake, config } = runtime;
  const now = clock.now();
  // Counted before its own rows are in the queue.
  const forecast = await forecastFor(runtime, examined.pool, shares, now);
  const campaign = await store.write(async (tx) => {
    const draft = await unchanged(tx, examined);
    // A paused one is resumed, never begun again: it would be frozen anew and fan out from its cursor with another text.
    if (draft.state !== 'draft' && draft.state !== 'scheduled' && draft.state !== 'blocked')
      throw new Problem('conflict', `this campaign is ${draft.state} already`);
    const version = await addTemplateVersion(tx, await freeze(tx, draft, config, now));
    const newest = await tx
      .selectFrom('contact')
      .select(({ fn }) => fn.max('id').as('id'))
      .executeTakeFirst();
    await keepForecast(tx, draft.id, forecast, now);
    const audience = toJson({ ...audienceOf(draft), upTo: Number(newest?.id ?? 0) });
    return moveCampaign(
      tx,
      draft.id,
      'queueing',
      { template_version_id: version, started_at: now, audience },
      now,
    );
  });
  wake.ring('campaign');
  wake.ring('queue');
  return campaign;
}
