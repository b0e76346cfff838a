/** Warm-ups and forecasts. Routes as the contract lists them. */
import * as planning from './planning.ts';
import { one } from './primitive.ts';
import { table } from './route.ts';

export const planningRoutes = table({
  warmups: {
    method: 'GET',
    path: '/api/warmups',
    permission: 'sending.read',
    summary: 'Warm-ups by source and provider: past days, today’s room, days to come',
    response: planning.warmups,
  },
  changeWarmup: {
    method: 'POST',
    path: '/api/sources/:id/warmup',
    permission: 'sending.write',
    summary: 'Begin, pause or edit the warm-up of a source, or say that it is warm already',
    params: one,
    body: planning.warmupChange,
    response: planning.warmups,
  },
  campaignForecast: {
    method: 'GET',
    path: '/api/campaigns/:id/forecast',
    permission: 'campaign.read',
    summary: 'How long a campaign would take from now or from a time, and which provider is last',
    params: one,
    query: planning.forecastQuestion,
    response: planning.forecast,
  },
  campaignTruth: {
    method: 'GET',
    path: '/api/campaigns/:id/truth',
    permission: 'campaign.read',
    summary: 'What was foretold when a campaign started beside what came of it',
    params: one,
    response: planning.sideBySide,
  },
});
