/** Warm-ups and forecasts over HTTP. What they mean is core/sending's and core/campaign's. */
import { forecastAndTruth, forecastCampaign } from '../../core/campaign/forecast.ts';
import { Problem } from '../../core/errors.ts';
import { changeWarmup } from '../../core/sending/warmup-service.ts';
import { warmupView } from '../../core/sending/warmup-view.ts';
import { campaignById, type Campaign } from '../../core/store/campaign.ts';
import type { Db } from '../../core/store/tables.ts';
import type { SomeHandlers } from '../http/route.ts';

async function existing(db: Db, id: number): Promise<Campaign> {
  const row = await campaignById(db, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such campaign');
  return row;
}

export const planningHandlers = {
  warmups: ({ rt }) => warmupView(rt),
  async changeWarmup({ rt, params, body, user }) {
    await changeWarmup(rt, { sourceId: params.id, ...body }, user.id);
    return warmupView(rt);
  },
  async campaignForecast({ rt, params, query, now }) {
    return forecastCampaign(rt, await existing(rt.store.read, params.id), Math.max(now, query.at ?? now));
  },
  async campaignTruth({ rt, params, now }) {
    return forecastAndTruth(rt.store.read, await existing(rt.store.read, params.id), now);
  },
} satisfies SomeHandlers;
