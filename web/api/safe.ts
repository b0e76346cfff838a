/** Stops at a provider, incidents and quarantine over HTTP. What may be done is core's; who may, the contract's. */
import { endIncident } from '../../core/audience/quarantine.ts';
import { endStop, slowerThan, stopByHand, stopsOfCampaign } from '../../core/campaign/stop.ts';
import { Problem } from '../../core/errors.ts';
import type { Runtime } from '../../core/runtime.ts';
import { waitingAtStops } from '../../core/store/campaign-stop.ts';
import { incidentById, incidents, quarantined } from '../../core/store/incident.ts';
import type { SomeHandlers } from '../http/route.ts';

async function stops(rt: Runtime, campaignId: number) {
  const [rows, waiting] = await Promise.all([
    stopsOfCampaign(rt, campaignId),
    waitingAtStops(rt.store.read, campaignId),
  ]);
  return {
    rows: rows.map((row) => ({
      ...row,
      waiting: row.state === 'stopped' ? (waiting.get(row.provider) ?? 0) : 0,
      slower_per_hour: slowerThan(row.pace_per_hour),
    })),
  };
}

export const safeHandlers = {
  campaignStops: ({ rt, params }) => stops(rt, params.id),
  async stopCampaignAt({ rt, params, body, user }) {
    await stopByHand(rt, params.id, { provider: body.provider, by: user.id });
    return stops(rt, params.id);
  },
  async goOnSlower({ rt, params, body, user }) {
    const end = { kind: 'slower', ratePerHour: body.rate_per_hour } as const;
    const { campaign_id } = await endStop(rt, params.id, end, user.id);
    return stops(rt, campaign_id);
  },
  async cancelAtProvider({ rt, params, user }) {
    const { campaign_id } = await endStop(rt, params.id, { kind: 'cancelled' }, user.id);
    return stops(rt, campaign_id);
  },

  async incidents({ rt }) {
    return { rows: await incidents(rt.store.read) };
  },
  async quarantined({ rt, params, query }) {
    if ((await incidentById(rt.store.read, params.id)) === undefined)
      throw new Problem('not-found', 'there is no such incident');
    const beforeId = /^\d{1,15}$/.test(query.cursor ?? '') ? Number(query.cursor) : undefined;
    const rows = await quarantined(rt.store.read, params.id, { beforeId, limit: query.limit });
    return { rows, next: rows.length < query.limit ? null : String(rows.at(-1)?.id) };
  },
  async decideIncident({ rt, params, body, user }) {
    return { decided: await endIncident(rt, params.id, { outcome: body.decision, by: user.id }) };
  },
} satisfies SomeHandlers;
