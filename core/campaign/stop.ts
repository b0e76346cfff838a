/**
 * What a person does where a campaign stopped at a provider, or should: stop it there, let it go on more slowly, take it
 * back there. Each is kept in the audit; the MTA holds to it within a second.
 */
import { Problem } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { releaseStop, stopById, stopCampaignAt, stopsOf, type CampaignStop } from '../store/campaign-stop.ts';
import { addEvents } from '../store/event.ts';
import { addAudit } from '../store/user.ts';
import { existing } from './service.ts';

type Needs = Pick<Runtime, 'store' | 'clock' | 'wake'>;

/** A quarter of what it was, and never nothing. */
export const slowerThan = (pacePerHour: number): number => Math.max(10, Math.round(pacePerHour / 4));

export async function stopsOfCampaign({ store }: Pick<Needs, 'store'>, id: number): Promise<CampaignStop[]> {
  await existing(store.read, id);
  return stopsOf(store.read, id);
}

export async function stopByHand(
  { store, clock, wake }: Needs,
  id: number,
  { provider, by }: { provider: string; by: number | null },
): Promise<CampaignStop> {
  const now = clock.now();
  const stop = await store.write(async (tx) => {
    const campaign = await existing(tx, id);
    if (!['queueing', 'sending', 'paused'].includes(campaign.state))
      throw new Problem('conflict', `this campaign is ${campaign.state}: nothing of it leaves`);
    const made = await stopCampaignAt(
      tx,
      {
        campaignId: id,
        provider,
        reason: 'person',
        attempts: 0,
        hard: 0,
        complaints: 0,
        replies: [],
        pacePerHour: 0,
        by,
      },
      now,
    );
    if (made === null) throw new Problem('conflict', `this campaign is stopped at ${provider} already`);
    const data = { provider, reason: 'person', by };
    await addEvents(tx, [{ kind: 'stopped', at: now, campaign_id: id, data }]);
    await addAudit(
      tx,
      {
        userId: by,
        action: 'campaign stopped at a provider',
        subject: `campaign:${id}`,
        detail: { provider },
      },
      now,
    );
    return made;
  });
  wake.ring('campaign');
  return stop;
}

export type StopEnd =
  | { kind: 'slower'; ratePerHour?: number | undefined }
  /** By somebody who knows better than the numbers. */
  | { kind: 'released' }
  | { kind: 'cancelled' };

/** Ends a stop: it goes on there more slowly, or as before, or is taken back there for good. */
export async function endStop(
  { store, clock, wake }: Needs,
  stopId: number,
  end: StopEnd,
  by: number | null,
): Promise<CampaignStop> {
  const now = clock.now();
  const stop = await store.write(async (tx) => {
    const open = await stopById(tx, stopId);
    if (open === undefined) throw new Problem('not-found', 'there is no such stop');
    const ratePerHour = end.kind === 'slower' ? (end.ratePerHour ?? slowerThan(open.pace_per_hour)) : null;
    const ended = await releaseStop(tx, stopId, { state: end.kind, ratePerHour, by }, now);
    if (ended === undefined) throw new Problem('conflict', 'somebody decided about this stop already');
    const { campaign_id: id, provider } = ended;
    const detail = { provider, rate_per_hour: ratePerHour };
    await addEvents(tx, [{ kind: `stop_${end.kind}`, at: now, campaign_id: id, data: { ...detail, by } }]);
    const action =
      end.kind === 'cancelled' ? 'campaign cancelled at a provider' : 'campaign let go on at a provider';
    await addAudit(tx, { userId: by, action, subject: `campaign:${id}`, detail }, now);
    return ended;
  });
  wake.ring('campaign');
  wake.ring('queue');
  return stop;
}
