/**
 * Where a campaign stands, and the only functions that move it.
 *
 *   state       meaning                                               exits
 *   draft       being written                                         send → queueing · schedule → scheduled
 *   scheduled   starts by itself at `scheduled_at`                    its time → queueing · red → blocked · unschedule → draft ·
 *                                                                     cancel
 *   blocked     a check turned red before its time: it does not       green in time → scheduled · schedule · send → queueing ·
 *               start until it is mended or somebody answers for it   unschedule → draft · cancel
 *   queueing    frozen; recipients are being queued, mail leaves      fan-out done → sending · pause · cancel
 *   sending     every recipient is queued                             all terminal → sent · pause · cancel
 *   paused      nothing leaves; what is on the wire ends              resume → queueing or sending · cancel
 *   sent        every recipient has a final state                     none
 *   cancelled   taken back; what had not left is cancelled            none
 */
import { Problem } from '../errors.ts';
import { changeCampaign, type Campaign } from '../store/campaign.ts';
import type { CampaignState, Db, RowPatch } from '../store/tables.ts';

export const campaignTransitions: Record<CampaignState, readonly CampaignState[]> = {
  draft: ['scheduled', 'queueing'],
  scheduled: ['queueing', 'blocked', 'draft', 'cancelled'],
  blocked: ['scheduled', 'queueing', 'draft', 'cancelled'],
  queueing: ['sending', 'paused', 'cancelled'],
  sending: ['sent', 'paused', 'cancelled'],
  paused: ['queueing', 'sending', 'cancelled'],
  sent: [],
  cancelled: [],
};

/** Moves a campaign to a state from wherever that is allowed; a Problem when it is elsewhere by now. */
export async function moveCampaign(
  db: Db,
  id: number,
  to: CampaignState,
  patch: RowPatch<'campaign'>,
  now: number,
): Promise<Campaign> {
  const from = (Object.keys(campaignTransitions) as CampaignState[]).filter((state) =>
    campaignTransitions[state].includes(to),
  );
  const moved = await changeCampaign(db, id, from, { ...patch, state: to }, now);
  if (moved === undefined)
    throw new Problem('conflict', `this campaign cannot become ${to} where it stands now`);
  return moved;
}
