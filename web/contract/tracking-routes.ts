/** Opens and clicks. Routes as the contract lists them. */
import { one } from './primitive.ts';
import { table } from './route.ts';
import * as tracking from './tracking.ts';

export const trackingRoutes = table({
  campaignTracking: {
    method: 'GET',
    path: '/api/campaigns/:id/tracking',
    permission: 'campaign.read',
    summary: 'Opens and clicks of a campaign: of those who may be counted, by link, machines apart',
    params: one,
    response: tracking.campaignTracking,
  },
});
