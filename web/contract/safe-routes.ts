/** Stops at a provider, incidents and quarantine. Routes as the contract lists them. */
import * as safe from './safe.ts';
import { one } from './primitive.ts';
import { table } from './route.ts';

export const safeRoutes = table({
  campaignStops: {
    method: 'GET',
    path: '/api/campaigns/:id/stops',
    permission: 'campaign.read',
    summary: 'Where a campaign stopped, with the receiver’s words',
    params: one,
    response: safe.stops,
  },
  stopCampaignAt: {
    method: 'POST',
    path: '/api/campaigns/:id/stops',
    permission: 'campaign.brake',
    summary: 'Stop a campaign at one provider; it goes on elsewhere',
    params: one,
    body: safe.newStop,
    response: safe.stops,
  },
  goOnSlower: {
    method: 'POST',
    path: '/api/campaign-stops/:id/slower',
    permission: 'campaign.brake',
    summary: 'Go on there at a lower pace: a quarter of what it was, or the one that is given',
    params: one,
    body: safe.slower,
    response: safe.stops,
  },
  cancelAtProvider: {
    method: 'POST',
    path: '/api/campaign-stops/:id/cancel',
    permission: 'campaign.brake',
    summary: 'Take back what has not left for that provider; cannot be undone',
    params: one,
    response: safe.stops,
  },
  incidents: {
    method: 'GET',
    path: '/api/incidents',
    permission: 'sending.read',
    summary: 'Providers that denied far more of their users than usual, newest first',
    response: safe.incidents,
  },
  quarantined: {
    method: 'GET',
    path: '/api/incidents/:id/quarantine',
    permission: 'sending.read',
    summary: 'The hard bounces that an incident keeps apart',
    params: one,
    query: safe.quarantineQuestion,
    response: safe.quarantined,
  },
  decideIncident: {
    method: 'POST',
    path: '/api/incidents/:id/decide',
    permission: 'suppression.lift',
    summary: 'End an incident: forgive its bounces (the next message decides), or suppress the addresses',
    params: one,
    body: safe.decision,
    response: safe.decided,
  },
});
